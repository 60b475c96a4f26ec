/* What the operator reads through the ring: the control socket's thread finds the target and
 * records the read in the audit, the main thread sends the entry to the worker that owns the
 * target, and the worker's answer comes back by the router, for authd is its origin. No thread
 * waits: an entry that is not answered is sent again, as a gateway does, up to its deadline.
 *
 * Threading: reads_ask and reads_take by one thread (the control socket's), the rest by the main
 * one. */
#ifndef POSTERN_AUTHD_ADMIN_READS_H
#define POSTERN_AUTHD_ADMIN_READS_H

#include "authd/judge/forward.h"
#include "common/base/errors.h"

enum {
    READS_MOST = 64, /* under way */
    READS_MS = 4000, /* until a read is given up, less than posternctl waits */
};

/* Who is answered: a request of the control socket. */
typedef struct {
    uuid_t7 id;
    uint64_t origin;
    uint32_t attempt;
} reads_asker_t;

typedef struct {
    reads_asker_t asker;
    wire_reply_t reply; /* the worker's, or a refusal of our own; its id is the asker's */
    char *body;         /* its JSON, or an error's text; may be NULL. The taker's: free */
    size_t body_len;
} reads_answer_t;

typedef struct reads reads_t;
/* The arguments are borrowed. SELF: our instance to routers, the origin of the entries. */
reads_t *reads_new(forward_t *forward, const uint64_t *self);
void reads_destroy(reads_t **self_p);

/* REQUEST, copied, names operation, target, params, principal and handler; the rest is given here.
 * False when READS_MOST are under way. */
bool reads_ask(reads_t *self, const reads_asker_t *asker, const wire_request_t *request);
/* Readable when reads_take has something. */
int reads_answered_fd(const reads_t *self);
bool reads_take(reads_t *self, reads_answer_t *answer);

/* Readable when reads_tick has something new to send. */
int reads_asked_fd(const reads_t *self);
/* Sends what is due; call it a few times a second. */
void reads_tick(reads_t *self, int64_t now_ms);
/* A reply to one of the entries; others are ignored. */
void reads_answered(reads_t *self, const wire_reply_t *reply, zmq_msg_t *body);

#endif
