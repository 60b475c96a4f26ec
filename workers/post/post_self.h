/* What the files of post_t share. Private to workers/post. */
#ifndef POSTERN_WORKERS_POST_POST_SELF_H
#define POSTERN_WORKERS_POST_POST_SELF_H

#include "workers/post/post.h"

/* Fills the journal entry of a job that stores; without flags. */
void post_fill(job_t *job);

/* Makes the body, JSON or a form, the record's message, or refuses the job. */
void post_object(post_t *self, job_t *job);

/* Whether the body has a Content-Encoding. */
bool post_is_encoded(const job_t *job);

/* Refuses the job whose message the verdict finds no good. */
void post_refuse_invalid(post_t *self, job_t *job);

/* Takes whom the message, which was checked, is for into the entry's record, or refuses the job: by
 * userids and broadcast of the body or the query; of an event that is a message by the body's
 * alone. */
void narrow_message(const post_t *self, job_t *job);
void narrow_event(const post_t *self, job_t *job);

/* Chooses between 204 and the message's id: by the verdict's flags, or sync_message of the query,
 * which refuses the job when it says neither. */
void post_choose_answer(post_t *self, job_t *job);

#endif
