#include "workers/delivery_log.h"

#include "common/base/clock.h"
#include "workers/answer.h"
#include "workers/delivery_engine.h"
#include "workers/journal_outbox.h"

#include <assert.h>
#include <stdio.h>

/* What a request asks for. */
typedef struct {
    outbox_state_t state; /* 0: any */
    int64_t from_ms, to_ms;
    uint64_t log; /* 0: not by number */
    uuid_t7 id;   /* nil: not by id */
    uint64_t after, limit;
} wanted_t;

typedef struct {
    const wanted_t *wanted;
    outbox_item_t items[DELIVERY_LOG_LIMIT];
    unsigned len, looked;
    uint64_t next; /* 0: there is no more */
} page_t;

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
        job_refuse(job, ERROR_invalid_param, "state must be pending, delivered or dead.");
    return wanted->state != 0;
}

/* The number of a delivery, or the id of its event. */
static bool s_read_id(job_t *job, wanted_t *wanted)
{
    slice_t text;
    if (!job_param(job, "id", &text) || history_number(job, "id", INT64_MAX, &wanted->log) ||
        uuid_parse(text.data, text.len, &wanted->id) == 0)
        return true;
    job_refuse(job, ERROR_invalid_param,
               "id must be the number of a delivery, or the webhook-id of its event.");
    return false;
}

static bool s_read(job_t *job, wanted_t *wanted)
{
    *wanted = (wanted_t){.to_ms = INT64_MAX, .after = UINT64_MAX, .limit = DELIVERY_LOG_LIMIT};
    if (!s_read_time(job, "from", &wanted->from_ms) || !s_read_time(job, "to", &wanted->to_ms) ||
        !s_read_state(job, wanted) || !s_read_id(job, wanted))
        return false;
    if (!history_number(job, "limit", DELIVERY_LOG_LIMIT, &wanted->limit))
        job_refuse(job, ERROR_invalid_param, "limit must be a number from 1 to 100.");
    else if (!history_number(job, "after", INT64_MAX, &wanted->after))
        job_refuse(job, ERROR_invalid_param, "after must be the next of the page before.");
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
    if (page->len == page->wanted->limit || page->looked++ == DELIVERY_LOG_LOOKED) {
        page->next = item->log;
        return false;
    }
    if (s_is_wanted(page->wanted, item))
        page->items[page->len++] = *item;
    return item->time_ms >= page->wanted->from_ms;
}

static void s_find(const answering_t *with, const job_t *job, const wanted_t *wanted, page_t *page)
{
    const uuid_t7 *target = &job->request->principal.target;
    *page = (page_t){.wanted = wanted};
    if (wanted->log) {
        page->len = journal_item(with->journal, target, wanted->log, &page->items[0]) &&
                    s_is_wanted(wanted, &page->items[0]);
        return;
    }
    journal_items(with->journal, target, wanted->after, wanted->state == OUTBOX_DEAD, s_take, page);
}

static void s_write_time(json_out_t *out, int64_t time_ms)
{
    char time[CLOCK_TEXT];
    clock_text(time_ms, time);
    json_string(out, slice_of(time));
}

static void s_write_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    json_out_t *out = arg;
    json_lit(out, out->data[out->len - 1] == '[' ? "{\"number\":" : ",{\"number\":");
    json_uint(out, number);
    json_lit(out, ",\"time\":");
    s_write_time(out, attempt->time_ms);
    json_lit(out, ",\"duration_ms\":");
    json_uint(out, attempt->duration_us / 1000);
    json_lit(out, ",\"status\":");
    attempt->status ? json_uint(out, attempt->status) : json_lit(out, "null");
    json_lit(out, ",\"outcome\":");
    json_string(out, slice_of(delivery_outcome_name(attempt->outcome)));
    json_lit(out, ",\"answer\":");
    size_t shown = attempt->answer.len < OUTBOX_ANSWER ? attempt->answer.len : OUTBOX_ANSWER;
    json_string(out, slice(attempt->answer.data, shown));
    json_lit(out, "}");
}

