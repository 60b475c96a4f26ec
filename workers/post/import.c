/* A message of another installation: with the time and the sender's name that it had there. */
#include "common/base/clock.h"
#include "common/base/moment.h"
#include "common/base/utf8.h"
#include "workers/post/post_self.h"

enum { SENDER_TEXT = 256 };

/* Not yet to come: who reads by time goes by the order of the messages. */
static bool s_take_time(job_t *job, record_t *record)
{
    slice_t text;
    int64_t now_ms = clock_wall_ms();
    bool there = job_param(job, "time", &text);
    record->time_ms = there ? moment_parse(text, now_ms) : -1;
    if (!job->error && (record->time_ms < 0 || record->time_ms > now_ms))
        job_refuse(job, ERROR_invalid_param,
                   "time must be when the message was stored, now or before: " MOMENT_FORMS ".");
    return !job->error;
}

static bool s_take_sender(job_t *job, record_t *record)
{
    bool there = job_param(job, "sender", &record->name);
    if (!job->error && (!there || record->name.len == 0 || record->name.len > SENDER_TEXT))
        job_refuse(job, ERROR_invalid_param,
                   "sender must be the sender's name, of 1 to 256 bytes.");
    return !job->error;
}

void post_import(post_t *self, job_t *job)
{
    static const char *const known[] = {"time", "sender", "sync_message"};
    record_t *record = &job->entry.record;
    post_fill(job);
    record->flags = RECORD_MESSAGE;
    record->body = utf8_unmarked(job_body(job));
    record->params = slice("", 0);
    if (!job_knows(job, known, sizeof known / sizeof *known) || !s_take_time(job, record) ||
        !s_take_sender(job, record))
        return;
    message_check(self->message, record->body, &self->verdict);
    if (post_is_encoded(job))
        job_refuse(job, ERROR_unsupported_media, "Send the body without Content-Encoding.");
    else if (self->verdict.outcome != MESSAGE_OK)
        post_refuse_invalid(self, job);
    else
        post_choose_answer(self, job);
}
