#include "authd/manage/source_json.h"

#include "authd/manage/secret.h"

#include <stdlib.h>
#include <string.h>

static json_t *s_globs(slice_t lines)
{
    json_t *all = json_array();
    while (lines.len) {
        const char *end = memchr(lines.data, '\n', lines.len);
        size_t len = end ? (size_t)(end - lines.data) : lines.len;
        json_array_append_new(all, task_json_text(slice(lines.data, len)));
        lines = slice(lines.data + len + (end != NULL), lines.len - len - (end != NULL));
    }
    return all;
}

/* A preset's name, or the declaration. */
static json_t *s_scheme(slice_t text)
{
    if (!text.len)
        return json_null();
    json_t *declared = *text.data == '{' ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    return declared ? declared : task_json_text(text);
}

/* Where its sender may post without a token. */
static json_t *s_address(const task_t *task, const source_t *source)
{
    char id[UUID_TEXT];
    uuid_text(&source->id, id);
    return source_has_address(source) ? task_json_endpoint(task, OP_source_incoming, id)
                                      : json_null();
}

json_t *source_json(const task_t *task, const source_t *source)
{
    static const char *const kinds[] = {
        [OWNER_CHANNEL] = "channel", [OWNER_BOT] = "bot", [OWNER_EXTENSION] = "extension"};
    source_place_t place = {.name = slice("", 0)};
    source_place(task->view, source, &place);
    json_t *all = json_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:s, s:b, s:b, s:o, s:I}",
        "id", task_json_id(&source->id), "name",
        source->name.len ? task_json_text(source->name) : json_string(""), "kind",
        kinds[source->kind], "to", task_json_text(place.name), "target",
        task_json_id(&source->target), "for_token",
        uuid_is_nil(&source->token) ? json_null() : task_json_id(&source->token), "format",
        source->format.len ? task_json_text(source->format) : json_null(), "scheme",
        s_scheme(source->scheme), "required", source->required, "only", s_globs(source->only),
        "except", s_globs(source->except), "branch", s_globs(source->branch), "on_unknown",
        source->drops_unknown ? "drop" : "summary", "keep_raw", source->keeps_raw, "verify_token",
        source->sealed_token.len > 0, "secrets",
        secret_json(source->secret, source->secrets, task->now_ms), "version",
        (json_int_t)source->version);
    json_object_set_new(all, "address", s_address(task, source));
    json_object_set_new(all, "waits_until", task_json_time(source->waits_ms));
    json_object_set_new(all, "created", task_json_time(source->created_ms));
    return all;
}

char *source_globs(const task_t *task, const char *name)
{
    size_t i, len = 0;
    const json_t *item, *list = task_list(task, name);
    if (!list)
        return NULL;
    char *lines = calloc(SELECTION_GLOBS, TASK_REFERENCE + 1);
    if (!lines)
        abort();
    json_array_foreach (list, i, item) {
        memcpy(lines + len, json_string_value(item), json_string_length(item));
        len += json_string_length(item);
        lines[len++] = '\n';
    }
    lines[len ? len - 1 : 0] = '\0';
    return lines;
}
