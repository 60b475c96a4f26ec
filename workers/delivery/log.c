#include "workers/delivery/log.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "workers/delivery/engine.h"
#include "workers/journal/outbox.h"
#include "workers/post/answer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* What a request asks for. */
typedef struct {
    outbox_state_t state; /* 0: any */
    int64_t from_ms, to_ms;
    uint64_t log; /* 0: not by number */
    uuid_t7 id;   /* nil: not by id */
    uint64_t after, limit;
} wanted_t;

/* What a reading has of its own: what it asks for, and what was found. */
typedef struct {
    wanted_t wanted;
    delivery_replay_t replay;
    bool dry;             /* it is not carried out */
    const char *disabled; /* why nothing is delivered; empty: it is */
    const char *waits;    /* what keeps those that are due; NULL: nothing does */
    bool ordered;         /* one is called at a time: */
    uint64_t turn;        /* that one; 0: none is pending */
    outbox_item_t items[DELIVERY_LOG_LIMIT];
    unsigned len, looked;
    uint64_t next;   /* 0: there is no more */
    uint64_t now_ms; /* the running clock, when it was asked */
} page_t;

static const char *const s_known[] = {
#define PARAM(name, of) PARAM_##of(name)
#define PARAM_HISTORY(name)
#define PARAM_DELIVERIES(name) name,
#define PARAM_BOTH(name) name,
#define PARAM_REPLAYS(name) name,
#define PARAM_SHOW(name)
#define PARAM_TEST(name)
#define PARAM_COUNTS(name)
#include "common/read_params.def"
};
static const char *const s_states[] = {"", "pending", "delivered", "dead"};

static const delivery_engine_t *s_engine(const answering_t *with)
{
    assert(with->engine);
    return with->engine;
}

static bool s_read_time(job_t *job, const char *name, int64_t *time_ms)
{
    slice_t text;
    if (!job_param(job, name, &text))
        return true;
    *time_ms = clock_parse(text);
    if (*time_ms >= 0)
        return true;
    job_refuse(job, ERROR_invalid_param,
               "from and to must be times as 2026-01-02T03:04:05Z, of a day that there is.");
    return false;
}

static bool s_read_state(job_t *job, wanted_t *wanted)
{
    slice_t text;
    if (!job_param(job, "state", &text))
        return true;
    for (unsigned i = OUTBOX_PENDING; i <= OUTBOX_DEAD; i++)
        if (slice_is(text, s_states[i]))
            wanted->state = (outbox_state_t)i;
    if (!wanted->state)
        job_refuse_param(job, "state", "must be pending, delivered or dead.");
    return wanted->state != 0;
}

/* The number of a delivery, or the id of its event. */
static bool s_read_id(job_t *job, wanted_t *wanted)
{
    slice_t text;
    if (!job_param(job, "id", &text) || history_number(job, "id", INT64_MAX, &wanted->log) ||
        uuid_parse(text.data, text.len, &wanted->id) == 0)
        return true;
    job_refuse_param(job, "id",
                     "must be the number of a delivery, or the webhook-id of its event.");
    return false;
}

static bool s_read(job_t *job, wanted_t *wanted)
{
    *wanted = (wanted_t){.to_ms = INT64_MAX, .after = UINT64_MAX, .limit = DELIVERY_LOG_LIMIT};
    if (!job_knows(job, s_known, sizeof s_known / sizeof *s_known) ||
        !s_read_time(job, "from", &wanted->from_ms) || !s_read_time(job, "to", &wanted->to_ms) ||
        !s_read_state(job, wanted) || !s_read_id(job, wanted))
        return false;
    if (!history_number(job, "limit", DELIVERY_LOG_LIMIT, &wanted->limit))
        job_refuse_param(job, "limit", "must be a number from 1 to 100.");
    else if (!history_number(job, "after", INT64_MAX, &wanted->after))
        job_refuse_param(job, "after", "must be the next of the page before.");
    return !job->error;
}

