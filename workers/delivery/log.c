#include "workers/delivery/log.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "workers/delivery/engine.h"
#include "workers/delivery/log_row.h"
#include "workers/delivery/wanted.h"
#include "workers/journal/outbox.h"
#include "workers/post/answer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* What a reading has of its own: what it asks for, and what was found. */
typedef struct {
    wanted_t wanted;
    delivery_replay_t replay;
    bool dry;             /* it is not carried out */
    const char *disabled; /* why nothing is delivered; empty: it is */
    const char *waits;    /* what keeps those that are due; NULL: nothing does */
    bool ordered;         /* one is called at a time: */
    uint64_t turn;        /* that one; 0: none is pending */
    outbox_item_t items[WANTED_LIMIT];
    unsigned len, looked;
    journal_reader_t *reader; /* of a count */
    uint64_t next;            /* 0: there is no more */
    uint64_t now_ms;          /* the running clock, when it was asked */
} page_t;

static const delivery_engine_t *s_engine(const answering_t *with)
{
    assert(with->engine);
    return with->engine;
}

/* Items are read a few at a time, since a look at an item's attempts cannot be had amid a walk. */
typedef struct {
    outbox_item_t item[64];
    unsigned len;
} few_t;
enum { FEW = sizeof((few_t *)0)->item / sizeof(outbox_item_t) };

static bool s_add(void *arg, const outbox_item_t *item)
{
    few_t *self = arg;
    self->item[self->len++] = *item;
    return self->len < FEW;
}

/* False: the page has ended with or before it. */
static bool s_take(page_t *page, journal_reader_t *reader, const outbox_item_t *item)
{
    if (page->len == page->wanted.limit || page->looked == wanted_most(&page->wanted)) {
        page->next = item->log;
        return false;
    }
    page->looked++;
    if (wanted_has(&page->wanted, reader, item))
        page->items[page->len++] = *item;
    return item->time_ms >= page->wanted.from_ms;
}

static void s_look_for_page(const reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    few_t few = {.len = FEW};
    bool dead = page->wanted.state == OUTBOX_DEAD, more = true;
    for (uint64_t from = page->wanted.after; more && few.len == FEW;) {
        few.len = 0;
        journal_items(reader, &self->target, from, dead, s_add, &few);
        for (unsigned i = 0; more && i < few.len; i++)
            more = s_take(page, reader, &few.item[i]);
        from = few.len > 0 ? few.item[few.len - 1].log - 1 : 0;
    }
}

static void s_look_for_one(reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    const wanted_t *wanted = &page->wanted;
    if (wanted->log)
        page->len = journal_item(reader, &self->target, wanted->log, &page->items[0]) &&
                    wanted_has(wanted, reader, &page->items[0]);
    else
        s_look_for_page(self, reader);
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
        log_row(out, reader, page->now_ms, &page->items[i],
                page->wanted.bare ? LOG_ROW_BARE : LOG_ROW_LISTED);
        if (out->len > HISTORY_BYTES && i + 1 < page->len) {
            page->next = page->items[i + 1].log;
            break;
        }
    }
    json_lit(out, "],\"next\":");
    page->next ? json_uint(out, page->next) : json_lit(out, "null");
    json_lit(out, ",\"scanned\":");
    json_uint(out, page->wanted.log ? page->len : page->looked);
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
    log_row(out, reader, page->now_ms, &page->items[0], LOG_ROW_SHOWN);
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
    if (page->looked++ == WANTED_LOOKED) {
        page->replay.counted = false;
        return false;
    }
    page->replay.total += wanted_has(&page->wanted, page->reader, item);
    return true;
}

/* What the log has at once; of more, the first. */
static void s_look_to_replay(reading_t *self, journal_reader_t *reader)
{
    page_t *page = self->own;
    page->replay.counted = true;
    page->reader = reader;
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

static void s_drop(void *own)
{
    page_t *page = own;
    wanted_close(&page->wanted);
    free(page);
}

/* NULL: its parameters are refused. */
static reading_t *s_prepare(job_t *job, page_t **page, bool list)
{
    reading_t *reading = reading_new(job);
    reading->own = *page = calloc(1, sizeof **page);
    if (!*page)
        abort();
    reading->drop = s_drop;
    if (wanted_read(&(*page)->wanted, job, list))
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
    reading_t *reading = s_prepare(job, &page, true);
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
    reading_t *reading = s_prepare(job, &page, false);
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
    reading_t *reading = s_prepare(job, &page, false);
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
    reading_t *reading = s_prepare(job, &page, false);
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
