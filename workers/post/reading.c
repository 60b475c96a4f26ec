#include "workers/post/reading.h"

#include "common/base/clock.h"
#include "common/monitor/monitor.h"
#include "workers/post/answer.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Of all readings, until libzmq's thread has sent them. */
static atomic_size_t s_held;

static const char s_damaged[] = "What is stored here is damaged. The worker's log has the place.";
static const char s_unreached[] =
    "The server that has what is stored here gave no answer to a read. Try again.";

reading_t *reading_new(job_t *job)
{
    reading_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->target = job->request->principal.target;
    self->user = job->request->principal.user;
    self->history.view.reader = &self->user;
    job->kind = JOB_READ;
    job->reading = self;
    return self;
}

/* What is counted of it, from here on what the body takes. */
static void s_count(reading_t *self)
{
    atomic_fetch_add(&s_held, self->body.cap - self->held);
    self->held = self->body.cap;
}

void reading_destroy(reading_t **self_p)
{
    reading_t *self = *self_p;
    if (!self)
        return;
    json_free(&self->rows);
    json_free(&self->body);
    s_count(self);
    if (self->drop)
        self->drop(self->own);
    else
        free(self->own);
    free(self->reason);
    free(self);
    *self_p = NULL;
}

void reading_refuse(reading_t *self, error_code_t error, const char *reason)
{
    self->error = error;
    free(self->reason);
    self->reason = reason ? strdup(reason) : NULL;
}

/* The journal's thread. */
static void s_look(void *arg, journal_reader_t *reader)
{
    reading_t *self = arg;
    self->late = !self->more && clock_ms() >= self->deadline_ms;
    self->held_at.tip = journal_tip(self->with->journal);
    self->empty = false;
    if (self->late || self->error)
        return;
    if (atomic_load(&s_held) >= READING_BYTES)
        reading_refuse(self, ERROR_overloaded, NULL);
    else if (self->look)
        self->look(self, reader);
    s_count(self);
}

static void s_sent(void *data, void *hint)
{
    atomic_fetch_sub(&s_held, (size_t)hint);
    free(data);
}

/* The body goes to libzmq as it is. */
static void s_give_body(reading_t *self, zmq_msg_t *to)
{
    s_count(self);
    if (zmq_msg_init_data(to, self->body.data, self->body.len, s_sent, (void *)self->held) != 0)
        abort();
    self->body = (json_out_t){0};
    self->held = 0;
}

static void s_reply(reading_t *self)
{
    zmq_msg_t body;
    wire_reply_t reply = {.id = self->id, .origin = self->origin, .attempt = self->attempt};
    wire_reply_repeat(&reply, slice(self->facts, self->facts_len));
    if (self->error) {
        json_reset(&self->body);
        json_lit(&self->body, self->reason ? self->reason : "");
        wire_reply_refuse(&reply, self->error);
    } else {
        reply.status = 200;
        reply.content = CONTENT_JSON;
    }
    bool empty = self->body.len == 0;
    if (!empty)
        s_give_body(self, &body);
    answer_add(self->with, self->link, self->peer, &reply, empty ? NULL : &body);
}

/* Those that are asked, or wait for their turn. */
static void s_count_waiting(const answering_t *with)
{
    const slicing_t *slicing = &with->slicing;
    unsigned in_turn = slicing->len - slicing->asked;
    metric_set(METRIC_reads_waiting, journal_asked(with->journal) + in_turn);
}

static void s_end(reading_t *self)
{
    if (self->late)
        metric_add(METRIC_expired_total, 1);
    s_count_waiting(self->with);
    LIST_REMOVE(self, next);
    reading_destroy(&self);
}

static void s_done(void *arg, journal_asked_t how);

void reading_finish(reading_t *self)
{
    s_reply(self);
    s_end(self);
}

void reading_expire(reading_t *self)
{
    if (self->end && !self->error)
        self->end(self, self->with);
    if (!self->later)
        reading_finish(self);
}

bool reading_wake(reading_t *self)
{
    json_reset(&self->body);
    return journal_ask(self->with->journal, s_look, s_done, self);
}

/* Its gateway need not send it again. */
static void s_tell(reading_t *self)
{
    const wire_reply_t reply = {
        .id = self->id, .origin = self->origin, .attempt = self->attempt, .status = 200};
    self->told = true;
    answer_add_interim(self->with, self->link, self->peer, &reply);
}

void reading_put_off(reading_t *self)
{
    self->later = true;
    s_tell(self);
}

