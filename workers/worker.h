/* A worker: the loop that channel, bot and extension workers share. Requests come from the routers
 * in batches; the main thread checks them and answers, the writer thread commits. While a commit
 * runs, what arrives is prepared for the next one.
 *
 * Threading: main thread. */
#ifndef POSTERN_WORKER_H
#define POSTERN_WORKER_H

#include "common/base/ops.h"
#include "common/conf/conf.h"
#include "workers/history.h"
#include "workers/post.h"

/* Prepares an operation: fills the job, or refuses it. */
typedef void (*worker_op_fn)(post_t *post, job_t *job);

typedef struct {
    op_number_t op;
    worker_op_fn prepare;
} worker_op_t;

/* The engine of deliveries, for the workers that have handlers: the others link none of it. */
typedef struct worker_engine {
    /* Makes an engine on an open journal; exits with the reason when it cannot. KEY: the file of
     * the worker's own key (worker_key.h). */
    void *(*make)(const conf_t *conf, journal_t *journal, const shard_t *shard, const char *key);
    void (*destroy)(void **engine_p);
    int (*fd)(const void *engine);      /* readable: a turn has something to do */
    int (*wait_ms)(const void *engine); /* the longest time until the next turn */
    void (*turn)(void *engine, int64_t now_ms, bool stopping);
    bool (*is_idle)(const void *engine);
    /* Takes a handler record over: handlers_learn. */
    int (*learn)(void *engine, const uuid_t7 *target, slice_t record, int64_t now_ms);
    /* Whether the newest handler record of the target is committed: handlers_kept. */
    bool (*kept)(const void *engine, const uuid_t7 *target);
    bool (*wants)(const void *engine, const uuid_t7 *target);  /* events of this target */
    bool (*awaits)(const void *engine, const uuid_t7 *target); /* their callers wait for it */
    /* The caller of such an event, which is stored: true with the caller's answer in OUT, or false
     * when the answer comes later: then the caller is sent INTERIM. */
    bool (*answer)(void *engine, const drain_batch_t *from, const job_t *job, json_out_t *out);
    void (*stored)(void *engine, const uuid_t7 *target,
                   uint64_t log); /* such an event was stored */
} worker_engine_t;

/* What the three kinds of workers differ in. */
typedef struct {
    op_owner_t kind;
    const char *process; /* "postern-channel" */
    const char *section; /* "channel" */
    setting_t monitor, shards;
    const worker_op_t *ops;
    size_t ops_len;
    const worker_engine_t *engine; /* or NULL */
} worker_role_t;

typedef struct worker worker_t;

/* Opens the journal of this shard, after waiting for its lock, and connects to the routers. Exits
 * with the reason when it cannot. The configuration must outlive it. */
worker_t *worker_new(const worker_role_t *role, const conf_t *conf, unsigned shard);
void worker_destroy(worker_t **self_p);

/* Serves until SIGTERM, then finishes what it has taken. */
void worker_run(worker_t *self);

/* Taking a handler record, as a worker_op_fn: answered 200 once it is committed. */
void worker_handler_push(post_t *post, job_t *job);
/* Reading back, as a worker_op_fn. */
void worker_history(post_t *post, job_t *job);

/* The whole life of a worker process: each main is a call of this. */
int worker_main(const worker_role_t *role, int argc, char **argv);

#endif
