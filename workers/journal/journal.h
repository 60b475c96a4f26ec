/* The journal of one shard: the records that were stored, in order, and the ids and keys that were
 * seen, so that nothing is stored twice. The engine is behind this header, and a program links one:
 * workers/journal/lmdb, whose files lie on this host, or workers/journal/postgres, whose tables lie
 * on a server. tests/unit/test_journal.c has what each must do, and is run on each.
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
 * Threading: the main thread, whose loop watches journal_submit_fd and journal_fd. What is slow is
 * done in threads of the journal: storing from journal_submit on, and reading from journal_ask on.
 * Calls that any thread may make say so. */
#ifndef POSTERN_WORKERS_JOURNAL_JOURNAL_H
#define POSTERN_WORKERS_JOURNAL_JOURNAL_H

#include "common/life/clusters.h"
#include "workers/journal/record.h"
#include "workers/journal/unowned.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct journal journal_t;

enum {
    JOURNAL_ID_MS = 2 * 60 * 1000,
    JOURNAL_KEY_MS = 24 * 60 * 60 * 1000,
    JOURNAL_HASH = 16,         /* bytes of the hash of body and parameters */
    JOURNAL_RECORD_COST = 128, /* bytes that a record takes beyond its own, for retention by size */
};

typedef struct {
    const char *place; /* of all journals of this host: a directory */
    const char *known; /* what this host knows of them: a directory (common/store/known.h) */
    const char *path;  /* NULL, or the one journal itself, which is the caller's already */
    const char *kind;  /* "channel", "bot", "extension" */
    unsigned shard, shards;
    bool any; /* PostgreSQL's alone: whichever shard has no live holder, in place of SHARD */
    uint64_t room_bytes;      /* most that the journal may take; it keeps what it has */
    uint64_t keys;            /* most dedupe keys */
    uint64_t retention_ms;    /* age at which records are removed, by the running clock */
    uint64_t retention_bytes; /* past which the oldest records are removed; 0: by age only */
    journal_unowned_t unowned;
    uint64_t delivery_retention_ms; /* age at which a delivery that has ended is forgotten */
    const char *connection;         /* PostgreSQL's alone: a file with a connection string */
    const clusters_t *clusters;     /* likewise, in its place: where a shard may be; or NULL */
    unsigned copies; /* likewise: servers whose disks have what is answered, 1 or 2 */
    bool salvage;    /* take what can be read of a damaged write-ahead file, and go on */
    void (*waits)(bool spare, const char *text); /* while the opening does, or NULL (spare.h) */
    void (*lost)(void); /* PostgreSQL's alone: another has the shard; any thread (loop/lost.h) */
} journal_options_t;

/* The engine of this program: "lmdb" or "postgres". */
const char *journal_engine(void);

/* Opens or makes the journal. With place the shard is this process's for its life: while another
 * process has it, the call waits, and logs that; a count of shards that the journals of that place
 * are not made for is refused, and so is a journal that is known and not there. A journal of
 * another kind, shard or shard count is refused, and so is one whose write-ahead file is damaged
 * (wal.h) unless options.salvage. NULL with the reason and what to do in err. now_ms: clock_ms. */
journal_t *journal_open(const journal_options_t *options, int64_t now_ms, char *err,
                        size_t err_size);
/* Finishes what is submitted, commits all notes that there is room for, and closes. */
void journal_close(journal_t **self_p);
/* Messages that the opening took over from the write-ahead file. */
uint64_t journal_recovered(const journal_t *self);
/* The shard: of options.any, the one that was taken. */
unsigned journal_shard(const journal_t *self);
/* Drawn when the journal was made. */
const uuid_t7 *journal_uuid(const journal_t *self);
/* Rises with each taking of the shard, also by another host; 0: this engine has none. */
uint64_t journal_epoch(const journal_t *self);

