#include "workers/channel.h"

const worker_role_t channel_role = {
    .kind = OWNER_CHANNEL,
    .process = "postern-channel",
    .section = "channel",
    .monitor = SET_channel_monitor,
    .shards = SET_shards_channel,
};
