/* Carrying out what was noted: the replies first, as any record is stored, then the notes, many in
 * one transaction with a mark of its own, by which it is known again after a lost connection, and
 * the clock. That does not go into the lease: a commit that waits for its copy would keep the row
 * from the beat. */
#include "workers/journal/notes.h"
#include "workers/journal/postgres/items.h"
#include "workers/journal/revisions.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOTES = 256, /* most of a transaction */
    TRIES = 3,
    ROOM_MS = 1000, /* between two looks for room */
    FENCE = 0,
    STATEMENTS = 12,
    TEXTS = 4,
};

typedef enum {
    ITEM_LOG,
    ITEM_TARGET,
    ITEM_ID,
    ITEM_MADE,
    ITEM_ATTEMPTS,
    ITEM_PLACE,
    ITEM_STORED,
    ITEM_FIRST,
    ITEM_TIME,
    ITEM_REPLIED,
    ITEM_UNTIL, /* of one that is pending when it is due, else when it has ended */
    ITEM_STATE,
    ITEM_ALL
} item_field_t;
typedef enum {
    TRY_LOG,
    TRY_NUMBER,
    TRY_TIME,
    TRY_DURATION,
    TRY_STATUS,
    TRY_OUTCOME,
    TRY_TRACE,
    TRY_ANSWER,
    TRY_ALL
} try_field_t;
typedef enum { KEEP_WHAT, KEEP_TARGET, KEEP_BYTES, KEEP_ALL } keep_field_t;
enum { KEPT_MARK = 0 }; /* else a note_kind_t */

static const uint32_t s_item_types[ITEM_ALL] = {TYPE_INT8, TYPE_UUID, TYPE_UUID, TYPE_INT8,
                                                TYPE_INT8, TYPE_INT8, TYPE_INT8, TYPE_INT8,
                                                TYPE_INT8, TYPE_INT2, TYPE_INT8, TYPE_INT2};
static const uint32_t s_try_types[TRY_ALL] = {TYPE_INT8, TYPE_INT8, TYPE_INT8,  TYPE_INT8,
                                              TYPE_INT2, TYPE_INT2, TYPE_BYTEA, TYPE_BYTEA};
static const uint32_t s_keep_types[KEEP_ALL] = {TYPE_INT2, TYPE_UUID, TYPE_BYTEA};

/* Of a transaction: its id, and the running clock. */
typedef struct __attribute__((packed)) {
    uuid_t7 id;
    uint64_t running_ms; /* big-endian */
} mark_t;

/* A transaction of notes. */
typedef struct {
    journal_t *journal;
    const note_t *first;
    int64_t now_ms;
    mark_t mark;
    item_t items[NOTES];
    bool changed[NOTES], was_pending[NOTES];
    size_t items_len;
    array_t left, revived; /* logs of those that leave pending, or the ended ones */
    array_t pending[ITEM_ALL], ended[ITEM_ALL], attempts[TRY_ALL];
    uint64_t foremost;             /* place of those in PENDING */
    array_t old_logs, old_numbers; /* attempts that are not kept any more */
    array_t kept[KEEP_ALL], dropped[KEEP_ALL];
    sql_t sql[TEXTS];
} noting_t;

static void s_begin_all(array_t *arrays, const uint32_t *types, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        array_begin(&arrays[i], types[i]);
}

static void s_free_all(array_t *arrays, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        array_free(&arrays[i]);
}

static void s_begin(noting_t *self)
{
    array_begin(&self->left, TYPE_INT8);
    array_begin(&self->revived, TYPE_INT8);
    array_begin(&self->old_logs, TYPE_INT8);
    array_begin(&self->old_numbers, TYPE_INT8);
    s_begin_all(self->pending, s_item_types, ITEM_ALL);
    self->foremost = UINT64_MAX;
    s_begin_all(self->ended, s_item_types, ITEM_ALL);
    s_begin_all(self->attempts, s_try_types, TRY_ALL);
    s_begin_all(self->kept, s_keep_types, KEEP_ALL);
    s_begin_all(self->dropped, s_keep_types, KEEP_ALL);
}

