/* The formats of the installation, of which authd tells each worker: used from then on, and kept in
 * a file in the directory of the journal, so that a worker has them when it starts. Where the file
 * cannot be written a worker that starts has them when authd tells it again, within a second or a
 * minute.
 *
 * Threading: as post.h. */
#ifndef POSTERN_WORKERS_POST_KEPT_FORMATS_H
#define POSTERN_WORKERS_POST_KEPT_FORMATS_H

#include "workers/post/post.h"

/* Takes PATH, borrowed, as the file, and what it holds. A file that is not whole holds nothing. */
void kept_formats_open(post_t *self, const char *path);

/* Reads the operator's own of DIRECTORY, empty: there is none. One that cannot be read is theirs to
 * mend, as a health check says: the others, and those of before, go on. */
void kept_formats_load(post_t *self, const char *directory);

/* The verb. The parameter "version" names the formats (common/wire/formats.h), the body has them:
 * answered when they are used; without a body when they are used already, else refused with
 * conflict. */
void post_formats(post_t *self, job_t *job);

#endif
