/* The position of a stream of several targets: for each shard that it reads a place in the log, up
 * to which all is given.
 *
 * As text: "~c4.73692-1q3fd9k..3965-0000007.12_3kq0d51~b1.77": for each kind of worker its first
 * letter and count of shards, and behind a point each shard's place, nothing for one that is not
 * read: the log sequence, and the tag of the record there (position.h), behind "_" instead of "-"
 * where a reshard has brought the record (mark_t), or none.
 *
 * Threading: an object belongs to one thread. */
#ifndef POSTERN_GATEWAY_STREAM_VECTOR_H
#define POSTERN_GATEWAY_STREAM_VECTOR_H

#include "common/base/ops.h"
#include "common/stream/ask.h"

enum { VECTOR_SHARDS = 256 /* most of a kind */ };

typedef struct {
    bool there;
    uint64_t log;
    uint32_t tag;
    mark_t mark;
} vector_place_t;

/* Zero-initialised is empty. */
typedef struct {
    unsigned shards[WORKER_KINDS]; /* 0: nothing of the kind */
    vector_place_t *place[WORKER_KINDS];
} vector_t;

/* Makes room for the kind, whose places are empty then. */
void vector_make(vector_t *self, op_owner_t kind, unsigned shards);
void vector_free(vector_t *self);

/* Appends the text. */
void vector_write(const vector_t *self, bytes_t *out);
/* False: TEXT is none, and SELF is empty. */
bool vector_read(slice_t text, vector_t *self);

#endif