static void s_end(noting_t *self)
{
    array_free(&self->left);
    array_free(&self->revived);
    array_free(&self->old_logs);
    array_free(&self->old_numbers);
    s_free_all(self->pending, ITEM_ALL);
    s_free_all(self->ended, ITEM_ALL);
    s_free_all(self->attempts, TRY_ALL);
    s_free_all(self->kept, KEEP_ALL);
    s_free_all(self->dropped, KEEP_ALL);
    for (unsigned i = 0; i < TEXTS; i++)
        sql_free(&self->sql[i]);
}

/* --- Which items, and what becomes of them */

static bool s_is_of_item(const journal_note_t *note)
{
    return note->kind == NOTE_OUTCOME || note->kind == NOTE_REVIVE;
}

static item_t *s_find(noting_t *self, const journal_note_t *note)
{
    for (size_t i = 0; i < self->items_len; i++)
        if (self->items[i].log == note->log && uuid_eq(&self->items[i].target, &note->target))
            return &self->items[i];
    return NULL;
}

static session_outcome_t s_load(noting_t *self)
{
    self->items_len = 0;
    for (const note_t *note = self->first; note; note = STAILQ_NEXT(note, link))
        if (s_is_of_item(&note->note) && !s_find(self, &note->note))
            self->items[self->items_len++] =
                (item_t){.log = note->note.log, .target = note->note.target};
    session_outcome_t went =
        self->items_len ? items_load(self->journal, self->items, self->items_len) : SESSION_OK;
    for (size_t i = 0; i < self->items_len; i++) {
        self->changed[i] = false;
        self->was_pending[i] = self->items[i].pending;
    }
    return went;
}

static void s_add_attempt(noting_t *self, uint64_t log, unsigned number,
                          const outbox_attempt_t *attempt)
{
    array_t *to = self->attempts;
    array_add_int8(&to[TRY_LOG], log);
    array_add_int8(&to[TRY_NUMBER], number);
    array_add_int8(&to[TRY_TIME], (uint64_t)attempt->time_ms);
    array_add_int8(&to[TRY_DURATION], attempt->duration_us);
    array_add_int2(&to[TRY_STATUS], (uint16_t)attempt->status);
    array_add_int2(&to[TRY_OUTCOME], (uint16_t)attempt->outcome);
    array_add_bytes(&to[TRY_TRACE], attempt->trace);
    array_add_bytes(&to[TRY_ANSWER], attempt->answer);
    if (number <= OUTBOX_ATTEMPTS)
        return;
    array_add_int8(&self->old_logs, log);
    array_add_int8(&self->old_numbers, number - OUTBOX_ATTEMPTS);
}

static void s_apply_item(noting_t *self, const journal_note_t *note)
{
    item_t *item = s_find(self, note);
    if (!item || !item->there)
        return;
    outbox_course_t next = outbox_next(&item->course, note);
    if (next.attempts > item->course.attempts)
        s_add_attempt(self, item->log, next.attempts, &note->attempt);
    item->course = next;
    self->changed[item - self->items] = true;
}

/* The last one of a kind for a target counts. */
static bool s_is_superseded(const note_t *note)
{
    for (const note_t *later = STAILQ_NEXT(note, link); later; later = STAILQ_NEXT(later, link))
        if (later->note.kind == note->note.kind && uuid_eq(&later->note.target, &note->note.target))
            return true;
    return false;
}

static void s_apply_kept(noting_t *self, const note_t *note)
{
    array_t *to = note->note.bytes.len ? self->kept : self->dropped;
    if (s_is_superseded(note))
        return;
    array_add_int2(&to[KEEP_WHAT], (uint16_t)note->note.kind);
    array_add_bytes(&to[KEEP_TARGET], slice(note->note.target.bytes, UUID_BYTES));
    array_add_bytes(&to[KEEP_BYTES], note->note.bytes);
}

