/* The pages that the admin listener shows in a browser: the console, where it is built in, and the
 * page to which an invitation's link leads. Their files are part of the program, load nothing from
 * elsewhere, and use the admin API.
 * Threading: constant; any thread. */
#ifndef POSTERN_GATEWAY_READ_PAGES_H
#define POSTERN_GATEWAY_READ_PAGES_H

#include "common/base/slice.h"

typedef struct {
    const char *path; /* on the admin listener */
    slice_t type;     /* Content-Type */
    slice_t bytes;
    size_t inflated;    /* 0, or BYTES are gzip (RFC 1952) of so many */
    const char *digest; /* hex digits, another one for other bytes */
    const char *cache;  /* Cache-Control */
} page_file_t;

/* What a page may load and do (Content Security Policy, level 3): from and with its own host alone,
 * in no frame of another page's, and with no markup made of text but by Svelte's own templates
 * (Trusted Types). */
#define PAGES_POLICY                                                                               \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "   \
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "            \
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

/* The file of a path (without the query), or NULL. With the console "/" is its page; without it
 * "/" is the invitation's, which is at "/invitation" in any case. */
const page_file_t *pages_find(slice_t path);

#endif
