#include "workers/bot.h"

#include "workers/delivery/engine.h"

const worker_role_t bot_role = {
    .kind = OWNER_BOT,
    .process = "postern-bot",
    .section = "bot",
    .monitor = SET_bot_monitor,
    .shards = SET_shards_bot,
    .engine = &delivery_engine,
};
