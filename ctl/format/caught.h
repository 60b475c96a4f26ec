/* A caught request, put together from files and options, as an event for a format. Threading: one
 * thread. */
#ifndef POSTERN_CTL_FORMAT_CAUGHT_H
#define POSTERN_CTL_FORMAT_CAUGHT_H

#include "common/wire/pairs.h"
#include "workers/format/format.h"

#include <stddef.h>

typedef struct {
    pack_t headers, params;
    char *body;
    size_t body_len;
} caught_t; /* zero-initialised is valid */

/* Adds a header of a line "Name: value"; false: the line is none. */
bool caught_header(caught_t *self, slice_t line);
/* Adds those of a file, one a line; lines that are none are passed over. false with errno. */
bool caught_headers(caught_t *self, const char *path);
/* Whether there is a header of this name. */
bool caught_has(const caught_t *self, const char *name);
/* Adds the parameters of a query, as it stands behind the ? of a URL. */
void caught_query(caught_t *self, const char *query);
/* Reads the body, byte for byte; - for stdin. false with errno. */
bool caught_body(caught_t *self, const char *path);

/* Borrows all of it. */
event_t caught_event(const caught_t *self);
void caught_free(caught_t *self);

#endif