static void s_add_item(array_t *to, const item_t *item)
{
    const outbox_course_t *course = &item->course;
    bool pending = course->state == OUTBOX_PENDING;
    array_add_int8(&to[ITEM_LOG], item->log);
    array_add_bytes(&to[ITEM_TARGET], slice(item->target.bytes, UUID_BYTES));
    array_add_bytes(&to[ITEM_ID], slice(item->id.bytes, UUID_BYTES));
    array_add_int8(&to[ITEM_MADE], course->made);
    array_add_int8(&to[ITEM_ATTEMPTS], course->attempts);
    array_add_int8(&to[ITEM_PLACE], course->order);
    array_add_int8(&to[ITEM_STORED], item->stored_ms);
    array_add_int8(&to[ITEM_FIRST], course->first_ms);
    array_add_int8(&to[ITEM_TIME], (uint64_t)item->time_ms);
    array_add_int2(&to[ITEM_REPLIED], item->replied);
    array_add_int8(&to[ITEM_UNTIL], pending ? course->due_ms : course->done_ms);
    array_add_int2(&to[ITEM_STATE], (uint16_t)course->state);
}

static void s_place(noting_t *self, size_t i)
{
    const item_t *item = &self->items[i];
    bool pending = item->course.state == OUTBOX_PENDING;
    if (!self->changed[i])
        return;
    if (self->was_pending[i])
        array_add_int8(&self->left, item->log);
    else if (pending)
        array_add_int8(&self->revived, item->log);
    if (pending && item->course.order < self->foremost)
        self->foremost = item->course.order;
    s_add_item(pending ? self->pending : self->ended, item);
}

static void s_apply(noting_t *self)
{
    s_begin(self);
    for (const note_t *note = self->first; note; note = STAILQ_NEXT(note, link))
        if (s_is_of_item(&note->note))
            s_apply_item(self, &note->note);
        else if (note->note.kind == NOTE_HANDLER || note->note.kind == NOTE_HEALTH)
            s_apply_kept(self, note);
    for (size_t i = 0; i < self->items_len; i++)
        s_place(self, i);
}

/* --- The transaction */

/* What KEPT has, of each segment that an item lies in: BEFORE and BEHIND stand around its table,
 * and what says which rows are its own. */
static void s_add_parts(noting_t *self, sql_t *sql, const char *before, const char *table,
                        const char *behind, const char *rest)
{
    const tables_t *tables = &self->journal->known;
    unsigned parts = 0;
    sql_begin(sql);
    for (unsigned i = 0; i < tables->segments_len; i++) {
        const segment_t *segment = &tables->segments[i];
        bool open = i + 1 == tables->segments_len;
        if (!items_concern(tables, segment, self->items, self->items_len))
            continue;
        sql_add(sql, "%s p%u AS (%s postern.%s_%c%u_%u %s log >= %llu AND log < %llu %s)",
                parts++ ? "," : "WITH", i, before, table, self->journal->kind,
                self->journal->options.shard, segment->n, behind,
                (unsigned long long)segment->first_log,
                open ? (unsigned long long)INT64_MAX : (unsigned long long)segment[1].first_log,
                rest);
    }
    sql_add(sql, " SELECT 1");
}

static void s_mark_begin(noting_t *self, statement_t *to)
{
    static const uuid_t7 nobody;
    self->mark.running_ms = htobe64(running_at(self->journal, self->now_ms));
    statement_begin(to, "mark",
                    "INSERT INTO postern.kept (kind, shard, what, target, bytes) VALUES ($1, $2, "
                    "$3, $4, $5) ON CONFLICT (kind, shard, what, target) DO UPDATE SET bytes = "
                    "excluded.bytes");
    shard_add(to, self->journal);
    statement_int2(to, KEPT_MARK);
    statement_uuid(to, &nobody);
    statement_bytea(to, slice(&self->mark, sizeof self->mark));
}

