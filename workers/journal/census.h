/* What journals hold together, as counts and sums of hashes, which do not depend on the order: what
 * all old journals of a reshard hold is what all new ones must hold, and what a journal holds is
 * what it must hold on another engine.
 *
 * Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_CENSUS_H
#define POSTERN_WORKERS_JOURNAL_CENSUS_H

#include "workers/journal/export.h"

typedef struct {
    uint64_t counts[EXPORT_KINDS], ids, deliveries, attempts;
    uint64_t sums[EXPORT_KINDS][2];
} census_t;

void census_add(census_t *self, const journal_exported_t *entry);
bool census_is_equal(const census_t *self, const census_t *other);
/* Adds what the journal at PATH holds. 0, or -1 with the reason in err. */
int census_take(census_t *self, const char *path, char *err, size_t err_size);

#endif
