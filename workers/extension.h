/* What a extension worker does: the operations of its kind. See worker.h. */
#ifndef POSTERN_EXTENSION_H
#define POSTERN_EXTENSION_H

#include "workers/loop/worker.h"

extern const worker_role_t extension_role;

#endif