/* True when it is held, or asked for again. */
static bool s_hold(reading_t *self)
{
    held_t *held = &self->held_at;
    int64_t now_ms = clock_ms();
    if (held->until_ms == 0)
        return false;
    held->reading = self;
    held->target = self->target;
    held->any = self->any;
    switch (holding_add(&self->with->holding, held, now_ms)) {
    case HOLDING_NOT:
        return false;
    case HOLDING_STALE:
        return reading_wake(self);
    case HOLDING_HELD:
        break;
    }
    if (!self->told && held->until_ms - now_ms > READING_SILENT_MS)
        s_tell(self);
    return true;
}

static void s_finish(reading_t *self, journal_asked_t how)
{
    if (how == JOURNAL_DAMAGED)
        reading_refuse(self, ERROR_internal, s_damaged);
    if (how == JOURNAL_UNREACHED)
        reading_refuse(self, ERROR_unavailable, s_unreached);
    if (how != JOURNAL_DROPPED && !self->late)
        reading_expire(self);
    else
        s_end(self);
}

static void s_done(void *arg, journal_asked_t how)
{
    reading_t *self = arg;
    if (how == JOURNAL_READ && self->empty && !self->error && !self->late && s_hold(self))
        return;
    s_finish(self, how);
}

static void s_slice_done(void *arg, journal_asked_t how);

/* Asks for the next slice. HOW: those that cannot be asked for end so. */
static void s_slice(answering_t *with, journal_asked_t how)
{
    for (reading_t *next; (next = slicing_take(&with->slicing));) {
        if (how == JOURNAL_READ && journal_ask(with->journal, s_look, s_slice_done, next))
            return;
        slicing_over(&with->slicing, next, false);
        reading_refuse(next, ERROR_overloaded, NULL);
        s_finish(next, how);
    }
}

static void s_slice_done(void *arg, journal_asked_t how)
{
    reading_t *self = arg;
    answering_t *with = self->with;
    bool more = how == JOURNAL_READ && self->more && !self->late && !self->error;
    slicing_over(&with->slicing, self, more);
    if (!more)
        s_finish(self, how);
    s_slice(with, how == JOURNAL_DROPPED ? how : JOURNAL_READ);
}

/* A later attempt, while the one before it is asked. */
static bool s_joins(const answering_t *with, const drain_batch_t *to, const wire_request_t *request)
{
    reading_t *other = request->attempt > 1 ? LIST_FIRST(&with->readings) : NULL;
    while (other && !uuid_eq(&other->id, &request->id))
        other = LIST_NEXT(other, next);
    if (!other)
        return false;
    other->link = to->link;
    other->peer = to->peer;
    other->origin = request->origin;
    other->attempt = request->attempt;
    if (other->told)
        s_tell(other);
    return true;
}

/* 0: it is not held. */
static int64_t s_hold_until(const reading_t *self, int64_t deadline_ms)
{
    int64_t until_ms = clock_ms() + self->wait_ms, last_ms = deadline_ms - READING_RETURN_MS;
    return self->wait_ms == 0 ? 0 : until_ms < last_ms ? until_ms : last_ms;
}

static void s_detach(reading_t *self, answering_t *with, const drain_batch_t *to, const job_t *job)
{
    const wire_request_t *request = job->request;
    slice_t facts = request->principal.facts;
    self->with = with;
    self->shard = with->shard;
    self->link = to->link;
    self->peer = to->peer;
    self->id = request->id;
    self->origin = request->origin;
    self->attempt = request->attempt;
    self->deadline_ms = job->deadline_ms;
    self->held_at.until_ms = s_hold_until(self, job->deadline_ms);
    self->facts_len = facts.len < sizeof self->facts ? facts.len : 0;
    if (self->facts_len > 0)
        memcpy(self->facts, facts.data, self->facts_len);
}

/* False: there are too many. */
static bool s_begin(reading_t *self, answering_t *with)
{
    if (self->sliced)
        return slicing_add(&with->slicing, self);
    return journal_ask(with->journal, s_look, s_done, self);
}

bool reading_ask(answering_t *with, const drain_batch_t *to, job_t *job)
{
    reading_t *self = job->reading;
    if (s_joins(with, to, job->request))
        return true;
    s_detach(self, with, to, job);
    if (self->begin)
        self->begin(self, with);
    if (atomic_load(&s_held) >= READING_BYTES || !s_begin(self, with))
        return false;
    job->reading = NULL;
    LIST_INSERT_HEAD(&with->readings, self, next);
    if (self->sliced)
        s_slice(with, JOURNAL_READ);
    s_count_waiting(with);
    return true;
}
