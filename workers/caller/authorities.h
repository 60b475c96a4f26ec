/* The certificates that TLS to handlers trusts: the system's, and those of one file more.
 *
 * libcurl remembers the parsed certificates of one file for a day, but those of a file and a
 * directory not at all. So with a second file, both become one file in memory.
 * Threading: any thread. */
#ifndef POSTERN_WORKERS_CALLER_AUTHORITIES_H
#define POSTERN_WORKERS_CALLER_AUTHORITIES_H

#include <stddef.h>

typedef struct {
    char *path; /* for libcurl */
    int fd;     /* of the file in memory, -1: path is the system's */
} authorities_t;

/* EXTRA: PEM file, NULL or "" for none. -1 with the reason in err when it cannot be read or holds
 * no certificate. */
int authorities_open(authorities_t *self, const char *extra, char *err, size_t err_size);
void authorities_close(authorities_t *self);

#endif
