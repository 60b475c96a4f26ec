#include "gateway/ring/reply.h"
#include "gateway/ring/encoding.h"

#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/base/utf8.h"
#include "common/monitor/monitor.h"
#include "gateway/read/text_body.h"
#include "gateway/ring/reply_head.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { MESSAGE = 1024, DETAILS = 2048, COPIED = 4096 };
static_assert(REPLY_JSON >= 6 * MESSAGE + DETAILS + 320, "an error fits");

#define NAME(id, text) static h2o_iovec_t s_name_##id = {(char *)text, sizeof text - 1}
NAME(cache, "Cache-Control");
NAME(retry, "Retry-After");
NAME(allow, "Allow");
NAME(authenticate, "WWW-Authenticate");
NAME(replayed, "Idempotency-Replayed");
NAME(rate_limit, "RateLimit-Limit");
NAME(rate_left, "RateLimit-Remaining");
NAME(rate_reset, "RateLimit-Reset");
NAME(deprecation, "Deprecation");
NAME(sunset, "Sunset");
NAME(etag, "ETag");
NAME(content_encoding, "Content-Encoding");
NAME(vary, "Vary");
NAME(cookie, "Set-Cookie");
NAME(format, "Postern-Format");
NAME(hook_secret, "X-Hook-Secret");
NAME(origin, "WebHook-Allowed-Origin");
NAME(rate, "WebHook-Allowed-Rate");
NAME(encoding, "Transfer-Encoding");
NAME(buffering, "X-Accel-Buffering");

static void s_number(h2o_req_t *req, h2o_iovec_t *name, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    char *text = h2o_mem_alloc_pool(&req->pool, sizeof digits - at);
    memcpy(text, digits + at, sizeof digits - at);
    reply_header(req, name, slice(text, sizeof digits - at));
}

static size_t s_escape(char *out, size_t room, slice_t text)
{
    static const char hex[] = "0123456789abcdef";
    bool plain = utf8_valid(text);
    size_t len = 0;
    for (size_t i = 0; i < text.len && len + 6 <= room; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            out[len++] = '\\';
            out[len++] = (char)c;
        } else if (c < 0x20) {
            memcpy(out + len, "\\u00", 4);
            out[len + 4] = hex[c >> 4];
            out[len + 5] = hex[c & 15];
            len += 6;
        } else {
            out[len++] = plain || c < 0x80 ? (char)c : '?';
        }
    }
    return len;
}

static void s_put(char *out, size_t *len, slice_t text)
{
    memcpy(out + *len, text.data, text.len);
    *len += text.len;
}

/* When to come again, and what the process that refused has told, which is copied as it is. */
static void s_put_details(char *out, size_t *len, const reply_said_t *said)
{
    char retry[48] = "";
    bool more = said->details.len > 2 && said->details.len <= DETAILS;
    if (said->retry_after_s)
        snprintf(retry, sizeof retry, "\"retry_after_s\":%" PRIu32 "%s", said->retry_after_s,
                 more ? "," : "");
    if (!more && !said->retry_after_s)
        return;
    s_put(out, len, slice_of(",\"details\":{"));
    s_put(out, len, slice_of(retry));
    s_put(out, len, more ? slice(said->details.data + 1, said->details.len - 1) : slice_of("}"));
}

size_t reply_json(char *out, size_t size, const reply_said_t *said, const uuid_t7 *id)
{
    enum { REST = DETAILS + 192 }; /* what stands behind the message */
    char text[UUID_TEXT];
    size_t len = 0;
    uuid_text(id, text);
    s_put(out, &len, slice_of("{\"code\":\""));
    s_put(out, &len, slice_of(said->code));
    s_put(out, &len, slice_of("\",\"message\":\""));
    assert(size >= len + REST);
    len += s_escape(out + len, size - len - REST, utf8_within(said->message, MESSAGE));
    s_put(out, &len, slice_of("\",\"request_id\":\""));
    s_put(out, &len, slice_of(text));
    s_put(out, &len, slice_of("\""));
    s_put_details(out, &len, said);
    s_put(out, &len, slice_of("}"));
    return len;
}

static h2o_iovec_t s_error_body(h2o_req_t *req, const uuid_t7 *id, const reply_said_t *said)
{
    char json[REPLY_JSON];
    size_t len = reply_json(json, sizeof json, said, id);
    return h2o_strdup(&req->pool, json, len);
}

static void s_error_headers(h2o_req_t *req, const error_row_t *row, uint32_t retry_after_s)
{
    reply_content_headers(req, slice_of("application/json"));
    if (retry_after_s)
        s_number(req, &s_name_retry, retry_after_s);
    if (row->status == 401)
        reply_header(req, &s_name_authenticate, slice_of("Bearer"));
    metric_add_at(METRIC_http_errors_total, row->code, 1);
}

