/* Outlets as their worker sees them: verb_fn's of the operations outlet_push and outlet_test
 * (docs/PROTOCOL.md, Outlets). Each message of a channel that goes out is an event of the outlet's
 * own, in the order in which authd brings them, so that all that holds for deliveries holds for
 * them. The newest event tells how far the outlet has got.
 *
 * Threading: the main thread; what is looked for is found by the journal's. */
#ifndef POSTERN_WORKERS_DELIVERY_OUTLET_H
#define POSTERN_WORKERS_DELIVERY_OUTLET_H

#include "workers/post/post.h"

/* With a body, the message of a channel: stored. Without one: where the outlet stands, as JSON. */
void post_outlet(post_t *post, job_t *job);
/* Stores a message that says that it is a test. */
void post_outlet_test(post_t *post, job_t *job);

#endif
