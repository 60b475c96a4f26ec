/* Whether a shard may move between two clusters (move.h): what can be known before anything is
 * changed. Threading: one thread. */
#ifndef POSTERN_WORKERS_JOURNAL_POSTGRES_MOVE_CHECK_H
#define POSTERN_WORKERS_JOURNAL_POSTGRES_MOVE_CHECK_H

#include "common/postgres/session.h"

typedef struct {
    session_t *session;
    const char *name; /* of the cluster */
} move_end_t;

/* Both are of one installation and this version, the role may do in both what a move does, and the
 * other one keeps what it commits, COPIES (postgres.copies) times. 0, or -1 with the reason in err.
 */
int move_check(const move_end_t *from, const move_end_t *to, unsigned copies, char *err,
               size_t err_size);

#endif
