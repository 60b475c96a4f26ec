/* Webhook tokens, known by their hash alone: no token can be read back. At most TOKENS_ACTIVE a
 * user.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_TOKENS_H
#define POSTERN_TOKENS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

enum {
    TOKENS_ACTIVE = 5,
    TOKEN_HASH = 32,
    TOKEN_LAST = 4,
    TOKEN_NAME_MOST = 256,
    TOKEN_ADDRESS_MOST = 64, /* of the last client's address that is kept */
    TOKEN_TARGET_MOST = 128,
};

/* A rate or burst that the settings give. */
#define TOKEN_DEFAULT UINT64_MAX

typedef struct {
    uuid_t7 id, user;
    uint64_t rate;       /* requests a second, 0: no limit, or TOKEN_DEFAULT */
    uint64_t burst;      /* requests at once, or TOKEN_DEFAULT */
    uint64_t expires_ms; /* 0: never */
    slice_t display;     /* its user's name, repeated here so that a verdict needs no other row */
    slice_t scope;       /* "": all that its user may do */
    slice_t name, last4;
    uint64_t created_ms;
    uint8_t hash[TOKEN_HASH];
} token_t;

/* How a token was used; kept apart from its record, which every request reads. */
typedef struct {
    uint64_t last_ms; /* 0: never */
    uint64_t count;
    slice_t address, target;
} token_use_t;

/* BLAKE2b-256. */
void token_hash(slice_t text, uint8_t hash[TOKEN_HASH]);

bool tokens_get(view_t *view, const uint8_t hash[TOKEN_HASH], token_t *token);
/* The same for a verdict: reads up to scope, and leaves the rest of TOKEN as it is. A token that is
 * found belongs to an active user: a user's tokens die with it. */
bool tokens_judge(view_t *view, const uint8_t hash[TOKEN_HASH], token_t *token);
bool tokens_find(view_t *view, const uuid_t7 *id, token_t *token);
/* The user's next past AFTER (NULL: the first). */
bool tokens_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, token_t *token);
unsigned tokens_count(view_t *view, const uuid_t7 *user);
bool tokens_use(view_t *view, const uuid_t7 *id, token_use_t *use);

typedef enum {
    TOKENS_ADDED,
    TOKENS_LIMIT, /* the user has TOKENS_ACTIVE */
    TOKENS_TAKEN, /* there is a token of this hash */
} tokens_add_t;
tokens_add_t tokens_add(view_t *view, const token_t *token);
/* False when there is none. */
bool tokens_delete(view_t *view, const uuid_t7 *id);
bool tokens_limit(view_t *view, const uuid_t7 *id, uint64_t rate, uint64_t burst);
/* Adds use->count to the token's and sets the rest. A token that is gone is passed over: false. */
bool tokens_used(view_t *view, const uuid_t7 *id, const token_use_t *use);

#endif
