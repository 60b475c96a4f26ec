#include "workers/loop/unowned.h"

#include <string.h>

/* Whether it posts, edits or deletes there. */
static bool s_is_unowned(unsigned op)
{
    static const char *const targets[] = {
#define OP(number, ...)
#define SEND(number, name, methods, path, credentials, owner, target, rule, deed, verb)            \
    [number] = #target,
#include "common/ops.def"
    };
    const char *target = op < sizeof targets / sizeof *targets ? targets[op] : NULL;
    return target && (strcmp(target, "direct") == 0 || strcmp(target, "buddy") == 0);
}

journal_unowned_t unowned_options(const conf_t *conf, op_owner_t kind)
{
    if (kind != OWNER_CHANNEL)
        return (journal_unowned_t){0};
    return (journal_unowned_t){.has = s_is_unowned,
                               .age_ms = conf_uint(conf, SET_worker_direct_days) * 86400000,
                               .messages = conf_uint(conf, SET_worker_direct_messages),
                               .bytes = conf_uint(conf, SET_worker_direct_bytes)};
}
