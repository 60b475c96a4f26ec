#include "workers/journal/lmdb/ahead.h"
#include "workers/journal/lmdb/due.h"
#include "workers/journal/lmdb/outbox_rows.h"
#include "workers/journal/lmdb/retained.h"
#include "workers/journal/revisions.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS_IDLE = 1024, /* rows that one tending removes at most */
    STEPS_LEAST = 64,  /* and what a transaction removes at most, with twice its entries */
    ROOM_MS = 100,     /* between two looks at the free room */
    RETAINED_MS = 100, /* between two looks at the retentions of targets, while messages come */
    CLOCK_MS = 60000,  /* an idle journal stores its clock this often, if rows wait for it */
};

bool journal_is_full(const journal_t *self)
{
    return atomic_load(&self->full);
}

/* Nothing was committed for lack of room: no more of it until the next look. */
static void s_note_full(journal_t *self, int64_t now_ms)
{
    metric_add(METRIC_commit_failures_total, 1);
    atomic_store(&self->full, true);
    self->room_next_ms = self->beside_next_ms = now_ms + DUE_FULL_MS;
}

bool journal_is_gone(const journal_t *self)
{
    return atomic_load(&self->gone);
}

const char *journal_trouble(const journal_t *self)
{
    if (journal_is_gone(self))
        return "its files were moved or removed, or their disk is not mounted any more: put them "
               "back in their place";
    return journal_is_full(self)
               ? "storage is full: free room on the disk, raise worker.map_bytes or keep less"
               : NULL;
}

static void s_look_for_files(journal_t *self)
{
    bool gone = !store_is_there(self->store) || !wal_is_there(self->wal);
    if (gone == atomic_exchange(&self->gone, gone))
        return;
    if (gone)
        log_error("journal.gone", "path=%s err=%s", LOG_Q(store_path(self->store)),
                  LOG_Q("its files were moved or removed, or their disk is not mounted any more: "
                        "nothing is stored until they are back in their place"));
    else
        log_info("journal.back", "path=%s", LOG_Q(store_path(self->store)));
}

static bool s_has_room(journal_t *self, int64_t now_ms)
{
    if (now_ms >= self->room_next_ms) {
        self->room_next_ms = now_ms + ROOM_MS;
        s_look_for_files(self);
        atomic_store(&self->full, !atomic_load(&self->gone) && !store_has_room(self->store));
    }
    return !atomic_load(&self->full) && !atomic_load(&self->gone);
}

static void s_enter(journal_t *self, engine_state_t to)
{
    static const unsigned next[] = {
        [ENGINE_IDLE] = 1u << ENGINE_OPEN,
        [ENGINE_OPEN] = 1u << ENGINE_IDLE | 1u << ENGINE_COMMITTING | 1u << ENGINE_BEHIND,
        [ENGINE_COMMITTING] = 1u << ENGINE_IDLE | 1u << ENGINE_BEHIND,
        [ENGINE_BEHIND] = 1u << ENGINE_OPEN,
    };
    assert(next[self->at] & 1u << to);
    self->at = to;
}

/* IDLE: begins a pass. OPEN: goes on with it. */
static int s_open_pass(journal_t *self, size_t touched, int64_t now_ms)
{
    if (self->at == ENGINE_OPEN) {
        pass_extend(&self->pass, touched, now_ms);
        return 0;
    }
    s_enter(self, ENGINE_OPEN);
    return pass_begin(&self->pass, self, touched, now_ms);
}

/* A pass is gone for lack of room: what it had is to be applied again. */
static void s_fall_behind(journal_t *self, int64_t now_ms)
{
    s_enter(self, ENGINE_BEHIND);
    notes_give_back(&self->notes);
    self->notes.next_ms = now_ms + DUE_FULL_MS;
    self->begun_ms = now_ms;
}

/* OPEN: the pass is of no use, or gone already. */
static void s_leave_pass(journal_t *self, int64_t now_ms)
{
    self->spoiled = false;
    pass_abort(&self->pass);
    if (atomic_load(&self->unsaved))
        s_fall_behind(self, now_ms);
    else
        s_enter(self, ENGINE_IDLE);
}

/* BEHIND: begins a pass with what only the write-ahead file has, at the times at which it was
 * stored. */
