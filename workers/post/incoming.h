/* Events of senders, which a format makes messages of: a format that the request names, or that is
 * detected by the event's headers and body.
 *
 * What a format cannot do is never the sender's fault: the event is stored as it came with a
 * message that says why, and answered as any other.
 *
 * Threading: as post.h. */
#ifndef POSTERN_WORKERS_POST_INCOMING_H
#define POSTERN_WORKERS_POST_INCOMING_H

#include "workers/post/admit.h"
#include "workers/post/post.h"

/* An event of a channel: fills the job's journal entry with the message that is made of it, refuses
 * the job, or answers it without storing anything: a HEAD, and what the format drops. Where no
 * format is named or detected it is a message, as post_message takes it, or the format "generic"
 * makes one of it. */
void post_incoming(post_t *self, job_t *job);

/* The same for a message, whose entry is filled: the format that the parameter "format" names.
 * False: it names none, and nothing was done. */
bool incoming_asked(post_t *self, job_t *job);
/* The same by the format that is detected. False: none is, or it cannot read the body; nothing was
 * done. */
bool incoming_detected(post_t *self, job_t *job);

/* An event of a bot or of an app that was let in, whose entry is filled: puts the message of the
 * format that the path names, or the event's source, beside it; or answers it without storing
 * anything, where its source or the parameters beside that path filter it. False: nothing was done.
 */
bool incoming_beside(post_t *self, job_t *job, const admitted_t *sources);

#endif
