/* A link: one ZeroMQ socket with its peers, and the rules of docs/PROTOCOL.md that every hop
 * shares: HELLO and instances, heartbeats, credit, strict decoding, limits. A process has one link
 * a socket; a gateway thread, authd and a worker connect (DEALER, one peer), the endpoints' owners
 * bind (ROUTER, many peers).
 *
 * A peer is its link's. On a connecting link there is one, from the start to link_destroy; on a
 * bound link a peer_t is valid until the callback down has returned for it.
 *
 * Threading: a link, its peers and all links of one `self` instance belong to one thread;
 * link_context is for any. Times are clock_ms (). */
#ifndef POSTERN_LINK_H
#define POSTERN_LINK_H

#include "common/conf/conf.h"
#include "common/wire/wire.h"

typedef struct link link_t;
typedef struct peer peer_t;

enum {
    LINK_WINDOW = 2,       /* batches outstanding a hop, */
    LINK_WINDOW_SMALL = 8, /* or so many of a few entries (from version 5 on), */
    LINK_SMALL = 8,        /* of which there are so many in all of them */
    LINK_HEARTBEAT_MS = 1000,
    LINK_MISSED = 3,        /* silent heartbeats that make a peer gone */
    LINK_SILENCE_MS = 3000, /* own silence after which the instance is given up */
    LINK_STUCK_MS = 20000,  /* without credit, after which a live peer is met anew */
    LINK_PEERS = 1024,      /* most live peers of a bound link; more are refused */
    LINK_WAIT = 32,         /* most links and descriptors of one link_wait */
    LINK_NAME = 46,         /* longest name of who connects; the rest is cut (a route: route.h) */
};

/* Callbacks; NULL for what a link does not take. Messages of kinds whose callback is NULL are
 * counted as malformed and dropped. The message is valid during the call; its bodies may be moved
 * out. */
typedef struct {
    /* A batch of requests has come. The callee must call link_taken (link, peer, link_batch
     * (message)) when it has taken the batch over, during the call or later, in the order of the
     * batches. */
    void (*requests)(void *arg, peer_t *peer, wire_message_t *message);
    void (*replies)(void *arg, peer_t *peer, wire_message_t *message);
    void (*interim)(void *arg, peer_t *peer, wire_message_t *message);
    /* A new instance of a peer is there (also one that was gone before); hello is its HELLO. Return
     * 0 to accept, or the wire_goodbye_t to refuse with. */
    wire_goodbye_t (*up)(void *arg, peer_t *peer, const wire_hello_t *hello);
    /* A known instance sent HELLO again, perhaps with other news. */
    void (*news)(void *arg, peer_t *peer, const wire_hello_t *hello);
    /* The peer is gone: silent, replaced by a new instance (then up follows), or it said GOODBYE. A
     * bound link may free the peer when this returns; what peer_data points to is the owner's to
     * free. */
    void (*down)(void *arg, peer_t *peer);
    /* The peer refused us. */
    void (*refused)(void *arg, peer_t *peer, wire_goodbye_t reason);
    /* Credit has come: link_can_send may be true again. */
    void (*credit)(void *arg, peer_t *peer);
} link_calls_t;

typedef struct {
    const char *endpoint; /* one endpoint, as conf_endpoint gives it */
    bool bind;
    const wire_hello_t *hello; /* our own HELLO; copied, with its name */
    unsigned peer_roles;       /* bit set of 1 << wire_role_t that may talk to us here */
    const uint64_t *self;      /* our instance, one for all links of a thread */
    link_calls_t calls;
    void *arg;
    const conf_t *conf; /* CURVE files; NULL: none (tests) */
} link_options_t;

/* The one ZeroMQ context of the process: made at first use, never terminated. */
void *link_context(void);

/* ZeroMQ sends and receives in a thread of its own. Where all links that matter are of one loop,
 * that loop's thread calls this before the first link is made, and does it itself, in link_wait or
 * as below: then a message wakes one thread a hop and not three. What is sent leaves with the next
 * of these calls, and what has come waits while the loop does something else. */
void link_adopt_io(void);
/* For a loop that does not wait by link_wait: it watches this descriptor and calls link_do_io when
 * it is readable, and link_flush at least each 100 ms. -1: ZeroMQ has a thread. */
int link_io_fd(void);
void link_do_io(void);
/* Lets what was sent leave now, before the thread does other work. Nothing, at no cost, where
 * ZeroMQ has a thread. */
void link_flush(void);

/* Binds or connects: high-water marks far above the credit, LINGER 0, maximum message size,
 * ROUTER_MANDATORY and HANDOVER, IMMEDIATE and PROBE_ROUTER, ZMTP heartbeats, CURVE for tcp. A
 * bound ipc endpoint is locked first (life_lock beside the socket). NULL with the reason in err. */
link_t *link_new(const link_options_t *options, char *err, size_t err_size);
void link_destroy(link_t **self_p); /* says GOODBYE to its peers */

void *link_socket(link_t *self);

