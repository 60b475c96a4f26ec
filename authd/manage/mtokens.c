/* Operations on management tokens. */
#include "authd/directory/mtokens.h"
#include "authd/manage/page.h"
#include "common/base/secret.h"

#include <string.h>

enum { LIFE_DEFAULT = 90 * 86400, LIFE_MOST = 10 * 366 * 86400 };

static json_t *s_json(const task_t *task, const mtoken_t *token)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o}", "id", task_json_id(&token->id),
                     "user", task_json_id(&token->user), "name", task_json_text(token->name),
                     "last4", task_json_text(token->last4), "state",
                     mtoken_has_ended(token, task->now_ms) ? "ended" : "active", "created",
                     task_json_time(token->created_ms), "expires",
                     task_json_time(token->expires_ms), "last_used",
                     task_json_time(token->used_ms));
}

static error_code_t s_add(task_t *task, const uuid_t7 *user, const char *text)
{
    uint64_t life_s = task_uint(task, "expires_in", LIFE_DEFAULT);
    mtoken_t token = {.user = *user,
                      .created_ms = task->now_ms,
                      .expires_ms = life_s ? task->now_ms + life_s * 1000 : 0,
                      .name = task_text(task, "name"),
                      .last4 = slice(text + TOKEN_LEN - MTOKEN_LAST, MTOKEN_LAST)};
    uuid_new(&token.id);
    token_hash(text, TOKEN_LEN, token.hash);
    if (!mtokens_add(task->view, &token, task->now_ms))
        return task_full(task, ERROR_token_limit, MTOKENS_MOST,
                         "The user has %d management tokens, which is the most. Delete one.",
                         MTOKENS_MOST);
    task_object(task, &token.id, token.name);
    task->result = s_json(task, &token);
    json_object_set_new(task->result, "token", json_string(text));
    return ERROR_none;
}

static error_code_t s_create(task_t *task)
{
    char text[TOKEN_LEN + 1];
    user_t user;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code != ERROR_none)
        return code;
    uuid_t7 id = user.id;
    token_make_management(text);
    code = s_add(task, &id, text);
    secret_wipe(text, sizeof text);
    return code;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    mtoken_t token;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        code = page_begin(&page, task, "tokens", PAGE_BY_NAME | PAGE_BY_LAST_USED);
    if (code != ERROR_none)
        return code;
    do
        for (bool more = mtokens_next(task->view, &user.id, page_after(&page), &token); more;
             more = mtokens_next(task->view, &user.id, &token.id, &token)) {
            page_key_t key = {token.name, token.used_ms};
            if (page_wants(&page, &token.id, &key) &&
                !page_add(&page, &token.id, s_json(task, &token)))
                break;
        }
    while (page_again(&page));
    return page_end(&page, task);
}

static error_code_t s_delete(task_t *task)
{
    uuid_t7 id;
    mtoken_t token;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !mtokens_get(task->view, &id, &token))
        return task_gone(task, ERROR_unknown_token, NULL);
    task->result = s_json(task, &token);
    task_object(task, &token.id, token.name);
    mtokens_delete(task->view, &id);
    return ERROR_none;
}

const task_row_t manage_mtokens[] = {
    {OP_management_token_create,
     s_create,
     {{"name", FIELD_TEXT, false, 1, MTOKEN_NAME_MOST},
      {"expires_in", FIELD_UINT, false, 0, LIFE_MOST}}},
    {OP_management_token_list, s_list, {PAGE_FIELDS}},
    {OP_management_token_delete, s_delete, {{0}}},
    {0},
};
