#include "workers/delivery/wanted.h"

#include "common/base/clock.h"
#include "workers/delivery/delivery.h"
#include "workers/post/history.h"

#include <stdio.h>

static const char *const s_states[] = {"", "pending", "delivered", "dead"};
static const char *const s_known[] = {
#define PARAM(name, of) PARAM_##of(name)
#define PARAM_DELIVERIES(name) name,
#define PARAM_BOTH(name) name,
#define PARAM_REPLAYS(name) name,
#include "common/read_params.def"
};
static const char *const s_of_list[] = {
#define PARAM(name, of) PARAM_##of(name)
#define PARAM_DELIVERIES(name) name,
#define PARAM_BOTH(name) name,
#define PARAM_REPLAYS(name) name,
#define PARAM_LOG(name) name,
#define PARAM_QUERY(name) name,
#include "common/read_params.def"
};

const char *wanted_state(outbox_state_t state)
{
    return s_states[state];
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

static bool s_read_outcome(job_t *job, wanted_t *wanted)
{
    slice_t text;
    if (!job_param(job, "outcome", &text))
        return true;
    for (unsigned i = 0; i < DELIVERY_OUTCOMES; i++) {
        const char *name = delivery_outcome_name(i);
        if (slice_is(text, name) && strcmp(name, "unknown") != 0)
            snprintf(wanted->outcome, sizeof wanted->outcome, "%s", name);
    }
    if (!*wanted->outcome)
        job_refuse_param(job, "outcome",
                         "must be that of an attempt, as answered, timeout or connect.");
    return *wanted->outcome;
}

static bool s_read_bodies(job_t *job, wanted_t *wanted)
{
    slice_t text;
    if (!job_param(job, "bodies", &text))
        return true;
    wanted->bare = slice_is(text, "false") || slice_is(text, "0");
    if (!wanted->bare && !slice_is(text, "true") && !slice_is(text, "1"))
        job_refuse_param(job, "bodies", "must be true or false.");
    return !job->error;
}

static void s_read_phrase(job_t *job, wanted_t *wanted)
{
    slice_t text;
    if (!job_param(job, "q", &text))
        return;
    if (text.len == 0 || text.len > WANTED_TEXT)
        job_refuse_param(job, "q", "must be a text of 1 to 256 bytes.");
    else if (wanted->bare)
        job_refuse_param(job, "q", "looks into bodies, which are left out here.");
    else
        wanted->phrase = phrase_new(text);
}

static void s_read_numbers(job_t *job, wanted_t *wanted)
{
    if (!history_number(job, "limit", WANTED_LIMIT, &wanted->limit))
        job_refuse_param(job, "limit", "must be a number from 1 to 100.");
    else if (!history_number(job, "after", INT64_MAX, &wanted->after))
        job_refuse_param(job, "after", "must be the next of the page before.");
    else if (!history_number(job, "status", 599, &wanted->status))
        job_refuse_param(job, "status", "must be that of an answer, as 500.");
}

bool wanted_read(wanted_t *self, job_t *job, bool list)
{
    *self = (wanted_t){.to_ms = INT64_MAX, .after = UINT64_MAX, .limit = WANTED_LIMIT};
    const char *const *known = list ? s_of_list : s_known;
    size_t count = list ? sizeof s_of_list / sizeof *s_of_list : sizeof s_known / sizeof *s_known;
    if (job_knows(job, known, count) && s_read_time(job, "from", &self->from_ms) &&
        s_read_time(job, "to", &self->to_ms) && s_read_state(job, self) && s_read_id(job, self) &&
        s_read_outcome(job, self) && s_read_bodies(job, self))
        s_read_numbers(job, self);
    if (!job->error)
        s_read_phrase(job, self);
    return !job->error;
}

void wanted_close(wanted_t *self)
{
    phrase_destroy(&self->phrase);
}

static bool s_searches(const wanted_t *self)
{
    return *self->outcome || self->status || self->phrase;
}

unsigned wanted_most(const wanted_t *self)
{
    return s_searches(self) ? WANTED_SEARCHED : WANTED_LOOKED;
}

typedef struct {
    const wanted_t *wanted;
    bool last;   /* the last attempt is as it is to be */
    bool phrase; /* it was found */
} looked_t;

static void s_look(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    looked_t *self = arg;
    const wanted_t *wanted = self->wanted;
    const char *outcome = delivery_outcome_name(attempt->outcome);
    (void)number;
    self->last = (!*wanted->outcome || strcmp(wanted->outcome, outcome) == 0) &&
                 (!wanted->status || wanted->status == attempt->status);
    self->phrase =
        self->phrase || (wanted->phrase && phrase_is_in(wanted->phrase, attempt->answer));
}

static void s_look_at_event(void *arg, const record_t *record)
{
    looked_t *self = arg;
    self->phrase = phrase_is_in(self->wanted->phrase, record->body);
}

static bool s_finds(const wanted_t *self, journal_reader_t *reader, const outbox_item_t *item)
{
    looked_t looked = {.wanted = self, .last = !*self->outcome && !self->status};
    journal_attempts(reader, item->log, s_look, &looked);
    if (looked.last && self->phrase && !looked.phrase)
        journal_record(reader, item->log, s_look_at_event, &looked);
    return looked.last && (looked.phrase || !self->phrase);
}

bool wanted_has(const wanted_t *self, journal_reader_t *reader, const outbox_item_t *item)
{
    return (!self->state || item->state == self->state) && item->time_ms >= self->from_ms &&
           item->time_ms < self->to_ms && (!self->log || item->log == self->log) &&
           (uuid_is_nil(&self->id) || uuid_eq(&self->id, &item->id)) &&
           (!s_searches(self) || s_finds(self, reader, item));
}
