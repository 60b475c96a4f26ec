/* Programs of which there is one for each engine of a store, so that one that keeps all on its own
 * host has nothing of a database in its memory, and its package needs none. The one that is started
 * reads the configuration, and becomes the other where that says so. And what an engine finds on
 * this host of the other one.
 *
 * Threading: the main thread, before there are others. */
#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

#include "common/conf/conf.h"

#include <stddef.h>

/* Returns where ENGINE, the value of SETTING, is LINKED, this program's; else becomes the other,
 * with the same arguments: it lies beside this one, as NAME or NAME-postgres. Exits with the reason
 * where it cannot. */
void engine_choose(const char *setting, const char *engine, const char *linked, const char *name,
                   char **argv);

/* Whether a journal of KIND's SHARD by LMDB lies in the directory PLACE, though its engine is
 * postgres, so that what the database has is not the whole history: -1 then, with what to do in
 * err. Any thread. */
int engine_check_former(const char *place, const char *kind, unsigned shard, char *err,
                        size_t err_size);
/* The same of all shards whose engine is postgres, as CONF has them. */
int engine_check_all(const conf_t *conf, char *err, size_t err_size);

#endif
