#include "workers/loop/worker.h"

#include "common/base/clock.h"
#include "common/life/confine.h"
#include "common/life/kinds.h"
#include "common/life/life.h"
#include "common/link/link.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "common/source/record.h"
#include "workers/journal/outbox.h"
#include "workers/journal/retention.h"
#include "workers/loop/lost.h"
#include "workers/loop/program.h"
#include "workers/loop/spare.h"
#include "workers/loop/unowned.h"
#include "workers/post/answer.h"
#include "workers/post/drain.h"
#include "workers/post/feed.h"

#include <assert.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MAGIC = 0x574f524b,
    ROUTERS = 16,
    TURN_MS = 250,      /* longest turn of the loop */
    MESSAGES_TURN = 64, /* most messages of a link in a turn */
    RETENTION_DAYS = 36500,
};

struct worker {
    unsigned magic;
    const worker_role_t *role;
    const conf_t *conf;
    shard_t shard;
    journal_t *journal;
    link_t *links[ROUTERS];
    unsigned links_len;
    uint64_t instance;
    int64_t woke_ms;
    drain_t *filling, *out; /* out: submitted, empty when the journal is idle */
    post_t post;
    answering_t answering;
    void *engine;           /* the role's, or NULL */
    wire_goodbye_t refused; /* why a router refused us last, 0: none has */
    int64_t checked_ms;     /* when the health checks were set last; 0: set them in this turn */
    bool misplaced_said, unread_said;
    char formats_file[PATH_MAX + 16]; /* of the installation's formats */
};

void worker_told(post_t *post, job_t *job)
{
    (void)post;
    job->kind = JOB_TOLD;
}

void worker_history(post_t *post, job_t *job)
{
    (void)post;
    history_prepare(job);
}

void worker_feed(post_t *post, job_t *job)
{
    (void)post;
    feed_prepare(job);
}

/* The kinds that deliver to handlers, as bits. */
enum { STORES, HANDLERS };
enum {
    DELIVERING = 0
#define WORKER(constant, name, port, handlers, what) | handlers << OWNER_##constant
#include "common/kinds.def"
};

