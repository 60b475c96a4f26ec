/* What a worker knows of the handlers of its targets: where, how and with which secrets they are
 * called. This knowledge comes from authd as handler records (common/wire/handler.h), with each
 * event and in entries of their own; the newest record of a target is kept in the journal,
 * encrypted under the workers' key (sealing_key.h), and is there again after a restart, also on
 * another host that has the key.
 *
 * Times now_ms are clock_ms (). Over a restart the end of a secret follows the wall clock.
 *
 * Threading: the worker's main thread. The journal is written by journal_note. */
#ifndef POSTERN_WORKERS_DELIVERY_HANDLERS_H
#define POSTERN_WORKERS_DELIVERY_HANDLERS_H

#include "common/base/uuid.h"
#include "workers/caller/signature.h"
#include "workers/journal/journal.h"
#include "workers/outlet/kinds.h"

typedef struct handlers handlers_t;

/* The settings of one target's deliveries, as last learned. Borrowed: valid until the next
 * handlers_learn of the same target. */
typedef struct {
    uuid_t7 target;
    uint64_t version;
    const char *url;             /* "" : the target has no handler any more */
    slice_t name;                /* of the bot or extension, for the call's JSON */
    unsigned concurrency;        /* 1 to 256 */
    bool ordered;                /* one after another */
    int64_t bound_ms;            /* of an ordered event */
    bool archived;               /* the target is */
    uuid_t7 owner;               /* whose target it is; the target itself while nobody has told */
    int64_t wait_ms;             /* how long callers wait for its answer; 0: not at all */
    const signature_key_t *key;  /* X-Cliq-Signature; NULL: none */
    const outlet_kind_t *outlet; /* it is an outlet of this kind; NULL: a handler of events */
    outlet_settings_t settings;  /* of an outlet; NAME is its channel's */
} delivery_handler_t;

/* KEY_PATH: the file of the workers' key, made with mode 0600 when it is missing. FORMER_PATH: NULL
 * or that of the key that the worker of this shard alone had in versions before, which need not be
 * there: it becomes the workers' key where that is missing; else what it has encrypted is encrypted
 * anew, and at a later start, when nothing needs it, it is removed. Loads what JOURNAL keeps; a row
 * that neither key did encrypt is logged and left out, until authd sends the record again. NULL
 * with the reason in err. */
handlers_t *handlers_new(journal_t *journal, const char *key_path, const char *former_path,
                         int64_t now_ms, char *err, size_t err_size);
void handlers_destroy(handlers_t **self_p);

/* Takes a handler record over when its version is higher than the known record's, or when it is the
 * same and tells what the known one did not (that the target is archived, whose the handler is);
 * notes the record for the journal. 0, or -1 when the record does not decode: then nothing has
 * changed. */
int handlers_learn(handlers_t *self, const uuid_t7 *target, slice_t record, int64_t now_ms);
/* Whether the newest record of the target is committed in the journal. */
bool handlers_kept(const handlers_t *self, const uuid_t7 *target);

/* NULL: none is known. */
const delivery_handler_t *handlers_get(const handlers_t *self, const uuid_t7 *target);
/* The secrets that sign now, newest first, into SECRETS[HANDLER_SECRETS]; returns how many. The
 * caller wipes them. */
size_t handlers_secrets(const handlers_t *self, const uuid_t7 *target, int64_t now_ms,
                        whsec_t *secrets);

#endif
