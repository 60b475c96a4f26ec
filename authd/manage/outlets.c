/* Operations on outlets. */
#include "authd/directory/outlets.h"
#include "authd/directory/table.h"
#include "authd/manage/page.h"
#include "authd/manage/reach.h"
#include "authd/manage/secret.h"
#include "common/base/http_url.h"
#include "common/base/secret.h"
#include "workers/outlet/kinds.h"

#include <stdio.h>
#include <string.h>

enum { BOUND_MOST_S = 120 * 3600 };

/* An outlet, and room for what is put into it anew. */
typedef struct {
    outlet_t outlet;
    place_t channel;
    char shown[HANDLER_URL + 8], warning[REACH_WARNING];
    secret_made_t made;
    uint8_t sealed_url[HANDLER_URL + SEALING_OVERHEAD];
    uint8_t sealed_token[HANDLER_SETTING + SEALING_OVERHEAD];
} work_t;

void task_tell_outlets(task_t *task, const uuid_t7 *channel)
{
    outlet_t outlet;
    uuid_t7 id;
    bool more = outlets_next_of(task->view, channel, NULL, &outlet);
    for (; more && task->handled_len < TASK_HANDLED;
         more = outlets_next_of(task->view, channel, &id, &outlet)) {
        id = outlet.id;
        task->handled[task->handled_len++] = id;
        outlet_raise(&outlet, task->now_ms);
        outlets_put(task->view, &outlet);
    }
}

static json_t *s_text(slice_t text)
{
    return text.len ? task_json_text(text) : json_string("");
}

/* Never URL, token and secrets, but for a secret that was just made. */
static json_t *s_json(const task_t *task, const outlet_t *outlet)
{
    place_t channel = {.name = slice("", 0)};
    outlet_channel(task->view, outlet, &channel);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:I, s:o, s:o, s:I}", "id",
                     task_json_id(&outlet->id), "channel", task_json_id(&outlet->channel),
                     "channel_name", s_text(channel.name), "kind", s_text(outlet->kind), "name",
                     s_text(outlet->name), "url", s_text(outlet->shown), "to", s_text(outlet->to),
                     "token", outlet->sealed_token.len > 0, "paused", outlet->paused, "bound_s",
                     (json_int_t)outlet->bound_s, "secrets",
                     secret_json(outlet->secret, outlet->secrets, task->now_ms), "created",
                     task_json_time(outlet->created_ms), "version", (json_int_t)outlet->version);
}

/* Of a URL that is a secret no more than scheme, name and port. */
static slice_t s_shown(work_t *work, slice_t url, bool secret)
{
    http_url_t parsed;
    char err[OUTLET_REASON];
    bool parts = secret && http_url_parse(url, &parsed, err, sizeof err);
    size_t len = url.len - (parts ? parsed.target.len : 0);
    snprintf(work->shown, sizeof work->shown, "%.*s%s", (int)len, url.data, parts ? "/…" : "");
    return slice_of(work->shown);
}

static slice_t s_seal(task_t *task, slice_t text, uint8_t *room)
{
    if (text.len == 0)
        return text;
    sealing_key_seal(table_master_key(task->view), text, room);
    return slice(room, text.len + SEALING_OVERHEAD);
}

/* The setting that is given, else what was before, opened into ROOM. */
static slice_t s_setting(task_t *task, const char *name, slice_t sealed, char *room, size_t size)
{
    if (json_object_get(task->args, name))
        return task_text(task, name);
    return sealed.len ? sealed_open(task->view, sealed, room, size, "directory.outlet")
                      : slice("", 0);
}

