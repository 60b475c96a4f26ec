#include "workers/post/replay.h"

#include "common/base/clock.h"
#include "common/base/moment.h"
#include "common/monitor/monitor.h"
#include "workers/post/formatted.h"

#include <sodium.h>
#include <stdlib.h>

/* The header of a message that was made again: its event's id. */
static const char s_of[] = ":replay-of";

static const char *const s_known[] = {"from", "since", "limit", "dry_run"};

typedef struct {
    size_t at, len; /* the record, in the reading's rows */
    uuid_t7 id;
    bool again; /* there is its message already */
} kept_t;

typedef struct replay {
    reading_t *reading;
    struct replay *next;
    /* What is asked for. */
    uint64_t from, limit;
    int64_t since_ms;
    bool dry;
    /* What look found. */
    kept_t kept[REPLAY_EVENTS];
    unsigned len, looked, slice; /* records, and those at the end of the slice */
    uint64_t on;                 /* the sequence from which to go on; 0: there is no more */
    /* What became of them. */
    unsigned made;    /* of len, in their order */
    unsigned pending; /* given to the journal */
    unsigned done, dropped, again, failed;
    error_code_t error; /* of the journal */
} replay_t;

/* A message that was made again marks its event. */
static void s_mark(replay_t *self, const record_t *record)
{
    slice_t text;
    uuid_t7 id;
    if ((record->flags & (RECORD_EVENT | RECORD_REPLY)) || record->headers.len == 0 ||
        !wire_pairs_find(record->headers, s_of, &text) || uuid_parse(text.data, text.len, &id) != 0)
        return;
    for (unsigned i = 0; i < self->len; i++)
        if (uuid_eq(&self->kept[i].id, &id))
            self->kept[i].again = true;
}

static void s_keep(replay_t *self, const record_t *record)
{
    json_out_t *rows = &self->reading->rows;
    size_t size = record_size(record);
    kept_t *kept = &self->kept[self->len++];
    *kept = (kept_t){.at = rows->len, .len = size, .id = record->id};
    record_write(record, json_room(rows, size));
    rows->len += size;
}

static bool s_is_asked(const replay_t *self, const record_t *record)
{
    const unsigned failed = RECORD_EVENT | RECORD_FAILED;
    return (record->flags & (failed | RECORD_ERASED)) == failed &&
           record->time_ms >= self->since_ms;
}

/* Behind the last event that is taken it goes on, for the messages that were made already. */
static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    replay_t *self = arg;
    (void)log;
    if (self->looked == REPLAY_LOOKED) {
        if (!self->on)
            self->on = record->sequence;
        return false;
    }
    if (self->looked == self->slice) {
        self->from = record->sequence;
        self->reading->more = true;
        return false;
    }
    self->looked++;
    s_mark(self, record);
    if (self->on || !s_is_asked(self, record))
        return true;
    size_t size = self->reading->rows.len + record_size(record);
    if (self->len == self->limit || (self->len && size > REPLAY_BYTES))
        self->on = record->sequence;
    else
        s_keep(self, record);
    return true;
}

/* A slice. */
static void s_look(reading_t *reading, journal_reader_t *reader)
{
    replay_t *self = reading->own;
    journal_range_t range;
    if (self->looked == 0 && self->since_ms > 0) {
        uint64_t since = journal_at_time(reader, &reading->target, self->since_ms);
        self->from = since > self->from ? since : self->from;
    }
    reading->more = false;
    self->slice = self->looked + REPLAY_SLICE;
    journal_read(reader, &reading->target, self->from, &range, s_each, self);
}

/* From here on it is a turn's. */
static void s_end(reading_t *reading, const answering_t *with)
{
    replay_t *self = reading->own;
    replay_t **last = &reading->with->replays;
    (void)with;
    while (*last)
        last = &(*last)->next;
    *last = self;
    reading->later = true;
    json_lit(&reading->body, "{\"failures\":[");
}

static bool s_read_dry(job_t *job, replay_t *self)
{
    slice_t value;
    if (!job_param(job, "dry_run", &value))
        return !job->error;
    self->dry = slice_is(value, "true") || slice_is(value, "1");
    if (!self->dry && !slice_is(value, "false") && !slice_is(value, "0"))
        job_refuse_param(job, "dry_run", "must be true or false.");
    return !job->error;
}

