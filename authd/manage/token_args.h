/* The arguments of a token's operations about its terms and its end. Private to
 * authd/manage. Threading: one thread. */
#ifndef POSTERN_AUTHD_MANAGE_TOKEN_ARGS_H
#define POSTERN_AUTHD_MANAGE_TOKEN_ARGS_H

#include "authd/directory/tokens.h"
#include "authd/manage/task.h"

enum { TOKEN_LIFE_MOST = 10 * 366 * 86400, TOKEN_BODY_MOST = 16 << 20 };

/* The fields of these arguments. */
#define TOKEN_ARGS                                                                                 \
    {"expires_in", FIELD_UINT, false, 0, TOKEN_LIFE_MOST},                                         \
        {"channels", FIELD_LIST, false, 1, TERMS_TARGETS},                                         \
        {"bots", FIELD_LIST, false, 1, TERMS_TARGETS},                                             \
        {"extensions", FIELD_LIST, false, 1, TERMS_TARGETS},                                       \
        {"post_only", FIELD_BOOL, false, 0, 0},                                                    \
        {"networks", FIELD_LIST, false, 0, TERMS_NETWORKS},                                        \
    {                                                                                              \
        "body_bytes", FIELD_UINT, false, 0, TOKEN_BODY_MOST                                        \
    }

/* Encoded terms, in memory of their own: see token_terms_free. */
typedef struct {
    pack_t targets[TERMS_KINDS], networks, encoded;
} token_terms_t;

/* The terms that the arguments make of BEFORE (terms_read's of the token; none: ""): terms that are
 * not given stay, one list of targets replaces all three lists, and "any" lifts them. Sets
 * *encoded, whose memory is SELF's. */
error_code_t token_terms(task_t *task, token_terms_t *self, slice_t before, slice_t *encoded);
void token_terms_free(token_terms_t *self);

/* When a token ends by the arguments; BEFORE when they do not say that. */
uint64_t token_expires(const task_t *task, uint64_t before_ms);

/* Active tokens that USER may have. */
unsigned token_most(const task_t *task, const user_t *user);
/* The refusal of one more than MOST. */
error_code_t token_limit(task_t *task, unsigned most);

#endif