static error_code_t s_put_settings(task_t *task, work_t *work, const outlet_kind_t *kind,
                                   const outlet_settings_t *settings)
{
    char reason[OUTLET_REASON];
    outlet_setting_t wrong;
    outlet_t *outlet = &work->outlet;
    const outlet_field_t *field = outlet_kind_field(kind, OUTLET_URL);
    if (!outlet_kind_check(kind, settings, &wrong, reason))
        return task_field(task, ERROR_invalid_param, outlet_setting_name(wrong), "%s", reason);
    slice_t url = settings->text[OUTLET_URL].len ? settings->text[OUTLET_URL] : field->usually;
    outlet->shown = s_shown(work, url, field->secret);
    reach_warn(task, url, work->warning);
    outlet->to = settings->text[OUTLET_TO];
    outlet->sealed_url = s_seal(task, url, work->sealed_url);
    outlet->sealed_token = s_seal(task, settings->text[OUTLET_TOKEN], work->sealed_token);
    /* What was given stands in the audit. */
    if (json_object_get(task->args, "url"))
        json_object_set_new(task->args, "url", s_text(outlet->shown));
    return ERROR_none;
}

static error_code_t s_take_settings(task_t *task, work_t *work)
{
    char url[HANDLER_URL], token[HANDLER_SETTING];
    outlet_t *outlet = &work->outlet;
    outlet_kinds_t *kinds = outlet_kinds_new();
    const outlet_kind_t *kind = outlet_kinds_find(kinds, outlet->kind);
    const outlet_settings_t settings = {
        .text = {
            [OUTLET_URL] = s_setting(task, "url", outlet->sealed_url, url, sizeof url),
            [OUTLET_TO] = json_object_get(task->args, "to") ? task_text(task, "to") : outlet->to,
            [OUTLET_TOKEN] = s_setting(task, "token", outlet->sealed_token, token, sizeof token)}};
    error_code_t code =
        kind ? s_put_settings(task, work, kind, &settings)
             : task_field(task, ERROR_invalid_param, "kind",
                          "there is no such kind of outlets; posternctl outlet kinds has them.");
    outlet_kinds_destroy(&kinds);
    secret_wipe(url, sizeof url);
    secret_wipe(token, sizeof token);
    return code;
}

/* What is told to the worker, and shown. */
static void s_finish(task_t *task, work_t *work)
{
    outlet_t *outlet = &work->outlet;
    outlet_raise(outlet, task->now_ms);
    task->handled[task->handled_len++] = outlet->id;
    task_object(task, &outlet->id, outlet->name.len ? outlet->name : outlet->kind);
    task->result = s_json(task, outlet);
    reach_add(task, work->warning);
    if (work->made.text[0])
        json_object_set_new(task->result, "secret", json_string(work->made.text));
    secret_wipe(work->made.text, sizeof work->made.text);
}

static error_code_t s_find_channel(task_t *task, place_t *channel)
{
    if (!places_find(task->view, PLACE_CHANNEL, task->target, channel))
        return task_gone(task, ERROR_unknown_channel, NULL);
    if (channel->archived_ms)
        return task_fail(task, ERROR_archived, "The channel is archived.");
    return ERROR_none;
}

