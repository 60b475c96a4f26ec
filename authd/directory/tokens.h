/* Webhook tokens, known by their hash alone: no token can be read back.
 *
 * A token is active until it ends (by the wall clock of the authd that asks) or is replaced. A user
 * has at most TOKENS_ACTIVE active tokens, a service account as many as the settings say. A
 * replaced token lives on, uncounted, to the end of its overlap; a token that has ended is refused,
 * and stays listed for TOKEN_KEPT_MS, so that its last use can be seen.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_TOKENS_H
#define POSTERN_TOKENS_H

#include "authd/directory/calls.h"
#include "authd/directory/directory.h"
#include "authd/directory/terms.h"
#include "common/base/secret.h"
#include "common/base/uuid.h"

enum {
    TOKENS_ACTIVE = 5,
    TOKENS_SERVICE_MOST = 1000, /* the most that the settings may say */
    TOKENS_KEPT = 45,           /* beside the active ones: tokens that are replaced or have ended */
    TOKEN_LAST = 4,
    TOKEN_NAME_MOST = 256,
    TOKEN_ADDRESS_MOST = 64, /* of the last client's address that is kept */
    TOKEN_TARGET_MOST = 128,
};

#define TOKEN_KEPT_MS (UINT64_C(30) * 86400 * 1000)
/* A token that was used within this time is not deleted without a confirmation. */
#define TOKEN_USED_LATELY_MS (UINT64_C(7) * 86400 * 1000)

/* A rate or burst that the settings give. */
#define TOKEN_DEFAULT UINT64_MAX

typedef struct {
    uuid_t7 id, user;
    uint64_t rate;       /* requests a second, 0: no limit, or TOKEN_DEFAULT */
    uint64_t burst;      /* requests at once, or TOKEN_DEFAULT */
    uint64_t expires_ms; /* when it ends, also by its replacement; 0: never */
    slice_t display;     /* its user's name, repeated here so that a verdict needs no other row */
    slice_t terms;       /* terms_read; "": all that its user may do, from anywhere */
    slice_t name, last4;
    uint64_t created_ms;
    uint8_t hash[TOKEN_HASH];
} token_t;

/* How a token was used; kept apart from its record, which every request reads. */
typedef struct {
    uint64_t last_ms; /* 0: never */
    uint64_t count;
    slice_t address, target;
    slice_t kind;  /* of the target: "channel", "bot", "extension", "outlet", "user", or empty; not
                      kept of the token, but of each of its targets */
    calls_t calls; /* of the token */
} token_use_t;

bool tokens_get(view_t *view, const uint8_t hash[TOKEN_HASH], token_t *token);
/* tokens_get for a verdict: reads up to terms, and leaves the rest of TOKEN as it is. A token that
 * is found belongs to an active user: a user's tokens die with the user. */
bool tokens_judge(view_t *view, const uint8_t hash[TOKEN_HASH], token_t *token);
/* Ahead of tokens_judge, for the tokens of a batch: first where each lies, then what lies there. */
void tokens_expect(view_t *view, const uint8_t hash[TOKEN_HASH], bool lies);
/* False, and an empty token, when there is none. */
bool tokens_find(view_t *view, const uuid_t7 *id, token_t *token);
/* The user's next past AFTER (NULL: the first). */
bool tokens_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, token_t *token);
unsigned tokens_active(view_t *view, const uuid_t7 *user, uint64_t now_ms);
bool token_has_ended(const token_t *token, uint64_t now_ms);
bool token_is_active(const token_t *token, uint64_t now_ms);
/* Whether an active token ends up to BY_MS. */
bool token_ends_by(const token_t *token, uint64_t now_ms, uint64_t by_ms);
/* The next of all by id past AFTER (NULL: the first). */
bool tokens_next_of_all(view_t *view, const uuid_t7 *after, token_t *token);
/* At all hosts (elsewhere.h). */
bool tokens_use(view_t *view, const uuid_t7 *id, token_use_t *use);

typedef enum {
    TOKENS_ADDED,
    TOKENS_LIMIT, /* the user has the most active ones, or TOKENS_KEPT more of which none has ended
                   */
    TOKENS_TAKEN, /* there is a token of this hash */
} tokens_add_t;
/* MOST: active ones that the user may have. Removes the user's tokens that ended TOKEN_KEPT_MS ago,
 * and those that ended first where there are MOST + TOKENS_KEPT. */
tokens_add_t tokens_add(view_t *view, const token_t *token, unsigned most, uint64_t now_ms);
/* Adds TOKEN in place of OLD, which ends at ENDS_MS unless it ends before. TOKEN holds no slice of
 * the view's. */
tokens_add_t tokens_replace(view_t *view, const token_t *old, const token_t *token, unsigned most,
                            uint64_t ends_ms, uint64_t now_ms);
/* False when there is none. */
bool tokens_delete(view_t *view, const uuid_t7 *id);
/* Writes a changed record of a token that there is: everything but id, user and hash. */
void tokens_edit(view_t *view, const token_t *token);
/* Gives all of a user's tokens the user's new name. */
void tokens_rename(view_t *view, const uuid_t7 *user, slice_t display);
/* Gives the token to another user, who is called DISPLAY. The caller has looked at the user's
 * limit. */
void tokens_move(view_t *view, const uuid_t7 *id, const uuid_t7 *user, slice_t display);
/* The record of a token's use, as it is before there is any; the view's until its next change. */
slice_t tokens_unused(view_t *view, slice_t record);
/* Adds use->count to what is counted here and sets the rest. A token that is gone is passed over:
 * false. */
bool tokens_used(view_t *view, const uuid_t7 *id, const token_use_t *use);

#endif
