/* The items of the outbox, and what is kept beside them: the writer's side. An item stands in one
 * place: in pending, or where it has ended in the table of its record's segment. Tables, beside
 * those of postgres.h, of kinds with handlers alone:
 *   pending         kind, shard, target, place, log → an item that is pending
 *   ended_bS_N      log → an item of segment N's that has ended
 *   attempt_bS_N    log, number → an attempt
 *   kept            kind, shard, what, target → what NOTE_HANDLER and NOTE_HEALTH have kept, and
 * the last transaction of notes, by which it is found out whether that was committed. The two
 * numbered ones are made and dropped with log_bS_N, and emptied before, when all items of the
 * segment have ended and were forgotten: nothing is deleted a row at a time but what is pending and
 * what is revived.
 *
 * An item that ended before HORIZON_MS is forgotten: nobody sees it, until it goes with its table.
 * The horizon rises when the clock that it follows from was stored.
 *
 * Threading: the writer's, but items_horizon. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_ITEMS_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_ITEMS_H

#include "workers/journal/outbox_next.h"
#include "workers/journal/postgres/postgres.h"

typedef struct {
    uint64_t log; /* in */
    uuid_t7 target;
    uuid_t7 id; /* what follows: out, where it is THERE */
    outbox_course_t course;
    uint64_t stored_ms;
    int64_t time_ms;
    bool there, replied;
    bool pending; /* where it stands */
} item_t;

/* What is there of ITEMS, each named by its log and its target. */
session_outcome_t items_load(journal_t *self, item_t *items, size_t count);
/* Whether one of ITEMS can lie in the segment: one of TABLES. */
bool items_concern(const tables_t *tables, const segment_t *segment, const item_t *items,
                   size_t count);

/* What a drain's records add to its transaction: items, and of replies what their items know. */
typedef enum { ITEM_TARGETS, ITEM_LOGS, ITEM_IDS, ITEM_TIMES, ITEM_COLUMNS } item_column_t;
enum { ITEMS_STATEMENTS = 2 };
typedef struct {
    array_t columns[ITEM_COLUMNS];
    array_t replied; /* logs of events */
    sql_t sql;
} items_t;
void items_begin(items_t *self);
/* A record that is stored at LOG. */
void items_add(items_t *self, const record_t *record, uint64_t log);
/* How many statements: at TO. */
size_t items_send(items_t *self, journal_t *journal, uint64_t running_ms, statement_t *to);
void items_end(items_t *self);
/* Which of the replies among ENTRIES are to be stored: *known.wanted. */
session_outcome_t items_judge(journal_t *self, journal_entry_t *const *entries, known_t *known,
                              size_t count);

/* noting.c: carries out the notes that wait, as far as there is room. */
void noting_turn(journal_t *self, int64_t now_ms);
/* The running clock of the last transaction of them; 0: there was none. */
session_outcome_t noting_clock(const journal_t *self, session_t *session, uint64_t *running_ms);

/* Columns of ended, in the order of which an item is read. */
#define ITEM_FIELDS "log, target, id, made, attempts, place, stored_ms, first_ms, time_ms, replied"

#endif
