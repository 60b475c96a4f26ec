/* A request that reads the journal, detached from the batch with which it came: the batch is
 * answered and gets its credit, and the reading is answered when the journal's thread has carried
 * it out. A reading is asked for (journal_ask) when the requests before it are stored.
 *
 * A reading with a wait whose look has found nothing is held (holding.h): its gateway is told so by
 * INTERIM, and it is looked at again when something is stored for it.
 *
 * Limits: as many readings as the journal takes (JOURNAL_ASKED), and READING_BYTES of answers that
 * no router has taken yet; past either 503 overloaded.
 *
 * Threading: the main thread's, but look. */
#ifndef POSTERN_WORKERS_POST_READING_H
#define POSTERN_WORKERS_POST_READING_H

#include "workers/journal/messages.h"
#include "workers/message/json_out.h"
#include "workers/post/drain.h"
#include "workers/post/holding.h"

#include <sys/queue.h>

/* The worker's shard, for the ids of messages. */
typedef struct {
    unsigned shard, shards;
} shard_t;

enum {
    READING_BYTES = 16 << 20,
    READING_RETURN_MS = 1500, /* before the deadline: a held reading is answered by then */
    READING_SILENT_MS = 900,  /* one that is held for no longer is answered before its gateway
                                 would send it again: it gets no INTERIM */
};

typedef LIST_HEAD(, reading) readings_t;

typedef struct reading {
    /* The operation's steps, each may be NULL; a step that refuses is the last. Before the reading
     * is asked for: */
    void (*begin)(struct reading *self, struct answering *with);
    /* By the journal's thread: uses nothing but the reading, and holds no memory that only this
     * step frees (journal_try). */
    void (*look)(struct reading *self, journal_reader_t *reader);
    /* After look. */
    void (*end)(struct reading *self, const struct answering *with);

    uuid_t7 target;
    uuid_t7 user; /* who reads; nil: the operator, or nobody that is known */
    struct {
        uint64_t from;   /* first sequence, 0: the oldest */
        uint64_t before; /* the sequence before which the page ends, 0: it ends with the newest */
        uint64_t last;   /* only so many, the newest of those that are asked for; 0: all */
        int64_t since_ms, until_ms; /* stored then or later, and before then; -1: whenever */
        unsigned limit;             /* most messages */
        journal_view_t view;
        journal_name_t thread; /* whose sequence VIEW is to have; number 0: none */
    } history;
    int64_t wait_ms; /* how long it is held when there is nothing; 0: not at all */
    bool any;        /* what is stored for other targets wakes it, too */
    bool empty;      /* look's: there was nothing */
    bool later;      /* end's: it is answered by reading_finish (or reading_put_off) */
    void *own;       /* the operation's: freed with the reading, by DROP, or by free without one */
    void (*drop)(void *own);
    bool sliced;     /* look may be called again and again, for a slice each time: */
    bool more;       /* look's: there is more to be done */
    json_out_t rows; /* room to write in, likewise */
    json_out_t body; /* the answer */

    /* From here on reading.c's, read-only for others. */
    struct answering *with;
    shard_t shard;
    error_code_t error;
    char *reason;
    bool late; /* the reading's time was up before look */
    held_t held_at;
    bool told; /* INTERIM was sent to where it is answered */
    LIST_ENTRY(reading) next;
    STAILQ_ENTRY(reading) turn; /* slicing.c's */
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

/* Refuses the reading; REASON is copied, NULL for the table's text. */
void reading_refuse(reading_t *self, error_code_t error, const char *reason);

/* Detaches the reading of a JOB_READ and asks for it; a further attempt of a request whose reading
 * is asked for takes that one's place. False when there are too many readings. */
bool reading_ask(struct answering *with, const drain_batch_t *to, job_t *job);

/* Puts the answer off, from a reading's end, and tells its gateway that it need not send the
 * request again. */
void reading_put_off(reading_t *self);
/* Answers a reading whose end has put that off. */
void reading_finish(reading_t *self);

/* For the holding: looks at a held reading again, or answers it. */
bool reading_wake(reading_t *self);
void reading_expire(reading_t *self);

#endif
