/* The LMDB engine's insides, for this folder and, for resharding, workers/store/journal_source.h;
 * nobody else includes it.
 *
 * An append is durable when it stands in the write-ahead file (wal.h). The transaction that it
 * changed, the pass, stays open and is committed a little later, by a checkpoint; when the process
 * dies before, the next one applies the file's frames to what is committed and gets the same. So
 * the other changes of a pass (rows that have expired, records that were retired) need no
 * durability of their own.
 *
 * While a pass is being committed, appends go on ahead of it (ahead.c): into the other half
 * of the write-ahead file, judged by what is committed and by hashes of the ids and keys that are
 * not (recent_t). The next pass begins by applying those frames, as after a death.
 *
 * Tables (keys big-endian):
 *   log        log sequence → record
 *   by_target  target, sequence → log sequence, of each JOURNAL_STRIDE-th record of a target: an
 *              entry a record would dirty a page a target in each commit; between them each record
 *              names the one before it
 *   targets    target → range_row_t
 *   seen       message id → answer_row_t; deleted by walking the log, which has the ids in order
 *   keys       dedupe key → key_row_t
 *   keys_due   running time at which it expires, log sequence → dedupe key
 *   outbox, items, attempts, dead, done, handlers, health: outbox_rows.h
 *   edits      target, root, revision → edit_row_t, of each record that is a revision
 *   upserts    target, key → upsert_row_t, of the message that has the key
 *   threads    target, root, sequence → log sequence, of each record of a thread
 *   retained   target → retained_row_t, of each with a retention of its own
 *   meta       "identity" → identity_row_t, "state" → state_row_t */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_LMDB_H
#define POSTERN_WORKERS_JOURNAL_LMDB_LMDB_H

#include "common/store/store.h"
#include "workers/journal/ask.h"
#include "workers/journal/journal.h"
#include "workers/journal/lmdb/engine_state.h"
#include "workers/journal/lmdb/retaining.h"
#include "workers/journal/lmdb/row.h"
#include "workers/journal/lmdb/rows.h"
#include "workers/journal/lmdb/tail.h"
#include "workers/journal/lmdb/wal.h"
#include "workers/journal/lmdb/writer.h"
#include "workers/journal/notes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/queue.h>

typedef enum {
    TABLE_LOG,
    TABLE_BY_TARGET,
    TABLE_TARGETS,
    TABLE_SEEN,
    TABLE_KEYS,
    TABLE_KEYS_DUE,
    TABLE_META,
    TABLE_OUTBOX,
    TABLE_ITEMS,
    TABLE_ATTEMPTS,
    TABLE_DEAD,
    TABLE_DONE,
    TABLE_HANDLERS,
    TABLE_HEALTH,
    TABLE_EDITS,
    TABLE_UPSERTS,
    TABLE_THREADS,
    TABLE_RETAINED,
    TABLES
} journal_table_t;
extern const char *const journal_table_names[TABLES];

enum { JOURNAL_SCHEMA = 9, JOURNAL_SUMMED = 6 /* since which each row has a checksum */ };

/* The state of a journal, which changes with each commit. */
typedef struct {
    uint64_t running_ms; /* the running clock at the last commit */
    uint64_t first_log;  /* oldest in the log */
    uint64_t next_log;   /* what the next record gets */
    uint64_t pruned_log; /* ids below it are not in seen any more */
    uint64_t keys;       /* rows of keys */
    uint64_t bytes;      /* of the records, with their cost */
    uint64_t generation; /* of the write-ahead file's frames: the last that the commit covers */
    uint64_t framed;     /* the last that it covers and that had frames */
    uint64_t wal_bytes;  /* size of the write-ahead file; 0: there is nothing in it */
    uint64_t targets;    /* rows of targets */
    uint64_t summed_log; /* records from it on have a checksum */
    uint64_t records;    /* in the log, which may have holes */
    bool wal_old;        /* it has the layout of schema 5 and before; not stored */
} state_t;

