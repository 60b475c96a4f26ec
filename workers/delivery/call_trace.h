/* The trace of an attempt: what was sent, and what came with the answer, as the delivery log keeps
 * it beside the answer's body (OUTBOX_TRACE). It is the members of a JSON object, which
 * docs/API (Deliveries) names: address, method, url, headers, headers_cut, received, received_cut.
 *
 * No secret is in it: the values of headers that were sent are kept of those that say nothing of
 * who may call (s_shown), of the others the name; a URL is without the user's name, and without the
 * values of its query; of an outlet, whose path may be its secret, without the path; of the
 * answer's headers those values are left out whose name speaks of a cookie or a credential.
 *
 * Threading: the thread that owns OUT. */
#ifndef POSTERN_WORKERS_DELIVERY_CALL_TRACE_H
#define POSTERN_WORKERS_DELIVERY_CALL_TRACE_H

#include "workers/caller/caller.h"
#include "workers/message/json_out.h"

#include <stdbool.h>

enum {
    TRACE_URL = 256,  /* most bytes of the URL's path and query, in JSON; past it, they are cut */
    TRACE_SENT = 640, /* of the headers that were sent; past it, the rest is left out */
    TRACE_RECEIVED = 768 /* likewise of those that came */
};

/* Writes the trace of a finished call to OUT, which is emptied before; at most OUTBOX_TRACE bytes,
 * which borrow from OUT. HIDES_PATH: of an outlet. */
slice_t trace_write(json_out_t *out, const call_t *call, bool hides_path);

#endif
