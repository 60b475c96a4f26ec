/* Messages that change others: that are posted under a key of their sender's (message_key), that
 * belong to a thread (thread_message_id), or that edit or delete a message by its id.
 *
 * Threading: as post.h. */
#ifndef POSTERN_WORKERS_POST_CHANGE_H
#define POSTERN_WORKERS_POST_CHANGE_H

#include "workers/post/post.h"

/* Puts the key and the thread of a message, and whom it is for, as its body or the query say, into
 * the job's entry, or refuses the job. After the message was checked. */
void change_relate(post_t *self, job_t *job);

/* PUT and DELETE of the message that the path names. */
void change_message(post_t *self, job_t *job);

/* Shows the message that the path names. */
void show_prepare(post_t *post, job_t *job);

#endif
