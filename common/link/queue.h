/* A bounded queue of request entries between two hops: in the order of arrival, each id once, each
 * entry with the time at which it expires. authd keeps one per router, the router one a shard.
 *
 * An entry whose id is queued already takes the place of the queued one when its attempt is higher,
 * and is dropped when it is not. Threading: one thread. Bytes are those of entries and bodies, and
 * a constant for each entry. */
#ifndef POSTERN_QUEUE_H
#define POSTERN_QUEUE_H

#include "common/wire/wire.h"

typedef struct queue queue_t;

/* The most that a queue holds; an entry beyond either is QUEUE_FULL. */
typedef struct {
    unsigned messages;
    uint64_t bytes;
} queue_limits_t;

queue_t *queue_new(queue_limits_t limits);
void queue_destroy(queue_t **self_p);

typedef enum {
    QUEUE_ADDED,
    QUEUE_REPLACED, /* a newer attempt took the place of an older one */
    QUEUE_STALE,    /* an attempt as new is queued already: dropped */
    QUEUE_EXPIRED,  /* no time left: dropped */
    QUEUE_FULL,     /* not taken; refuse it */
} queue_put_t;

/* Copies the entry with its small body, or moves BODY, the frame of its body (in all cases but
 * QUEUE_FULL, where the caller keeps BODY). now_us: clock_us (). */
queue_put_t queue_put(queue_t *self, const wire_request_t *request, zmq_msg_t *body,
                      int64_t now_us);

/* The same of an entry that has come over the wire, and goes on as it came. */
queue_put_t queue_pass(queue_t *self, const wire_request_t *request, zmq_msg_t *body,
                       int64_t now_us);

/* Lets the queued entry of this id, if there is one, go in a batch of its own. */
void queue_set_alone(queue_t *self, const uuid_t7 *id);
/* Whether the oldest entry is to go alone. */
bool queue_first_alone(const queue_t *self);

/* What is remembered of an entry that has gone. */
typedef struct {
    uuid_t7 id;
    uint64_t origin;
    uint32_t attempt;
    unsigned op;
} queue_note_t;

/* The notes of a batch; zeroed: none. They grow as needed and are freed by queue_notes_free. */
typedef struct {
    queue_note_t *note;
    unsigned len, room;
} queue_notes_t;
void queue_notes_free(queue_notes_t *self);

/* Moves as many entries as fit into one batch, oldest first, taking their residence off the time
 * left and dropping expired ones. Returns how many were moved. NOTES, which may be NULL, are
 * overwritten with notes of the moved entries. */
unsigned queue_take(queue_t *self, wire_batch_t *batch, int64_t now_ms, queue_notes_t *notes);

/* Drops what has expired; call it each second. Returns how many. */
unsigned queue_expire(queue_t *self, int64_t now_ms);

/* Entries that wait. */
unsigned queue_len(const queue_t *self);
/* When the first entry came (the now_us of its first attempt); 0 when there is none. */
int64_t queue_oldest_us(const queue_t *self);
uint64_t queue_bytes(const queue_t *self);

#endif
