/* Handlers: where and how the events of a bot or of an extension's app are delivered. A target has
 * one handler; a cleared handler stays as a row without a URL, so that its version never falls
 * back. Secrets and key are kept encrypted under the master key.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_DIRECTORY_HANDLERS_H
#define POSTERN_DIRECTORY_HANDLERS_H

#include "authd/directory/directory.h"
#include "authd/directory/sealed.h"
#include "common/base/ops.h"
#include "common/base/uuid.h"
#include "common/store/sealing_key.h"
#include "common/wire/handler.h"

typedef struct {
    uuid_t7 target; /* the bot's id, or the app's target */
    op_owner_t kind;
    slice_t name;   /* of the bot or the extension */
    slice_t access; /* how a URL names the target: the bot's name, the app-id */
    uint64_t version;
    slice_t url; /* empty: cleared */
    uint64_t concurrency, bound_s, wait_s;
    bool ordered;
    slice_t sealed_key; /* empty: none */
    unsigned secrets;
    sealed_t secret[HANDLER_SECRETS]; /* oldest first */
} handler_t;

bool handlers_get(view_t *view, const uuid_t7 *target, handler_t *handler);
/* The next by target past AFTER (NULL: the first); cleared ones too. */
bool handlers_next(view_t *view, const uuid_t7 *after, handler_t *handler);
void handlers_put(view_t *view, const handler_t *handler);

/* Gives HANDLER a higher version than any that a worker was told: call this before each put. */
void handler_raise(handler_t *handler, uint64_t now_ms);

/* Appends the handler record of common/wire/handler.h to OUT, secrets in the clear: the caller
 * wipes it. wall_ms: now, by which secrets have expired or how long they live. */
void handler_record(view_t *view, const handler_t *handler, uint64_t wall_ms, pack_t *out);

/* Puts those of COUNT secrets that live at WALL_MS into WIRE, the newest first; they lie in ROOM,
 * which the caller wipes. EVENT: as sealed_open has it. */
void handler_tell_secrets(view_t *view, const sealed_t *secret, unsigned count, uint64_t wall_ms,
                          char room[HANDLER_SECRETS][HANDLER_SECRET], wire_handler_t *wire,
                          const char *event);

#endif