/* Receives and dispatches up to MAX messages without waiting; returns how many there were. */
unsigned link_drain(link_t *self, unsigned max);
/* link_drain for a loop, which waits by link_wait or watches link_fd: returns 0 without a system
 * call where nothing can have come since the socket was drained to its end. */
unsigned link_drain_ready(link_t *self, unsigned max);

/* Waits until something may have come for a link, one of FDS is readable, a signal came, or WAIT_MS
 * have passed. LEN and FDS_LEN are together at most LINK_WAIT (asserted). In place of zmq_poll,
 * which asks each socket before and after the wait: three system calls and more for each socket,
 * several times in a batch. */
void link_wait(link_t *const *links, unsigned len, const int *fds, unsigned fds_len, int wait_ms);

/* The socket's ZMQ_FD, for a loop that does not wait by link_wait: it calls link_drain when the
 * descriptor is readable, and link_drain_ready before it sleeps, because a send takes in input that
 * the descriptor has told of, or would have told of. */
int link_fd(const link_t *self);
/* Whether it was signalled in memory alone, so that the descriptor does not tell. */
bool link_is_signalled(const link_t *self);

/* Each second at least (more often does no harm): heartbeats, credit again, peers that fell silent.
 * link_woke first, once for all links of a thread. */
void link_tick(link_t *self, int64_t now_ms);

/* Call once a turn of the loop. When more than LINK_SILENCE_MS have passed since the last call,
 * draws a new instance into *self and returns true: then call link_restart for each link, which
 * discards all waiting input and greets the peers. *last_ms is the caller's, 0 at first. */
bool link_woke(uint64_t *self, int64_t *last_ms, int64_t now_ms);
void link_restart(link_t *self);

/* Sends a batch of requests as the next numbered one; needs link_can_send, and as with all batches
 * an entry (both asserted). The batch is emptied. 0, or -1 when the socket did not take it (then it
 * counts as lost, and the resends of the gateway bring it back). */
bool link_can_send(const link_t *self, const peer_t *peer);
int link_send_requests(link_t *self, peer_t *peer, wire_batch_t *batch);

/* Call after sending what could be sent. WAITING: entries are left. Counts the times that entries
 * are left because a live peer gives no credit. */
void link_note_waiting(link_t *self, peer_t *peer, bool waiting);

/* Replies and interim replies need no credit: each answers a request that had it. 0, or -1 when the
 * socket did not take the batch: it is counted and gone, and the gateways ask again. */
int link_send_replies(link_t *self, peer_t *peer, wire_batch_t *batch);
/* Adds a reply with a copy of TEXT as its body (empty: none) to BATCH, after sending what is in it
 * where there is no room. */
void link_add_reply(link_t *self, peer_t *peer, wire_batch_t *batch, const wire_reply_t *reply,
                    slice_t text);
int link_send_interim(link_t *self, peer_t *peer, wire_batch_t *batch);

/* Names a batch that has come; valid also after its message is gone. */
typedef struct {
    uint64_t sender, receiver, number;
} link_batch_t;
link_batch_t link_batch(const wire_message_t *message);

/* BATCH and all before it have been taken over: sends CREDIT when the peer would have no credit
 * left (what came since the last CREDIT fills the window; link_tick tells of the rest). Ignored
 * when either side has gone since BATCH came: the numbers have begun anew. */
void link_taken(link_t *self, peer_t *peer, link_batch_t batch);

/* Changes the news of our HELLO (what they say depends on the role: docs/PROTOCOL.md) and sends it
 * to every peer. */
void link_set_news(link_t *self, uint64_t news);

/* The connecting side's one peer (it exists from the start, alive or not). */
peer_t *link_peer(link_t *self);
/* The live peer of an instance; NULL when it is gone. */
peer_t *link_peer_of(link_t *self, uint64_t instance);
/* Iterates over live peers: start with NULL, ends with NULL. */
peer_t *link_peer_next(link_t *self, peer_t *previous);

/* Whether the peer has said HELLO and was heard of within LINK_MISSED heartbeats. */
bool peer_alive(const peer_t *self);
/* The instance of the peer's last HELLO; 0: none yet, or it was refused. */
uint64_t peer_instance(const peer_t *self);
/* The name in its last HELLO, "" before; the peer's, valid as long as the peer is. */
const char *peer_name(const peer_t *self);
/* The highest version that both sides understand, for wire_batch_speak. */
unsigned peer_version(const peer_t *self);
/* Whether the peer is gone because it said GOODBYE. */
bool peer_left(const peer_t *self);
/* Batches sent and not yet taken over. */
unsigned peer_outstanding(const peer_t *self);
/* For how long a live peer has taken nothing over although all of its credit is used up, in ms as
 * of NOW_MS and to a second; 0 when it gives credit. */
int64_t peer_stuck_ms(const peer_t *self, int64_t now_ms);
/* The owner has another in the place of this live peer: it stays, and makes room where the link is
 * full. Until it is up again. */
void peer_yield(peer_t *self);
/* A pointer of the owner's, NULL at first. */
void peer_set_data(peer_t *self, void *data);
void *peer_data(const peer_t *self);

#endif
