/* What the targets keep that nobody owns: the chat of two users, and messages to oneself.
 * Threading: the main thread, at its start. */
#ifndef POSTERN_WORKERS_LOOP_UNOWNED_H
#define POSTERN_WORKERS_LOOP_UNOWNED_H

#include "common/base/ops.h"
#include "common/conf/conf.h"
#include "workers/journal/journal.h"

/* As the settings worker.direct_… have it, for the journal of a worker of KIND. */
journal_unowned_t unowned_options(const conf_t *conf, op_owner_t kind);

#endif
