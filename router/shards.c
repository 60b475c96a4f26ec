#include "router/shards.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    STUCK_MS = 4000, /* without credit, after which a shard counts as broken */
    ALONE_MS = 1000, /* for the answer to an entry that went alone */
};

typedef struct {
    queue_t *queue;
    peer_t *worker;                        /* NULL: absent */
    uuid_t7 journal;                       /* of the last worker */
    uint64_t epoch;                        /* the highest of that journal; 0: none was told */
    uint64_t instance, process;            /* likewise */
    queue_notes_t sent[LINK_WINDOW_SMALL]; /* the last batches that it was sent */
    unsigned turn;                         /* of sent, the next one */
    uuid_t7 alone;          /* the one that went in a batch of its own and is not answered */
    int64_t alone_until_ms; /* it is waited for; 0: there is none */
    unsigned there;         /* of them, those that it had when it was lost */
} shard_t;

struct shards {
    unsigned counts[WORKER_KINDS];
    shard_t *of[WORKER_KINDS];
    link_t *workers;
    wire_batch_t *batch;
    deaths_t *deaths;
};

shards_t *shards_new(const unsigned counts[WORKER_KINDS], queue_limits_t limits, deaths_t *deaths)
{
    shards_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->deaths = deaths;
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
        for (unsigned i = 0; i < self->counts[kind]; i++) {
            queue_destroy(&self->of[kind][i].queue);
            for (unsigned j = 0; j < LINK_WINDOW_SMALL; j++)
                queue_notes_free(&self->of[kind][i].sent[j]);
        }
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

/* What a worker has when it is lost. One that says GOODBYE has ended what it had taken. */
static void s_lose(shard_t *shard)
{
    unsigned there = peer_left(shard->worker) ? 0 : peer_outstanding(shard->worker);
    shard->there = there < LINK_WINDOW_SMALL ? there : LINK_WINDOW_SMALL;
    shard->alone_until_ms = 0;
    shard->worker = NULL;
}

/* Another process in the place of one that was lost: that one has died. One that was paused, or cut
 * off, comes back as itself; an older release does not tell, and counts as dead. */
static void s_count_death(shards_t *self, shard_t *shard, const wire_hello_t *hello)
{
    const queue_notes_t *batches[LINK_WINDOW_SMALL];
    for (unsigned i = 0; i < shard->there; i++)
        batches[i] = &shard->sent[(shard->turn + LINK_WINDOW_SMALL - 1 - i) % LINK_WINDOW_SMALL];
    if (shard->there && (hello->news == 0 || hello->news != shard->process))
        deaths_count(self->deaths, batches, shard->there, clock_ms());
    shard->there = 0;
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
    if (same && hello->epoch != 0 && hello->epoch < shard->epoch)
        return GOODBYE_SUPERSEDED;
    if (!same && !uuid_is_nil(&shard->journal)) {
        char now[UUID_TEXT];
        uuid_text(&hello->journal, now);
        log_warn("shard.journal_changed", "kind=%s shard=%u journal=%s",
                 op_owner_name((op_owner_t)hello->kind), hello->shard, now);
    }
    if (shard->worker && shard->worker != worker) {
        peer_set_data(shard->worker, NULL);
        peer_yield(shard->worker);
    }
    if (shard->worker)
        s_lose(shard);
    if (peer_instance(worker) != shard->instance)
        s_count_death(self, shard, hello);
    shard->instance = peer_instance(worker);
    shard->process = hello->news;
    shard->worker = worker;
    shard->journal = hello->journal;
    shard->epoch = !same || hello->epoch ? hello->epoch : shard->epoch;
    peer_set_data(worker, shard);
    return 0;
}

void shards_leave(shards_t *self, peer_t *worker)
{
    (void)self;
    shard_t *shard = peer_data(worker);
    if (shard && shard->worker == worker)
        s_lose(shard);
    peer_set_data(worker, NULL);
}

static queue_put_t s_drop(const wire_request_t *request, zmq_msg_t *body)
{
    char id[UUID_TEXT];
    uuid_text(&request->id, id);
    log_warn("worker.not_sent_again", "req=%s attempt=%u err=%s", id, request->attempt,
             LOG_Q("workers died while they had it"));
    metric_add(METRIC_not_sent_again_total, 1);
    if (body)
        zmq_msg_close(body);
    return QUEUE_STALE;
}

queue_put_t shards_put(shards_t *self, op_owner_t kind, const wire_request_t *request,
                       zmq_msg_t *body, int64_t now_us)
{
    assert(kind < WORKER_KINDS && request->principal.present);
    unsigned shard = wire_shard(&request->principal.target, self->counts[kind]);
    queue_t *queue = self->of[kind][shard].queue;
    deaths_verdict_t deaths =
        request->attempt > 1 ? deaths_of(self->deaths, &request->id, now_us / 1000) : DEATHS_NONE;
    if (deaths == DEATHS_ENOUGH)
        return s_drop(request, body);
    queue_put_t put = queue_pass(queue, request, body, now_us);
    if (deaths == DEATHS_SUSPECT)
        queue_set_alone(queue, &request->id);
    if (put == QUEUE_FULL)
        metric_add_at(METRIC_queue_refused_total, kind, 1);
    return put;
}

/* CREDIT for batches of few entries is long in coming; until then the worker counts as having all
 * of them. Of a large batch it comes soon. */
static void s_let_go(shard_t *shard, const uuid_t7 *id)
{
    for (unsigned i = 0; i < LINK_WINDOW_SMALL; i++) {
        queue_notes_t *sent = &shard->sent[i];
        for (unsigned j = 0; j < sent->len && sent->len <= LINK_SMALL; j++)
            if (uuid_eq(&sent->note[j].id, id)) {
                sent->note[j] = sent->note[--sent->len];
                return;
            }
    }
}

void shards_answered(shards_t *self, peer_t *worker, const uuid_t7 *id)
{
    shard_t *shard = peer_data(worker);
    (void)self;
    if (!shard)
        return;
    if (shard->alone_until_ms && uuid_eq(&shard->alone, id))
        shard->alone_until_ms = 0;
    s_let_go(shard, id);
}

/* One that is to go alone waits until the one before it has been answered: of two that a worker has
 * when it dies nobody could say which it was. */
static bool s_waits(const shard_t *shard, int64_t now_ms)
{
    return queue_first_alone(shard->queue) && now_ms < shard->alone_until_ms &&
           peer_outstanding(shard->worker) > 0;
}

/* Fills the batch, and notes who is in it. False when there is nothing. */
static bool s_fill(shards_t *self, shard_t *shard, int64_t now_ms)
{
    queue_notes_t *notes = &shard->sent[shard->turn];
    bool alone = queue_first_alone(shard->queue);
    if (queue_take(shard->queue, self->batch, now_ms, notes) == 0)
        return false;
    shard->turn = (shard->turn + 1) % LINK_WINDOW_SMALL;
    if (alone && notes->len == 1) {
        shard->alone = notes->note->id;
        shard->alone_until_ms = now_ms + ALONE_MS;
    }
    return true;
}

static void s_flush_shard(shards_t *self, shard_t *shard, int64_t now_ms)
{
    if (shard->worker)
        wire_batch_speak(self->batch, peer_version(shard->worker));
    while (shard->worker && queue_len(shard->queue) &&
           link_can_send(self->workers, shard->worker) && !s_waits(shard, now_ms)) {
        int64_t oldest_us = queue_oldest_us(shard->queue);
        if (!s_fill(self, shard, now_ms))
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
