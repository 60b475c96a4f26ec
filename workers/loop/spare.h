/* A worker that waits for its shard, which another process serves, or for the server that the
 * journal lies on: its monitor is there, and a spare is ready.
 *
 * Threading: main thread. */
#ifndef POSTERN_WORKERS_LOOP_SPARE_H
#define POSTERN_WORKERS_LOOP_SPARE_H

#include "common/conf/conf.h"

#include <stdbool.h>

/* This process, whose shards are of KIND. Both must outlive it. */
void spare_begin(const conf_start_t *start, const char *kind);
/* Starts its monitor; once, also when it is called again. */
void spare_watch(void);
/* The worker has SHARD, under whose number its monitor is from now on. */
void spare_serves(unsigned shard);
/* Called a few times a second while the journal is opened and waits (journal_options_t.waits): for
 * a process of another host, which has the shard (SPARE), or for the server. TEXT says for whom,
 * and why. */
void spare_waits(bool spare, const char *text);

#endif
