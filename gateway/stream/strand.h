/* What a stream reads of one shard: its targets there, the members, each with its grant and with
 * where it stands. A stream of one target has one strand of one member.
 *
 * A strand reads PAGES, until it has read all; is JOINING, until its feed has all its targets; then
 * LIVE. One whose reader is slow, or that a gap is noticed in, goes back to PAGES, which begin
 * where its members stand: nothing is left out or sent twice.
 *
 * Threading: the loop's thread. */
#ifndef POSTERN_GATEWAY_STREAM_STRAND_H
#define POSTERN_GATEWAY_STREAM_STRAND_H

#include "common/base/map.h"
#include "common/stream/found.h"
#include "gateway/ring/inflight.h"
#include "gateway/stream/vector.h"

#include <h2o.h>

typedef enum { STRAND_PAGES, STRAND_JOINING, STRAND_LIVE } strand_state_t;

struct stream;
struct strand;
struct feed;
struct watch;

typedef struct member {
    struct strand *strand;
    grant_t grant;       /* its slices are the member's own */
    char *label;         /* of the target, for events; NULL: there is but one */
    bool placed;         /* it is known where it stands: */
    position_t position; /* behind what is queued */
    bool late;           /* it came when the stream was open */
    reset_t reset;       /* to be said before anything else of it */
    /* its feed's */
    struct feed *feed;
    struct watch *watch;
    uint32_t row, row_generation; /* of its grant in an ask */
    h2o_linklist_t in_feed, in_watch, in_strand;
    UT_hash_handle hh; /* of the stream's members, by grant.target */
    char bytes[];
} member_t;

typedef struct strand {
    struct stream *stream;
    strand_state_t state;
    op_owner_t owner;
    unsigned shard, shards; /* of several; 0 shards: not known yet */
    h2o_linklist_t members, in_stream;
    unsigned len;
    uint64_t upto;        /* a log sequence: all up to there is queued */
    uuid_t7 journal;      /* of which it is */
    bool goes_on;         /* of several: a page may begin there */
    bool placed;          /* of several: all members are */
    vector_place_t place; /* likewise: for the ids of events, never going back */
    slot_ref_t page;      /* that is asked for */
    bytes_t ask;
    h2o_linklist_t in_paging;
    int64_t page_ms; /* not before */
} strand_t;

strand_t *strand_new(struct stream *stream, op_owner_t owner);
/* All its members are elsewhere. */
void strand_destroy(strand_t **self_p);

/* Copies what it is made of. */
member_t *member_new(const listed_t *listed);
void member_destroy(member_t **self_p);
void member_rename(member_t *self, slice_t label);
/* In place of the strand that it was in, if any. */
void strand_take(strand_t *self, member_t *member);
void strand_drop(member_t *member);

/* The next one; NULL: there is none. AFTER: NULL: the first. */
member_t *strand_next(const strand_t *self, const member_t *after);
member_t *strand_find(const strand_t *self, const uuid_t7 *target);

#endif