void reply_error(h2o_req_t *req, const uuid_t7 *id, error_code_t code, const char *detail,
                 reason_t reason, slice_t allow)
{
    char details[64] = "";
    const error_row_t *row = error_find(code);
    reply_begin(req, row->status, id);
    s_error_headers(req, row, row->retry_after_s);
    if (allow.len)
        reply_header(req, &s_name_allow, allow);
    if (reason)
        snprintf(details, sizeof details, "{\"reason\":\"%s\"}", reason_name(reason));
    reply_said_t said = {.code = row->name,
                         .message = slice_of(detail ? detail : row->message),
                         .details = slice_of(details),
                         .retry_after_s = row->retry_after_s};
    h2o_iovec_t body = s_error_body(req, id, &said);
    reply_send(req, body.base, body.len);
}

void reply_handshake(h2o_req_t *req, const uuid_t7 *id, slice_t allow)
{
    reply_begin(req, 200, id);
    reply_header(req, &s_name_cache, slice_of("no-store"));
    reply_header(req, &s_name_allow, allow);
    reply_header(req, &s_name_origin, slice_of("*"));
    reply_header(req, &s_name_rate, slice_of("*"));
    reply_send(req, NULL, 0);
}

static void s_stream_headers(h2o_req_t *req, const uuid_t7 *id, slice_t type)
{
    reply_begin(req, 200, id);
    reply_type_headers(req, type);
    reply_header(req, &s_name_cache, slice_of("no-store, no-transform"));
    reply_header(req, &s_name_buffering, slice_of("no"));
}

void reply_stream(h2o_req_t *req, const uuid_t7 *id, slice_t type)
{
    s_stream_headers(req, id, type);
    reply_header(req, &s_name_encoding, slice_of("chunked"));
}

void reply_stream_whole(h2o_req_t *req, const uuid_t7 *id, slice_t type, slice_t body)
{
    req->http1_is_persistent = 0;
    s_stream_headers(req, id, type);
    reply_send(req, h2o_strdup(&req->pool, body.data, body.len).base, body.len);
}

void reply_stream_head(h2o_req_t *req, const uuid_t7 *id, slice_t type)
{
    s_stream_headers(req, id, type);
    reply_send_head(req);
}

/* A date of RFC 9651 §3.3.7, as RFC 9745 has it: "@1764000000". */
static void s_deprecation(h2o_req_t *req, uint64_t seconds)
{
    char *text = h2o_mem_alloc_pool(&req->pool, 24);
    int len = snprintf(text, 24, "@%" PRIu64, seconds);
    reply_header(req, &s_name_deprecation, slice(text, (size_t)len));
}

/* An HTTP date (RFC 9110 §5.6.7), as RFC 8594 has it; none for a year that has not four digits. */
static void s_sunset(h2o_req_t *req, uint64_t seconds)
{
    static const uint64_t most = UINT64_C(253402300799); /* the end of 9999 */
    time_t time = (time_t)(seconds < most ? seconds : most);
    struct tm utc;
    char *text = h2o_mem_alloc_pool(&req->pool, H2O_TIMESTR_RFC1123_LEN + 1);
    gmtime_r(&time, &utc);
    h2o_time2str_rfc1123(text, &utc);
    reply_header(req, &s_name_sunset, slice(text, H2O_TIMESTR_RFC1123_LEN));
}

static bool s_is_list(const wire_reply_t *reply)
{
    for (unsigned i = 0; i < reply->facts; i++)
        if (reply->fact[i].fact == FACT_LIST && reply->fact[i].value == 1)
            return true;
    return false;
}

/* An entity tag (RFC 9110 §8.8.3) of two numbers: a weak one of what may go out in two encodings.
 */
static void s_etag(h2o_req_t *req, uint64_t high, uint64_t low, bool weak)
{
    char *text = h2o_mem_alloc_pool(&req->pool, 40);
    int len = snprintf(text, 40, "%s\"%016" PRIx64 "%016" PRIx64 "\"", weak ? "W/" : "", high, low);
    reply_header(req, &s_name_etag, slice(text, (size_t)len));
}

static void s_allow(h2o_req_t *req, uint64_t methods)
{
    enum { ROOM = 64 };
    char *text = h2o_mem_alloc_pool(&req->pool, ROOM);
    size_t len = 0;
    for (unsigned bit = OP_GET; bit <= OP_DELETE; bit <<= 1)
        if (methods & bit)
            len += (size_t)snprintf(text + len, ROOM - len, "%s%s", len ? ", " : "",
                                    op_method_name(bit));
    reply_header(req, &s_name_allow, slice(text, len));
}

