/* Counts the deaths of workers that each entry was there for: a worker may die of an entry, which
 * must not be sent to one worker after another. An entry that only reads is refused at its second
 * death, whoever was there: the first may be a kill, and a read is as good from the next worker. An
 * entry that writes is not sent again after its second death where it was the worker's only entry;
 * where there were others it goes in a batch of its own from then on, and is not sent again after
 * its third. After a first death all entries go together: one death proves nothing, and a batch for
 * each entry would keep a shard whose worker was killed busy for seconds.
 *
 * Threading: one thread. */
#ifndef POSTERN_DEATHS_H
#define POSTERN_DEATHS_H

#include "common/link/queue.h"

typedef struct deaths deaths_t;

/* Answers an entry that only reads, which is not sent again. */
typedef void deaths_refuse_fn(void *arg, const queue_note_t *entry);

deaths_t *deaths_new(deaths_refuse_fn *refuse, void *arg);
void deaths_destroy(deaths_t **self_p);

/* Counts the death of a worker that had these LEN batches, sent and not taken over. */
void deaths_count(deaths_t *self, const queue_notes_t *const *batches, unsigned len,
                  int64_t now_ms);

typedef enum {
    DEATHS_NONE,    /* the entry was there for no death, or for one */
    DEATHS_SUSPECT, /* the entry is to be sent in a batch of its own */
    DEATHS_ENOUGH,  /* the entry is not to be sent again; one that reads has been refused */
} deaths_verdict_t;

/* The verdict about an entry that comes again. */
deaths_verdict_t deaths_of(deaths_t *self, const uuid_t7 *id, int64_t now_ms);

#endif
