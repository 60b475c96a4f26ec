#include "workers/journal/postgres/pick.h"

#include "common/life/life.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATHS = 4400 };

struct pick {
    const journal_options_t *options;
    char home[LEASE_HOLDER];
    size_t home_len;
    const uuid_t7 *me;
    unsigned first; /* to look at: processes that look at the same time begin at different ones */
    watch_t *watches;
    bool *free; /* as seen last */
};

pick_t *pick_new(const journal_options_t *options, const char *home, const uuid_t7 *me)
{
    pick_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->options = options;
    self->home_len = (size_t)snprintf(self->home, sizeof self->home, "%.150s ", home) - 1;
    self->home[self->home_len] = '\0';
    self->me = me;
    self->first = me->bytes[sizeof me->bytes - 1] % options->shards;
    self->watches = calloc(options->shards, sizeof *self->watches);
    self->free = calloc(options->shards, sizeof *self->free);
    if (!self->watches || !self->free)
        abort();
    for (unsigned i = 0; i < options->shards; i++)
        watch_begin(&self->watches[i]);
    return self;
}

void pick_destroy(pick_t **self_p)
{
    pick_t *self = *self_p;
    if (!self)
        return;
    free(self->watches);
    free(self->free);
    free(self);
    *self_p = NULL;
}

void pick_lost_sight(pick_t *self)
{
    for (unsigned i = 0; i < self->options->shards; i++)
        watch_lost_sight(&self->watches[i]);
}

/* A process of any shard, of this host. */
static bool s_is_of_home(const pick_t *self, const char *holder)
{
    return strncmp(holder, self->home, self->home_len) == 0 && holder[self->home_len] == ' ';
}

static void s_see(pick_t *self, const statement_t *ask, unsigned row)
{
    uint64_t shard = statement_number(ask, row, 0);
    if (shard >= self->options->shards)
        return;
    watch_t *watch = &self->watches[shard];
    bool still = watch_see(watch, statement_bytes(ask, row, 1), statement_number(ask, row, 2));
    self->free[shard] = still || watch->handed_over || s_is_of_home(self, watch->holder);
}

static session_outcome_t s_look(pick_t *self, session_t *session)
{
    statement_t ask;
    char kind[32];
    snprintf(kind, sizeof kind, "%s/%%", self->options->kind);
    statement_begin(&ask, "leases",
                    "SELECT split_part(what, '/', 2)::bigint, holder, beat FROM postern.lease "
                    "WHERE what LIKE $1");
    statement_text(&ask, kind);
    session_outcome_t went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    if (went != SESSION_OK)
        return went;
    memset(self->free, 0, self->options->shards * sizeof *self->free);
    for (unsigned i = 0; i < statement_rows(&ask); i++)
        s_see(self, &ask, i);
    statement_end(&ask);
    return SESSION_OK;
}

/* The lock stays this process's where it takes the lease. */
static session_outcome_t s_take(pick_t *self, session_t *session, unsigned shard, lease_t **lease)
{
    char path[PATHS], what[32];
    snprintf(path, sizeof path, "%s/%s-%u.lock", self->options->place, self->options->kind, shard);
    int lock = life_hold(path);
    if (lock < 0)
        return SESSION_AGAIN;
    snprintf(what, sizeof what, "%s/%u", self->options->kind, shard);
    *lease = lease_new(what, self->home, self->me, &self->watches[shard]);
    session_outcome_t went = lease_claim(*lease, session);
    if (went == SESSION_OK)
        return went;
    lease_destroy(lease);
    close(lock);
    return went;
}

session_outcome_t pick_look(pick_t *self, session_t *session, unsigned *shard, lease_t **lease)
{
    unsigned shards = self->options->shards;
    session_outcome_t went = s_look(self, session);
    for (unsigned i = 0; i < shards && went == SESSION_OK; i++) {
        *shard = (self->first + i) % shards;
        if (!self->free[*shard])
            continue;
        session_outcome_t took = s_take(self, session, *shard, lease);
        if (took != SESSION_AGAIN)
            return took;
    }
    return went == SESSION_OK ? SESSION_AGAIN : went;
}
