/* A segment is dropped whole, so that a target has no retention of its own. */
#include "workers/journal/retention.h"

retention_told_t journal_retain(journal_t *self, const uuid_t7 *target,
                                const retention_t *retention)
{
    (void)self, (void)target, (void)retention;
    return RETENTION_UNABLE;
}
