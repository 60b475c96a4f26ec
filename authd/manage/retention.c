#include "authd/manage/retention.h"

#include "authd/directory/retentions.h"

#include <inttypes.h>
#include <string.h>

enum { DAYS_MOST = 36500 };
#define MESSAGES_MOST UINT64_C(1000000000000)
#define BYTES_MOST UINT64_C(17592186044416)

static json_t *s_limit(uint64_t limit)
{
    return limit ? json_integer((json_int_t)limit) : json_null();
}

void retention_add(const task_t *task, const uuid_t7 *target, json_t *all)
{
    kept_retention_t kept;
    bool any =
        retentions_get(task->view, target, &kept) && (kept.days || kept.messages || kept.bytes);
    json_object_set_new(all, "retention",
                        any ? json_pack("{s:o, s:o, s:o}", "days", s_limit(kept.days), "messages",
                                        s_limit(kept.messages), "bytes", s_limit(kept.bytes))
                            : json_null());
}

/* Those that the argument may have, with what the installation keeps in any case. */
typedef struct {
    const char *name, *field; /* FIELD: as an error has it */
    uint64_t most;
    const char *setting; /* that says so; NULL: none */
    uint64_t *value;
} limit_t;

static error_code_t s_take(task_t *task, const limit_t *limit, const json_t *value)
{
    *limit->value = 0;
    if (json_is_null(value))
        return ERROR_none;
    json_int_t given = json_integer_value(value);
    if (json_is_integer(value) && given >= 1 && (uint64_t)given <= limit->most) {
        *limit->value = (uint64_t)given;
        return ERROR_none;
    }
    task_detail(task, "min", json_integer(1));
    task_detail(task, "max", json_integer((json_int_t)limit->most));
    return task_because(task,
                        task_field(task, ERROR_invalid_param, limit->field,
                                   "must be a number from 1 to %" PRIu64 "%s%s%s, or null.",
                                   limit->most, limit->setting ? ", what the setting " : "",
                                   limit->setting ? limit->setting : "",
                                   limit->setting ? " keeps" : ""),
                        REASON_shape);
}

static error_code_t s_read(task_t *task, const json_t *given, kept_retention_t *kept)
{
    const manage_limits_t *limits = task->limits;
    const limit_t all[] = {
        {"days", "retention.days", limits->retention_days ? limits->retention_days : DAYS_MOST,
         limits->retention_days ? "worker.retention_days" : NULL, &kept->days},
        {"messages", "retention.messages", MESSAGES_MOST, NULL, &kept->messages},
        {"bytes", "retention.bytes", limits->retention_bytes ? limits->retention_bytes : BYTES_MOST,
         limits->retention_bytes ? "worker.retention_bytes" : NULL, &kept->bytes},
    };
    const char *key;
    json_t *value;
    kept->days = kept->messages = kept->bytes = 0;
    json_object_foreach ((json_t *)given, key, value) {
        size_t i = 0;
        while (i < sizeof all / sizeof *all && strcmp(all[i].name, key) != 0)
            i++;
        error_code_t code =
            i == sizeof all / sizeof *all
                ? task_because(task,
                               task_field(task, ERROR_invalid_param, "retention",
                                          "has days, messages and bytes, each a number or null."),
                               REASON_not_a_field)
                : s_take(task, &all[i], value);
        if (code != ERROR_none)
            return code;
    }
    return ERROR_none;
}

static void s_tell(task_t *task, const uuid_t7 *target)
{
    for (unsigned i = 0; i < task->handled_len; i++)
        if (uuid_eq(&task->handled[i], target))
            return;
    task->handled[task->handled_len++] = *target;
}

error_code_t retention_edit(task_t *task, op_owner_t kind, const uuid_t7 *targets, size_t count)
{
    const json_t *given = json_object_get(task->args, "retention");
    if (!given)
        return ERROR_none;
    for (size_t i = 0; i < count; i++) {
        kept_retention_t kept;
        retentions_get(task->view, &targets[i], &kept);
        const kept_retention_t was = kept;
        error_code_t code = s_read(task, given, &kept);
        if (code != ERROR_none)
            return code;
        kept.kind = kind;
        if (kept.days == was.days && kept.messages == was.messages && kept.bytes == was.bytes)
            continue;
        retentions_put(task->view, &kept, task->now_ms);
        s_tell(task, &targets[i]);
    }
    return ERROR_none;
}