static void s_catch_up(journal_t *self, int64_t now_ms)
{
    uint64_t count = 0;
    if (self->spoiled)
        s_leave_pass(self, now_ms);
    if (self->at != ENGINE_BEHIND)
        return;
    int rc = s_open_pass(self, 0, 0);
    if (rc == 0)
        rc = replay_recall(&self->pass, self->generation, &count);
    if (rc != 0)
        store_fail(self->store, "replay", rc);
    assert(self->pass.state.next_log == atomic_load(&self->tip));
    pass_extend(&self->pass, 0, now_ms);
}

/* OPEN: goes back to what was before there was no room. */
static void s_go_back(journal_t *self, int64_t now_ms)
{
    s_note_full(self, now_ms);
    s_leave_pass(self, now_ms);
    s_catch_up(self, now_ms);
}

/* Waits for a commit that is under way. */
static void s_settle(journal_t *self)
{
    while (self->at == ENGINE_COMMITTING)
        pthread_cond_wait(&self->settled, &self->lock);
}

/* All before NEXT_LOG is durable and can be read. */
static void s_raise_tip(journal_t *self, uint64_t next_log)
{
    if (next_log <= atomic_load(&self->tip))
        return;
    atomic_store(&self->tip, next_log);
    asking_rose(self->asking);
}

/* What the journal's state covers needs the write-ahead file no more. */
static void s_committed(journal_t *self, int64_t now_ms)
{
    notes_commit(&self->notes);
    tail_drop(self->tail, self->state.generation);
    atomic_store(&self->committed_log, self->state.next_log);
    s_raise_tip(self, self->state.next_log);
    self->committed_ms = now_ms;
    self->room_next_ms = 0; /* the write-ahead file stays within what was free at the last look */
}

/* The commit of PASS covers what is in the write-ahead file. */
static void s_cover(const journal_t *self, pass_t *pass)
{
    pass->state.generation = self->generation;
    if (wal_used(self->wal) > 0)
        pass->state.framed = self->generation;
}

/* OPEN: commits the pass. STORE_FULL: it is gone. */
static store_commit_t s_commit(journal_t *self, int64_t now_ms)
{
    s_cover(self, &self->pass);
    store_commit_t went = pass_commit(&self->pass);
    if (went != STORE_OK)
        return went;
    atomic_store(&self->unsaved, false);
    s_enter(self, ENGINE_IDLE);
    s_committed(self, now_ms);
    journal_next_generation(self);
    return went;
}

/* Nothing of the frame in the making counts. */
static void s_drop_frame(journal_t *self)
{
    wal_drop(self->wal);
    tail_unstage(self->tail);
}

/* Writes the frame of what PASS has stored; false when there is no room for it. */
static bool s_write(journal_t *self, const pass_t *pass, int64_t now_ms)
{
    bool first = self->at == ENGINE_COMMITTING && wal_used(self->wal) == 0;
    uint64_t first_log = pass->state.next_log - pass->stored;
    switch (wal_write(self->wal, pass->state.running_ms, first_log)) {
    case WAL_OK:
        tail_publish(self->tail, first_log);
        s_raise_tip(self, pass->state.next_log);
        if (first || !atomic_load(&self->unsaved))
            self->begun_ms = now_ms;
        atomic_store(&self->unsaved, true);
        return true;
    case WAL_FULL:
        tail_unstage(self->tail);
        return false;
    case WAL_FAILED:
        break;
    }
    store_fail(self->store, "write-ahead file", errno);
}

/* Judges the entries in the open pass, or in one that begins with them. */
static int s_judge(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms,
                   bool may_store)
{
    pass_t *pass = &self->pass;
    size_t steps = 2 * count + STEPS_LEAST;
    int rc = s_open_pass(self, count + steps + STEPS_IDLE, now_ms);
    pass->may_store = may_store;
    pass->stored = 0;
    if (rc == 0 && may_store)
        rc = seen_prune(pass, steps);
    if (rc == 0 && may_store)
        rc = outbox_prune(pass, STEPS_LEAST);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = seen_judge(pass, entries[i]);
    if (rc == 0 && pass->stored > 0)
        rc = retention_step(pass, steps);
    if (rc == 0 && pass->stored > 0 && now_ms - self->retaining.looked_ms >= RETAINED_MS) {
        self->retaining.looked_ms = now_ms;
        rc = retained_step(pass, STEPS_IDLE);
    }
    return rc;
}

