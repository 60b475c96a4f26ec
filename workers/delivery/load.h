/* What a lane takes of the outbox in one go: items that are due, and the events that they deliver.
 * A thread of the journal reads them while the loop goes on.
 *
 * Threading: the main thread; what the thread uses of a load is the load's own. */
#ifndef POSTERN_WORKERS_DELIVERY_LOAD_H
#define POSTERN_WORKERS_DELIVERY_LOAD_H

#include "workers/journal/outbox.h"

enum {
    LOAD_ITEMS = 32,       /* most that one brings */
    LOAD_BYTES = 64 << 10, /* of events, past which no other one is read */
    LOAD_AGAIN_MS = 1000,  /* after a read that a server refused */
};

/* An item that the lane has in memory already: it is passed over, or, in order, nothing goes past
 * it before it has ended. */
typedef struct {
    uint64_t log;
    bool ended;
} load_known_t;

typedef struct {
    outbox_due_t due;
    char *event; /* a record as record_write has it, from malloc; NULL: it cannot be read */
    size_t event_len;
} loaded_t;

typedef struct load {
    /* What is asked for. */
    uuid_t7 target;
    bool ordered;      /* one at a time */
    bool events;       /* with their events */
    uint64_t now_ms;   /* running clock: items that are due by then */
    unsigned most;     /* items; up to LOAD_ITEMS */
    void *owner, *arg; /* the asker's; owner NULL: nobody wants it any more */
    load_known_t *known;
    uint64_t *known_logs; /* the same, without the rest */
    size_t known_len, known_room;
    /* What was found. */
    loaded_t items[LOAD_ITEMS];
    unsigned len;
    bool more;        /* there are other ones */
    uint64_t look_ms; /* when the next one is due; UINT64_MAX: none is */
    /* Between. */
    journal_t *journal;
    unsigned at; /* the item whose event is read */
    bool walked;
    void (*done)(struct load *self, bool dropped);
} load_t;

load_t *load_new(const uuid_t7 *target);
void load_destroy(load_t **self_p);
void load_pass_over(load_t *self, uint64_t log, bool ended);

/* Asks for it; DONE is called by journal_turn, takes the events that it wants, and destroys the
 * load. DROPPED: the journal was stopped. False when the journal is asked too much already. A
 * damaged outbox ends the process; where a server refuses to read it, nothing is found for a
 * moment. Of an event that is damaged the item comes without it. */
bool load_ask(load_t *self, journal_t *journal, void (*done)(load_t *self, bool dropped));

#endif
