#include "workers/post/holding.h"

#include "common/monitor/monitor.h"

#include <stdlib.h>

enum { SCAN = 2048 }; /* most records of a scan */

/* A scan: whose records were stored. */
typedef struct waking {
    holding_t *holding; /* NULL: the holding is closed */
    uint64_t from, next;
    unsigned len;
    uuid_t7 targets[SCAN];
} waking_t;

void holding_open(holding_t *self, journal_t *journal, bool (*wake)(struct reading *),
                  void (*expire)(struct reading *))
{
    *self = (holding_t){.journal = journal, .wake = wake, .expire = expire};
    metric_set(METRIC_reads_held, 0);
}

static held_list_t *s_list(holding_t *self, const held_t *held)
{
    return held->any ? &self->any
                     : &self->by_target[held->target.bytes[UUID_BYTES - 1] % HOLDING_BUCKETS];
}

static void s_count(holding_t *self, const held_t *held, int by)
{
    bool was = self->len > 0;
    self->len += (unsigned)by;
    self->targets += held->any ? 0u : (unsigned)by;
    metric_set(METRIC_reads_held, self->len);
    if (was != (self->len > 0))
        journal_watch(self->journal, self->len > 0);
}

static void s_insert(holding_t *self, held_t *held)
{
    s_count(self, held, 1);
    LIST_INSERT_HEAD(s_list(self, held), held, link);
}

holding_added_t holding_add(holding_t *self, held_t *held, int64_t now_ms)
{
    if (self->len == HOLDING_MOST || held->until_ms <= now_ms)
        return HOLDING_NOT;
    if (self->len == 0)
        self->seen = held->tip;
    if (self->targets == 0 && !self->waking)
        self->scanned = held->tip;
    if (held->tip < (held->any ? self->seen : self->scanned))
        return HOLDING_STALE;
    s_insert(self, held);
    return HOLDING_HELD;
}

void holding_remove(holding_t *self, held_t *held)
{
    LIST_REMOVE(held, link);
    s_count(self, held, -1);
}

static void s_wake(holding_t *self, held_t *held)
{
    holding_remove(self, held);
    if (!self->wake(held->reading))
        s_insert(self, held);
}

static void s_wake_target(holding_t *self, const uuid_t7 *target)
{
    held_t *next, *held = LIST_FIRST(&self->by_target[target->bytes[UUID_BYTES - 1]]);
    for (; held; held = next) {
        next = LIST_NEXT(held, link);
        if (uuid_eq(&held->target, target))
            s_wake(self, held);
    }
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    waking_t *waking = arg;
    waking->targets[waking->len++] = record->target;
    waking->next = log + 1;
    return waking->len < SCAN;
}

/* The journal's thread. */
static void s_scan(void *arg, journal_reader_t *reader)
{
    waking_t *waking = arg;
    journal_scan(reader, waking->from, s_each, waking);
}

/* What cannot be read wakes nobody: those that wait find it themselves when their time is over. */
static void s_scanned(void *arg, journal_asked_t how)
{
    waking_t *waking = arg;
    holding_t *self = waking->holding;
    if (self && how != JOURNAL_DROPPED) {
        self->waking = NULL;
        self->scanned = how == JOURNAL_READ ? waking->next : journal_tip(self->journal);
        for (unsigned i = 0; i < waking->len; i++)
            s_wake_target(self, &waking->targets[i]);
    }
    free(waking);
}

static void s_begin_scan(holding_t *self)
{
    waking_t *waking = malloc(sizeof *waking);
    if (!waking)
        abort();
    waking->holding = self;
    waking->from = waking->next = self->scanned;
    waking->len = 0;
    self->waking = waking;
    if (journal_ask(self->journal, s_scan, s_scanned, waking))
        return;
    self->waking = NULL;
    free(waking);
}

/* Those that were looked at before the log reached TIP. */
static void s_wake_early(holding_t *self, held_list_t *list, uint64_t tip)
{
    held_t *next;
    for (held_t *held = LIST_FIRST(list); held; held = next) {
        next = LIST_NEXT(held, link);
        if (held->tip < tip)
            s_wake(self, held);
    }
}

static void s_expire(holding_t *self, held_list_t *list, int64_t now_ms, bool all)
{
    held_t *next;
    for (held_t *held = LIST_FIRST(list); held; held = next) {
        next = LIST_NEXT(held, link);
        if (!all && held->until_ms > now_ms)
            continue;
        holding_remove(self, held);
        self->expire(held->reading);
    }
}

static void s_expire_all(holding_t *self, int64_t now_ms, bool all)
{
    if (!all && now_ms - self->expired_ms < HOLDING_TURN_MS)
        return;
    self->expired_ms = now_ms;
    s_expire(self, &self->any, now_ms, all);
    for (unsigned i = 0; self->targets > 0 && i < HOLDING_BUCKETS; i++)
        s_expire(self, &self->by_target[i], now_ms, all);
}

void holding_turn(holding_t *self, int64_t now_ms, bool all)
{
    if (self->len == 0)
        return;
    uint64_t tip = journal_tip(self->journal);
    if (tip > self->seen) {
        self->seen = tip;
        s_wake_early(self, &self->any, tip);
    }
    if (self->targets > 0 && !self->waking && tip > self->scanned)
        s_begin_scan(self);
    s_expire_all(self, now_ms, all);
}

static void s_drop(holding_t *self, held_list_t *list)
{
    for (held_t *held; (held = LIST_FIRST(list));)
        holding_remove(self, held);
}

void holding_close(holding_t *self)
{
    if (self->waking)
        self->waking->holding = NULL;
    s_drop(self, &self->any);
    for (unsigned i = 0; i < HOLDING_BUCKETS; i++)
        s_drop(self, &self->by_target[i]);
}
