#include "gateway/stream/refusal.h"

#include "common/monitor/monitor.h"
#include "gateway/ring/reply.h"
#include "gateway/stream/notice.h"
#include "gateway/stream/options.h"

static bool s_ends(h2o_req_t *req, const uuid_t7 *id, error_code_t error, bool events)
{
    const error_row_t *row = error_find(error);
    bool head = slice_is(slice(req->input.method.base, req->input.method.len), "HEAD");
    if (!row || (row->status != 429 && row->status != 503) || head || !events)
        return false;
    notice_t *end = notice_end(FORMAT_SSE, slice("", 0), row->name, row->message,
                               REFUSAL_LEAST_MS + (unsigned)(uuid_instance() % REFUSAL_MS));
    metric_add_at(METRIC_http_errors_total, row->code, 1);
    reply_stream_whole(req, id, stream_type(FORMAT_SSE), end->as[FORMAT_SSE]);
    notice_drop(&end);
    return true;
}

bool refusal_ends(h2o_req_t *req, const op_t *op, const uuid_t7 *id, error_code_t error)
{
    return op && op->deed == DOES_STREAM && s_ends(req, id, error, stream_accepts_events(req));
}

void refusal_send(h2o_req_t *req, const uuid_t7 *id, error_code_t error, bool events,
                  const char *detail)
{
    if (!s_ends(req, id, error, events))
        reply_error(req, id, error, detail, REASON_none, slice("", 0));
}
