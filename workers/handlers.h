/* What a worker knows of the handlers of its targets: where, how and with which secrets they are
 * called. Threading: the main thread. */
#ifndef POSTERN_HANDLERS_H
#define POSTERN_HANDLERS_H

#include "common/base/uuid.h"
#include "workers/journal.h"
#include "workers/signature.h"

typedef struct handlers handlers_t;

/* The settings of one target's deliveries, as last learned. Borrowed: valid until the next
 * handlers_learn of the same target. */
typedef struct {
    uuid_t7 target;
    uint64_t version;
    const char *url;            /* "" : the target has no handler any more */
    slice_t name;               /* of the bot or extension, for the call's JSON */
    uint32_t wait_ms;           /* 0: callers do not wait */
    unsigned concurrency;       /* 1 to 256 */
    bool ordered;               /* one after another */
    int64_t bound_ms;           /* of an ordered event */
    const signature_key_t *key; /* X-Cliq-Signature; NULL: none */
} handler_t;

/* KEY_PATH: the worker's own key file, made with mode 0600 when it is missing. Loads what JOURNAL
 * keeps. NULL with the reason in err. */
handlers_t *handlers_new(journal_t *journal, const char *key_path, int64_t now_ms, char *err,
                         size_t err_size);
void handlers_destroy(handlers_t **self_p);

/* Takes a handler record (common/wire/handler.h) over when its version is higher than the known one
 * and keeps it in the journal, encrypted. 0, or -1 when it does not decode. */
int handlers_learn(handlers_t *self, const uuid_t7 *target, slice_t record, int64_t now_ms);

/* NULL: none is known. */
const handler_t *handlers_get(const handlers_t *self, const uuid_t7 *target);
/* The secrets that sign now, newest first, into SECRETS[HANDLER_SECRETS]; returns how many. */
size_t handlers_secrets(const handlers_t *self, const uuid_t7 *target, int64_t now_ms,
                        whsec_t *secrets);
/* Calls EACH for every handler. */
void handlers_each(const handlers_t *self, void (*each)(void *arg, const handler_t *handler),
                   void *arg);
/* Threading: the worker's main thread. Writing into the journal goes through a list of changes that
 * the writer thread applies (see B's journal_outbox.h: journal_note). */

#endif
