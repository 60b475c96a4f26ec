/* The operation that names tokens by their hashes: what was found in some text. */
#include "authd/directory/tokens.h"
#include "authd/manage/task.h"
#include "authd/manage/token_json.h"

#include <sodium.h>

enum { HASHES_MOST = 500, HASH_TEXT = 2 * TOKEN_HASH };

static bool s_hash(const json_t *item, uint8_t hash[TOKEN_HASH])
{
    size_t len = 0;
    return json_string_length(item) == HASH_TEXT &&
           sodium_hex2bin(hash, TOKEN_HASH, json_string_value(item), HASH_TEXT, NULL, &len, NULL) ==
               0 &&
           len == TOKEN_HASH;
}

static json_t *s_json(task_t *task, const token_t *token, const char *hash)
{
    token_use_t use = {0};
    user_t user;
    tokens_use(task->view, &token->id, &use);
    json_t *all = token_json(task->view, token, task->rate, task->burst, task->now_ms);
    token_json_use(all, &use, task->now_ms);
    token_json_shorten(all);
    json_object_set_new(all, "hash", json_string(hash));
    if (users_get(task->view, &token->user, &user))
        json_object_set_new(all, "user", task_json_user(&user));
    return all;
}

static error_code_t s_check(task_t *task)
{
    size_t i;
    json_t *item, *rows = json_array();
    task->result = json_pack("{s:o}", "tokens", rows);
    json_array_foreach (task_list(task, "hashes"), i, item) {
        uint8_t hash[TOKEN_HASH];
        token_t token;
        if (!s_hash(item, hash))
            return task_item(task, ERROR_invalid_param, "hashes", i,
                             "must be the BLAKE2b-256 of a token, 64 hex digits.");
        if (tokens_get(task->view, hash, &token))
            json_array_append_new(rows, s_json(task, &token, json_string_value(item)));
    }
    return ERROR_none;
}

const task_row_t manage_check[] = {
    {OP_token_check, s_check, {{"hashes", FIELD_LIST, true, 1, HASHES_MOST}}},
    {0},
};
