#include "authd/manage/change.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What tells a secret: tokens that are imported, what holds an appkey, a handler's keys; and what
 * is no change. */
static const char *const s_secrets[] = {
    "token",      "tokens",  "apps",     "urls",         "confirm",     "rsa_key",
    "secret",     "secrets", "password", "old_password", "code",        "session",
    "invitation", "link",    "codes",    "if_match",     "verify_token"};

static bool s_is_secret(const char *key)
{
    for (unsigned i = 0; i < sizeof s_secrets / sizeof *s_secrets; i++)
        if (strcmp(key, s_secrets[i]) == 0)
            return true;
    return false;
}

static json_t *s_given(const task_t *task)
{
    json_t *given = json_object(), *value;
    const char *key;
    json_object_foreach (task->args, key, value) {
        if (!s_is_secret(key))
            json_object_set(given, key, value);
    }
    return given;
}

/* The members of A that B has, too, and otherwise. */
static json_t *s_difference(json_t *a, const json_t *b)
{
    json_t *all = json_object(), *value;
    const char *key;
    json_object_foreach (a, key, value) {
        const json_t *other = json_object_get(b, key);
        if (!s_is_secret(key) && other && !json_equal(value, other))
            json_object_set(all, key, value);
    }
    return all;
}

char *change_text(const task_t *task)
{
    json_t *all = json_pack("{s:o}", "given", s_given(task));
    if (task->before) {
        json_object_set_new(all, "was", s_difference(task->before, task->result));
        json_object_set_new(all, "is", s_difference(task->result, task->before));
    }
    char *text = json_dumps(all, JSON_COMPACT);
    assert(text);
    json_decref(all);
    if (strlen(text) > CHANGE_MOST) {
        free(text);
        text = strdup("{\"too_long\":true}");
        assert(text);
    }
    return text;
}
