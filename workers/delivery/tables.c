#include "workers/delivery/lane.h"

#include <stdlib.h>

enum { BUCKETS = 1024 }; /* of a table at first; a power of two */

static size_t s_target_bucket(const uuid_t7 *target, size_t room)
{
    uint64_t hash;
    memcpy(&hash, target->bytes + UUID_BYTES - sizeof hash, sizeof hash);
    return (hash * 0x9e3779b97f4a7c15u >> 32) & (room - 1);
}

static size_t s_log_bucket(uint64_t log, size_t room)
{
    return (log * 0x9e3779b97f4a7c15u >> 32) & (room - 1);
}

static void s_grow_lanes(tables_t *self)
{
    size_t room = self->lanes_room ? 2 * self->lanes_room : BUCKETS;
    lane_t **lanes = calloc(room, sizeof(lane_t *));
    if (!lanes)
        abort();
    for (size_t i = 0; i < self->lanes_room; i++)
        for (lane_t *lane = self->lanes[i], *next; lane; lane = next) {
            next = lane->next;
            size_t bucket = s_target_bucket(&lane->target, room);
            lane->next = lanes[bucket];
            lanes[bucket] = lane;
        }
    free(self->lanes);
    self->lanes = lanes;
    self->lanes_room = room;
}

lane_t *tables_lane(tables_t *tables, const uuid_t7 *target)
{
    if (tables->lanes_len == tables->lanes_room)
        s_grow_lanes(tables);
    lane_t **bucket = &tables->lanes[s_target_bucket(target, tables->lanes_room)];
    for (lane_t *lane = *bucket; lane; lane = lane->next)
        if (uuid_eq(&lane->target, target))
            return lane;
    lane_t *lane = calloc(1, sizeof *lane);
    if (!lane)
        abort();
    lane->target = *target;
    lane->look_ms = UINT64_MAX;
    lane->ready_end = &lane->ready;
    lane->next = *bucket;
    *bucket = lane;
    tables->lanes_len++;
    return lane;
}

static void s_grow_items(tables_t *self)
{
    size_t room = self->items_room ? 2 * self->items_room : BUCKETS;
    item_t **items = calloc(room, sizeof(item_t *));
    if (!items)
        abort();
    for (size_t i = 0; i < self->items_room; i++)
        for (item_t *item = self->items[i], *next; item; item = next) {
            next = item->next;
            size_t bucket = s_log_bucket(item->due.place.log, room);
            item->next = items[bucket];
            items[bucket] = item;
        }
    free(self->items);
    self->items = items;
    self->items_room = room;
}

item_t *tables_find(const tables_t *self, uint64_t log)
{
    if (self->items_room == 0)
        return NULL;
    item_t *item = self->items[s_log_bucket(log, self->items_room)];
    while (item && item->due.place.log != log)
        item = item->next;
    return item;
}

item_t *tables_add(tables_t *self, lane_t *lane, const outbox_due_t *due)
{
    if (self->items_len == self->items_room)
        s_grow_items(self);
    item_t *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->lane = lane;
    item->due = *due;
    item_t **bucket = &self->items[s_log_bucket(due->place.log, self->items_room)];
    item->next = *bucket;
    *bucket = item;
    self->items_len++;
    return item;
}

void tables_drop(tables_t *self, item_t *item)
{
    item_t **at = &self->items[s_log_bucket(item->due.place.log, self->items_room)];
    while (*at != item)
        at = &(*at)->next;
    *at = item->next;
    self->items_len--;
    free(item);
}

void tables_close(tables_t *self)
{
    for (size_t i = 0; i < self->items_room; i++)
        for (item_t *item = self->items[i], *next; item; item = next) {
            next = item->next;
            free(item);
        }
    for (size_t i = 0; i < self->lanes_room; i++)
        for (lane_t *lane = self->lanes[i], *next; lane; lane = next) {
            next = lane->next;
            free(lane);
        }
    free(self->items);
    free(self->lanes);
}
