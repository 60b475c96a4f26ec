#include "workers/post/admit.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/monitor/monitor.h"
#include "common/source/presets.h"
#include "common/source/shown.h"
#include "common/source/verify.h"
#include "workers/message/json_out.h"

#include <stdio.h>
#include <stdlib.h>

/* One event and the sources that it may be of. */
typedef struct {
    job_t *job;
    source_request_t request;
    admitted_t *sources;
    bool shares; /* handshakes that need no source are for others, too */
    source_book_t *book;
    char refusal[SOURCE_REASON]; /* why one has not; "": none was asked, or needs to */
    source_fault_t fault;
    const source_record_t *refuser; /* whose refusal it is */
} admission_t;

static const char *s_method(unsigned method)
{
    return method == OP_GET    ? "GET"
           : method == OP_HEAD ? "HEAD"
           : method == OP_PUT  ? "PUT"
                               : "POST";
}

/* The keys of a record, which source_key_wipe wipes; how many there are. */
static size_t s_keys(const source_record_t *record, const scheme_t *scheme,
                     source_key_t keys[SOURCE_KEYS])
{
    char err[256];
    size_t count = 0;
    for (unsigned i = 0; i < record->secrets; i++)
        count += source_key_read(scheme, record->secret[i], &keys[count], err, sizeof err);
    return count;
}

static void s_refuse(admission_t *self, const source_record_t *by, const source_verdict_t *verdict)
{
    snprintf(self->refusal, sizeof self->refusal, "%s", verdict->reason);
    self->fault = verdict->fault;
    self->refuser = by;
}

/* A source whose scheme or secrets cannot be read lets nothing pass. */
static void s_ask(admission_t *self, const source_record_t *record)
{
    scheme_texts_t texts;
    scheme_t scheme;
    source_key_t keys[SOURCE_KEYS];
    source_verdict_t verdict = {.outcome = SOURCE_REFUSED, .fault = SOURCE_FAULT_no_secret};
    if (!record->required && !record->preset.len && !record->declared.len)
        return; /* it says nothing of signatures */
    bool good = source_record_scheme(record, &texts, &scheme);
    size_t count = good ? s_keys(record, &scheme, keys) : 0;
    if (good && record->told && source_is_shown(&scheme))
        source_verdict_told(&scheme, record->told, &verdict);
    else if (count == 0)
        snprintf(verdict.reason, sizeof verdict.reason, "the source has no secret that is good");
    else {
        self->request.url = record->url;
        source_verify(&scheme, keys, count, &self->request, &verdict);
    }
    secret_wipe(keys, sizeof keys);
    if (verdict.outcome == SOURCE_SIGNED)
        self->sources->signer = record;
    else if (verdict.outcome == SOURCE_REFUSED || (record->required && !self->refusal[0]))
        s_refuse(self, record, &verdict);
}

static void s_verify(admission_t *self)
{
    for (unsigned i = 0; i < self->sources->records && !self->sources->signer; i++)
        s_ask(self, &self->sources->record[i]);
}

/* The source whose preset has this handshake. */
static const source_record_t *s_source_of(const admission_t *self, handshake_t which)
{
    for (unsigned i = 0; i < self->sources->records; i++) {
        const preset_t *preset = preset_find(self->sources->record[i].preset);
        if (preset && preset->handshake == which)
            return &self->sources->record[i];
    }
    return NULL;
}

/* JSON goes out as it is; text travels as a JSON string. */
static void s_answer(job_t *job, const handshake_answer_t *answer)
{
    json_out_t text = {0};
    if (answer->status >= 400) {
        job_refuse(job, answer->status == 403 ? ERROR_not_allowed : ERROR_invalid_request,
                   answer->body);
        return;
    }
    job->kind = JOB_ANSWERED;
    free(job->reason);
    job->reason = NULL;
    if (!answer->body_len)
        return;
    if (answer->type[0] == 'a') {
        job->reason = strndup(answer->body, answer->body_len);
        return;
    }
    json_quote(&text, slice(answer->body, answer->body_len));
    job->reason = strndup(text.data, text.len);
    json_free(&text);
}

static void s_shake(admission_t *self, handshake_t which, const source_record_t *record)
{
    scheme_texts_t texts;
    scheme_t scheme;
    source_key_t keys[SOURCE_KEYS];
    handshake_answer_t answer;
    bool keyed = record && source_record_scheme(record, &texts, &scheme);
    size_t count = keyed ? s_keys(record, &scheme, keys) : 0;
    handshake_answer(which, &self->request, keys, count,
                     record ? record->verify_token : slice("", 0), &answer);
    secret_wipe(keys, sizeof keys);
    s_answer(self->job, &answer);
}

