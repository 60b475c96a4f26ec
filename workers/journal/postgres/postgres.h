/* The PostgreSQL engine's insides, for this folder and nobody else.
 *
 * A drain is one transaction and one round trip: the fence, then the rows. The fence reads the
 * shard's row FOR SHARE with the epoch that this process has taken: who takes the shard over raises
 * it, and no transaction of the former owner comes through any more. The owner counts log and
 * sequence numbers itself, so a number that is there already is a second fence.
 *
 * Ids are stored without a look first: one that is there is a violated unique key, nothing is
 * stored, and the drain is judged again after a look-up (append.c). After an outcome that is
 * unknown the engine takes the shard again, by a write whose commit is replicated, and looks
 * whether the drain's first row is there (owner.c): what is found before that need not be on the
 * copy.
 *
 * Tables, all in the schema postern (schema.c makes those that are there for good):
 *   installation  one row: id, schema, counts of shards
 *   shard         kind, shard → journal (its UUID), epoch, holder
 *   lease         'channel/0' → who tries to have it (lease.h), running clock
 *   segment       kind, shard, n → what log_cS_N has; last_log is NULL while it is open
 *   log_cS_N      the records of a segment; id is NULL once it is stored again
 *   target_floor  kind, shard, target → its last sequence and log in what was dropped
 *   retained      kind, shard, target → what it keeps by itself (retained.h)
 *   keys          kind, shard, n → what keys_cS_N has
 *   keys_cS_N     dedupe key → log, time, running clock, answer, hash
 * The letter is the kind's: c, b, e. Besides: edit, upsert (edits.h), pending, ended_… (items.h).
 *
 * Threading: the writer's thread (writer.c) stores and rolls segments on, by the session WRITING;
 * the keeper's (keep.c) checks the server and drops what is due, by a session of its own; readers
 * have one each. LOCK guards what they share. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_POSTGRES_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_POSTGRES_H

#include "common/postgres/lease.h"
#include "common/postgres/session.h"
#include "workers/journal/ask.h"
#include "workers/journal/journal.h"
#include "workers/journal/notes.h"
#include "workers/journal/postgres/cluster.h"
#include "workers/journal/postgres/fronts.h"
#include "workers/journal/postgres/targets.h"
#include "workers/journal/seen.h"
#include "workers/journal/writing.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    POSTGRES_SCHEMA = 1,
    POSTGRES_ROWS = 4096,          /* most of a transaction */
    POSTGRES_BYTES = 16 << 20,     /* likewise, beyond its first row */
    POSTGRES_TARGETS = 1000,       /* most that one look-up is for */
    SEGMENT_SHARES = 32,           /* of the time that records are kept: a segment's */
    SEGMENT_MS = 24 * 3600 * 1000, /* or this, where it is less */
    KEYS_MS = 6 * 3600 * 1000,     /* that a table of keys takes keys */
    LOOK_MS = 5000,                /* after a resend ids are looked up first for so long */
    SEGMENTS = 256,                /* with so many the newest grows on */
    SEGMENTS_MOST,                 /* with one that could not be dropped */
    KEYS = 16,
};
/* Added to an installation's count of shards, by which no worker starts: not all journals are
 * there; they are with the other engine (port.h). */
enum { PORT_INCOMING = 1 << 16, PORT_MOVED = 1 << 17 };
#define SEGMENT_BYTES (UINT64_C(4) << 30) /* likewise, or a 32nd of all where that is more */

typedef struct {
    unsigned n;
    uint64_t first_log, end_log; /* of its rows; end_log: past the last */
    uint64_t first_ms, last_ms;  /* running clock of the first and the last */
    uint64_t bytes;
    bool ids;           /* the index of ids is there */
    uint64_t forget_ms; /* running clock when to look whether all its items may be forgotten;
                           UINT64_MAX: they are */
} segment_t;

typedef struct {
    unsigned n;
    uint64_t first_ms, last_ms; /* running clock of the first and the last key */
    uint64_t count;
} keys_t;

