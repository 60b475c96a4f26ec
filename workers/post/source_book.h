/* What came of the events of each source since the worker started: how many were let in, filtered
 * or refused, when the last came, and the last refusals, without bodies. Kept in memory alone: a
 * refusal costs no write, however many come.
 *
 * Limits: BOOK_SOURCES sources of the worker, past which the one that was silent for longest is
 * forgotten; BOOK_REFUSALS of each, at some 800 bytes. Threading: one thread at a time. Running out
 * of memory aborts. */
#ifndef POSTERN_WORKERS_POST_SOURCE_BOOK_H
#define POSTERN_WORKERS_POST_SOURCE_BOOK_H

#include "common/base/uuid.h"
#include "common/wire/pairs.h"
#include "workers/message/json_out.h"

enum { BOOK_SOURCES = 1024, BOOK_REFUSALS = 20 };

typedef enum {
    BOOK_ACCEPTED,
    BOOK_FILTERED, /* by the source, the URL or the format */
    BOOK_FAILED,   /* the format failed, or could not read the body */
    BOOK_REFUSED,  /* by the signature */
    BOOK_OUTCOMES
} book_outcome_t;

/* Whose event it was. */
typedef struct {
    uuid_t7 target, source;
} book_key_t;

typedef struct {
    const char *reason;
    slice_t address; /* whence it came */
    slice_t headers; /* pairs, of which the names are kept */
} book_refusal_t;

typedef struct source_book source_book_t;
source_book_t *source_book_new(int64_t wall_ms);
void source_book_destroy(source_book_t **self_p);

/* WALL_MS: ms since 1970. */
void source_book_count(source_book_t *self, const book_key_t *key, book_outcome_t outcome,
                       int64_t wall_ms);
/* Counts as BOOK_REFUSED, too. */
void source_book_refuse(source_book_t *self, const book_key_t *key, const book_refusal_t *refusal,
                        int64_t wall_ms);

/* Adds an object with the sources of TARGET that were seen. */
void source_book_write(const source_book_t *self, const uuid_t7 *target, json_out_t *out);

#endif
