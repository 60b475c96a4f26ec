#include "workers/bot.h"

#include "workers/delivery/engine.h"
#include "workers/delivery/log.h"

static const worker_op_t s_ops[] = {
    {OP_bot_incoming, post_event},
    {OP_bot_message, post_message},
    {OP_bot_history, worker_history},
    {OP_bot_handler_push, worker_handler_push},
    {OP_bot_deliveries, delivery_log_list},
    {OP_bot_delivery_retry, delivery_log_retry},
    {OP_bot_delivery_replay, delivery_log_replay},
};

const worker_role_t bot_role = {
    .kind = OWNER_BOT,
    .process = "postern-bot",
    .section = "bot",
    .monitor = SET_bot_monitor,
    .shards = SET_shards_bot,
    .ops = s_ops,
    .ops_len = sizeof s_ops / sizeof *s_ops,
    .engine = &delivery_engine,
};
