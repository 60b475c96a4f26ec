/* What the opening of a stream asks for: how it is written, and where it begins.
 *
 * Parameters: format (sse, json), heartbeat (comment, event), since (now, latest, all, an id of the
 * stream, a sequence of its one target, a time), last (a number); targets, where they are not of
 * the path, which authd reads; and events, of a page's stream of all (common/stream/hint.h). The
 * header Last-Event-ID stands above since and last: an EventSource that returns sends it beside the
 * URL of its beginning. Threading: any thread. */
#ifndef POSTERN_GATEWAY_STREAM_OPTIONS_H
#define POSTERN_GATEWAY_STREAM_OPTIONS_H

#include "common/base/ops.h"
#include "common/stream/ask.h"
#include "common/wire/wire.h"
#include "gateway/stream/notice.h"

#include <h2o.h>

typedef struct {
    stream_format_t format;
    bool event_heartbeat;
    bool accepts_events; /* stream_accepts_events */
    bool returns;        /* by Last-Event-ID: what cannot be honoured is said in the stream */
    unsigned events;     /* bits 1 << EVENT_… */
    bool several;        /* of several targets: */
    slice_t vector;      /* with PAGE_MARK: where it goes on (vector.h); the request's */
    page_from_t from;
    position_t position;
    uint64_t count;
    int64_t time_ms;
} stream_options_t;

/* Whether an answer as Server-Sent Events is what the reader accepts by name, as an EventSource
 * does. Before the request's head is wiped. */
bool stream_accepts_events(const h2o_req_t *req);

/* NULL, or what is wrong with them: constant text. PARAMS: of the query, encoded. OP: that it is
 * asked by. WALL_MS: ms since 1970. */
const char *stream_options_read(h2o_req_t *req, slice_t params, const op_t *op, int64_t wall_ms,
                                stream_options_t *options);

#endif
