#include "workers/delivery/self.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

enum {
    MAGIC = 0x64656c76,
    SCAN_MS = 20,      /* between two looks over all lanes */
    UNSEEN_MS = 10,    /* between two looks whether something was committed that is awaited */
    UNKNOWN_MS = 1000, /* the same for a handler that nobody has told of yet */
    PLACE_MS = 50,     /* between two looks at a lane that waits for a place of others */
    TURN_CALLS = 16,   /* most calls that a lane starts before the next one's turn */
};

/* --- Life */

static void s_note_queued(delivery_t *self, lane_t *lane, bool queued)
{
    assert(lane->queued != queued);
    lane->queued = queued;
    self->queued += queued ? 1 : -1;
}

void delivery_queue(delivery_t *self, lane_t *lane)
{
    if (lane->queued || lane->loading) /* which queues it */
        return;
    s_note_queued(self, lane, true);
    STAILQ_INSERT_TAIL(&self->queue, lane, link);
}

static void s_take_health(void *arg, const uuid_t7 *target, slice_t row)
{
    lane_read_health(tables_lane(&((delivery_t *)arg)->tables, target), row);
}

typedef struct {
    uuid_t7 target;
    bool found;
} first_t;

static bool s_take_first(void *arg, const outbox_due_t *due)
{
    first_t *first = arg;
    *first = (first_t){due->place.target, true};
    return false;
}

/* A lane for each target with pending items: one look a target. */
static void s_find_lanes(delivery_t *self)
{
    outbox_place_t from = {0};
    for (;;) {
        first_t first = {.found = false};
        journal_due(journal_reader(self->options.journal), &from, s_take_first, &first);
        if (!first.found)
            return;
        lane_t *lane = tables_lane(&self->tables, &first.target);
        lane->more = true;
        delivery_queue(self, lane);
        from = (outbox_place_t){first.target, UINT64_MAX, UINT64_MAX};
    }
}

delivery_t *delivery_new(const delivery_options_t *options, int64_t now_ms, char *err,
                         size_t err_size)
{
    delivery_t *self = calloc(1, sizeof *self);
    if (!self || sodium_init() < 0)
        abort();
    self->magic = MAGIC;
    self->options = *options;
    self->clock = (schedule_t){.time_scale = options->time_scale};
    STAILQ_INIT(&self->queue);
    STAILQ_INIT(&self->crowded);
    STAILQ_INIT(&self->unsaved);
    STAILQ_INIT(&self->awaiting);
    self->owners.most = options->calls;
    self->scanned_ms = now_ms;
    self->judge = message_new();
    self->tally = tally_new();
    self->news = news_new();
    LIST_INIT(&self->trials);
    self->trials_limit = limiter_new();
    self->guard = egress_new(options->allow, err, err_size);
    caller_options_t caller = {
        .egress = self->guard, .extra_authorities = options->authorities, .calls = options->calls};
    if (self->guard)
        self->caller = caller_new(&caller, err, err_size);
    if (!self->caller) {
        delivery_destroy(&self);
        return NULL;
    }
    journal_health(journal_reader(options->journal), s_take_health, self);
    s_find_lanes(self);
    return self;
}

