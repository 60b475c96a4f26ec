/* The delivery log, for the owner of a bot or an extension: verb_fn's of the operations
 * …_deliveries, …_delivery_show, …_delivery_retry and …_delivery_replay (docs/API). Threading: the
 * main thread; what they look for is found by the journal's. */
#ifndef POSTERN_WORKERS_DELIVERY_LOG_H
#define POSTERN_WORKERS_DELIVERY_LOG_H

#include "workers/post/post.h"

enum {
    DELIVERY_RATE = 10, /* of a replay, a second, by default */
    DELIVERY_RATE_MOST = 1000,
};

void delivery_log_list(post_t *post, job_t *job);
/* One delivery with its event and its attempts' traces. */
void delivery_log_show(post_t *post, job_t *job);
void delivery_log_retry(post_t *post, job_t *job);
/* With dry_run it counts, and replays nothing. */
void delivery_log_replay(post_t *post, job_t *job);
/* replaying.c: how the newest replay stands; and its end. */
void delivery_log_replayed(post_t *post, job_t *job);
void delivery_log_stop(post_t *post, job_t *job);
/* gather.c: what a gateway asks for by ASK_LOG (common/stream/ask.h): a page of several targets'.
 */
void delivery_log_gather(post_t *post, job_t *job);

#endif
