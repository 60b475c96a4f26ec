#include "authd/manage/secret.h"

#include "authd/directory/table.h"

#include <assert.h>

json_t *secret_json(const sealed_t *secret, unsigned count, uint64_t now_ms)
{
    json_t *all = json_array();
    for (unsigned i = 0; i < count; i++)
        if (sealed_is_live(&secret[i], now_ms))
            json_array_append_new(all, json_pack("{s:o, s:o}", "created",
                                                 task_json_time(secret[i].made_ms), "expires",
                                                 task_json_time(secret[i].expires_ms)));
    return all;
}

void secret_make(task_t *task, sealed_t *secret, unsigned *count, secret_made_t *made)
{
    whsec_t whsec;
    assert(*count < HANDLER_SECRETS);
    whsec_make(&whsec);
    slice_t text = slice(made->text, whsec_text(&whsec, made->text));
    whsec_wipe(&whsec);
    sealing_key_seal(table_master_key(task->view), text, made->sealed);
    secret[(*count)++] =
        (sealed_t){slice(made->sealed, text.len + SEALING_OVERHEAD), task->now_ms, 0};
}

error_code_t secret_rotate(task_t *task, sealed_t *secret, unsigned *count, secret_made_t *made)
{
    sealed_end(secret, *count, task->now_ms + task_uint(task, "overlap", SECRET_OVERLAP_S) * 1000);
    *count = sealed_drop_expired(secret, *count, task->now_ms);
    if (*count == HANDLER_SECRETS)
        return task_full(task, ERROR_conflict, HANDLER_SECRETS,
                         "%d secrets are live, which is the most: wait until one expires, or "
                         "rotate with an overlap of 0.",
                         HANDLER_SECRETS);
    secret_make(task, secret, count, made);
    return ERROR_none;
}
