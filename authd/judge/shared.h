/* URLs of streams: what stands in them in place of a token, for a page's EventSource, which sends
 * no header. They are kept nowhere. "psr_" and in base64 (RFC 4648 §5) the id of the token for
 * which one was made, when it ends, and a MAC over both and the targets, which only authds can
 * make.
 *
 * One reads the streams that its token may read, of these targets alone, and does nothing else; it
 * ends when its token ends or is deleted. Threading: no state, any thread. */
#ifndef POSTERN_AUTHD_JUDGE_SHARED_H
#define POSTERN_AUTHD_JUDGE_SHARED_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

enum { SHARED_KEY = 32, SHARED_TEXT = 57 /* with the NUL */ };
#define SHARED_MOST_MS (INT64_C(30) * 86400 * 1000)
#define SHARED_MS (INT64_C(86400) * 1000) /* without another end */

typedef struct {
    uuid_t7 token;
    uint64_t ends_ms; /* wall clock, whole seconds */
} shared_t;

/* TARGETS: NULL: all that the reader may see. */
void shared_make(const uint8_t key[SHARED_KEY], const shared_t *shared, const slice_t *targets,
                 char text[SHARED_TEXT]);
/* False: it was not made with this key for these targets. Whether it has ended, the caller sees. */
bool shared_read(const uint8_t key[SHARED_KEY], slice_t text, const slice_t *targets,
                 shared_t *shared);

#endif
