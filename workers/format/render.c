#include "common/base/glob.h"
#include "common/base/percent.h"
#include "common/base/utf8.h"
#include "common/wire/pairs.h"
#include "workers/format/markup.h"
#include "workers/format/rules.h"
#include "workers/message/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct renderer {
    room_t room;
    document_t *document;
    message_t *message;
    message_verdict_t verdict;
    event_t event;
    value_t body;
    bool is_json;               /* the body could be read */
    char reason[SYNTAX_REASON]; /* why not */
    char name[FORMAT_EVENT], id[FORMAT_EVENT],
        branch[FORMAT_BRANCH]; /* the event's: a summary begins with an empty room */
    format_wanted_t wanted;
    json_out_t form; /* the fields of a form as JSON */
    json_out_t out;
};

renderer_t *renderer_new(void)
{
    renderer_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->document = document_new();
    self->message = message_new();
    return self;
}

void renderer_destroy(renderer_t **self_p)
{
    renderer_t *self = *self_p;
    if (!self)
        return;
    document_destroy(&self->document);
    message_destroy(&self->message);
    json_free(&self->form);
    json_free(&self->out);
    room_close(&self->room);
    free(self);
    *self_p = NULL;
}

const char *format_outcome_name(format_outcome_t outcome)
{
    static const char *const names[] = {
        [FORMAT_MESSAGE] = "message", [FORMAT_SUMMARY] = "summary",   [FORMAT_FAILED] = "failed",
        [FORMAT_DROPPED] = "dropped", [FORMAT_FILTERED] = "filtered", [FORMAT_NO_JSON] = "no_json"};
    return names[outcome];
}

static slice_t s_decoded(room_t *room, slice_t text)
{
    char *decoded = room_take(room, text.len);
    return slice(decoded, percent_decode_form(text, decoded));
}

/* The form's fields as an object; or its field payload, alone. */
static void s_read_form(renderer_t *self, slice_t rest)
{
    slice_t name, value;
    json_lit(&self->form, "{");
    while (percent_piece(&rest, &name, &value)) {
        name = s_decoded(&self->room, name);
        value = s_decoded(&self->room, value);
        if (slice_is(name, "payload")) {
            json_reset(&self->form);
            json_raw(&self->form, value);
            return;
        }
        json_lit(&self->form, self->form.len > 1 ? "," : "");
        json_quote(&self->form, name);
        json_lit(&self->form, ":");
        json_quote(&self->form, value);
    }
    json_lit(&self->form, "}");
}

static bool s_is_type(const renderer_t *self, const char *type)
{
    slice_t value;
    return wire_pairs_find(self->event.headers, "content-type", &value) &&
           value.len >= strlen(type) && strncasecmp(value.data, type, strlen(type)) == 0;
}

/* The body as JSON, which a form or a text becomes. */
static slice_t s_json(renderer_t *self)
{
    slice_t body = utf8_unmarked(self->event.body), trimmed = slice_trim(body, FILTER_BLANKS);
    json_reset(&self->form);
    if (trimmed.len == 0)
        return slice_of("{}");
    if (is_one_of(*trimmed.data, "{["))
        return body;
    if (s_is_type(self, "application/x-www-form-urlencoded")) {
        s_read_form(self, trimmed);
    } else if (s_is_type(self, "text/")) {
        json_lit(&self->form, "{\"text\":");
        json_quote(&self->form, trimmed);
        json_lit(&self->form, "}");
    } else {
        return body;
    }
    return slice(self->form.data, self->form.len);
}

void renderer_begin(renderer_t *self, const event_t *event)
{
    room_reset(&self->room);
    self->event = *event;
    self->wanted = (format_wanted_t){0};
    self->body = (value_t){.type = VALUE_MISSING};
    self->is_json = document_parse(self->document, s_json(self), &self->body, self->reason,
                                   sizeof self->reason) == 0;
}

static eval_t s_eval(renderer_t *self, const format_t *format)
{
    room_reset(&self->room);
    return (eval_t){.room = &self->room,
                    .parts = &format->parts,
                    .body = self->body,
                    .headers = self->event.headers,
                    .query = self->event.params};
}

static bool s_has_header(const renderer_t *self, slice_t wanted, slice_t *value)
{
    slice_t name;
    wire_pairs_t cursor = wire_pairs_begin(self->event.headers);
    while (wire_pairs_next(&cursor, &name, value))
        if (slice_eq(name, wanted))
            return true;
    return false;
}

static bool s_has_body(eval_t *eval, const scope_t *scope, const detector_t *detector)
{
    for (unsigned i = 0; i < detector->body_count; i++) {
        shown_t shown = eval_expr(eval, scope, &detector->body[i]);
        slice_t text = shown_text(eval->room, &shown.value);
        bool is_there = detector->equal[i].len
                            ? glob_like(text, detector->equal[i])
                            : shown.value.type != VALUE_MISSING && shown.value.type != VALUE_NULL;
        if (!is_there)
            return false;
    }
    return true;
}

/* A header says more than an agent, an agent more than the body's shape; then the count of what is
 * asked for. */
static unsigned s_sureness(const detector_t *detector)
{
    return (detector->header.len ? FORMAT_BY_HEADER : 0) + (detector->agent.len ? 200 : 0) +
           10 * detector->body_count + detector->without_count;
}

static bool s_detects(renderer_t *self, eval_t *eval, const detector_t *detector)
{
    const scope_t scope = {.item = self->body};
    slice_t value;
    if (detector->header.len && !s_has_header(self, detector->header, &value))
        return false;
    if (detector->agent.len && !(s_has_header(self, slice_of("user-agent"), &value) &&
                                 value.len <= 512 && glob_like(value, detector->agent)))
        return false;
    for (unsigned i = 0; i < detector->without_count; i++)
        if (s_has_header(self, detector->without[i], &value))
            return false;
    return s_has_body(eval, &scope, detector);
}

