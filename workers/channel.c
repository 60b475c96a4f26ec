#include "workers/channel.h"

static const worker_op_t s_ops[] = {
    {OP_channel_message, post_message},   {OP_channel_id_message, post_message},
    {OP_chat_message, post_message},      {OP_buddy_message, post_message},
    {OP_channel_history, worker_history}, {OP_channel_id_history, worker_history},
    {OP_chat_history, worker_history},    {OP_buddy_history, worker_history},
};

const worker_role_t channel_role = {
    .kind = OWNER_CHANNEL,
    .process = "postern-channel",
    .section = "channel",
    .monitor = SET_channel_monitor,
    .shards = SET_shards_channel,
    .ops = s_ops,
    .ops_len = sizeof s_ops / sizeof *s_ops,
};
