/* The journal of one shard: the records that were stored, in order, and the ids and keys that were
 * seen, so that nothing is stored twice. The engine is behind this header; lmdb.c and its
 * neighbours are the embedded one.
 *
 * Clock: the journal has a running clock of its own, the monotonic milliseconds during which it was
 * open, stored with each commit and continued by the next process. Only this clock decides what has
 * expired; callers pass clock_ms (). A wall clock that jumps costs nothing but a wrong date.
 *
 * Seen: a message id is remembered for 2 minutes, a dedupe key for 24 hours, with what was
 * answered. The same id is a resend and gets the same answer; another id with the same key is a
 * replay, or refused when the hash of body and parameters differs. Only committed outcomes are
 * remembered.
 *
 * A record is durable when it stands in the write-ahead file (wal.h); the engine's own commit, a
 * checkpoint, follows: JOURNAL_CHECKPOINT_MS later where somebody waits for it (deliveries are read
 * as they are committed) or the write-ahead file is half full, else at most JOURNAL_LATEST_MS
 * later, because each checkpoint writes whole pages. When the process dies before the checkpoint,
 * the next journal_open applies the frames of the write-ahead file.
 *
 * Threading: journal_append, the calls of checkpoints, journal_tend, journal_inspect and, last,
 * journal_finish by one thread (the writer); the rest by one thread (the main one); both at once.
 * Another thread can become the writer between journal_checkpoint_begin and journal_checkpoint_end.
 * Records for pages are read by a thread of the journal (journal_ask), beside both. */
#ifndef POSTERN_WORKERS_JOURNAL_JOURNAL_H
#define POSTERN_WORKERS_JOURNAL_JOURNAL_H

#include "workers/journal/record.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct journal journal_t;

enum {
    JOURNAL_ID_MS = 2 * 60 * 1000,
    JOURNAL_KEY_MS = 24 * 60 * 60 * 1000,
    JOURNAL_CHECKPOINT_MS = 100,
    JOURNAL_LATEST_MS = 1000,
    JOURNAL_HASH = 16,         /* bytes of the hash of body and parameters */
    JOURNAL_RECORD_COST = 128, /* bytes that a record takes beyond its own, for retention by size */
};

typedef struct {
    const char *path; /* directory */
    const char *kind; /* "channel", "bot", "extension" */
    unsigned shard, shards;
    uint64_t map_bytes;    /* largest size of the file */
    uint64_t keys;         /* most dedupe keys */
    uint64_t retention_ms; /* age at which records are removed, by the running clock */
    uint64_t
        retention_bytes; /* bytes of records past which the oldest are removed; 0: by age only */
    uint64_t delivery_retention_ms; /* age at which a delivery that has ended is forgotten */
    bool salvage; /* take the entries that can be read of a damaged write-ahead file, and go on
                     without the others */
} journal_options_t;

/* Opens or makes the journal. A journal of another kind, shard or shard count is refused, and so is
 * one whose write-ahead file is damaged (wal.h) unless options.salvage. NULL with the reason and
 * what to do in err. now_ms: clock_ms (), here and below. */
journal_t *journal_open(const journal_options_t *options, int64_t now_ms, char *err,
                        size_t err_size);
void journal_close(journal_t **self_p);

/* Messages that the opening took over from the write-ahead file. */
uint64_t journal_recovered(const journal_t *self);

/* Drawn when the journal was made. */
const uuid_t7 *journal_uuid(const journal_t *self);

typedef enum {
    JOURNAL_STORED,
    JOURNAL_RESENT,   /* the id was stored before */
    JOURNAL_REPLAYED, /* the key was stored before, with the same hash */
    JOURNAL_REUSED,   /* the key was stored before, with another hash */
    JOURNAL_REFUSED,  /* not seen, and the caller had refused it: nothing was done */
    JOURNAL_NO_ROOM,  /* not seen, and there is no room to store it */
    JOURNAL_NO_KEYS,  /* not seen, and no room for another key */
} journal_outcome_t;

/* A bit of an answer's log: the other bits are the public number itself, of a message from before a
 * reshard. */
#define JOURNAL_NUMBER (UINT64_C(1) << 63)

/* The public number of the record at LOG in a shard: no two records of a kind have the same. */
static inline uint64_t journal_number(uint64_t log, unsigned shard, unsigned shards)
{
    return log & JOURNAL_NUMBER ? log & ~JOURNAL_NUMBER : log * shards + shard;
}

/* How the first request of an id or key was answered. */
typedef struct {
    uint64_t log;    /* global sequence, from 1; or JOURNAL_NUMBER and a public number */
    int64_t time_ms; /* the record's */
    uint8_t answer;  /* the caller's */
} journal_answer_t;

typedef struct {
    record_t record; /* without sequence and running_ms, which are set when it is stored */
    slice_t dedupe;  /* the key, or empty */
    uint8_t hash[JOURNAL_HASH]; /* of body and parameters; only with a key (fingerprint.h) */
    uint8_t hash_as_came[JOURNAL_HASH]; /* as a row of another version may have it */
    bool refused;                       /* never store; look only whether it was seen */
    journal_answer_t answer; /* in: answer. out: of STORED, RESENT and REPLAYED, the first one's */
    journal_outcome_t outcome; /* out */
} journal_entry_t;

