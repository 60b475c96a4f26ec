/* What a test of a handler asks for: a JSON object as the body, or nothing. */
#include "common/base/clock.h"
#include "common/base/http_url.h"
#include "workers/delivery/engine.h"
#include "workers/delivery/trial.h"
#include "workers/format/value.h"
#include "workers/journal/outbox.h"
#include "workers/post/answer.h"

#include <assert.h>
#include <stdlib.h>

static const char *const s_known[] = {
#define PARAM(name, of) PARAM_##of(name)
#define PARAM_TEST(name) name,
#include "common/read_params.def"
};

static const char s_sample[] = "{\"test\":true,\"text\":\"This is a test: events arrive here.\"}";

static void s_keep(trial_t *self, const record_t *record)
{
    assert(!self->event);
    self->event_len = record_size(record);
    self->event = malloc(self->event_len);
    if (!self->event)
        abort();
    record_write(record, self->event);
}

/* --- What was kept, by the journal's thread */

static void s_take(void *arg, const record_t *record)
{
    trial_t *self = arg;
    bool whole = (record->flags & (RECORD_EVENT | RECORD_ERASED)) == RECORD_EVENT;
    if (whole && uuid_eq(&record->target, &self->reading->target))
        s_keep(self, record);
}

static bool s_take_first(void *arg, uint64_t log, const record_t *record)
{
    trial_t *self = arg;
    self->log = log;
    s_take(self, record);
    return false;
}

static void s_look(reading_t *reading, journal_reader_t *reader)
{
    trial_t *self = reading->own;
    journal_range_t range;
    if (self->log) {
        journal_record(reader, self->log, s_take, self);
    } else if (self->name.number) {
        uint64_t sequence = journal_find(reader, &reading->target, &self->name);
        if (sequence)
            journal_read(reader, &reading->target, sequence, &range, s_take_first, self);
    }
}

static void s_end(reading_t *reading, const answering_t *with)
{
    const delivery_engine_t *engine = with->engine;
    trial_t *self = reading->own;
    assert(engine);
    if (self->event)
        delivery_try(engine->delivery, self, clock_ms());
    else
        reading_refuse(reading, ERROR_not_found,
                       "There is no event with this number or id, or retention has removed it.");
}

/* --- What is asked for */

static void s_drop(void *arg)
{
    trial_t *self = arg;
    free(self->url);
    free(self->event);
    free(self);
}

static bool s_refuse(job_t *job, const char *field, const char *reason)
{
    job_refuse_field(job, ERROR_invalid_param, slice_of(field), reason);
    return false;
}

static bool s_read_url(job_t *job, trial_t *self, slice_t text)
{
    char err[256];
    http_url_t url;
    if (text.len > HTTP_URL_MAX || !http_url_parse(text, &url, err, sizeof err))
        return s_refuse(job, "url", text.len > HTTP_URL_MAX ? "url is too long." : err);
    self->url = strndup(text.data, text.len);
    if (!self->url)
        abort();
    return true;
}

static bool s_read_event(job_t *job, trial_t *self, slice_t text)
{
    return history_digits(text, INT64_MAX, &self->log) || history_name(text, &self->name) ||
           s_refuse(job, "event", "event must be the number of a delivery, or the id of an event.");
}

static bool s_read_member(job_t *job, trial_t *self, slice_t key, const value_t *value,
                          slice_t *sample)
{
    if (value->type == VALUE_NULL)
        return true;
    if (slice_is(key, "event") && value->type == VALUE_NUMBER && value->is_whole &&
        value->whole > 0) {
        self->log = (uint64_t)value->whole;
        return true;
    }
    if (value->type != VALUE_TEXT)
        return s_refuse(job, "", "url, event and sample are what is known here, each a text.");
    if (slice_is(key, "url"))
        return s_read_url(job, self, value->text);
    if (slice_is(key, "event"))
        return s_read_event(job, self, value->text);
    *sample = value->text;
    return slice_is(key, "sample") ||
           s_refuse(job, "", "url, event and sample are what is known here.");
}

/* The event that is made up, of who asks. */
static void s_make_up(trial_t *self, const wire_request_t *request, slice_t sample)
{
    pack_t headers = {0};
    wire_pairs_add(&headers, slice_of("content-type"), slice_of("application/json"));
    record_t record = {.flags = RECORD_EVENT,
                       .op = request->op,
                       .method = OP_POST,
                       .environment = request->principal.environment,
                       .time_ms = clock_wall_ms(),
                       .user = request->principal.user,
                       .target = request->principal.target,
                       .name = request->principal.display_name,
                       .access = request->target,
                       .params = slice("", 0),
                       .headers = wire_pairs_of(&headers),
                       .body = sample};
    uuid_new(&record.id);
    s_keep(self, &record);
    pack_free(&headers);
}

static bool s_read_body(job_t *job, trial_t *self, document_t *document, slice_t *sample)
{
    char reason[256];
    slice_t key;
    value_t root, member;
    if (job_body(job).len == 0)
        return true;
    if (document_parse(document, job_body(job), &root, reason, sizeof reason) != 0) {
        job_refuse(job, ERROR_invalid_json, reason);
        return false;
    }
    if (root.type != VALUE_OBJECT)
        return s_refuse(job, "", "The body must be a JSON object, or empty.");
    members_t members = value_members(&root);
    while (members_next(&members, &key, &member))
        if (!s_read_member(job, self, key, &member, sample))
            return false;
    return true;
}

static bool s_read(job_t *job, trial_t *self, document_t *document)
{
    slice_t text, sample = slice(NULL, 0);
    if (!job_knows(job, s_known, sizeof s_known / sizeof *s_known) ||
        !s_read_body(job, self, document, &sample) ||
        (job_param(job, "event", &text) && !s_read_event(job, self, text)) || job->error)
        return false;
    bool kept = self->log || self->name.number;
    if (kept && sample.data)
        return s_refuse(job, "sample", "Either event or sample may be there.");
    if (!kept)
        s_make_up(self, job->request, sample.data ? sample : slice_of(s_sample));
    return true;
}

void trial_prepare(post_t *post, job_t *job)
{
    reading_t *reading = reading_new(job);
    trial_t *self = reading->own = calloc(1, sizeof *self);
    document_t *document = document_new();
    (void)post;
    if (!self)
        abort();
    self->reading = reading;
    reading->drop = s_drop;
    reading->look = s_look;
    reading->end = s_end;
    if (!s_read(job, self, document))
        job->kind = JOB_REFUSED;
    document_destroy(&document);
}
