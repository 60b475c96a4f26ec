/* The commands of postern-store. Each returns the exit status: KEEPER_DONE, or KEEPER_REFUSED after
 * it has said why. Threading: one thread. */
#ifndef POSTERN_VERBS_H
#define POSTERN_VERBS_H

#include "workers/store/keeper.h"

/* Copies the directory and the journals of this host into the new directory TO. */
int backup_run(const keeper_t *self, const char *to);
/* Puts the backup FROM into the data directory. */
int restore_run(const keeper_t *self, const char *from);
/* Makes new journals of KIND for COUNT shards. */
int reshard_run(const keeper_t *self, const char *kind, unsigned count);
/* Forgets which store of that name this host has (common/store/known.h): another one, or none, is
 * the right one from here on. */
int forget_run(const keeper_t *self, const char *store);
/* Reads all stores of this host, running or not, and says which are damaged. */
int check_run(const keeper_t *self);
/* Goes on with what can be read of the damaged write-ahead file of the journal NAME. */
int salvage_run(const keeper_t *self, const char *name);
/* Carries the journals of KIND to ENGINE, "lmdb" or "postgres"; FD: to postern-database
 * (beside.h). */
int migrate_run(const keeper_t *self, int fd, const char *kind, const char *engine);

#endif