/* False when there was no room for it and nothing was done; then the pass is gone. */
static bool s_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms,
                     bool may_store)
{
    pass_t *pass = &self->pass;
    uint64_t retired = self->retired;
    int rc = s_judge(self, entries, count, now_ms, may_store);
    store_commit_t went = rc ? store_failure(rc) : STORE_OK;
    if (went == STORE_OK && pass->stored > 0 && !s_write(self, pass, now_ms))
        went = s_commit(self, now_ms);
    if (went == STORE_UNKNOWN)
        store_fail(self->store, "append", rc);
    if (went == STORE_FULL) {
        s_drop_frame(self);
        s_leave_pass(self, now_ms);
        self->retired = retired;
    } else if (self->at == ENGINE_OPEN && !atomic_load(&self->unsaved)) {
        s_leave_pass(self, now_ms); /* what it removed on the way can wait */
        self->retired = retired;
    }
    return went == STORE_OK;
}

/* Makes the replies in the first notes that wait durable: once they are, those up to *UNTIL may be
 * taken. */
static bool s_store_replies(journal_t *self, int64_t now_ms, uint64_t *until)
{
    journal_entry_t entries[NOTES_REPLIES], *list[NOTES_REPLIES];
    size_t count = notes_replies(&self->notes, entries, until);
    for (size_t i = 0; i < count; i++) {
        entries[i].record.time_ms = clock_wall_ms();
        list[i] = &entries[i];
    }
    if (count == 0)
        return true;
    bool stored = s_has_room(self, now_ms) && s_append(self, list, count, now_ms, true);
    for (size_t i = 0; i < count; i++)
        revisions_forget(&entries[i]);
    if (stored) {
        metric_add(METRIC_replies_posted_total, (int64_t)self->pass.stored);
        return true;
    }
    s_note_full(self, now_ms);
    self->notes.next_ms = now_ms + DUE_FULL_MS;
    s_catch_up(self, now_ms);
    return false;
}

/* Puts the notes that wait into the pass. Without room for them they wait on. */
static void s_take_notes(journal_t *self, int64_t now_ms)
{
    pass_t *pass = &self->pass;
    uint64_t until;
    if (now_ms < self->notes.next_ms || !journal_has_notes(self) ||
        !s_store_replies(self, now_ms, &until))
        return;
    int rc = s_open_pass(self, 0, now_ms);
    pass->awaited = true;
    if (rc == 0)
        rc = outbox_take_notes(pass, until);
    pass_extend(pass, 0, now_ms); /* to the time that the last of them was told */
    if (!atomic_load(&self->unsaved))
        self->begun_ms = now_ms;
    atomic_store(&self->unsaved, true);
    if (rc == 0)
        return;
    if (store_failure(rc) != STORE_FULL)
        store_fail(self->store, "note", rc);
    s_go_back(self, now_ms);
}

/* False when the entries have to wait for the commit that is under way. */
static bool s_append_ahead(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    if (!ahead_append(self, entries, count, now_ms)) {
        s_drop_frame(self);
        return false;
    }
    return self->ahead.stored == 0 || s_write(self, &self->ahead, now_ms);
}

/* By the pass; returns how many were stored. */
static size_t s_append_all(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms,
                           bool may_store)
{
    if (!s_append(self, entries, count, now_ms, may_store)) {
        /* What was stored earlier is still answered, from what really is in the file. */
        s_note_full(self, now_ms);
        s_catch_up(self, now_ms);
        if (!s_append(self, entries, count, now_ms, false))
            store_fail(self->store, "look-up", 0);
    }
    return self->pass.stored;
}

static void s_appended(journal_t *self, size_t stored, int64_t began_us)
{
    if (stored == 0)
        return;
    int64_t took_us = clock_us() - began_us;
    atomic_store(&self->append_us, took_us);
    metric_add(METRIC_commits_total, 1);
    metric_observe_us(METRIC_commit_seconds, took_us);
}

size_t journal_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    size_t stored;
    if (count == 0)
        return 0;
    pthread_mutex_lock(&self->lock);
    int64_t began_us = clock_us();
    bool may_store = s_has_room(self, now_ms);
    if (self->at == ENGINE_COMMITTING && may_store &&
        s_append_ahead(self, entries, count, now_ms)) {
        stored = self->ahead.stored;
    } else {
        s_settle(self);
        s_catch_up(self, now_ms);
        stored = s_append_all(self, entries, count, now_ms, may_store);
    }
    s_appended(self, stored, began_us);
    pthread_mutex_unlock(&self->lock);
    return stored;
}

