/* What a journal must be, in memory: the rules of workers/journal/journal.h and outbox.h in the
 * simplest words there are, against which an engine is compared. Where the interface leaves
 * something open (when an old id is forgotten, when an old record goes) the model follows the
 * engine, within what is allowed.
 *
 * It has no pointers, so that it can be in memory that several processes share. Threading: none. */
#ifndef POSTERN_CONFORMANCE_MODEL_H
#define POSTERN_CONFORMANCE_MODEL_H

#include "tests/conformance/subject.h"

enum {
    MODEL_TARGETS = 3,
    MODEL_KEYS = 6,
    MODEL_RECORDS = 320,
    MODEL_NOTES = 12,
    MODEL_ATTEMPTS = 48,
    MODEL_REPLY = 100000, /* the reply to the event at LOG has the id LOG + MODEL_REPLY */
};

/* Something to be stored. */
typedef struct {
    unsigned target, id, key, hash; /* key: 0: none */
    bool refused, deliver;
    unsigned answer;
    int64_t time_ms;
} offer_t;

/* A record, and the item that it may be. Its log sequence is its place in the model, from 1. */
typedef struct {
    unsigned target, id, flags, answer;
    uint64_t sequence, running_ms;
    int64_t time_ms;
    bool retired;
    outbox_state_t state; /* 0: no item */
    bool replied;
    unsigned made, attempts;
    uint64_t order, due_ms, first_ms, done_ms, stored_ms;
    uint8_t status[MODEL_ATTEMPTS]; /* of each attempt, from 1 */
} model_record_t;

typedef struct {
    uint64_t log; /* 0: not there */
    unsigned hash;
    uint64_t running_ms;
} model_key_t;

typedef struct {
    note_kind_t kind;
    uint64_t log, due_ms, now_ms;
    outbox_state_t state;
    bool keeps_place, attempted, replies;
    unsigned target, status, bytes; /* bytes: what is kept of a handler or its health; 0: nothing */
} model_note_t;

typedef struct {
    subject_options_t options;
    uint64_t running_ms;
    model_record_t records[MODEL_RECORDS];
    unsigned len;
    model_key_t keys[MODEL_KEYS + 1];
    unsigned handlers[MODEL_TARGETS], health[MODEL_TARGETS];
    model_note_t notes[MODEL_NOTES]; /* given, and perhaps not committed */
    unsigned notes_len;
} model_t;

/* The outcomes that are allowed now, a bit each; ROOM: whether there is room. *log: the log
 * sequence that the answer must have. */
unsigned model_allows(const model_t *self, const offer_t *offer, bool room, uint64_t *log);
void model_store(model_t *self, const offer_t *offer);

/* Applies the first COUNT of the notes, and forgets them. */
void model_apply(model_t *self, unsigned count);

/* Whether retention may have removed the record, or forgotten the item, by now, or will within
 * SOON_MS. */
bool model_may_retire(const model_t *self, uint64_t log, uint64_t soon_ms);
bool model_may_forget(const model_t *self, uint64_t log, uint64_t soon_ms);

static inline model_record_t *model_at(model_t *self, uint64_t log)
{
    return &self->records[log - 1];
}

#endif
