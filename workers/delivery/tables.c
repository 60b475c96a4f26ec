#include "workers/delivery/lane.h"

#include <stdlib.h>

lane_t *tables_lane(tables_t *self, const uuid_t7 *target)
{
    lane_t *lane;
    HASH_FIND(hh, self->lanes, target, sizeof *target, lane);
    if (lane)
        return lane;
    lane = calloc(1, sizeof *lane);
    if (!lane)
        abort();
    lane->target = *target;
    lane->look_ms = UINT64_MAX;
    STAILQ_INIT(&lane->ready);
    HASH_ADD(hh, self->lanes, target, sizeof lane->target, lane);
    return lane;
}

item_t *tables_find(const tables_t *self, uint64_t log)
{
    item_t *item;
    HASH_FIND(hh, self->items, &log, sizeof log, item);
    return item;
}

item_t *tables_add(tables_t *self, lane_t *lane, const outbox_due_t *due)
{
    item_t *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->lane = lane;
    item->due = *due;
    LIST_INSERT_HEAD(&lane->items, item, of_lane);
    HASH_ADD(hh, self->items, due.place.log, sizeof item->due.place.log, item);
    return item;
}

void tables_drop(tables_t *self, item_t *item)
{
    HASH_DEL(self->items, item);
    LIST_REMOVE(item, of_lane);
    free(item->event);
    free(item);
}

void item_shorten(item_t *self, const record_t *event)
{
    record_t rest = {.op = event->op,
                     .environment = event->environment,
                     .id = event->id,
                     .target = event->target,
                     .access = event->access};
    size_t len = record_size(&rest);
    char *bytes = malloc(len);
    if (!bytes)
        abort();
    record_write(&rest, bytes);
    free(self->event);
    self->event = bytes;
    self->event_len = len;
}

void tables_close(tables_t *self)
{
    while (self->items)
        tables_drop(self, self->items);
    for (lane_t *lane; (lane = self->lanes);) {
        HASH_DEL(self->lanes, lane);
        lane_leave_replay(lane);
        if (lane->loading)
            lane->loading->owner = NULL;
        free(lane);
    }
}
