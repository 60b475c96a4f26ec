#include "gateway/ring/reply_head.h"

static h2o_generator_t s_generator = {NULL, NULL};

#define NAME(id, text) static h2o_iovec_t s_name_##id = {(char *)text, sizeof text - 1}
NAME(request_id, "X-Request-Id");
NAME(type, "Content-Type");
NAME(cache, "Cache-Control");
NAME(sniff, "X-Content-Type-Options");
NAME(referrer, "Referrer-Policy");

void reply_header(h2o_req_t *req, h2o_iovec_t *name, slice_t value)
{
    h2o_vector_reserve(&req->pool, &req->res.headers, req->res.headers.size + 1);
    req->res.headers.entries[req->res.headers.size++] =
        (h2o_header_t){name, NULL, {(char *)value.data, value.len}};
}

static const char *s_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *text;
    } reasons[] = {{200, "OK"},
                   {202, "Accepted"},
                   {204, "No Content"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {408, "Request Timeout"},
                   {409, "Conflict"},
                   {410, "Gone"},
                   {412, "Precondition Failed"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {415, "Unsupported Media Type"},
                   {417, "Expectation Failed"},
                   {422, "Unprocessable Content"},
                   {429, "Too Many Requests"},
                   {431, "Request Header Fields Too Large"},
                   {500, "Internal Server Error"},
                   {503, "Service Unavailable"}};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            return reasons[i].text;
    return "Status";
}

void reply_begin(h2o_req_t *req, unsigned status, const uuid_t7 *id)
{
    char *text = h2o_mem_alloc_pool(&req->pool, UUID_TEXT);
    uuid_text(id, text);
    req->res.status = (int)status;
    req->res.reason = s_reason(status);
    reply_header(req, &s_name_request_id, slice(text, UUID_TEXT - 1));
}

void reply_type_headers(h2o_req_t *req, slice_t type)
{
    reply_header(req, &s_name_type, type);
    reply_header(req, &s_name_sniff, slice_of("nosniff"));
    reply_header(req, &s_name_referrer, slice_of("no-referrer"));
}

void reply_content_headers(h2o_req_t *req, slice_t type)
{
    reply_type_headers(req, type);
    reply_header(req, &s_name_cache, slice_of("no-store"));
}

/* A zero-length buffer would cost another turn of the loop, so an answer without a body has none.
 */
void reply_send(h2o_req_t *req, const char *body, size_t len)
{
    h2o_iovec_t buffer = {(char *)body, len};
    bool bodiless =
        len == 0 || slice_is(slice(req->input.method.base, req->input.method.len), "HEAD");
    /* A 204 and a 304 have no Content-Length (RFC 9110 §8.6); any other answer without one would be
     * chunked. */
    bool none = req->res.status == 204 || req->res.status == 304;
    req->res.content_length = none ? SIZE_MAX : len;
    h2o_start_response(req, &s_generator);
    h2o_send(req, bodiless ? NULL : &buffer, bodiless ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void reply_send_head(h2o_req_t *req)
{
    req->res.content_length = SIZE_MAX;
    h2o_start_response(req, &s_generator);
    h2o_send(req, NULL, 0, H2O_SEND_STATE_FINAL);
}

bool reply_is_ours(const h2o_req_t *req)
{
    return req->_generator == &s_generator;
}
