/* Which of a channel's events are wanted: by the source that one is of, and by the parameters only,
 * except and branch of its request, which narrow that. Threading: one thread at a time. */
#ifndef POSTERN_WORKERS_POST_WISH_H
#define POSTERN_WORKERS_POST_WISH_H

#include "common/source/record.h"
#include "workers/format/format.h"
#include "workers/post/drain.h"

enum { WISH_SELECTIONS = 2 };

/* All zero is valid, and wants everything. */
typedef struct {
    selection_t selections[WISH_SELECTIONS];
    unsigned count;
    bool drops_unknown;
} wish_t;

/* Takes the parameters in. False: one is no list of globs, and the job is refused. */
bool wish_read(wish_t *self, job_t *job);
/* Takes in what a source says; NULL: there is none. */
void wish_add(wish_t *self, const source_record_t *source);

/* As a renderer takes it; borrows SELF. */
format_wanted_t wish_wanted(const wish_t *self);

#endif
