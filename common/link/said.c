#include "common/link/said.h"

#include <stdio.h>
#include <string.h>

bool said_is_news(said_t *self, const char *who, int64_t now_ms)
{
    unsigned oldest = 0;
    for (unsigned i = 0; i < SAID_MOST; i++) {
        bool recent = self->rows[i].ms && now_ms - self->rows[i].ms < SAID_MS;
        if (recent && strncmp(self->rows[i].who, who, SAID_WHO - 1) == 0)
            return false;
        if (self->rows[i].ms < self->rows[oldest].ms)
            oldest = i;
    }
    self->rows[oldest].ms = now_ms;
    snprintf(self->rows[oldest].who, SAID_WHO, "%s", who);
    return true;
}
