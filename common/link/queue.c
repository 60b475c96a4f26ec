#include "common/link/queue.h"

#include <assert.h>
#include <stdlib.h>

enum {
    BLOCK =
        1024, /* encoded entries up to this lie in the item; longer ones in memory of their own */
    POOL = 4096,   /* most idle items that are kept */
    BUCKETS = 256, /* at first: of a large table each look would miss the cache */
    OVERHEAD = 64, /* what an entry counts beyond its own bytes */
};

typedef struct item {
    struct item *next;      /* in order of arrival, or in the pool */
    struct item *hash_next; /* of the same bucket */
    uuid_t7 id;
    uint32_t attempt;
    int64_t arrived_us; /* a newer attempt does not change it */
    int64_t expires_ms;
    zmq_msg_t body;
    bool has_body, alone;
    uint64_t origin;
    unsigned op;
    size_t body_len; /* also after the body has been moved out */
    size_t len, small;
    char *encoded; /* block, or its own */
    char block[BLOCK];
} item_t;

struct queue {
    queue_limits_t limits;
    unsigned len;
    uint64_t bytes;
    item_t *first, **last;
    item_t **buckets; /* by id, chained; about as many as items */
    size_t mask;
    item_t *pool;
    unsigned pooled;
    pack_t scratch;
};

static void s_make_buckets(queue_t *self, size_t buckets)
{
    self->buckets = calloc(buckets, sizeof *self->buckets);
    if (!self->buckets)
        abort();
    self->mask = buckets - 1;
}

queue_t *queue_new(queue_limits_t limits)
{
    queue_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    s_make_buckets(self, BUCKETS);
    self->limits = limits;
    self->last = &self->first;
    return self;
}

/* The last bytes of a UUIDv7 are random. */
static item_t **s_bucket(queue_t *self, const uuid_t7 *id)
{
    size_t hash;
    memcpy(&hash, id->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    return &self->buckets[hash & self->mask];
}

static void s_hash(queue_t *self, item_t *item)
{
    item_t **bucket = s_bucket(self, &item->id);
    item->hash_next = *bucket;
    *bucket = item;
}

static void s_double_buckets(queue_t *self)
{
    free(self->buckets);
    s_make_buckets(self, 2 * (self->mask + 1));
    for (item_t *item = self->first; item; item = item->next)
        s_hash(self, item);
}

static item_t *s_find(queue_t *self, const uuid_t7 *id)
{
    for (item_t *item = *s_bucket(self, id); item; item = item->hash_next)
        if (uuid_eq(&item->id, id))
            return item;
    return NULL;
}

static uint64_t s_cost(size_t encoded, size_t body)
{
    return encoded + body + OVERHEAD;
}

static void s_empty(queue_t *self, item_t *item)
{
    self->bytes -= s_cost(item->len, item->body_len);
    zmq_msg_close(&item->body);
    if (item->encoded != item->block)
        free(item->encoded);
}

static void s_fill(queue_t *self, item_t *item, const wire_request_t *request, slice_t encoded,
                   zmq_msg_t *body, int64_t now_ms)
{
    item->id = request->id;
    item->attempt = request->attempt;
    item->origin = request->origin;
    item->op = request->op;
    item->alone = false;
    item->expires_ms = now_ms + request->time_left_ms;
    item->len = encoded.len;
    item->small = request->small.len;
    item->encoded = item->len <= BLOCK ? item->block : malloc(item->len);
    if (!item->encoded)
        abort();
    memcpy(item->encoded, encoded.data, item->len);
    item->has_body = body != NULL;
    zmq_msg_init(&item->body);
    if (body)
        zmq_msg_move(&item->body, body);
    item->body_len = zmq_msg_size(&item->body);
    self->bytes += s_cost(item->len, item->body_len);
}

static item_t *s_new_item(queue_t *self)
{
    item_t *item = self->pool;
    if (item) {
        self->pool = item->next;
        self->pooled--;
    } else {
        item = malloc(sizeof *item);
        if (!item)
            abort();
    }
    return item;
}

/* Removes the first item of the queue, whose body and bytes have been dealt with by s_empty. */
static void s_free_first(queue_t *self)
{
    item_t *item = self->first;
    item_t **at = s_bucket(self, &item->id);
    while (*at != item)
        at = &(*at)->hash_next;
    *at = item->hash_next;
    self->first = item->next;
    if (!self->first)
        self->last = &self->first;
    self->len--;
    if (self->pooled < POOL) {
        item->next = self->pool;
        self->pool = item;
        self->pooled++;
    } else {
        free(item);
    }
}

static slice_t s_encode(queue_t *self, const wire_request_t *request)
{
    pack_reset(&self->scratch);
    wire_request_encode(&self->scratch, request);
    return slice(self->scratch.data, self->scratch.len);
}

/* CAME: encoded already; or empty. */
static queue_put_t s_put(queue_t *self, const wire_request_t *request, slice_t came,
                         zmq_msg_t *body, int64_t now_us)
{
    if (request->time_left_ms == 0) {
        if (body)
            zmq_msg_close(body);
        return QUEUE_EXPIRED;
    }
    item_t *item = s_find(self, &request->id);
    if (item && item->attempt >= request->attempt) {
        if (body)
            zmq_msg_close(body);
        return QUEUE_STALE;
    }
    slice_t encoded = came.len ? came : s_encode(self, request);
    uint64_t cost = s_cost(encoded.len, body ? zmq_msg_size(body) : 0);
    if (item) {
        s_empty(self, item);
        s_fill(self, item, request, encoded, body, now_us / 1000);
        return QUEUE_REPLACED;
    }
    if (self->len >= self->limits.messages || self->bytes + cost > self->limits.bytes)
        return QUEUE_FULL;
    item = s_new_item(self);
    item->arrived_us = now_us;
    s_fill(self, item, request, encoded, body, now_us / 1000);
    item->next = NULL;
    *self->last = item;
    self->last = &item->next;
    s_hash(self, item);
    if (self->len++ > self->mask)
        s_double_buckets(self);
    return QUEUE_ADDED;
}

queue_put_t queue_put(queue_t *self, const wire_request_t *request, zmq_msg_t *body, int64_t now_us)
{
    return s_put(self, request, slice("", 0), body, now_us);
}

queue_put_t queue_pass(queue_t *self, const wire_request_t *request, zmq_msg_t *body,
                       int64_t now_us)
{
    return s_put(self, request, wire_request_came(request), body, now_us);
}

void queue_set_alone(queue_t *self, const uuid_t7 *id)
{
    item_t *item = s_find(self, id);
    if (item)
        item->alone = true;
}

bool queue_first_alone(const queue_t *self)
{
    return self->first && self->first->alone;
}

void queue_notes_free(queue_notes_t *self)
{
    free(self->note);
    *self = (queue_notes_t){0};
}

static void s_note(queue_notes_t *self, const item_t *item)
{
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 16;
        self->note = realloc(self->note, self->room * sizeof *self->note);
        if (!self->note)
            abort();
    }
    self->note[self->len++] = (queue_note_t){item->id, item->origin, item->attempt, item->op};
}

