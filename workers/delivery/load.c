#include "workers/delivery/load.h"

#include "common/log/log.h"

#include <stdlib.h>

load_t *load_new(const uuid_t7 *target)
{
    load_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->target = *target;
    self->most = LOAD_ITEMS;
    self->look_ms = UINT64_MAX;
    return self;
}

void load_destroy(load_t **self_p)
{
    load_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < LOAD_ITEMS; i++)
        free(self->items[i].event);
    free(self->known);
    free(self->known_logs);
    free(self);
    *self_p = NULL;
}

void load_pass_over(load_t *self, uint64_t log, bool ended)
{
    if (self->known_len == self->known_room) {
        self->known_room = self->known_room ? 2 * self->known_room : 16;
        self->known = realloc(self->known, self->known_room * sizeof *self->known);
        self->known_logs = realloc(self->known_logs, self->known_room * sizeof *self->known_logs);
        if (!self->known || !self->known_logs)
            abort();
    }
    self->known_logs[self->known_len] = log;
    self->known[self->known_len++] = (load_known_t){log, ended};
}

static int s_compare(const void *a, const void *b)
{
    uint64_t left = ((const load_known_t *)a)->log, right = ((const load_known_t *)b)->log;
    return left < right ? -1 : left > right;
}

static const load_known_t *s_find(const load_t *self, uint64_t log)
{
    load_known_t key = {.log = log};
    return self->known_len ? bsearch(&key, self->known, self->known_len, sizeof key, s_compare)
                           : NULL;
}

static bool s_take(void *arg, const outbox_due_t *due)
{
    load_t *self = arg;
    if (!uuid_eq(&due->place.target, &self->target))
        return false;
    const load_known_t *known = s_find(self, due->place.log);
    if (known) /* in order, the next one waits until this one has ended */
        return !self->ordered || known->ended;
    if (due->due_ms > self->now_ms) {
        if (due->due_ms < self->look_ms)
            self->look_ms = due->due_ms;
        /* What was kept in its place before the handler's order changed may stand before others. */
        return !self->ordered && due->place.order <= self->now_ms;
    }
    if (self->len == self->most) {
        self->more = true;
        return false;
    }
    self->items[self->len++].due = *due;
    return !self->ordered;
}

static void s_copy(void *arg, const record_t *record)
{
    loaded_t *item = arg;
    item->event_len = record_size(record);
    item->event = malloc(item->event_len);
    if (!item->event)
        abort();
    record_write(record, item->event);
}

/* Of what is due, the events that s_take takes come along. */
static void s_walk(load_t *self, journal_reader_t *reader)
{
    outbox_place_t from = {.target = self->target};
    outbox_ahead_t ahead = {.until_ms = self->now_ms,
                            .most = self->ordered ? 1 : self->most,
                            .bytes = LOAD_BYTES,
                            .known = self->known_logs,
                            .known_len = self->known_len};
    if (self->events)
        journal_due_ahead(reader, &from, &ahead, s_take, self);
    else
        journal_due(reader, &from, s_take, self);
    self->walked = true;
}

/* The journal's thread. */
static void s_query(void *arg, journal_reader_t *reader)
{
    load_t *self = arg;
    size_t bytes = 0;
    if (self->known_len)
        qsort(self->known, self->known_len, sizeof *self->known, s_compare);
    s_walk(self, reader);
    for (self->at = 0; self->events && self->at < self->len; self->at++) {
        if (bytes >= LOAD_BYTES) {
            self->len = self->at;
            self->more = true;
            return;
        }
        journal_record(reader, self->items[self->at].due.place.log, s_copy, &self->items[self->at]);
        bytes += self->items[self->at].event_len;
    }
}

/* Reading has ended within the event of an item, on a page that is damaged: those before it are
 * whole, and those after it come with the next load, which begins with it. */
static void s_cut(load_t *self)
{
    loaded_t *broken = &self->items[self->at];
    free(broken->event);
    broken->event = NULL;
    broken->event_len = 0;
    self->more = self->more || self->at > 0 || self->len > 1;
    self->len = self->at ? self->at : 1;
}

static bool s_has_all(const load_t *self)
{
    unsigned found = 0;
    for (unsigned i = 0; i < self->len; i++)
        found += self->items[i].event != NULL;
    return found == self->len;
}

/* Nothing was read, and it is tried again: a server that refuses is mended by somebody else, and
 * another worker would meet the same. */
static void s_put_off(load_t *self)
{
    for (unsigned i = 0; i < self->len; i++) {
        free(self->items[i].event);
        self->items[i].event = NULL;
    }
    self->len = 0;
    self->more = false;
    self->look_ms = self->now_ms + LOAD_AGAIN_MS;
}

/* What cannot be read is an event, or else the outbox itself. */
static void s_done(void *arg, journal_asked_t how)
{
    load_t *self = arg;
    bool unread = how == JOURNAL_DAMAGED || how == JOURNAL_UNREACHED;
    if (unread && self->walked && self->at < self->len)
        s_cut(self);
    else if (unread && (!self->walked || !self->events || s_has_all(self))) {
        if (!journal_is_served(self->journal))
            log_fatal(EXIT_FAULT, "delivery.load", "err=%s",
                      LOG_Q("the outbox is damaged, at the place that the log names before"));
        s_put_off(self);
    }
    self->done(self, how == JOURNAL_DROPPED);
}

bool load_ask(load_t *self, journal_t *journal, void (*done)(load_t *self, bool dropped))
{
    self->done = done;
    self->journal = journal;
    return journal_ask(journal, s_query, s_done, self);
}
