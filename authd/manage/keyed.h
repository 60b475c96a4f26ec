/* The changes that callers of the admin API have made under an Idempotency-Key: a key belongs to
 * its user, and stands for one operation, target and arguments. That a change was made outlasts
 * authd: its ids stand in the audit. What was asked for does not outlast authd, because a stored
 * hash of arguments that hold a password could be guessed at.
 *
 * Threading: one thread. */
#ifndef POSTERN_AUTHD_MANAGE_KEYED_H
#define POSTERN_AUTHD_MANAGE_KEYED_H

#include "authd/manage/http_args.h"

enum {
    KEYED_MOST = 10000,     /* changes, the newest, that are remembered */
    KEYED_KEPT_MS = 600000, /* how long their answers are kept, where there is room */
    KEYED_SAID = 16,
};

/* A request with a key. */
typedef struct {
    uuid_t7 id;      /* of user and key, the same for each request with them; nil: there is none */
    uuid_t7 request; /* the id of this one */
    unsigned op;
    uint8_t said[KEYED_SAID]; /* a hash of what it asks for; zero: not known any more */
} keyed_request_t;

typedef struct keyed keyed_t;

/* Reads the newest rows of the audit in VIEW, which is live. */
keyed_t *keyed_new(view_t *view);
/* Reads what came since, by VIEW, which is released then: changes of other hosts, too, where the
 * directory has copies. What is still under way at one of them is not there yet: the change itself
 * looks at the rows behind the last that was read (keyed_seen, made.h). */
void keyed_renew(keyed_t *self, view_t *view);
uint64_t keyed_seen(const keyed_t *self);
void keyed_destroy(keyed_t **self_p);

/* REQUEST, which USER sends with ARGS, as one with a key. The id is nil where its header
 * idempotency-key is missing or its operation OP reads, or is for everybody. */
void keyed_read(const keyed_t *self, const uuid_t7 *user, const op_t *op,
                const wire_request_t *request, const http_args_t *args, keyed_request_t *keyed);
/* Whether both requests ask for the same, as far as that is known. */
bool keyed_same(const keyed_request_t *a, const keyed_request_t *b);

/* The change that was made under this id; NULL: none is remembered. Valid until the next add. */
const keyed_request_t *keyed_find(const keyed_t *self, const uuid_t7 *id);
/* Remembers that KEYED has made its change. */
void keyed_add(keyed_t *self, const keyed_request_t *keyed);

#endif
