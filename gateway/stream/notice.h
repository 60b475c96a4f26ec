/* What is written to streams: a message, rendered once for all streams of its target, or a text of
 * the gateway's own. Shared by count. One thread. */
#ifndef POSTERN_GATEWAY_STREAM_NOTICE_H
#define POSTERN_GATEWAY_STREAM_NOTICE_H

#include "common/stream/found.h"

/* How a stream writes: Server-Sent Events (WHATWG HTML, "Server-sent events"), or a JSON object a
 * line. */
typedef enum { FORMAT_SSE, FORMAT_LINES, FORMATS } stream_format_t;

typedef struct notice {
    unsigned refs;
    frame_kind_t kind;
    uint64_t sequence, log; /* of a message */
    uint32_t tag;
    uuid_t7 target;
    slice_t json;        /* of a message, within its Server-Sent Event behind the struct */
    slice_t as[FORMATS]; /* of a message as a line: what stands before the JSON; NULL: not yet */
    struct notice *of; /* the message that is written behind these bytes, for one stream; or NULL */
    char bytes[];
} notice_t;

/* The Content-Type of a format. */
slice_t stream_type(stream_format_t format);

/* One reference, the caller's. The frame is copied, once for all formats. */
notice_t *notice_new(const frame_t *frame);
/* A text, which goes out as it is in any format. */
notice_t *notice_text(slice_t text);
notice_t *notice_hold(notice_t *self);
void notice_drop(notice_t **self_p);

/* Of several targets: MESSAGE, shared, with the id ID, and the target's LABEL in its data. */
notice_t *notice_of(notice_t *message, stream_format_t format, slice_t id, slice_t label);

/* Its bytes, in up to NOTICE_PARTS; returns how many there are. */
enum { NOTICE_PARTS = 3 };
unsigned notice_parts(notice_t *self, stream_format_t format, slice_t parts[NOTICE_PARTS]);
size_t notice_len(notice_t *self, stream_format_t format);

/* The gateway's own. RETRY_MS: after which an EventSource returns. LABEL: of the target that it is
 * about, or empty. */
notice_t *notice_begin(stream_format_t format, slice_t id, unsigned retry_ms);
notice_t *notice_reset(stream_format_t format, slice_t id, slice_t label,
                       const position_t *position, reset_t reason);
/* RETRY_MS: 0: none is said. */
notice_t *notice_end(stream_format_t format, slice_t label, const char *code, const char *message,
                     unsigned retry_ms);
/* A hint: without an id, for it is none of the history. DATA: an object in one line. */
notice_t *notice_hint(stream_format_t format, const char *event, slice_t data);
/* A block of Server-Sent Events that has an id alone. */
notice_t *notice_id(slice_t id);
notice_t *notice_heartbeat(stream_format_t format, bool event);

#endif
