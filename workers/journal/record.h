/* A record of the journal: one stored message or event. Its encoding is the same for every engine
 * and is written straight into the engine's memory, so that no copy of it is ever put together.
 *
 * Layout, version 1, numbers little-endian: version, flags, method, environment (1 byte each); op,
 * length of name, length of access, 0 (2 each); lengths of params, headers, body (4 each);
 * sequence, previous, time, running (8 each); id, user, target (16 each); then name, access,
 * params, headers, body. Version 2, which only a reshard writes, has number (8) before name.
 * Version 3, of an event with a message beside it, has number (8) and the length of message (4)
 * before name, and message behind body. Version 4, of what belongs to another message or can be
 * found by a key of its sender's, has behind these two: thread, root, root_number, root_ms (8
 * each), revision, more (4 each), key (16). One that is for some users alone is of version 4, too,
 * and stands there as one that was erased, which is how who does not know of that reads it: without
 * a body, and in the place of message are the lengths of audience and of body (4 each), then
 * audience, body and message; of the flags MESSAGE and ERASED stand in more.
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_WORKERS_JOURNAL_RECORD_H
#define POSTERN_WORKERS_JOURNAL_RECORD_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    RECORD_MESSAGE = 1,  /* there is a message object (JSON): message, or the body without it */
    RECORD_EVENT = 2,    /* an incoming webhook: the body is whatever came */
    RECORD_DELIVER = 4,  /* the target's handler is to be called for the record (outbox.h) */
    RECORD_REPLY = 8,    /* what a handler answered; headers are a record_cause_t's */
    RECORD_FAILED = 16,  /* a format could not make the event's message: MESSAGE says why */
    RECORD_EDIT = 32,    /* a revision of the message that root names: all of it anew */
    RECORD_DELETE = 64,  /* with EDIT: from here on there is no such message */
    RECORD_ERASED = 128, /* params, headers, body and message were removed */
};

enum {                       /* more */
       RECORD_IN_PARENT = 1, /* of a thread, and shown beside it, too */
       RECORD_NARROWED = 2,  /* for the users of audience, and who has posted it, alone */
};

enum { RECORD_KEY = 16, RECORD_AUDIENCE = 101 /* most users: those named, and one more */ };

typedef struct {
    unsigned flags, op, method, environment;
    uint64_t sequence;  /* in the target, from 1; the journal sets it */
    uint64_t previous;  /* log sequence of the target's former record, 0: none; set likewise */
    int64_t time_ms;    /* wall clock of the store */
    int64_t running_ms; /* the journal's running clock; the journal sets it */
    uint64_t number;    /* the public one, which a reshard keeps; 0: it follows from the log's */
    uuid_t7 id, user, target;
    slice_t name;            /* who sent it, as shown */
    slice_t access;          /* the target as the sender named it: channel, bot, app-id */
    slice_t params, headers; /* encoded pairs (common/wire) */
    slice_t body;
    slice_t message; /* that was made of an event, whose body it is not; empty: none */
    /* 0 in most records: */
    uint64_t thread; /* sequence of the message that the thread of this one is about */
    uint64_t root;   /* EDIT: sequence of the message's first record, and what its id is made of: */
    uint64_t root_number;
    int64_t root_ms;
    uint32_t revision; /* EDIT: from 1 */
    uint32_t more;
    slice_t audience;        /* NARROWED: ids of users, UUID_BYTES each */
    int64_t edited_ms;       /* time of the revision, where it was put together; not stored */
    uint8_t key[RECORD_KEY]; /* hash of the user and the sender's message_key */
} record_t;

/* Whether it has a key. */
static inline bool record_is_keyed(const record_t *self)
{
    static const uint8_t none[RECORD_KEY];
    return memcmp(self->key, none, RECORD_KEY) != 0;
}

/* Whether it belongs to another message, or is found by a key. */
static inline bool record_is_related(const record_t *self)
{
    return self->root || self->thread || record_is_keyed(self);
}

/* Whether USER may see it, of those who may read its target. */
static inline bool record_is_for(const record_t *self, const uuid_t7 *user)
{
    bool is = !(self->more & RECORD_NARROWED) || uuid_eq(&self->user, user);
    for (size_t at = 0; !is && at + UUID_BYTES <= self->audience.len; at += UUID_BYTES)
        is = memcmp(self->audience.data + at, user->bytes, UUID_BYTES) == 0;
    return is;
}

/* The message object of a record with RECORD_MESSAGE. */
static inline slice_t record_message(const record_t *self)
{
    return self->message.len ? self->message : self->body;
}

/* The event that a reply answers: log sequence and id. A reshard gives the event another log
 * sequence, so who looks the event up compares the id. */
enum { RECORD_CAUSE = 8 + UUID_BYTES };
slice_t record_cause_write(uint64_t log, const uuid_t7 *id, char bytes[RECORD_CAUSE]);
/* Reads the cause of a reply; false when the record has none. */
bool record_cause(const record_t *self, uint64_t *log, uuid_t7 *id);

/* Sequence of the first record of its message. */
static inline uint64_t record_root(const record_t *self)
{
    return self->flags & RECORD_EDIT ? self->root : self->sequence;
}

/* Leaves its content out. A reply keeps its headers, which name its event. */
static inline void record_erase(record_t *self)
{
    self->flags |= RECORD_ERASED;
    self->params = self->body = self->message = slice("", 0);
    if (!(self->flags & RECORD_REPLY))
        self->headers = slice("", 0);
}

/* Gives a revision number and time of the message that it is of, and its own time as edited_ms;
 * leaves what is none, and what has them, alone. */
static inline void record_identify(record_t *self)
{
    if (!(self->flags & RECORD_EDIT) || self->edited_ms)
        return;
    self->edited_ms = self->time_ms;
    self->number = self->root_number;
    self->time_ms = self->root_ms;
}

size_t record_size(const record_t *self);

/* Writes record_size bytes to TO. name and access must be shorter than 64 KiB, the rest than 4 GiB.
 */
void record_write(const record_t *self, void *to);

/* Reads a record; the slices point into ENCODED. 0, or -1 when ENCODED is no record (a damaged
 * file). */
int record_read(record_t *self, slice_t encoded);
/* The running clock of one of whose bytes there are the first RECORD_HEAD; 0: there are less. */
enum { RECORD_HEAD = 104 };
uint64_t record_stored_ms(slice_t head);
/* The operation of one, likewise. */
unsigned record_op(slice_t head);

#endif
