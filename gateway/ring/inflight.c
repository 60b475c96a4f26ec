#include "gateway/ring/inflight.h"

#include "common/base/ops.h"

#include <assert.h>
#include <stdlib.h>

enum { ROOM = 1024 }; /* of the table at first: of a large one each look would miss the cache */

/* Slots are named by index + 1, so that 0 is none and zeroed memory is a list's end. */
typedef struct {
    uint32_t first, last;
} list_t;

struct inflight {
    slot_t *slot;
    unsigned capacity, len;
    uint32_t free;  /* chained by newer */
    uint32_t fresh; /* slots from here on were never used */
    list_t age;
    list_t *pending; /* by route */
    unsigned routes;
    unsigned pending_len;
    uint64_t pending_bytes;
    int64_t deadline_ms, first_resend_ms;
    int64_t hurry_ms; /* until then some are due out of their order; 0: none are */
    uint32_t *table;  /* open addressing by id; at least twice as many as slots in use */
    uint32_t mask;
};

inflight_t *inflight_new(unsigned capacity, unsigned routes, int64_t deadline_ms)
{
    inflight_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->capacity = capacity;
    self->routes = routes;
    self->deadline_ms = deadline_ms;
    self->first_resend_ms = inflight_next_resend(1, 0, deadline_ms);
    self->mask = ROOM - 1;
    self->slot = calloc(capacity, sizeof *self->slot);
    self->pending = calloc(routes, sizeof *self->pending);
    self->table = calloc(ROOM, sizeof *self->table);
    if (!self->slot || !self->pending || !self->table)
        abort();
    return self;
}

void inflight_destroy(inflight_t **self_p)
{
    inflight_t *self = *self_p;
    if (self) {
        free(self->slot);
        free(self->pending);
        free(self->table);
        free(self);
        *self_p = NULL;
    }
}

static slot_t *s_slot(inflight_t *self, uint32_t name)
{
    return name ? &self->slot[name - 1] : NULL;
}

static uint32_t s_name(const inflight_t *self, const slot_t *slot)
{
    return (uint32_t)(slot - self->slot) + 1;
}

