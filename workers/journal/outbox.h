/* The outbox of a journal: the stored events that a handler is to be called for, the attempts that
 * were made, and what else a worker keeps about deliveries.
 *
 * A record with RECORD_DELIVER becomes an item of its target when it is stored: pending and due at
 * once. All that happens to the item later is told by notes, which are committed with what is
 * stored: durable a moment later, and in memory until then, so that a note is lost only by the
 * death of the process. The item is then as it was before the note: an attempt may be made again,
 * none is forgotten.
 *
 * Where there is no room for a reply, its note and all later ones wait.
 *
 * Times are of the journal's running clock, unless they are said to be of the wall clock. Items
 * never outlive their record, and retention leaves the record of a pending item alone; an item that
 * has ended is forgotten after options.delivery_retention_ms, its attempts with it.
 *
 * Threading: journal_note by the main thread; what reads by the reader's. Reads see what is
 * committed: a tenth of a second old, or as much older as the last commit takes. */
#ifndef POSTERN_WORKERS_JOURNAL_OUTBOX_H
#define POSTERN_WORKERS_JOURNAL_OUTBOX_H

#include "workers/journal/journal.h"

enum {
    OUTBOX_ANSWER = 1024,     /* most bytes of an answer that are kept */
    OUTBOX_WHOLE = 16384,     /* of one that is kept whole; a longer one is cut like any other */
    OUTBOX_TRACE = 2048,      /* most bytes of what is kept of a call beside its answer */
    OUTBOX_ATTEMPTS = 32,     /* newest attempts that are kept, an item */
    OUTBOX_NOTE_BYTES = 65536 /* most bytes of a handler's or a health row */
};

typedef enum { OUTBOX_PENDING = 1, OUTBOX_DELIVERED, OUTBOX_DEAD } outbox_state_t;

/* An attempt, as it is kept. */
typedef struct {
    int64_t time_ms; /* wall clock of its start */
    uint64_t duration_us;
    unsigned status;  /* 0: none came */
    unsigned outcome; /* the caller's; below 256 */
    slice_t trace;    /* what was sent and what came with the answer, as who notes it wrote it */
    slice_t answer;   /* the first bytes of it, or all of it */
} outbox_attempt_t;

typedef enum {
    NOTE_OUTCOME,   /* an item's attempt was made, or it ended without one */
    NOTE_REVIVE,    /* an item is pending again and due at once, as if none had been made */
    NOTE_HANDLER,   /* the bytes that are kept for a target; none: forget it */
    NOTE_RETENTION, /* likewise, of what it keeps (retention.h), which makes it */
    NOTE_HEALTH,    /* likewise, of how its handler fares; begins with a running time (8 bytes,
                       little-endian) or 0, which a reshard moves on */
} note_kind_t;

typedef struct {
    note_kind_t kind;
    uuid_t7 target;
    uint64_t log;         /* of the item */
    outbox_state_t state; /* OUTCOME: from now on */
    uint64_t due_ms;      /* OUTCOME, pending: when it is tried next */
    bool keeps_place;     /* OUTCOME, pending: it stays before those that were stored later */
    uint64_t now_ms;      /* OUTCOME, REVIVE: journal_running_ms */
    bool attempted;       /* OUTCOME */
    outbox_attempt_t attempt;
    bool whole; /* OUTCOME: a caller may ask for the answer: keep all of it */
    /* OUTCOME: what the handler's answer posts, or NULL; with RECORD_REPLY and the item as its
     * cause. It is durable before the item ends, and stored once, however often it is noted. */
    const record_t *reply;
    /* Likewise: the message in whose thread that belongs; where it is not there, in none. */
    journal_name_t reply_about;
    slice_t bytes; /* HANDLER, HEALTH */
} journal_note_t;

/* Hands a note to the journal; copies it. A note of an item that is not there (any more) changes
 * nothing. Returns the note's number, from 1. */
uint64_t journal_note(journal_t *self, const journal_note_t *note);
/* True while a note waits for the journal. */
bool journal_has_notes(journal_t *self);
/* Notes up to this number are committed, and seen by what reads. */
uint64_t journal_noted(const journal_t *self);

/* Records below this log sequence are committed. */
uint64_t journal_committed(const journal_t *self);

/* The running clock. What is noted after it was told is committed with that time or a later one: a
 * clock that the next process continues from before it would have the note in its future. */
