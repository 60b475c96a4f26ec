/* The engine of deliveries as a worker uses it: the channel worker has none, and links none of it.
 * Threading: the worker's main thread. Each function gets the engine that make returned; what a
 * function is handed stays the caller's. */
#ifndef POSTERN_WORKERS_POST_ENGINE_H
#define POSTERN_WORKERS_POST_ENGINE_H

#include "common/conf/conf.h"
#include "common/stream/found.h"
#include "workers/journal/journal.h"
#include "workers/message/json_out.h"
#include "workers/post/drain.h"
#include "workers/post/interest.h"
#include "workers/post/reading.h"
#include "workers/post/verbs.h"

typedef struct worker_engine {
    const verb_fn *verbs; /* those from VERB_DELIVERY on */
    /* Makes an engine on an open journal; exits with the reason when it cannot. KEY: the file of
     * the worker's own key (sealing_key.h). */
    void *(*make)(const conf_t *conf, journal_t *journal, const shard_t *shard, const char *key,
                  const char *former);
    void (*destroy)(void **engine_p);
    int (*fd)(const void *engine);      /* readable: a turn has something to do */
    int (*wait_ms)(const void *engine); /* at most until the next turn, in ms */
    void (*turn)(void *engine, int64_t now_ms, bool stopping);
    bool (*is_idle)(const void *engine);
    /* Takes a handler record over, as handlers_learn does, with its result. */
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
    /* What is new of the deliveries of TARGETS, as ASK_DELIVERIES asks for it: fills FOUND. */
    void (*news)(const void *engine, const ask_t *ask, const interest_t *targets, found_t *found,
                 bytes_t *rows);
} worker_engine_t;

#endif
