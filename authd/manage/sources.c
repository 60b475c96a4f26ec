/* Operations on sources. */
#include "authd/directory/sources.h"
#include "authd/directory/tokens.h"
#include "authd/manage/page.h"
#include "authd/manage/source_json.h"
#include "authd/manage/source_secret.h"
#include "authd/manage/source_target.h"

#include <stdlib.h>
#include <string.h>

enum { OVERLAP_S = 24 * 3600, OVERLAP_MOST_S = 7 * 24 * 3600, LISTS = 3 };

/* A source, and what is put into it anew. */
typedef struct {
    source_t source;
    source_room_t room;
    char *lists[LISTS];
} work_t;

static void s_free(work_t *work)
{
    for (unsigned i = 0; i < LISTS; i++)
        free(work->lists[i]);
    source_room_wipe(&work->room);
}

/* Only a token that may post there can be the one. */
static error_code_t s_take_token(task_t *task, source_t *source)
{
    token_t token;
    slice_t text = task_text(task, "for_token");
    if (!json_object_get(task->args, "for_token"))
        return ERROR_none;
    source->token = (uuid_t7){0};
    if (text.len == 0 || (uuid_parse(text.data, text.len, &source->token) == 0 &&
                          tokens_find(task->view, &source->token, &token)))
        return ERROR_none;
    return task_field(task, ERROR_invalid_param, "for_token",
                      "there is no token with this id; empty: any token.");
}

static bool s_is_format(slice_t text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_one_of(text.data[i], "abcdefghijklmnopqrstuvwxyz0123456789_-"))
            return false;
    return true;
}

static error_code_t s_take_lists(task_t *task, work_t *work)
{
    static const char *const names[LISTS] = {"only", "except", "branch"};
    slice_t *lists[LISTS] = {&work->source.only, &work->source.except, &work->source.branch};
    for (unsigned i = 0; i < LISTS; i++) {
        work->lists[i] = source_globs(task, names[i]);
        if (!work->lists[i])
            continue;
        *lists[i] = slice_of(work->lists[i]);
        const char *fault = selection_fault(*lists[i], '\n');
        if (fault)
            return task_field(task, ERROR_invalid_param, names[i], "%s.", fault);
    }
    return ERROR_none;
}

/* What creation and an edit both take. */
static error_code_t s_take(task_t *task, work_t *work)
{
    source_t *source = &work->source;
    slice_t unknown = task_text(task, "on_unknown");
    if (json_object_get(task->args, "name"))
        source->name = task_text(task, "name");
    if (json_object_get(task->args, "format"))
        source->format = task_text(task, "format");
    if (!s_is_format(source->format))
        return task_field(task, ERROR_invalid_param, "format", "must be of a-z, 0-9, _ and -.");
    if (unknown.len && !slice_is(unknown, "drop") && !slice_is(unknown, "summary"))
        return task_field(task, ERROR_invalid_param, "on_unknown", "must be summary or drop.");
    if (unknown.len)
        source->drops_unknown = slice_is(unknown, "drop");
    source->keeps_raw = task_bool(task, "keep_raw", source->keeps_raw);
    source->required = task_bool(task, "required", source->required);
    if (source->required && !source->scheme.len)
        return task_field(task, ERROR_invalid_param, "required",
                          "needs a scheme, by which what comes is verified.");
    source_token_take(task, source, &work->room);
    error_code_t code = s_take_lists(task, work);
    if (code == ERROR_none)
        code = s_take_token(task, source);
    return code == ERROR_none ? source_url_check(task, source) : code;
}

static void s_show_as(task_t *task, const work_t *work)
{
    task_object(task, &work->source.id, work->source.name);
    task->result = source_json(task, &work->source);
    if (work->room.made[0])
        json_object_set_new(task->result, "secret", json_string(work->room.made));
}

/* What a request cannot carry would refuse all of them. */
static error_code_t s_check_length(task_t *task, const source_t *source)
{
    pack_t list = {0};
    bool fits = true;
    sources_record(task->view, &source->target, &source->token, slice("", 0), task->now_ms, &list,
                   &fits);
    pack_wipe(&list);
    return fits ? ERROR_none
                : task_fail(task, ERROR_conflict,
                            "The sources of this target together take more than the %d bytes that "
                            "a request can carry: shorten their lists, or bind them to tokens.",
                            WIRE_HANDLER);
}

static void s_raise(task_t *task, source_t *source)
{
    /* Past what was told before a restore of an older directory, too. */
    source->version = source->version + 1 > task->now_ms ? source->version + 1 : task->now_ms;
}

static error_code_t s_make(task_t *task, work_t *work)
{
    source_t *source = &work->source;
    source->scheme = task_text(task, "scheme");
    source->required = source->scheme.len > 0;
    source->created_ms = task->now_ms;
    uuid_new(&source->id);
    if (!source->scheme.len && json_object_get(task->args, "secret"))
        return task_field(task, ERROR_invalid_param, "secret", "needs a scheme.");
    error_code_t code = source_scheme_take(task, source, &work->room);
    if (code == ERROR_none)
        code = s_take(task, work);
    if (code == ERROR_none && source->scheme.len)
        code = source_secret_add(task, source, &work->room);
    if (code != ERROR_none)
        return code;
    s_raise(task, source);
    s_show_as(task, work);
    if (!sources_add(task->view, source))
        return task_full(task, ERROR_conflict, SOURCES_MOST,
                         "It has %d sources, which is the most. Delete one.", SOURCES_MOST);
    return s_check_length(task, source);
}

