/* What gather.c (asking) and gather_merge.c (what comes of it) share. Threading: the lane's. */
#ifndef POSTERN_GATEWAY_STREAM_GATHER_SELF_H
#define POSTERN_GATEWAY_STREAM_GATHER_SELF_H

#include "gateway/stream/gather.h"
#include "gateway/stream/targets.h"

typedef enum { ASK_WAITS, ASK_ANSWERED, ASK_FAILED } gather_state_t;

/* An ask of one shard, or of authd for names. */
struct gather_ask {
    struct gather *of;
    targets_shard_t shard;
    slot_ref_t slot;
    bytes_t ask;
    gather_state_t state;
    bytes_t answer; /* what FOUND points into */
    found_t found;
    bytes_in_t rows; /* that have not been taken: */
    uint32_t left;
    frame_t head; /* the first of these; only with left > 0 */
};

/* A row of the page. */
typedef struct {
    uuid_t7 target;
    slice_t json;
} gather_row_t;

typedef struct gather {
    struct gathers *all;
    slot_ref_t ref; /* of its request */
    targets_t targets;
    member_t *right; /* to see what is others'; or NULL */
    bool full;       /* there are more targets than were listed */
    pack_t params;   /* for the workers */
    unsigned limit;
    vector_t since; /* where it goes on; of a kind that it has not, with the newest */
    unsigned shards[WORKER_KINDS]; /* that are asked; 0: the kind is not */
    bool told[WORKER_KINDS];       /* how many there are */
    gather_ask_t *asks[WORKER_KINDS];
    unsigned sorted; /* how often it was found that there are others */
    int64_t until_ms;
    bool merged;
    gather_row_t row[GATHER_LIMIT];
    unsigned len;
    gather_ask_t names;
} gather_t;

/* The next ask of a shard; NULL: there is none. AFTER: NULL: the first. */
gather_ask_t *gather_next(const gather_t *self, const gather_ask_t *after);

/* Where the page begins in a shard; not there: it has given all. */
vector_place_t gather_since(const gather_t *self, const targets_shard_t *shard);

/* Puts the rows of a page together, from what was answered. */
void gather_merge(gather_t *self);
/* Targets of rows that have no label, each once; returns how many. */
unsigned gather_nameless(const gather_t *self, uuid_t7 target[GATHER_LIMIT]);
/* The answer. */
void gather_write(const gather_t *self, bytes_t *json);

#endif
