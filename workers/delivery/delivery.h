/* Deliveries: calls the handlers of bots and extensions for what the outbox of the journal has
 * (workers/journal/outbox.h), until each item is delivered or dead.
 *
 * Each target with pending items is a lane. A lane has as many calls under way as its handler
 * allows, one when the handler is ordered; the lanes take turns, and neither a slow lane nor all
 * lanes of one owner fill more than their share of the calls. A handler whose name has no place to
 * be looked up waits its turn, and its events stay as they were. What is due is read by a thread of
 * the journal (load.h). In memory are only items that are about to be tried, at most LOAD_ITEMS a
 * lane, with their events, and items whose outcome is not committed yet.
 *
 * An answer 2xx delivers. After any other outcome the item is tried again as schedule.h says, then
 * it is dead; 410 disables the handler, and so do 120 h in which no call succeeded: an item that is
 * due for a handler that is disabled or gone is dead at once, until the handler's settings change.
 * All pending items are dead at once when the target is archived. 429 and 503 with Retry-After hold
 * the lane. After 5 failures in a row without an answer below 500 the breaker opens: no call for 30
 * s, later 60 s, then one call at a time until one succeeds. lane.h has a picture of all
 * of these times.
 *
 * Threading: the main thread, which polls delivery_fd. */
#ifndef POSTERN_WORKERS_DELIVERY_DELIVERY_H
#define POSTERN_WORKERS_DELIVERY_DELIVERY_H

#include "workers/caller/caller.h"
#include "workers/delivery/handlers.h"
#include "workers/delivery/news.h"
#include "workers/post/history.h"

enum {
    DELIVERY_BREAKER = 5,      /* failures in a row that open the breaker */
    DELIVERY_FAILING_H = 120,  /* hours without a success that disable a handler */
    DELIVERY_BYTES = 64 << 20, /* most bytes of calls under way */
    DELIVERY_UNSAVED = 8192,   /* most items whose outcome is not committed */
    DELIVERY_WAIT_MS = 250,    /* longest time until the next turn */
    DELIVERY_BY = 128,         /* most bytes of a user's name, with a NUL */
};

/* Outcomes beside those of call_outcome_t, of items that ended without a call. */
enum {
    DELIVERY_DISABLED = 200,
    DELIVERY_NO_HANDLER,
    DELIVERY_NO_RECORD,
    DELIVERY_ARCHIVED,
    DELIVERY_NO_CALL, /* an outlet's kind makes no good call of the message */
    DELIVERY_PASSED,  /* the message is none for an outlet: delivered, without a call */
    DELIVERY_OUTCOMES
};
/* In place of CALL_ANSWERED: the answer is a text for a caller that waits. */
enum { DELIVERY_ANSWERED_TEXT = 199 };
const char *delivery_outcome_name(unsigned outcome);

typedef struct {
    journal_t *journal;   /* must outlive it, as all that follows */
    handlers_t *handlers; /* likewise */
    shard_t shard;
    const char *allow, *authorities; /* delivery.allow, delivery.authorities */
    unsigned calls;                  /* most under way */
    unsigned timeout_ms, time_scale;
    /* Or NULL: called when an item has ended, with the handler's answer when that delivered it and
     * is a JSON object or array, or a JSON string of it when it is a text; else with nothing. */
    void (*ended)(void *arg, uint64_t log, slice_t json);
    void *arg;
} delivery_options_t;

typedef struct delivery delivery_t;

/* Takes up what is pending. NULL with the reason in err. */
delivery_t *delivery_new(const delivery_options_t *options, int64_t now_ms, char *err,
                         size_t err_size);
/* Breaks off the calls under way: the next process makes them again. */
void delivery_destroy(delivery_t **self_p);

/* Readable when a call has finished. */
int delivery_fd(const delivery_t *self);
/* How long the loop may wait for its next turn. */
int delivery_wait_ms(const delivery_t *self);
/* One turn: takes finished calls back and, unless STOPPING, starts those that are due. */
void delivery_turn(delivery_t *self, int64_t now_ms, bool stopping);
/* No call is under way. */
bool delivery_is_idle(const delivery_t *self);

/* Whether an event for TARGET is to be delivered: then the event's record gets RECORD_DELIVER. */
bool delivery_wants(const delivery_t *self, const uuid_t7 *target);
/* The handler of TARGET may have changed: looks at the items that wait for that. */
void delivery_learned(delivery_t *self, const uuid_t7 *target);
/* A record with RECORD_DELIVER was stored at LOG. */
void delivery_stir(delivery_t *self, const uuid_t7 *target, uint64_t log);
/* Delivers an item again, at once and as if it had never been tried; an item that is about to be
 * tried, or has just been tried, is left alone. */
void delivery_revive(delivery_t *self, const uuid_t7 *target, uint64_t log, int64_t now_ms);

typedef struct {
    int64_t from_ms, to_ms; /* wall clock of the events' store; to_ms: less than */
    unsigned rate;          /* a second; at least 1 */
    uint64_t total;         /* how many it is about, as far as that was counted */
    bool counted;           /* all of them were */
    int64_t started_ms;     /* wall clock */
    uuid_t7 by;             /* nil: the operator */
    char by_name[DELIVERY_BY];
} delivery_replay_t;
/* Revives the dead items of a target, the oldest first, in place of a replay that is under way. A
 * replay ends with the process: the items that it has not revived are still dead. */
void delivery_replay(delivery_t *self, const uuid_t7 *target, const delivery_replay_t *replay,
                     int64_t now_ms);

/* What has changed of deliveries. */
const news_t *delivery_news(const delivery_t *self);

typedef struct {
    bool running;
    uint64_t done;   /* made pending again */
    uint64_t failed; /* of these, dead again; of LANE_TRACKED that are pending at once */
} delivery_progress_t;
/* The newest replay of a target, and how it stands; NULL: none since this process began. Borrowed
 * until the next turn. */
const delivery_replay_t *delivery_replayed(delivery_t *self, const uuid_t7 *target,
                                           delivery_progress_t *progress);
/* Ends a replay that is under way: what it has not revived stays dead. */
void delivery_stop_replay(delivery_t *self, const uuid_t7 *target);

/* What the next call of a target's handler waits for, beside its schedule: a constant text, or
 * NULL. */
const char *delivery_waits_for(delivery_t *self, const uuid_t7 *target);

/* Why the handler of a target is not called: 0, DELIVERY_DISABLED or DELIVERY_ARCHIVED, with WHY in
 * words, a constant text. */
unsigned delivery_standing(delivery_t *self, const uuid_t7 *target, const char **why);

#endif
