#include "workers/loop/unowned.h"

#include "common/life/life.h"
#include "common/log/log.h"

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
    const journal_unowned_t unowned = {.has = s_is_unowned,
                                       .age_ms = conf_uint(conf, SET_worker_direct_days) * 86400000,
                                       .messages = conf_uint(conf, SET_worker_direct_messages),
                                       .bytes = conf_uint(conf, SET_worker_direct_bytes)};
    bool any = unowned.age_ms || unowned.messages || unowned.bytes;
    if (kind != OWNER_CHANNEL)
        return (journal_unowned_t){0};
    if (any && strcmp(journal_engine(), "lmdb") != 0)
        log_fatal(EXIT_CONFIG, "journal.open", "err=%s",
                  LOG_Q("worker.direct_days, direct_messages and direct_bytes are of journals in "
                        "LMDB alone. Take them away"));
    return unowned;
}
