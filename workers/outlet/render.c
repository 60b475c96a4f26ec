#include "workers/outlet/render.h"

#include "common/base/http_url.h"
#include "workers/format/markup.h"
#include "workers/outlet/self.h"

#include <stdlib.h>

enum { STEPS = 1 << 20 /* of a message: its body may be as long as one that is posted */ };

struct outlet_renderer {
    room_t room;
    document_t *document;
    json_out_t whole, body;
};

outlet_renderer_t *outlet_renderer_new(void)
{
    outlet_renderer_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->document = document_new();
    return self;
}

void outlet_renderer_destroy(outlet_renderer_t **self_p)
{
    outlet_renderer_t *self = *self_p;
    if (!self)
        return;
    document_destroy(&self->document);
    json_free(&self->whole);
    json_free(&self->body);
    room_close(&self->room);
    free(self);
    *self_p = NULL;
}

static void s_field(json_out_t *out, const char *name, slice_t value)
{
    json_lit(out, name);
    json_quote(out, value);
}

/* The setting, or what is usual. */
static slice_t s_setting(const outlet_kind_t *kind, const outlet_settings_t *settings, unsigned i)
{
    return settings->text[i].len ? settings->text[i] : kind->field[i].usually;
}

/* The message with what else the templates see. */
static void s_join(outlet_renderer_t *self, const outlet_kind_t *kind,
                   const outlet_settings_t *settings, slice_t channel, slice_t message,
                   slice_t text, int64_t hops)
{
    json_out_t *out = &self->whole;
    message = slice_trim(message, FILTER_BLANKS);
    json_reset(out);
    s_field(out, "{\"channel\":", channel);
    s_field(out, ",\"text\":", text);
    s_field(out, ",\"outlet\":{\"url\":", s_setting(kind, settings, OUTLET_URL));
    s_field(out, ",\"to\":", s_setting(kind, settings, OUTLET_TO));
    s_field(out, ",\"token\":", s_setting(kind, settings, OUTLET_TOKEN));
    json_lit(out, "},\"hops\":");
    json_uint(out, (uint64_t)hops + 1);
    json_lit(out, ",");
    json_raw(out, slice(message.data + 1, message.len - 1));
}

static bool s_parse(outlet_renderer_t *self, slice_t text, value_t *root)
{
    char reason[SYNTAX_REASON];
    room_reset(&self->room);
    self->room.steps = STEPS;
    return document_parse(self->document, text, root, reason, sizeof reason) == 0 &&
           root->type == VALUE_OBJECT && value_count(root) > 0;
}

static bool s_is_set(room_t *room, const value_t *object, const char *name)
{
    value_t value = value_member(room, object, slice_of(name));
    return value_is_true(&value);
}

/* Through how many outlets of Posterns the message has come. */
static int64_t s_hops(room_t *room, const value_t *root)
{
    value_t message = value_member(room, root, slice_of("message"));
    value_t hops = value_member(room, &message, slice_of("postern_hops"));
    return hops.is_whole && hops.whole > 0 ? hops.whole : 0;
}

/* Deleted, without a message object, for some readers alone, or going in circles. */
static bool s_is_kept_back(room_t *room, const value_t *root)
{
    value_t message = value_member(room, root, slice_of("message"));
    return message.type != VALUE_OBJECT || s_is_set(room, root, "deleted") ||
           s_is_set(room, &message, "userids") || s_is_set(room, &message, "user_ids") ||
           s_hops(room, root) >= OUTLET_HOPS;
}

static slice_t s_line(eval_t *eval, const scope_t *scope, const node_t *nodes)
{
    text_t text = {.room = eval->room}, flat = {.room = eval->room};
    eval_text(eval, scope, nodes, WRITE_RAW, &text);
    markup_flat(&flat, text_of(&text));
    return text_of(&flat);
}

static bool s_write(outlet_renderer_t *self, const outlet_kind_t *kind, const value_t *root,
                    outlet_call_t *call)
{
    http_url_t parsed;
    char err[OUTLET_REASON];
    eval_t eval = {.room = &self->room, .parts = &kind->parts, .body = *root};
    const scope_t scope = {.item = *root};
    *call = (outlet_call_t){.method = kind->method};
    for (unsigned i = 0; i < kind->heads; i++) {
        slice_t value = s_line(&eval, &scope, kind->head[i].value);
        if (value.len)
            call->header[call->headers++] = (outlet_header_t){kind->head[i].name, value};
    }
    call->url = s_line(&eval, &scope, kind->url);
    json_reset(&self->body);
    bool written = shape_write(&eval, &scope, kind->body, &self->body);
    call->body = slice(self->body.data, self->body.len);
    return written && !self->room.spent && http_url_parse(call->url, &parsed, err, sizeof err);
}

outlet_outcome_t outlet_render(outlet_renderer_t *self, const outlet_kind_t *kind,
                               const outlet_settings_t *settings, slice_t channel, slice_t message,
                               outlet_call_t *call)
{
    value_t root;
    if (!s_parse(self, message, &root))
        return OUTLET_FAILED;
    if (s_is_kept_back(&self->room, &root))
        return OUTLET_SKIPPED;
    text_t text = {.room = &self->room};
    value_t object = value_member(&self->room, &root, slice_of("message"));
    outlet_text(&self->room, &object, &text);
    s_join(self, kind, settings, channel, message, text_of(&text), s_hops(&self->room, &root));
    bool good = s_parse(self, slice(self->whole.data, self->whole.len), &root) &&
                s_write(self, kind, &root, call);
    return good ? OUTLET_CALLED : OUTLET_FAILED;
}
