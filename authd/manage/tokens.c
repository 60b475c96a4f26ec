/* Operations on webhook tokens. */
#include "authd/directory/tokens.h"
#include "authd/manage/task.h"
#include "authd/manage/token_args.h"
#include "authd/manage/token_json.h"
#include "common/base/clock.h"
#include "common/base/secret.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { RATE_MOST = 1000000, BURST_MOST = 10000000, IMPORT_MOST = 100 };
enum { OVERLAP_DEFAULT = 86400, OVERLAP_MOST = 7 * 86400 };

/* The user whom tokens are made for, copied: what a view shows ends with its next change. */
typedef struct {
    uuid_t7 id;
    size_t name_len;
    char name[USER_NAME_MOST];
    unsigned most; /* active tokens that it may have */
} owner_t;

static void s_copy_owner(task_t *task, const uuid_t7 *id, owner_t *owner)
{
    user_t user = {.name = slice("", 0)};
    users_get(task->view, id, &user);
    assert(user.name.len <= USER_NAME_MOST);
    owner->id = *id;
    owner->most = token_most(task, &user);
    owner->name_len = user.name.len;
    memcpy(owner->name, user.name.data, user.name.len);
}

static error_code_t s_find_owner(task_t *task, owner_t *owner)
{
    user_t user;
    error_code_t code = task_user(task, task->target, "target", &user);
    if (code == ERROR_none)
        s_copy_owner(task, &user.id, owner);
    return code;
}

static error_code_t s_added(task_t *task, unsigned most, tokens_add_t added)
{
    switch (added) {
    case TOKENS_ADDED:
        return ERROR_none;
    case TOKENS_LIMIT:
        return token_limit(task, most);
    case TOKENS_TAKEN:
        return task_because(task, ERROR_conflict, REASON_taken);
    }
    return ERROR_internal;
}

/* Records TEXT as a token of the user; the rest are the arguments'. */
static error_code_t s_add(task_t *task, const owner_t *owner, slice_t text, slice_t terms,
                          token_t *token)
{
    *token = (token_t){.user = owner->id,
                       .display = slice(owner->name, owner->name_len),
                       .rate = task_uint(task, "rate", TOKEN_DEFAULT),
                       .burst = task_uint(task, "burst", TOKEN_DEFAULT),
                       .name = task_text(task, "name"),
                       .expires_ms = token_expires(task, 0),
                       .terms = terms,
                       .last4 = slice(text.data + text.len - TOKEN_LAST, TOKEN_LAST),
                       .created_ms = task->now_ms};
    uuid_new(&token->id);
    token_hash(text.data, text.len, token->hash);
    return s_added(task, owner->most, tokens_add(task->view, token, owner->most, task->now_ms));
}

/* A new token's answer: the only place where TEXT shows. */
static json_t *s_json_new(task_t *task, const token_t *token, const char *text)
{
    json_t *all = token_json_whole(task, token);
    json_object_set_new(all, "token", json_string(text));
    return all;
}

static error_code_t s_create_as(task_t *task, const owner_t *owner, slice_t terms)
{
    char text[TOKEN_LEN + 1];
    token_t token;
    token_make(text);
    error_code_t code = s_add(task, owner, slice(text, TOKEN_LEN), terms, &token);
    if (code == ERROR_none) {
        task_object(task, &token.id, token.name);
        task->result = s_json_new(task, &token, text);
    }
    secret_wipe(text, sizeof text);
    return code;
}

static error_code_t s_create(task_t *task)
{
    owner_t owner;
    token_terms_t terms = {.encoded = {0}};
    slice_t encoded;
    error_code_t code = s_find_owner(task, &owner);
    if (code == ERROR_none)
        code = token_terms(task, &terms, slice("", 0), &encoded);
    if (code == ERROR_none)
        code = s_create_as(task, &owner, encoded);
    token_terms_free(&terms);
    return code;
}

