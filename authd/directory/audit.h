/* The audit: a row for every change of the directory, in the change's own transaction, numbered in
 * order, never changed or removed. No row holds a secret. Threading: see directory.h. */
#ifndef POSTERN_AUDIT_H
#define POSTERN_AUDIT_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

typedef struct {
    uint64_t number; /* from 1 */
    uint64_t time_ms;
    slice_t who;     /* "control", or the id of a user */
    slice_t from;    /* "local", or an address */
    slice_t op;      /* a name of ops.def */
    slice_t object;  /* what was changed: its id, and its name where it has one */
    slice_t changes; /* JSON, docs/API.md */
    uuid_t7 request; /* the id of the request, where it came over HTTP; else nil */
    uuid_t7 key;     /* of its user and Idempotency-Key, where it had one; else nil */
} audit_t;

/* number is given by the table. */
void audit_add(view_t *view, const audit_t *row);
/* The number of the newest row; 0: there is none. */
uint64_t audit_last(view_t *view);
/* The next past NUMBER (0: the first); false at the end. */
bool audit_next(view_t *view, uint64_t number, audit_t *row);
/* Whether one of the newest ROWS is of this request. */
bool audit_has(view_t *view, const uuid_t7 *request, uint64_t rows);

#endif