/* OPEN, with a pass of the writer's. A pass that has no room for them has to be left by its own
 * thread. */
static bool s_append_beside(journal_t *self, journal_entry_t **entries, size_t count,
                            int64_t now_ms)
{
    uint64_t retired = self->retired;
    int rc = s_judge(self, entries, count, now_ms, true);
    if (rc != 0 && store_failure(rc) == STORE_UNKNOWN)
        store_fail(self->store, "append", rc);
    if (rc == 0 && (self->pass.stored == 0 || s_write(self, &self->pass, now_ms)))
        return true;
    s_drop_frame(self);
    self->retired = retired;
    self->spoiled = true;
    self->beside_next_ms = now_ms + DUE_FULL_MS;
    return false;
}

/* Not where a write was refused a moment ago: each that fails costs the writer a pass, which it has
 * to make anew. Nor where the half is soon full and a commit due, which is the writer's. */
static bool s_takes_beside(const journal_t *self, int64_t now_ms)
{
    return now_ms >= self->beside_next_ms && !self->spoiled && !wal_is_soiled(self->wal) &&
           wal_used(self->wal) < wal_size(self->wal) / 2;
}

bool journal_append_beside(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms)
{
    bool done = false;
    if (pthread_mutex_trylock(&self->lock) != 0)
        return false;
    int64_t began_us = clock_us();
    bool takes = s_takes_beside(self, now_ms) && s_has_room(self, now_ms);
    if (takes && self->at == ENGINE_COMMITTING) {
        done = s_append_ahead(self, entries, count, now_ms);
        s_appended(self, done ? self->ahead.stored : 0, began_us);
    } else if (takes && self->at == ENGINE_OPEN && atomic_load(&self->unsaved)) {
        done = s_append_beside(self, entries, count, now_ms);
        s_appended(self, done ? self->pass.stored : 0, began_us);
    }
    pthread_mutex_unlock(&self->lock);
    return done;
}

/* Commits, or notes that there is no room for it. */
static void s_checkpoint(journal_t *self, int64_t now_ms)
{
    if (s_commit(self, now_ms) != STORE_OK)
        s_go_back(self, now_ms);
}

/* False when the other half of the write-ahead file is needed, or must not be written yet; or when
 * this one has nothing: then a commit is short, too. */
static bool s_may_leave(const journal_t *self)
{
    return self->generation == self->state.generation + 1 && wal_used(self->wal) > 0 &&
           !wal_is_soiled(self->wal);
}

/* Lets the pass go for its commit and goes ahead in the other half of the write-ahead file. */
static bool s_leave(journal_t *self, int64_t now_ms)
{
    pass_t *pass = &self->pass;
    s_cover(self, pass);
    if (pass_close(pass) != STORE_OK) {
        s_go_back(self, now_ms);
        return false;
    }
    s_enter(self, ENGINE_COMMITTING);
    self->leaving = *pass;
    pass->txn = NULL;
    int rc = ahead_begin(self);
    if (rc != 0)
        store_fail(self->store, "look ahead", rc);
    wal_restart(self->wal, ++self->generation);
    return true;
}

bool journal_checkpoint_begin(journal_t *self, int64_t now_ms)
{
    bool left = false;
    pthread_mutex_lock(&self->lock);
    if (self->at != ENGINE_COMMITTING) {
        s_catch_up(self, now_ms);
        s_take_notes(self, now_ms);
        bool due = due_is(self, now_ms);
        if (due && s_may_leave(self))
            left = s_leave(self, now_ms);
        else if (due)
            s_checkpoint(self, now_ms);
    }
    pthread_mutex_unlock(&self->lock);
    return left;
}

void journal_checkpoint_end(journal_t *self, int64_t now_ms)
{
    pass_t leaving = self->leaving;
    int64_t began_us = clock_us();
    store_commit_t went = pass_end(&leaving);
    pthread_mutex_lock(&self->lock);
    self->commit_ms = (clock_us() - began_us) / 1000;
    ahead_end(self);
    if (went == STORE_OK) {
        bool came = wal_used(self->wal) > 0;
        self->state = leaving.state;
        s_enter(self, came ? ENGINE_BEHIND : ENGINE_IDLE);
        atomic_store(&self->unsaved, came);
        s_committed(self, now_ms);
    } else {
        s_note_full(self, now_ms);
        s_fall_behind(self, now_ms);
    }
    pthread_cond_broadcast(&self->settled);
    pthread_mutex_unlock(&self->lock);
}