static error_code_t s_import_one(task_t *task, const owner_t *owner, size_t i, slice_t text,
                                 json_t *rows)
{
    token_t token;
    if (token_shape(text.data, text.len) == TOKEN_MALFORMED)
        return task_item(task, ERROR_invalid_param, "tokens", i,
                         "must be 32 to 128 printable ASCII characters without the "
                         "prefix psm_, and a pst_ token whole. Nothing was imported.");
    error_code_t code = s_add(task, owner, text, slice("", 0), &token);
    if (code == ERROR_conflict)
        return task_because(
            task,
            task_item(task, code, "tokens", i, "this token exists already. Nothing was imported."),
            REASON_taken);
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
    json_array_foreach (task_list(task, "tokens"), i, item) {
        slice_t text = slice(json_string_value(item), json_string_length(item));
        code = s_import_one(task, &owner, i, text, rows);
        if (code != ERROR_none)
            break;
    }
    task->result =
        json_pack("{s:I, s:o}", "imported", (json_int_t)json_array_size(rows), "tokens", rows);
    return code;
}

/* What the deletion of a token in use would break is said first. */
static error_code_t s_confirm(task_t *task, const token_t *token)
{
    token_use_t use;
    char at[CLOCK_TEXT];
    if (task_bool(task, "confirm", false) || token_has_ended(token, task->now_ms) ||
        !tokens_use(task->view, &token->id, &use) || use.last_ms == 0 ||
        task->now_ms >= use.last_ms + TOKEN_USED_LATELY_MS)
        return ERROR_none;
    clock_text((int64_t)use.last_ms, at);
    token_use_details(task, &use);
    return task_fail(task, ERROR_confirm_needed,
                     "The token was last used at %s from %.*s on %.*s, %" PRIu64
                     " times in 24 hours: its sender would get 401. Repeat with confirm.",
                     at, SLICE_ARG(use.address), SLICE_ARG(use.target),
                     calls_of_24_hours(&use.calls, task->now_ms));
}

static error_code_t s_delete(task_t *task)
{
    token_t token;
    error_code_t code = token_of_target(task, &token);
    if (code == ERROR_none)
        code = s_confirm(task, &token);
    if (code != ERROR_none)
        return code;
    task->result = token_json_whole(task, &token);
    task_object(task, &token.id, token.name);
    tokens_delete(task->view, &token.id);
    return ERROR_none;
}

/* A token's life begins anew with its successor, as long as it was made for. */
static uint64_t s_same_life(const task_t *task, const token_t *old)
{
    uint64_t life_ms = old->expires_ms ? old->expires_ms - old->created_ms : 0;
    return token_expires(task, life_ms ? task->now_ms + life_ms : 0);
}

/* Makes TOKEN, which has its terms, in place of OLD. */
static error_code_t s_replace_by(task_t *task, const token_t *old, token_t *token, unsigned most)
{
    char text[TOKEN_LEN + 1];
    uuid_t7 old_id = old->id;
    token_t ending;
    uint64_t overlap_ms = task_uint(task, "overlap", OVERLAP_DEFAULT) * 1000;
    token_make(text);
    token->last4 = slice(text + TOKEN_LEN - TOKEN_LAST, TOKEN_LAST);
    token_hash(text, TOKEN_LEN, token->hash);
    error_code_t code = s_added(
        task, most,
        tokens_replace(task->view, old, token, most, task->now_ms + overlap_ms, task->now_ms));
    if (code == ERROR_none) {
        task_object(task, &old_id, token->name);
        task->result = s_json_new(task, token, text);
        tokens_find(task->view, &old_id, &ending);
        json_object_set_new(task->result, "replaces", token_json_whole(task, &ending));
    }
    secret_wipe(text, sizeof text);
    return code;
}

static error_code_t s_successor(task_t *task, const token_t *old, slice_t terms)
{
    owner_t owner;
    char name[TOKEN_NAME_MOST];
    slice_t called = json_object_get(task->args, "name") ? task_text(task, "name") : old->name;
    assert(called.len <= sizeof name);
    memcpy(name, called.data, called.len);
    s_copy_owner(task, &old->user, &owner);
    token_t token = {.user = owner.id,
                     .display = slice(owner.name, owner.name_len),
                     .rate = task_uint(task, "rate", old->rate),
                     .burst = task_uint(task, "burst", old->burst),
                     .name = slice(name, called.len),
                     .expires_ms = s_same_life(task, old),
                     .terms = terms,
                     .created_ms = task->now_ms};
    uuid_new(&token.id);
    return s_replace_by(task, old, &token, owner.most);
}

