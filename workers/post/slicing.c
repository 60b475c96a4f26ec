#include "workers/post/slicing.h"

#include "workers/post/reading.h"

#include <assert.h>

void slicing_open(slicing_t *self)
{
    *self = (slicing_t){0};
    STAILQ_INIT(&self->waiting);
}

bool slicing_add(slicing_t *self, reading_t *reading)
{
    if (self->len == SLICING_MOST)
        return false;
    self->len++;
    STAILQ_INSERT_TAIL(&self->waiting, reading, turn);
    return true;
}

reading_t *slicing_take(slicing_t *self)
{
    reading_t *reading = self->asked ? NULL : STAILQ_FIRST(&self->waiting);
    if (!reading)
        return NULL;
    STAILQ_REMOVE_HEAD(&self->waiting, turn);
    self->asked = true;
    return reading;
}

void slicing_over(slicing_t *self, reading_t *reading, bool more)
{
    assert(self->asked && self->len > 0);
    self->asked = false;
    if (more)
        STAILQ_INSERT_TAIL(&self->waiting, reading, turn);
    else
        self->len--;
}