/* Those that tell a secret are authd's to answer, which keeps it. */
static bool s_is_answered(const admission_t *self, handshake_t which)
{
    if (which == HANDSHAKE_none || handshake_needs(which) == HANDSHAKE_NEEDS_TOLD)
        return false;
    if (handshake_needs(which) == HANDSHAKE_NEEDS_OPEN && !self->shares)
        return true;
    return handshake_needs(which) == HANDSHAKE_NEEDS_SIGNED
               ? self->sources->signer && self->sources->signer == s_source_of(self, which)
               : s_source_of(self, which) != NULL;
}

static void s_count(slice_t preset, const char *reason)
{
    metric_add_at(METRIC_signature_refused_total, metric_signature(preset, reason), 1);
}

/* Whose sender reads it may have never heard of the one that the source is for. */
static void s_refuse_for(job_t *job, const source_record_t *by, slice_t scheme, const char *why)
{
    char id[UUID_TEXT], text[SOURCE_REASON + UUID_TEXT + SOURCE_PRESET + 80];
    uuid_text(&by->id, id);
    snprintf(text, sizeof text, "The source %s of this target (%.*s) refuses it: %s.", id,
             SLICE_ARG(scheme), why);
    job_refuse(job, ERROR_invalid_signature, uuid_is_nil(&by->id) ? why : text);
}

/* Nothing is written anywhere but in memory, however many come. */
static void s_turn_away(admission_t *self)
{
    static const source_record_t none;
    const source_record_t *by = self->refuser ? self->refuser : &none;
    const wire_request_t *request = self->job->request;
    const book_key_t key = {request->principal.target, by->id};
    const slice_t scheme = by->preset.len ? by->preset : slice_of("declared");
    s_refuse_for(self->job, by, scheme, self->refusal);
    s_count(scheme, source_fault_name(self->fault));
    if (!uuid_is_nil(&by->id))
        source_book_refuse(self->book, &key,
                           &(book_refusal_t){self->refusal, request->client, request->headers},
                           self->request.wall_ms);
}

static bool s_go_on(admission_t *self)
{
    handshake_t which = handshake_find(&self->request);
    if (which != HANDSHAKE_none && handshake_needs(which) != HANDSHAKE_NEEDS_SIGNED &&
        s_is_answered(self, which)) {
        s_shake(self, which, s_source_of(self, which));
        return false;
    }
    s_verify(self);
    if (!self->sources->signer && !self->refusal[0] && op_is_signed(self->job->request->op))
        snprintf(self->refusal, sizeof self->refusal, "no source says how it is signed");
    if (!self->sources->signer && self->refusal[0]) {
        s_turn_away(self);
        return false;
    }
    if (!s_is_answered(self, which))
        return true;
    s_shake(self, which, self->sources->signer);
    return false;
}

static bool s_admit(job_t *job, source_book_t *book, slice_t list, bool shares, admitted_t *sources)
{
    const wire_request_t *request = job->request;
    admission_t self = {.job = job,
                        .sources = sources,
                        .book = book,
                        .shares = shares,
                        .request = {.method = slice_of(s_method(request->method)),
                                    .headers = request->headers,
                                    .params = request->params,
                                    .body = job_body(job),
                                    .wall_ms = clock_wall_ms()}};
    int count = list.len ? source_records_read(list, sources->record) : 0;
    sources->signer = NULL;
    sources->records = count > 0 ? (unsigned)count : 0;
    if (count < 0) {
        job_refuse(job, ERROR_invalid_signature, "The sources of this target cannot be read.");
        s_count(slice_of("declared"), "unreadable");
        return false;
    }
    return s_go_on(&self);
}

bool admit(job_t *job, source_book_t *book, admitted_t *sources)
{
    return s_admit(job, book, job->request->handler, false, sources);
}

bool admit_event(job_t *job, source_book_t *book, admitted_t *sources)
{
    slice_t record, list;
    source_records_split(job->request->handler, &record, &list);
    sources->records = 0;
    sources->signer = NULL;
    return (list.len == 0 && !op_is_signed(job->request->op)) ||
           s_admit(job, book, list, true, sources);
}

const source_record_t *admitted_source(const admitted_t *self, slice_t format)
{
    const source_record_t *any = NULL;
    if (self->signer)
        return self->signer;
    for (unsigned i = 0; i < self->records; i++) {
        const source_record_t *record = &self->record[i];
        if (format.len && slice_eq(record->format, format))
            return record;
        if (!any && !record->format.len)
            any = record;
    }
    return any || !self->records ? any : &self->record[0];
}