/* What there is, oldest first; the last one is open. */
typedef struct {
    segment_t segments[SEGMENTS_MOST];
    keys_t keys[KEYS + 1]; /* likewise */
    unsigned segments_len, keys_len;
    unsigned version; /* counts the changes of which tables there are */
} tables_t;

typedef struct keeper keeper_t;
typedef struct writer writer_t;
typedef struct retained retained_t;
typedef struct append append_t;

/* Where the look for targets that nobody owns is (unowned.h). */
typedef struct {
    uuid_t7 last; /* all zero: at the beginning */
    bool over;
} survey_t;

struct journal_reader {
    journal_t *journal;
    session_t session;
    statement_t ahead; /* records that were read along, until the query ends (due.c) */
    bool trying, failed, damaged;
};

struct journal {
    unsigned magic;
    journal_options_t options;    /* texts point nowhere after the opening */
    cluster_t clusters[CLUSTERS]; /* where the shard may live */
    unsigned clusters_len, at;    /* at: the one that it lives in */
    char *connection;             /* the string of that one, which may have a password */
    char kind;                    /* 'c', as in the names of tables */
    unsigned number;              /* of the kind, as in their rows */
    bool delivers;                /* it is one with handlers */
    bool ports;                   /* it is no worker's, but a migration's (port.h) */
    char lease[32];
    char name[SESSION_NAME];
    char home[LEASE_HOLDER];
    lease_t *holding;
    uuid_t7 uuid, me; /* me: of this process's taking */
    atomic_uint_fast64_t epoch;
    uint64_t base_ms; /* running clock at the opening */
    int64_t opened_ms;
    session_t writing;
    append_t *append;
    targets_t *targets;
    journal_reader_t reader, asked; /* the main thread's, the asking thread's */
    asking_t *asking;
    keeper_t *keeper;
    writer_t *writer;
    retained_t *retained;
    survey_t survey;                    /* the keeper's */
    atomic_uint_fast64_t running_ms;    /* as told last */
    atomic_uint_fast64_t committed_log; /* records below it are durable */
    atomic_uint_fast64_t retired;
    atomic_uint_fast64_t horizon_ms; /* items.h */
    notes_t notes;
    fronts_t fronts;
    atomic_bool full;             /* the server has no room, or refuses: as the last try went */
    atomic_int_fast64_t short_ms; /* when a message was refused for that; 0: one was stored since */
    atomic_bool gone;             /* it does not keep what postgres.copies says */
    atomic_bool away;             /* there is no connection, and the shard is being taken again */
    atomic_bool unreached;        /* it did not answer the keeper */
    atomic_bool stopping;
    int64_t full_next_ms;  /* when to try again */
    int64_t look_until_ms; /* ids are looked up first until then */
    tables_t known;        /* the writer's copy of TABLES, as a try of it began */
    pthread_mutex_t lock;  /* of what follows */
    tables_t tables;
    char trouble[2][SESSION_TEXT + 64]; /* texts for an operator, in turn */
    unsigned trouble_at;
};