static void s_leave_begin(noting_t *self, statement_t *to)
{
    statement_begin(to, "leave",
                    "DELETE FROM postern.pending WHERE kind = $1 AND shard = $2 AND log = ANY "
                    "($3)");
    shard_add(to, self->journal);
    statement_array(to, &self->left, TYPE_INT8S);
}

static uint32_t s_array_of(uint32_t type)
{
    return type == TYPE_INT8   ? TYPE_INT8S
           : type == TYPE_INT2 ? TYPE_INT2S
           : type == TYPE_UUID ? TYPE_UUIDS
                               : TYPE_BYTEAS;
}

static void s_add_arrays(statement_t *to, array_t *arrays, const uint32_t *types, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        statement_array(to, &arrays[i], s_array_of(types[i]));
}

static void s_pending_begin(noting_t *self, statement_t *to)
{
    statement_begin(
        to, "note pending",
        "INSERT INTO postern.pending (kind, shard, log, target, id, made, attempts, place, "
        "stored_ms, first_ms, time_ms, replied, due_ms) SELECT $1, $2, log, target, id, made, "
        "attempts, place, stored_ms, first_ms, time_ms, replied <> 0, until_ms FROM unnest($3, $4, "
        "$5, $6, $7, $8, $9, $10, $11, $12, $13, $14) u (log, target, id, made, attempts, place, "
        "stored_ms, first_ms, time_ms, replied, until_ms, state)");
    shard_add(to, self->journal);
    s_add_arrays(to, self->pending, s_item_types, ITEM_ALL);
}

static void s_ended_begin(noting_t *self, statement_t *to)
{
    s_add_parts(self, &self->sql[0], "INSERT INTO", "ended",
                "(log, target, id, made, attempts, place, stored_ms, first_ms, time_ms, replied, "
                "done_ms, state) SELECT log, target, id, made, attempts, place, stored_ms, "
                "first_ms, time_ms, replied <> 0, until_ms, state FROM unnest($1, $2, $3, $4, $5, "
                "$6, $7, $8, $9, $10, $11, $12) u (log, target, id, made, attempts, place, "
                "stored_ms, first_ms, time_ms, replied, until_ms, state) WHERE",
                "ON CONFLICT (log) DO UPDATE SET made = excluded.made, attempts = "
                "excluded.attempts, place = excluded.place, first_ms = excluded.first_ms, replied "
                "= excluded.replied, done_ms = excluded.done_ms, state = excluded.state");
    statement_begin(to, "", self->sql[0].text);
    s_add_arrays(to, self->ended, s_item_types, ITEM_ALL);
}

static void s_revive_begin(noting_t *self, statement_t *to)
{
    s_add_parts(self, &self->sql[1], "DELETE FROM", "ended", "WHERE log = ANY ($1) AND", "");
    statement_begin(to, "", self->sql[1].text);
    statement_array(to, &self->revived, TYPE_INT8S);
}

static void s_attempts_begin(noting_t *self, statement_t *to)
{
    s_add_parts(self, &self->sql[2], "INSERT INTO", "attempt",
                "(log, number, time_ms, duration_us, status, outcome, trace, answer) SELECT * FROM "
                "unnest($1, $2, $3, $4, $5, $6, $7, $8) u (log, number, time_ms, duration_us, "
                "status, outcome, trace, answer) WHERE",
                "");
    statement_begin(to, "", self->sql[2].text);
    s_add_arrays(to, self->attempts, s_try_types, TRY_ALL);
}

static void s_old_begin(noting_t *self, statement_t *to)
{
    s_add_parts(self, &self->sql[3], "DELETE FROM", "attempt",
                "WHERE (log, number) IN (SELECT * FROM unnest($1, $2)) AND", "");
    statement_begin(to, "", self->sql[3].text);
    statement_array(to, &self->old_logs, TYPE_INT8S);
    statement_array(to, &self->old_numbers, TYPE_INT8S);
}