/* Goes through the entries in order, all or nothing, and returns when what was stored is durable;
 * expires and retires a bounded number of rows on the way. The slices of the entries must stay
 * valid until it returns. After a write whose outcome is unknown the process exits. Returns how
 * many were stored. */
size_t journal_append(journal_t *self, journal_entry_t **entries, size_t count, int64_t now_ms);

/* Takes the notes over that journal_note has queued, and commits what only the write-ahead file
 * has, when it is time: call it after appends, when they are answered. Where a commit lacks room
 * new messages are refused, and the commit is tried again each second. True when a commit has
 * begun, which takes some ten milliseconds at full load: this thread must end it by
 * journal_checkpoint_end. Between the two calls another thread can be the writer, and appends go
 * on. An append that needs the tables waits: one of an id or key that may have been stored since
 * the last commit. */
bool journal_checkpoint_begin(journal_t *self, int64_t now_ms);
void journal_checkpoint_end(journal_t *self, int64_t now_ms);
/* False while the write-ahead file has what the engine has not committed. Any thread. */
bool journal_is_saved(const journal_t *self);

/* Expires and retires rows as journal_append does on its way, and makes a whole checkpoint, for a
 * writer without work: call it each second, or each JOURNAL_CHECKPOINT_MS while not all is saved.
 * True when there is more to do at once. */
bool journal_tend(journal_t *self, int64_t now_ms);

/* The writer's last call: commits the rest. journal_close does the same where journal_finish was
 * not called. */
void journal_finish(journal_t *self);

/* True while new messages are refused for lack of room. Any thread. */
bool journal_is_full(const journal_t *self);

/* True while new messages are refused because the journal's files are not where they were opened: a
 * file that is written to may have no name. Looked at ten times a second; ends when the files are
 * back. Any thread. */
bool journal_is_gone(const journal_t *self);

/* Numbers for the metrics. By the writer. */
typedef struct {
    uint64_t records, keys, retired, used_bytes, map_bytes, disk_free_bytes, reader_lag;
} journal_state_t;
void journal_inspect(journal_t *self, journal_state_t *state);

/* A reader of the journal, with what the engine needs for its reads. It belongs to one thread. Its
 * reads must not be nested in each other. */
typedef struct journal_reader journal_reader_t;
/* The reader of the main thread. */
journal_reader_t *journal_reader(journal_t *self);

/* Reads the records of a target from sequence FROM on, oldest first, until there are no more or
 * EACH returns false: all that was stored when the read began, whether committed or not. A read
 * waits for no commit, and keeps no writer waiting. The record is valid during EACH. */
typedef bool (*journal_each_fn)(void *arg, uint64_t log, const record_t *record);

/* The sequences that a target has; first > last when it has none. Records that retention removed
 * lie below first. Of records that are not committed last covers no more than was read. */
typedef struct {
    uint64_t first, last;
} journal_range_t;
void journal_read(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                  journal_range_t *range, journal_each_fn each, void *arg);
/* The range alone, whose last covers records that are not committed, too. */
void journal_range(journal_reader_t *self, const uuid_t7 *target, journal_range_t *range);

/* Calls READ, which reads by this reader, changes nothing that a failed read would leave half done,
 * and holds no memory that only READ itself frees. False when READ met damage, as the log says with
 * the place (journal.damaged): its result is to be dropped. Damage that other reads meet ends the
 * process, except in queries of journal_ask. */
bool journal_try(journal_reader_t *self, void (*read)(void *arg), void *arg);

/* Asking: a thread of the journal carries out QUERY, with a reader of its own, while the caller's
 * loop goes on. QUERY sees all that was stored before journal_ask. QUERY may do what journal_try
 * allows to READ; what QUERY changes belongs to it from journal_ask until DONE, which journal_turn
 * calls, in the order of the calls of journal_ask. */
typedef enum {
    JOURNAL_READ,
    JOURNAL_DAMAGED, /* QUERY met damage, as journal_try has it */
    JOURNAL_DROPPED, /* by journal_stop: QUERY was perhaps not carried out */
} journal_asked_t;
typedef void (*journal_query_fn)(void *arg, journal_reader_t *reader);
typedef void (*journal_done_fn)(void *arg, journal_asked_t how);

enum { JOURNAL_ASKED = 4096 }; /* most queries that are asked and not done */

/* False, and nothing is done, when JOURNAL_ASKED queries are not done, or the thread cannot be
 * started. */
bool journal_ask(journal_t *self, journal_query_fn query, journal_done_fn done, void *arg);
/* Queries that are not done. */
unsigned journal_asked(const journal_t *self);
/* Readable when journal_turn has something to do. */
int journal_fd(const journal_t *self);
/* Calls DONE of the queries that have been carried out. Without a system call when none has
 * been. */
void journal_turn(journal_t *self);
/* Waits for the query that is under way, and calls DONE of all queries with JOURNAL_DROPPED. No
 * more can be asked then. journal_close does the same where journal_stop was not called. */
void journal_stop(journal_t *self);

#endif