void delivery_destroy(delivery_t **self_p)
{
    delivery_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    if (self->caller)
        caller_destroy(&self->caller);
    egress_destroy(&self->guard);
    tables_close(&self->tables);
    owners_close(&self->owners);
    tally_destroy(&self->tally);
    news_destroy(&self->news);
    limiter_destroy(&self->trials_limit);
    json_free(&self->json);
    json_free(&self->trace);
    outlet_renderer_destroy(&self->renderer);
    message_destroy(&self->judge);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

int delivery_fd(const delivery_t *self)
{
    return caller_fd(self->caller);
}

int delivery_wait_ms(const delivery_t *self)
{
    return self->wait_ms;
}

bool delivery_is_idle(const delivery_t *self)
{
    return self->owners.calls == 0 && self->trials_len == 0;
}

const news_t *delivery_news(const delivery_t *self)
{
    return self->news;
}

bool delivery_wants(const delivery_t *self, const uuid_t7 *target)
{
    const delivery_handler_t *handler = handlers_get(self->options.handlers, target);
    return handler && handler->url[0] && !handler->archived;
}

static bool s_is_committed(const delivery_t *self, const lane_t *lane)
{
    return lane->newest_log < journal_committed(self->options.journal) &&
           lane->newest_note <= journal_noted(self->options.journal);
}

/* What is new of the lane can be read after a commit, unless that has been. */
static void s_await(delivery_t *self, lane_t *lane)
{
    if (s_is_committed(self, lane)) {
        lane->more = true;
        delivery_queue(self, lane);
        return;
    }
    if (lane->awaits)
        return;
    lane->awaits = true;
    STAILQ_INSERT_TAIL(&self->awaiting, lane, awaiting);
}

void delivery_stir(delivery_t *self, const uuid_t7 *target, uint64_t log)
{
    lane_t *lane = tables_lane(&self->tables, target);
    lane->newest_log = log;
    news_add(self->news, target, log, 0, OUTBOX_PENDING, NULL, 0);
    s_await(self, lane);
}

void delivery_learned(delivery_t *self, const uuid_t7 *target)
{
    lane_t *lane = tables_lane(&self->tables, target);
    const delivery_handler_t *handler = handlers_get(self->options.handlers, target);
    if (!handler || (handler->version == lane->version && !handler->archived))
        return;
    lane->more = true;
    delivery_queue(self, lane);
}

void delivery_revive(delivery_t *self, const uuid_t7 *target, uint64_t log, int64_t now_ms)
{
    lane_t *lane = tables_lane(&self->tables, target);
    journal_note_t note = {.kind = NOTE_REVIVE,
                           .target = *target,
                           .log = log,
                           .now_ms = journal_running_ms(self->options.journal, now_ms)};
    if (tables_find(&self->tables, log))
        return;
    lane->newest_note = journal_note(self->options.journal, &note);
    news_add(self->news, target, log, lane->newest_note, OUTBOX_PENDING, NULL, 0);
    s_await(self, lane);
}

unsigned delivery_standing(delivery_t *self, const uuid_t7 *target, const char **why)
{
    const delivery_handler_t *handler = handlers_get(self->options.handlers, target);
    if (handler && handler->archived) {
        *why = "what it is the handler of is archived: take that back to call it again";
        return DELIVERY_ARCHIVED;
    }
    *why = lane_why(tables_lane(&self->tables, target));
    return **why ? DELIVERY_DISABLED : 0;
}

const char *delivery_waits_for(delivery_t *self, const uuid_t7 *target)
{
    return tables_lane(&self->tables, target)->waits;
}

/* --- Starts of attempts */

/* Something was committed since the last turn: lanes that awaited it may have what is new. */
static void s_take_committed(delivery_t *self)
{
    uint64_t log = journal_committed(self->options.journal);
    uint64_t note = journal_noted(self->options.journal);
    if (log == self->seen_log && note == self->seen_note)
        return;
    self->seen_log = log;
    self->seen_note = note;
    lane_t *lane;
    STAILQ_FOREACH (lane, &self->awaiting, awaiting) {
        lane->awaits = false;
        lane->more = true;
        delivery_queue(self, lane);
    }
    STAILQ_INIT(&self->awaiting);
}

static void s_look_at(lane_t *lane, uint64_t at_ms)
{
    if (at_ms < lane->look_ms)
        lane->look_ms = at_ms;
}

void delivery_release(delivery_t *self, item_t *item)
{
    self->loaded -= item->event_len;
    free(item->event);
    item->event = NULL;
    item->event_len = 0;
}

void delivery_drop(delivery_t *self, item_t *item)
{
    self->loaded -= item->event_len;
    tables_drop(&self->tables, item);
}

static void s_make_ready(delivery_t *self, lane_t *lane, loaded_t *loaded, bool read)
{
    item_t *item = tables_add(&self->tables, lane, &loaded->due);
    item->read = read;
    item->event = loaded->event;
    item->event_len = loaded->event_len;
    loaded->event = NULL;
    self->loaded += item->event_len;
    STAILQ_INSERT_TAIL(&lane->ready, item, link);
}

/* The lane is first: its calls begin before anything else is read. */
static void s_end_loading(delivery_t *self, lane_t *lane)
{
    lane->loading = NULL;
    self->loading--;
    owner_ended(&self->owners, lane->loading_as, 0);
    s_note_queued(self, lane, true);
    STAILQ_INSERT_HEAD(&self->queue, lane, link);
    STAILQ_CONCAT(&self->queue, &self->crowded);
}

static void s_loaded(load_t *load, bool dropped)
{
    delivery_t *self = load->owner;
    lane_t *lane = load->arg;
    if (self) {
        for (unsigned i = 0; i < load->len && !dropped; i++)
            s_make_ready(self, lane, &load->items[i], load->events);
        lane->more = lane->more || load->more || dropped;
        s_look_at(lane, load->look_ms);
        s_end_loading(self, lane);
    }
    load_destroy(&load);
}

/* Asks for due items of the lane, which has the place of a call until they are there: no more is
 * read than can be called. */
static void s_load(delivery_t *self, lane_t *lane, bool ordered, bool events, uint64_t now_ms)
{
    load_t *load = load_new(&lane->target);
    item_t *item;
    load->owner = self;
    load->arg = lane;
    load->ordered = ordered;
    load->events = events;
    load->now_ms = now_ms;
    load->most = self->loaded < LANES_LOADED ? LOAD_ITEMS : 1;
    LIST_FOREACH (item, &lane->items, of_lane) {
        load_pass_over(load, item->due.place.log, item->ended);
    }
    if (!load_ask(load, self->options.journal, s_loaded)) {
        load_destroy(&load);
        s_look_at(lane, journal_running_ms(self->options.journal, clock_ms()) + PLACE_MS);
        return;
    }
    lane->loading = load;
    lane->loading_as = lane->owner;
    self->loading++;
    owner_began(&self->owners, lane->owner, 0);
    lane->more = false;
    lane->look_ms = UINT64_MAX;
    if (!s_is_committed(self, lane))
        s_await(self, lane);
}

static item_t *s_take_ready(lane_t *lane)
{
    item_t *item = STAILQ_FIRST(&lane->ready);
    STAILQ_REMOVE_HEAD(&lane->ready, link);
    return item;
}

static call_t *s_make_outlet(delivery_t *self, const item_t *item,
                             const delivery_handler_t *handler, const record_t *event,
                             const whsec_t *secrets, size_t count, unsigned *why)
{
    if (!self->renderer)
        self->renderer = outlet_renderer_new();
    return delivery_outlet_call(self->renderer, handler, event, secrets, count, item->started_ms,
                                why);
}

/* NULL: there is none to make, *WHY says why. */
static call_t *s_make(delivery_t *self, item_t *item, const delivery_handler_t *handler,
                      const record_t *event, unsigned *why)
{
    whsec_t secrets[SIGNATURE_SECRETS];
    size_t count =
        handlers_secrets(self->options.handlers, &item->lane->target, clock_ms(), secrets);
    item->started_ms = clock_wall_ms();
    call_t *call = handler->outlet
                       ? s_make_outlet(self, item, handler, event, secrets, count, why)
                       : delivery_call(&self->json, handler, event, &self->options.shard,
                                       item->due.place.log, secrets, count, item->started_ms);
    for (size_t i = 0; i < count; i++)
        whsec_wipe(&secrets[i]);
    return call;
}

static void s_start(delivery_t *self, item_t *item, const delivery_handler_t *handler,
                    uint64_t now_ms)
{
    record_t event;
    unsigned why = DELIVERY_NO_CALL;
    if (!item->read || item->due.due_ms > now_ms) { /* it was to be buried */
        item->lane->more = true;
        delivery_drop(self, item);
        return;
    }
    if (!item->event || record_read(&event, slice(item->event, item->event_len)) != 0) {
        delivery_bury(self, item, DELIVERY_NO_RECORD, now_ms);
        return;
    }
    call_t *call = s_make(self, item, handler, &event, &why);
    if (!call) {
        delivery_end(self, item, why, now_ms);
        return;
    }
    self->loaded -= item->event_len;
    item_shorten(item, &event);
    self->loaded += item->event_len;
    call->owner = item;
    call->owner_id = handler->owner;
    call->timeout_ms = self->options.timeout_ms;
    item->bytes = call->body_len;
    item->outlet = handler->outlet != NULL;
    item->owner = item->lane->owner;
    owner_began(&self->owners, item->owner, item->bytes);
    item->lane->under_way++;
    caller_start(self->caller, &call);
}

static bool s_has_room(const delivery_t *self)
{
    unsigned loading = self->loaded < LANES_LOADED ? LANES_LOADING : 1;
    return !self->held && owners_have_room(&self->owners) && self->unsaved_len < DELIVERY_UNSAVED &&
           self->loading < loading && !journal_is_full(self->options.journal);
}

/* Whether the lane has as many calls under way as it may. Where only its share ends it, it is
 * looked at again soon. */
static bool s_has_all(const delivery_t *self, lane_t *lane, const delivery_handler_t *handler,
                      uint64_t now_ms)
{
    bool one = handler->ordered || lane->failures >= DELIVERY_BREAKER || lane->waits;
    if (lane->under_way >= (one ? 1 : handler->concurrency))
        return true;
    if (lane->under_way < owners_share(&self->owners, self->queued))
        return false;
    s_look_at(lane, now_ms + PLACE_MS);
    return true;
}

/* A handler that takes no calls any more; what is due later waits for another, unless none is to
 * come. */
static void s_bury_due(delivery_t *self, lane_t *lane, unsigned why, uint64_t now_ms)
{
    while (!STAILQ_EMPTY(&lane->ready) && s_has_room(self))
        delivery_bury(self, s_take_ready(lane), why, now_ms);
    if (!STAILQ_EMPTY(&lane->ready))
        delivery_queue(self, lane);
    else if (lane->more && !lane->loading)
        s_load(self, lane, false, false, why == DELIVERY_ARCHIVED ? UINT64_MAX : now_ms);
}

static void s_start_due(delivery_t *self, lane_t *lane, const delivery_handler_t *handler,
                        uint64_t now_ms)
{
    for (unsigned i = 0; i < TURN_CALLS; i++) {
        if (!s_has_room(self))
            break;
        if (s_has_all(self, lane, handler, now_ms))
            return;
        if (STAILQ_EMPTY(&lane->ready) && (!lane->more || lane->loading))
            return;
        if (!owner_has_room(&self->owners, lane->owner)) {
            s_note_queued(self, lane, true);
            STAILQ_INSERT_TAIL(&self->crowded, lane, link);
            return;
        }
        if (STAILQ_EMPTY(&lane->ready)) {
            s_load(self, lane, handler->ordered, true, now_ms);
            return;
        }
        s_start(self, s_take_ready(lane), handler, now_ms);
    }
    delivery_queue(self, lane);
}

/* Whether the lane's name must wait for its look-up: looked at again soon. */
static bool s_waits(delivery_t *self, lane_t *lane, const delivery_handler_t *handler,
                    uint64_t now_ms)
{
    const char *why =
        lane->waits ? caller_waits_for(self->caller, &handler->owner, handler->url) : NULL;
    if (!why)
        return false;
    lane_wait(lane, why, now_ms);
    s_look_at(lane, now_ms + PLACE_MS);
    return true;
}

/* It is closed for longer than what is ready may take memory. */
static void s_close(delivery_t *self, lane_t *lane)
{
    while (!STAILQ_EMPTY(&lane->ready)) {
        lane->more = true;
        delivery_drop(self, s_take_ready(lane));
    }
    s_look_at(lane, lane->closed_ms);
}

static void s_look(delivery_t *self, lane_t *lane, uint64_t now_ms)
{
    const delivery_handler_t *handler = handlers_get(self->options.handlers, &lane->target);
    if (!handler) {
        s_look_at(lane, now_ms + UNKNOWN_MS);
        return;
    }
    if (handler->version != lane->version && lane_renew(lane, handler->version))
        lane_note_health(lane, self->options.journal);
    if (!lane->owner || !uuid_eq(&lane->owner->id, &handler->owner))
        lane->owner = owners_find(&self->owners, &handler->owner);
    if (handler->archived)
        s_bury_due(self, lane, DELIVERY_ARCHIVED, now_ms);
    else if (!handler->url[0])
        s_bury_due(self, lane, DELIVERY_NO_HANDLER, now_ms);
    else if (lane->standing != STANDING_GOOD)
        s_bury_due(self, lane, DELIVERY_DISABLED, now_ms);
    else if (now_ms < lane->closed_ms)
        s_close(self, lane);
    else if (!s_waits(self, lane, handler, now_ms))
        s_start_due(self, lane, handler, now_ms);
}

/* The lanes take turns; without room, the next one is first when there is some again. */
static void s_serve(delivery_t *self, uint64_t now_ms)
{
    lanes_t turn = STAILQ_HEAD_INITIALIZER(turn);
    STAILQ_CONCAT(&turn, &self->queue);
    for (lane_t *lane; s_has_room(self) && (lane = STAILQ_FIRST(&turn));) {
        STAILQ_REMOVE_HEAD(&turn, link);
        s_note_queued(self, lane, false);
        s_look(self, lane, now_ms);
    }
    STAILQ_CONCAT(&turn, &self->queue);
    STAILQ_CONCAT(&self->queue, &turn);
}

/* --- Replays */

void delivery_replay(delivery_t *self, const uuid_t7 *target, const delivery_replay_t *replay,
                     int64_t now_ms)
{
    lane_begin_replay(tables_lane(&self->tables, target), replay, self->options.journal, now_ms);
}

const delivery_replay_t *delivery_replayed(delivery_t *self, const uuid_t7 *target,
                                           delivery_progress_t *progress)
{
    const lane_t *lane = tables_lane(&self->tables, target);
    *progress = lane->progress;
    return lane->replay.rate ? &lane->replay : NULL;
}

void delivery_stop_replay(delivery_t *self, const uuid_t7 *target)
{
    lane_stop_replay(tables_lane(&self->tables, target));
}

static void s_revive(void *arg, lane_t *lane, uint64_t log)
{
    delivery_revive(arg, &lane->target, log, clock_ms());
}

static void s_replay(delivery_t *self, lane_t *lane, int64_t now_ms)
{
    if (self->unsaved_len < DELIVERY_UNSAVED)
        lane_replay(lane, self->options.journal, now_ms, s_revive, self);
}

/* --- Time */

/* Queues the lanes whose time has come; how long until that of the next. */
static uint64_t s_scan(delivery_t *self, int64_t clock, uint64_t now_ms)
{
    uint64_t next_ms = UINT64_MAX;
    unsigned open = 0, disabled = 0, waiting = 0;
    for (lane_t *lane = self->tables.lanes; lane; lane = lane->hh.next) {
        open += lane->failures >= DELIVERY_BREAKER;
        disabled += lane->standing != STANDING_GOOD;
        waiting += lane->waits != NULL;
        if (lane->progress.running)
            s_replay(self, lane, clock);
        if (lane->look_ms <= now_ms) {
            lane->look_ms = UINT64_MAX;
            lane->more = true;
            delivery_queue(self, lane);
        } else if (lane->look_ms < next_ms) {
            next_ms = lane->look_ms;
        }
    }
    metric_set(METRIC_handlers_open, open);
    metric_set(METRIC_handlers_disabled, disabled);
    metric_set(METRIC_handlers_waiting, waiting);
    return next_ms == UINT64_MAX ? next_ms : next_ms - now_ms;
}

static int s_wait(const delivery_t *self, uint64_t next_ms)
{
    if (!STAILQ_EMPTY(&self->queue) && s_has_room(self))
        return 0;
    if (!STAILQ_EMPTY(&self->unsaved) || !STAILQ_EMPTY(&self->queue) ||
        !STAILQ_EMPTY(&self->awaiting))
        return UNSEEN_MS;
    return next_ms < SCAN_MS            ? SCAN_MS
           : next_ms < DELIVERY_WAIT_MS ? (int)next_ms
                                        : DELIVERY_WAIT_MS;
}

void delivery_turn(delivery_t *self, int64_t now_ms, bool stopping)
{
    assert(self->magic == MAGIC);
    uint64_t running_ms = journal_running_ms(self->options.journal, now_ms);
    uint64_t next_ms = SCAN_MS;
    delivery_take_finished(self, running_ms);
    delivery_take_saved(self);
    s_take_committed(self);
    if (now_ms - self->scanned_ms >= SCAN_MS) {
        self->scanned_ms = now_ms;
        next_ms = s_scan(self, now_ms, running_ms);
        tally_step(self->tally, self->options.journal, now_ms, running_ms);
    }
    self->held = running_ms < self->held_ms;
    if (!stopping)
        s_serve(self, running_ms);
    self->wait_ms = stopping ? UNSEEN_MS : s_wait(self, next_ms);
}
