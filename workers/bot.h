/* What a bot worker does: the operations of its kind. See worker.h. */
#ifndef POSTERN_BOT_H
#define POSTERN_BOT_H

#include "workers/loop/worker.h"

extern const worker_role_t bot_role;

#endif
