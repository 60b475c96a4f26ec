#include "workers/extension.h"

#include "workers/delivery/engine.h"
#include "workers/delivery/log.h"

static const worker_op_t s_ops[] = {
    {OP_extension_incoming, post_event},
    {OP_extension_history, worker_history},
    {OP_extension_handler_push, worker_handler_push},
    {OP_extension_deliveries, delivery_log_list},
    {OP_extension_delivery_retry, delivery_log_retry},
    {OP_extension_delivery_replay, delivery_log_replay},
};

const worker_role_t extension_role = {
    .kind = OWNER_EXTENSION,
    .process = "postern-extension",
    .section = "extension",
    .monitor = SET_extension_monitor,
    .shards = SET_shards_extension,
    .ops = s_ops,
    .ops_len = sizeof s_ops / sizeof *s_ops,
    .engine = &delivery_engine,
};