static bool s_read_since(job_t *job, replay_t *self)
{
    slice_t text;
    if (job_param(job, "since", &text) &&
        (self->since_ms = moment_parse(text, clock_wall_ms())) < 0)
        job_refuse_param(job, "since", "must be " MOMENT_FORMS ".");
    return !job->error;
}

void post_replay(post_t *post, job_t *job)
{
    reading_t *reading = reading_new(job);
    replay_t *self = reading->own = calloc(1, sizeof *self);
    (void)post;
    if (!self)
        abort();
    self->reading = reading;
    self->limit = REPLAY_EVENTS;
    if (!job_knows(job, s_known, sizeof s_known / sizeof *s_known) || !s_read_dry(job, self) ||
        !s_read_since(job, self))
        ;
    else if (!history_number(job, "limit", REPLAY_EVENTS, &self->limit))
        job_refuse_param(job, "limit", "must be a number from 1 to 64.");
    else if (!history_number(job, "from", INT64_MAX, &self->from))
        job_refuse_param(job, "from", "must be the sequence of a message, 1 or more.");
    reading->sliced = true;
    reading->look = s_look;
    reading->end = s_end;
    if (job->error)
        job->kind = JOB_REFUSED;
}

/* What every try at an event has in common. */
static void s_name(const uuid_t7 *event, const uuid_t7 *target, formatted_t *made, uuid_t7 *id)
{
    enum { VERSION = 6, VARIANT = 8, FREE_FORM = 0x80 }; /* RFC 9562 §5.8 */
    static const char purpose[] = "postern format replay";
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, WIRE_DEDUPE);
    crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof purpose - 1);
    crypto_generichash_update(&state, target->bytes, UUID_BYTES);
    crypto_generichash_update(&state, event->bytes, UUID_BYTES);
    crypto_generichash_final(&state, made->dedupe, WIRE_DEDUPE);
    memcpy(id->bytes, made->dedupe, UUID_BYTES);
    id->bytes[VERSION] = (uint8_t)((id->bytes[VERSION] & 0x0f) | FREE_FORM);
    id->bytes[VARIANT] = (uint8_t)((id->bytes[VARIANT] & 0x3f) | 0x80);
}

static formatted_t *s_formatted(slice_t message, const record_t *event)
{
    char id[UUID_TEXT];
    pack_t room = {0};
    uuid_text(&event->id, id);
    wire_pairs_add(&room, slice_of(s_of), slice_of(id));
    slice_t headers = wire_pairs_of(&room);
    formatted_t *self = calloc(1, sizeof *self + message.len + headers.len);
    if (!self)
        abort();
    memcpy(self->bytes, message.data, message.len);
    memcpy(self->bytes + message.len, headers.data, headers.len);
    self->message = slice(self->bytes, message.len);
    self->headers = slice(self->bytes + message.len, headers.len);
    pack_free(&room);
    return self;
}

/* A message of its own, whatever the event belongs to. EVENT's slices are the reading's, which is
 * answered when the job is done. */
static void s_store(replay_t *self, drain_t *filling, const record_t *event, slice_t message)
{
    job_t *job = drain_add_own(filling);
    journal_entry_t *entry = &job->entry;
    job->replay = self;
    job->formatted = s_formatted(message, event);
    entry->record = (record_t){.flags = RECORD_MESSAGE,
                               .op = event->op,
                               .method = event->method,
                               .environment = event->environment,
                               .time_ms = event->time_ms,
                               .user = event->user,
                               .target = event->target,
                               .name = event->name,
                               .access = event->access,
                               .params = event->params,
                               .headers = job->formatted->headers,
                               .body = job->formatted->message};
    s_name(&event->id, &event->target, job->formatted, &entry->record.id);
    entry->dedupe = slice(job->formatted->dedupe, WIRE_DEDUPE);
    self->pending++;
}

