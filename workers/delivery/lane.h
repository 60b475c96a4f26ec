/* A lane: what the engine holds in memory of one target. Private to workers/delivery.
 *
 * The times of an item (above) and of its lane (below). All are the journal's running clock, which
 * stands still while no worker runs, but those that are said to be another:
 *
 *   stored_ms             first_ms           due_ms                  done_ms
 *     |                       |                 |                       |
 *     o===========[ attempt 1 ]=================[ attempt 2 ]=== … =====o=============o
 *     |           |           |<--------------->|                       |             |
 *   event    started_ms       schedule.h, where in                  delivered   forgotten
 *            (wall clock)     strict order up to                    or dead
 *                             bound_ms from first_ms
 *
 *     look_ms      the lane's next look at the outbox: the first of the items' due_ms, closed_ms,
 *                  and of the looks again at a handler that is not known and at one that waits
 *     closed_ms    no call before: the breaker is open, or the handler asked by Retry-After
 *     failing_ms   since when no call has succeeded; DELIVERY_FAILING_H later it is disabled
 *     waits_ms     since when the lane has waited for the look-up of its name, for the log
 *     replayed_ms  (clock_ms) up to when a replay has revived what its rate allows
 *
 * Of all lanes together: held_ms (no call begins before), scanned_ms and tally_t's next_ms (both
 * clock_ms). A call's own time (timeout_ms) is the caller's; how long a sender waits for the
 * handler's answer is in waits.h. An item is forgotten delivery.retention_days after done_ms. The
 * time scale divides what schedule.h gives, closed_ms and DELIVERY_FAILING_H. */
#ifndef POSTERN_WORKERS_DELIVERY_LANE_H
#define POSTERN_WORKERS_DELIVERY_LANE_H

#include "common/base/map.h"
#include "common/wire/wire.h"
#include "workers/caller/schedule.h"
#include "workers/delivery/delivery.h"
#include "workers/delivery/load.h"
#include "workers/delivery/waits.h"
#include "workers/journal/outbox.h"
#include "workers/message/message.h"
#include "workers/outlet/render.h"

#include <sys/queue.h>

enum {
    LANE_REPLAYED = 100,     /* most that a step of a replay revives */
    LANE_TRACKED = 65536,    /* most of what a replay revived whose end is awaited for its count */
    LANES_LOADING = 16,      /* most lanes that load at once */
    LANES_LOADED = 32 << 20, /* bytes of all lanes' events, past which one lane loads, one item */
};

typedef enum { STANDING_GOOD, STANDING_GONE, STANDING_FAILING } lane_standing_t;

/* An item in memory: it waits for its call, is under way, or waits for its note's commit. */
typedef struct item {
    UT_hash_handle hh;
    STAILQ_ENTRY(item) link; /* of a lane's ready ones, or of the unsaved ones */
    struct lane *lane;
    LIST_ENTRY(item) of_lane;
    bool read;           /* its event was looked for */
    char *event;         /* as record_write has it; without its texts and body once it is called */
    size_t event_len;    /* 0: there is none */
    struct owner *owner; /* of whose share the call is */
    outbox_due_t due;
    int64_t started_ms; /* wall clock */
    size_t bytes;       /* of the call */
    bool outlet;        /* it is an outlet's */
    uint64_t note;      /* 0: none yet */
    bool ended;         /* the note says that the item is delivered or dead */
} item_t;

typedef STAILQ_HEAD(, item) items_t;