/* A target that a transaction has touched; its row is written once, at the end. */
typedef struct {
    uint64_t pass; /* which transaction it belongs to */
    uuid_t7 target;
    range_row_t range; /* host order */
} target_slot_t;

typedef struct {
    target_slot_t *slots; /* open addressing, a power of two */
    size_t room;
    target_slot_t **used;
    size_t used_len;
} target_set_t;

/* Hashes of the ids and dedupe keys that were stored since the last commit. A hash that is not
 * among them proves that its id or key was not stored; one that is proves nothing. */
typedef struct {
    uint64_t *slots; /* open addressing, a power of two; 0: free */
    size_t room, len;
} recent_t;

/* One transaction in the making. */
typedef struct {
    journal_t *journal;
    MDB_txn *txn; /* NULL: none is open */
    MDB_cursor *log, *seen, *keys, *keys_due;
    state_t state; /* becomes the journal's with the commit */
    bool may_store;
    bool awaited; /* the pass has what the main thread waits for: deliveries, and notes of them */
    size_t stored;
    uint64_t removed;
} pass_t;

struct journal_reader {
    journal_t *journal;
    MDB_txn *txn;       /* reset between reads */
    bool open;          /* TXN looks at what is committed */
    MDB_cursor *cursor; /* while a table is walked */
    MDB_cursor *edits;  /* while messages are read, with */
    tail_held_t held;   /* what of the tail they are looked up in */
    bool trying;        /* in journal_try */
    int tried;          /* how a read in it failed */
};

struct journal {
    unsigned magic;
    store_t *store;
    MDB_env *env;
    MDB_dbi table[TABLES];
    journal_options_t options; /* texts point nowhere after the opening */
    uuid_t7 uuid;
    state_t state;                /* as committed */
    uint64_t base_ms;             /* running clock at the opening */
    int64_t opened_ms;            /* clock_ms () then */
    atomic_uint_fast64_t told_ms; /* the latest running time that the main thread was told */
    uint64_t number;              /* counts passes */
    target_set_t targets;
    uint64_t retired;    /* since the opening */
    uint64_t passed_log; /* what stands before it in the log is damaged, and stays */
    uint64_t summed_log; /* the state's, which stays */
    retaining_t retaining;
    uint64_t recovered; /* at the opening, from the write-ahead file */
    atomic_bool full, gone;
    int64_t room_next_ms; /* when to look for room again */
    int64_t committed_ms;
    journal_reader_t reader, asked; /* the main thread's, the asking thread's */
    asking_t *asking;
    writer_t *writer;
    notes_t notes;
    atomic_uint_fast64_t committed_log; /* what the next record got, at the last commit */
    atomic_uint_fast64_t tip;           /* what the next record gets */
    atomic_int_fast64_t append_us;      /* how long the last append took */

    tail_t *tail; /* what WAL has and the engine has not, for readers */

    pthread_mutex_t lock; /* of all that follows, between the writers; no reader takes it */
    wal_t *wal;
    engine_state_t at;
    uint64_t generation; /* of the frames that are being written */
    pass_t pass;  /* OPEN: the one that appends share; it ends in the thread in which it began */
    bool spoiled; /* it has what is not stored: the next who may leaves it */
    int64_t beside_next_ms; /* when the main thread may try to append again */
    atomic_bool unsaved;    /* there is what only the write-ahead file has otherwise */
    int64_t begun_ms;       /* when the first of that was stored, or a checkpoint failed last */
    int64_t commit_ms;      /* how long the last one has taken */
    pass_t leaving;         /* COMMITTING: is committed by its thread, without the lock */
    pass_t ahead; /* meanwhile: how appends go on; its txn reads what was committed before */
    recent_t recent;
    bool given_up;          /* the last commit had no room */
    pthread_cond_t settled; /* not COMMITTING any more */
};

/* pass.c: begins and ends a transaction; 0 or an LMDB error. A pass that began must be
 * committed or aborted. touched: an upper bound of the targets that it will touch. */
