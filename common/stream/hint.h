/* Hints: what a stream of all tells beside messages, so that a page need not ask again and again:
 * that a delivery has another state, a token was used, a list has changed, the ring fares
 * otherwise. They are not durable: one that is missed is not sent again, and a reader that comes
 * back asks for what it shows.
 *
 * A lane asks authd for them (ASK_HINTS in ask.h), by the grant of its stream of all, and workers
 * for those of deliveries (ASK_DELIVERIES).
 * Threading: no state, any thread. */
#ifndef POSTERN_STREAM_HINT_H
#define POSTERN_STREAM_HINT_H

#include "common/stream/bytes.h"

/* What a stream may have, as the parameter "events" names it; on the wire as bits 1 << EVENT_…. */
typedef enum {
    EVENT_message, /* with edits and deletions */
    EVENT_token_used,
    EVENT_directory,
    EVENT_health,
    EVENT_delivery,
    EVENTS
} event_t;
enum { EVENT_HINTS = (1 << EVENTS) - 1 - (1 << EVENT_message) };
/* A bit; 0: there is no such event. */
unsigned event_of(slice_t name);
const char *event_name(event_t event);

enum { HINT_JSON = 1024, HINT_ROWS = 100 /* most in an answer */ };

typedef struct {
    event_t event;
    uuid_t7 key;    /* of what it is about; of token_used the token, of delivery the target */
    uint64_t stamp; /* token_used: when it was, ms since 1970; delivery: its number */
    slice_t json;   /* the event's data, an object in one line */
} hint_t;

void hint_write(const hint_t *hint, bytes_t *out);
/* False, too, when the JSON is not one line of UTF-8 in braces. An event of a newer version has a
 * number that is none of these. */
bool hint_read(bytes_in_t *in, hint_t *hint);

/* Whether TEXT is one line of UTF-8 in braces, of at most MOST bytes. */
bool hint_is_line(slice_t text, size_t most);

#endif
