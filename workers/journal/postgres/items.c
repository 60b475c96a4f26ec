#include "workers/journal/postgres/items.h"

#include <stdlib.h>

/* Of whom: items that are named by their logs. */
typedef struct {
    item_t *items;
    size_t count;
} items_named_t;

static void s_take(const items_named_t *self, const statement_t *ask, bool pending)
{
    for (unsigned row = 0; row < statement_rows(ask); row++)
        for (size_t i = 0; i < self->count; i++) {
            item_t *item = &self->items[i];
            uuid_t7 target = statement_id(ask, row, 1);
            if (item->log != statement_number(ask, row, 0) || !uuid_eq(&item->target, &target))
                continue;
            item->id = statement_id(ask, row, 2);
            item->course = (outbox_course_t){
                .state = (outbox_state_t)statement_number(ask, row, 10),
                .made = (unsigned)statement_number(ask, row, 3),
                .attempts = (unsigned)statement_number(ask, row, 4),
                .order = statement_number(ask, row, 5),
                .due_ms = pending ? statement_number(ask, row, 11) : 0,
                .first_ms = statement_number(ask, row, 7),
                .done_ms = pending ? 0 : statement_number(ask, row, 11),
            };
            item->stored_ms = statement_number(ask, row, 6);
            item->time_ms = (int64_t)statement_number(ask, row, 8);
            item->replied = statement_number(ask, row, 9) != 0;
            item->pending = pending;
            item->there = true;
        }
}

static void s_pending_begin(statement_t *to, const journal_t *journal, array_t *logs)
{
    statement_begin(to, "pending items",
                    "SELECT " ITEM_FIELDS
                    ", 1::bigint, due_ms FROM postern.pending WHERE kind = $1 "
                    "AND shard = $2 AND log = ANY ($3)");
    shard_add(to, journal);
    statement_array(to, logs, TYPE_INT8S);
}

bool items_concern(const tables_t *tables, const segment_t *segment, const item_t *items,
                   size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (tables_segment(tables, items[i].log) == segment)
            return true;
    return false;
}

static bool s_ended_begin(statement_t *to, const journal_t *journal, const items_named_t *named,
                          sql_t *sql, array_t *logs)
{
    const tables_t *tables = &journal->known;
    for (unsigned i = 0; i < tables->segments_len; i++)
        if (items_concern(tables, &tables->segments[i], named->items, named->count))
            sql_add(sql,
                    "%sSELECT " ITEM_FIELDS ", state::bigint, done_ms FROM postern.ended_%c%u_%u "
                    "WHERE log = ANY ($1) AND done_ms >= $2",
                    sql->len ? " UNION ALL " : "", journal->kind, journal->options.shard,
                    tables->segments[i].n);
    if (sql->len == 0)
        return false;
    statement_begin(to, "", sql->text);
    statement_array(to, logs, TYPE_INT8S);
    statement_int8(to, journal_horizon(journal));
    return true;
}

session_outcome_t items_load(journal_t *self, item_t *items, size_t count)
{
    statement_t ask[2];
    array_t logs = {0};
    sql_t sql = {0};
    items_named_t named = {items, count};
    unsigned asked = 1;
    array_begin(&logs, TYPE_INT8);
    for (size_t i = 0; i < count; i++) {
        items[i].there = false;
        array_add_int8(&logs, items[i].log);
    }
    s_pending_begin(&ask[0], self, &logs);
    asked += s_ended_begin(&ask[1], self, &named, &sql, &logs);
    session_outcome_t went = session_exchange(&self->writing, ask, asked, SESSION_DEADLINE_MS);
    for (unsigned i = 0; i < asked; i++) {
        if (went == SESSION_OK)
            s_take(&named, &ask[i], i == 0);
        statement_end(&ask[i]);
    }
    array_free(&logs);
    sql_free(&sql);
    return went;
}

/* --- What a drain adds */

void items_begin(items_t *self)
{
    static const uint32_t types[ITEM_COLUMNS] = {TYPE_UUID, TYPE_INT8, TYPE_UUID, TYPE_INT8};
    for (unsigned i = 0; i < ITEM_COLUMNS; i++)
        array_begin(&self->columns[i], types[i]);
    array_begin(&self->replied, TYPE_INT8);
}