static void s_write_item(const answering_t *with, json_out_t *out, const outbox_item_t *item)
{
    char id[UUID_TEXT];
    uuid_text(&item->id, id);
    json_lit(out, "{\"number\":");
    json_uint(out, item->log);
    json_lit(out, ",\"id\":");
    json_string(out, slice_of(id));
    json_lit(out, ",\"state\":");
    json_string(out, slice_of(s_states[item->state]));
    json_lit(out, ",\"time\":");
    s_write_time(out, item->time_ms);
    json_lit(out, ",\"due_in_s\":");
    uint64_t now_ms = journal_running_ms(with->journal, clock_ms());
    if (item->state == OUTBOX_PENDING)
        json_uint(out, item->due_ms > now_ms ? (item->due_ms - now_ms) / 1000 : 0);
    else
        json_lit(out, "null");
    json_lit(out, ",\"made\":");
    json_uint(out, item->attempts);
    json_lit(out, ",\"attempts\":[");
    journal_attempts(with->journal, item->log, s_write_attempt, out);
    json_lit(out, "]}");
}

static void s_render_list(const answering_t *with, job_t *job, json_out_t *out)
{
    wanted_t wanted;
    static page_t page; /* the main thread's */
    const char *why;
    if (!s_read(job, &wanted))
        return;
    s_find(with, job, &wanted, &page);
    delivery_standing(s_engine(with)->delivery, &job->request->principal.target, &why);
    json_lit(out, "{\"disabled\":");
    *why ? json_string(out, slice_of(why)) : json_lit(out, "null");
    why = delivery_waits_for(s_engine(with)->delivery, &job->request->principal.target);
    json_lit(out, ",\"waits\":");
    why ? json_string(out, slice_of(why)) : json_lit(out, "null");
    json_lit(out, ",\"deliveries\":[");
    for (unsigned i = 0; i < page.len; i++) {
        json_lit(out, i ? "," : "");
        s_write_item(with, out, &page.items[i]);
        if (out->len > HISTORY_BYTES && i + 1 < page.len) {
            page.next = page.items[i + 1].log;
            break;
        }
    }
    json_lit(out, "],\"next\":");
    page.next ? json_uint(out, page.next) : json_lit(out, "null");
    json_lit(out, "}");
}

/* Whether something that is tried again would be called; else it is said why not. */
static bool s_is_called(const answering_t *with, job_t *job)
{
    const uuid_t7 *target = &job->request->principal.target;
    const delivery_engine_t *engine = s_engine(with);
    const char *why;
    char reason[256];
    if (delivery_standing(engine->delivery, target, &why) == 0) {
        if (delivery_wants(engine->delivery, target))
            return true;
        why = "it has no handler; set one first";
    }
    snprintf(reason, sizeof reason, "Nothing would be delivered: %s.", why);
    job_refuse(job, ERROR_conflict, reason);
    return false;
}

static void s_render_retry(const answering_t *with, job_t *job, json_out_t *out)
{
    wanted_t wanted;
    static page_t page;
    if (!s_read(job, &wanted))
        return;
    if (!wanted.log && uuid_is_nil(&wanted.id)) {
        job_refuse(job, ERROR_invalid_param,
                   "id is missing: the number of a delivery, or the webhook-id of its event.");
        return;
    }
    wanted.limit = 1;
    s_find(with, job, &wanted, &page);
    if (page.len == 0) {
        job_refuse(job, ERROR_not_found,
                   "There is no delivery with this id, or retention has removed it.");
        return;
    }
    if (!s_is_called(with, job))
        return;
    delivery_revive(s_engine(with)->delivery, &job->request->principal.target, page.items[0].log,
                    clock_ms());
    json_lit(out, "{\"number\":");
    json_uint(out, page.items[0].log);
    json_lit(out, "}");
}

static void s_render_replay(const answering_t *with, job_t *job, json_out_t *out)
{
    wanted_t wanted;
    uint64_t rate = DELIVERY_RATE;
    if (!s_read(job, &wanted))
        return;
    if (!history_number(job, "rate", DELIVERY_RATE_MOST, &rate)) {
        job_refuse(job, ERROR_invalid_param, "rate must be a number from 1 to 1000, a second.");
        return;
    }
    if (job->error)
        return;
    if (!s_is_called(with, job))
        return;
    delivery_replay_t replay = {wanted.from_ms, wanted.to_ms, (unsigned)rate};
    delivery_replay(s_engine(with)->delivery, &job->request->principal.target, &replay, clock_ms());
    json_lit(out, "{\"rate\":");
    json_uint(out, rate);
    json_lit(out, "}");
}

void delivery_log_list(post_t *post, job_t *job)
{
    (void)post;
    job->kind = JOB_READ;
    job->render = s_render_list;
}

void delivery_log_retry(post_t *post, job_t *job)
{
    (void)post;
    job->kind = JOB_READ;
    job->render = s_render_retry;
}

void delivery_log_replay(post_t *post, job_t *job)
{
    (void)post;
    job->kind = JOB_READ;
    job->render = s_render_replay;
}
