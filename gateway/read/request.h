/* An HTTP request to an entry of the wire protocol. On the admin listener a credential comes in the
 * Authorization header, or is a session in a cookie; never in the URL, which is kept in histories
 * and logs. A cookie counts only without a bearer token, and with the Origin of the listener's own
 * pages (cookie.h); the entry says that it came so (WIRE_CSRF).
 *
 * A reader is reused and belongs to one thread. The slices of the entry point into the HTTP
 * request's pool or input, and hold until the HTTP request is answered.
 *
 * A request to a source's own address (CRED_SIGNATURE) has no credential; its headers begin with
 * WIRE_URL. */
#ifndef POSTERN_GATEWAY_READ_REQUEST_H
#define POSTERN_GATEWAY_READ_REQUEST_H

#include "common/base/errors.h"
#include "common/base/reasons.h"
#include "common/wire/wire.h"
#include "gateway/read/client_address.h"
#include "gateway/read/pages.h"
#include "gateway/read/routes.h"

#include <h2o.h>

typedef struct {
    size_t body_bytes, head_bytes;
    size_t event_bytes; /* of the body of an event; where body_bytes is larger, that counts */
    unsigned headers, parameters;
    /* How browsers reach the admin listener: requests are of that. NULL: of the public one. */
    const char *admin_url;
} request_limits_t;

typedef struct request_reader request_reader_t;

/* ROUTES, TRUSTED and the URL are borrowed. */
request_reader_t *request_reader_new(const request_limits_t *limits, const routes_t *routes,
                                     const networks_t *trusted);
void request_reader_destroy(request_reader_t **self_p);

/* How many bytes the body of the request may have that begins with this head. */
size_t request_body_most(const request_reader_t *self, slice_t head);

/* Where the connection comes from; its text lives as long as the connection. */
typedef struct {
    address_t address;
    slice_t text;
    bool trusted;
    size_t head_len; /* of the request at hand, in the connection's input */
} request_peer_t;

typedef struct {
    /* What the gateway answers by itself: there is no op then, and nothing is forwarded. */
    const page_file_t *page; /* to be shown, or NULL */
    bool handshake;          /* of a sender of events that asks whether it may (CloudEvents) */
    wire_request_t entry;    /* op, method, target, params, headers, client, token, appkey */
    const op_t *op;
    size_t head_len; /* bytes of the head in the connection's input */
    int64_t wall_ms; /* of a stream: when it was read, from which an age in it is counted */
    /* of a refusal */
    error_code_t error;
    const char *detail; /* constant text, or NULL: the table's */
    reason_t reason;    /* for the details, or none */
    uint32_t wait_s;    /* with rate_limited: for how long */
    unsigned allow;     /* with method_not_allowed and a handshake: the methods */
    size_t most;        /* with body_too_large: so many bytes it may have; 0: not known */
} request_t;

/* Of a refusal: the detail, or NULL. Valid until the next call in this thread. */
const char *request_detail(const request_t *self);

/* Reads REQ, and overwrites its credentials wherever else they stand in REQ, its body too
 * (blank.h). ERROR_none, or the error (also in out->error) with which it is to be refused. Where
 * two things are wrong, the answer is the first of: what the intake refuses (intake.h), 414 of the
 * URL, 404, 405, 431, too many X-Forwarded-For, the query, contradicting credentials, a foreign
 * Origin, 401, the Idempotency-Key. */
error_code_t request_read(request_reader_t *self, h2o_req_t *req, const request_peer_t *peer,
                          request_t *out);

#endif
