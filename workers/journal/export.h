/* What a journal holds, entry by entry, in words of no engine: what an export gives, an import
 * takes. A reshard merges exports into imports (workers/store/merge.h), a census adds up what they
 * give (workers/journal/census.h).
 *
 * What goes along: each target's sequences and the range of them, also where retention has emptied
 * it; times, ids and the public numbers of records; the ids and dedupe keys that were seen, with
 * the time they have left; deliveries, with their state, attempts and due times; what is kept of
 * handlers, and what targets keep. What does not: the journal's UUID, and, but into the same shard
 * of as many (keeps), the place of a record in the log, for which its public number stands.
 *
 * Threading: one thread; the journals are open nowhere else, but for an export beside a worker,
 * which gives what was committed when it began. */
#ifndef POSTERN_WORKERS_JOURNAL_EXPORT_H
#define POSTERN_WORKERS_JOURNAL_EXPORT_H

#include "workers/journal/outbox_next.h"

typedef struct {
    char kind[17];
    unsigned shard, shards;
    uuid_t7 uuid;
    uint64_t records, keys, running_ms;
    uint64_t numbers; /* the public numbers of its records are below it */
    uint64_t bytes;   /* that it takes on the disk */
} journal_facts_t;

/* In the order in which they are exported; those of records as they were stored. */
typedef enum {
    EXPORT_RECORD,
    EXPORT_KEY,
    EXPORT_TARGET,
    EXPORT_HANDLER,
    EXPORT_HEALTH,
    EXPORT_RETENTION,
    EXPORT_KINDS
} export_kind_t;

typedef struct {
    export_kind_t kind;
    bool placed;    /* TARGET is known; false: of a key whose record retention has removed */
    uuid_t7 target; /* of all kinds */

    record_t record; /* RECORD; previous says nothing */
    uint64_t log;    /* RECORD: its place in the exported journal */
    bool seen;       /* RECORD: its id is remembered, with ANSWER */
    bool delivers;   /* RECORD: it has an item, which is this: */
    bool replied;    /* the reply of its handler is stored */
    outbox_course_t course;
    uint64_t stored_ms;
    unsigned attempts_len; /* kept; the last has the number course.attempts or less */
    uint64_t numbers[OUTBOX_ATTEMPTS];
    outbox_attempt_t attempts[OUTBOX_ATTEMPTS];

    slice_t name; /* KEY */
    uint8_t hash[JOURNAL_HASH];
    uint64_t running_ms;     /* when it was stored */
    journal_answer_t answer; /* KEY, RECORD: log has JOURNAL_NUMBER */

    journal_range_t range; /* TARGET */
    slice_t bytes;         /* HANDLER, HEALTH, RETENTION */
} journal_exported_t;

/* The journal at PATH. NULL with the reason in err. */
typedef struct journal_export journal_export_t;
journal_export_t *journal_export_new(const char *path, char *err, size_t err_size);
void journal_export_destroy(journal_export_t **self_p);
const journal_facts_t *journal_export_facts(const journal_export_t *self);
/* Moves all times on, as if the running clock stood at RUNNING_MS, which is at or after facts'. */
void journal_export_rebase(journal_export_t *self, uint64_t running_ms);
/* *ENTRY: the next one, valid until the next call; NULL at the end. Sees on the way that each
 * record is where its target's index and chain look for it, and that nothing is left over. 0, or -1
 * with the reason in err. */
int journal_export_next(journal_export_t *self, const journal_exported_t **entry, char *err,
                        size_t err_size);

/* A new journal, made of entries of exports that were rebased to the same time. */
typedef struct journal_import journal_import_t;
typedef struct {
    const char *path;
    const char *kind;
    unsigned shard, shards;
    uint64_t numbers;    /* no public number at or above it was given out */
    uint64_t running_ms; /* what its running clock begins with: that of the exports */
    uint64_t bytes;      /* that the exported journals take */
    bool keeps;          /* it is made of one journal of the same shard, whose records keep their
                            places; the next one's follows from NUMBERS */
} journal_import_options_t;
/* NULL with the reason in err. */
journal_import_t *journal_import_new(const journal_import_options_t *options, char *err,
                                     size_t err_size);
/* Takes an entry of one of its targets, or a key without a target: records before anything else,
 * the oldest first. 1: the key is there already; 0, or -1 with the reason in err. */
int journal_import(journal_import_t *self, const journal_exported_t *entry, char *err,
                   size_t err_size);
/* After the last entry: makes all of it durable. 0, or -1 with the reason in err. */
int journal_import_end(journal_import_t *self, char *err, size_t err_size);
void journal_import_destroy(journal_import_t **self_p);

#endif