/* Asana tells its secret, and wants it back: the request's own bytes, so that no byte of a peer
 * reaches a header line. */
static void s_hook_secret(h2o_req_t *req)
{
    for (size_t i = 0; i < req->headers.size; i++) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (slice_is(slice(header->name->base, header->name->len), "x-hook-secret")) {
            reply_header(req, &s_name_hook_secret, slice(header->value.base, header->value.len));
            return;
        }
    }
}

static void s_facts(h2o_req_t *req, const wire_reply_t *reply)
{
    uint64_t etag_high = 0;
    for (unsigned i = 0; i < reply->facts; i++) {
        uint64_t value = reply->fact[i].value;
        switch (reply->fact[i].fact) {
        case FACT_REPLAYED:
            reply_header(req, &s_name_replayed, slice_of("true"));
            break;
        case FACT_RATE_LIMIT:
            s_number(req, &s_name_rate_limit, value);
            break;
        case FACT_RATE_LEFT:
            s_number(req, &s_name_rate_left, value);
            break;
        case FACT_RATE_RESET_S:
            s_number(req, &s_name_rate_reset, value);
            break;
        case FACT_DEPRECATION:
            s_deprecation(req, value);
            break;
        case FACT_SUNSET:
            s_sunset(req, value);
            break;
        case FACT_ETAG_HIGH:
            etag_high = value;
            break;
        case FACT_ETAG_LOW:
            s_etag(req, etag_high, value, s_is_list(reply));
            break;
        case FACT_FORMAT:
            if (value == 1)
                reply_header(req, &s_name_format, slice_of("failed"));
            break;
        case FACT_HOOK_SECRET:
            s_hook_secret(req);
            break;
        case FACT_ALLOW:
            s_allow(req, value);
            break;
        default: /* of a newer version */
            break;
        }
    }
}

static void s_add_cookie(h2o_req_t *req, char line[COOKIE_LINE])
{
    h2o_iovec_t kept = h2o_strdup(&req->pool, line, SIZE_MAX);
    reply_header(req, &s_name_cookie, slice(kept.base, kept.len));
    secret_wipe(line, COOKIE_LINE);
}

/* A session is set when all of it is there, and nothing else. */
static void s_session(h2o_req_t *req, const wire_reply_t *reply, bool tls)
{
    uint64_t word[WIRE_SESSION], seconds = 0;
    unsigned words = 0;
    char text[COOKIE_SESSION], line[COOKIE_LINE];
    bool ends = false;
    for (unsigned i = 0; i < reply->facts; i++) {
        uint64_t value = reply->fact[i].value;
        if (reply->fact[i].fact == FACT_SESSION && words++ < WIRE_SESSION)
            word[words - 1] = value;
        else if (reply->fact[i].fact == FACT_SESSION_S)
            seconds = value;
        else if (reply->fact[i].fact == FACT_SESSION_END)
            ends = true;
    }
    if (words == WIRE_SESSION && seconds) {
        cookie_session(word, text);
        if (cookie_set(slice_of(text), tls, seconds, line))
            s_add_cookie(req, line);
        secret_wipe(text, sizeof text);
    } else if (ends) {
        cookie_clear(tls, line);
        s_add_cookie(req, line);
    }
    secret_wipe(word, sizeof word);
}

static void s_wire_error(h2o_req_t *req, const wire_reply_t *reply, zmq_msg_t *body)
{
    const error_row_t *row = error_find(reply->error);
    if (!row)
        row = error_find(reply->status == 503 ? ERROR_unavailable : ERROR_internal);
    reply_said_t said = {.code = row->name,
                         .retry_after_s =
                             reply->retry_after_s ? reply->retry_after_s : row->retry_after_s};
    if (reply->has_body)
        said.message = slice(zmq_msg_data(body), zmq_msg_size(body));
    said.details = wire_reply_details(reply, &said.message);
    if (said.message.len == 0)
        said.message = slice_of(row->message);
    s_error_headers(req, row, said.retry_after_s);
    h2o_iovec_t json = s_error_body(req, &reply->id, &said);
    reply_send(req, json.base, json.len);
}

static void s_close_body(void *message)
{
    zmq_msg_close(message);
}

/* A small body is copied into the pool; a large one is kept as it is until the request ends. */
static const char *s_keep_body(h2o_req_t *req, zmq_msg_t *body)
{
    size_t len = zmq_msg_size(body);
    if (len <= COPIED) {
        char *copy = h2o_mem_alloc_pool(&req->pool, len);
        memcpy(copy, zmq_msg_data(body), len);
        return copy;
    }
    zmq_msg_t *kept = h2o_mem_alloc_shared(&req->pool, sizeof *kept, s_close_body);
    zmq_msg_init(kept);
    zmq_msg_move(kept, body);
    return zmq_msg_data(kept);
}

