/* Management tokens: credentials of the admin listener, known by their hash alone. A management
 * token acts with the role that its user has at that moment; the tokens of a deactivated user are
 * gone.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_MTOKENS_H
#define POSTERN_MTOKENS_H

#include "authd/directory/directory.h"
#include "common/base/secret.h"
#include "common/base/uuid.h"

enum {
    MTOKENS_MOST = 10, /* of a user; a token that has ended makes room for a new one */
    MTOKEN_LAST = 4,
    MTOKEN_NAME_MOST = 256,
};

typedef struct {
    uuid_t7 id, user;
    uint64_t created_ms, expires_ms; /* expires: 0: never */
    uint64_t used_ms;                /* about when it was last used; 0: never */
    slice_t name, last4;
    uint8_t hash[TOKEN_HASH];
} mtoken_t;

/* By id; by hash; the user's next past AFTER (NULL: the first). False when there is none. */
bool mtokens_get(view_t *view, const uuid_t7 *id, mtoken_t *token);
bool mtokens_find(view_t *view, const uint8_t hash[TOKEN_HASH], mtoken_t *token);
bool mtokens_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, mtoken_t *token);
bool mtoken_has_ended(const mtoken_t *token, uint64_t now_ms);

/* False when the user has MTOKENS_MOST that have not ended. TOKEN holds no slice of the view's. */
bool mtokens_add(view_t *view, const mtoken_t *token, uint64_t now_ms);
/* False when there is none. */
bool mtokens_delete(view_t *view, const uuid_t7 *id);
/* Deletes all of a user's. */
void mtokens_delete_all(view_t *view, const uuid_t7 *user);
/* Notes the use of a token; a token that is gone is passed over. */
void mtokens_used(view_t *view, const uuid_t7 *id, uint64_t used_ms);

#endif
