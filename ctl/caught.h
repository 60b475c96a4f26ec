/* A caught request, put together from files and options, for what is tried without a server: a
 * format, a signature. Threading: one thread. */
#ifndef POSTERN_CTL_CAUGHT_H
#define POSTERN_CTL_CAUGHT_H

#include "common/wire/pairs.h"

#include <stddef.h>

enum { CAUGHT_HEADERS = 1 << 20, CAUGHT_BODY = 16 << 20 };

typedef struct {
    pack_t headers, params;
    char *body;
    size_t body_len;
} caught_t; /* zero-initialised is valid */

/* Adds a header of a line "Name: value"; false: the line is none. */
bool caught_header(caught_t *self, slice_t line);
/* Adds those of a file, one a line, as curl -i or a proxy's log has them; lines that are none are
 * passed over. false with errno, EFBIG past CAUGHT_HEADERS bytes. */
bool caught_headers(caught_t *self, const char *path);
/* Whether there is a header of this name. */
bool caught_has(const caught_t *self, const char *name);
/* Adds the parameters of a query, as it stands behind the ? of a URL. False: one has a % that is no
 * escape; that one is added as it stands. */
bool caught_query(caught_t *self, slice_t query);
/* Reads the body, byte for byte; - for stdin. false with errno, EFBIG past CAUGHT_BODY bytes. */
bool caught_body(caught_t *self, const char *path);

void caught_free(caught_t *self);

#endif
