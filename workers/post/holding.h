/* Readings that found nothing and wait for something to be stored: held, and looked at again when a
 * record of their target was stored, by whoever (a request, a handler's reply), or when their time
 * is over.
 *
 * What was stored is learned from the journal's log itself (journal_scan), on the journal's thread
 * and only while something is held: nobody else pays for it but by one look at the count of held
 * readings in each turn of the loop.
 *
 * Limit: HOLDING_MOST; past it a reading is answered at once.
 *
 * Threading: the main thread's. */
#ifndef POSTERN_WORKERS_POST_HOLDING_H
#define POSTERN_WORKERS_POST_HOLDING_H

#include "workers/journal/journal.h"

#include <sys/queue.h>

struct reading;

enum {
    HOLDING_MOST = 1024,
    HOLDING_TURN_MS = 100, /* how exact the ends are */
    HOLDING_BUCKETS = 256,
};

/* A held reading's place. */
typedef struct held {
    LIST_ENTRY(held) link;
    struct reading *reading;
    uuid_t7 target;
    bool any;         /* wakes for records of every target */
    uint64_t tip;     /* journal_tip before it was looked at */
    int64_t until_ms; /* clock_ms () */
} held_t;

typedef LIST_HEAD(, held) held_list_t;

typedef struct holding {
    journal_t *journal;
    /* Looks at a reading again; false: it cannot be asked, and stays. */
    bool (*wake)(struct reading *reading);
    /* Its time is over. */
    void (*expire)(struct reading *reading);
    held_list_t any, by_target[HOLDING_BUCKETS];
    unsigned len, targets; /* held; of these those of one target */
    uint64_t seen;         /* the tip for which ANY was woken */
    uint64_t scanned;      /* records before it have woken the others */
    struct waking *waking; /* a scan that is under way, or NULL */
    int64_t expired_ms;    /* when the ends were looked at last */
} holding_t;

/* JOURNAL is borrowed. */
void holding_open(holding_t *self, journal_t *journal, bool (*wake)(struct reading *),
                  void (*expire)(struct reading *));
/* Ends the holding of all readings, without expire. */
void holding_close(holding_t *self);

typedef enum {
    HOLDING_HELD,
    HOLDING_NOT,  /* its time is over, or HOLDING_MOST are held */
    HOLDING_STALE /* something was stored meanwhile: it is to be looked at again */
} holding_added_t;

/* Holds a reading by its place, whose reading, target, any, tip and until_ms are set. */
holding_added_t holding_add(holding_t *self, held_t *held, int64_t now_ms);
void holding_remove(holding_t *self, held_t *held);

/* In each turn of the loop, after journal_turn. ALL: the time of all is over. */
void holding_turn(holding_t *self, int64_t now_ms, bool all);

#endif
