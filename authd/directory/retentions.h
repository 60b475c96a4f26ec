/* What targets keep by themselves (docs/API.md, "Retention of a target"), and what their workers
 * are told of it. A target is a channel, a bot, or one of an extension's two apps. One that was
 * taken away stays as a row without limits, so that its version never falls back.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_DIRECTORY_RETENTIONS_H
#define POSTERN_DIRECTORY_RETENTIONS_H

#include "authd/directory/directory.h"
#include "common/base/ops.h"
#include "common/base/uuid.h"

typedef struct {
    uuid_t7 target;
    op_owner_t kind;
    uint64_t version;               /* 0: there never was one */
    uint64_t days, messages, bytes; /* 0: no limit */
} kept_retention_t;

/* False, and without limits, where there is none. */
bool retentions_get(view_t *view, const uuid_t7 *target, kept_retention_t *kept);
/* The next by target past AFTER (NULL: the first); those that were taken away, too. */
bool retentions_next(view_t *view, const uuid_t7 *after, kept_retention_t *kept);
/* Gives it a higher version than any that a worker was told, and writes it. */
void retentions_put(view_t *view, kept_retention_t *kept, uint64_t now_ms);

#endif
