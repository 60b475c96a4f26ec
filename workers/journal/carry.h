/* A journal on its way from one engine to the other, whose programs are two: exported entries, and
 * what the two say to each other, as frames in a stream socket between processes of one host and
 * one version.
 *
 * Threading: one thread. What a frame's bytes are is the receiver's until its next call. */
#ifndef POSTERN_WORKERS_JOURNAL_CARRY_H
#define POSTERN_WORKERS_JOURNAL_CARRY_H

#include "workers/journal/census.h"

typedef enum {
    CARRY_FAILED = 'x', /* a text: why the other one goes no further */
    CARRY_LOOK = 'l',   /* to PostgreSQL: the kind's state; answered by the same */
    CARRY_SET = 's',    /* carry_state_t: the kind has it from now on; answered by DONE */
    CARRY_HOLD = 'h',   /* carry_shard_t: take the shard; answered by FACTS */
    CARRY_TAKE = 't',   /* journal_facts_t: what comes; entries follow, and END */
    CARRY_GIVE = 'g',   /* answered by FACTS, entries and END */
    CARRY_FACTS = 'f',  /* carry_facts_t */
    CARRY_ENTRY = 'e',
    CARRY_END = 'n', /* census_t */
    CARRY_DONE = 'd',
} carry_kind_t;

/* What a database says of the journals of a kind. */
typedef enum {
    CARRY_NONE,     /* the kind has none there */
    CARRY_READY,    /* workers may use them */
    CARRY_INCOMING, /* not all is there */
    CARRY_MOVED,    /* they are with the other engine */
} carry_place_t;

typedef struct {
    carry_place_t place;
    unsigned shards;
    uuid_t7 installation;
} carry_state_t;

typedef struct {
    unsigned shard;
    bool fresh; /* nothing may be there */
} carry_shard_t;

typedef struct {
    journal_facts_t facts;
    uint64_t epoch;       /* of the taking */
    bool empty;           /* nothing was ever stored */
    journal_facts_t came; /* of the journal that all of it is a copy of; without one: zeros */
} carry_facts_t;

typedef struct carry carry_t;
/* Over the descriptor FD, which stays the caller's. */
carry_t *carry_new(int fd);
void carry_destroy(carry_t **self_p);

/* Sends a frame, soon; carry_flush: now. A receiver that is gone shows in carry_next. */
void carry_send(carry_t *self, carry_kind_t kind, slice_t bytes);
void carry_entry(carry_t *self, const journal_exported_t *entry);
void carry_flush(carry_t *self);
/* Whether the receiver is gone, as far as it has shown. */
bool carry_is_broken(const carry_t *self);
/* Sends a text as CARRY_FAILED. */
void carry_fail(carry_t *self, const char *text);

/* The next frame. 0, or -1 with the reason in err: the other one is gone. */
int carry_next(carry_t *self, carry_kind_t *kind, slice_t *bytes, char *err, size_t err_size);
/* One of KIND, and SIZE bytes, which are copied to TO; what was FAILED is the reason. */
int carry_expect(carry_t *self, carry_kind_t kind, void *to, size_t size, char *err,
                 size_t err_size);
/* The entry of an ENTRY's bytes, to which it points. -1: it is none. */
int carry_read(slice_t bytes, journal_exported_t *entry);

/* Leaves out what the journal does not remember any more at RUNNING_MS, though it is there: an
 * engine removes such things when it comes by; and what follows from settings. DELIVERY_MS: how
 * long deliveries that have ended are kept. False: all of the entry is. */
bool carry_settle(journal_exported_t *entry, uint64_t running_ms, uint64_t delivery_ms);

#endif
