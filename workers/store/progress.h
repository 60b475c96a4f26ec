/* How far a long work is, on standard error: a line that changes on a terminal, else one each five
 * seconds. Threading: one thread. */
#ifndef POSTERN_WORKERS_STORE_PROGRESS_H
#define POSTERN_WORKERS_STORE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char name[32]; /* of what */
    uint64_t all;  /* records, about */
    uint64_t records, bytes;
    int64_t began_ms, said_ms;
    bool terminal;
} progress_t;

void progress_begin(progress_t *self, const char *name, uint64_t all);
/* One more record. */
void progress_add(progress_t *self, size_t bytes);
void progress_end(progress_t *self);

#endif
