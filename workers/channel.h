/* What a channel worker is. See worker.h. */
#ifndef POSTERN_CHANNEL_H
#define POSTERN_CHANNEL_H

#include "workers/loop/worker.h"

extern const worker_role_t channel_role;

#endif
