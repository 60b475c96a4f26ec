/* Journals as tools have them, by their paths, without a worker. Where it is not said otherwise the
 * caller holds the shard's lock, and the journal is open nowhere.
 *
 * Threading: one thread. 0, or -1 with the reason in err. */
#ifndef POSTERN_WORKERS_JOURNAL_TOOLS_H
#define POSTERN_WORKERS_JOURNAL_TOOLS_H

#include "common/store/store_copy.h"
#include "workers/journal/export.h"

/* Whether a journal of SCHEMA has to be migrated, as its worker does when it opens it, before it is
 * read here. */
bool journal_is_older(unsigned schema);

/* What the journal at PATH says of itself, also beside its worker. */
int journal_facts(const char *path, journal_facts_t *facts, char *err, size_t err_size);

/* Whether what only the write-ahead file has is damaged: what and where in err. LOCK: the shard's
 * (a descriptor), which is taken meanwhile: nothing is looked at beside a worker, whose file is
 * never at rest. -1: the caller has it, or there is no worker. */
int journal_survey(const char *path, int lock, char *err, size_t err_size);
/* Takes what only the write-ahead file has into the tables, as the next start of the worker would;
 * changes nothing where there is none. Fails where it is damaged. */
int journal_settle(const char *path, char *err, size_t err_size);
/* The same of what can be read of one that is damaged or missing, which has nothing more to say
 * then. *count: how many messages. */
int journal_salvage(const char *path, uint64_t *count, char *err, size_t err_size);

/* Copies the journal FROM to TO, a new or empty directory, also beside its worker: with all that
 * was answered when the call began. LOCK: as in journal_survey. *sum: of what the copy must hold.
 * The copy has no write-ahead file, and is to be detached before a worker opens it. */
int journal_copy(const char *from, int lock, const char *to, store_sum_t *sum, char *err,
                 size_t err_size);
/* The tables at PATH, which have SCHEMA, an older one perhaps, and keep it, get a new write-ahead
 * file with the next start. */
int journal_detach(const char *path, unsigned schema, char *err, size_t err_size);

#endif
