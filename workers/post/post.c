#include "workers/post/post.h"

#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "workers/post/change.h"
#include "workers/post/fingerprint.h"
#include "workers/post/form.h"
#include "workers/post/incoming.h"
#include "workers/post/post_self.h"

#include <stdlib.h>
#include <strings.h>

void post_open(post_t *self)
{
    self->formats = formats_new();
    self->renderer = renderer_new();
    self->book = source_book_new(clock_wall_ms());
    self->message = message_new();
}

void post_close(post_t *self)
{
    message_destroy(&self->message);
    json_free(&self->form);
    formats_destroy(&self->formats);
    renderer_destroy(&self->renderer);
    source_book_destroy(&self->book);
}

void post_fill(job_t *job)
{
    const wire_request_t *request = job->request;
    const wire_principal_t *principal = &request->principal;
    job->kind = JOB_STORE;
    job->entry.record = (record_t){
        .op = request->op,
        .method = request->method,
        .environment = principal->environment,
        .id = request->id,
        .user = principal->user,
        .target = principal->target,
        .name = principal->display_name,
        .access = request->target,
        .params = request->params,
        .body = job_body(job),
    };
    job->entry.dedupe = principal->dedupe;
    if (principal->dedupe.len)
        fingerprint(request->params, job_body(job), job->entry.hash, job->entry.hash_as_came);
}

/* The media type without its parameters. */
static bool s_is_type(const job_t *job, const char *type)
{
    slice_t value;
    if (!wire_pairs_find(job->request->headers, "content-type", &value))
        return false;
    size_t len = 0;
    while (len < value.len && !is_one_of(value.data[len], "; \t"))
        len++;
    return len == strlen(type) && strncasecmp(value.data, type, len) == 0;
}

/* Its words are of either case (RFC 9110 §8.4.1); "identity" is none. */
bool post_is_encoded(const job_t *job)
{
    slice_t value;
    return wire_pairs_find(job->request->headers, "content-encoding", &value) && value.len > 0 &&
           !(value.len == 8 && strncasecmp(value.data, "identity", 8) == 0);
}

static bool s_has_header(const job_t *job, const char *name)
{
    slice_t value;
    return wire_pairs_find(job->request->headers, name, &value);
}

/* The body to be read as text. */
static slice_t s_text(const job_t *job)
{
    return utf8_unmarked(job_body(job));
}

/* Meant as JSON: then the sender is told what is wrong with it rather than with its type. */
static bool s_looks_like_json(const job_t *job)
{
    slice_t body = s_text(job);
    if (utf8_is_utf16(body))
        return true;
    for (size_t i = 0; i < body.len; i++)
        if (!is_one_of(body.data[i], " \t\r\n"))
            return body.data[i] == '{' || body.data[i] == '[';
    return false;
}

void post_refuse_invalid(post_t *self, job_t *job)
{
    const message_verdict_t *verdict = &self->verdict;
    job_refuse_field(
        job, verdict->outcome == MESSAGE_NOT_JSON ? ERROR_invalid_json : ERROR_invalid_message,
        slice(verdict->reason, verdict->path), verdict->reason);
}

/* The body becomes the message that the form held. */
static void s_take_form(post_t *self, job_t *job, form_outcome_t outcome)
{
    if (outcome != FORM_OK) {
        job_refuse(job, outcome == FORM_NOT_UTF8 ? ERROR_invalid_json : ERROR_invalid_message,
                   form_reason(outcome));
        return;
    }
    slice_t json = utf8_unmarked(slice(self->form.data, self->form.len));
    message_check(self->message, json, &self->verdict);
    if (self->verdict.outcome != MESSAGE_OK) {
        post_refuse_invalid(self, job);
        return;
    }
    zmq_msg_close(job->body);
    wire_body_init(job->body, json);
    job->entry.record.body = job_body(job);
}

static void s_take_other(post_t *self, job_t *job)
{
    if (post_is_encoded(job))
        job_refuse(job, ERROR_unsupported_media, "Send the body without Content-Encoding.");
    else if (s_looks_like_json(job) || s_is_type(job, "application/json") ||
             !s_has_header(job, "content-type"))
        post_refuse_invalid(self, job);
    else if (s_is_type(job, "application/x-www-form-urlencoded"))
        s_take_form(self, job, form_read(s_text(job), &self->form));
    else if (s_is_type(job, "multipart/form-data"))
        job_refuse(
            job, ERROR_unsupported_media,
            "multipart/form-data is not taken here. Send a JSON message object, or text= as "
            "application/x-www-form-urlencoded (curl --data-urlencode text=… in place of -F).");
    else
        job_refuse(job, ERROR_unsupported_media, NULL);
}

/* sync_message of the query, unless the body has one. */
void post_choose_answer(post_t *self, job_t *job)
{
    slice_t value;
    bool sync = self->verdict.flags & MESSAGE_SYNC;
    if (job_param(job, "sync_message", &value) && value.len > 0) {
        bool on =
            (value.len == 4 && strncasecmp(value.data, "true", 4) == 0) || slice_is(value, "1");
        bool off =
            (value.len == 5 && strncasecmp(value.data, "false", 5) == 0) || slice_is(value, "0");
        if (!on && !off)
            job_refuse_param(job, "sync_message", "must be true or false.");
        if (!(self->verdict.flags & (MESSAGE_SYNC | MESSAGE_ASYNC)))
            sync = on;
    }
    job->entry.answer.answer = sync ? ANSWER_ID : ANSWER_EMPTY;
}

void post_object(post_t *self, job_t *job)
{
    job->entry.record.flags = RECORD_MESSAGE;
    job->entry.record.body = s_text(job);
    message_check(self->message, s_text(job), &self->verdict);
    if (self->verdict.outcome == MESSAGE_NOT_JSON)
        s_take_other(self, job);
    else if (self->verdict.outcome == MESSAGE_INVALID)
        post_refuse_invalid(self, job);
}

void post_message(post_t *self, job_t *job)
{
    post_fill(job);
    self->verdict.flags = 0;
    job->entry.record.flags = RECORD_MESSAGE;
    job->entry.record.body = s_text(job);
    if (job->request->params.len > 0 && incoming_asked(self, job))
        return;
    post_object(self, job);
    if ((job->error || self->verdict.flags & MESSAGE_ATTACHED) && incoming_detected(self, job))
        return;
    if (!job->error) {
        post_choose_answer(self, job);
        change_relate(self, job);
    }
}

void post_query(post_t *self, job_t *job)
{
    post_fill(job);
    job->entry.record.flags = RECORD_MESSAGE;
    s_take_form(self, job, form_of_pairs(job->request->params, &self->form));
    if (!job->error) {
        post_choose_answer(self, job);
        change_relate(self, job);
    }
}

void post_event(post_t *self, job_t *job)
{
    admitted_t sources;
    post_fill(job);
    job->entry.record.flags = RECORD_EVENT;
    job->entry.record.headers = job->request->headers;
    job->entry.answer.answer = ANSWER_OBJECT;
    if (!admit_event(job, self->book, &sources) || incoming_beside(self, job, &sources))
        return;
    if (s_looks_like_json(job)) {
        message_check(self->message, s_text(job), &self->verdict);
        if (self->verdict.outcome == MESSAGE_OK) {
            job->entry.record.flags |= RECORD_MESSAGE;
            narrow_event(self, job);
        }
    }
}

void post_sources(post_t *self, job_t *job)
{
    json_out_t out = {0};
    source_book_write(self->book, &job->request->principal.target, &out);
    job->kind = JOB_ANSWERED;
    job->reason = strndup(out.data, out.len);
    json_free(&out);
}