static void s_fail(replay_t *self, const record_t *event, slice_t format, const char *reason)
{
    json_out_t *out = &self->reading->body;
    json_lit(out, self->failed++ ? ",{\"sequence\":" : "{\"sequence\":");
    json_uint(out, event->sequence);
    json_lit(out, ",\"format\":");
    json_quote(out, format);
    json_lit(out, ",\"reason\":");
    json_quote(out, slice_of(reason));
    json_lit(out, "}");
}

static void s_take(replay_t *self, drain_t *filling, const record_t *event, slice_t name,
                   const format_result_t *result)
{
    switch (result->outcome) {
    case FORMAT_FAILED:
    case FORMAT_NO_JSON:
        s_fail(self, event, name, result->reason);
        break;
    case FORMAT_DROPPED:
    case FORMAT_FILTERED:
        self->dropped++;
        break;
    case FORMAT_MESSAGE:
    case FORMAT_SUMMARY:
        if (self->dry)
            self->done++;
        else
            s_store(self, filling, event, result->message);
    }
}

static void s_make(replay_t *self, post_t *post, drain_t *filling, const kept_t *kept)
{
    record_t event;
    format_result_t result;
    slice_t name = slice("", 0);
    if (record_read(&event, slice(self->reading->rows.data + kept->at, kept->len)) != 0)
        abort(); /* we wrote it */
    wire_pairs_find(event.headers, WIRE_FORMAT, &name);
    const formats_row_t *row = formats_find(post->formats, name);
    if (!row) {
        s_fail(self, &event, name, "there is no format of this name any more");
        return;
    }
    const event_t came = {.headers = event.headers, .params = event.params, .body = event.body};
    renderer_begin(post->renderer, &came);
    format_render(post->renderer, row->format, &result);
    metric_add_at(METRIC_format_total,
                  metric_format(row->name, format_outcome_name(result.outcome)), 1);
    s_take(self, filling, &event, name, &result);
}

static void s_count(json_out_t *out, const char *name, uint64_t count)
{
    json_lit(out, name);
    json_uint(out, count);
}

static void s_answer(replay_t *self)
{
    reading_t *reading = self->reading;
    json_out_t *out = &reading->body;
    if (self->error)
        reading_refuse(reading, self->error, NULL);
    json_lit(out, "]");
    s_count(out, ",\"matched\":", self->len);
    s_count(out, ",\"done\":", self->done);
    s_count(out, ",\"already\":", self->again);
    s_count(out, ",\"dropped\":", self->dropped);
    s_count(out, ",\"failed\":", self->failed);
    json_lit(out, ",\"next\":");
    self->on ? json_uint(out, self->on) : json_lit(out, "null");
    json_lit(out, "}");
    reading_finish(reading);
}

/* True when all of them are made. */
static bool s_go_on(replay_t *self, post_t *post, drain_t *filling)
{
    int64_t until_us = clock_us() + REPLAY_TURN_US;
    while (self->made < self->len) {
        const kept_t *kept = &self->kept[self->made++];
        if (kept->again)
            self->again++;
        else
            s_make(self, post, filling, kept);
        if (clock_us() >= until_us)
            break;
    }
    return self->made == self->len;
}

bool replay_waits(const answering_t *with)
{
    const replay_t *first = with->replays;
    return first && (first->made < first->len || !first->pending);
}

void replay_turn(answering_t *with, post_t *post, drain_t *filling)
{
    replay_t *self = with->replays;
    if (!self || !s_go_on(self, post, filling) || self->pending)
        return;
    with->replays = self->next;
    s_answer(self);
}

void replay_stored(drain_t *done)
{
    for (size_t i = 0; i < drain_jobs(done); i++) {
        const job_t *job = drain_job(done, i);
        replay_t *self = job->replay;
        if (!self)
            continue;
        self->pending--;
        if (job->entry.outcome == JOURNAL_STORED)
            self->done++;
        else if (job->entry.outcome == JOURNAL_NO_ROOM || job->entry.outcome == JOURNAL_NO_KEYS)
            self->error =
                job->entry.outcome == JOURNAL_NO_ROOM ? ERROR_storage_full : ERROR_overloaded;
        else
            self->again++;
    }
}
