#include "workers/journal/postgres/items.h"
#include "workers/journal/postgres/pick.h"
#include "workers/journal/postgres/postgres.h"
#include "workers/journal/postgres/retained.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/life/engine.h"
#include "common/life/life.h"
#include "common/log/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x4a4f5047, PATHS = 4400, SAY_MS = 10000 };

/* Waits for the shard's lock; the locks of any shard are the pick's to take. */
static int s_check_place(const journal_options_t *options, char *err, size_t err_size)
{
    char path[PATHS];
    int rc = 0;
    if (!options->any) {
        snprintf(path, sizeof path, "%s/%s-%u.lock", options->place, options->kind, options->shard);
        life_lock(path, true);
        return engine_check_former(options->place, options->kind, options->shard, err, err_size);
    }
    for (unsigned i = 0; i < options->shards && rc == 0; i++)
        rc = engine_check_former(options->place, options->kind, i, err, err_size);
    return rc;
}

static void s_name(journal_t *self)
{
    session_name(self->name, self->lease, lease_me(self->holding));
}

/* Of a worker of any shard: a shard, and the lease of it. */
static void s_settle(journal_t *self, lease_t *lease)
{
    self->holding = lease;
    snprintf(self->lease, sizeof self->lease, "%s/%u", self->options.kind, self->options.shard);
    s_name(self);
    session_close(&self->writing); /* which has another name */
    log_info("journal.picked", "shard=%u former=%s", self->options.shard,
             LOG_Q(lease_former(lease)));
}

static void s_make(journal_t *self)
{
    self->magic = MAGIC;
    self->reader.journal = self->asked.journal = self;
    pthread_mutex_init(&self->lock, NULL);
    fronts_open(&self->fronts);
    uuid_new(&self->me);
    self->writing.name = self->reader.session.name = self->asked.session.name = self->name;
    notes_open(&self->notes);
    self->append = append_new();
    self->targets = targets_new();
    self->asking = asking_new(&self->asked);
    self->retained = retained_new();
    self->keeper = keeper_new(self);
    self->writer = writer_new(self);
}

/* What was said last. */
typedef struct {
    bool spare;
    int64_t said_ms;
} waiting_t;

/* While another process serves the shard, and while the server is not there. */
static void s_say_waiting(journal_t *self, session_outcome_t went, waiting_t *waiting)
{
    bool spare = went == SESSION_AGAIN;
    int64_t now_ms = clock_ms();
    char text[SESSION_TEXT + LEASE_HOLDER];
    const char *holder = self->holding ? lease_holder(self->holding) : "";
    bool blind = spare && !self->holding && *self->writing.text; /* a cluster is not there */
    if (blind)
        snprintf(text, sizeof text, "spare: of any shard; PostgreSQL: %s", self->writing.text);
    else if (spare && !self->holding)
        snprintf(text, sizeof text, "spare: of any shard, and each of %u has a worker",
                 self->options.shards);
    else
        snprintf(text, sizeof text, spare ? "spare: %s serves the shard" : "PostgreSQL: %s",
                 spare ? holder : self->writing.text);
    if (self->options.waits)
        self->options.waits(spare, text);
    if (spare && !waiting->spare)
        log_info("journal.spare", "lease=%s holder=%s", self->lease, LOG_Q(holder));
    waiting->spare = spare;
    if ((spare && !blind) || now_ms - waiting->said_ms < SAY_MS)
        return;
    waiting->said_ms = now_ms;
    log_warn("journal.waits", "lease=%s err=%s", self->lease, LOG_Q(self->writing.text));
}

/* A shard that is free, and then the taking of it. Who has the lease of one and finds it another's
 * begins anew. */
static session_outcome_t s_try(journal_t *self, pick_t *pick)
{
    lease_t *lease = NULL;
    session_outcome_t went = SESSION_OK;
    if (!self->holding) {
        went = pick_look(pick, &self->options.shard, &lease);
        if (went == SESSION_OK)
            s_settle(self, lease);
        else
            snprintf(self->writing.text, sizeof self->writing.text, "%s", pick_text(pick));
    }
    if (went == SESSION_OK)
        went = owner_take(self, &self->writing);
    /* A migration may have come before that, by a lease that it gave back. */
    if (went == SESSION_OK)
        went = owner_check_kind(self, &self->writing, self->at);
    if (went == SESSION_AGAIN && self->options.any && self->holding)
        fence_lost(self);
    return went;
}

static void s_lost_sight(journal_t *self, pick_t *pick)
{
    if (self->holding)
        lease_lost_sight(self->holding);
    else
        pick_lost_sight(pick);
}

/* A server that is not there is waited for, as a lock is, and so is the lease of another. */
static int s_take(journal_t *self, pick_t *pick, char *err, size_t err_size)
{
    session_outcome_t went;
    int64_t began_ms = clock_ms();
    waiting_t waiting = {.said_ms = -SAY_MS};
    while ((went = s_try(self, pick)) != SESSION_OK) {
        if (went == SESSION_REFUSED || went == SESSION_GONE || went == SESSION_FULL ||
            life_stopping()) {
            snprintf(err, err_size, "PostgreSQL: %s", self->writing.text);
            return -1;
        }
        if (self->holding ? !session_is_open(&self->writing) : went != SESSION_AGAIN)
            s_lost_sight(self, pick);
        s_say_waiting(self, went, &waiting);
        owner_pause();
        self->opened_ms = clock_ms() - began_ms; /* the shard's clock was another's meanwhile */
    }
    return 0;
}

