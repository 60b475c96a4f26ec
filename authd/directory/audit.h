/* The audit: a row for every change of the directory, in the change's own transaction, numbered in
 * order, never changed or removed. No row holds a secret. Threading: see directory.h. */
#ifndef POSTERN_AUDIT_H
#define POSTERN_AUDIT_H

#include "authd/directory/directory.h"

typedef struct {
    uint64_t number; /* from 1 */
    uint64_t time_ms;
    slice_t who;    /* "control" */
    slice_t op;     /* a name of ops.def */
    slice_t object; /* what was changed: its id, and its name where it has one */
} audit_t;

/* number is given by the table. */
void audit_add(view_t *view, const audit_t *row);
/* The next past NUMBER (0: the first); false at the end. */
bool audit_next(view_t *view, uint64_t number, audit_t *row);

#endif
