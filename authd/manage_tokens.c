/* Operations on webhook tokens. */
#include "authd/directory/tokens.h"
#include "authd/task.h"
#include "common/base/secret.h"

#include <assert.h>
#include <string.h>

enum { RATE_MOST = 1000000, BURST_MOST = 10000000, IMPORT_MOST = 100 };

/* What may be shown of a token: never the token. */
static json_t *s_json(task_t *task, const token_t *token)
{
    token_use_t use = {0};
    tokens_use(task->view, &token->id, &use);
    uint64_t rate = token->rate == TOKEN_DEFAULT ? task->rate : token->rate;
    uint64_t burst = token->burst == TOKEN_DEFAULT ? task->burst : token->burst;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "id",
                     task_json_id(&token->id), "name", task_json_text(token->name), "last4",
                     task_json_text(token->last4), "created", task_json_time(token->created_ms),
                     "last_used", task_json_time(use.last_ms), "last_target",
                     use.last_ms ? task_json_text(use.target) : json_null(), "last_address",
                     use.last_ms ? task_json_text(use.address) : json_null(), "count",
                     (json_int_t)use.count, "rate", (json_int_t)rate, "burst", (json_int_t)burst);
}

static error_code_t s_find(task_t *task, token_t *token)
{
    uuid_t7 id;
    if (uuid_parse(task->target.data, task->target.len, &id) != 0 ||
        !tokens_find(task->view, &id, token))
        return task_fail(task, ERROR_unknown_token, NULL);
    return ERROR_none;
}

/* The user whom tokens are made for, copied: what a view shows ends with its next change. */
typedef struct {
    uuid_t7 id;
    size_t name_len;
    char name[USER_NAME_MOST];
} owner_t;

static error_code_t s_find_owner(task_t *task, owner_t *owner)
{
    user_t user;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code != ERROR_none)
        return code;
    assert(user.name.len <= USER_NAME_MOST);
    owner->id = user.id;
    owner->name_len = user.name.len;
    memcpy(owner->name, user.name.data, user.name.len);
    return ERROR_none;
}

/* Records TEXT as a token of the user; name, rate and burst are the arguments'. */
static error_code_t s_add(task_t *task, const owner_t *owner, slice_t text, token_t *token)
{
    *token = (token_t){.user = owner->id,
                       .display = slice(owner->name, owner->name_len),
                       .rate = task_uint(task, "rate", TOKEN_DEFAULT),
                       .burst = task_uint(task, "burst", TOKEN_DEFAULT),
                       .name = task_text(task, "name"),
                       .last4 = slice(text.data + text.len - TOKEN_LAST, TOKEN_LAST),
                       .created_ms = task->now_ms};
    uuid_new(&token->id);
    token_hash(text, token->hash);
    switch (tokens_add(task->view, token)) {
    case TOKENS_ADDED:
        return ERROR_none;
    case TOKENS_LIMIT:
        return ERROR_token_limit;
    case TOKENS_TAKEN:
        return ERROR_conflict;
    }
    return ERROR_internal;
}

static error_code_t s_create(task_t *task)
{
    char text[TOKEN_LEN + 1];
    owner_t owner;
    token_t token;
    error_code_t code = s_find_owner(task, &owner);
    if (code != ERROR_none)
        return code;
    token_make(text);
    code = s_add(task, &owner, slice(text, TOKEN_LEN), &token);
    if (code == ERROR_none) {
        task_object(task, &token.id, token.name);
        task->result =
            json_pack("{s:o, s:o, s:s, s:o, s:o}", "id", task_json_id(&token.id), "name",
                      task_json_text(token.name), "token", text, "last4",
                      task_json_text(token.last4), "created", task_json_time(token.created_ms));
    }
    secret_wipe(text, sizeof text);
    return code;
}

static error_code_t s_import_one(task_t *task, const owner_t *owner, size_t i, slice_t text,
                                 json_t *rows)
{
    token_t token;
    if (token_shape(text.data, text.len) == TOKEN_MALFORMED)
        return task_fail(task, ERROR_invalid_param,
                         "tokens[%zu]: must be 32 to 128 printable ASCII characters without the "
                         "prefix psm_, and a pst_ token whole. Nothing was imported.",
                         i);
    error_code_t code = s_add(task, owner, text, &token);
    if (code == ERROR_conflict)
        return task_fail(task, code,
                         "tokens[%zu]: this token exists already. Nothing was imported.", i);
    if (code == ERROR_none)
        json_array_append_new(rows, json_pack("{s:o, s:o}", "id", task_json_id(&token.id), "last4",
                                              task_json_text(token.last4)));
    return code;
}

static error_code_t s_import(task_t *task)
{
    owner_t owner;
    size_t i;
    json_t *item, *rows;
    error_code_t code = s_find_owner(task, &owner);
    if (code != ERROR_none)
        return code;
    task_object(task, &owner.id, slice(owner.name, owner.name_len));
    rows = json_array();
    json_array_foreach(task_list(task, "tokens"), i, item)
    {
        slice_t text = slice(json_string_value(item), json_string_length(item));
        code = s_import_one(task, &owner, i, text, rows);
        if (code != ERROR_none)
            break;
    }
    task->result =
        json_pack("{s:I, s:o}", "imported", (json_int_t)json_array_size(rows), "tokens", rows);
    return code;
}

static error_code_t s_list(task_t *task)
{
    page_t page;
    user_t user;
    token_t token;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        code = page_begin(&page, task);
    if (code != ERROR_none)
        return code;
    for (bool more = tokens_next(task->view, &user.id, page_after(&page), &token); more;
         more = tokens_next(task->view, &user.id, &token.id, &token))
        if (!page_add(&page, &token.id, s_json(task, &token)))
            break;
    page_end(&page, task, "tokens");
    return ERROR_none;
}

static error_code_t s_delete(task_t *task)
{
    token_t token;
    error_code_t code = s_find(task, &token);
    if (code != ERROR_none)
        return code;
    task->result = s_json(task, &token);
    task_object(task, &token.id, token.name);
    tokens_delete(task->view, &token.id);
    return ERROR_none;
}

static error_code_t s_limit(task_t *task)
{
    token_t token;
    error_code_t code = s_find(task, &token);
    if (code != ERROR_none)
        return code;
    task_object(task, &token.id, token.name);
    tokens_limit(task->view, &token.id, task_uint(task, "rate", TOKEN_DEFAULT),
                 task_uint(task, "burst", TOKEN_DEFAULT));
    tokens_find(task->view, &token.id, &token);
    task->result = s_json(task, &token);
    return ERROR_none;
}

const task_row_t manage_tokens[] = {
    {OP_token_create,
     s_create,
     {{"name", FIELD_TEXT, false, 1, TOKEN_NAME_MOST},
      {"rate", FIELD_UINT, false, 0, RATE_MOST},
      {"burst", FIELD_UINT, false, 1, BURST_MOST}}},
    {OP_token_list, s_list, TASK_PAGE},
    {OP_token_delete, s_delete, {{0}}},
    {OP_token_import,
     s_import,
     {{"tokens", FIELD_LIST, true, 1, IMPORT_MOST}, {"name", FIELD_TEXT, false, 1, 256}}},
    {OP_token_limit,
     s_limit,
     {{"rate", FIELD_UINT, false, 0, RATE_MOST}, {"burst", FIELD_UINT, false, 1, BURST_MOST}}},
    {0},
};
