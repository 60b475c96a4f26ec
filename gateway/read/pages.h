/* The pages that the admin listener shows in a browser: the page to which an invitation's link
 * leads. Its files are part of the program, load nothing from elsewhere, and use the admin API.
 * Threading: constant; any thread. */
#ifndef POSTERN_GATEWAY_READ_PAGES_H
#define POSTERN_GATEWAY_READ_PAGES_H

#include "common/base/slice.h"

typedef struct {
    const char *path; /* on the admin listener */
    slice_t type;     /* Content-Type */
    slice_t bytes;
} page_file_t;

/* What a page may load and do (Content Security Policy, level 3): from and with its own host alone,
 * in no frame of another page's. */
#define PAGES_POLICY                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

/* The file of a path (without the query), or NULL. */
const page_file_t *pages_find(slice_t path);

#endif