void items_add(items_t *self, const record_t *record, uint64_t log)
{
    uint64_t cause;
    uuid_t7 event;
    if (record->flags & RECORD_REPLY && record_cause(record, &cause, &event))
        array_add_int8(&self->replied, cause);
    if (!(record->flags & RECORD_DELIVER))
        return;
    array_add_bytes(&self->columns[ITEM_TARGETS], slice(record->target.bytes, UUID_BYTES));
    array_add_int8(&self->columns[ITEM_LOGS], log);
    array_add_bytes(&self->columns[ITEM_IDS], slice(record->id.bytes, UUID_BYTES));
    array_add_int8(&self->columns[ITEM_TIMES], (uint64_t)record->time_ms);
}

/* As outbox_first has it. */
static void s_insert_begin(items_t *self, const journal_t *journal, uint64_t running_ms,
                           statement_t *to)
{
    statement_begin(
        to, "items",
        "INSERT INTO postern.pending (kind, shard, target, place, log, id, due_ms, stored_ms, "
        "first_ms, time_ms, made, attempts, replied) SELECT $1, $2, target, $3, log, id, $3, $3, "
        "0, "
        "time_ms, 0, 0, false FROM unnest($4, $5, $6, $7) u (target, log, id, time_ms)");
    shard_add(to, journal);
    statement_int8(to, running_ms);
    statement_array(to, &self->columns[ITEM_TARGETS], TYPE_UUIDS);
    statement_array(to, &self->columns[ITEM_LOGS], TYPE_INT8S);
    statement_array(to, &self->columns[ITEM_IDS], TYPE_UUIDS);
    statement_array(to, &self->columns[ITEM_TIMES], TYPE_INT8S);
}

/* Wherever each item stands. */
static void s_replied_begin(items_t *self, const journal_t *journal, statement_t *to)
{
    const tables_t *tables = &journal->known;
    sql_begin(&self->sql);
    sql_add(&self->sql, "WITH p AS (UPDATE postern.pending SET replied = true WHERE kind = $1 AND "
                        "shard = $2 AND log = ANY ($3))");
    for (unsigned i = 0; i < tables->segments_len; i++)
        sql_add(&self->sql,
                ", e%u AS (UPDATE postern.ended_%c%u_%u SET replied = true WHERE log = ANY ($3))",
                i, journal->kind, journal->options.shard, tables->segments[i].n);
    sql_add(&self->sql, " SELECT 1");
    statement_begin(to, "", self->sql.text);
    shard_add(to, journal);
    statement_array(to, &self->replied, TYPE_INT8S);
}

size_t items_send(items_t *self, journal_t *journal, uint64_t running_ms, statement_t *to)
{
    size_t count = 0;
    if (self->columns[ITEM_LOGS].count > 0) {
        fronts_insert(&journal->fronts, running_ms);
        s_insert_begin(self, journal, running_ms, &to[count++]);
    }
    if (self->replied.count > 0)
        s_replied_begin(self, journal, &to[count++]);
    return count;
}

void items_end(items_t *self)
{
    for (unsigned i = 0; i < ITEM_COLUMNS; i++)
        array_free(&self->columns[i]);
    array_free(&self->replied);
    sql_free(&self->sql);
}

session_outcome_t items_judge(journal_t *self, journal_entry_t *const *entries, known_t *known,
                              size_t count)
{
    item_t *causes = calloc(count, sizeof *causes);
    uuid_t7 *events = calloc(count, sizeof *events);
    size_t *of = calloc(count, sizeof *of), replies = 0;
    session_outcome_t went = SESSION_OK;
    if (!causes || !events || !of)
        abort();
    for (size_t i = 0; i < count; i++) {
        const record_t *record = &entries[i]->record;
        item_t *cause = &causes[replies];
        known[i].wanted = false;
        if (!(record->flags & RECORD_REPLY) || !record_cause(record, &cause->log, &events[replies]))
            continue;
        cause->target = record->target;
        of[replies++] = i;
    }
    if (replies > 0)
        went = items_load(self, causes, replies);
    for (size_t i = 0; i < replies && went == SESSION_OK; i++)
        known[of[i]].wanted =
            causes[i].there && uuid_eq(&causes[i].id, &events[i]) && !causes[i].replied;
    free(causes);
    free(events);
    free(of);
    return went;
}
