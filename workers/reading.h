/* A request that reads the journal, detached from the batch with which it came: the batch is
 * answered and gets its credit, and the reading has its reply when the journal's thread has carried
 * it out. It is asked when what came before it is stored.
 *
 * Limits: as many as the journal takes (JOURNAL_ASKED), and READING_BYTES of what has been read and
 * no router has taken yet; past either 503 overloaded.
 *
 * Threading: the main thread's, but look. */
#ifndef POSTERN_READING_H
#define POSTERN_READING_H

#include "workers/drain.h"
#include "workers/json_out.h"

#include <sys/queue.h>

/* Which shard this is, for the ids that are shown. */
typedef struct {
    unsigned shard, shards;
} shard_t;

enum { READING_BYTES = 16 << 20 };

typedef LIST_HEAD(, reading) readings_t;

typedef struct reading {
    /* The operation's, each NULL or a step; a step that refuses is the last. When it is asked: */
    void (*begin)(struct reading *self, const struct answering *with);
    /* By the journal's thread: looks at nothing but what the reading has, and has no memory that
     * only it would free, as journal_try wants it. */
    void (*look)(struct reading *self, journal_reader_t *reader);
    /* When that has been done. */
    void (*end)(struct reading *self, const struct answering *with);

    uuid_t7 target;
    struct {
        uint64_t from;   /* first sequence, 0: the oldest */
        uint64_t before; /* the sequence at which it ends, 0: with the newest */
        unsigned limit;  /* most messages */
    } history;
    void *own;       /* the operation's, from malloc: freed with the reading */
    json_out_t rows; /* room to write in, likewise */
    json_out_t body; /* the answer */

    /* From here on reading.c's, to others only to read. */
    struct answering *with;
    shard_t shard;
    error_code_t error;
    char *reason;
    bool late; /* its time was up before it was looked at */
    LIST_ENTRY(reading) next;
    link_t *link;
    peer_t *peer;
    uuid_t7 id;
    uint64_t origin;
    uint32_t attempt;
    int64_t deadline_ms;
    size_t held; /* bytes of BODY that are counted */
    size_t facts_len;
    char facts[WIRE_FACTS_TEXT];
} reading_t;

/* Makes a job a JOB_READ. */
reading_t *reading_new(job_t *job);
void reading_destroy(reading_t **self_p);

/* Refuses it; REASON is copied, NULL for the table's text. */
void reading_refuse(reading_t *self, error_code_t error, const char *reason);

/* Detaches the reading of a JOB_READ and asks; another attempt of one that is asked takes its
 * place. False when there are too many. */
bool reading_ask(struct answering *with, const drain_batch_t *to, job_t *job);

#endif
