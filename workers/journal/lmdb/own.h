/* What makes a journal this process's: the shard's lock, the count of shards that the journals of
 * the kind are made for, and which journal this host knows. For journal_open alone.
 *
 * Threading: the main thread. 0, or -1 with the reason in err. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_OWN_H
#define POSTERN_WORKERS_JOURNAL_LMDB_OWN_H

#include "workers/journal/journal.h"

#include <stddef.h>

enum { OWN_PATH = 4200, OWN_NAME = 32 };

/* Takes the shard of options.place for the life of the process, waiting for who has it, and says
 * where its journal is; -1 where that is not to be opened. */
int own_take(const journal_options_t *options, char path[OWN_PATH], char *err, size_t err_size);
/* It is open: notes which it is, or says that this host knows another one. */
int own_note(const journal_options_t *options, const char *path, const uuid_t7 *uuid, char *err,
             size_t err_size);

#endif
