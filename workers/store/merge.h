/* New journals of a kind made from the old ones, for another count of shards: exports merged into
 * imports. The log's order becomes that of age over all old journals. A key whose message retention
 * has removed goes into every new journal: nothing tells any more which target it belongs to.
 *
 * Threading: one thread; none of the journals may be open in this process or in another. */
#ifndef POSTERN_WORKERS_STORE_MERGE_H
#define POSTERN_WORKERS_STORE_MERGE_H

#include "workers/journal/census.h"

enum { MERGE_MOST = 256 };

typedef struct {
    const char *kind;
    const char *from, *to; /* directories: journals are FROM/KIND-0 …, TO/KIND-0 … */
    unsigned old_shards, new_shards;
    /* The shard of a target: wire_shard. */
    unsigned (*place)(const uuid_t7 *target, unsigned shards);
} merge_t;

/* Makes the new journals, reads them again and compares. TO must be there and hold none. 0, or -1
 * with the reason in err: then TO may hold unfinished ones. census: of what was found. */
int merge_run(const merge_t *self, census_t *census, char *err, size_t err_size);

#endif
