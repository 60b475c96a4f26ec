#include "authd/copies/postgres/shared.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <time.h>

enum { TRIES = 5, RESOLVE_MS = 10000, RESOLVE_PAUSE_MS = 100 };

/* Gives the head's lock back, with what was not committed. */
static void s_drop(void *arg)
{
    copies_t *self = arg;
    statement_t rollback;
    if (!self->locked)
        return;
    self->locked = false;
    statement_begin(&rollback, "", "ROLLBACK");
    if (session_exchange(&self->changing, &rollback, 1, SESSION_DEADLINE_MS) == SESSION_OK)
        statement_end(&rollback);
    else
        session_close(&self->changing);
}

static session_outcome_t s_lock(copies_t *self, copy_mark_t *head)
{
    statement_t all[2];
    statement_begin(&all[0], "", "BEGIN");
    statement_begin(&all[1], "",
                    "SELECT version, change FROM postern.directory_head WHERE one FOR UPDATE");
    session_outcome_t went = SESSION_OK;
    if (!session_is_open(&self->changing))
        went = session_open(&self->changing, self->connection);
    if (went != SESSION_OK)
        return went;
    self->locked = true;
    went = session_exchange(&self->changing, all, 2, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        *head = (copy_mark_t){statement_number(&all[1], 0, 0), statement_id(&all[1], 0, 1)};
    if (went == SESSION_OK)
        statement_end_all(all, 2);
    return went;
}

static view_outcome_t s_refuse(const copies_t *self)
{
    metric_add(METRIC_copies_refused_total, 1);
    log_warn("directory.unchanged", "err=%s", LOG_Q(self->changing.text));
    return VIEW_AWAY;
}

/* The log is caught up with outside of the lock, because that takes a commit. Nothing is changed
 * yet: a connection that broke, as all do when another server becomes the primary, is made again.
 */
static view_outcome_t s_lock_latest(copies_t *self, copy_mark_t *mark)
{
    bool did;
    for (unsigned i = 0; i < TRIES; i++) {
        copy_mark_t head, mine = copies_mark(self);
        session_outcome_t went = s_lock(self, &head);
        if (went == SESSION_OK && copy_mark_eq(&head, &mine)) {
            *mark = (copy_mark_t){.number = head.number + 1};
            uuid_new(&mark->change);
            self->mark = *mark;
            return VIEW_DONE;
        }
        s_drop(self);
        if (went == SESSION_OK)
            went = follow_catch_up(self, &self->changing, &did);
        if (went != SESSION_OK && went != SESSION_AGAIN && went != SESSION_UNKNOWN)
            break;
    }
    return s_refuse(self);
}

static view_outcome_t s_begin(void *arg, copy_mark_t *mark)
{
    copies_t *self = arg;
    atomic_store(&self->asked_ms, clock_ms());
    view_outcome_t went = s_lock_latest(self, mark);
    atomic_store(&self->asked_ms, 0);
    return went;
}

static session_outcome_t s_look_for(copies_t *self, bool *there)
{
    statement_t all[2];
    statement_begin(&all[0], "", "UPDATE postern.directory_head SET version = version WHERE one");
    statement_begin(&all[1], "",
                    "SELECT 1 FROM postern.directory_log WHERE version = $1 AND change = $2");
    statement_int8(&all[1], self->mark.number);
    statement_uuid(&all[1], &self->mark.change);
    session_outcome_t went = session_open(&self->changing, self->connection);
    if (went == SESSION_OK)
        went = session_exchange(&self->changing, all, 2, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    *there = statement_rows(&all[1]) == 1;
    statement_end_all(all, 2);
    return went;
}

/* After a commit of which nothing is known: what is found after a write that waited for the head's
 * lock, and is committed like any other, is there for good; and what is not will never be. */
static session_outcome_t s_resolve(copies_t *self)
{
    const struct timespec pause = {.tv_nsec = RESOLVE_PAUSE_MS * 1000000};
    int64_t until_ms = clock_ms() + RESOLVE_MS;
    bool there = false;
    session_outcome_t went;
    while ((went = s_look_for(self, &there)) != SESSION_OK && clock_ms() < until_ms)
        nanosleep(&pause, NULL);
    log_warn("directory.unknown", "number=%llu is=%s", (unsigned long long)self->mark.number,
             went != SESSION_OK ? "unknown"
             : there            ? "made"
                                : "not_made");
    return went == SESSION_OK && !there ? SESSION_AWAY : went;
}

static void s_read(slice_t redo, rows_out_t *put, rows_out_t *gone)
{
    redo_row_t row;
    rows_out_begin(put, true);
    rows_out_begin(gone, false);
    while (redo_take(&redo, &row) == 1)
        rows_out_add(row.gone ? gone : put, &row);
}

static session_outcome_t s_write(copies_t *self, slice_t redo)
{
    statement_t all[5];
    rows_out_t put = {0}, gone = {0};
    s_read(redo, &put, &gone);
    statement_begin(&all[0], "head",
                    "UPDATE postern.directory_head SET version = $1, change = $2 WHERE one");
    statement_int8(&all[0], self->mark.number);
    statement_uuid(&all[0], &self->mark.change);
    rows_put(&all[1], &put);
    rows_delete(&all[2], &gone);
    statement_begin(&all[3], "note",
                    "INSERT INTO postern.directory_log (version, change, redo) VALUES ($1, $2, "
                    "$3)");
    statement_int8(&all[3], self->mark.number);
    statement_uuid(&all[3], &self->mark.change);
    statement_bytea(&all[3], redo);
    statement_begin(&all[4], "", "COMMIT");
    session_outcome_t went = session_exchange(&self->changing, all, 5, SESSION_DEADLINE_MS);
    if (went == SESSION_OK)
        statement_end_all(all, 5);
    rows_out_free(&put);
    rows_out_free(&gone);
    return went;
}

static session_outcome_t s_commit(copies_t *self, slice_t redo)
{
    session_outcome_t went = s_write(self, redo);
    if (went == SESSION_OK || went == SESSION_UNKNOWN)
        self->locked = false;
    return went == SESSION_UNKNOWN ? s_resolve(self) : went;
}

static view_outcome_t s_share(void *arg, slice_t redo)
{
    copies_t *self = arg;
    atomic_store(&self->asked_ms, clock_ms());
    session_outcome_t went = s_commit(self, redo);
    atomic_store(&self->asked_ms, 0);
    if (went != SESSION_OK)
        return went == SESSION_FULL ? VIEW_FULL : s_refuse(self);
    uses_forget(self, redo);
    atomic_store(&self->changed, self->mark.number);
    turning_ring(self->turning);
    return VIEW_DONE;
}

void change_begin(copies_t *self)
{
    self->sharing = (sharing_t){s_begin, s_share, s_drop, self};
    directory_share(self->directory, &self->sharing);
}
