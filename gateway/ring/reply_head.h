/* What every answer has: a status, an id, its headers, and how it is sent. For reply.c,
 * reply_page.c and reply_lines.c alone. Threading: the request's thread. */
#ifndef POSTERN_GATEWAY_RING_REPLY_HEAD_H
#define POSTERN_GATEWAY_RING_REPLY_HEAD_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <h2o.h>

/* The status and X-Request-Id. */
void reply_begin(h2o_req_t *req, unsigned status, const uuid_t7 *id);

/* NAME and what VALUE points to have to live until the answer is sent. */
void reply_header(h2o_req_t *req, h2o_iovec_t *name, slice_t value);

/* Of a body that nobody keeps. */
void reply_content_headers(h2o_req_t *req, slice_t type);

/* Of a body that may be kept: its type, and what a browser may not make of it. */
void reply_type_headers(h2o_req_t *req, slice_t type);

/* Ends the request; BODY has to live until it is disposed of. */
void reply_send(h2o_req_t *req, const char *body, size_t len);

/* Ends a HEAD of what has no length. */
void reply_send_head(h2o_req_t *req);

/* Answers with the rows of a list as JSON lines (application/x-ndjson), if REQ accepts them and
 * JSON is one; the status is there. False: neither. */
bool reply_lines(h2o_req_t *req, slice_t json);

/* Whether what answers REQ is reply_send, and not libh2o itself. */
bool reply_is_ours(const h2o_req_t *req);

#endif
