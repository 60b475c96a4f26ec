/* Webhook tokens as they are looked at: one, its use, a user's, everybody's. */
#include "authd/directory/token_targets.h"
#include "authd/manage/page.h"
#include "authd/manage/token_json.h"

enum { ENDS_MOST_S = 10 * 366 * 86400, UNUSED_MOST = 3660 };

/* The whole with its user, who is no part of the token's etag. */
static json_t *s_json(task_t *task, const token_t *token)
{
    user_t user;
    json_t *all = token_json_whole(task, token);
    if (users_get(task->view, &token->user, &user))
        json_object_set_new(all, "user", task_json_user(&user));
    return all;
}

static error_code_t s_show(task_t *task)
{
    token_t token;
    error_code_t code = token_of_target(task, &token);
    if (code == ERROR_none)
        task->result = s_json(task, &token);
    return code;
}

static json_t *s_known(slice_t kind)
{
    return kind.len > 0 ? task_json_text(kind) : json_null();
}

/* Null of what was counted when hours were not kept. */
static json_t *s_calls(const token_target_t *target, uint64_t now_ms)
{
    if (target->calls.hour == 0)
        return json_null();
    return json_integer((json_int_t)calls_of_24_hours(&target->calls, now_ms));
}

static json_t *s_targets(task_t *task, const uuid_t7 *token)
{
    token_target_t all[TOKEN_TARGETS];
    unsigned count = token_targets_all(task->view, token, all);
    json_t *rows = json_array();
    for (const token_target_t *each = all; each < all + count; each++)
        json_array_append_new(
            rows, json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "kind", s_known(each->kind), "target",
                            task_json_text(each->target), "address", task_json_text(each->address),
                            "last_used", task_json_time(each->last_ms), "count",
                            (json_int_t)each->count, "calls_24h", s_calls(each, task->now_ms)));
    return rows;
}

static json_t *s_counts(const uint32_t *counts, size_t len)
{
    json_t *all = json_array();
    for (size_t i = 0; i < len; i++)
        json_array_append_new(all, json_integer(counts[i]));
    return all;
}

static error_code_t s_use(task_t *task)
{
    token_t token;
    token_use_t use = {0};
    uint32_t hours[CALLS_HOURS], days[CALLS_DAYS];
    error_code_t code = token_of_target(task, &token);
    if (code != ERROR_none)
        return code;
    tokens_use(task->view, &token.id, &use);
    calls_each(&use.calls, task->now_ms, hours, days);
    task->result = json_pack("{s:o, s:o, s:o}", "hours", s_counts(hours, CALLS_HOURS), "days",
                             s_counts(days, CALLS_DAYS), "targets", s_targets(task, &token.id));
    return ERROR_none;
}

static page_key_t s_key(task_t *task, const page_t *page, const token_t *token)
{
    token_use_t use = {0};
    if (page->by == PAGE_BY_LAST_USED)
        tokens_use(task->view, &token->id, &use);
    return (page_key_t){token->name, use.last_ms};
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    token_t token;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        code = page_begin(&page, task, "tokens", PAGE_BY_NAME | PAGE_BY_LAST_USED);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = tokens_next(task->view, &user.id, page_after(&page), &token); more;
             more = tokens_next(task->view, &user.id, &token.id, &token)) {
            page_key_t key = s_key(task, &page, &token);
            if (page_wants(&page, &token.id, &key) &&
                !page_add(&page, &token.id, token_json_whole(task, &token)))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

/* Whether the token has not been used for so many days, nor made within them. */
static bool s_is_unused(task_t *task, const token_t *token, uint64_t days)
{
    token_use_t use = {0};
    tokens_use(task->view, &token->id, &use);
    uint64_t last_ms = use.last_ms > token->created_ms ? use.last_ms : token->created_ms;
    return task->now_ms >= last_ms + days * 86400 * 1000;
}

/* What everybody's tokens are asked for beside their page. */
typedef struct {
    bool by_user;
    uuid_t7 user;
    slice_t state, target;
    uint64_t within_s, unused_days;
} asked_t;

static error_code_t s_asked(task_t *task, asked_t *asked)
{
    user_t user;
    slice_t text = task_text(task, "user");
    *asked = (asked_t){.by_user = text.len > 0,
                       .state = task_text(task, "state"),
                       .target = task_text(task, "target"),
                       .within_s = task_uint(task, "ends_within", 0),
                       .unused_days = task_uint(task, "unused_days", 0)};
    if (asked->state.len && !slice_is(asked->state, "active") &&
        !slice_is(asked->state, "replaced") && !slice_is(asked->state, "ended"))
        return task_because(
            task,
            task_field(task, ERROR_invalid_param, "state", "must be active, replaced or ended."),
            REASON_shape);
    if (!asked->by_user)
        return ERROR_none;
    error_code_t code = task_user(task, text, "user", &user);
    asked->user = user.id;
    return code;
}

static bool s_fits(task_t *task, const token_t *token, const asked_t *asked)
{
    return (!asked->by_user || uuid_eq(&token->user, &asked->user)) &&
           (!asked->state.len || slice_is(asked->state, token_state(token, task->now_ms))) &&
           (!asked->within_s ||
            token_ends_by(token, task->now_ms, task->now_ms + asked->within_s * 1000)) &&
           (!asked->target.len || token_targets_has(task->view, &token->id, asked->target)) &&
           (!asked->unused_days || s_is_unused(task, token, asked->unused_days));
}

/* With its user, who is not part of the token's etag. */
static bool s_add(task_t *task, page_t *page, const token_t *token)
{
    user_t user;
    json_t *row = token_json_whole(task, token);
    if (!page_add(page, &token->id, row))
        return false;
    if (users_get(task->view, &token->user, &user))
        json_object_set_new(row, "user", task_json_user(&user));
    return true;
}

/* Of everybody's, the oldest first. */
static error_code_t s_list_all(task_t *task)
{
    page_t page;
    token_t token;
    asked_t asked;
    error_code_t code = s_asked(task, &asked);
    if (code == ERROR_none)
        code = page_begin(&page, task, "tokens", PAGE_BY_NAME | PAGE_BY_LAST_USED);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = tokens_next_of_all(task->view, page_after(&page), &token); more;
             more = tokens_next_of_all(task->view, &token.id, &token)) {
            page_key_t key = s_key(task, &page, &token);
            if (s_fits(task, &token, &asked)
                    ? page_wants(&page, &token.id, &key) && !s_add(task, &page, &token)
                    : !page_skip(&page, &token.id))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

const task_row_t manage_token_lists[] = {
    {OP_token_show, s_show, {{0}}},
    {OP_token_use, s_use, {{0}}},
    {OP_token_list, s_list, {PAGE_FIELDS}},
    {OP_token_list_all,
     s_list_all,
     {PAGE_FIELDS,
      {"ends_within", FIELD_UINT, false, 1, ENDS_MOST_S},
      {"user", FIELD_TEXT, false, 1, TASK_REFERENCE},
      {"state", FIELD_TEXT, false, 1, 16},
      {"target", FIELD_TEXT, false, 1, TOKEN_TARGET_MOST},
      {"unused_days", FIELD_UINT, false, 1, UNUSED_MOST}}},
    {0},
};