static error_code_t s_replace(task_t *task)
{
    token_t old;
    token_terms_t terms = {.encoded = {0}};
    slice_t encoded;
    char successor[UUID_TEXT];
    error_code_t code = token_of_target(task, &old);
    if (code != ERROR_none)
        return code;
    terms_t before = terms_read(old.terms);
    if (before.replaced_ms) {
        uuid_text(&before.successor, successor);
        task_detail(task, "successor", json_string(successor));
        return task_because(
            task,
            task_fail(task, ERROR_conflict, "The token is replaced already, by %s.", successor),
            REASON_replaced);
    }
    code = token_terms(task, &terms, old.terms, &encoded);
    if (code == ERROR_none)
        code = s_successor(task, &old, encoded);
    token_terms_free(&terms);
    return code;
}

static error_code_t s_limit(task_t *task)
{
    token_t token;
    error_code_t code = token_of_target(task, &token);
    if (code != ERROR_none)
        return code;
    task_object(task, &token.id, token.name);
    task->before = token_json_whole(task, &token);
    token.rate = task_uint(task, "rate", TOKEN_DEFAULT);
    token.burst = task_uint(task, "burst", TOKEN_DEFAULT);
    tokens_edit(task->view, &token);
    tokens_find(task->view, &token.id, &token);
    task->result = token_json_whole(task, &token);
    return ERROR_none;
}

/* Writes the changed record, unless it would make one active token too many: one that had ended and
 * shall live on. */
static error_code_t s_edited(task_t *task, const token_t *token)
{
    token_t found;
    owner_t owner;
    uuid_t7 id = token->id;
    s_copy_owner(task, &token->user, &owner);
    tokens_edit(task->view, token);
    if (tokens_active(task->view, &owner.id, task->now_ms) > owner.most)
        return token_limit(task, owner.most);
    tokens_find(task->view, &id, &found);
    task_object(task, &id, found.name);
    task->result = token_json_whole(task, &found);
    return ERROR_none;
}

static error_code_t s_edit(task_t *task)
{
    token_t token;
    token_terms_t terms = {.encoded = {0}};
    error_code_t code = token_of_target(task, &token);
    if (code != ERROR_none)
        return code;
    bool replaced = terms_read(token.terms).replaced_ms != 0;
    if (replaced && json_object_get(task->args, "expires_in"))
        return task_because(task,
                            task_field(task, ERROR_conflict, "expires_in",
                                       "the token is replaced, and ends with its overlap."),
                            REASON_replaced);
    task->before = token_json_whole(task, &token);
    code = token_terms(task, &terms, token.terms, &token.terms);
    if (code == ERROR_none) {
        if (json_object_get(task->args, "name"))
            token.name = task_text(task, "name");
        token.rate = task_uint(task, "rate", token.rate);
        token.burst = task_uint(task, "burst", token.burst);
        token.expires_ms = token_expires(task, token.expires_ms);
        code = s_edited(task, &token);
    }
    token_terms_free(&terms);
    return code;
}

const task_row_t manage_tokens[] = {
    {OP_token_create,
     s_create,
     {{"name", FIELD_TEXT, false, 1, TOKEN_NAME_MOST},
      {"rate", FIELD_UINT, false, 0, RATE_MOST},
      {"burst", FIELD_UINT, false, 1, BURST_MOST},
      TOKEN_ARGS}},
    {OP_token_delete, s_delete, {{"confirm", FIELD_BOOL, false, 0, 0}}},
    {OP_token_import,
     s_import,
     {{"tokens", FIELD_LIST, true, 1, IMPORT_MOST}, {"name", FIELD_TEXT, false, 1, 256}}},
    {OP_token_limit,
     s_limit,
     {{"rate", FIELD_UINT, false, 0, RATE_MOST}, {"burst", FIELD_UINT, false, 1, BURST_MOST}}},
    {OP_token_edit,
     s_edit,
     {{"name", FIELD_TEXT, false, 1, TOKEN_NAME_MOST},
      {"rate", FIELD_UINT, false, 0, RATE_MOST},
      {"burst", FIELD_UINT, false, 1, BURST_MOST},
      {"any", FIELD_BOOL, false, 0, 0},
      TOKEN_ARGS}},
    {OP_token_replace,
     s_replace,
     {{"overlap", FIELD_UINT, false, 0, OVERLAP_MOST},
      {"name", FIELD_TEXT, false, 1, TOKEN_NAME_MOST},
      {"rate", FIELD_UINT, false, 0, RATE_MOST},
      {"burst", FIELD_UINT, false, 1, BURST_MOST},
      {"any", FIELD_BOOL, false, 0, 0},
      TOKEN_ARGS}},
    {0},
};
