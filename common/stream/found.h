/* What a lane is answered (ask.h): by a worker what it found, or by authd which of the grants are
 * none any more. The body of a reply with status 200.
 *
 * Reading trusts nobody. Threading: no state, any thread. */
#ifndef POSTERN_STREAM_FOUND_H
#define POSTERN_STREAM_FOUND_H

#include "common/stream/bytes.h"
#include "common/stream/position.h"

typedef enum {
    FOUND_FRAMES = 1, /* perhaps none: all up to UPTO */
    FOUND_REFUSED,    /* by authd: grants that are none any more. Nothing was looked for */
    FOUND_RENEW,      /* a bare feed of a generation that is not known: ask with the grants */
    FOUND_MOVED,      /* another journal, or another shard, than the feed's: look for the targets */
    FOUND_RESET,      /* a page's position is not of this history */
    FOUND_KINDS
} found_kind_t;

typedef enum { RESET_NONE, RESET_EXPIRED, RESET_REPLACED } reset_t;

typedef struct {
    found_kind_t kind;
    bool more; /* a page: there is more behind it */
    reset_t reset;
    uint32_t generation;
    uuid_t7 journal;
    uint32_t shard, shards;
    uint64_t after, upto; /* a feed's; of a page UPTO: what the target has up to there is given */
    position_t position;  /* a page's: behind its frames, or where a reset goes on */
    uint32_t count;       /* frames, or refused grants */
    slice_t rows;
} found_t;

void found_write(const found_t *found, bytes_t *out);
bool found_read(slice_t body, found_t *found);

/* What a record does. On the way the JSON of an edit has one blank before it, and that of a
 * deletion two, which are nothing to who does not look at them. */
typedef enum { FRAME_MESSAGE, FRAME_EDIT, FRAME_DELETE, FRAME_KINDS } frame_kind_t;

/* One record. */
typedef struct {
    frame_kind_t kind;
    uint64_t sequence, log;
    uint32_t tag;
    uuid_t7 target;
    slice_t json; /* in one line */
} frame_t;

void frame_write(const frame_t *frame, bytes_t *out);
/* The next of found->rows. */
bool frame_read(bytes_in_t *in, frame_t *frame);

/* A refused grant: which, and why (an error_code_t). */
void refused_write(uint32_t index, unsigned error, bytes_t *out);
bool refused_read(bytes_in_t *in, uint32_t *index, unsigned *error);

/* Makes one line of a JSON text: its line ends are white space outside of strings. */
void frame_flatten(char *json, size_t len);

#endif
