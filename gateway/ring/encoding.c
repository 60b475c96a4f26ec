#include "gateway/ring/encoding.h"

#include <assert.h>
#include <strings.h>
#include <zlib.h>

slice_t encoding_header(const h2o_req_t *req, const h2o_token_t *name)
{
    ssize_t at = h2o_find_header(&req->headers, name, -1);
    if (at < 0)
        return slice(NULL, 0);
    return slice(req->headers.entries[at].value.base, req->headers.entries[at].value.len);
}

/* Whether a coding of Accept-Encoding is gzip with a weight that is not 0 ("gzip;q=0.0"). */
static bool s_is_gzip(slice_t coding)
{
    const char *semicolon = memchr(coding.data, ';', coding.len);
    size_t len = semicolon ? (size_t)(semicolon - coding.data) : coding.len;
    slice_t name = slice_trim(slice(coding.data, len), OWS);
    if (name.len != 4 || strncasecmp(name.data, "gzip", 4) != 0)
        return false;
    for (size_t i = len; i < coding.len; i++)
        if (coding.data[i] >= '1' && coding.data[i] <= '9')
            return true;
    return !semicolon;
}

bool encoding_takes_gzip(const h2o_req_t *req)
{
    slice_t accepted = encoding_header(req, H2O_TOKEN_ACCEPT_ENCODING);
    while (accepted.len) {
        const char *comma = memchr(accepted.data, ',', accepted.len);
        size_t len = comma ? (size_t)(comma - accepted.data) : accepted.len;
        if (s_is_gzip(slice(accepted.data, len)))
            return true;
        len += comma != NULL;
        accepted = slice(accepted.data + len, accepted.len - len);
    }
    return false;
}

slice_t encoding_gzip(h2o_req_t *req, slice_t body)
{
    z_stream stream = {.next_in = (unsigned char *)body.data, .avail_in = (unsigned)body.len};
    int opened =
        deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    if (opened != Z_OK) /* no memory: it goes as it is */
        return slice("", 0);
    char *out = h2o_mem_alloc_pool(&req->pool, body.len);
    stream.next_out = (unsigned char *)out;
    stream.avail_out = (unsigned)body.len;
    bool ended = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    size_t len = stream.total_out;
    deflateEnd(&stream);
    return ended ? slice(out, len) : slice("", 0);
}
