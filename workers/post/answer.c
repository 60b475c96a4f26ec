#include "workers/post/answer.h"

#include "common/base/clock.h"
#include "common/monitor/monitor.h"
#include "workers/post/engine.h"
#include "workers/post/formatted.h"
#include "workers/post/post.h"

#include <stdlib.h>

void answer_open(answering_t *self, journal_t *journal, const shard_t *shard)
{
    *self = (answering_t){.journal = journal,
                          .shard = *shard,
                          .batch = wire_batch_new(),
                          .interim = wire_batch_new()};
    metric_set(METRIC_reads_waiting, 0);
    holding_open(&self->holding, journal, reading_wake, reading_expire);
    slicing_open(&self->slicing);
}

void answer_close(answering_t *self)
{
    reading_t *reading;
    holding_close(&self->holding);
    while ((reading = LIST_FIRST(&self->readings))) {
        LIST_REMOVE(reading, next);
        reading_destroy(&reading);
    }
    interests_clear(&self->interests);
    wire_batch_destroy(&self->batch);
    wire_batch_destroy(&self->interim);
    json_free(&self->body);
}

void answer_say_text(wire_reply_t *reply, slice_t json)
{
    if (json.len > 0 && json.data[0] == '"')
        wire_reply_add(reply, FACT_TEXT, 1);
}

/* As the first one was answered, whenever that was. */
static void s_set_stored(answering_t *self, const job_t *job, wire_reply_t *reply)
{
    const journal_answer_t *answer = &job->entry.answer;
    unsigned how = answer->answer & ~(unsigned)ANSWER_FAILED;
    if (answer->answer & ANSWER_FAILED)
        wire_reply_add(reply, FACT_FORMAT, 1);
    reply->status = how == ANSWER_EMPTY ? 204 : 200;
    if (how == ANSWER_EMPTY)
        return;
    reply->content = CONTENT_JSON;
    if (how == ANSWER_TEXT && job->formatted)
        json_raw(&self->body, job->formatted->answer);
    if (self->body.len > 0) { /* of the format, or of the engine */
        answer_say_text(reply, slice(self->body.data, self->body.len));
        return;
    }
    if (how != ANSWER_ID) {
        json_lit(&self->body, "{}");
        return;
    }
    json_lit(&self->body, "{\"message_id\":");
    if (answer->revision)
        history_id(&self->body, &self->shard, answer->root_ms,
                   JOURNAL_NUMBER | answer->root_number);
    else
        history_id(&self->body, &self->shard, answer->time_ms, answer->log);
    if (job->entry.change != CHANGE_NONE) {
        json_lit(&self->body, ",\"revision\":");
        json_uint(&self->body, answer->revision);
    }
    json_lit(&self->body, "}");
}

/* Why a message cannot be changed. */
static void s_refuse_change(answering_t *self, const journal_entry_t *entry, wire_reply_t *reply)
{
    switch (entry->outcome) {
    case JOURNAL_FOREIGN:
        wire_reply_refuse(reply, ERROR_not_allowed);
        json_lit(&self->body, entry->change == CHANGE_DELETE
                                  ? "The message is another user's: who sent it deletes it, or the "
                                    "target's owner."
                                  : "The message is another user's: only who sent it edits it.");
        break;
    case JOURNAL_BUSY:
        wire_reply_refuse(reply, ERROR_conflict);
        json_lit(&self->body, "The event is still to be delivered to the target's handler. Try "
                              "again when that has ended.");
        break;
    default:
        wire_reply_refuse(reply, ERROR_unknown_message);
        if (entry->about.number)
            json_lit(&self->body, "There is no message with the id that thread_message_id has, "
                                  "or retention has removed it.");
    }
}

static void s_answer_no_room(answering_t *self, wire_reply_t *reply)
{
    bool gone = journal_is_gone(self->journal);
    wire_reply_refuse(reply, gone ? ERROR_unavailable : ERROR_storage_full);
    if (gone)
        json_lit(&self->body, "The files of the journal are not in their place. Try again later.");
}

/* Why, and behind it for programs which field it is about. */
static void s_say_refusal(answering_t *self, const job_t *job, wire_reply_t *reply)
{
    if (job->reason)
        json_lit(&self->body, job->reason);
    if (!job->reason || !job->field)
        return;
    size_t said = self->body.len;
    json_lit(&self->body, "{\"field\":");
    json_quote(&self->body, slice_of(job->field));
    json_lit(&self->body, "}");
    wire_reply_add(reply, FACT_DETAILS, self->body.len - said);
}

static void s_answer_store(answering_t *self, const job_t *job, wire_reply_t *reply)
{
    switch (job->entry.outcome) {
    case JOURNAL_REPLAYED:
        wire_reply_add(reply, FACT_REPLAYED, 1);
        s_set_stored(self, job, reply);
        break;
    case JOURNAL_STORED:
    case JOURNAL_RESENT:
        s_set_stored(self, job, reply);
        break;
    case JOURNAL_REFUSED:
        wire_reply_refuse(reply, job->error);
        s_say_refusal(self, job, reply);
        break;
    case JOURNAL_REUSED:
        wire_reply_refuse(reply, ERROR_key_reused);
        break;
    case JOURNAL_NO_ROOM:
        s_answer_no_room(self, reply);
        break;
    case JOURNAL_NO_KEYS:
        wire_reply_refuse(reply, ERROR_overloaded);
        break;
    case JOURNAL_UNKNOWN:
    case JOURNAL_FOREIGN:
    case JOURNAL_BUSY:
    case JOURNAL_OUTCOMES:
        s_refuse_change(self, &job->entry, reply);
        break;
    }
}

