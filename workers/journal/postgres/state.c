#include "workers/journal/postgres/postgres.h"

#include "common/base/clock.h"
#include "common/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHORT_MS = 30000 };

void sql_begin(sql_t *self)
{
    self->len = 0;
    sql_add(self, "%s", "");
}

void sql_add(sql_t *self, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t len = (size_t)vsnprintf(NULL, 0, format, args);
    if (self->len + len + 1 > self->cap) {
        self->cap = 2 * (self->len + len + 1);
        self->text = realloc(self->text, self->cap);
        if (!self->text)
            abort();
    }
    vsnprintf(self->text + self->len, len + 1, format, again);
    self->len += len;
    va_end(again);
    va_end(args);
}

void sql_free(sql_t *self)
{
    free(self->text);
    *self = (sql_t){0};
}

uint64_t running_at(journal_t *self, int64_t now_ms)
{
    uint64_t running = self->base_ms, told = atomic_load(&self->running_ms);
    if (now_ms > self->opened_ms)
        running += (uint64_t)(now_ms - self->opened_ms);
    while (running > told && !atomic_compare_exchange_weak(&self->running_ms, &told, running))
        ;
    return running > told ? running : told;
}

void tables_copy(journal_t *self, tables_t *to)
{
    pthread_mutex_lock(&self->lock);
    const tables_t *from = &self->tables;
    memcpy(to->segments, from->segments, from->segments_len * sizeof *from->segments);
    memcpy(to->keys, from->keys, from->keys_len * sizeof *from->keys);
    to->segments_len = from->segments_len;
    to->keys_len = from->keys_len;
    to->version = from->version;
    pthread_mutex_unlock(&self->lock);
}

segment_t *tables_open_segment(tables_t *self)
{
    return self->segments_len ? &self->segments[self->segments_len - 1] : NULL;
}

const segment_t *tables_segment(const tables_t *self, uint64_t log)
{
    for (unsigned i = self->segments_len; i > 0; i--)
        if (log >= self->segments[i - 1].first_log)
            return &self->segments[i - 1];
    return NULL;
}

bool segment_has_young(const segment_t *self, bool open, uint64_t running_ms)
{
    return self->ids && (open || running_ms < self->last_ms + JOURNAL_ID_MS);
}

bool keys_live(const keys_t *self, uint64_t running_ms)
{
    return self->count > 0 && running_ms < self->last_ms + JOURNAL_KEY_MS;
}

void horizon_raise(journal_t *self, uint64_t saved_ms)
{
    uint64_t kept_ms = self->options.delivery_retention_ms;
    uint64_t horizon = saved_ms >= kept_ms ? saved_ms - kept_ms + 1 : 0;
    if (horizon > journal_horizon(self))
        atomic_store(&self->horizon_ms, horizon);
}

void trouble_say(journal_t *self, const char *what, const char *text)
{
    log_warn(what, "shard=%u err=%s", self->options.shard, LOG_Q(text));
    pthread_mutex_lock(&self->lock);
    self->trouble_at = !self->trouble_at;
    snprintf(self->trouble[self->trouble_at], sizeof self->trouble[0], "PostgreSQL: %s", text);
    pthread_mutex_unlock(&self->lock);
}

uint64_t record_cost(const record_t *record)
{
    return record_size(record) + JOURNAL_RECORD_COST;
}

void shard_add(statement_t *to, const journal_t *journal)
{
    statement_int2(to, journal->number);
    statement_int8(to, journal->options.shard);
}

void fence_begin(statement_t *self, const journal_t *journal)
{
    statement_begin(self, "fence",
                    "SELECT 1 / count(*) FROM (SELECT 1 FROM postern.shard WHERE kind = $1 AND "
                    "shard = $2 AND epoch = $3 FOR SHARE) f");
    shard_add(self, journal);
    statement_int8(self, journal->epoch);
}

void fence_lost(const journal_t *self)
{
    log_error("journal.lost", "shard=%u epoch=%llu err=%s", self->options.shard,
              (unsigned long long)self->epoch,
              LOG_Q("another process has taken the shard over: this one stores nothing more"));
    if (self->options.lost)
        self->options.lost();
    _exit(EXIT_FAULT);
}

unsigned journal_shard(const journal_t *self)
{
    return self->options.shard;
}

bool journal_is_full(const journal_t *self)
{
    return atomic_load(&self->full);
}

bool journal_is_gone(const journal_t *self)
{
    return atomic_load(&self->gone);
}

/* A try of little goes well where one of a message does not. */
bool journal_is_short(const journal_t *self)
{
    int64_t short_ms = atomic_load(&self->short_ms);
    return short_ms && clock_ms() < short_ms + SHORT_MS;
}

const char *journal_trouble(const journal_t *self)
{
    journal_t *journal = (journal_t *)self;
    const char *text = NULL;
    pthread_mutex_lock(&journal->lock);
    if (atomic_load(&self->away) || atomic_load(&self->unreached) || atomic_load(&self->gone) ||
        atomic_load(&self->full) || journal_is_short(self))
        text = self->trouble[self->trouble_at];
    pthread_mutex_unlock(&journal->lock);
    return text;
}

void journal_inspect(journal_t *self, journal_state_t *state)
{
    static _Thread_local tables_t tables;
    uint64_t running_ms = atomic_load(&self->running_ms);
    tables_copy(self, &tables);
    *state = (journal_state_t){.retired = atomic_load(&self->retired)};
    for (unsigned i = 0; i < tables.segments_len; i++) {
        const segment_t *segment = &tables.segments[i];
        state->records += segment->end_log - segment->first_log;
        state->used_bytes += segment->bytes;
    }
    for (unsigned i = 0; i < tables.keys_len; i++)
        if (keys_live(&tables.keys[i], running_ms))
            state->keys += tables.keys[i].count;
}

uint64_t journal_epoch(const journal_t *self)
{
    return atomic_load(&self->epoch);
}

const uuid_t7 *journal_uuid(const journal_t *self)
{
    return &self->uuid;
}

uint64_t journal_recovered(const journal_t *self)
{
    (void)self;
    return 0;
}

asking_t *journal_asking(const journal_t *self)
{
    return self->asking;
}