static error_code_t s_create(task_t *task)
{
    work_t work = {.made.text = ""};
    outlet_t *outlet = &work.outlet;
    error_code_t code = s_find_channel(task, &work.channel);
    if (code != ERROR_none)
        return code;
    uuid_new(&outlet->id);
    outlet->channel = work.channel.id;
    outlet->created_ms = task->now_ms;
    outlet->kind = task_text(task, "kind");
    outlet->name = task_text(task, "name");
    outlet->paused = task_bool(task, "paused", false);
    outlet->bound_s = task_uint(task, "bound_s", HANDLER_BOUND_S);
    code = s_take_settings(task, &work);
    if (code != ERROR_none)
        return code;
    secret_make(task, outlet->secret, &outlet->secrets, &work.made);
    s_finish(task, &work);
    if (!outlets_add(task->view, outlet))
        return task_full(task, ERROR_conflict, OUTLETS_MOST,
                         "The channel has %d outlets, which is the most. Delete one.",
                         OUTLETS_MOST);
    return ERROR_none;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    place_t channel;
    outlet_t outlet;
    if (!places_find(task->view, PLACE_CHANNEL, task->target, &channel))
        return task_gone(task, ERROR_unknown_channel, NULL);
    error_code_t code = page_begin(&page, task, "outlets", PAGE_BY_NAME);
    if (code != ERROR_none)
        return code;
    const uuid_t7 of = channel.id;
    do
        for (bool more = outlets_next_of(task->view, &of, page_after(&page), &outlet); more;
             more = outlets_next_of(task->view, &of, &outlet.id, &outlet)) {
            page_key_t key = {outlet.name, 0};
            if (page_wants(&page, &outlet.id, &key) &&
                !page_add(&page, &outlet.id, s_json(task, &outlet)))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_find(task_t *task, outlet_t *outlet)
{
    uuid_t7 id;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !outlets_get(task->view, &id, outlet) || outlet->gone)
        return task_gone(task, ERROR_unknown_outlet, NULL);
    return ERROR_none;
}

static error_code_t s_show(task_t *task)
{
    outlet_t outlet;
    error_code_t code = s_find(task, &outlet);
    if (code == ERROR_none)
        task->result = s_json(task, &outlet);
    return code;
}

static error_code_t s_edit(task_t *task)
{
    work_t work = {.made.text = ""};
    outlet_t *outlet = &work.outlet;
    error_code_t code = s_find(task, outlet);
    if (code != ERROR_none)
        return code;
    task->before = s_json(task, outlet);
    if (json_object_get(task->args, "name"))
        outlet->name = task_text(task, "name");
    outlet->paused = task_bool(task, "paused", outlet->paused);
    outlet->bound_s = task_uint(task, "bound_s", outlet->bound_s);
    code = s_take_settings(task, &work);
    if (code != ERROR_none)
        return code;
    outlet->secrets = sealed_drop_expired(outlet->secret, outlet->secrets, task->now_ms);
    s_finish(task, &work);
    outlets_put(task->view, outlet);
    return ERROR_none;
}

static error_code_t s_rotate(task_t *task)
{
    work_t work = {.made.text = ""};
    outlet_t *outlet = &work.outlet;
    error_code_t code = s_find(task, outlet);
    if (code != ERROR_none)
        return code;
    code = secret_rotate(task, outlet->secret, &outlet->secrets, &work.made);
    if (code != ERROR_none)
        return code;
    s_finish(task, &work);
    outlets_put(task->view, outlet);
    return ERROR_none;
}

static error_code_t s_delete(task_t *task)
{
    work_t work = {.made.text = ""};
    error_code_t code = s_find(task, &work.outlet);
    if (code != ERROR_none)
        return code;
    s_finish(task, &work);
    outlets_end(task->view, &work.outlet);
    return ERROR_none;
}

/* clang-format off */
#define TAKEN {"name", FIELD_TEXT, false, 0, OUTLET_NAME},     \
              {"url", FIELD_TEXT, false, 0, HANDLER_URL},      \
              {"to", FIELD_TEXT, false, 0, HANDLER_SETTING},   \
              {"token", FIELD_TEXT, false, 0, HANDLER_SETTING}, \
              {"paused", FIELD_BOOL, false, 0, 0},             \
              {"bound_s", FIELD_UINT, false, 1, BOUND_MOST_S}

const task_row_t manage_outlets[] = {
    {OP_outlet_create, s_create, {{"kind", FIELD_TEXT, true, 1, HANDLER_OUTLET}, TAKEN}},
    {OP_outlet_list, s_list, {PAGE_FIELDS}},
    {OP_outlet_show, s_show, {{0}}},
    {OP_outlet_edit, s_edit, {TAKEN}},
    {OP_outlet_rotate, s_rotate, {{"overlap", FIELD_UINT, false, 0, SECRET_OVERLAP_MOST_S}}},
    {OP_outlet_delete, s_delete, {{0}}},
    {0},
};
/* clang-format on */
