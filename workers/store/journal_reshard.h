/* New journals of a kind made from the old ones, for another count of shards; and what a journal
 * holds, without opening it for writing.
 *
 * What stays: each target's sequences and the range of them, also where retention has emptied it;
 * times, ids and the public numbers of messages; the ids and dedupe keys that were seen, with the
 * time they have left; deliveries, with their state, attempts and due times, and what is kept of
 * handlers. What changes: the log's own order, which becomes that of age over all old
 * journals, and the journals' UUIDs. A key whose message retention has removed goes into every new
 * journal: nothing tells any more which target it belongs to.
 *
 * Threading: one thread; none of the journals may be open in this process or in another. */
#ifndef POSTERN_WORKERS_STORE_JOURNAL_RESHARD_H
#define POSTERN_WORKERS_STORE_JOURNAL_RESHARD_H

#include "workers/journal/journal.h"

#include <stddef.h>

enum { RESHARD_MOST = 256 };

/* Sums of hashes, so that they do not depend on the order: what all old journals hold together is
 * what all new ones must hold together. */
typedef struct {
    uint64_t records, ids, keys, targets, deliveries, attempts, handlers;
    uint64_t record_sum[2], id_sum[2], key_sum[2], target_sum[2];
    uint64_t delivery_sum[2], attempt_sum[2], handler_sum[2];
} journal_census_t;

typedef struct {
    char kind[17];
    unsigned shard, shards;
    uuid_t7 uuid;
    uint64_t records, keys;
} journal_facts_t;

/* Whether a journal of SCHEMA has to be migrated, as its worker does when it opens it, before it is
 * read here and below. */
bool journal_is_older(unsigned schema);

/* What the journal at PATH says of itself. 0, or -1 with the reason in err. */
int journal_facts(const char *path, journal_facts_t *facts, char *err, size_t err_size);

/* The generation of the frames in a journal's write-ahead file (0: there is none), and the last one
 * that its tables have. Where written is higher, the tables lack messages. */
typedef struct {
    uint64_t written, saved;
} journal_generations_t;
/* Those of the journal at PATH. May be asked beside a running worker, whose tables have what is
 * written now within JOURNAL_LATEST_MS; a busy one has written more by then. 0, or -1 with the
 * reason in err. */
int journal_generations(const char *path, journal_generations_t *found, char *err, size_t err_size);
/* Whether the write-ahead file of the journal at PATH is damaged (wal.h). The caller holds the
 * shard's lock. 0, or -1 with what and where in err. */
int journal_survey(const char *path, char *err, size_t err_size);
/* Takes such messages over into the tables, as the next start of the worker would. SALVAGE: what
 * can be read of a damaged file, which has nothing more to say then. *count, unless count is NULL:
 * how many. The caller holds the shard's lock. 0, or -1 with the reason in err. */
int journal_recover(const char *path, bool salvage, uint64_t *count, char *err, size_t err_size);
/* The tables at PATH get a new write-ahead file with the next start: for a copy without one. Those
 * of an older schema do so anyway. 0, or -1 with the reason in err. */
int journal_detach(const char *path, char *err, size_t err_size);

/* Adds what the journal at PATH holds to CENSUS, checking on the way that each record is where its
 * target's index and chain look for it. 0, or -1 with the reason in err. */
int journal_census(const char *path, journal_census_t *census, char *err, size_t err_size);

typedef struct {
    const char *kind;
    const char *from, *to; /* directories: journals are FROM/KIND-0 …, TO/KIND-0 … */
    unsigned old_shards, new_shards;
    /* The shard of a target: wire_shard. */
    unsigned (*place)(const uuid_t7 *target, unsigned shards);
} journal_reshard_t;

/* Makes the new journals, reads them again and compares. TO must be there and hold none. 0, or -1
 * with the reason in err: then TO may hold unfinished ones. census: of what was found. */
int journal_reshard(const journal_reshard_t *options, journal_census_t *census, char *err,
                    size_t err_size);

#endif