static bool s_is_wanted(const wanted_t *wanted, const outbox_item_t *item)
{
    return (!wanted->state || item->state == wanted->state) && item->time_ms >= wanted->from_ms &&
           item->time_ms < wanted->to_ms && (!wanted->log || item->log == wanted->log) &&
           (uuid_is_nil(&wanted->id) || uuid_eq(&wanted->id, &item->id));
}

static bool s_take(void *arg, const outbox_item_t *item)
{
    page_t *page = arg;
    if (page->len == page->wanted.limit || page->looked++ == DELIVERY_LOG_LOOKED) {
        page->next = item->log;
        return false;
    }
    if (s_is_wanted(&page->wanted, item))
        page->items[page->len++] = *item;
    return item->time_ms >= page->wanted.from_ms;
}

static void s_look_for_one(reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    const wanted_t *wanted = &page->wanted;
    if (wanted->log)
        page->len = journal_item(reader, &self->target, wanted->log, &page->items[0]) &&
                    s_is_wanted(wanted, &page->items[0]);
    else
        journal_items(reader, &self->target, wanted->after, wanted->state == OUTBOX_DEAD, s_take,
                      page);
}

static void s_write_time(json_out_t *out, int64_t time_ms)
{
    char time[CLOCK_TEXT];
    clock_text(time_ms, time);
    json_quote(out, slice_of(time));
}

/* The members of an attempt, which the caller closes. */
static void s_write_attempt(json_out_t *out, unsigned number, const outbox_attempt_t *attempt)
{
    json_lit(out, out->data[out->len - 1] == '[' ? "{\"number\":" : ",{\"number\":");
    json_uint(out, number);
    json_lit(out, ",\"time\":");
    s_write_time(out, attempt->time_ms);
    json_lit(out, ",\"duration_ms\":");
    json_uint(out, attempt->duration_us / 1000);
    json_lit(out, ",\"status\":");
    attempt->status ? json_uint(out, attempt->status) : json_lit(out, "null");
    json_lit(out, ",\"outcome\":");
    json_quote(out, slice_of(delivery_outcome_name(attempt->outcome)));
    json_lit(out, ",\"answer\":");
    size_t shown = attempt->answer.len < OUTBOX_ANSWER ? attempt->answer.len : OUTBOX_ANSWER;
    json_quote(out, slice(attempt->answer.data, shown));
}

static void s_list_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    s_write_attempt(arg, number, attempt);
    json_lit(arg, "}");
}

static void s_show_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    json_out_t *out = arg;
    s_write_attempt(out, number, attempt);
    json_lit(out, ",\"call\":");
    json_lit(out, attempt->trace.len ? "{" : "null");
    json_raw(out, attempt->trace);
    json_lit(out, attempt->trace.len ? "}}" : "}");
}

static void s_write_item(json_out_t *out, journal_reader_t *reader, uint64_t now_ms,
                         const outbox_item_t *item, outbox_attempt_fn attempt)
{
    char id[UUID_TEXT];
    uuid_text(&item->id, id);
    json_lit(out, "{\"number\":");
    json_uint(out, item->log);
    json_lit(out, ",\"id\":");
    json_quote(out, slice_of(id));
    json_lit(out, ",\"state\":");
    json_quote(out, slice_of(s_states[item->state]));
    json_lit(out, ",\"time\":");
    s_write_time(out, item->time_ms);
    json_lit(out, ",\"due_in_s\":");
    if (item->state == OUTBOX_PENDING)
        json_uint(out, item->due_ms > now_ms ? (item->due_ms - now_ms) / 1000 : 0);
    else
        json_lit(out, "null");
    json_lit(out, ",\"made\":");
    json_uint(out, item->attempts);
    json_lit(out, ",\"attempts\":[");
    journal_attempts(reader, item->log, attempt, out);
    json_lit(out, "]}");
}

static void s_begin_list(reading_t *self, answering_t *with)
{
    page_t *page = self->own;
    delivery_standing(s_engine(with)->delivery, &self->target, &page->disabled);
    page->waits = delivery_waits_for(s_engine(with)->delivery, &self->target);
    const delivery_handler_t *handler = handlers_get(s_engine(with)->handlers, &self->target);
    page->ordered = handler && handler->ordered;
    page->now_ms = journal_running_ms(with->journal, clock_ms());
}

