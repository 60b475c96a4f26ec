#include "workers/extension.h"

#include "workers/delivery/engine.h"

const worker_role_t extension_role = {
    .kind = OWNER_EXTENSION,
    .process = "postern-extension",
    .section = "extension",
    .monitor = SET_extension_monitor,
    .shards = SET_shards_extension,
    .engine = &delivery_engine,
};
