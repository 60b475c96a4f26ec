/* A worker: the loop that channel, bot and extension workers share. Requests come from the routers
 * in batches; the main thread checks them and answers, the journal stores them. While a commit
 * runs, what arrives is prepared for the next one.
 *
 * Threading: main thread. */
#ifndef POSTERN_WORKERS_LOOP_WORKER_H
#define POSTERN_WORKERS_LOOP_WORKER_H

#include "common/base/ops.h"
#include "common/conf/conf.h"
#include "workers/post/engine.h"
#include "workers/post/history.h"
#include "workers/post/verbs.h"

/* What the kinds of workers differ in; all else follows from the kind's name. */
typedef struct {
    op_owner_t kind;
    const worker_engine_t *engine; /* or NULL */
} worker_role_t;

typedef struct worker worker_t;

/* Opens the journal of this shard, or of any (CONF_ANY), after waiting for it, and connects to the
 * routers. Exits with the reason when it cannot. The configuration must outlive it. */
worker_t *worker_new(const worker_role_t *role, const conf_t *conf, unsigned shard);
void worker_destroy(worker_t **self_p);

/* Serves until SIGTERM, then finishes what it has taken. */
void worker_run(worker_t *self);

/* Taking a handler record, or a retention, as a verb_fn: answered 200 once it is committed. */
void worker_told(post_t *post, job_t *job);
/* Reading back, as a verb_fn. */
void worker_history(post_t *post, job_t *job);

/* The whole life of a worker process: each main is a call of this. */
int worker_main(const worker_role_t *role, int argc, char **argv);

#endif