static void s_kept_begin(noting_t *self, statement_t *to)
{
    statement_begin(to, "keep",
                    "INSERT INTO postern.kept (kind, shard, what, target, bytes) SELECT $1, $2, "
                    "what, target, bytes FROM unnest($3, $4, $5) u (what, target, bytes) ON "
                    "CONFLICT (kind, shard, what, target) DO UPDATE SET bytes = excluded.bytes");
    shard_add(to, self->journal);
    s_add_arrays(to, self->kept, s_keep_types, KEEP_ALL);
}

static void s_dropped_begin(noting_t *self, statement_t *to)
{
    statement_begin(to, "drop",
                    "DELETE FROM postern.kept WHERE kind = $1 AND shard = $2 AND (what, target) IN "
                    "(SELECT * FROM unnest($3, $4))");
    shard_add(to, self->journal);
    s_add_arrays(to, self->dropped, s_keep_types, KEEP_BYTES);
}

static session_outcome_t s_send(noting_t *self)
{
    journal_t *journal = self->journal;
    const struct {
        const array_t *has;
        void (*begin)(noting_t *, statement_t *);
    } parts[] = {
        {&self->left, s_leave_begin},           {&self->revived, s_revive_begin},
        {&self->pending[0], s_pending_begin},   {&self->ended[0], s_ended_begin},
        {&self->attempts[0], s_attempts_begin}, {&self->old_logs, s_old_begin},
        {&self->kept[0], s_kept_begin},         {&self->dropped[0], s_dropped_begin},
    };
    statement_t all[STATEMENTS];
    unsigned count = 0;
    fence_begin(&all[count++], journal);
    s_mark_begin(self, &all[count++]);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].has->count > 0)
            parts[i].begin(self, &all[count++]);
    if (self->pending[0].count > 0)
        fronts_insert(&journal->fronts, self->foremost);
    session_outcome_t went = session_exchange(&journal->writing, all, count, SESSION_DEADLINE_MS);
    statement_end_all(all, count);
    return went;
}

/* --- What became of it */

/* The last transaction of notes; zeros: there was none. */
static session_outcome_t s_read_mark(const journal_t *journal, session_t *session, mark_t *mark)
{
    statement_t ask;
    *mark = (mark_t){.running_ms = 0};
    statement_begin(&ask, "",
                    "SELECT bytes FROM postern.kept WHERE kind = $1 AND shard = $2 AND what = $3");
    shard_add(&ask, journal);
    statement_int2(&ask, KEPT_MARK);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went == SESSION_OK && statement_rows(&ask) == 1) {
        slice_t bytes = statement_bytes(&ask, 0, 0);
        if (bytes.len == sizeof *mark)
            memcpy(mark, bytes.data, sizeof *mark);
    }
    statement_end(&ask);
    return went;
}

static session_outcome_t s_is_there(const noting_t *self, bool *there)
{
    mark_t mark;
    session_outcome_t went = s_read_mark(self->journal, &self->journal->writing, &mark);
    *there = went == SESSION_OK && uuid_eq(&mark.id, &self->mark.id);
    return went;
}

session_outcome_t noting_clock(const journal_t *journal, session_t *session, uint64_t *running_ms)
{
    mark_t mark;
    session_outcome_t went = s_read_mark(journal, session, &mark);
    *running_ms = be64toh(mark.running_ms);
    return went;
}

/* False: it is time to stop, and nobody knows. */
static bool s_resolve(noting_t *self, bool *there)
{
    journal_t *journal = self->journal;
    session_outcome_t went;
    metric_add(METRIC_journal_unknown_total, 1);
    do {
        log_warn("journal.unknown", "shard=%u what=notes err=%s", journal->options.shard,
                 LOG_Q(journal->writing.text));
        if (!owner_retake(journal, &journal->writing))
            return false;
        went = s_is_there(self, there);
    } while (went != SESSION_OK);
    return true;
}

