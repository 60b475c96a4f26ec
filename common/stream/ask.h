/* What a lane of the gateway asks of a worker for its streams: the body of a request of
 * channel_feed, bot_feed or extension_feed (docs/PROTOCOL.md, "Streams"). authd judges the grants
 * in it on its way.
 *
 * A feed asks for what was stored for any of a set of targets behind a place in the log; a page for
 * what one target has behind a place in its own order; a span for what several targets of one shard
 * have, each behind a place in its own order, in the order of the log. A list asks authd itself,
 * which of the targets the reader of a stream of all may see; hints (hint.h) ask it what else is
 * new to that reader, and deliveries ask a shard what is new of those of the reader's own targets.
 * A log asks a shard for the newest deliveries of several targets, one's own or others', and names
 * ask authd what those are called that a log has.
 *
 * A grant is a right to read a target that authd gave when a stream was opened, and judges again
 * whenever it passes. Its seal, a MAC that only authds can make, binds it to the token, the target
 * and the client, so that a gateway cannot invent one.
 *
 * Reading trusts nobody: what is malformed is refused as a whole.
 * Threading: no state, any thread. */
#ifndef POSTERN_STREAM_ASK_H
#define POSTERN_STREAM_ASK_H

#include "common/stream/bytes.h"
#include "common/stream/position.h"

enum {
    GRANT_SEAL = 16,
    GRANT_KEY = 32,
    GRANT_CLIENT = 64,
    GRANT_NAME = 256,
    ASK_GRANTS = 20000, /* most in an ask */
};

typedef struct {
    unsigned op; /* under which the stream was opened */
    uuid_t7 token, target;
    uint8_t seal[GRANT_SEAL];
    slice_t client; /* its address */
    slice_t name;   /* the target as it was asked for */
} grant_t;

void grant_seal(const grant_t *grant, const uint8_t key[GRANT_KEY], uint8_t seal[GRANT_SEAL]);
/* In constant time. */
bool grant_is_sealed(const grant_t *grant, const uint8_t key[GRANT_KEY]);
void grant_write(const grant_t *grant, bytes_t *out);
bool grant_read(bytes_in_t *in, grant_t *grant);

typedef enum {
    ASK_FEED = 1,
    ASK_PAGE,
    ASK_SPAN,
    ASK_LIST,
    ASK_HINTS,
    ASK_DELIVERIES,
    ASK_LOG,  /* by the operations of op_gathers, whose request has the filters as parameters */
    ASK_NAMES /* the first grant is the right to it; of the others nothing but their target counts
               */
} ask_kind_t;

enum { ASK_NAMES_MOST = 100 };

enum { PAGE_HOLD_MS = 800 /* less than the time of a resend */ };

/* Where a page begins. */
typedef enum {
    PAGE_NOW = 1, /* behind the last record: tells the position only */
    PAGE_AFTER,   /* behind a position; 0: with the oldest record */
    PAGE_LAST,    /* with the COUNT last records */
    PAGE_TIME,    /* with what was stored at TIME_MS or later */
    PAGE_MARK /* a span's: behind a place in the log of a journal, perhaps of before a reshard */
} page_from_t;

/* What tells whether a place in a log is one of the journal at hand. */
typedef enum {
    MARK_NONE,   /* nothing */
    MARK_STORED, /* the tag of the record there, which was stored there */
    MARK_MOVED,  /* likewise, of one that a reshard has brought there: no other reshard knows it */
    MARK_KINDS
} mark_t;

/* A row of a span. */
typedef struct {
    grant_t grant;
    page_from_t from;
    uint64_t at; /* AFTER: a sequence; MARK: a log sequence */
    uint32_t tag;
    mark_t mark;
} span_row_t;

void span_row_write(const span_row_t *row, bytes_t *out);
bool span_row_read(bytes_in_t *in, span_row_t *row);

typedef struct {
    ask_kind_t kind;
    union {
        uint32_t generation; /* of the set of grants; a feed's. Deliveries': the worker's process,
                                0: it is not known */
        uint32_t hold_ms;    /* a page's: so long it is held while there is nothing, up to
                                PAGE_HOLD_MS; a worker of before holds none */
    };
    bool narrowed;   /* a feed's: an empty frame stands for what is for some users alone, and who
                        may see it asks for a page; else the feed leaves it out */
    bool bare;       /* a feed: the worker is to know the generation: there are no grants. A span:
                        where each target stands is asked for, and nothing more. A log: of all
                        the shard has; the first grant is the right to that */
    uuid_t7 journal; /* of which AFTER is */
    uint64_t after;  /* a log sequence; of a span that behind which all is asked for, 0: it is not
                        known. A list: the digest of the one that is known. Hints: the
                        row of the audit up to which changes are known; 0: none is.
                        Deliveries: the change up to which they are known. A log's: the log
                        sequence from which on, downwards */
    page_from_t from;
    position_t position;
    uint64_t count;  /* LAST's; MARK's: of the shards of the log; of hints: which events, bits */
    int64_t time_ms; /* of hints: since when something is new, ms since 1970 */
    uuid_t7 target;  /* of a bare one and a log: what it is placed by. It gives no right */
    uint32_t grants; /* how many there are */
    slice_t rows;    /* the grants, for grant_read; a span's for span_row_read */
} ask_t;

void ask_write(const ask_t *ask, bytes_t *out);
/* False: malformed; else each of ask->grants can be read, too. The slices point into BODY. */
bool ask_read(slice_t body, ask_t *ask);
/* The next grant of ask->rows, of whatever kind. */
bool ask_next_grant(const ask_t *ask, bytes_in_t *in, grant_t *grant);

#endif