/* A row whose verb is none of ours does not compile, nor one without a verb. */
static const struct {
    op_owner_t owner;
    verb_t verb;
} s_ops[] = {
#define OP(number, ...)
#define SEND(number, name, methods, path, credentials, owner, target, rule, deed, verb)            \
    [number] = {OWNER_##owner, VERB_##verb},
#define TELL(number, name, methods, path, owner, verb) [number] = {OWNER_##owner, VERB_##verb},
#define FEED(number, name, methods, path, owner, verb) [number] = {OWNER_##owner, VERB_##verb},
#include "common/ops.def"
};
#define OP(number, ...)
#define SEND(number, name, methods, path, credentials, owner, target, rule, deed, verb)            \
    _Static_assert((OWNER_##owner == OWNER_AUTHD) == (VERB_##verb == VERB_none),                   \
                   #name " needs the verb of its worker");                                         \
    _Static_assert(VERB_##verb < VERB_DELIVERY || OWNER_##owner == OWNER_AUTHD ||                  \
                       (1u << OWNER_##owner & DELIVERING),                                         \
                   #name " has a verb of workers with handlers");
#include "common/ops.def"

static const verb_fn s_verbs[VERBS] = {
#define VERB(name, function) [VERB_##name] = function,
    WORKER_VERBS(VERB)
#undef VERB
};

/* NULL: the operation is none of this worker's. */
static verb_fn s_find_verb(const worker_t *self, unsigned op)
{
    const worker_engine_t *engine = self->role->engine;
    if (op >= sizeof s_ops / sizeof *s_ops || s_ops[op].owner != self->role->kind)
        return NULL;
    verb_t verb = s_ops[op].verb;
    return verb < VERB_DELIVERY ? s_verbs[verb] : engine ? engine->verbs[verb] : NULL;
}

/* An event is to be delivered when its target has a handler now. What goes out is kept where it
 * came from until then. */
static void s_mark(const worker_t *self, job_t *job)
{
    record_t *record = &job->entry.record;
    verb_t verb = s_ops[job->request->op].verb;
    bool goes_out = verb == VERB_outlet || verb == VERB_outlet_test;
    if (!self->engine || job->kind != JOB_STORE || (verb != VERB_event && !goes_out))
        return;
    if (!self->role->engine->wants(self->engine, &record->target)) {
        if (goes_out)
            job_refuse(job, ERROR_unavailable, NULL);
        return;
    }
    record->flags |= RECORD_DELIVER;
    if (self->role->engine->awaits(self->engine, &record->target))
        job->entry.answer.answer = ANSWER_LATE;
}

/* What else stands in the place of a handler record says who reads or changes. */
static bool s_has_record(unsigned op)
{
    return s_ops[op].verb != VERB_change && s_ops[op].verb != VERB_history;
}

/* A record that does not decode is no reason to refuse the event with which it came. */
static bool s_learn(worker_t *self, const wire_request_t *request)
{
    slice_t record, sources;
    if (!self->engine || request->handler.len == 0 || !s_has_record(request->op))
        return true;
    source_records_split(request->handler, &record, &sources);
    if (record.len == 0 || self->role->engine->learn(self->engine, &request->principal.target,
                                                     record, clock_ms()) == 0)
        return true;
    if (!self->unread_said)
        log_warn("worker.handler", "op=%u err=%s", request->op,
                 LOG_Q("a handler record that cannot be read is ignored"));
    self->unread_said = true;
    return false;
}

/* The answer to what is not committed yet is to the next time it is told. */
static void s_answer_told(worker_t *self, job_t *job, bool learned)
{
    const uuid_t7 *target = &job->request->principal.target;
    if (!learned || !self->engine || job->request->handler.len == 0) {
        job->kind = JOB_REFUSED;
        job_refuse(job, ERROR_unavailable, NULL);
    } else if (!self->role->engine->kept(self->engine, target)) {
        job->kind = JOB_DROPPED;
    }
}

static uint64_t s_number(const job_t *job, const char *name, uint64_t most)
{
    slice_t text;
    uint64_t number = 0;
    bool good =
        wire_pairs_find(job->request->params, name, &text) && history_digits(text, most, &number);
    return good ? number : 0;
}

/* The same of what the target keeps. */
static void s_retain(worker_t *self, job_t *job)
{
    const retention_t keeps = {.version = s_number(job, "version", INT64_MAX),
                               .age_ms = s_number(job, "days", RETENTION_DAYS) * 86400000,
                               .messages = s_number(job, "messages", INT64_MAX),
                               .bytes = s_number(job, "bytes", INT64_MAX)};
    switch (journal_retain(self->journal, &job->request->principal.target, &keeps)) {
    case RETENTION_KEPT:
        job->kind = JOB_ANSWERED;
        break;
    case RETENTION_TAKEN:
        job->kind = JOB_DROPPED;
        break;
    case RETENTION_UNABLE:
        job->kind = JOB_REFUSED;
        job_refuse(job, ERROR_unavailable, NULL);
    }
}

/* Bytes of a peer: what only a confused one sends is refused, never believed. */
static void s_prepare(worker_t *self, job_t *job)
{
    const wire_request_t *request = job->request;
    verb_fn prepare = s_find_verb(self, request->op);
    bool ours = request->principal.present &&
                wire_shard(&request->principal.target, self->shard.shards) == self->shard.shard;
    if (request->time_left_ms == 0)
        return;
    if (prepare && ours) {
        bool learned = s_learn(self, request);
        prepare(&self->post, job);
        s_mark(self, job);
        if (job->kind == JOB_TOLD && s_ops[request->op].verb == VERB_retention)
            s_retain(self, job);
        else if (job->kind == JOB_TOLD)
            s_answer_told(self, job, learned);
        return;
    }
    if (prepare && !self->misplaced_said) {
        self->misplaced_said = true;
        log_warn("worker.misplaced", "op=%u err=%s", request->op,
                 LOG_Q("a request without a principal, or for another shard"));
    }
    job_refuse(job, ERROR_unavailable, NULL);
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    worker_t *self = arg;
    assert(self->magic == MAGIC);
    link_t *link = peer_data(peer);
    unsigned count = message->entries;
    job_t *jobs = drain_add(self->filling, link, peer, message, clock_ms());
    for (unsigned i = 0; i < count; i++)
        s_prepare(self, &jobs[i]);
}

static wire_goodbye_t s_on_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    worker_t *self = arg;
    (void)peer, (void)hello;
    self->refused = 0;
    self->checked_ms = 0;
    return 0;
}

static void s_on_refused(void *arg, peer_t *peer, wire_goodbye_t reason)
{
    worker_t *self = arg;
    (void)peer;
    self->refused = reason;
    self->checked_ms = 0;
}

static void s_open_journal(worker_t *self)
{
    const conf_t *conf = self->conf;
    char err[PATH_MAX + 1024];
    static clusters_t clusters;
    if (clusters_read(conf, op_owner_name(self->role->kind), &clusters, err, sizeof err) != 0)
        log_fatal(EXIT_CONFIG, "journal.open", "err=%s", LOG_Q(err));
    journal_options_t options = {
        .place = conf_text(conf, SET_data_directory),
        .known = conf_text(conf, SET_data_known),
        .kind = op_owner_name(self->role->kind),
        .shard = self->shard.shard,
        .shards = self->shard.shards,
        .any = self->shard.shard >= CONF_ANY,
        .room_bytes = conf_uint(conf, SET_worker_map_bytes),
        .keys = conf_uint(conf, SET_worker_keys),
        .retention_ms = conf_uint(conf, SET_worker_retention_days) * 86400000,
        .retention_bytes = conf_uint(conf, SET_worker_retention_bytes),
        .unowned = unowned_options(conf, self->role->kind),
        .delivery_retention_ms = conf_uint(conf, SET_delivery_retention_days) * 86400000,
        .clusters = &clusters,
        .copies = (unsigned)conf_uint(conf, SET_postgres_copies),
        .waits = spare_waits,
        .lost = lost_tell,
    };
    self->journal = journal_open(&options, clock_ms(), err, sizeof err);
    metric_set(METRIC_journal_spare, 0);
    metric_set(METRIC_journal_moving, 0);
    if (!self->journal && life_stopping())
        exit(0);
    if (!self->journal)
        log_fatal(EXIT_CONFIG, "journal.open", "err=%s", LOG_Q(err));
    metric_set(METRIC_journal_epoch, (int64_t)journal_epoch(self->journal));
    self->shard.shard = journal_shard(self->journal);
}

/* Behind the journal's lock; before there is input. */
static void s_open_engine(worker_t *self)
{
    const char *kind = op_owner_name(self->role->kind);
    char key[PATH_MAX + 64], former[PATH_MAX + 64];
    kinds_key(self->conf, kind, key, sizeof key);
    snprintf(former, sizeof former, "%s/%s-%u.key", conf_text(self->conf, SET_data_directory), kind,
             self->shard.shard);
    if (self->role->engine)
        self->engine =
            self->role->engine->make(self->conf, self->journal, &self->shard, key, former);
}

static void s_connect(worker_t *self)
{
    char name[WIRE_NAME], err[512];
    snprintf(name, sizeof name, "%s-%u", op_owner_name(self->role->kind), self->shard.shard);
    wire_hello_t hello = {
        .role = ROLE_WORKER,
        .name = slice_of(name),
        .kind = self->role->kind,
        .shard = self->shard.shard,
        .shards = self->shard.shards,
        .journal = *journal_uuid(self->journal),
        .news = uuid_instance(),
        .epoch = journal_epoch(self->journal),
    };
    const char *endpoint;
    for (unsigned i = 0; (endpoint = conf_endpoint(self->conf, SET_worker_routers, i)); i++) {
        assert(i < ROUTERS);
        link_options_t options = {
            .endpoint = endpoint,
            .hello = &hello,
            .peer_roles = 1u << ROLE_ROUTER,
            .self = &self->instance,
            .calls = {.requests = s_on_requests, .up = s_on_up, .refused = s_on_refused},
            .arg = self,
            .conf = self->conf,
        };
        link_t *link = link_new(&options, err, sizeof err);
        if (!link)
            log_fatal(EXIT_CONFIG, "worker.connect", "endpoint=%s err=%s", endpoint, LOG_Q(err));
        peer_set_data(link_peer(link), link);
        self->links[self->links_len++] = link;
    }
}

/* In the journal's directory, where it has one. */
static void s_open_formats(worker_t *self)
{
    char place[PATH_MAX];
    int len = snprintf(place, sizeof place, "%s/%s-%u", conf_text(self->conf, SET_data_directory),
                       op_owner_name(self->role->kind), self->shard.shard);
    assert(len < (int)sizeof place);
    snprintf(self->formats_file, sizeof self->formats_file, "%s%s", place,
             access(place, X_OK) == 0 ? "/formats" : ".formats");
    kept_formats_open(&self->post, self->formats_file);
}

worker_t *worker_new(const worker_role_t *role, const conf_t *conf, unsigned shard)
{
    worker_t *self = calloc(1, sizeof *self);
    if (!self || sodium_init() < 0)
        abort();
    self->magic = MAGIC;
    self->role = role;
    self->conf = conf;
    link_adopt_io();
    self->shard = (shard_t){
        shard, (unsigned)conf_uint(conf, conf_setting("shards", op_owner_name(role->kind)))};
    if (shard >= self->shard.shards && shard < CONF_ANY)
        log_fatal(EXIT_CONFIG, "worker.shard", "err=%s shard=%u shards=%u setting=shards.%s",
                  LOG_Q("-i is past the count of shards"), shard, self->shard.shards,
                  op_owner_name(role->kind));
    self->instance = uuid_instance();
    lost_begin();
    s_open_journal(self);
    s_open_engine(self);
    s_connect(self);
    self->filling = drain_new();
    self->out = drain_new();
    post_open(&self->post);
    s_open_formats(self);
    kept_formats_load(&self->post, conf_text(self->conf, SET_worker_formats));
    answer_open(&self->answering, self->journal, &self->shard);
    self->answering.engine = self->engine;
    self->answering.calls = self->role->engine;
    journal_start(self->journal, clock_ms);
    return self;
}

void worker_destroy(worker_t **self_p)
{
    worker_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    journal_stop(self->journal);
    if (self->engine)
        self->role->engine->destroy(&self->engine);
    journal_close(&self->journal);
    for (unsigned i = 0; i < self->links_len; i++)
        link_destroy(&self->links[i]);
    drain_destroy(&self->filling);
    drain_destroy(&self->out);
    post_close(&self->post);
    answer_close(&self->answering);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

/* Tells the engine what the drain has stored for it. */
static void s_tell(worker_t *self, drain_t *done)
{
    for (size_t i = 0; self->engine && i < drain_jobs(done); i++) {
        const job_t *job = drain_job(done, i);
        const journal_entry_t *entry = &job->entry;
        if (job->kind == JOB_STORE && entry->outcome == JOURNAL_STORED &&
            entry->record.flags & RECORD_DELIVER)
            self->role->engine->stored(self->engine, &entry->record.target, entry->answer.log);
    }
}

/* Of what is stored. */
static void s_answer(worker_t *self, drain_t *done)
{
    answer_drain(&self->answering, done);
    s_tell(self, done);
    replay_stored(done);
    drain_reset(done);
}

/* Gives the journal what has arrived, when it is idle. */
static void s_hand_over(worker_t *self)
{
    if (!journal_is_idle(self->journal) || drain_is_empty(self->filling))
        return;
    drain_t *next = self->filling;
    size_t count;
    journal_entry_t **entries = drain_close(next, clock_ms(), clock_wall_ms(), &count);
    if (count == 0) {
        answer_drain(&self->answering, next);
        drain_reset(next);
        return;
    }
    if (journal_store(self->journal, entries, count)) {
        s_answer(self, next);
        return;
    }
    self->filling = self->out;
    self->out = next;
    journal_submit(self->journal, entries, count);
}

/* The disk gets its next work before the answers of the last are made. */
static void s_finish(worker_t *self)
{
    if (!journal_finished(self->journal))
        return;
    drain_t *done = self->out;
    drain_t *next = self->filling;
    if (!drain_is_empty(next)) {
        size_t count;
        journal_entry_t **entries = drain_close(next, clock_ms(), clock_wall_ms(), &count);
        if (count > 0) {
            journal_submit(self->journal, entries, count);
            self->out = next;
            self->filling = done;
        }
    }
    s_answer(self, done);
    s_hand_over(self);
}

static void s_check(worker_t *self)
{
    unsigned alive = 0;
    for (unsigned i = 0; i < self->links_len; i++)
        alive += peer_alive(link_peer(self->links[i]));
    const char *trouble = journal_trouble(self->journal);
    monitor_check("journal", trouble ? CHECK_FAILED : CHECK_OK, trouble ? trouble : "");
    const char *refused = self->refused ? wire_goodbye_text(self->refused) : "";
    if (alive == self->links_len)
        monitor_check("router", CHECK_OK, "");
    else if (alive > 0)
        monitor_check("router", CHECK_DEGRADED, "a router is missing");
    else
        monitor_check("router", CHECK_FAILED, self->refused ? refused : "no router is there");
}

static void s_tick(worker_t *self)
{
    int64_t now_ms = clock_ms();
    if (link_woke(&self->instance, &self->woke_ms, now_ms))
        for (unsigned i = 0; i < self->links_len; i++)
            link_restart(self->links[i]);
    for (unsigned i = 0; i < self->links_len; i++)
        link_tick(self->links[i], now_ms);
    monitor_tick();
    if (monitor_listens())
        confine_listening();
}

static void s_wait(worker_t *self, bool stopping)
{
    int fds[5];
    bool takes = !stopping && !drain_is_full(self->filling);
    unsigned count = 0;
    fds[count++] = journal_submit_fd(self->journal);
    fds[count++] = journal_fd(self->journal);
    fds[count++] = lost_fd();
    if (!stopping)
        fds[count++] = life_fd();
    int wait_ms = stopping ? 10 : TURN_MS;
    if (self->engine) {
        int engine_ms = self->role->engine->wait_ms(self->engine);
        fds[count++] = self->role->engine->fd(self->engine);
        wait_ms = engine_ms < wait_ms ? engine_ms : wait_ms;
    }
    if (self->answering.holding.len > 0 && wait_ms > HOLDING_TURN_MS)
        wait_ms = HOLDING_TURN_MS;
    if (replay_waits(&self->answering))
        wait_ms = 0;
    link_wait(self->links, takes ? self->links_len : 0, fds, count, wait_ms);
}

/* One message at a time, because the drain may become full with any. */
static void s_receive(worker_t *self)
{
    for (unsigned i = 0; i < self->links_len; i++)
        for (unsigned n = 0; n < MESSAGES_TURN && !drain_is_full(self->filling); n++)
            if (link_drain_ready(self->links[i], 1) == 0)
                break;
}

static bool s_is_empty(const worker_t *self)
{
    return journal_is_idle(self->journal) && drain_is_empty(self->filling) &&
           journal_asked(self->journal) == 0 && !self->answering.replays &&
           self->answering.holding.len == 0 &&
           (!self->engine || self->role->engine->is_idle(self->engine));
}

static void s_deliver(worker_t *self, bool stopping)
{
    if (self->engine)
        self->role->engine->turn(self->engine, clock_ms(), stopping);
}

void worker_run(worker_t *self)
{
    int64_t stop_ms = 0;
    if (monitor_listens())
        confine_listening();
    life_ready();
    for (;;) {
        bool stopping = life_stopping();
        int64_t now_ms = clock_ms();
        if (stopping && stop_ms == 0)
            stop_ms = now_ms + (int64_t)conf_uint(self->conf, SET_process_drain_ms);
        if (stopping && (s_is_empty(self) || now_ms >= stop_ms))
            break;
        s_wait(self, stopping);
        if (lost_is())
            lost_leave(self->links, self->links_len);
        if (life_hung_up())
            kept_formats_load(&self->post, conf_text(self->conf, SET_worker_formats));
        s_tick(self);
        if (!stopping)
            s_receive(self);
        s_finish(self);
        replay_turn(&self->answering, &self->post, self->filling);
        s_hand_over(self);
        answer_turn(&self->answering, stopping);
        s_deliver(self, stopping);
        if (now_ms - self->checked_ms >= TURN_MS) {
            self->checked_ms = now_ms;
            s_check(self);
        }
    }
}

int worker_main(const worker_role_t *role, int argc, char **argv)
{
    conf_start_t start;
    static char process[64]; /* the monitor has it until the process ends */
    const char *name = op_owner_name(role->kind);
    snprintf(process, sizeof process, "postern-%s", name);
    conf_start(&start, process, name, argc, argv);
    program_choose(start.conf, process, name, argv);
    log_open(start.process, (log_level_t)log_level_of(conf_text(start.conf, SET_log_level)));
    life_begin();
    life_take_hangup();
    life_prepare(&start);
    life_make_dir(conf_text(start.conf, SET_data_directory));
    life_make_known(start.conf);
    life_settle(&start);
    spare_begin(&start, name);
    worker_t *worker = worker_new(role, start.conf, start.index);
    spare_serves(worker->shard.shard);
    unsigned shard = worker->shard.shard;
    worker_run(worker);
    worker_destroy(&worker);
    log_info("worker.stop", "shard=%u", shard);
    conf_destroy(&start.conf);
    return 0;
}