unsigned format_detects_most(const format_t *format)
{
    unsigned most = 0;
    for (unsigned i = 0; i < format->detectors_count; i++) {
        unsigned sureness = s_sureness(&format->detectors[i]);
        most = sureness > most ? sureness : most;
    }
    return most;
}

unsigned format_detects(renderer_t *self, const format_t *format)
{
    eval_t eval = s_eval(self, format);
    unsigned best = 0;
    for (unsigned i = 0; i < format->detectors_count; i++) {
        unsigned sureness = s_sureness(&format->detectors[i]);
        if (sureness > best && s_detects(self, &eval, &format->detectors[i]))
            best = sureness;
    }
    return best;
}

void renderer_want(renderer_t *self, const format_wanted_t *wanted)
{
    self->wanted = *wanted;
}

bool format_wanted_takes(const format_wanted_t *wanted, slice_t event, slice_t branch)
{
    for (unsigned i = 0; i < wanted->selections_count; i++)
        if (!selection_takes(&wanted->selections[i], event, branch))
            return false;
    return true;
}

/* A name for counters and filters, written into KEPT, which has MOST bytes: on one line, cut. */
static slice_t s_word(eval_t *eval, const scope_t *scope, const node_t *nodes, char *kept,
                      size_t most)
{
    text_t text = {.room = eval->room}, flat = {.room = eval->room};
    eval_text(eval, scope, nodes, WRITE_FLAT, &text);
    markup_flat(&flat, text_of(&text));
    while (flat.len > most || (flat.len == most && !utf8_valid(text_of(&flat))))
        flat.len--;
    if (flat.len)
        memcpy(kept, flat.data, flat.len);
    return slice(kept, flat.len);
}

static bool s_applies(eval_t *eval, const scope_t *scope, const rule_t *rule, slice_t event)
{
    bool named = rule->count == 0;
    for (unsigned i = 0; i < rule->count && !named; i++)
        named = glob_like(event, rule->on[i]);
    return named && (!rule->cond || eval_cond(eval, scope, rule->cond));
}

/* One line in place of a message; the budget begins again. */
static void s_summarise(renderer_t *self, const format_t *format, format_result_t *result,
                        format_outcome_t outcome)
{
    eval_t eval = s_eval(self, format);
    text_t text = {.room = &self->room};
    summary_write(&eval, format, result->event, result->reason, &text);
    json_reset(&self->out);
    json_lit(&self->out, "{\"text\":");
    json_quote(&self->out, text_of(&text));
    json_lit(&self->out, "}");
    result->outcome = outcome;
    result->message = slice(self->out.data, self->out.len);
}

static void s_write(renderer_t *self, eval_t *eval, const scope_t *scope, const format_t *format,
                    format_result_t *result)
{
    json_reset(&self->out);
    bool written = shape_write(eval, scope, format->rules[result->rule].message, &self->out);
    result->message = slice(self->out.data, self->out.len);
    result->steps = ROOM_STEPS - self->room.steps;
    if (self->room.spent)
        snprintf(result->reason, sizeof result->reason, "rules[%d]: takes more than %d steps",
                 result->rule, ROOM_STEPS);
    else if (self->out.len > ROOM_TEXT)
        snprintf(result->reason, sizeof result->reason, "rules[%d]: gives more than %d bytes",
                 result->rule, ROOM_TEXT);
    else if (written)
        message_check(self->message, result->message, &self->verdict);
    if (!result->reason[0] && written && self->verdict.outcome != MESSAGE_OK)
        snprintf(result->reason, sizeof result->reason, "rules[%d].message: %s", result->rule,
                 self->verdict.reason);
    if (result->reason[0])
        s_summarise(self, format, result, FORMAT_FAILED);
    else if (!written)
        s_summarise(self, format, result, FORMAT_SUMMARY);
}

/* The event's name, its id, its branch, and the rule that is for it. */
static void s_know(renderer_t *self, eval_t *eval, const scope_t *scope, const format_t *format,
                   format_result_t *result)
{
    result->event = s_word(eval, scope, format->event, self->name, sizeof self->name);
    result->id = s_word(eval, scope, format->id, self->id, sizeof self->id);
    result->branch = s_word(eval, scope, format->branch, self->branch, sizeof self->branch);
    for (unsigned i = 0; i < format->rules_count && result->rule < 0; i++)
        if (s_applies(eval, scope, &format->rules[i], result->event))
            result->rule = (int)i;
}

void format_render(renderer_t *self, const format_t *format, format_result_t *result)
{
    *result = (format_result_t){.outcome = FORMAT_MESSAGE, .rule = -1};
    if (!self->is_json) {
        result->outcome = FORMAT_NO_JSON;
        snprintf(result->reason, sizeof result->reason, "%s", self->reason);
        return;
    }
    eval_t eval = s_eval(self, format);
    const scope_t scope = {.item = self->body};
    s_know(self, &eval, &scope, format, result);
    if (!format_wanted_takes(&self->wanted, result->event, result->branch) ||
        (result->rule < 0 && self->wanted.drops_unknown))
        result->outcome = FORMAT_FILTERED;
    else if (result->rule < 0 && !format->drops)
        s_summarise(self, format, result, FORMAT_SUMMARY);
    else if (result->rule < 0 || !format->rules[result->rule].message)
        result->outcome = FORMAT_DROPPED;
    else
        s_write(self, &eval, &scope, format, result);
}
