/* How many messages and deliveries a target has had, by the hour. They are counted out of what is
 * kept: no other table has them, and a restart, a crash or a restore changes none. The records of
 * an hour are the difference of two sequences; its deliveries are looked at one by one, the newest
 * first, up to COUNTS_LOOKED. */
#include "common/base/clock.h"
#include "common/base/ops.h"
#include "workers/journal/outbox.h"
#include "workers/post/history.h"
#include "workers/post/post.h"

#include <stdlib.h>

enum {
    COUNTS_HOURS = 24 * 7, /* most */
    COUNTS_GIVEN = 24,     /* without the parameter */
    COUNTS_LOOKED = 100000,
    SLICE_HOURS = 8, /* at whose beginnings a slice looks */
    SLICE_ITEMS = 2000,
    HOUR_MS = 3600000,
};

typedef struct {
    uint64_t messages, state[OUTBOX_DEAD + 1];
} hour_t;

typedef struct {
    int64_t begin_ms; /* of the first hour */
    uint64_t hours;
    hour_t hour[COUNTS_HOURS], all;
    bool delivers; /* the target has deliveries */
    /* Between slices: */
    uint64_t begun; /* hours at whose beginning it was looked */
    uint64_t at;    /* the sequence at the beginning of the last of them */
    uint64_t log;   /* the deliveries go on from here; 0: they have ended */
    unsigned looked, slice;
    /* From when on it is whole; -1: all of it. */
    int64_t messages_ms, deliveries_ms;
} counts_t;

/* --- Counting, by the journal's thread */

static void s_count_until(counts_t *self, uint64_t sequence)
{
    hour_t *hour = &self->hour[self->begun - 1];
    hour->messages = sequence > self->at ? sequence - self->at : 0;
    self->all.messages += hour->messages;
}

static void s_count_records(counts_t *self, journal_reader_t *reader, const uuid_t7 *target)
{
    journal_range_t range;
    uint64_t end = self->begun + SLICE_HOURS;
    while (self->begun < self->hours && self->begun < end) {
        uint64_t at =
            journal_at_time(reader, target, self->begin_ms + (int64_t)self->begun * HOUR_MS);
        if (self->begun > 0)
            s_count_until(self, at);
        self->at = at;
        self->begun++;
    }
    if (self->begun < self->hours)
        return;
    journal_range(reader, target, &range);
    s_count_until(self, range.last + 1);
}

static bool s_count_item(void *arg, const outbox_item_t *item)
{
    counts_t *self = arg;
    int64_t hour = (item->time_ms - self->begin_ms) / HOUR_MS;
    self->log = item->log;
    if (item->time_ms < self->begin_ms) {
        self->log = 0;
        return false;
    }
    if (self->looked == COUNTS_LOOKED) {
        self->deliveries_ms = item->time_ms;
        self->log = 0;
        return false;
    }
    if (self->slice == SLICE_ITEMS)
        return false;
    self->slice++;
    self->looked++;
    if (hour < (int64_t)self->hours) {
        self->hour[hour].state[item->state]++;
        self->all.state[item->state]++;
    }
    return true;
}

static void s_count_deliveries(counts_t *self, journal_reader_t *reader, const uuid_t7 *target)
{
    uint64_t from = self->log;
    self->slice = 0;
    self->log = 0;
    journal_items(reader, target, from, false, s_count_item, self);
    if (self->slice < SLICE_ITEMS)
        self->log = 0;
}

static bool s_take_time(void *arg, uint64_t log, const record_t *record)
{
    (void)log;
    *(int64_t *)arg = record->time_ms;
    return false;
}

/* Retention has removed what is older. */
static void s_look_for_first(counts_t *self, journal_reader_t *reader, const uuid_t7 *target)
{
    journal_range_t range;
    journal_range(reader, target, &range);
    if (range.first > 1 && range.first <= range.last)
        journal_read(reader, target, range.first, &range, s_take_time, &self->messages_ms);
    if (self->messages_ms < self->begin_ms)
        self->messages_ms = -1;
}

/* --- The answer */

static void s_write_time(json_out_t *out, const char *name, int64_t time_ms)
{
    char text[CLOCK_TEXT];
    json_lit(out, name);
    if (time_ms < 0) {
        json_lit(out, "null");
        return;
    }
    clock_text(time_ms, text);
    json_quote(out, slice_of(text));
}

static void s_write_hour(json_out_t *out, const counts_t *self, const hour_t *hour)
{
    static const char *const names[] = {[OUTBOX_PENDING] = ",\"pending\":",
                                        [OUTBOX_DELIVERED] = ",\"delivered\":",
                                        [OUTBOX_DEAD] = ",\"dead\":"};
    json_lit(out, "\"messages\":");
    json_uint(out, hour->messages);
    for (unsigned i = OUTBOX_PENDING; i <= OUTBOX_DEAD; i++) {
        json_lit(out, names[i]);
        self->delivers ? json_uint(out, hour->state[i]) : json_lit(out, "null");
    }
    json_lit(out, "}");
}

static void s_write(json_out_t *out, const counts_t *self)
{
    json_lit(out, "{\"hours\":[");
    for (uint64_t i = 0; i < self->hours; i++) {
        s_write_time(out, i ? ",{\"time\":" : "{\"time\":", self->begin_ms + (int64_t)i * HOUR_MS);
        json_lit(out, ",");
        s_write_hour(out, self, &self->hour[i]);
    }
    json_lit(out, "],\"all\":{");
    s_write_hour(out, self, &self->all);
    s_write_time(out, ",\"messages_from\":", self->messages_ms);
    s_write_time(out, ",\"deliveries_from\":", self->deliveries_ms);
    json_lit(out, "}");
}

static void s_look(reading_t *reading, journal_reader_t *reader)
{
    counts_t *self = reading->own;
    if (self->begun < self->hours)
        s_count_records(self, reader, &reading->target);
    else
        s_count_deliveries(self, reader, &reading->target);
    reading->more = self->begun < self->hours || (self->delivers && self->log);
    if (reading->more)
        return;
    s_look_for_first(self, reader, &reading->target);
    s_write(&reading->body, self);
}

void post_counts(post_t *post, job_t *job)
{
    static const char *const known[] = {
#define PARAM(name, of) PARAM_##of(name)
#define PARAM_COUNTS(name) name,
#include "common/read_params.def"
    };
    reading_t *reading = reading_new(job);
    counts_t *self = reading->own = calloc(1, sizeof *self);
    (void)post;
    if (!self)
        abort();
    self->hours = COUNTS_GIVEN;
    self->log = UINT64_MAX;
    self->delivers = op_find(job->request->op)->owner != OWNER_CHANNEL;
    self->messages_ms = self->deliveries_ms = -1;
    reading->sliced = true;
    reading->look = s_look;
    if (job_knows(job, known, sizeof known / sizeof *known) &&
        !history_number(job, "hours", COUNTS_HOURS, &self->hours))
        job_refuse_param(job, "hours", "must be a number from 1 to 168.");
    if (job->error)
        job->kind = JOB_REFUSED;
    int64_t now_ms = clock_wall_ms();
    self->begin_ms = (now_ms / HOUR_MS - (int64_t)self->hours + 1) * HOUR_MS;
}