/* Whether the reply is a text and was sent as one. */
static bool s_send_text(h2o_req_t *req, const wire_reply_t *reply, slice_t json)
{
    char text[TEXT_BODY_MOST];
    size_t len;
    bool is_text = false;
    for (unsigned i = 0; i < reply->facts; i++)
        is_text |= reply->fact[i].fact == FACT_TEXT;
    if (!is_text || !text_body_read(json, text, &len))
        return false;
    reply_content_headers(req, slice_of("text/plain; charset=utf-8"));
    reply_send(req, h2o_strdup(&req->pool, text, len).base, len);
    return true;
}

/* A list that is long enough, to who takes gzip; false: it is to go as it is. Nothing else is
 * packed: from the length of what is, one could guess at a secret in it (BREACH). */
static bool s_send_gzip(h2o_req_t *req, slice_t json)
{
    enum { GZIP_LEAST = 4096 };
    reply_header(req, &s_name_vary, slice_of("Accept-Encoding"));
    slice_t packed =
        json.len > GZIP_LEAST && encoding_takes_gzip(req) ? encoding_gzip(req, json) : slice("", 0);
    if (packed.len == 0)
        return false;
    reply_header(req, &s_name_content_encoding, slice_of("gzip"));
    reply_send(req, packed.data, packed.len);
    return true;
}

void reply_document(h2o_req_t *req, const uuid_t7 *id, slice_t json)
{
    reply_begin(req, 200, id);
    reply_content_headers(req, slice_of("application/json"));
    if (!s_send_gzip(req, json))
        reply_send(req, h2o_strdup(&req->pool, json.data, json.len).base, json.len);
}

void reply_wire(h2o_req_t *req, const wire_reply_t *reply, zmq_msg_t *body, cookie_use_t cookie)
{
    /* 1xx would not end the exchange; an error may not go out as a success. */
    unsigned status =
        reply->status < 200 || (reply->error && reply->status < 400) ? 500 : reply->status;
    reply_begin(req, status, &reply->id);
    s_facts(req, reply);
    if (cookie != COOKIE_NONE)
        s_session(req, reply, cookie == COOKIE_SECURE);
    if (reply->error || status >= 400) {
        s_wire_error(req, reply, body);
        return;
    }
    size_t len = reply->has_body && status != 204 ? zmq_msg_size(body) : 0;
    if (len && s_send_text(req, reply, slice(zmq_msg_data(body), len)))
        return;
    if (len && s_is_list(reply) && reply_lines(req, slice(zmq_msg_data(body), len)))
        return;
    if (len)
        reply_content_headers(req, slice_of("application/json"));
    if (len && s_is_list(reply) && s_send_gzip(req, slice(zmq_msg_data(body), len)))
        return;
    reply_send(req, len ? s_keep_body(req, body) : NULL, len);
}

typedef struct {
    h2o_ostream_t super;
    h2o_iovec_t body;
} cover_t;

static void s_cover_send(h2o_ostream_t *super, h2o_req_t *req, h2o_iovec_t *buffers, size_t count,
                         h2o_send_state_t state)
{
    cover_t *self = (cover_t *)super;
    (void)buffers;
    (void)count;
    bool head = slice_is(slice(req->input.method.base, req->input.method.len), "HEAD");
    h2o_ostream_send_next(super, req, &self->body, head ? 0 : 1, state);
}

static reply_covered_fn *s_covered;

static void s_on_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)filter;
    if (!reply_is_ours(req)) {
        error_code_t code = req->res.status == 413   ? ERROR_body_too_large
                            : req->res.status == 417 ? ERROR_expect_failed
                            : req->res.status == 400 ? ERROR_invalid_request
                                                     : ERROR_internal;
        const error_row_t *row = error_find(code);
        uuid_t7 id;
        uuid_new(&id);
        cover_t *cover = (cover_t *)h2o_add_ostream(req, sizeof *cover, slot);
        slot = &cover->super.next;
        req->res.headers.size = 0;
        reply_begin(req, row->status, &id);
        s_error_headers(req, row, row->retry_after_s);
        cover->body = s_error_body(
            req, &id, &(reply_said_t){.code = row->name, .message = slice_of(row->message)});
        cover->super.do_send = s_cover_send;
        req->res.content_length = cover->body.len;
        s_covered(req);
    }
    h2o_setup_next_ostream(req, slot);
}

void reply_cover_errors(h2o_pathconf_t *path, reply_covered_fn *covered)
{
    s_covered = covered;
    h2o_filter_t *filter = h2o_create_filter(path, sizeof *filter);
    filter->on_setup_ostream = s_on_setup;
}
