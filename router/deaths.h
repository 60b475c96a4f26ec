/* Which entries workers had when they died: one of them may be what they died of, and must not be
 * sent until nothing lives. What reads is refused at its first death. What writes is not sent again
 * after its second where nobody else was there; among others it goes in a batch of its own from
 * then on, and its third is the last. After a first death all go together: one is no sign of guilt,
 * and a batch for each would keep a shard whose worker was killed busy for seconds.
 *
 * Threading: one thread. */
#ifndef POSTERN_DEATHS_H
#define POSTERN_DEATHS_H

#include "common/link/queue.h"

typedef struct deaths deaths_t;

/* What to do with an entry that only reads: answer it. */
typedef void deaths_refuse_fn(void *arg, const queue_note_t *entry);

deaths_t *deaths_new(deaths_refuse_fn *refuse, void *arg);
void deaths_destroy(deaths_t **self_p);

/* A worker has died that had these LEN batches, sent and not taken over. */
void deaths_count(deaths_t *self, const queue_notes_t *const *batches, unsigned len,
                  int64_t now_ms);

typedef enum {
    DEATHS_NONE,    /* it was there for none, or for one */
    DEATHS_SUSPECT, /* to be sent alone */
    DEATHS_ENOUGH,  /* it is not to be sent again; what reads has been refused */
} deaths_verdict_t;

/* Of an entry that comes again. */
deaths_verdict_t deaths_of(deaths_t *self, const uuid_t7 *id, int64_t now_ms);

#endif
