/* Management: the operations of ops.def from 100 on, which come over the control socket. JSON in,
 * JSON out, each change in a transaction of its own with its row of the audit. docs/API.md has the
 * shapes.
 *
 * Threading: one thread, which is the directory's only writer. */
#ifndef POSTERN_MANAGE_H
#define POSTERN_MANAGE_H

#include "authd/directory/directory.h"
#include "authd/directory/users.h"
#include "authd/etag.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/uuid.h"

#include <stdint.h>

typedef struct manage manage_t;

/* rate and burst: of tokens that have none of their own, as token_list shows them. public_url: the
 * base of the endpoint URLs, borrowed. */
manage_t *manage_new(directory_t *directory, uint64_t rate, uint64_t burst, const char *public_url);
void manage_destroy(manage_t **self_p);
/* CHANGED is called with the target of each handler that was changed, after the commit. */
void manage_watch(manage_t *self, void (*changed)(void *arg, const uuid_t7 *target), void *arg);

enum { MANAGE_MESSAGE = 512, MANAGE_BODY = 1 << 20 };

typedef struct {
    error_code_t code;            /* ERROR_none: done */
    char message[MANAGE_MESSAGE]; /* of an error: what was wrong; never a secret */
    char *body;                   /* JSON, when done; may hold a new token: see manage_clear */
    size_t body_len;
    char etag[ETAG_TEXT]; /* of the object that the body is; "": it has none */
    bool gone; /* of an error: the target, or who was to be taken from it, is not there any more */
} manage_answer_t;

/* Who asks, and from where: for the rights and for the audit. */
typedef struct {
    user_role_t role;
    uuid_t7 user;     /* nil: whoever opened the control socket */
    const char *who;  /* "control", or the user's id */
    const char *from; /* an address, or "local" */
} actor_t;

/* Carries out OP on TARGET with BODY (JSON object; empty: {}) for whoever opened the control
 * socket, who is an owner. */
void manage_run(manage_t *self, unsigned op, slice_t target, slice_t body, manage_answer_t *answer);
/* The same for ACTOR, by authd/rights.def. */
void manage_run_as(manage_t *self, const actor_t *actor, unsigned op, slice_t target, slice_t body,
                   manage_answer_t *answer);
/* The same for a request that came from elsewhere. */
typedef struct {
    const actor_t *actor;
    unsigned op;
    slice_t target, body;
    slice_t if_match;  /* in place of the argument of this name; empty: none */
    const uuid_t7 *id; /* of the request, for the audit; NULL: none */
} manage_request_t;
void manage_run_request(manage_t *self, const manage_request_t *request, manage_answer_t *answer);
/* Whether an operation changes nothing. */
bool manage_only_reads(const op_t *op);
/* Whether the request of this id has made a change, within the last rows of the audit. */
bool manage_has_done(manage_t *self, const uuid_t7 *id);
/* Wipes and frees the body. */
void manage_clear(manage_answer_t *answer);

#endif
