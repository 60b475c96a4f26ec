#include "workers/post/incoming.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "workers/post/admit.h"
#include "workers/post/change.h"
#include "workers/post/fingerprint.h"
#include "workers/post/formatted.h"
#include "workers/post/post_self.h"
#include "workers/post/wish.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

/* An event on its way through a format. */
typedef struct {
    const formats_row_t *row;
    event_t event;
    format_result_t result;
    wish_t wish;
    const source_record_t *source; /* whose event it is; NULL: no source's */
} making_t;

/* Gives the event to the renderer, which has it until the next begins. */
static void s_begin(post_t *self, const job_t *job, making_t *making)
{
    const wire_request_t *request = job->request;
    making->event =
        (event_t){.headers = request->headers, .params = request->params, .body = job_body(job)};
    renderer_begin(self->renderer, &making->event);
}

static void s_make(post_t *self, making_t *making)
{
    int64_t from_us = clock_us();
    format_wanted_t wanted = wish_wanted(&making->wish);
    renderer_want(self->renderer, &wanted);
    format_render(self->renderer, making->row->format, &making->result);
    metric_observe_us(METRIC_format_seconds, clock_us() - from_us);
    metric_add_at(METRIC_format_total,
                  metric_format(making->row->name, format_outcome_name(making->result.outcome)), 1);
}

static slice_t s_keep(char **at, slice_t part)
{
    slice_t kept = slice(*at, part.len);
    if (part.len)
        memcpy(*at, part.data, part.len);
    *at += part.len;
    return kept;
}

/* Whether the event stays as it came beside its message. */
static bool s_keeps(const making_t *making)
{
    return making->result.outcome == FORMAT_FAILED || (making->source && making->source->keeps_raw);
}

/* The headers of an event that is kept say which format it was for. */
static slice_t s_headers(const making_t *making, pack_t *room)
{
    slice_t named, headers = making->event.headers;
    if (!s_keeps(making))
        return slice("", 0);
    if (wire_pairs_find(headers, WIRE_FORMAT, &named))
        return headers;
    wire_pairs_add(room, slice_of(WIRE_FORMAT), making->row->name);
    pack_raw(room, headers);
    return wire_pairs_of(room);
}

static formatted_t *s_keep_all(const making_t *making)
{
    pack_t room = {0};
    json_out_t answer = {0};
    const char *text = format_answer(making->row->format);
    slice_t headers = s_headers(making, &room);
    if (text)
        json_quote(&answer, slice_of(text));
    formatted_t *self =
        calloc(1, sizeof *self + making->result.message.len + answer.len + headers.len);
    if (!self)
        abort();
    char *at = self->bytes;
    self->message = s_keep(&at, making->result.message);
    self->answer = s_keep(&at, slice(answer.data ? answer.data : "", answer.len));
    self->headers = s_keep(&at, headers);
    json_free(&answer);
    pack_free(&room);
    return self;
}

/* What the sender calls the event is its key where none came. Another body under the same name is
 * another event: no sender promises that its names are unique, and none can mend a 422. */
static void s_name(job_t *job, const making_t *making)
{
    journal_entry_t *entry = &job->entry;
    const wire_principal_t *principal = &job->request->principal;
    slice_t id = making->result.id;
    crypto_generichash_state state;
    if (entry->dedupe.len > 0 || id.len == 0)
        return;
    uint8_t *key = job->formatted->dedupe;
    fingerprint(making->event.params, making->event.body, entry->hash, entry->hash_as_came);
    crypto_generichash_init(&state, NULL, 0, WIRE_DEDUPE);
    crypto_generichash_update(&state, principal->user.bytes, UUID_BYTES);
    crypto_generichash_update(&state, principal->target.bytes, UUID_BYTES);
    crypto_generichash_update(&state, entry->hash, sizeof entry->hash);
    crypto_generichash_update(&state, (const uint8_t *)id.data, id.len);
    crypto_generichash_final(&state, key, WIRE_DEDUPE);
    entry->dedupe = slice(key, WIRE_DEDUPE);
}

static void s_answer(post_t *self, job_t *job, bool failed)
{
    uint8_t *answer = &job->entry.answer.answer;
    bool posted = self->verdict.outcome == MESSAGE_OK && self->verdict.flags & MESSAGE_ATTACHED;
    self->verdict.flags &= posted ? MESSAGE_NARROWED : 0u;
    self->verdict.key_len = self->verdict.thread_len = 0;
    post_choose_answer(self, job);
    change_relate(self, job);
    if (*answer == ANSWER_EMPTY && job->formatted->answer.len > 0)
        *answer = ANSWER_TEXT;
    if (failed)
        *answer |= ANSWER_FAILED;
}

