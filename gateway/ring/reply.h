/* Answers: from errors, from replies of the ring and from pages, and in place of libh2o's own error
 * pages.
 *
 * Each ends its request: REQ must not be answered again. Until libh2o disposes of it in a later
 * turn of the loop, the credentials that lie in it may be overwritten (lane.c does). Every answer
 * has X-Request-Id; no byte of a peer or a sender reaches a header. libh2o itself answers 400 in
 * plain text and without an id, and closes, where a character stands in a request line or header
 * that may not. Threading: the request's thread. */
#ifndef POSTERN_GATEWAY_RING_REPLY_H
#define POSTERN_GATEWAY_RING_REPLY_H

#include "common/base/errors.h"
#include "common/base/reasons.h"
#include "common/wire/wire.h"
#include "gateway/read/cookie.h"
#include "gateway/read/pages.h"

#include <h2o.h>

/* Answers with an error of our own. detail: constant text in place of the table's message, or NULL;
 * reason: for the details, or none; allow: the value of an Allow header, or empty. */
void reply_error(h2o_req_t *req, const uuid_t7 *id, error_code_t code, const char *detail,
                 reason_t reason, slice_t allow);

/* Answers with a reply of the ring; BODY may be moved out. An unknown error number is answered by
 * the reply's status alone. COOKIE: which cookie the listener has; with COOKIE_NONE a session of
 * the reply is not set. */
void reply_wire(h2o_req_t *req, const wire_reply_t *reply, zmq_msg_t *body, cookie_use_t cookie);

/* Answers with a JSON document that the gateway has made, which is copied. */
void reply_document(h2o_req_t *req, const uuid_t7 *id, slice_t json);

/* Answers the question of a sender of events whether it may send (CloudEvents, HTTP 1.1 Web Hooks,
 * §4.2): any origin, at any rate; each request is checked by itself, and throttled by 429. ALLOW:
 * the value of the Allow header. */
void reply_handshake(h2o_req_t *req, const uuid_t7 *id, slice_t allow);

/* Makes the head of a stream's answer, whose body is chunked by whoever writes it; nothing is sent.
 * TYPE: its Content-Type. */
void reply_stream(h2o_req_t *req, const uuid_t7 *id, slice_t type);
/* Answers with a stream of BODY, which is copied, that ends with it, as its connection does. */
void reply_stream_whole(h2o_req_t *req, const uuid_t7 *id, slice_t type, slice_t body);
/* Answers with that head alone: the request is a HEAD. */
void reply_stream_head(h2o_req_t *req, const uuid_t7 *id, slice_t type);

/* Answers with a file of the pages. */
void reply_page(h2o_req_t *req, const uuid_t7 *id, const page_file_t *page);

/* Gives the errors that libh2o makes (400, 413, 417) the form of ours. libh2o closes the connection
 * after each: COVERED is called for its request. Before any thread, once for each host, with the
 * same COVERED. */
typedef void reply_covered_fn(h2o_req_t *req);
void reply_cover_errors(h2o_pathconf_t *path, reply_covered_fn *covered);

/* What an error says. */
typedef struct {
    const char *code;
    slice_t message; /* any bytes, which are escaped; cut at 1,024 */
    slice_t details; /* an object of JSON, copied as it is, or empty; left out past 2,048 bytes */
    uint32_t retry_after_s; /* one more of the details; 0: none */
} reply_said_t;

/* Writes the JSON of an error to OUT, of REPLY_JSON bytes or more. Returns its length. */
enum { REPLY_JSON = 8600 };
size_t reply_json(char *out, size_t size, const reply_said_t *said, const uuid_t7 *id);

#endif
