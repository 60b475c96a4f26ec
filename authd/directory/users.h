/* Users: people, and service accounts, which are programs' owners of tokens. A deactivated user
 * keeps its id and name, for the messages that it wrote stay; its email address (a service
 * account's name) is free again and its tokens are gone.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_USERS_H
#define POSTERN_USERS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

/* What a user may do with others' objects (authd/manage/rights.h). A service account is a member.
 */
typedef enum { USER_MEMBER, USER_ADMIN, USER_OWNER, USER_ROLES } user_role_t;

typedef struct {
    uuid_t7 id;
    slice_t name; /* shown with messages; UTF-8 */
    slice_t
        email; /* as given; unique without regard to case. A service account's name, without @ */
    user_role_t role;
    bool service;
    uint64_t created_ms;
    uint64_t deleted_ms; /* 0: active */
} user_t;

enum { USER_NAME_MOST = 256, USER_EMAIL_MOST = 128 };

/* "member", "admin", "owner"; false for any other text. */
extern const char *const user_role_names[USER_ROLES];
bool user_role_of(slice_t name, user_role_t *role);

/* By id, deactivated ones too; false, and an empty user, when there is none. */
bool users_get(view_t *view, const uuid_t7 *id, user_t *user);
/* An active one by id text, email address or service account's name. */
bool users_find(view_t *view, slice_t id_or_email, user_t *user);
/* The next by id past AFTER (NULL: the first), deactivated ones too. */
bool users_next(view_t *view, const uuid_t7 *after, user_t *user);

/* 0, or -1 when the email address is taken. */
int users_add(view_t *view, const user_t *user);
/* Writes a changed record: everything but id and email. The display name of the user's tokens is
 * changed by tokens_rename. */
void users_edit(view_t *view, const user_t *user);
/* Active owners; looks at all users. */
unsigned users_owners(view_t *view);
/* Deactivates, and deletes the user's tokens, also those for management, sessions, password and
 * second factor. */
void users_deactivate(view_t *view, const uuid_t7 *id, uint64_t now_ms);

#endif
