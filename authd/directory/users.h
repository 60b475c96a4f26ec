/* Users: people and programs that own tokens. A deactivated user keeps its id and name, for what it
 * wrote stays; its email address is free again and its tokens are gone.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_USERS_H
#define POSTERN_USERS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

typedef struct {
    uuid_t7 id;
    slice_t name;  /* shown with messages; UTF-8 */
    slice_t email; /* as given; unique without regard to case */
    uint64_t created_ms;
    uint64_t deleted_ms; /* 0: active */
} user_t;

enum { USER_NAME_MOST = 256, USER_EMAIL_MOST = 128 };

/* By id, deactivated ones too; false when there is none. */
bool users_get(view_t *view, const uuid_t7 *id, user_t *user);
/* An active one by id text or email address. */
bool users_find(view_t *view, slice_t id_or_email, user_t *user);
/* The next by id past AFTER (NULL: the first), deactivated ones too. */
bool users_next(view_t *view, const uuid_t7 *after, user_t *user);

/* 0, or -1 when the email address is taken. */
int users_add(view_t *view, const user_t *user);
/* Deactivates, and deletes the user's tokens. */
void users_deactivate(view_t *view, const uuid_t7 *id, uint64_t now_ms);

#endif
