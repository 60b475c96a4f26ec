#include "workers/journal/postgres/pick.h"

#include "common/life/life.h"
#include "common/monitor/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATHS = 4400 };

struct pick {
    const journal_t *journal;
    const journal_options_t *options;
    session_t sessions[CLUSTERS]; /* to each cluster */
    char text[SESSION_TEXT];
    char home[LEASE_HOLDER];
    size_t home_len;
    const uuid_t7 *me;
    unsigned first; /* to look at: processes that look at the same time begin at different ones */
    watch_t *watches;
    bool *free;    /* as seen last */
    unsigned seen; /* how many, likewise */
    unsigned *at;  /* in which cluster each lives, likewise */
};

pick_t *pick_new(const journal_t *journal)
{
    pick_t *self = calloc(1, sizeof *self);
    const uuid_t7 *me = &journal->me;
    const journal_options_t *options = &journal->options;
    if (!self)
        abort();
    self->journal = journal;
    self->options = options;
    self->home_len = (size_t)snprintf(self->home, sizeof self->home, "%.150s ", journal->home) - 1;
    self->home[self->home_len] = '\0';
    self->me = me;
    for (unsigned i = 0; i < journal->clusters_len; i++)
        self->sessions[i].name = journal->name;
    self->first = me->bytes[sizeof me->bytes - 1] % options->shards;
    self->watches = calloc(options->shards, sizeof *self->watches);
    self->free = calloc(options->shards, sizeof *self->free);
    self->at = calloc(options->shards, sizeof *self->at);
    if (!self->watches || !self->free || !self->at)
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
    for (unsigned i = 0; i < CLUSTERS; i++)
        session_close(&self->sessions[i]);
    free(self->watches);
    free(self->free);
    free(self->at);
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

static void s_see(pick_t *self, const statement_t *ask, unsigned row, unsigned at)
{
    uint64_t shard = statement_number(ask, row, 0);
    if (shard >= self->options->shards)
        return;
    watch_t *watch = &self->watches[shard];
    bool still = watch_see(watch, statement_bytes(ask, row, 1), statement_number(ask, row, 2));
    self->at[shard] = at;
    self->seen++;
    self->free[shard] = still || watch->handed_over || s_is_of_home(self, watch->holder);
}

/* At the shards that live in the cluster AT. */
static session_outcome_t s_look_in(pick_t *self, unsigned at)
{
    statement_t ask;
    session_t *session = &self->sessions[at];
    session_outcome_t went = owner_begin(self->journal, session, at);
    if (went != SESSION_OK)
        return went;
    statement_begin(&ask, "leases",
                    "SELECT s.shard::bigint, l.holder, l.beat FROM postern.shard s JOIN "
                    "postern.lease l ON l.what = $2 || s.shard::text WHERE s.kind = $1 AND s.epoch "
                    "< " CLUSTER_CLOSED_SQL);
    char kind[32];
    snprintf(kind, sizeof kind, "%s/", self->options->kind);
    statement_int2(&ask, (uint16_t)self->journal->number);
    statement_text(&ask, kind);
    went = session_exchange(session, &ask, 1, SESSION_DEADLINE_MS);
    for (unsigned i = 0; went == SESSION_OK && i < statement_rows(&ask); i++)
        s_see(self, &ask, i, at);
    if (went == SESSION_OK)
        statement_end(&ask);
    return went;
}

/* A cluster that is not there keeps no shard of another from being seen. */
static session_outcome_t s_look(pick_t *self)
{
    session_outcome_t all = SESSION_REFUSED;
    self->text[0] = '\0';
    self->seen = 0;
    memset(self->free, 0, self->options->shards * sizeof *self->free);
    for (unsigned i = 0; i < self->journal->clusters_len; i++) {
        session_outcome_t went = s_look_in(self, i);
        if (went != SESSION_OK)
            snprintf(self->text, sizeof self->text, "%s", self->sessions[i].text);
        if (went == SESSION_OK || all == SESSION_REFUSED)
            all = all == SESSION_OK ? all : went;
        if (went == SESSION_REFUSED)
            session_close(&self->sessions[i]);
    }
    bool moving = !self->text[0] && self->seen < self->options->shards;
    metric_set(METRIC_journal_moving, moving);
    return all;
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

const char *pick_text(const pick_t *self)
{
    return self->text;
}

session_outcome_t pick_look(pick_t *self, unsigned *shard, lease_t **lease)
{
    unsigned shards = self->options->shards;
    session_outcome_t went = s_look(self);
    for (unsigned i = 0; i < shards && went == SESSION_OK; i++) {
        *shard = (self->first + i) % shards;
        if (!self->free[*shard])
            continue;
        session_t *session = &self->sessions[self->at[*shard]];
        session_outcome_t took = s_take(self, session, *shard, lease);
        if (took != SESSION_AGAIN) {
            snprintf(self->text, sizeof self->text, "%s", session->text);
            return took;
        }
    }
    return went == SESSION_OK ? SESSION_AGAIN : went;
}