int pass_begin(pass_t *self, journal_t *journal, size_t touched, int64_t now_ms);
store_commit_t pass_commit(pass_t *self);
/* The same in two steps: what is to be committed, then, without looking at the journal, the commit.
 * After a first that is STORE_FULL, and after the second, the transaction is gone. */
store_commit_t pass_close(pass_t *self);
store_commit_t pass_end(pass_t *self);
void pass_abort(pass_t *self);
/* Goes on with an open one: TOUCHED more targets, a later time. */
void pass_extend(pass_t *self, size_t touched, int64_t now_ms);
/* Gives a record its place: the next in the log and in the range of its target. */
void pass_place(pass_t *self, record_t *record, range_row_t *range);
/* Appends a record, giving it its place. */
int pass_store(pass_t *self, record_t *record);
/* The range of a target, to read and change until the commit. */
int pass_target(pass_t *self, const uuid_t7 *target, range_row_t **range);
/* The same, to read; MDB_NOTFOUND when there is none. */
int pass_look(const pass_t *self, const uuid_t7 *target, range_row_t *range);
/* Reads a range that lies in the tables; MDB_NOTFOUND with an empty one when there is none. */
int range_read(const journal_t *journal, MDB_txn *txn, const uuid_t7 *target, range_row_t *range);
/* Reads the state; MDB_NOTFOUND with that of an empty journal when there is none. */
int state_read(MDB_txn *txn, MDB_dbi meta, state_t *state);
int state_write(MDB_txn *txn, MDB_dbi meta, const state_t *state);

/* seen.c: decides about one entry and stores it when it is new. */
int seen_judge(pass_t *pass, journal_entry_t *entry);
/* What the tables that PASS reads know of an entry, which is judged by it where that says enough.
 */
typedef enum {
    SEEN_NEVER,
    SEEN_JUDGED,  /* RESENT, REPLAYED or REUSED */
    SEEN_EXPIRED, /* its key was, but is to be taken anew */
} seen_t;
int seen_find(pass_t *pass, journal_entry_t *entry, seen_t *seen);
/* Stores one again that was judged to be new. */
int seen_restore(pass_t *pass, journal_entry_t *entry);
/* Removes at most STEPS expired ids and as many keys; adds to pass->removed. */
int seen_prune(pass_t *pass, size_t steps);

/* retention.c: removes at most STEPS records that are too old or too many. */
int retention_step(pass_t *pass, size_t steps);

/* replay.c: puts an entry that was stored into the frame in the making, and into the tail.
 */
void replay_note(journal_t *journal, const journal_entry_t *entry);
/* Applies the frames of the generations after the pass's up to GENERATION to it; 0, an LMDB error,
 * MDB_CORRUPTED when they do not continue it, or EBADMSG when they are damaged. Adds to *count. */
int replay_apply(pass_t *pass, uint64_t generation, uint64_t *count);
/* The same of what is whole, past what is not: records behind a gap get other places. */
int replay_salvage(pass_t *pass, uint64_t generation, uint64_t *count);
/* The same of what this process has stored, from memory. */
int replay_recall(pass_t *pass, uint64_t generation, uint64_t *count);

/* read.c: begins to look at what is committed, until reader_end. 0 or an LMDB error. */
int reader_begin(journal_reader_t *self);
void reader_end(journal_reader_t *self);
/* A read that failed. */
void reader_failed(journal_reader_t *self, const char *what, int rc);
void reader_close(journal_reader_t *self);

/* verify.c: whether the tables in which a missing row would not be noticed are whole; 0, or
 * -1 with the reason in err. */
int journal_verify(journal_t *self, MDB_txn *txn, char *err, size_t err_size);

/* open.c: whether the write-ahead file PATH is what the last process left, or a power cut;
 * 0, or -1 with the reason in err. */
int wal_check(wal_t *wal, const state_t *state, const char *path, char *err, size_t err_size);
/* Frames from here on continue what is committed. */
void journal_next_generation(journal_t *self);

#endif
