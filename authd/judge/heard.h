/* Secrets that a sender tells at the address of a source that waits for one (Notion, Asana:
 * common/source/handshakes.def, TOLD). Of all that comes there only such a request's body is looked
 * at here, and goes no further.
 *
 * A source waits for SOURCE_WAITS_MS from when its owner made it without a secret, or rotated it
 * so; the first secret that is told is its own. Told again within that time after, it is answered
 * again, so a request that is repeated until it is answered, as gateways do, is answered when its
 * secret is durable. Whatever else is told goes to the worker as any event, which refuses it.
 *
 * Threading: the main thread's. */
#ifndef POSTERN_AUTHD_JUDGE_HEARD_H
#define POSTERN_AUTHD_JUDGE_HEARD_H

#include "authd/directory/sources.h"
#include "common/source/presets.h"
#include "common/wire/wire.h"

typedef enum {
    HEARD_NOTHING,
    HEARD_NEW,   /* the secret is to be kept */
    HEARD_BEFORE /* it is kept: the sender is to be answered */
} heard_state_t;

typedef struct {
    heard_state_t state;
    bool echoed; /* the sender wants the header back */
    uuid_t7 source;
    size_t len;
    char secret[HANDSHAKE_TOKEN + 1]; /* of HEARD_NEW; the caller's to wipe */
} heard_t;

/* The source's preset where its sender tells its secret; else NULL. */
const preset_t *source_tells(const source_t *source);

/* What REQUEST with BODY, to the address of SOURCE, tells; its `shown` is not blanked yet. */
void heard_look(view_t *view, const source_t *source, const wire_request_t *request, slice_t body,
                uint64_t wall_ms, heard_t *heard);

#endif
