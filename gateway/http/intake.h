/* The reading of requests from a connection. Bytes stay in the socket's input until a request is
 * whole and judged (framing.h, chunks.h), then libh2o is given the request: exactly one, with a
 * Content-Length, and nothing behind it. So bytes that libh2o would take for a second request, or
 * read in another way than the intake, never reach libh2o. Bytes that follow a request wait until
 * its answer has been written.
 *
 * A request that is refused while it is read becomes an empty one that the lane's handler answers
 * by intake_refused, so that every refusal has the form of all others.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_HTTP_INTAKE_H
#define POSTERN_GATEWAY_HTTP_INTAKE_H

#include "gateway/http/chunks.h"
#include "gateway/http/framing.h"

#include <h2o.h>

struct connection;

typedef enum {
    INTAKE_BEFORE, /* the PROXY line or the handshake of TLS is awaited */
    INTAKE_IDLE,   /* nothing of a request has come */
    INTAKE_HEAD,
    INTAKE_BODY,
    INTAKE_WHOLE, /* libh2o has it, or gets it when "100 Continue" has been written */
} intake_phase_t;

typedef struct {
    intake_phase_t phase;
    h2o_socket_cb inner; /* libh2o's reader */
    framing_scan_t scan;
    framing_t framing;
    chunks_t chunks;
    size_t body_len;     /* decoded so far */
    size_t body_most;    /* bytes that the body may have */
    h2o_buffer_t *ahead; /* what came behind the request; NULL: nothing */
    size_t ahead_at;     /* up to where the input has it again */
    bool writing;        /* "100 Continue" */
    error_code_t error;  /* with which it is to be refused, or ERROR_none */
    const char *detail;
    size_t held;  /* bytes that the census counts */
    size_t burst; /* TLS: most bytes that came in one go, for which libh2o keeps a buffer */
} intake_t;

/* Begins to read requests from a connection, and hands its socket to libh2o. Nothing must have been
 * read from the socket but, with TLS, the bytes that came with its handshake. */
void intake_begin(struct connection *connection);

/* Reads on after the answer was written. True when a further request was there already. */
bool intake_resume(struct connection *connection);

/* Refuses the request that is being read with 408, or closes the connection when no request has
 * begun. */
void intake_expire(struct connection *connection);

/* Closes a connection without an answer; not in INTAKE_WHOLE. */
void intake_close(struct connection *connection);

/* No more is read: gives the input back, and what came behind the request. */
void intake_leave(struct connection *connection);

/* Whether another request may follow the one at hand. */
bool intake_persists(const intake_t *self);

/* Frees what the intake holds: the connection is gone, or will be at once. */
void intake_end(struct connection *connection);

#endif