static void s_store(post_t *self, job_t *job, const making_t *making)
{
    record_t *record = &job->entry.record;
    bool failed = making->result.outcome == FORMAT_FAILED;
    record->flags = RECORD_MESSAGE;
    if (s_keeps(making)) {
        record->flags |= failed ? RECORD_EVENT | RECORD_FAILED : RECORD_EVENT;
        record->headers = job->formatted->headers;
        record->body = making->event.body;
        record->message = job->formatted->message;
    } else {
        record->body = job->formatted->message;
    }
    s_name(job, making);
    s_answer(self, job, failed);
}

/* ANSWER: the format's; JSON otherwise says WHY. */
static void s_drop(job_t *job, slice_t answer, const char *why)
{
    char said[64];
    snprintf(said, sizeof said, "{\"dropped\":\"%s\"}", why);
    job->kind = JOB_ANSWERED;
    free(job->reason);
    job->reason = answer.len ? strndup(answer.data, answer.len) : strdup(said);
}

/* False: the format cannot read the body, and nothing was done. */
static bool s_take(post_t *self, job_t *job, making_t *making)
{
    s_make(self, making);
    if (making->result.outcome == FORMAT_NO_JSON)
        return false;
    job->error = ERROR_none;
    job->entry.refused = false;
    job->formatted = s_keep_all(making);
    if (making->result.outcome == FORMAT_DROPPED)
        s_drop(job, job->formatted->answer, "format");
    else if (making->result.outcome == FORMAT_FILTERED)
        s_drop(job, job->formatted->answer, "filter");
    else
        s_store(self, job, making);
    return true;
}

static void s_refuse_unknown(job_t *job, slice_t name)
{
    char reason[128];
    snprintf(reason, sizeof reason,
             "There is no format \"%.*s\". posternctl format list shows those there are.",
             (int)(name.len < WIRE_FORMAT_NAME ? name.len : WIRE_FORMAT_NAME), name.data);
    job_refuse(job, ERROR_unknown_format, reason);
}

/* The format of this name; NULL: the job is refused. */
static const formats_row_t *s_find(const post_t *self, job_t *job, slice_t name)
{
    const formats_row_t *row = formats_find(self->formats, name);
    if (!row)
        s_refuse_unknown(job, name);
    return row;
}

static void s_take_by(post_t *self, job_t *job, making_t *making)
{
    if (post_is_encoded(job)) {
        job_refuse(job, ERROR_unsupported_media, "Send the body without Content-Encoding.");
        return;
    }
    s_begin(self, job, making);
    if (!s_take(self, job, making))
        job_refuse(job, ERROR_invalid_json, making->result.reason);
}

static void s_take_named(post_t *self, job_t *job, making_t *making, slice_t name)
{
    making->row = s_find(self, job, name);
    if (making->row)
        s_take_by(self, job, making);
}

bool incoming_asked(post_t *self, job_t *job)
{
    slice_t name;
    making_t making = {.row = NULL};
    if (!job_param(job, "format", &name) || name.len == 0)
        return job->error != ERROR_none;
    s_take_named(self, job, &making, name);
    return true;
}

bool incoming_detected(post_t *self, job_t *job)
{
    making_t making = {.row = NULL};
    if (post_is_encoded(job))
        return false;
    s_begin(self, job, &making);
    making.row = formats_detect(self->formats, self->renderer);
    return making.row && s_take(self, job, &making);
}

/* What is no message either is what the format "generic" makes of anything. */
static void s_take_any(post_t *self, job_t *job, making_t *making)
{
    static const slice_t none = {"", 0};
    format_wanted_t wanted = wish_wanted(&making->wish);
    bool empty = job_body(job).len == 0;
    making->row = formats_find(self->formats, slice_of("generic"));
    empty && job->request->params.len > 0 ? post_query(self, job) : post_message(self, job);
    if (!job->error && !format_wanted_takes(&wanted, none, none)) {
        metric_add_at(METRIC_format_total, metric_format(slice_of("none"), "filtered"), 1);
        s_drop(job, none, "filter");
    }
    bool refused = self->verdict.outcome == MESSAGE_OK; /* a message, and not as it may be */
    if (!job->error || refused || post_is_encoded(job) || empty || !making->row)
        return;
    s_begin(self, job, making);
    s_take(self, job, making);
}

/* The format that a source names; NULL: none that there is. */
static const formats_row_t *s_format_of(post_t *self, const source_record_t *source)
{
    const formats_row_t *row =
        source && source->format.len ? formats_find(self->formats, source->format) : NULL;
    if (source && source->format.len && !row && !self->unknown_said) {
        log_warn("source.format", "format=%.*s err=%s", SLICE_ARG(source->format),
                 LOG_Q("a source names a format that there is not: its events tell their own"));
        self->unknown_said = true;
    }
    return row;
}