/* The last bytes of a UUIDv7 are random. */
static uint32_t s_home(const inflight_t *self, const uuid_t7 *id)
{
    uint32_t hash;
    memcpy(&hash, id->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    return hash & self->mask;
}

static uint32_t s_seek(const inflight_t *self, const uuid_t7 *id)
{
    uint32_t at = s_home(self, id);
    while (self->table[at] && !uuid_eq(&self->slot[self->table[at] - 1].request.id, id))
        at = (at + 1) & self->mask;
    return at;
}

/* Closes the gap by moving back what stands behind it and may. */
static void s_unhash(inflight_t *self, const uuid_t7 *id)
{
    uint32_t gap = s_seek(self, id);
    assert(self->table[gap]);
    for (uint32_t at = (gap + 1) & self->mask; self->table[at]; at = (at + 1) & self->mask) {
        uint32_t home = s_home(self, &self->slot[self->table[at] - 1].request.id);
        if (((at - home) & self->mask) >= ((at - gap) & self->mask)) {
            self->table[gap] = self->table[at];
            gap = at;
        }
    }
    self->table[gap] = 0;
}

static void s_hash(inflight_t *self, uint32_t name)
{
    uint32_t at = s_seek(self, &s_slot(self, name)->request.id);
    assert(self->table[at] == 0);
    self->table[at] = name;
}

static void s_double_table(inflight_t *self)
{
    uint32_t *before = self->table, room = self->mask + 1;
    self->table = calloc(2 * (size_t)room, sizeof *self->table);
    if (!self->table)
        abort();
    self->mask = 2 * room - 1;
    for (uint32_t at = 0; at < room; at++)
        if (before[at])
            s_hash(self, before[at]);
    free(before);
}

slot_t *inflight_add(inflight_t *self, const uuid_t7 *id, int64_t now_ms)
{
    uint32_t name = self->free;
    if (!name && self->fresh < self->capacity)
        name = ++self->fresh;
    if (!name)
        return NULL;
    slot_t *slot = s_slot(self, name);
    if (name == self->free)
        self->free = slot->newer;
    uint32_t generation = slot->generation;
    *slot = (slot_t){.generation = generation + 1 ? generation + 1 : 1, .used = true};
    slot->request.id = *id;
    slot->born_ms = now_ms;
    slot->deadline_ms = now_ms + self->deadline_ms;
    slot->older = self->age.last;
    if (self->age.last)
        s_slot(self, self->age.last)->newer = name;
    else
        self->age.first = name;
    self->age.last = name;
    if (2 * self->len > self->mask)
        s_double_table(self);
    s_hash(self, name);
    self->len++;
    return slot;
}

slot_t *inflight_find(inflight_t *self, const uuid_t7 *id)
{
    return s_slot(self, self->table[s_seek(self, id)]);
}

void inflight_remove(inflight_t *self, slot_t *slot)
{
    assert(slot->used);
    inflight_unqueue(self, slot);
    s_unhash(self, &slot->request.id);
    if (slot->older)
        s_slot(self, slot->older)->newer = slot->newer;
    else
        self->age.first = slot->newer;
    if (slot->newer)
        s_slot(self, slot->newer)->older = slot->older;
    else
        self->age.last = slot->older;
    slot->used = false;
    slot->owner = NULL;
    slot->newer = self->free;
    self->free = s_name(self, slot);
    self->len--;
}

slot_ref_t inflight_ref(const inflight_t *self, const slot_t *slot)
{
    return (slot_ref_t){s_name(self, slot), slot->generation};
}

slot_t *inflight_at(inflight_t *self, slot_ref_t ref)
{
    slot_t *slot = ref.index <= self->capacity ? s_slot(self, ref.index) : NULL;
    return slot && slot->used && slot->generation == ref.generation ? slot : NULL;
}

static uint64_t s_bytes(const slot_t *slot)
{
    return wire_request_size(&slot->request) + slot->body.len;
}

void inflight_queue(inflight_t *self, slot_t *slot, unsigned route)
{
    assert(route < self->routes);
    if (slot->pending)
        return;
    list_t *list = &self->pending[route];
    uint32_t name = s_name(self, slot);
    slot->pending = true;
    slot->route = route;
    slot->pending_next = 0;
    slot->pending_prev = list->last;
    if (list->last)
        s_slot(self, list->last)->pending_next = name;
    else
        list->first = name;
    list->last = name;
    self->pending_len++;
    self->pending_bytes += s_bytes(slot);
}

slot_t *inflight_pending(inflight_t *self, unsigned route)
{
    return s_slot(self, self->pending[route].first);
}

void inflight_unqueue(inflight_t *self, slot_t *slot)
{
    if (!slot->pending)
        return;
    list_t *list = &self->pending[slot->route];
    if (slot->pending_prev)
        s_slot(self, slot->pending_prev)->pending_next = slot->pending_next;
    else
        list->first = slot->pending_next;
    if (slot->pending_next)
        s_slot(self, slot->pending_next)->pending_prev = slot->pending_prev;
    else
        list->last = slot->pending_prev;
    slot->pending = false;
    self->pending_len--;
    self->pending_bytes -= s_bytes(slot);
}

void inflight_reroute(inflight_t *self, unsigned from, unsigned to)
{
    slot_t *slot;
    assert(from != to);
    while ((slot = inflight_pending(self, from))) {
        inflight_unqueue(self, slot);
        inflight_queue(self, slot, to);
    }
}

int64_t inflight_next_resend(unsigned attempts, int64_t sent_ms, int64_t deadline_ms)
{
    int64_t next = sent_ms + (attempts <= 1 ? RESEND_FIRST_MS : RESEND_NEXT_MS);
    int64_t last = deadline_ms - RESEND_LAST_MS;
    if (next <= last)
        return next;
    return sent_ms < last ? last : 0;
}

void inflight_sent(inflight_t *self, slot_t *slot, int64_t now_ms)
{
    inflight_unqueue(self, slot);
    bool held = slot->attempts && slot->resend_ms == 0;
    slot->attempts++;
    slot->sent_ms = now_ms;
    slot->resend_ms = held ? 0 : inflight_next_resend(slot->attempts, now_ms, slot->deadline_ms);
}

void inflight_hurry(inflight_t *self, slot_t *slot, int64_t at_ms)
{
    if (slot->resend_ms == 0 || slot->resend_ms > at_ms)
        slot->resend_ms = at_ms;
    if (at_ms > self->hurry_ms)
        self->hurry_ms = at_ms;
}

void inflight_hold(slot_t *slot)
{
    slot->held = true;
    slot->resend_ms = 0;
}

void inflight_release(slot_t *slot, int64_t now_ms)
{
    if (slot->resend_ms == 0)
        slot->resend_ms = now_ms;
}

slot_t *inflight_next(inflight_t *self, slot_t *previous)
{
    return s_slot(self, previous ? previous->newer : self->age.first);
}

void inflight_tick(inflight_t *self, int64_t now_ms, const inflight_calls_t *calls, void *arg)
{
    slot_t *next;
    for (slot_t *slot = inflight_next(self, NULL); slot; slot = next) {
        /* Nothing is due for this one, nor for those that came after it. */
        if (self->hurry_ms == 0 && slot->born_ms + self->first_resend_ms > now_ms &&
            slot->deadline_ms > now_ms)
            break;
        next = inflight_next(self, slot);
        if (slot->deadline_ms <= now_ms)
            calls->expired(arg, slot);
        else if (slot->resend_ms && slot->resend_ms <= now_ms && !slot->pending)
            calls->resend(arg, slot);
    }
    if (self->hurry_ms <= now_ms)
        self->hurry_ms = 0;
}

unsigned inflight_len(const inflight_t *self)
{
    return self->len;
}

unsigned inflight_pending_len(const inflight_t *self)
{
    return self->pending_len;
}

uint64_t inflight_pending_bytes(const inflight_t *self)
{
    return self->pending_bytes;
}
