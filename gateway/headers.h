/* Which request headers travel to the handlers, and which are credentials. Threading: read-only
 * tables, any thread. */
#ifndef POSTERN_HEADERS_H
#define POSTERN_HEADERS_H

#include "common/base/slice.h"

/* Whether a header of this lower-case name goes into an entry. Those that hold credentials or the
 * path of the request through proxies never do. */
bool header_travels(slice_t name);

/* The same on the admin listener, where authd reads them: what says how the body is to be read,
 * and what stands for the request when it comes again. */
bool header_travels_to_authd(slice_t name);

/* The credential of an Authorization value: what follows "Bearer" or "Zoho-oauthtoken" (either
 * case). False for any other scheme. */
bool header_bearer(slice_t value, slice_t *token);

/* 1 to 255 printable ASCII characters. */
bool header_is_key(slice_t value);

#endif