static void s_count(post_t *self, const job_t *job, const making_t *making)
{
    if (!making->source || uuid_is_nil(&making->source->id))
        return;
    const book_key_t key = {job->request->principal.target, making->source->id};
    bool failed = job->error || making->result.outcome == FORMAT_FAILED;
    source_book_count(self->book, &key,
                      job->kind == JOB_ANSWERED ? BOOK_FILTERED
                      : failed                  ? BOOK_FAILED
                                                : BOOK_ACCEPTED,
                      clock_wall_ms());
}

/* By the format of its source, else by the one that the event tells. */
static void s_take_told(post_t *self, job_t *job, making_t *making, const admitted_t *sources)
{
    if (!post_is_encoded(job)) {
        s_begin(self, job, making);
        making->row = formats_detect(self->formats, self->renderer);
    }
    const source_record_t *source =
        admitted_source(sources, making->row ? making->row->name : slice("", 0));
    const formats_row_t *own = s_format_of(self, source);
    wish_add(&making->wish, source);
    making->source = source;
    if (own) {
        making->row = own;
        s_take_by(self, job, making);
    } else if (!making->row || !s_take(self, job, making)) {
        s_take_any(self, job, making);
    }
}

/* The format that the path names, or the query of what has a body; empty: none does. */
static slice_t s_named(job_t *job)
{
    slice_t name;
    bool named = wire_pairs_find(job->request->headers, WIRE_FORMAT, &name) ||
                 (job_body(job).len > 0 && job_param(job, "format", &name));
    return named ? name : slice("", 0);
}

void post_incoming(post_t *self, job_t *job)
{
    admitted_t sources;
    making_t making = {.row = NULL};
    post_fill(job);
    self->verdict.flags = 0;
    if (!admit(job, self->book, &sources))
        return;
    if (job->request->method == OP_HEAD) {
        job->kind = JOB_ANSWERED; /* a sender asks whether the address is good */
        return;
    }
    slice_t name = s_named(job);
    if (job->error || !wish_read(&making.wish, job))
        return;
    if (name.len == 0) {
        s_take_told(self, job, &making, &sources);
    } else {
        making.source = admitted_source(&sources, name);
        wish_add(&making.wish, making.source);
        s_take_named(self, job, &making, name);
    }
    s_count(self, job, &making);
}

/* The format of an event that its path names, or its source; of others the one that it tells, which
 * filters alone. */
static void s_choose_beside(post_t *self, job_t *job, slice_t name, const admitted_t *sources,
                            making_t *making, bool *named)
{
    if (name.len)
        making->row = s_find(self, job, name);
    else if (!post_is_encoded(job)) {
        s_begin(self, job, making);
        making->row = formats_detect(self->formats, self->renderer);
    }
    const source_record_t *source =
        admitted_source(sources, making->row ? making->row->name : slice("", 0));
    const formats_row_t *own = name.len ? NULL : s_format_of(self, source);
    wish_add(&making->wish, source);
    making->source = source;
    making->row = own ? own : making->row;
    *named = name.len || own;
}

/* Whether the event is wanted; what the format cannot read has no name. */
static bool s_is_wanted(post_t *self, job_t *job, making_t *making)
{
    static const slice_t none = {"", 0};
    format_wanted_t wanted = wish_wanted(&making->wish);
    if (making->row) {
        s_begin(self, job, making);
        s_make(self, making);
    }
    if (making->row && making->result.outcome != FORMAT_NO_JSON)
        return making->result.outcome != FORMAT_FILTERED;
    return format_wanted_takes(&wanted, none, none);
}

static void s_put_beside(job_t *job, const making_t *making)
{
    record_t *record = &job->entry.record;
    if (making->result.outcome == FORMAT_DROPPED || making->result.outcome == FORMAT_NO_JSON)
        return;
    job->formatted = s_keep_all(making);
    record->message = job->formatted->message;
    record->flags |= RECORD_MESSAGE;
    if (job->formatted->answer.len > 0)
        job->entry.answer.answer = ANSWER_TEXT;
    if (making->result.outcome == FORMAT_FAILED) {
        record->flags |= RECORD_FAILED;
        job->entry.answer.answer |= ANSWER_FAILED;
    }
}

bool incoming_beside(post_t *self, job_t *job, const admitted_t *sources)
{
    slice_t name;
    bool named = wire_pairs_find(job->request->headers, WIRE_FORMAT, &name);
    if (!named && sources->records == 0)
        return false;
    if (!named)
        name = slice("", 0);
    making_t making = {.row = NULL};
    if (named && !wish_read(&making.wish, job))
        return true;
    s_choose_beside(self, job, name, sources, &making, &named);
    if (job->error)
        return true;
    if (!s_is_wanted(self, job, &making))
        s_drop(job, slice("", 0), "filter");
    else if (named)
        s_put_beside(job, &making);
    s_count(self, job, &making);
    return named || job->kind == JOB_ANSWERED;
}
