/* Whom a message is for: everybody who may read its target, or whom userids name. */
#include "common/base/ops.h"
#include "workers/post/change.h"
#include "workers/post/post_self.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

typedef enum { SAID_NOTHING, SAID_TRUE, SAID_FALSE } said_t;

/* Targets that one user reads alone, or two, have nobody to name. */
static bool s_has_people(const wire_request_t *request)
{
    const op_t *op = op_find(request->op);
    return op && op->owner != OWNER_EXTENSION && strncmp(op->path, "/buddies/", 9) != 0 &&
           strncmp(op->path, "/direct/", 8) != 0;
}

static bool s_names_somebody(job_t *job, const char *name)
{
    slice_t value;
    if (!job_param(job, name, &value))
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (!is_one_of(value.data[i], " \t\r\n,[]\""))
            return true;
    return false;
}

static bool s_is_word(slice_t value, const char *word)
{
    return value.len == strlen(word) && strncasecmp(value.data, word, value.len) == 0;
}

/* Whether a bot's message is for all of its subscribers; the body wins over the query. */
static said_t s_broadcast(const post_t *self, job_t *job)
{
    slice_t value;
    if (self->verdict.flags & MESSAGE_BROADCAST)
        return SAID_TRUE;
    if (self->verdict.flags & MESSAGE_NO_BROADCAST)
        return SAID_FALSE;
    if (!job_param(job, "broadcast", &value) || value.len == 0)
        return SAID_NOTHING;
    if (s_is_word(value, "true") || slice_is(value, "1"))
        return SAID_TRUE;
    if (!s_is_word(value, "false") && !slice_is(value, "0"))
        job_refuse_param(job, "broadcast", "must be true or false.");
    return SAID_FALSE;
}

static void s_refuse(job_t *job, bool in_body, slice_t why)
{
    char reason[WIRE_TEXT];
    snprintf(reason, sizeof reason, "%.*s", SLICE_ARG(why));
    if (in_body)
        job_refuse_field(job, ERROR_invalid_message, slice_of("userids"), reason);
    else
        job_refuse(job, ERROR_invalid_param, reason);
}

/* What nobody has found the users of is not shown to everybody. */
static void s_take(job_t *job, bool in_body)
{
    slice_t found;
    bool has_body = job->request->has_body || job->request->small.len > 0;
    const char *name = in_body && has_body ? WIRE_AUDIENCE : WIRE_AUDIENCE_PARAM;
    if (!wire_pairs_find(job->request->headers, name, &found) || found.len == 0) {
        job_refuse(job, ERROR_unavailable,
                   "The users of userids could not be found: an update is under way, or the name "
                   "of the field is written with escapes.");
        return;
    }
    slice_t rest = slice(found.data + 1, found.len - 1);
    if (found.data[0] != WIRE_AUDIENCE_IDS || rest.len % UUID_BYTES) {
        s_refuse(job, in_body, rest);
        return;
    }
    job->entry.record.more |= RECORD_NARROWED;
    job->entry.record.audience = rest;
}

void narrow_event(const post_t *self, job_t *job)
{
    if (s_has_people(job->request) && self->verdict.flags & MESSAGE_NARROWED)
        s_take(job, true);
}

void narrow_message(const post_t *self, job_t *job)
{
    enum { SAYS = MESSAGE_NARROWED | MESSAGE_BROADCAST | MESSAGE_NO_BROADCAST };
    bool in_body = self->verdict.flags & MESSAGE_NARROWED;
    bool says = self->verdict.flags & SAYS || job->request->params.len > 0;
    if (!says || !s_has_people(job->request))
        return;
    bool bot = op_find(job->request->op)->owner == OWNER_BOT;
    said_t all = bot ? s_broadcast(self, job) : SAID_NOTHING;
    bool named = in_body || s_names_somebody(job, "userids") || s_names_somebody(job, "user_ids");
    job->entry.everybody = all == SAID_TRUE;
    if (job->error || all == SAID_TRUE)
        return;
    if (named)
        s_take(job, in_body);
    else if (all == SAID_FALSE)
        s_refuse(job, self->verdict.flags & MESSAGE_NO_BROADCAST,
                 slice_of("broadcast false needs userids: whom the message is for."));
}
