/* Invitations: each lets its holder, once and until it ends, become a user of a role, give a user
 * who is there a new password, or be signed in as that user. An invitation is good only while its
 * address still is what it was when the invitation was made: nobody's, or that of a user of this
 * role.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_INVITATIONS_H
#define POSTERN_INVITATIONS_H

#include "authd/directory/users.h"

enum { INVITATION_HASH = 32 };

typedef struct {
    uuid_t7 id;
    uint8_t hash[INVITATION_HASH];
    uuid_t7 user; /* nil: the address was nobody's */
    uuid_t7 by;   /* who made it; nil: whoever opened the control socket */
    user_role_t role;
    slice_t email, name; /* name: empty when none was given */
    bool signs_in;       /* of a user who is there: it sets no password */
    uint64_t created_ms, ends_ms;
} invitation_t;

/* False when there is none. */
bool invitations_get(view_t *view, const uuid_t7 *id, invitation_t *invitation);
/* The next past AFTER (NULL: the first). */
bool invitations_next(view_t *view, const uuid_t7 *after, invitation_t *invitation);
void invitations_add(view_t *view, const invitation_t *invitation);
/* False when there is none. */
bool invitations_delete(view_t *view, const uuid_t7 *id);

#endif
