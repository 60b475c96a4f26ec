/* What a lane is answered (ask.h): by a worker what it found, or by authd which of the grants are
 * none any more. The body of a reply with status 200.
 *
 * Reading trusts nobody. Threading: no state, any thread. */
#ifndef POSTERN_STREAM_FOUND_H
#define POSTERN_STREAM_FOUND_H

#include "common/stream/ask.h"

typedef enum {
    FOUND_FRAMES = 1, /* perhaps none: all up to UPTO */
    FOUND_REFUSED,    /* by authd: grants that are none any more. Nothing was looked for */
    FOUND_RENEW,      /* a bare feed of a generation that is not known: ask with the grants */
    FOUND_MOVED,      /* another journal, or another shard, than the feed's: look for the targets */
    FOUND_RESET,      /* a page's position is not of this history */
    FOUND_SPAN,       /* frames of a span, and behind them a standing_t for each of its rows */
    FOUND_LISTED,     /* by authd: what a stream of several has, listed_t; opens it, too */
    FOUND_HINTS,      /* hint_t's: by authd; or, of deliveries, by a worker, with a reset where the
                         changes behind those that are known are not known any more */
    FOUND_LOG,        /* of a log frames, the newest first: LOG the delivery's number, SEQUENCE its
                         time, ms since 1970, JSON the delivery. POSITION, where it is tagged: the
                         time up to which it was looked, since it was enough. A reset: there are
                         more targets than were looked at */
    FOUND_NAMES,      /* by authd: listed_t's, with targets and labels */
    FOUND_KINDS
} found_kind_t;

typedef enum { RESET_NONE, RESET_EXPIRED, RESET_REPLACED } reset_t;

typedef struct {
    found_kind_t kind;
    bool more; /* a page, a span: there is more behind it. A list: it is another one */
    reset_t reset;
    uint32_t generation; /* of hints: whether the reader may see how the ring fares; of
                            deliveries the worker's process */
    uuid_t7 journal;
    uint32_t shard, shards;
    uint64_t after, upto; /* a feed's; of a page UPTO: what the target has up to there is given. A
                             list's AFTER: its digest; UPTO: when the stream ends, in milliseconds
                             since 1970; 0: not. Of hints AFTER: as the ask's, from here on. Of a
                             log AFTER: the log sequence that comes next, with MORE; UPTO: how many
                             deliveries were looked at */
    position_t position;  /* a page's: behind its frames, or where a reset goes on. A feed's and a
                             span's: the log sequence UPTO with the tag of the record there */
    mark_t mark;          /* a span's: of that record */
    uint32_t count;       /* frames, refused grants, or rows of a list */
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

/* In the log sequence of a span's frame: the record has been brought there by a reshard. */
#define FRAME_MOVED (UINT64_C(1) << 63)

/* Where a target of a span stands before the frames, and why that is not where it was asked for. */
typedef struct {
    position_t position;
    reset_t reset;
} standing_t;

void standing_write(const standing_t *standing, bytes_t *out);
/* The next behind the frames of found->rows. */
bool standing_read(bytes_in_t *in, standing_t *standing);

/* A target of a stream of several. One whose grant is of an operation of authd's own is no target:
 * it is the right to ask for the list (ASK_LIST). */
enum { LISTED_LABEL = 1024, LISTED_MOST = 1000, LISTED_NAMED = 64 };
typedef struct {
    grant_t grant;
    slice_t label; /* what events say of it: an object of JSON, in one line */
} listed_t;

void listed_write(const listed_t *listed, bytes_t *out);
/* False, too, when a label is not one line of UTF-8 in braces. */
bool listed_read(bytes_in_t *in, listed_t *listed);

/* A refused grant: which, and why (an error_code_t). */
void refused_write(uint32_t index, unsigned error, bytes_t *out);
bool refused_read(bytes_in_t *in, uint32_t *index, unsigned *error);

/* Makes one line of a JSON text: its line ends are white space outside of strings. */
void frame_flatten(char *json, size_t len);

#endif
