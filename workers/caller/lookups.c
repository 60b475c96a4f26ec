#include "workers/caller/lookups.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void lookups_open(lookups_t *self)
{
    memset(self, 0, sizeof *self);
    pthread_mutex_init(&self->lock, NULL);
}

void lookups_close(lookups_t *self)
{
    pthread_mutex_destroy(&self->lock);
}

/* What the places hold for a look-up of a name. */
typedef struct {
    lookup_t *free_row;
    unsigned free, held;       /* places; held: by the owner */
    const lookup_t *same_name; /* under way, or lingering */
} places_t;

static places_t s_look(lookups_t *self, const uuid_t7 *owner, const char *host, int64_t now_ms)
{
    places_t found = {0};
    for (unsigned i = 0; i < LOOKUPS; i++) {
        lookup_t *row = &self->row[i];
        if (row->number == 0 && row->until_ms <= now_ms) {
            found.free_row = row;
            found.free++;
            continue;
        }
        found.held += uuid_eq(&row->owner, owner);
        if (strcmp(row->host, host) == 0)
            found.same_name = row;
    }
    return found;
}

static const char *s_why(const places_t *found)
{
    if (found->same_name)
        return found->same_name->number
                   ? NULL
                   : "the last look-up of the name has not ended: its name server does not answer";
    if (found->free == 0)
        return "all places for look-ups of names are taken";
    if (found->held > 0 && found->held + LOOKUPS_KEPT >= found->free)
        return "its owner's share of the look-ups is taken by other names that are not answered";
    return NULL;
}

uint64_t lookups_begin(lookups_t *self, const uuid_t7 *owner, const char *host, int64_t now_ms,
                       uint64_t *joined, const char **why)
{
    pthread_mutex_lock(&self->lock);
    places_t found = s_look(self, owner, host, now_ms);
    uint64_t number = 0;
    *why = s_why(&found);
    *joined = found.same_name ? found.same_name->number : 0;
    if (!found.same_name && !*why) {
        number = ++self->begun;
        found.free_row->number = number;
        found.free_row->owner = *owner;
        snprintf(found.free_row->host, sizeof found.free_row->host, "%s", host);
    }
    pthread_mutex_unlock(&self->lock);
    return number;
}

const char *lookups_why(lookups_t *self, const uuid_t7 *owner, const char *host, int64_t now_ms)
{
    pthread_mutex_lock(&self->lock);
    places_t found = s_look(self, owner, host, now_ms);
    pthread_mutex_unlock(&self->lock);
    return s_why(&found);
}

static lookup_t *s_find(lookups_t *self, uint64_t number)
{
    assert(number > 0);
    for (unsigned i = 0; i < LOOKUPS; i++)
        if (self->row[i].number == number)
            return &self->row[i];
    return NULL;
}

void lookups_end(lookups_t *self, uint64_t number, bool lingers, int64_t now_ms)
{
    pthread_mutex_lock(&self->lock);
    lookup_t *row = s_find(self, number);
    assert(row);
    row->number = 0;
    self->ended++;
    row->until_ms = lingers ? now_ms + LOOKUP_LINGER_MS : now_ms;
    pthread_mutex_unlock(&self->lock);
}

bool lookups_is_under_way(lookups_t *self, uint64_t number)
{
    pthread_mutex_lock(&self->lock);
    bool found = s_find(self, number) != NULL;
    pthread_mutex_unlock(&self->lock);
    return found;
}
