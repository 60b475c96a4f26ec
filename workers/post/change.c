#include "workers/post/change.h"

#include "common/base/ops.h"
#include "common/base/utf8.h"
#include "workers/journal/revisions.h"
#include "workers/post/history.h"
#include "workers/post/post_self.h"

#include <strings.h>

/* A field of the body wins over the parameter of its name. */
static slice_t s_said(job_t *job, const char *name, const char *text, size_t len)
{
    slice_t value = slice(text, len);
    if (len == 0 && !job_param(job, name, &value))
        value = slice("", 0);
    return value;
}

static void s_relate_key(post_t *self, job_t *job)
{
    slice_t key = s_said(job, "message_key", self->verdict.key, self->verdict.key_len);
    if (key.len == 0)
        return;
    if (key.len > MESSAGE_KEY || utf8_count(key) > MESSAGE_KEY_CHARS) {
        job_refuse(job, ERROR_invalid_param, "message_key must have at most 128 characters.");
        return;
    }
    job->entry.change = CHANGE_KEYED;
    revisions_hash(&job->request->principal.user, key, job->entry.record.key);
}

/* The body wins over the query, also where it says no. */
static bool s_is_in_parent(const post_t *self, job_t *job)
{
    slice_t value;
    if (self->verdict.flags & (MESSAGE_IN_PARENT | MESSAGE_ASIDE))
        return self->verdict.flags & MESSAGE_IN_PARENT;
    if (!job_param(job, "post_in_parent", &value) || value.len == 0)
        return false;
    bool on = (value.len == 4 && strncasecmp(value.data, "true", 4) == 0) || slice_is(value, "1");
    bool off = (value.len == 5 && strncasecmp(value.data, "false", 5) == 0) || slice_is(value, "0");
    if (!on && !off)
        job_refuse_param(job, "post_in_parent", "must be true or false.");
    return on;
}

static void s_relate_thread(post_t *self, job_t *job)
{
    slice_t id = s_said(job, "thread_message_id", self->verdict.thread, self->verdict.thread_len);
    if (id.len > 0 && !history_name(id, &job->entry.about)) {
        job_refuse(job, self->verdict.thread_len ? ERROR_invalid_message : ERROR_invalid_param,
                   "thread_message_id must be the id of a message of this target.");
        return;
    }
    if (id.len > 0 && s_is_in_parent(self, job))
        job->entry.record.more |= RECORD_IN_PARENT;
}

void change_relate(post_t *self, job_t *job)
{
    s_relate_key(self, job);
    s_relate_thread(self, job);
    narrow_message(self, job);
}

static void s_edit(post_t *self, job_t *job)
{
    post_object(self, job);
    if (!job->error)
        narrow_message(self, job);
}

void change_message(post_t *self, job_t *job)
{
    slice_t id;
    journal_entry_t *entry = &job->entry;
    const wire_request_t *request = job->request;
    post_fill(job);
    entry->any = slice_is(request->handler, WIRE_OWNER);
    entry->change = request->method == OP_DELETE ? CHANGE_DELETE : CHANGE_EDIT;
    entry->answer.answer = request->method == OP_DELETE ? ANSWER_EMPTY : ANSWER_ID;
    if (!wire_pairs_find(request->headers, WIRE_MESSAGE, &id) || !history_name(id, &entry->named))
        job_refuse(job, ERROR_unknown_message, NULL);
    else if (entry->change == CHANGE_EDIT)
        s_edit(self, job);
    else
        entry->record.params = entry->record.body = slice("", 0);
}
