/* The process of the other engine, which postern-store links none of: postern-database, which lies
 * beside it. Threading: one thread. */
#ifndef POSTERN_WORKERS_STORE_BESIDE_H
#define POSTERN_WORKERS_STORE_BESIDE_H

#include <sys/types.h>

typedef struct {
    int fd; /* of a socket to it; -1: there is none */
    pid_t pid;
} beside_t;

/* Starts it for the journals of KIND, with the same configuration: before this process may start no
 * program any more. OVERRIDES: as conf_load_with has them. */
void beside_start(beside_t *self, const char *conf_path, char *const *overrides, const char *kind);
/* Lets it end, and waits for that. */
void beside_end(beside_t *self);

#endif
