/* Changes bytes of a store's data.mdb, beneath the store. */
#ifndef POSTERN_TEST_SPOIL_H
#define POSTERN_TEST_SPOIL_H

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char path[1100];
    char *bytes; /* as they were when it was taken */
    size_t size;
} spoil_t;

/* Of the store in the directory STORE; spoil_free frees what it keeps. */
static inline void spoil_take(spoil_t *self, const char *store)
{
    struct stat is;
    free(self->bytes);
    snprintf(self->path, sizeof self->path, "%s/data.mdb", store);
    int fd = open(self->path, O_RDONLY);
    int rc = fstat(fd, &is);
    assert(rc == 0);
    self->size = (size_t)is.st_size;
    self->bytes = malloc(self->size);
    ssize_t len = read(fd, self->bytes, self->size);
    assert(len == is.st_size);
    close(fd);
}

static inline void spoil_put(const spoil_t *self, size_t at, const void *bytes, size_t len)
{
    int fd = open(self->path, O_WRONLY);
    ssize_t done = pwrite(fd, bytes, len, (off_t)at);
    assert(done == (ssize_t)len);
    close(fd);
}

static inline void spoil_undo(const spoil_t *self)
{
    spoil_put(self, 0, self->bytes, self->size);
}

/* Changes the byte OFFSET behind the start of each place that has these bytes, also in older pages;
 * returns how many there are. */
static inline unsigned spoil_all(const spoil_t *self, const void *bytes, size_t len, size_t offset)
{
    unsigned count = 0;
    const char *at = self->bytes, *end = at + self->size;
    for (; (at = memmem(at, (size_t)(end - at), bytes, len)); at++, count++) {
        char byte = at[offset] ^ 1;
        spoil_put(self, (size_t)(at - self->bytes) + offset, &byte, 1);
    }
    return count;
}

static inline void spoil_free(spoil_t *self)
{
    free(self->bytes);
    *self = (spoil_t){.bytes = NULL};
}

#endif
