#include "workers/post/drain.h"

#include "common/base/utf8.h"
#include "common/monitor/monitor.h"
#include "workers/journal/revisions.h"
#include "workers/post/reading.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { UNKNOWN_TEXT = 64 /* bytes of a name, as the sender is told it */ };

struct drain {
    drain_batch_t batches[DRAIN_BATCHES];
    wire_message_t *messages[DRAIN_BATCHES]; /* made when first needed, then kept */
    size_t batches_len;
    job_t *jobs;
    journal_entry_t **entries;
    size_t jobs_len, room;
};

drain_t *drain_new(void)
{
    drain_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void drain_destroy(drain_t **self_p)
{
    drain_t *self = *self_p;
    if (!self)
        return;
    drain_reset(self);
    for (size_t i = 0; i < DRAIN_BATCHES; i++)
        wire_message_destroy(&self->messages[i]);
    free(self->jobs);
    free(self->entries);
    free(self);
    *self_p = NULL;
}

static void s_make_room(drain_t *self, size_t more)
{
    size_t room = self->room ? self->room : WIRE_ENTRIES;
    while (room - self->jobs_len < more)
        room *= 2;
    if (room == self->room)
        return;
    self->jobs = realloc(self->jobs, room * sizeof *self->jobs);
    self->entries = realloc(self->entries, room * sizeof *self->entries);
    if (!self->jobs || !self->entries)
        abort();
    self->room = room;
}

/* Both messages keep their memory; only the header's frame has to change its place, and a header
 * with requests is too long for libzmq to keep its bytes in the frame itself. */
static wire_message_t *s_take(drain_t *self, wire_message_t *message)
{
    wire_message_t **kept = &self->messages[self->batches_len];
    if (!*kept)
        *kept = wire_message_new();
    const void *bytes = zmq_msg_data(&message->header);
    wire_message_t other = **kept;
    **kept = *message;
    *message = other;
    assert(zmq_msg_data(&(*kept)->header) == bytes);
    return *kept;
}

job_t *drain_add(drain_t *self, link_t *link, peer_t *peer, wire_message_t *message, int64_t now_ms)
{
    assert(!drain_is_full(self));
    wire_message_t *kept = s_take(self, message);
    s_make_room(self, kept->entries);
    self->batches[self->batches_len++] = (drain_batch_t){
        .link = link,
        .peer = peer,
        .batch = link_batch(kept),
        .first = self->jobs_len,
        .count = kept->entries,
    };
    for (unsigned i = 0; i < kept->entries; i++)
        self->jobs[self->jobs_len++] = (job_t){
            .kind = JOB_REFUSED,
            .request = &kept->requests[i],
            .body = &kept->bodies[i],
            .deadline_ms = now_ms + kept->requests[i].time_left_ms,
        };
    return &self->jobs[self->jobs_len - kept->entries];
}

job_t *drain_add_own(drain_t *self)
{
    s_make_room(self, 1);
    job_t *job = &self->jobs[self->jobs_len++];
    *job = (job_t){.kind = JOB_STORE, .deadline_ms = INT64_MAX};
    return job;
}

bool drain_is_empty(const drain_t *self)
{
    return self->batches_len == 0 && self->jobs_len == 0;
}

bool drain_is_full(const drain_t *self)
{
    return self->batches_len == DRAIN_BATCHES;
}

size_t drain_batches(const drain_t *self)
{
    return self->batches_len;
}

journal_entry_t **drain_close(drain_t *self, int64_t now_ms, int64_t wall_ms, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < self->jobs_len; i++) {
        job_t *job = &self->jobs[i];
        if (job->kind != JOB_DROPPED && job->deadline_ms <= now_ms) {
            job->kind = JOB_DROPPED;
            metric_add(METRIC_expired_total, 1);
        }
        if (job->kind != JOB_STORE)
            continue;
        if (job->entry.record.time_ms == 0)
            job->entry.record.time_ms = wall_ms;
        self->entries[(*count)++] = &job->entry;
    }
    return self->entries;
}

const drain_batch_t *drain_batch(const drain_t *self, size_t i)
{
    assert(i < self->batches_len);
    return &self->batches[i];
}

job_t *drain_job(drain_t *self, size_t i)
{
    assert(i < self->jobs_len);
    return &self->jobs[i];
}

size_t drain_jobs(const drain_t *self)
{
    return self->jobs_len;
}

void drain_reset(drain_t *self)
{
    for (size_t i = 0; i < self->jobs_len; i++) {
        free(self->jobs[i].reason);
        free(self->jobs[i].field);
        free(self->jobs[i].formatted);
        revisions_forget(&self->jobs[i].entry);
        reading_destroy(&self->jobs[i].reading);
    }
    for (size_t i = 0; i < self->batches_len; i++)
        wire_message_clear(self->messages[i]);
    self->jobs_len = self->batches_len = 0;
}

slice_t job_body(const job_t *self)
{
    size_t len = zmq_msg_size(self->body);
    return len ? slice(zmq_msg_data(self->body), len) : self->request->small;
}

void job_refuse(job_t *self, error_code_t error, const char *reason)
{
    self->error = error;
    self->entry.refused = true;
    free(self->reason);
    self->reason = reason ? strdup(reason) : NULL;
    free(self->field);
    self->field = NULL;
}

void job_refuse_field(job_t *self, error_code_t error, slice_t path, const char *reason)
{
    job_refuse(self, error, reason);
    if (path.len)
        self->field = strndup(path.data, path.len);
}

void job_refuse_param(job_t *self, const char *name, const char *what)
{
    char reason[256];
    snprintf(reason, sizeof reason, "%s %s", name, what);
    job_refuse_field(self, ERROR_invalid_param, slice(name, strlen(name)), reason);
}

bool job_param(job_t *self, const char *name, slice_t *value)
{
    slice_t key, other, params = self->request->params;
    if (params.len == 0 || !wire_pairs_find(params, name, value))
        return false;
    for (wire_pairs_t each = wire_pairs_begin(params); wire_pairs_next(&each, &key, &other);) {
        if (!slice_is(key, name) || slice_eq(other, *value))
            continue;
        job_refuse_param(self, name, "is there twice, with different values.");
        return false;
    }
    return true;
}

static bool s_is_among(slice_t name, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(name, names[i]))
            return true;
    return false;
}

static void s_refuse_unknown(job_t *self, slice_t name, const char *const names[], size_t count)
{
    char reason[512];
    slice_t head = utf8_within(name, UNKNOWN_TEXT);
    size_t len = (size_t)snprintf(reason, sizeof reason, "%.*s is no parameter of this. There are",
                                  (int)head.len, head.data);
    for (size_t i = 0; i < count && len < sizeof reason; i++)
        len += (size_t)snprintf(reason + len, sizeof reason - len, "%s %s", i ? "," : "", names[i]);
    job_refuse_field(self, ERROR_invalid_param, head, reason);
}

bool job_knows(job_t *self, const char *const names[], size_t count)
{
    slice_t name, value, params = self->request->params;
    if (params.len == 0)
        return true;
    for (wire_pairs_t each = wire_pairs_begin(params); wire_pairs_next(&each, &name, &value);) {
        if (s_is_among(name, names, count))
            continue;
        s_refuse_unknown(self, name, names, count);
        return false;
    }
    return true;
}