typedef struct lane {
    UT_hash_handle hh;
    STAILQ_ENTRY(lane) link; /* in the queue, or among the crowded ones */
    bool queued;
    STAILQ_ENTRY(lane) awaiting; /* in the list of lanes that wait for a commit */
    bool awaits;
    uuid_t7 target;
    struct owner *owner; /* of its handler; NULL: never looked at */
    uint64_t version;    /* of the handler that the health is of */
    uint64_t failing_ms; /* running time since when no call succeeded; 0: the last one did */
    lane_standing_t standing;
    unsigned failures;        /* in a row, for the breaker */
    uint64_t closed_ms;       /* no call before: breaker or Retry-After */
    const char *waits;        /* for what, before its next call; NULL: for nothing */
    uint64_t waits_ms;        /* running time since when */
    bool waits_said;          /* in the log */
    uint64_t look_ms;         /* when to look for due items; UINT64_MAX: not before it is stirred */
    uint64_t newest_log;      /* stored last */
    uint64_t newest_note;     /* of a revival, last */
    bool more;                /* the outbox may have due items that are not in memory */
    load_t *loading;          /* they are being read; NULL: they are not */
    struct owner *loading_as; /* of whose share the load is */
    LIST_HEAD(, item) items;  /* in memory */
    unsigned under_way;
    delivery_replay_t replay;     /* the newest; rate 0: there was none */
    delivery_progress_t progress; /* of it */
    uint64_t *tracked;            /* logs that it has revived and that have not ended, ascending */
    unsigned tracked_len;
    uint64_t replay_at, replay_end; /* log sequences: the next one, and past the last */
    int64_t replayed_ms;            /* up to when it has revived what its rate allows */
    unsigned replays;               /* counts them */
    struct replay_step *step;       /* is being looked for; NULL: none is */
    items_t ready;
} lane_t;

typedef STAILQ_HEAD(, lane) lanes_t;

/* Reads the health of a lane from its row in the journal, and notes it. The row of another version
 * of the handler counts as none. */
void lane_read_health(lane_t *self, slice_t row);
void lane_note_health(const lane_t *self, journal_t *journal);

/* What a finished call tells about the handler. Returns true when its health row has changed. */
bool lane_succeeded(lane_t *self);
bool lane_failed(lane_t *self, const call_t *call, const schedule_t *clock, uint64_t now_ms);
/* The handler has another version: forgets the health of the former one. True when the health row
 * has changed. */
bool lane_renew(lane_t *self, uint64_t version);
/* The attempt that a finished call was, as the log keeps it; borrows the call's answer and the
 * trace. */
outbox_attempt_t item_attempt(const item_t *item, const call_t *call, slice_t trace);

/* In how long the item of a call that failed is tried again; SCHEDULE_END: never. HANDLER: NULL or
 * what is known now. */
int64_t lane_delay_ms(const item_t *item, const delivery_handler_t *handler, const call_t *call,
                      const schedule_t *clock, uint64_t now_ms);
/* Why the handler is disabled, or "". */
const char *lane_why(const lane_t *self);

/* replay.c */
void lane_begin_replay(lane_t *self, const delivery_replay_t *replay, const journal_t *journal,
                       int64_t now_ms);
/* Asks for the next step of the lane's replay, and calls REVIVE for the items that the replay's
 * rate lets it revive now. */
typedef struct replay_step replay_step_t;
void lane_replay(lane_t *self, journal_t *journal, int64_t now_ms,
                 void (*revive)(void *arg, lane_t *lane, uint64_t log), void *arg);
/* It ends, whether it was at its end or not. */
void lane_stop_replay(lane_t *self);
/* An item has ended: counts it, if the replay has revived it. */
void lane_replay_ended(lane_t *self, uint64_t log, bool dead);
/* The lane is about to go. */
void lane_leave_replay(lane_t *self);

/* Its call had no place for the look-up of its name: one at a time asks whether there is one. */
void lane_begin_wait(lane_t *self, const char *why, uint64_t now_ms);
/* What it waits for is still so; says it in the log when it has been for a while. */
void lane_wait(lane_t *self, const char *why, uint64_t now_ms);
void lane_end_wait(lane_t *self);

/* owners.c: how many calls, and bytes of calls, the owners of handlers have under way. Who
 * has none begins one as long as there is room for any; who has some, only while that is less than
 * is free beyond an eighth of all: one owner whose handlers are all slow has 7 of 16, the next half
 * as many, and so on, and the eighth is for those who have none. */
typedef struct owner {
    UT_hash_handle hh;
    uuid_t7 id;
    unsigned calls;
    size_t bytes;
} owner_t;

/* Zero-initialised but for MOST is none. */
typedef struct {
    unsigned most;   /* calls under way */
    owner_t *owners; /* a map by id */
    unsigned calls;  /* of all */
    size_t bytes;
} owners_t;