bool journal_is_saved(const journal_t *self)
{
    return !atomic_load(&self->unsaved);
}

/* IDLE: what has expired and what is retired, in a pass of its own. True when there is more. */
static bool s_tend(journal_t *self, int64_t now_ms)
{
    pass_t *pass = &self->pass;
    uint64_t retired = self->retired;
    int rc = s_open_pass(self, 2 * STEPS_IDLE, now_ms);
    if (rc == 0)
        rc = seen_prune(pass, STEPS_IDLE);
    if (rc == 0)
        rc = outbox_prune(pass, STEPS_IDLE);
    if (rc == 0)
        rc = retention_step(pass, STEPS_IDLE);
    if (rc == 0)
        rc = retained_step(pass, STEPS_IDLE);
    if (rc != 0 && store_failure(rc) == STORE_UNKNOWN)
        store_fail(self->store, "tend", rc);
    bool rows_wait = pass->state.keys > 0 || pass->state.records > 0;
    bool clock_due = rows_wait && now_ms - self->committed_ms >= CLOCK_MS;
    bool more = pass->removed >= STEPS_IDLE;
    if (rc == 0 && pass->removed == 0 && !clock_due) {
        s_leave_pass(self, now_ms);
        return false;
    }
    if (rc == 0 && s_commit(self, now_ms) == STORE_OK)
        return more;
    s_leave_pass(self, now_ms);
    self->retired = retired;
    s_note_full(self, now_ms);
    return false;
}

bool journal_takes_notes(journal_t *self, int64_t now_ms)
{
    if (!journal_has_notes(self))
        return false;
    pthread_mutex_lock(&self->lock);
    bool takes = self->at != ENGINE_COMMITTING && now_ms >= self->notes.next_ms;
    pthread_mutex_unlock(&self->lock);
    return takes;
}

bool journal_tend(journal_t *self, int64_t now_ms)
{
    bool more = false;
    pthread_mutex_lock(&self->lock);
    s_has_room(self, now_ms);
    if (self->at != ENGINE_COMMITTING) {
        s_catch_up(self, now_ms);
        if (due_is(self, now_ms))
            s_checkpoint(self, now_ms);
        if (self->at == ENGINE_IDLE)
            more = s_tend(self, now_ms);
        s_take_notes(self, now_ms);
    }
    pthread_mutex_unlock(&self->lock);
    return more;
}

void journal_finish(journal_t *self)
{
    pthread_mutex_lock(&self->lock);
    s_settle(self);
    if (self->given_up) {
        pthread_mutex_unlock(&self->lock);
        return;
    }
    s_catch_up(self, self->committed_ms);
    s_take_notes(self, self->committed_ms);
    /* Without room it stays in the write-ahead file, for the next who opens. */
    if (self->at == ENGINE_OPEN && s_commit(self, self->committed_ms) != STORE_OK) {
        s_leave_pass(self, self->committed_ms);
        self->given_up = true;
        log_warn("journal.unsaved", "err=%s",
                 LOG_Q("no room for the last messages; they wait in the write-ahead file"));
    }
    pthread_mutex_unlock(&self->lock);
}

void journal_inspect(journal_t *self, journal_state_t *state)
{
    store_state_t store;
    store_inspect(self->store, &store);
    pthread_mutex_lock(&self->lock);
    const state_t *now = self->at == ENGINE_IDLE   ? &self->state
                         : self->at == ENGINE_OPEN ? &self->pass.state
                                                   : &self->ahead.state;
    *state = (journal_state_t){
        .records = now->records,
        .keys = now->keys,
        .retired = self->retired,
        .used_bytes = store.used_bytes,
        .room_bytes = store.room_bytes,
    };
    pthread_mutex_unlock(&self->lock);
    metric_set(METRIC_journal_map_bytes, (int64_t)store.map_bytes);
    metric_set(METRIC_disk_free_bytes, (int64_t)store.disk_free_bytes);
    metric_set(METRIC_reader_lag, (int64_t)store.reader_lag);
}
