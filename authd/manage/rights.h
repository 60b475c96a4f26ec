/* Rights: what common/ops.def says of them, as functions. No other file says who may do what with
 * whose objects. Threading: read-only tables, any thread. */
#ifndef POSTERN_AUTHD_MANAGE_RIGHTS_H
#define POSTERN_AUTHD_MANAGE_RIGHTS_H

#include "authd/directory/users.h"

typedef enum {
    OBJECT_NOTHING,
    OBJECT_OWNER,
    OBJECT_USER,
    OBJECT_TOKEN,
    OBJECT_SESSION,
    OBJECT_CHANNEL,
    OBJECT_BOT,
    OBJECT_EXTENSION,
    OBJECT_MANAGEMENT,
    OBJECT_SOURCE,
    OBJECT_OUTLET,
} object_t;

typedef enum { MAY_NO, MAY_OWN, MAY_AMONG, MAY_MANAGED, MAY_BELOW, MAY_ANY } right_level_t;
/* As ops.def has it, in lower case. */
const char *right_level_name(right_level_t level);

/* The relation of an object to the one who asks. */
typedef enum {
    RELATION_OWN,
    RELATION_AMONG,   /* another user's object, and who asks is among its people */
    RELATION_SERVICE, /* a service account's */
    RELATION_LOWER,   /* a person's of a lower role */
    RELATION_OTHER,   /* anybody else's; also what is not there */
    RELATIONS
} relation_t;

/* The row of an operation. An operation without a row is allowed to owners alone. */
object_t rights_object(unsigned op);
right_level_t rights_level(unsigned op, user_role_t role);

bool rights_allow(unsigned op, user_role_t role, relation_t relation);
/* Whether ROLE may give the role GIVEN. */
bool rights_grant(user_role_t role, user_role_t given);

#endif
