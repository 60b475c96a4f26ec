/* Events of senders that become messages of a channel.
 *
 * Threading: as post.h. */
#ifndef POSTERN_WORKERS_POST_INCOMING_H
#define POSTERN_WORKERS_POST_INCOMING_H

#include "workers/post/post.h"

/* An event: fills the job's journal entry with the message that is made of it, refuses the job, or
 * answers it without storing anything: a HEAD. */
void post_incoming(post_t *self, job_t *job);

#endif