typedef enum {
    JOURNAL_STORED,
    JOURNAL_RESENT,   /* the id was stored before */
    JOURNAL_REPLAYED, /* the key was stored before, with the same hash */
    JOURNAL_REUSED,   /* the key was stored before, with another hash */
    JOURNAL_REFUSED,  /* not seen, and the caller had refused it: nothing was done */
    JOURNAL_NO_ROOM,  /* not seen, and there is no room to store it */
    JOURNAL_NO_KEYS,  /* not seen, and no room for another key */
    JOURNAL_UNKNOWN,  /* not seen, and the target has no message that the entry names */
    JOURNAL_FOREIGN,  /* not seen, and the message to be changed is another user's */
    JOURNAL_BUSY,     /* not seen, and the event to be changed is still to be delivered */
    JOURNAL_OUTCOMES
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
    /* Of a revision; 0: the record is a message's first one. */
    uint32_t revision;
    uint64_t root_number; /* the public number of the message's first record, and its time */
    int64_t root_ms;
} journal_answer_t;

/* Changing. A message is its first record, whose id it keeps, and the revisions of it, each a
 * record of its own with all of the message anew. A revision that deletes is the last one: with it
 * the content of the records before it is removed, and their places stay. The same is done with the
 * content of all but the first and the last JOURNAL_WHOLE - 1 of more than JOURNAL_REVISIONS. Where
 * retention has removed the first record, the message stands at the oldest one that there is. */
typedef enum {
    CHANGE_NONE,   /* the entry is a message of its own */
    CHANGE_KEYED,  /* a revision of the message of the target with the record's key, which has not
                      been deleted; without one a message of its own */
    CHANGE_EDIT,   /* a revision of the user's message that is named */
    CHANGE_DELETE, /* likewise, and it is deleted */
} journal_change_t;
enum { JOURNAL_REVISIONS = 50, JOURNAL_WHOLE = 11 };

/* Names a message of the entry's target: what its id is made of. */
typedef struct {
    uint64_t number; /* the public one; 0: names none */
    int64_t time_ms;
} journal_name_t;

typedef struct {
    record_t record; /* without sequence and running_ms, which are set when it is stored */
    slice_t dedupe;  /* the key, or empty */
    uint8_t hash[JOURNAL_HASH]; /* of body and parameters; only with a key (fingerprint.h) */
    uint8_t hash_as_came[JOURNAL_HASH]; /* as a row of another version may have it */
    bool refused;                       /* never store; look only whether it was seen */
    journal_change_t change;
    journal_name_t named; /* of EDIT and DELETE */
    bool any;             /* DELETE: the message may be any user's */
    journal_name_t about; /* the record goes into the thread about this message, or into its own */
    bool everybody; /* a revision that names nobody is for everybody, whoever it was for before */
    uint8_t *inherited; /* the record's audience, where it named nobody: taken over from what it
                           revises, or whose thread it goes into; freed by revisions_forget */
    journal_answer_t answer; /* in: answer. out: of STORED, RESENT and REPLAYED, the first one's */
    journal_outcome_t outcome; /* out */
} journal_entry_t;

/* Storing. From journal_start on the journal works by itself, by CLOCK, until journal_close: it
 * stores what is submitted, takes notes over, and expires and retires rows. A journal that was not
 * started can only be read, and closed. */
typedef int64_t (*journal_clock_fn)(void); /* clock_ms */
void journal_start(journal_t *self, journal_clock_fn clock);

/* Goes through the entries in order, all or nothing. They and what their slices point to belong to
 * the journal until journal_finished, when what was stored is durable. After a write whose outcome
 * is unknown the process exits. Only when the journal is idle. COUNT 0: is finished when what is
 * due has been expired and retired. */
void journal_submit(journal_t *self, journal_entry_t **entries, size_t count);
/* Stores a few entries at once, in the thread that calls; false: submit them. Only when idle. */
bool journal_store(journal_t *self, journal_entry_t **entries, size_t count);
/* Nothing is submitted that is not finished. */
bool journal_is_idle(const journal_t *self);
/* Readable when a submission is finished. */
int journal_submit_fd(const journal_t *self);
/* True once for each finished submission: its entries, with outcomes, are the caller's again. */
bool journal_finished(journal_t *self);

/* True while new messages are refused for lack of room. Any thread. */
bool journal_is_full(const journal_t *self);

/* True while new messages are refused because the journal's files are not where they were opened,
 * which is looked at ten times a second: what is written to may have no name. Any thread. */
