/* The log in its order, over all targets; and where a target's clock reached a time. */
#include "workers/journal/postgres/reads.h"

#include <stdio.h>
#include <stdlib.h>

uint64_t journal_tip(const journal_t *self)
{
    return atomic_load(&self->committed_log);
}

/* A scan on its way. */
typedef struct {
    journal_reader_t *reader;
    uint64_t next, end_log;
    journal_each_fn each;
    void *arg;
    bool more;
} scan_t;

static session_outcome_t s_give(scan_t *self, const statement_t *rows)
{
    session_outcome_t went = SESSION_OK;
    unsigned count = statement_rows(rows);
    for (unsigned i = 0; i < count && self->more && went == SESSION_OK; i++) {
        record_t record;
        uint64_t log = statement_number(rows, i, 0);
        went = reads_record(self->reader, log, statement_bytes(rows, i, 1), &record);
        self->next = log + 1;
        if (went == SESSION_OK)
            self->more = self->each(self->arg, log, &record);
    }
    return went;
}

/* The log has holes where targets keep less by themselves: what no row comes of is over. */
static session_outcome_t s_scan_segment(scan_t *self, const segment_t *segment)
{
    const journal_t *journal = self->reader->journal;
    session_outcome_t went = SESSION_OK;
    sql_t sql = {0};
    char name[STATEMENT_NAME];
    sql_add(&sql,
            "SELECT log, record FROM postern.log_%c%u_%u WHERE log >= $1 AND log < $2 ORDER BY log "
            "LIMIT $3",
            journal->kind, journal->options.shard, segment->n);
    snprintf(name, sizeof name, "scan %u", segment->n);
    while (went == SESSION_OK && self->more && self->next < segment->end_log) {
        statement_t ask;
        uint64_t before = self->next;
        statement_begin(&ask, name, sql.text);
        statement_int8(&ask, self->next);
        statement_int8(&ask, self->end_log);
        statement_int8(&ask, READS_CHUNK);
        went = reads_ask(self->reader, &ask);
        if (went == SESSION_OK)
            went = s_give(self, &ask);
        statement_end(&ask);
        if (self->next == before)
            break;
    }
    sql_free(&sql);
    return went;
}

void journal_scan(journal_reader_t *self, uint64_t from, journal_each_fn each, void *arg)
{
    scan_t scan = {self, from, atomic_load(&self->journal->committed_log), each, arg, true};
    session_outcome_t went = SESSION_GONE;
    tables_t *tables = malloc(sizeof *tables);
    if (!tables)
        abort();
    for (unsigned i = 0; i < READS_TRIES && went == SESSION_GONE; i++) {
        went = SESSION_OK;
        tables_copy(self->journal, tables);
        for (unsigned k = 0; k < tables->segments_len && went == SESSION_OK && scan.more; k++)
            if (scan.next < tables->segments[k].end_log)
                went = s_scan_segment(&scan, &tables->segments[k]);
    }
    free(tables);
    if (went != SESSION_OK)
        reads_failed(self);
}

typedef struct {
    uint64_t sequence; /* of the record that was read */
    int64_t time_ms;
    bool any;
} seek_t;

static bool s_take_time(void *arg, uint64_t log, const record_t *record)
{
    seek_t *self = arg;
    (void)log;
    *self = (seek_t){record->sequence, record->time_ms, true};
    return false;
}

uint64_t journal_at_time(journal_reader_t *self, const uuid_t7 *target, int64_t time_ms)
{
    journal_range_t range;
    journal_range(self, target, &range);
    uint64_t low = range.first, behind = range.last + 1;
    while (low < behind) {
        uint64_t middle = low + (behind - low) / 2;
        seek_t at = {0};
        reads_one(self, target, middle, s_take_time, &at);
        if (!at.any || at.time_ms < time_ms)
            low = at.any ? at.sequence + 1 : middle + 1;
        else
            behind = middle;
    }
    return low;
}
