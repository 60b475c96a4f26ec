/* The shards of the three worker kinds: which worker serves each, and what waits for it.
 *
 * A shard without a worker holds its entries until their time is up; a full one refuses its own
 * entries only. Threading: the router's one thread. */
#ifndef POSTERN_SHARDS_H
#define POSTERN_SHARDS_H

#include "common/base/ops.h"
#include "common/link/link.h"
#include "common/link/queue.h"
#include "router/deaths.h"

typedef struct shards shards_t;

/* counts: how many shards of each kind there are. The worker link may be set later. DEATHS
 * (borrowed) is told what a worker had when it died. */
shards_t *shards_new(const unsigned counts[WORKER_KINDS], queue_limits_t limits, deaths_t *deaths);
void shards_destroy(shards_t **self_p);
void shards_set_link(shards_t *self, link_t *workers);

/* A worker says HELLO for a shard: 0, or why it cannot have it (another count, out of range, or
 * another journal than that of the live worker, or a lower epoch of the same journal than one that
 * came). */
wire_goodbye_t shards_join(shards_t *self, peer_t *worker, const wire_hello_t *hello);
/* The worker of a shard is gone. */
void shards_leave(shards_t *self, peer_t *worker);

/* Queues an entry for the shard of its target. The principal must be there and the op must belong
 * to a worker kind (asserted). An entry that was there for too many deaths (deaths.h) is not taken
 * and counts as stale. */
queue_put_t shards_put(shards_t *self, op_owner_t kind, const wire_request_t *request,
                       zmq_msg_t *body, int64_t now_us);

/* WORKER has answered the entry of this id, or said by INTERIM that it is stored, or held: should
 * it die now, it was not of this one. */
void shards_answered(shards_t *self, peer_t *worker, const uuid_t7 *id);

/* Sends what waits to every worker that has credit. */
void shards_flush(shards_t *self, int64_t now_ms);

/* Each second, and when a worker has come or gone: drops what has expired, sets the gauges and the
 * health check "shards". */
void shards_tick(shards_t *self, int64_t now_ms);

#endif