static error_code_t s_create(task_t *task)
{
    work_t work = {.lists = {NULL}};
    error_code_t code = source_target(task, &work.source);
    if (code == ERROR_none)
        code = s_make(task, &work);
    s_free(&work);
    return code;
}

/* Whether the one who asks may see it. */
static bool s_is_seen(task_t *task, const source_t *source)
{
    source_place_t place;
    return !task->only ||
           (source_place(task->view, source, &place) && uuid_eq(&place.owner, task->only));
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    source_t source;
    error_code_t code = page_begin(&page, task, "sources", PAGE_BY_NAME);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = sources_next(task->view, page_after(&page), &source); more;
             more = sources_next(task->view, &source.id, &source)) {
            page_key_t key = {source.name, 0};
            if (s_is_seen(task, &source)
                    ? page_wants(&page, &source.id, &key) &&
                          !page_add(&page, &source.id, source_json(task, &source))
                    : !page_skip(&page, &source.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_show(task_t *task)
{
    source_t source;
    error_code_t code = source_target(task, &source);
    if (code != ERROR_none)
        return code;
    task->result = source_json(task, &source);
    source_show_told(task, &source);
    return ERROR_none;
}

static error_code_t s_save(task_t *task, work_t *work)
{
    s_raise(task, &work->source);
    s_show_as(task, work);
    sources_put(task->view, &work->source);
    return s_check_length(task, &work->source);
}

static error_code_t s_edit(task_t *task)
{
    work_t work = {.lists = {NULL}};
    error_code_t code = source_target(task, &work.source);
    if (code == ERROR_none) {
        task->before = source_json(task, &work.source);
        code = s_take(task, &work);
    }
    if (code == ERROR_none)
        code = s_save(task, &work);
    s_free(&work);
    return code;
}

static error_code_t s_turn(task_t *task, work_t *work)
{
    source_t *source = &work->source;
    uint64_t overlap_ms = task_uint(task, "overlap", OVERLAP_S) * 1000;
    if (!source->scheme.len)
        return task_because(
            task, task_fail(task, ERROR_conflict, "The source has no scheme, so it has no secret."),
            REASON_no_scheme);
    source_secret_end(source, task->now_ms, task->now_ms + overlap_ms);
    if (source->secrets == SOURCE_KEYS)
        return task_full(task, ERROR_conflict, SOURCE_KEYS,
                         "%d secrets are good, which is the most: wait until one expires, or "
                         "rotate with an overlap of 0.",
                         SOURCE_KEYS);
    error_code_t code = source_secret_add(task, source, &work->room);
    return code == ERROR_none ? s_save(task, work) : code;
}

static error_code_t s_rotate(task_t *task)
{
    work_t work = {.lists = {NULL}};
    error_code_t code = source_target(task, &work.source);
    if (code == ERROR_none)
        code = s_turn(task, &work);
    s_free(&work);
    return code;
}

static error_code_t s_delete(task_t *task)
{
    source_t source;
    error_code_t code = source_target(task, &source);
    if (code != ERROR_none)
        return code;
    task_object(task, &source.id, source.name);
    task->result = source_json(task, &source);
    sources_delete(task->view, &source.id);
    return ERROR_none;
}

/* clang-format off */
#define TAKEN {"name", FIELD_TEXT, false, 1, SOURCE_NAME},         \
              {"for_token", FIELD_TEXT, false, 0, TASK_REFERENCE}, \
              {"format", FIELD_TEXT, false, 0, SOURCE_FORMAT},     \
              {"required", FIELD_BOOL, false, 0, 0},               \
              {"keep_raw", FIELD_BOOL, false, 0, 0},               \
              {"only", FIELD_LIST, false, 0, SELECTION_GLOBS},        \
              {"except", FIELD_LIST, false, 0, SELECTION_GLOBS},      \
              {"branch", FIELD_LIST, false, 0, SELECTION_GLOBS},      \
              {"on_unknown", FIELD_TEXT, false, 1, 16},            \
              {"verify_token", FIELD_TEXT, false, 0, SOURCE_VERIFY_TOKEN}
#define SECRET {"secret", FIELD_TEXT, false, 1, SOURCE_KEY_TEXT}

const task_row_t manage_sources[] = {
    {OP_source_create, s_create, {{"kind", FIELD_TEXT, true, 1, 16}, {"to", FIELD_TEXT, true, 1, TASK_REFERENCE},
                                  {"environment", FIELD_TEXT, false, 1, 16},
                                  {"scheme", FIELD_LINES, false, 0, SOURCE_SCHEME}, SECRET, TAKEN}},
    {OP_source_list, s_list, {PAGE_FIELDS}},
    {OP_source_show, s_show, {{0}}},
    {OP_source_edit, s_edit, {TAKEN}},
    {OP_source_rotate, s_rotate, {SECRET, {"overlap", FIELD_UINT, false, 0, OVERLAP_MOST_S}}},
    {OP_source_delete, s_delete, {{0}}},
    {0},
};
/* clang-format on */
