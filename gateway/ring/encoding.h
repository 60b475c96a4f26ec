/* gzip (RFC 1952) as a content coding of answers. Threading: the request's thread. */
#ifndef POSTERN_GATEWAY_RING_ENCODING_H
#define POSTERN_GATEWAY_RING_ENCODING_H

#include "common/base/slice.h"

#include <h2o.h>

/* The value of a header; no data: it has none of this name. */
slice_t encoding_header(const h2o_req_t *req, const h2o_token_t *name);
/* Whether Accept-Encoding (RFC 9110 §12.5.3) names gzip with a weight that is not 0. */
bool encoding_takes_gzip(const h2o_req_t *req);
/* BODY as gzip, in the request's pool: quickly rather than small, for the loop waits. Empty: it
 * would not be shorter. */
slice_t encoding_gzip(h2o_req_t *req, slice_t body);

#endif