uint64_t journal_running_ms(journal_t *self, int64_t now_ms);

/* True where a read that met damage may go well later: a server keeps the journal, and refused. */
bool journal_is_served(const journal_t *self);

/* The place of a pending item: items of a target stand together, in the order in which they are
 * due. */
typedef struct {
    uuid_t7 target;
    uint64_t order, log;
} outbox_place_t;

typedef struct {
    outbox_place_t place;
    uint64_t due_ms, stored_ms;
    uint64_t first_ms; /* when it was tried first; only with made > 0 */
    unsigned made;     /* attempts since it was stored or revived */
} outbox_due_t;

/* The pending items from FROM on, FROM included, until there are no more or EACH returns false. */
typedef bool (*outbox_due_fn)(void *arg, const outbox_due_t *due);
void journal_due(journal_reader_t *self, const outbox_place_t *from, outbox_due_fn each, void *arg);

/* Records that are read along with what is due, where a read has a long way to go. */
typedef struct {
    uint64_t until_ms;     /* of items that are due by then */
    unsigned most;         /* items */
    size_t bytes;          /* of records, past which no other one is read */
    const uint64_t *known; /* items whose records are not wanted */
    size_t known_len;
} outbox_ahead_t;
/* journal_due of the items of FROM's target, in a query of journal_ask. journal_record has the
 * records of AHEAD without another read, until the query ends. */
void journal_due_ahead(journal_reader_t *self, const outbox_place_t *from,
                       const outbox_ahead_t *ahead, outbox_due_fn each, void *arg);

typedef struct {
    uuid_t7 target, id; /* id: of the record */
    uint64_t log;
    outbox_state_t state;
    unsigned made, attempts; /* attempts: since ever */
    int64_t time_ms;         /* wall clock of the store */
    uint64_t due_ms;         /* PENDING */
} outbox_item_t;

/* The items of a target up to log sequence UNTIL, the newest first; DEAD_ONLY: of these the dead.
 */
typedef bool (*outbox_item_fn)(void *arg, const outbox_item_t *item);
void journal_items(journal_reader_t *self, const uuid_t7 *target, uint64_t until, bool dead_only,
                   outbox_item_fn each, void *arg);
/* The next target past AFTER (NULL: the first) that has items; DEAD_ONLY: dead ones. */
bool journal_item_target(journal_reader_t *self, const uuid_t7 *after, bool dead_only,
                         uuid_t7 *target);
/* The dead ones from log sequence FROM on, the oldest first. */
void journal_dead(journal_reader_t *self, const uuid_t7 *target, uint64_t from, outbox_item_fn each,
                  void *arg);
/* One of them; false when there is none. */
bool journal_item(journal_reader_t *self, const uuid_t7 *target, uint64_t log, outbox_item_t *item);

/* The attempts of an item, oldest first, with their numbers from 1. */
typedef void (*outbox_attempt_fn)(void *arg, unsigned number, const outbox_attempt_t *attempt);
void journal_attempts(journal_reader_t *self, uint64_t log, outbox_attempt_fn each, void *arg);

/* The record at LOG; false when it is not there, without a call, or damaged. Valid during the call.
 */
typedef void (*outbox_record_fn)(void *arg, const record_t *record);
bool journal_record(journal_reader_t *self, uint64_t log, outbox_record_fn each, void *arg);

/* What NOTE_HANDLER and NOTE_HEALTH have kept. */
typedef void (*outbox_kept_fn)(void *arg, const uuid_t7 *target, slice_t bytes);
void journal_handlers(journal_reader_t *self, outbox_kept_fn each, void *arg);
void journal_health(journal_reader_t *self, outbox_kept_fn each, void *arg);

typedef struct {
    uint64_t pending, dead;
} outbox_counts_t;
outbox_counts_t journal_outbox_counts(journal_reader_t *self);

enum { OUTBOX_STEP = 2000 /* most items that a step of a tally looks at, where they lie here */ };
typedef struct {
    outbox_place_t at;  /* where the next step goes on; zeroes: at the first item */
    uint64_t now_ms;    /* running clock */
    uint64_t delayed;   /* items that are due later */
    uint64_t oldest_ms; /* when the oldest one was stored; begins at now_ms */
} outbox_tally_t;
/* A step through all pending items. True while there are more: others who ask come between. */
bool journal_tally(journal_reader_t *self, outbox_tally_t *tally);

#endif
