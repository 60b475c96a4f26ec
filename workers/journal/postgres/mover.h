/* One mover of a shard (move.h), and what it changes in the shard's rows: each change is a commit
 * that is replicated like any other, and changes nothing where the row is not as the mover left it.
 *
 * Threading: one thread. 0, or -1 with the reason in the mover's err. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_MOVER_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_MOVER_H

#include "workers/journal/postgres/move.h"

typedef struct {
    const move_options_t *options;
    session_t sessions[CLUSTERS];
    place_t places[CLUSTERS];
    place_t began[CLUSTERS]; /* what these were when this mover began, or claimed them */
    int from, to;
    bool back; /* the move that is under way is undone: TO is FROM, where the shard was */
    uuid_t7 me;
    char me_text[UUID_TEXT], lease[32];
    uint64_t epoch;      /* the last one here */
    int64_t closed_ms;   /* when it was closed; 0: before this process */
    bool closed;         /* it lives nowhere */
    uint64_t running_ms; /* the shard's clock, as its lease here has it */
    uint64_t beat;       /* of its lease here, which each mover that closes or reopens raises */
    bool may_be_open;    /* there, as its lease here says: the row here was closed before */
    int at;              /* the cluster of the row at hand */
    char *err;
    size_t err_size;
} mover_t;

int mover_refuse(mover_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
int mover_refuse_session(mover_t *self, int at);
void mover_say(mover_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
void mover_wait(unsigned ms);
/* The name of a cluster, and whether the operator says that it is lost. */
const char *mover_name(const mover_t *self, int at);
bool mover_is_lost(const mover_t *self, unsigned at);

/* The row there is this mover's, and no other's: it comes. */
int row_claim(mover_t *self, int at);
/* The row here is closed, and the worker that had the shard has no session any more. */
int row_close(mover_t *self);
/* The row there, which this mover has claimed, is opened. */
int row_open_there(mover_t *self);
/* The lease here says that the row there may be open from now on; refused where the shard was taken
 * back. */
int row_mark_open(mover_t *self);
/* Of BACK, in two steps, between which all rows are claimed that another mover could open: the row
 * here is opened again, unless somebody has closed it after the first. */
int row_watch(mover_t *self);
int row_reopen(mover_t *self);
/* A row that comes is another mover's, which has died or is given up: from now on that one writes
 * nothing there. One that began after this one goes on: false. */
bool row_take_over(mover_t *self, int at, int *rc);
/* Before anything is dropped where the shard was: no later call takes what is left for all of it.
 */
int row_mark_dropped(mover_t *self, int at);

#endif