owner_t *owners_find(owners_t *self, const uuid_t7 *id); /* or makes it */
void owners_close(owners_t *self);
bool owners_have_room(const owners_t *self); /* for any call */
/* How many calls one lane may have while so many others wait. When half of all are taken, no more
 * than an eighth: those that are slow leave room for the others. The more lanes wait, the fewer:
 * one connection to each of many handlers is used again and again, eight to each would be closed
 * before. At least 1. */
unsigned owners_share(const owners_t *self, unsigned waiting);
bool owner_has_room(const owners_t *self, const owner_t *owner);
void owner_began(owners_t *self, owner_t *owner, size_t bytes);
void owner_ended(owners_t *self, owner_t *owner, size_t bytes);

/* tally.c: the count of the pending items, over and over, by the journal's thread. */
typedef struct tally tally_t;
tally_t *tally_new(void);
void tally_destroy(tally_t **self_p);
/* Asks for the next step of the count; the last step of a count sets the metrics. */
void tally_step(tally_t *self, journal_t *journal, int64_t now_ms, uint64_t running_ms);

/* Counts a finished call; GOOD: it delivered. */
void tally_attempt(const call_t *call, bool good);

/* reply.c: the message that a handler's answer posts. */
typedef struct {
    record_t record;
    journal_name_t about; /* in whose thread it belongs; number 0: in none */
    char cause[RECORD_CAUSE], access[WIRE_TARGET];
    uuid_t7 audience[MESSAGE_USERIDS + 1];
} reply_t;

enum { REPLY_TEXT = 4096 }; /* longest text that a caller gets */

/* What a caller gets of the answer of CALL: its body when that is a JSON object or array; where
 * somebody AWAITS it and it is a text (text/plain in UTF-8 without a NUL, of 1 to REPLY_TEXT bytes)
 * that as a JSON string, in TEXT; else nothing. *MESSAGE: it is a message object. */
slice_t reply_answer(message_t *judge, const call_t *call, bool awaits, json_out_t *text,
                     bool *message);

/* Fills SELF for BODY, a message object with which ITEM's handler has answered. The id is derived
 * from the event's. HANDLER: NULL or what is known now. Borrows from HANDLER and BODY. */
void reply_make(reply_t *self, message_t *judge, const item_t *item,
                const delivery_handler_t *handler, slice_t body);

/* kept.c: looks for what the handler has answered to the event at LOG, and gives it to those who
 * wait for that event: a JSON object or array, or a string; {} when there is no such answer, it was
 * longer than OUTBOX_WHOLE, or is not committed yet. False when the journal is asked too much.
 * WAITS and JUDGE must be there until journal_stop. */
bool kept_ask(waits_t *waits, message_t *judge, journal_t *journal, const uuid_t7 *target,
              uint64_t log);
/* BODY when it is a JSON object or array, else nothing; *MESSAGE: it is a message object. */
slice_t reply_json(message_t *judge, slice_t body, bool *message);

/* tables.c: all lanes, and all items in memory. Zero-initialised is empty. */
typedef struct {
    lane_t *lanes; /* a map by target */
    item_t *items; /* a map by log sequence */
} tables_t;

/* Finds a lane or makes it. */
lane_t *tables_lane(tables_t *self, const uuid_t7 *target);
item_t *tables_find(const tables_t *self, uint64_t log);
item_t *tables_add(tables_t *self, lane_t *lane, const outbox_due_t *due);
void tables_drop(tables_t *self, item_t *item); /* frees it */
/* Exchanges the event for what a reply to it needs of it. */
void item_shorten(item_t *self, const record_t *event);
void tables_close(tables_t *self);

/* call.c: the call of HANDLER for RECORD, signed; JSON is used on the way. */
call_t *delivery_call(json_out_t *json, const delivery_handler_t *handler, const record_t *record,
                      const shard_t *shard, uint64_t log, const whsec_t *secrets, size_t count,
                      int64_t wall_ms);
/* The call of an outlet, signed as well, for the message that RECORD brings; NULL: there is none,
 * and *WHY is DELIVERY_NO_CALL or DELIVERY_PASSED. */
call_t *delivery_outlet_call(outlet_renderer_t *renderer, const delivery_handler_t *handler,
                             const record_t *record, const whsec_t *secrets, size_t count,
                             int64_t wall_ms, unsigned *why);

#endif
