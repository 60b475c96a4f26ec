/* How a thread wakes another one's loop: a descriptor that is readable from wake_ring on, until
 * wake_silence. However often it was rung, it is silenced once. Threading: any thread. */
#ifndef POSTERN_WAKE_H
#define POSTERN_WAKE_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The caller's, to be closed. -1 with errno. */
static inline int wake_new(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static inline void wake_ring(int fd)
{
    const uint64_t one = 1;
    ssize_t put = write(fd, &one, sizeof one);
    assert(put == sizeof one);
}

/* False when nobody has rung. */
static inline bool wake_silence(int fd)
{
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    assert(got == sizeof count || errno == EAGAIN);
    return got == sizeof count;
}

#endif
