/* A listener (public or admin) of one lane: accepts connections within their limits, and holds what
 * is known of each. Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_HTTP_LISTENER_H
#define POSTERN_GATEWAY_HTTP_LISTENER_H

#include "gateway/http/census.h"
#include "gateway/http/intake.h"
#include "gateway/http/proxy_line.h"
#include "gateway/read/request.h"
#include "gateway/ring/inflight.h"

typedef struct listener listener_t;

typedef struct {
    size_t head_bytes, body_bytes; /* most of a request */
    /* Where the body is longer, or its length is not known: the most that a request of this HEAD
     * may have. NULL: body_bytes. */
    size_t (*body_most)(const void *arg, slice_t head);
    const void *arg;
    int64_t read_ms; /* for a PROXY line, a handshake, a request; without a request */
    /* Where a limit of connections is reached, the connection that has been without a whole request
     * for longest is ended for a new one: one of the same address where there is one. */
    bool newest_first;
} listener_limits_t;

/* Of an accepted connection. */
typedef struct connection {
    unsigned magic;
    request_peer_t peer;
    slot_ref_t request; /* the one that waits for its answer: HTTP/1.1 has one at a time */
    bool parked;        /* connection_park */
    bool counted;       /* by the census, under peer's address */
    proxy_line_t *line; /* while it is awaited, else NULL */
    int64_t until_ms;   /* when what is awaited must have come */
    intake_t intake;
    struct stream *stream; /* that the request at hand becomes, or NULL */
    int linger_fd; /* a second descriptor, kept open beyond the end of the connection; or -1 */
    listener_t *listener;
    h2o_socket_t *socket;
    h2o_linklist_t link; /* in one of the listener's lists; none while a request is answered */
    struct connection *next_free;
    char text[ADDRESS_TEXT];
} connection_t;

/* Starts to accept on FD, which it closes. ACCEPT, CENSUS and TRUSTED are borrowed. */
listener_t *listener_new(h2o_accept_ctx_t *accept, int fd, census_t *census,
                         const networks_t *trusted, const listener_limits_t *limits);

/* Connections from BALANCERS (borrowed) must begin with a PROXY line (proxy_line.h): their peer is
 * the address that the line names. Without the line they are closed. */
void listener_expect_line(listener_t *self, const networks_t *balancers);

/* After each turn of the loop, before the next: reads on where an answer was written. True when the
 * next turn must not wait. */
bool listener_resume(listener_t *self);

/* Closes the listening socket; connections live on. take: accepts first the connections that wait
 * in the kernel's queue, which would be reset when no other process has the socket. */
void listener_stop(listener_t *self, bool take);

/* Ends connections on which no request is being read or answered: what has arrived on them is still
 * served. Returns how many connections there are still, so it is to be called again. */
unsigned listener_end_idle(listener_t *self);

/* Whether the last attempt to accept failed for lack of descriptors or memory. */
bool listener_failing(const listener_t *self);

/* At least each second: ends connections that linger, are idle, or on which what is awaited does
 * not come: a request that has begun is answered 408. */
void listener_tick(listener_t *self, int64_t now_ms);

/* The connection of a request. */
connection_t *connection_of(const h2o_req_t *req);

/* Parks the connection of REQ: while REQ waits for its answer, the socket stays registered for
 * reading although nothing is read, which saves two epoll_ctl a request. Input that arrives
 * meanwhile stays in the kernel, and ends the registration. connection_unpark ends the parking,
 * before libh2o reads on. */
void connection_park(h2o_req_t *req);
void connection_unpark(h2o_req_t *req);

/* No request is read from the connection any more: libh2o has given its socket up, and whoever has
 * it closes it. */
void connection_leave(connection_t *self);

/* Lets the connection of REQ linger (parting.h), so that the answer is read: the connection is
 * closed with the answer, and the sender may still send. */
void connection_linger(h2o_req_t *req);

/* For the intake of a connection (intake.h). */
const listener_limits_t *connection_limits(const connection_t *self);
h2o_accept_ctx_t *connection_accept(const connection_t *self);
/* Counts the bytes that a connection holds: AFTER in place of BEFORE. False, and nothing changed,
 * when that passes a limit (census_hold). */
bool connection_hold(connection_t *self, size_t before, size_t after);
void connection_idles(connection_t *self); /* awaits a request */
void connection_reads(connection_t *self); /* a request has begun: its time starts */
void connection_whole(connection_t *self); /* a request is whole: nothing is awaited */

#endif