/* Holds the answer back when the engine has it later, and says so. */
static bool s_is_held(answering_t *self, const drain_batch_t *to, const job_t *job,
                      wire_reply_t *reply)
{
    enum { HEAD = 128 };
    journal_outcome_t outcome = job->entry.outcome;
    if (job->kind != JOB_STORE || job->entry.answer.answer != ANSWER_LATE || !self->calls ||
        (outcome != JOURNAL_STORED && outcome != JOURNAL_RESENT && outcome != JOURNAL_REPLAYED))
        return false;
    json_reset(&self->body);
    if (self->calls->answer(self->engine, to, job, &self->body))
        return false;
    reply->status = 200;
    if (!wire_batch_has_room(self->interim, HEAD))
        link_send_interim(to->link, to->peer, self->interim);
    wire_batch_add_reply(self->interim, reply, NULL);
    return true;
}

static void s_answer_refused(answering_t *self, const job_t *job, wire_reply_t *reply)
{
    json_reset(&self->body);
    wire_reply_refuse(reply, job->kind == JOB_READ ? ERROR_overloaded : job->error);
    s_say_refusal(self, job, reply);
}

static void s_answer_done(answering_t *self, const job_t *job, wire_reply_t *reply)
{
    reply->status = 200;
    if (!job->reason)
        return;
    reply->content = CONTENT_JSON;
    json_lit(&self->body, job->reason);
    answer_say_text(reply, slice_of(job->reason));
}

static void s_send(answering_t *self)
{
    if (wire_batch_entries(self->batch) > 0)
        link_send_replies(self->link, self->peer, self->batch);
}

void answer_add(answering_t *self, link_t *link, peer_t *peer, const wire_reply_t *reply,
                zmq_msg_t *body)
{
    enum { HEAD = 256 }; /* an encoded reply without its body is shorter */
    if (link != self->link ||
        !wire_batch_has_room(self->batch, HEAD + (body ? zmq_msg_size(body) : 0)))
        s_send(self);
    self->link = link;
    self->peer = peer;
    wire_batch_add_reply(self->batch, reply, body);
    if (body)
        zmq_msg_close(body);
}

static void s_add(answering_t *self, const drain_batch_t *to, job_t *job)
{
    const wire_request_t *request = job->request;
    wire_reply_t reply = wire_reply_to(request);
    json_reset(&self->body);
    if (s_is_held(self, to, job, &reply))
        return;
    if (job->kind == JOB_READ && reading_ask(self, to, job))
        return;
    wire_reply_repeat(&reply, request->principal.facts);
    if (job->kind == JOB_STORE)
        s_answer_store(self, job, &reply);
    else if (job->kind == JOB_TOLD || job->kind == JOB_ANSWERED)
        s_answer_done(self, job, &reply);
    else
        s_answer_refused(self, job, &reply);
    if (self->body.len == 0) {
        answer_add(self, to->link, to->peer, &reply, NULL);
        return;
    }
    zmq_msg_t body;
    wire_body_init(&body, slice(self->body.data, self->body.len));
    answer_add(self, to->link, to->peer, &reply, &body);
}

static void s_count(drain_t *drain)
{
    int64_t by_outcome[JOURNAL_OUTCOMES] = {0};
    for (size_t i = 0; i < drain_jobs(drain); i++)
        if (drain_job(drain, i)->kind == JOB_STORE)
            by_outcome[drain_job(drain, i)->entry.outcome]++;
    const struct {
        journal_outcome_t outcome;
        metric_t metric;
    } rows[] = {
        {JOURNAL_STORED, METRIC_stored_total},
        {JOURNAL_RESENT, METRIC_resent_total},
        {JOURNAL_REPLAYED, METRIC_replayed_total},
        {JOURNAL_REFUSED, METRIC_invalid_total},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (by_outcome[rows[i].outcome])
            metric_add(rows[i].metric, by_outcome[rows[i].outcome]);
}

void answer_drain(answering_t *self, drain_t *drain)
{
    for (size_t i = 0; i < drain_batches(drain); i++) {
        const drain_batch_t *from = drain_batch(drain, i);
        for (size_t j = from->first; j < from->first + from->count; j++)
            if (drain_job(drain, j)->kind != JOB_DROPPED)
                s_add(self, from, drain_job(drain, j));
        s_send(self);
        if (wire_batch_entries(self->interim) > 0)
            link_send_interim(from->link, from->peer, self->interim);
        link_taken(from->link, from->peer, from->batch);
    }
    link_flush(); /* the next thing may be to wait for the disk */
    s_count(drain);
}

void answer_add_interim(answering_t *self, link_t *link, peer_t *peer, const wire_reply_t *reply)
{
    wire_batch_add_reply(self->interim, reply, NULL);
    link_send_interim(link, peer, self->interim);
}

void answer_turn(answering_t *self, bool stopping)
{
    journal_turn(self->journal);
    holding_turn(&self->holding, clock_ms(), stopping);
    s_send(self);
}