/* Whether the item may share its batch with TAKEN others. */
static bool s_mixes(const item_t *item, bool after_alone, unsigned taken)
{
    return taken == 0 || (!after_alone && !item->alone);
}

unsigned queue_take(queue_t *self, wire_batch_t *batch, int64_t now_ms, queue_notes_t *notes)
{
    unsigned taken = 0;
    bool alone = false;
    if (notes)
        notes->len = 0;
    while (self->first) {
        item_t *item = self->first;
        int64_t left = item->expires_ms - now_ms;
        if (left > 0) {
            if (!s_mixes(item, alone, taken) ||
                !wire_batch_has_room(batch, item->len + item->body_len))
                break;
            wire_encoded_t encoded = {item->encoded, item->len, item->small};
            wire_batch_add_encoded(batch, &encoded, item->attempt, (uint32_t)left,
                                   item->has_body ? &item->body : NULL);
            alone = item->alone;
            if (notes)
                s_note(notes, item);
            taken++;
        }
        s_empty(self, item);
        s_free_first(self);
    }
    return taken;
}

unsigned queue_expire(queue_t *self, int64_t now_ms)
{
    unsigned dropped = 0;
    /* Arrival order is nearly expiry order: entries behind a live one wait for their turn, which
     * queue_take checks again. */
    while (self->first && self->first->expires_ms <= now_ms) {
        s_empty(self, self->first);
        s_free_first(self);
        dropped++;
    }
    return dropped;
}

void queue_destroy(queue_t **self_p)
{
    queue_t *self = *self_p;
    if (!self)
        return;
    while (self->first) {
        s_empty(self, self->first);
        s_free_first(self);
    }
    while (self->pool) {
        item_t *next = self->pool->next;
        free(self->pool);
        self->pool = next;
    }
    pack_wipe(&self->scratch);
    free(self->buckets);
    free(self);
    *self_p = NULL;
}

unsigned queue_len(const queue_t *self)
{
    return self->len;
}

int64_t queue_oldest_us(const queue_t *self)
{
    return self->first ? self->first->arrived_us : 0;
}

uint64_t queue_bytes(const queue_t *self)
{
    return self->bytes;
}
