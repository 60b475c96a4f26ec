/* What workers do for an operation: the verbs of common/ops.def, and the function of each, which
 * fills the job or refuses it.
 *
 * Threading: the worker's main thread. */
#ifndef POSTERN_WORKERS_POST_VERBS_H
#define POSTERN_WORKERS_POST_VERBS_H

#include "workers/post/change.h"
#include "workers/post/drain.h"
#include "workers/post/incoming.h"
#include "workers/post/kept_formats.h"
#include "workers/post/replay.h"

typedef void (*verb_fn)(post_t *post, job_t *job);

/* VERB(name, function) of every worker: a table in workers/loop/worker.c. */
#define WORKER_VERBS(VERB)                                                                         \
    VERB(message, post_message)                                                                    \
    VERB(incoming, post_incoming)                                                                  \
    VERB(again, post_replay)                                                                       \
    VERB(formats, post_formats)                                                                    \
    VERB(history, worker_history)                                                                  \
    VERB(feed, worker_feed)                                                                        \
    VERB(sources, post_sources)                                                                    \
    VERB(import, post_import)                                                                      \
    VERB(show, show_prepare)                                                                       \
    VERB(counts, post_counts)                                                                      \
    VERB(retention, worker_told)                                                                   \
    VERB(change, change_message)

/* And of those that deliver to handlers: a table in workers/delivery/engine.c, so that no other
 * worker links them. */
#define DELIVERY_VERBS(VERB)                                                                       \
    VERB(event, post_event)                                                                        \
    VERB(outlet, post_outlet)                                                                      \
    VERB(outlet_test, post_outlet_test)                                                            \
    VERB(handler, worker_told)                                                                     \
    VERB(handler_test, trial_prepare)                                                              \
    VERB(deliveries, delivery_log_list)                                                            \
    VERB(delivery, delivery_log_show)                                                              \
    VERB(retry, delivery_log_retry)                                                                \
    VERB(replay, delivery_log_replay)                                                              \
    VERB(replayed, delivery_log_replayed)                                                          \
    VERB(replay_stop, delivery_log_stop)                                                           \
    VERB(gather, delivery_log_gather)

#define VERB(name, function) VERB_##name,
typedef enum { VERB_none, WORKER_VERBS(VERB) VERB_DELIVERY, DELIVERY_VERBS(VERB) VERBS } verb_t;
#undef VERB

#endif
