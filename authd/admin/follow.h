/* Follows the channels that have outlets: what is stored in a channel is brought to the worker that
 * makes its outlets' calls. Both ends are asked as entries of our own, as push.h has them; authd
 * moves the messages and reads none of them.
 *
 * For each outlet, over and over: its worker is asked where it stands, and while few messages wait
 * for their calls there, the channel's worker for what lies behind that, a request that is held
 * until there is something. Each message is brought by itself, the next when that one is stored. So
 * the channel's journal is the queue of a URL that does not answer; and where an outlet stands is
 * durable with its messages, for whatever is killed the worker is asked again, and what is brought
 * twice is dropped by its key. What retention has removed in the meantime is counted and logged.
 *
 * A request that is held takes one of the places of the channel's worker (workers/post/holding.h),
 * which readers wait in as well: with more than FOLLOW_HELD outlets none is held, and each channel
 * is looked at every two seconds.
 *
 * Memory: a page of messages for each of FOLLOW_BUSY outlets at most, some bytes for any other.
 * Threading: the main thread. */
#ifndef POSTERN_AUTHD_ADMIN_FOLLOW_H
#define POSTERN_AUTHD_ADMIN_FOLLOW_H

#include "authd/directory/directory.h"
#include "authd/judge/forward.h"

enum { FOLLOW_BUSY = 32, FOLLOW_HELD = 256 };

typedef struct follow follow_t;

/* The arguments are borrowed. SELF: our instance to routers, the origin of the entries. */
follow_t *follow_new(directory_t *directory, forward_t *forward, const uint64_t *self);
void follow_destroy(follow_t **self_p);

/* Asks what is due; call it in each turn. */
void follow_tick(follow_t *self, int64_t now_ms);
/* A reply to one of the entries; others are ignored. */
void follow_answered(follow_t *self, const wire_reply_t *reply, zmq_msg_t *body);

#endif