/* A statement's text in the making. */
typedef struct {
    char *text;
    size_t len, cap;
} sql_t;
void sql_begin(sql_t *self);
void sql_add(sql_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sql_free(sql_t *self);

/* state.c: the running clock at NOW_MS, which goes on from the last one told. */
uint64_t running_at(journal_t *self, int64_t now_ms);
/* A copy of what tables there are. */
void tables_copy(journal_t *self, tables_t *to);
segment_t *tables_open_segment(tables_t *self);
/* The one that has the record at LOG, where that is there; NULL: none. */
const segment_t *tables_segment(const tables_t *self, uint64_t log);
/* Whether ids of a segment may still be sent again. */
bool segment_has_young(const segment_t *self, bool open, uint64_t running_ms);
bool keys_live(const keys_t *self, uint64_t running_ms);
/* What ended before is forgotten. Any thread. */
static inline uint64_t journal_horizon(const journal_t *self)
{
    return atomic_load(&self->horizon_ms);
}
/* The clock was stored: until then, what has ended long enough before is forgotten. */
void horizon_raise(journal_t *self, uint64_t saved_ms);
/* No message was stored since one was refused, which is not long ago. */
bool journal_is_short(const journal_t *self);
/* Says what is wrong, for journal_trouble, and in the log. */
void trouble_say(journal_t *self, const char *what, const char *text);
/* The bytes that a record takes. */
uint64_t record_cost(const record_t *record);
/* The shard, as the next two parameters: its kind and its number. */
void shard_add(statement_t *to, const journal_t *journal);
/* The first statement of each transaction that writes; and what its failing means: the shard is
 * another process's, which ends this one. */
void fence_begin(statement_t *self, const journal_t *journal);
void fence_lost(const journal_t *self) __attribute__((noreturn));

/* owner.c: whether a worker may use the kind's journals in the cluster AT; REFUSED with the reason
 * in the session's text. */
session_outcome_t owner_check_kind(const journal_t *self, session_t *session, unsigned at);
/* Opens SESSION where it is not, to the cluster AT, where that will do. */
session_outcome_t owner_begin(const journal_t *self, session_t *session, unsigned at);
/* Finds the cluster in which the shard lives, and opens SESSION to it; AWAY: it lives in none. */
session_outcome_t owner_find(journal_t *self, session_t *session);
/* Makes the shard this process's, and reads what it has, by SESSION, which it opens where
 * it is not. OK; AGAIN while another holds the lease; else AWAY or REFUSED with the reason in the
 * session's text. */
session_outcome_t owner_take(journal_t *self, session_t *session);
/* The same of one that is this process's already, after its connection was lost: waits until there
 * is one again. False: it is time to stop. */
bool owner_retake(journal_t *self, session_t *session);
/* A moment before the next try. */
void owner_pause(void);
/* What the server lacks for POSTGRES.COPIES, in words; empty: nothing. */
session_outcome_t owner_check(const journal_t *self, session_t *session, char lacks[SESSION_TEXT]);

/* tables.c: reads what tables there are. */
session_outcome_t tables_read(journal_t *self, session_t *session);
/* Makes the next segment, or the next table of keys, the open one. */
session_outcome_t tables_roll(journal_t *self, uint64_t running_ms);
session_outcome_t tables_roll_keys(journal_t *self, uint64_t running_ms);
/* The former, of a writer without work, where it is time. */
void tables_roll_on(journal_t *self, uint64_t running_ms);
bool tables_is_full(const journal_t *self, uint64_t running_ms);
bool tables_are_keys_full(const journal_t *self, uint64_t running_ms);
/* Stores the clock, which must not go back behind what it has expired: in each transaction that
 * drops something for its age. */
void clock_begin(statement_t *to, const journal_t *journal, uint64_t running_ms);
/* Stores the clock and what the open segment has. */
session_outcome_t tables_save(journal_t *self, session_t *session);

/* append.c */
append_t *append_new(void);
void append_destroy(append_t **self_p);

/* look.c: what the tables know of entries: their answers to the ids and keys asked for. */
typedef struct {
    bool look;    /* its id, and its key, are to be looked up */
    bool seen;    /* by its id, as ANSWER says */
    bool expired; /* its id is there, and is not remembered any more */
    bool keyed;   /* its key is there */
    bool wanted;  /* of a reply: its event has none yet */
    journal_answer_t answer;
    seen_key_t key;
} known_t;
/* Also what the targets of all of them had last. */
session_outcome_t look_up(journal_t *self, journal_entry_t *const *entries, known_t *known,
                          size_t count, uint64_t running_ms);

/* keep.c: the thread that keeps, from keeper_start on. */
keeper_t *keeper_new(journal_t *journal);
void keeper_start(keeper_t *self, journal_clock_fn clock);
void keeper_destroy(keeper_t **self_p);
/* Drops what is due. True when there may be more. */
bool keeper_turn(keeper_t *self, int64_t now_ms);
/* Asks the server whether it is what postgres.copies says, and notes that. */
void keeper_check(keeper_t *self);

/* writer.c */
writer_t *writer_new(journal_t *journal);
void writer_destroy(writer_t **self_p);
/* Wakes it for the notes that wait. */
void writer_nudge(writer_t *self);

#endif
