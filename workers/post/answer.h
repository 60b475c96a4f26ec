/* Makes the replies of jobs that are done, and the batches of replies. Threading: the main
 * thread's. */
#ifndef POSTERN_WORKERS_POST_ANSWER_H
#define POSTERN_WORKERS_POST_ANSWER_H

#include "workers/post/drain.h"
#include "workers/post/history.h"
#include "workers/post/interest.h"
#include "workers/post/slicing.h"

typedef struct answering {
    journal_t *journal;
    shard_t shard;
    wire_batch_t *batch, *interim;
    link_t *link; /* where the batch goes, when it has something */
    peer_t *peer;
    json_out_t body;
    void *engine; /* the worker's, for operations that ask it; or NULL */
    const struct worker_engine *calls;
    readings_t readings;    /* that are asked or held, or whose answer is put off */
    struct replay *replays; /* under way, in their order (replay.h) */
    holding_t holding;
    slicing_t slicing; /* those of them that are sliced */
    interests_t interests;
} answering_t;

/* JOURNAL and what ENGINE points to are borrowed, and outlive SELF. */
void answer_open(answering_t *self, journal_t *journal, const shard_t *shard);
void answer_close(answering_t *self);

/* Marks the reply to a caller that waits by FACT_TEXT when JSON, its body, is a JSON string, which
 * goes out as a text. */
void answer_say_text(wire_reply_t *reply, slice_t json);

/* Sends the replies of a drain whose entries the writer has finished, each batch to where it came
 * from followed by its credit, asks for what is to be read, and counts the outcomes. */
void answer_drain(answering_t *self, drain_t *drain);
/* Sends the replies of what has been read, and of what was held for long enough. STOPPING: of all
 * that is held. */
void answer_turn(answering_t *self, bool stopping);
/* Tells at once that a reply comes later. Within answer_drain to where the batch came from alone.
 */
void answer_add_interim(answering_t *self, link_t *link, peer_t *peer, const wire_reply_t *reply);

/* Adds a reply to the batch in the making; the body, or NULL, is moved. Sent by answer_drain and
 * answer_turn. */
void answer_add(answering_t *self, link_t *link, peer_t *peer, const wire_reply_t *reply,
                zmq_msg_t *body);

#endif
