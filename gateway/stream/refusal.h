/* Refusals of streams that their reader is to come back from. An EventSource gives up for ever on
 * any status but 200 (WHATWG HTML, "Server-sent events"): one that is told 503 in a moment of load
 * never returns. So where a reader accepts Server-Sent Events, what is over in a while (429, 503)
 * is told within a stream that ends at once: a time to come back after, and the event end. Any
 * other refusal, and what other readers get, has its status.
 *
 * Threading: the request's thread. */
#ifndef POSTERN_GATEWAY_STREAM_REFUSAL_H
#define POSTERN_GATEWAY_STREAM_REFUSAL_H

#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/uuid.h"

#include <h2o.h>

enum { REFUSAL_LEAST_MS = 10000, REFUSAL_MS = 10000 /* after which a reader is to come back */ };

/* Answers REQ, which was to open a stream. EVENTS: stream_accepts_events. DETAIL: as reply_error
 * has it. */
void refusal_send(h2o_req_t *req, const uuid_t7 *id, error_code_t error, bool events,
                  const char *detail);
/* Answers REQ if OP, which may be NULL, opens a stream, ERROR is one to come back from, and the
 * reader accepts events. Before the request's head is wiped. */
bool refusal_ends(h2o_req_t *req, const op_t *op, const uuid_t7 *id, error_code_t error);

#endif