static bool s_take_turn(void *arg, const outbox_due_t *due)
{
    reading_t *self = arg;
    if (uuid_eq(&due->place.target, &self->target))
        ((page_t *)self->own)->turn = due->place.log;
    return false;
}

/* In order, those behind it wait until it has ended. */
static void s_find_turn(reading_t *self, journal_reader_t *reader)
{
    const page_t *page = self->own;
    outbox_place_t from = {.target = self->target};
    if (page->ordered)
        journal_due(reader, &from, s_take_turn, self);
}

static void s_look_for_list(reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    json_out_t *out = &self->body;
    s_look_for_one(self, reader);
    s_find_turn(self, reader);
    json_lit(out, "{\"disabled\":");
    *page->disabled ? json_quote(out, slice_of(page->disabled)) : json_lit(out, "null");
    json_lit(out, ",\"waits\":");
    page->waits ? json_quote(out, slice_of(page->waits)) : json_lit(out, "null");
    json_lit(out, ",\"turn\":");
    page->turn ? json_uint(out, page->turn) : json_lit(out, "null");
    json_lit(out, ",\"deliveries\":[");
    for (unsigned i = 0; i < page->len; i++) {
        json_lit(out, i ? "," : "");
        s_write_item(out, reader, page->now_ms, &page->items[i], s_list_attempt);
        if (out->len > HISTORY_BYTES && i + 1 < page->len) {
            page->next = page->items[i + 1].log;
            break;
        }
    }
    json_lit(out, "],\"next\":");
    page->next ? json_uint(out, page->next) : json_lit(out, "null");
    json_lit(out, "}");
}

typedef struct {
    reading_t *reading;
    uint64_t log;
    bool found;
} origin_t;

static void s_write_event(void *arg, const record_t *record)
{
    origin_t *self = arg;
    history_row(&self->reading->body, &self->reading->shard, self->log, record);
    self->found = true;
}

static void s_look_to_show(reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    json_out_t *out = &self->body;
    s_look_for_one(self, reader);
    if (page->len == 0) {
        reading_refuse(self, ERROR_not_found,
                       "There is no delivery with this number, or retention has removed it.");
        return;
    }
    json_lit(out, "{\"delivery\":");
    s_write_item(out, reader, page->now_ms, &page->items[0], s_show_attempt);
    json_lit(out, ",\"event\":");
    origin_t event = {self, page->items[0].log, false};
    journal_record(reader, event.log, s_write_event, &event);
    json_lit(out, event.found ? "}" : "null}");
}

/* Whether something that is tried again would be called; else it is said why not. */
static bool s_is_called(reading_t *self, const answering_t *with)
{
    const delivery_engine_t *engine = s_engine(with);
    const char *why;
    char reason[256];
    if (delivery_standing(engine->delivery, &self->target, &why) == 0) {
        if (delivery_wants(engine->delivery, &self->target))
            return true;
        why = "it has no handler; set one first";
    }
    snprintf(reason, sizeof reason, "Nothing would be delivered: %s.", why);
    reading_refuse(self, ERROR_conflict, reason);
    return false;
}

static void s_end_retry(reading_t *self, const answering_t *with)
{
    const page_t *page = self->own;
    if (page->len == 0) {
        reading_refuse(self, ERROR_not_found,
                       "There is no delivery with this id, or retention has removed it.");
        return;
    }
    if (!s_is_called(self, with))
        return;
    delivery_revive(s_engine(with)->delivery, &self->target, page->items[0].log, clock_ms());
    json_lit(&self->body, "{\"number\":");
    json_uint(&self->body, page->items[0].log);
    json_lit(&self->body, "}");
}

static bool s_count(void *arg, const outbox_item_t *item)
{
    page_t *page = arg;
    if (page->looked++ == DELIVERY_LOG_LOOKED) {
        page->replay.counted = false;
        return false;
    }
    page->replay.total += s_is_wanted(&page->wanted, item);
    return true;
}

/* What the log has at once; of more, the first. */
static void s_look_to_replay(reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    page->replay.counted = true;
    journal_dead(reader, &self->target, 0, s_count, page);
}