/* What the lock that keeps a second process of this host waiting is in. */
static int s_find_home(journal_t *self, char *err, size_t err_size)
{
    char path[PATHS];
    const journal_options_t *options = &self->options;
    if (options->path) {
        snprintf(self->home, sizeof self->home, "%.150s", options->path);
        return 0;
    }
    snprintf(path, sizeof path, "%s/%s.host", options->place, options->kind);
    return lease_home(path, self->home, err, err_size);
}

/* The lease of its shard; of a worker of any shard it is the one that is picked. */
static int s_own(journal_t *self, char *err, size_t err_size)
{
    const journal_options_t *options = &self->options;
    pick_t *pick = NULL;
    if (options->any) {
        size_t len = strlen(self->home);
        snprintf(self->home + len, sizeof self->home - len, " any");
        pick = pick_new(self);
        snprintf(self->lease, sizeof self->lease, "%s/any", options->kind);
        session_name(self->name, self->lease, self->home);
    } else {
        snprintf(self->lease, sizeof self->lease, "%s/%u", options->kind, options->shard);
        self->holding = lease_new(self->lease, self->home, &self->me, NULL);
        s_name(self);
    }
    int rc = s_take(self, pick, err, err_size);
    pick_destroy(&pick);
    return rc;
}

const char *journal_engine(void)
{
    return "postgres";
}

static int s_name_clusters(journal_t *self, char *err, size_t err_size)
{
    const clusters_t *from = self->options.clusters;
    self->clusters_len = 1;
    int rc = from ? clusters_name(from, self->clusters, &self->clusters_len, err, err_size)
                  : cluster_name(&self->clusters[0], CLUSTER_MAIN, self->options.connection, err,
                                 err_size);
    self->connection = self->clusters[0].connection;
    return rc;
}

static void s_on_lost(void *arg)
{
    fence_lost(arg);
}

journal_t *journal_open(const journal_options_t *options, int64_t now_ms, char *err,
                        size_t err_size)
{
    if (!options->path && s_check_place(options, err, err_size) != 0)
        return NULL;
    journal_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->options = *options;
    if (s_name_clusters(self, err, err_size) != 0) {
        clusters_forget(self->clusters, self->clusters_len);
        free(self);
        return NULL;
    }
    op_owner_t owner;
    bool known = op_owner_of(options->kind, strlen(options->kind), &owner);
    assert(known);
    self->kind = options->kind[0];
    self->number = owner;
    self->delivers = op_owner_delivers(owner);
    if (s_find_home(self, err, err_size) != 0) {
        clusters_forget(self->clusters, self->clusters_len);
        free(self);
        return NULL;
    }
    s_make(self);
    if (s_own(self, err, err_size) != 0) {
        session_close(&self->writing);
        journal_close(&self);
        return NULL;
    }
    lease_start(self->holding, self->connection, self->name, s_on_lost, self);
    self->opened_ms += now_ms;
    const segment_t *open = tables_open_segment(&self->tables);
    atomic_store(&self->committed_log, open ? open->end_log : 1);
    horizon_raise(self, self->base_ms);
    self->options.path = self->options.place = self->options.known = self->options.kind = NULL;
    self->options.connection = NULL;
    self->options.clusters = NULL;
    log_info("journal.open", "engine=postgres cluster=%s shard=%u epoch=%llu next=%llu",
             self->clusters[self->at].name, self->options.shard, (unsigned long long)self->epoch,
             (unsigned long long)atomic_load(&self->committed_log));
    return self;
}

/* The clock goes on from here. */
static void s_leave(journal_t *self)
{
    session_outcome_t went = SESSION_AWAY;
    if (session_is_open(&self->writing))
        went = tables_save(self, &self->writing);
    lease_stop(self->holding);
    if (session_is_open(&self->writing))
        lease_leave(self->holding, &self->writing);
    if (went != SESSION_OK)
        log_warn("journal.unsaved", "shard=%u err=%s", self->options.shard,
                 LOG_Q("the running clock goes on from the last message"));
}

void journal_close(journal_t **self_p)
{
    journal_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    atomic_store(&self->stopping, true);
    writer_destroy(&self->writer);
    self->notes.next_ms = 0;
    if (self->epoch)
        noting_turn(self, self->opened_ms);
    asking_destroy(&self->asking); /* whom all that stores has told of it */
    session_close(&self->asked.session);
    keeper_destroy(&self->keeper);
    if (self->epoch)
        s_leave(self);
    lease_destroy(&self->holding);
    session_close(&self->writing);
    session_close(&self->reader.session);
    append_destroy(&self->append);
    targets_destroy(&self->targets);
    retained_destroy(&self->retained);
    notes_close(&self->notes);
    pthread_mutex_destroy(&self->lock);
    fronts_close(&self->fronts);
    clusters_forget(self->clusters, self->clusters_len);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

bool journal_tend(journal_t *self, int64_t now_ms)
{
    tables_roll_on(self, running_at(self, now_ms));
    noting_turn(self, now_ms);
    return keeper_turn(self->keeper, now_ms);
}