bool journal_is_gone(const journal_t *self);
/* What is wrong when new messages are refused, and what to do: a text for an operator; NULL when
 * they are not. Any thread. */
const char *journal_trouble(const journal_t *self);

/* Numbers for the metrics. Any thread. */
typedef struct {
    uint64_t records, keys, retired, used_bytes;
    uint64_t room_bytes; /* that can be stored before new messages are refused */
} journal_state_t;
void journal_inspect(journal_t *self, journal_state_t *state);

/* A reader of the journal, with what the engine needs for its reads. It belongs to one thread. Its
 * reads must not be nested in each other. */
typedef struct journal_reader journal_reader_t;
/* The reader of the main thread, for what it reads before its loop begins: what comes later is
 * asked for (journal_ask). */
journal_reader_t *journal_reader(journal_t *self);

/* Reads the records of a target from sequence FROM on, oldest first, until there are no more or
 * EACH returns false: all that was stored when the read began, whether committed or not. A read
 * waits for no commit, and keeps no writer waiting. The record is valid during EACH. */
typedef bool (*journal_each_fn)(void *arg, uint64_t log, const record_t *record);

/* The sequences that a target has; first > last when it has none. Records that retention removed
 * lie below first. Of records that are not committed last covers no more than was read. */
typedef struct {
    uint64_t first, last, last_log; /* last_log: of a range alone; 0: below all that there are */
} journal_range_t;
void journal_read(journal_reader_t *self, const uuid_t7 *target, uint64_t from,
                  journal_range_t *range, journal_each_fn each, void *arg);
/* The range alone, whose last covers records that are not committed, too. */
void journal_range(journal_reader_t *self, const uuid_t7 *target, journal_range_t *range);

/* Where in a target's order the wall clock reached TIME_MS: the sequence of a record from then or
 * later, before which stands none, or one from before then; behind the last one when there is none
 * from then or later. With a clock that was never put back it is the first from then or later.
 * Where the clock was put back behind TIME_MS, it reached that more than once: the sequence is of
 * one of these times. Reads a number of records that grows with the logarithm of the target's. */
uint64_t journal_at_time(journal_reader_t *self, const uuid_t7 *target, int64_t time_ms);
/* Where the log goes on: all records with a lower log sequence are durable, and what reads from
 * here on sees them. Any thread. */
uint64_t journal_tip(const journal_t *self);
/* Goes through the records of all targets from log sequence FROM on, in the log's order, until
 * there are no more or EACH returns false: what journal_read would see. Keep it short, so that
 * other readers of the thread have their turn. */
void journal_scan(journal_reader_t *self, uint64_t from, journal_each_fn each, void *arg);

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
    JOURNAL_DAMAGED,   /* QUERY met damage, as journal_try has it */
    JOURNAL_UNREACHED, /* PostgreSQL's alone: its server did not answer, or refused */
    JOURNAL_DROPPED,   /* by journal_stop: QUERY was perhaps not carried out */
} journal_asked_t;
typedef void (*journal_query_fn)(void *arg, journal_reader_t *reader);
typedef void (*journal_done_fn)(void *arg, journal_asked_t how);

enum { JOURNAL_ASKED = 4096 }; /* most queries that are asked and not done */

/* False, and nothing is done: JOURNAL_ASKED queries are not done, or there can be no thread. */
bool journal_ask(journal_t *self, journal_query_fn query, journal_done_fn done, void *arg);
/* Queries that are not done. */
unsigned journal_asked(const journal_t *self);
/* Readable when journal_turn has something to do. */
int journal_fd(const journal_t *self);
/* Calls DONE of the queries that have been carried out; no system call where none has been. */
void journal_turn(journal_t *self);
/* While ON, journal_fd gets readable, too, whenever journal_tip has risen, whoever stored the
 * records: a submission or a handler's reply. Costs nothing while it is off. */
void journal_watch(journal_t *self, bool on);
/* Waits for the query that is under way, and calls DONE of all queries with JOURNAL_DROPPED. No
 * more can be asked then. journal_close does the same where journal_stop was not called. */
void journal_stop(journal_t *self);

#endif
