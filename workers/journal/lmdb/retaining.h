/* What a journal knows of the retentions of its targets beside their rows (retained.c).
 * Threading: the writer's, but for TOLD. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_RETAINING_H
#define POSTERN_WORKERS_JOURNAL_LMDB_RETAINING_H

#include "common/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct told told_t;

/* The walk through all targets for those that nobody owns. */
typedef struct {
    uuid_t7 last;
    bool began, found; /* FOUND: one, in this round: another round sees that its row lasted */
    bool over;
} survey_t;

typedef struct {
    uuid_t7 last;      /* target that was looked at last */
    int64_t looked_ms; /* when, while messages came */
    bool unread_said;  /* that a target's records cannot be read */
    told_t *told;      /* the main thread's: a map of what it was told */
    survey_t survey;
} retaining_t;

#endif
