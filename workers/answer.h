/* From a job that is done to its reply on the wire, and the batches of these. Threading: the main
 * thread's. */
#ifndef POSTERN_ANSWER_H
#define POSTERN_ANSWER_H

#include "workers/drain.h"
#include "workers/history.h"

typedef struct answering {
    journal_t *journal;
    shard_t shard;
    wire_batch_t *batch, *interim;
    json_out_t body;
    void *engine; /* the worker's, for operations that ask it; or NULL */
    const struct worker_engine *calls;
    size_t read_bytes; /* of history since answer_drain began */
} answering_t;

/* The most history that one drain is answered with; past it 503 overloaded. */
enum { ANSWER_READ_BYTES = 16 << 20 };

void answer_open(answering_t *self, journal_t *journal, const shard_t *shard);
void answer_close(answering_t *self);

/* What a caller that waits is sent: a JSON object or array, or a JSON string, which is a text. Says
 * so in the reply. */
void answer_say_text(wire_reply_t *reply, slice_t json);

/* Sends the replies of a drain whose entries the writer has finished, each batch to where it came
 * from followed by its credit, and counts the outcomes. */
void answer_drain(answering_t *self, drain_t *drain);

#endif
