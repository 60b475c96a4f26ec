#include "workers/journal/postgres/targets.h"

#include "common/base/map.h"

#include <string.h>

typedef struct {
    uint64_t sequence, log;
} place_t;

struct target {
    uuid_t7 id;
    place_t kept, made; /* made: in the transaction of NUMBER */
    uint64_t number;
    target_t *next_made;
    UT_hash_handle hh;
};

struct targets {
    target_t *map;
    target_t *made;  /* that the transaction has touched */
    uint64_t number; /* counts transactions */
};

static void s_forget(targets_t *self)
{
    target_t *target, *next;
    HASH_ITER (hh, self->map, target, next) {
        HASH_DEL(self->map, target);
        free(target);
    }
}

targets_t *targets_new(void)
{
    targets_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    return self;
}

void targets_destroy(targets_t **self_p)
{
    targets_t *self = *self_p;
    if (!self)
        return;
    s_forget(self);
    free(self);
    *self_p = NULL;
}

void targets_begin(targets_t *self)
{
    if (HASH_COUNT(self->map) > TARGETS_KEPT)
        s_forget(self);
    self->made = NULL;
    self->number++;
}

target_t *targets_find(targets_t *self, const uuid_t7 *id)
{
    target_t *target;
    HASH_FIND(hh, self->map, id, sizeof *id, target);
    return target;
}

void targets_tell(targets_t *self, const uuid_t7 *id, uint64_t sequence, uint64_t log)
{
    target_t *target = targets_find(self, id);
    if (!target) {
        target = calloc(1, sizeof *target);
        if (!target)
            abort();
        target->id = *id;
        HASH_ADD(hh, self->map, id, sizeof target->id, target);
    }
    target->kept = (place_t){sequence, log};
}

void targets_place(targets_t *self, target_t *target, uint64_t log, uint64_t *sequence,
                   uint64_t *previous)
{
    if (target->number != self->number) {
        target->number = self->number;
        target->made = target->kept;
        target->next_made = self->made;
        self->made = target;
    }
    *previous = target->made.log;
    *sequence = target->made.sequence + 1;
    target->made = (place_t){*sequence, log};
}

void targets_keep(targets_t *self)
{
    for (target_t *target = self->made; target; target = target->next_made)
        target->kept = target->made;
    self->made = NULL;
}
