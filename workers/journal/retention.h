/* Retention of a target by itself, beside that of the whole journal (journal_options_t), which goes
 * first where it is the shorter one. What is too old or too much leaves from the target's own
 * oldest record on, within seconds; the journal's log then has holes.
 *
 * A record stays while its event is to be delivered, and while its id is remembered
 * (JOURNAL_ID_MS); the newest one of a target stays where only its bytes are too many. Each
 * revision is a record.
 *
 * Of targets that nobody owns nothing is told: they keep what the options say (journal_unowned_t),
 * as they are now; those that are there already are found, a few at a time, after each opening.
 *
 * Threading: the main thread. */
#ifndef POSTERN_WORKERS_JOURNAL_RETENTION_H
#define POSTERN_WORKERS_JOURNAL_RETENTION_H

#include "workers/journal/journal.h"

/* What a target keeps; 0: no limit, and without any the target has no retention of its own. */
typedef struct {
    uint64_t version; /* of what is told, from 1: the higher one stands */
    uint64_t age_ms;  /* by the running clock */
    uint64_t messages;
    uint64_t bytes; /* with JOURNAL_RECORD_COST for each */
} retention_t;

typedef enum {
    RETENTION_TAKEN,  /* it is not durable yet: ask again */
    RETENTION_KEPT,   /* this one or a newer one is durable */
    RETENTION_UNABLE, /* the engine has none */
} retention_told_t;

/* Takes what a target keeps from here on. */
retention_told_t journal_retain(journal_t *self, const uuid_t7 *target,
                                const retention_t *retention);

/* For the engines: says in the log what a target was told to keep. */
void retention_log(const uuid_t7 *target, const retention_t *retention);

#endif
