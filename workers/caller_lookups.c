#include "workers/caller_lookups.h"

#include <stdio.h>
#include <string.h>

static bool s_counts(const lookup_t *row, int64_t now_ms)
{
    return row->host[0] && (row->until_ms < 0 || row->until_ms > now_ms);
}

lookup_t *lookups_begin(lookups_t *self, const char *host, int64_t now_ms)
{
    lookup_t *free_row = NULL;
    unsigned same = 0;
    for (unsigned i = 0; i < LOOKUPS; i++) {
        if (!s_counts(&self->row[i], now_ms))
            free_row = &self->row[i];
        else
            same += strcmp(self->row[i].host, host) == 0;
    }
    if (!free_row || same >= LOOKUPS_OF_HOST)
        return NULL;
    snprintf(free_row->host, sizeof free_row->host, "%s", host);
    free_row->until_ms = -1;
    return free_row;
}

void lookups_end(lookups_t *self, lookup_t **lookup_p, bool lingers, int64_t now_ms)
{
    lookup_t *lookup = *lookup_p;
    if (!lookup)
        return;
    lookup->until_ms = lingers ? now_ms + LOOKUP_LINGER_MS : now_ms;
    self->freed |= !lingers;
    *lookup_p = NULL;
}
