/* Answers with a file of the pages: whole, or 304 to who has it (RFC 9110 §13.1.2), as gzip (RFC
 * 1952) to who takes that. */
#include "gateway/ring/encoding.h"
#include "gateway/ring/reply.h"
#include "gateway/ring/reply_head.h"

#include <assert.h>
#include <stdio.h>
#include <zlib.h>

#define NAME(id, text) static h2o_iovec_t s_name_##id = {(char *)text, sizeof text - 1}
NAME(cache, "Cache-Control");
NAME(etag, "ETag");
NAME(encoding, "Content-Encoding");
NAME(vary, "Vary");
NAME(policy, "Content-Security-Policy");
NAME(opener, "Cross-Origin-Opener-Policy");
NAME(resource, "Cross-Origin-Resource-Policy");

/* The bytes of the file before gzip, in the request's pool. */
static slice_t s_inflate(h2o_req_t *req, const page_file_t *page)
{
    char *out = h2o_mem_alloc_pool(&req->pool, page->inflated);
    z_stream stream = {.next_in = (unsigned char *)page->bytes.data,
                       .avail_in = (unsigned)page->bytes.len,
                       .next_out = (unsigned char *)out,
                       .avail_out = (unsigned)page->inflated};
    int opened = inflateInit2(&stream, 16 + MAX_WBITS); /* 16: of gzip's form */
    assert(opened == Z_OK);
    int ended = inflate(&stream, Z_FINISH);
    assert(ended == Z_STREAM_END);
    inflateEnd(&stream);
    return slice(out, stream.total_out);
}

/* A strong tag: what is inflated is another representation. */
static slice_t s_etag(h2o_req_t *req, const page_file_t *page, bool inflates)
{
    enum { ROOM = 80 };
    char *text = h2o_mem_alloc_pool(&req->pool, ROOM);
    int len = snprintf(text, ROOM, "\"%s%s\"", page->digest, inflates ? "-inflated" : "");
    return slice(text, (size_t)len);
}

/* Whether the client has what TAG names: a quoted tag is in no other one. */
static bool s_has(const h2o_req_t *req, slice_t tag)
{
    slice_t known = encoding_header(req, H2O_TOKEN_IF_NONE_MATCH);
    return known.len && (slice_is(slice_trim(known, OWS), "*") ||
                         memmem(known.data, known.len, tag.data, tag.len));
}

void reply_page(h2o_req_t *req, const uuid_t7 *id, const page_file_t *page)
{
    bool gzipped = page->inflated > 0;
    bool inflates = gzipped && !encoding_takes_gzip(req);
    slice_t etag = s_etag(req, page, inflates);
    bool has = s_has(req, etag);
    reply_begin(req, has ? 304 : 200, id);
    reply_type_headers(req, page->type);
    reply_header(req, &s_name_policy, slice_of(PAGES_POLICY));
    reply_header(req, &s_name_opener, slice_of("same-origin"));
    reply_header(req, &s_name_resource, slice_of("same-origin"));
    reply_header(req, &s_name_cache, slice_of(page->cache));
    reply_header(req, &s_name_etag, etag);
    if (gzipped)
        reply_header(req, &s_name_vary, slice_of("Accept-Encoding"));
    if (gzipped && !inflates)
        reply_header(req, &s_name_encoding, slice_of("gzip"));
    slice_t body = has ? slice(NULL, 0) : inflates ? s_inflate(req, page) : page->bytes;
    reply_send(req, body.data, body.len);
}
