/* What is inside of a delivery_t. Only delivery.c, end.c and trial.c include it. */
#ifndef POSTERN_WORKERS_DELIVERY_SELF_H
#define POSTERN_WORKERS_DELIVERY_SELF_H

#include "common/base/limiter.h"
#include "workers/delivery/lane.h"
#include "workers/delivery/trial.h"

struct delivery {
    unsigned magic;
    delivery_options_t options;
    schedule_t clock; /* for durations other than an item's */
    egress_t *guard;
    caller_t *caller;
    tables_t tables;
    owners_t owners;
    lanes_t queue;   /* lanes to look at, in turn */
    lanes_t crowded; /* lanes whose owners have no room, until a call ends */
    unsigned queued; /* lanes in both */
    items_t unsaved; /* in the order of their notes */
    size_t unsaved_len;
    size_t loaded;                /* bytes of the events of items in memory */
    unsigned loading;             /* lanes that load */
    lanes_t awaiting;             /* lanes that wait for a commit */
    uint64_t seen_log, seen_note; /* what was committed at the last turn */
    int64_t scanned_ms;
    uint64_t held_ms; /* no call begins before: this process lacks something for it */
    bool held;
    int wait_ms;
    tally_t *tally;
    news_t *news;
    json_out_t json, trace;
    message_t *judge;            /* of what is answered */
    outlet_renderer_t *renderer; /* of outlets' calls; NULL: there was none yet */
    trials_t trials;             /* under way */
    unsigned trials_len;
    limiter_t *trials_limit; /* by target */
};

/* The lane is looked at in its turn. */
void delivery_queue(delivery_t *self, lane_t *lane);

/* The event of an item is not needed any more; and the item. */
void delivery_release(delivery_t *self, item_t *item);
void delivery_drop(delivery_t *self, item_t *item);

/* end.c: ends of attempts. */

/* Dead without a call. */
void delivery_bury(delivery_t *self, item_t *item, unsigned why, uint64_t now_ms);
/* There is no call to make for it: dead, or delivered where it is DELIVERY_PASSED. */
void delivery_end(delivery_t *self, item_t *item, unsigned why, uint64_t now_ms);
void delivery_take_finished(delivery_t *self, uint64_t now_ms);
/* Items whose outcome is committed: from here on the outbox tells of them what is true. */
void delivery_take_saved(delivery_t *self);

#endif
