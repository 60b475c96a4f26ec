#include "router/shards.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { STUCK_MS = 4000 }; /* without credit, after which a shard counts as broken */

typedef struct {
    queue_t *queue;
    peer_t *worker;  /* NULL: absent */
    uuid_t7 journal; /* of the last worker */
} shard_t;

struct shards {
    unsigned counts[WORKER_KINDS];
    shard_t *of[WORKER_KINDS];
    link_t *workers;
    wire_batch_t *batch;
};

shards_t *shards_new(const unsigned counts[WORKER_KINDS], queue_limits_t limits)
{
    shards_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        self->counts[kind] = counts[kind];
        self->of[kind] = calloc(counts[kind], sizeof *self->of[kind]);
        if (!self->of[kind])
            abort();
        for (unsigned i = 0; i < counts[kind]; i++)
            self->of[kind][i].queue = queue_new(limits);
    }
    self->batch = wire_batch_new();
    return self;
}

void shards_destroy(shards_t **self_p)
{
    shards_t *self = *self_p;
    if (!self)
        return;
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        for (unsigned i = 0; i < self->counts[kind]; i++)
            queue_destroy(&self->of[kind][i].queue);
        free(self->of[kind]);
    }
    wire_batch_destroy(&self->batch);
    free(self);
    *self_p = NULL;
}

void shards_set_link(shards_t *self, link_t *workers)
{
    self->workers = workers;
}

wire_goodbye_t shards_join(shards_t *self, peer_t *worker, const wire_hello_t *hello)
{
    if (hello->kind >= WORKER_KINDS || hello->shards != self->counts[hello->kind] ||
        hello->shard >= hello->shards)
        return GOODBYE_SHARDS;
    shard_t *shard = &self->of[hello->kind][hello->shard];
    bool same = uuid_eq(&shard->journal, &hello->journal);
    if (shard->worker && shard->worker != worker && !same)
        return GOODBYE_JOURNAL;
    if (!same && !uuid_is_nil(&shard->journal)) {
        char now[UUID_TEXT];
        uuid_text(&hello->journal, now);
        log_warn("shard.journal_changed", "kind=%s shard=%u journal=%s",
                 op_owner_name((op_owner_t)hello->kind), hello->shard, now);
    }
    if (shard->worker && shard->worker != worker)
        peer_set_data(shard->worker, NULL);
    shard->worker = worker;
    shard->journal = hello->journal;
    peer_set_data(worker, shard);
    return 0;
}

void shards_leave(shards_t *self, peer_t *worker)
{
    (void)self;
    shard_t *shard = peer_data(worker);
    if (shard && shard->worker == worker)
        shard->worker = NULL;
    peer_set_data(worker, NULL);
}

queue_put_t shards_put(shards_t *self, op_owner_t kind, const wire_request_t *request,
                       zmq_msg_t *body, int64_t now_us)
{
    assert(kind < WORKER_KINDS && request->principal.present);
    unsigned shard = wire_shard(&request->principal.target, self->counts[kind]);
    queue_put_t put = queue_put(self->of[kind][shard].queue, request, body, now_us);
    if (put == QUEUE_FULL)
        metric_add_at(METRIC_queue_refused_total, kind, 1);
    return put;
}

static void s_flush_shard(shards_t *self, shard_t *shard, int64_t now_ms)
{
    if (shard->worker)
        wire_batch_speak(self->batch, peer_version(shard->worker));
    while (shard->worker && queue_len(shard->queue) &&
           link_can_send(self->workers, shard->worker)) {
        int64_t oldest_us = queue_oldest_us(shard->queue);
        if (queue_take(shard->queue, self->batch, now_ms) == 0)
            break;
        link_send_requests(self->workers, shard->worker, self->batch);
        metric_observe_us(METRIC_route_seconds, clock_us() - oldest_us);
    }
    if (shard->worker)
        link_note_waiting(self->workers, shard->worker, queue_len(shard->queue) > 0);
}

void shards_flush(shards_t *self, int64_t now_ms)
{
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        for (unsigned i = 0; i < self->counts[kind]; i++)
            s_flush_shard(self, &self->of[kind][i], now_ms);
}

/* A list for the check, as "absent: channel-0 channel-1"; cut where it is full. */
typedef struct {
    char text[96];
    size_t len;
} listed_t;

static void s_list(listed_t *self, const char *what, unsigned kind, unsigned shard)
{
    size_t left = sizeof self->text - self->len;
    int more = snprintf(self->text + self->len, left, "%s%s-%u", self->len ? " " : what,
                        op_owner_name(kind), shard);
    if ((size_t)more < left)
        self->len += (size_t)more;
    else
        self->text[self->len] = '\0';
}

/* A worker that beats and takes nothing over is no worker. */
static void s_check(const shards_t *self, int64_t now_ms)
{
    char reason[200];
    listed_t absent = {.len = 0}, stuck = {.len = 0};
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        for (unsigned i = 0; i < self->counts[kind]; i++) {
            const peer_t *worker = self->of[kind][i].worker;
            if (!worker)
                s_list(&absent, "absent: ", kind, i);
            else if (peer_stuck_ms(worker, now_ms) > STUCK_MS)
                s_list(&stuck, "takes nothing over: ", kind, i);
        }
    bool good = absent.len + stuck.len == 0;
    snprintf(reason, sizeof reason, "%s%s%s", absent.text, absent.len && stuck.len ? "; " : "",
             stuck.text);
    monitor_check("shards", good ? CHECK_OK : CHECK_DEGRADED, good ? "all present" : reason);
}

void shards_tick(shards_t *self, int64_t now_ms)
{
    int64_t now_us = clock_us();
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        int64_t entries = 0, bytes = 0, present = 0, age_us = 0;
        for (unsigned i = 0; i < self->counts[kind]; i++) {
            shard_t *shard = &self->of[kind][i];
            metric_add(METRIC_expired_total, queue_expire(shard->queue, now_ms));
            entries += queue_len(shard->queue);
            bytes += (int64_t)queue_bytes(shard->queue);
            if (queue_len(shard->queue) && now_us - queue_oldest_us(shard->queue) > age_us)
                age_us = now_us - queue_oldest_us(shard->queue);
            present += shard->worker != NULL;
        }
        metric_set_at(METRIC_queue_entries, kind, entries);
        metric_set_at(METRIC_queue_bytes, kind, bytes);
        metric_set_at(METRIC_queue_oldest_seconds, kind, age_us / 1000);
        metric_set_at(METRIC_shards_present, kind, present);
        metric_set_at(METRIC_shards_configured, kind, self->counts[kind]);
    }
    s_check(self, now_ms);
}