static void s_end_replay(reading_t *self, const answering_t *with)
{
    page_t *page = self->own;
    json_out_t *out = &self->body;
    if (!page->dry && !s_is_called(self, with))
        return;
    if (!page->dry)
        delivery_replay(s_engine(with)->delivery, &self->target, &page->replay, clock_ms());
    json_lit(out, "{\"rate\":");
    json_uint(out, page->replay.rate);
    json_lit(out, ",\"matched\":");
    json_uint(out, page->replay.total);
    json_lit(out, page->replay.counted ? ",\"counted\":true" : ",\"counted\":false");
    json_lit(out, page->dry ? ",\"dry_run\":true}" : ",\"dry_run\":false}");
}

/* NULL: its parameters are refused. */
static reading_t *s_prepare(job_t *job, page_t **page)
{
    reading_t *reading = reading_new(job);
    reading->own = *page = calloc(1, sizeof **page);
    if (!*page)
        abort();
    if (s_read(job, &(*page)->wanted))
        return reading;
    job->kind = JOB_REFUSED;
    return NULL;
}

static void s_need_id(job_t *job, const page_t *page)
{
    if (page->wanted.log || !uuid_is_nil(&page->wanted.id))
        return;
    job_refuse_param(job, "id",
                     "is missing: the number of a delivery, or the webhook-id of its event.");
    job->kind = JOB_REFUSED;
}

void delivery_log_list(post_t *post, job_t *job)
{
    page_t *page;
    reading_t *reading = s_prepare(job, &page);
    (void)post;
    if (!reading)
        return;
    reading->begin = s_begin_list;
    reading->look = s_look_for_list;
}

/* The path has its number; the operator names it as retry does. */
void delivery_log_show(post_t *post, job_t *job)
{
    page_t *page;
    slice_t number;
    reading_t *reading = s_prepare(job, &page);
    (void)post;
    if (!reading)
        return;
    page->wanted.limit = 1;
    reading->begin = s_begin_list;
    reading->look = s_look_to_show;
    if (!wire_pairs_find(job->request->headers, WIRE_NUMBER, &number)) {
        s_need_id(job, page);
    } else if (!history_digits(number, INT64_MAX, &page->wanted.log)) {
        job_refuse(job, ERROR_not_found, "The number of a delivery is 1 or more.");
        job->kind = JOB_REFUSED;
    }
}

void delivery_log_retry(post_t *post, job_t *job)
{
    page_t *page;
    reading_t *reading = s_prepare(job, &page);
    (void)post;
    if (!reading)
        return;
    page->wanted.limit = 1;
    reading->look = s_look_for_one;
    reading->end = s_end_retry;
    s_need_id(job, page);
}

static void s_read_dry(job_t *job, page_t *page)
{
    slice_t value;
    if (!job_param(job, "dry_run", &value))
        return;
    page->dry = slice_is(value, "true") || slice_is(value, "1");
    if (!page->dry && !slice_is(value, "false") && !slice_is(value, "0"))
        job_refuse_param(job, "dry_run", "must be true or false.");
}

void delivery_log_replay(post_t *post, job_t *job)
{
    page_t *page;
    uint64_t rate = DELIVERY_RATE;
    reading_t *reading = s_prepare(job, &page);
    (void)post;
    if (!reading)
        return;
    s_read_dry(job, page);
    if (!history_number(job, "rate", DELIVERY_RATE_MOST, &rate))
        job_refuse_param(job, "rate", "must be a number from 1 to 1000, a second.");
    if (job->error)
        job->kind = JOB_REFUSED;
    page->replay = (delivery_replay_t){.from_ms = page->wanted.from_ms,
                                       .to_ms = page->wanted.to_ms,
                                       .rate = (unsigned)rate,
                                       .started_ms = clock_wall_ms(),
                                       .by = job->request->principal.user};
    slice_t name = utf8_within(job->request->principal.display_name, DELIVERY_BY - 1);
    snprintf(page->replay.by_name, DELIVERY_BY, "%.*s", SLICE_ARG(name));
    reading->look = s_look_to_replay;
    reading->end = s_end_replay;
}
