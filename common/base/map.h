/* uthash as Postern uses it: without memory the process aborts. A row of a map carries a
 * UT_hash_handle hh; the map is a pointer to its first row, NULL when empty, and rows stand in the
 * order in which they were added (hh.next).
 *
 *     HASH_ADD (hh, map, key, sizeof row->key, row);
 *     HASH_FIND (hh, map, &key, sizeof key, row);
 *     HASH_DEL (map, row);
 *
 * What each message of a batch is looked up in has a table of its own instead, whose rows lie side
 * by side and need no allocation each (common/link/queue.c, gateway/ring/inflight.c,
 * common/base/limiter.c, authd/judge/usage.c, workers/journal/lmdb). The source is uthash's user
 * guide (https://troydhanson.github.io/uthash/userguide.html). */
#ifndef POSTERN_MAP_H
#define POSTERN_MAP_H

#include <stdlib.h>

#define uthash_fatal(msg) abort()
#include <uthash.h>

#endif