typedef enum { NOTED, NOTE_AGAIN, NOTE_LATER } noted_t;

static noted_t s_follow(noting_t *self, session_outcome_t went, bool sent, unsigned *tries)
{
    journal_t *journal = self->journal;
    bool there = false;
    switch (went) {
    case SESSION_OK:
        return NOTED;
    case SESSION_FENCED:
        fence_lost(journal);
    case SESSION_UNKNOWN:
        if (sent)
            return !s_resolve(self, &there) ? NOTE_LATER : there ? NOTED : NOTE_AGAIN;
        /* fall through */
    case SESSION_AWAY:
        return owner_retake(journal, &journal->writing) ? NOTE_AGAIN : NOTE_LATER;
    case SESSION_AGAIN:
    case SESSION_GONE:
        if (++*tries < TRIES)
            return NOTE_AGAIN;
        /* fall through */
    case SESSION_SEEN:
    case SESSION_FULL:
    case SESSION_REFUSED:
        break;
    }
    log_warn("journal.not_noted", "shard=%u err=%s", journal->options.shard,
             LOG_Q(journal->writing.text));
    return NOTE_LATER;
}

static noted_t s_try(noting_t *self, unsigned *tries)
{
    bool sent = false;
    tables_copy(self->journal, &self->journal->known);
    session_outcome_t went = s_load(self);
    if (went == SESSION_OK) {
        s_apply(self);
        uuid_new(&self->mark.id);
        sent = true;
        went = s_send(self);
        s_end(self);
    }
    return s_follow(self, went, sent, tries);
}

/* Some of the notes up to UNTIL; where there is none, a transaction of nothing, which shows whether
 * there is room. */
static bool s_carry_out(noting_t *self, uint64_t until)
{
    noted_t went;
    unsigned tries = 0;
    journal_t *journal = self->journal;
    self->first = notes_take(&journal->notes, until, NOTES);
    do
        went = s_try(self, &tries);
    while (went == NOTE_AGAIN);
    if (went == NOTED)
        notes_commit(&journal->notes);
    else
        notes_give_back(&journal->notes);
    if (went == NOTED)
        atomic_store(&journal->full, false);
    return went == NOTED;
}

/* Makes the replies in the first notes that wait durable: once they are, those up to *UNTIL may be
 * carried out. */
static bool s_store_replies(journal_t *self, int64_t now_ms, uint64_t *until)
{
    journal_entry_t *entries = calloc(NOTES_REPLIES, sizeof *entries), *list[NOTES_REPLIES];
    size_t posted = 0;
    bool stored = true;
    if (!entries)
        abort();
    size_t count = notes_replies(&self->notes, entries, until);
    for (size_t i = 0; i < count; i++) {
        entries[i].record.time_ms = clock_wall_ms();
        entries[i].outcome = JOURNAL_NO_ROOM; /* where it is time to stop */
        list[i] = &entries[i];
    }
    if (count > 0)
        journal_append(self, list, count, now_ms);
    for (size_t i = 0; i < count; i++) {
        posted += entries[i].outcome == JOURNAL_STORED;
        stored = stored && entries[i].outcome != JOURNAL_NO_ROOM;
        revisions_forget(&entries[i]);
    }
    metric_add(METRIC_replies_posted_total, (int64_t)posted);
    free(entries);
    return stored;
}

void noting_turn(journal_t *journal, int64_t now_ms)
{
    uint64_t until;
    notes_t *notes = &journal->notes;
    bool full = atomic_load(&journal->full);
    if (!journal->delivers || now_ms < notes->next_ms ||
        (full ? now_ms < journal->full_next_ms : !notes_wait(notes)))
        return;
    noting_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->journal = journal;
    self->now_ms = now_ms;
    bool good = s_store_replies(journal, now_ms, &until);
    while (good && (good = s_carry_out(self, until)) && notes_first(notes) <= until)
        ;
    free(self);
    if (!good)
        notes->next_ms = now_ms + ROOM_MS;
}
