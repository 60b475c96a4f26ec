/* The answer to stream_share: a URL that reads streams, and nothing else (authd/judge/shared.h).
 * Threading: any thread. */
#ifndef POSTERN_AUTHD_MANAGE_STREAM_URL_H
#define POSTERN_AUTHD_MANAGE_STREAM_URL_H

#include "authd/judge/shared.h"

/* When the URL is to end that PARAMS ask for, in milliseconds since 1970; *FAULT is set, to
 * constant text, when they cannot have it. */
uint64_t stream_url_ends(slice_t params, int64_t wall_ms, const char **fault);
/* JSON with the URL below BASE; the caller wipes and frees. */
char *stream_url(const uint8_t key[SHARED_KEY], const shared_t *shared, const slice_t *targets,
                 const char *base);

#endif
