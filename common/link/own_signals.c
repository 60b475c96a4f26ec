#include "common/link/own_signals.h"

#include "common/link/own_next.h"
#include "common/link/own_thread.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { ASKED_AS = EFD_CLOEXEC, WORD = sizeof(uint64_t) };

/* What glibc has by these names, which headers may declare with conditions of their own. */
int own_poll(struct pollfd *fds, nfds_t len, int wait_ms) __asm__("poll");
int own_eventfd(unsigned initial, int flags) __asm__("eventfd");
int own_close(int fd) __asm__("close");
ssize_t own_read(int fd, void *to, size_t len) __asm__("read");
ssize_t own_write(int fd, const void *from, size_t len) __asm__("write");

static struct {
    int (*poll)(struct pollfd *fds, nfds_t len, int wait_ms);
    int (*eventfd)(unsigned initial, int flags);
    int (*close)(int fd);
    ssize_t (*read)(int fd, void *to, size_t len);
    ssize_t (*write)(int fd, const void *from, size_t len);
} s_next; /* all NULL until the program's constructors run */
static atomic_bool s_keeps;
static unsigned s_kept;

static struct {
    atomic_bool counted;
    bool inside;                 /* of the thread that does libzmq's work, as the next one */
    atomic_uint kept;            /* signals of that thread to itself */
    atomic_int_fast64_t pending; /* what its count will be when the writes under way are done */
} s_signals[OWN_DESCRIPTORS];

/* Before there are threads. */
__attribute__((constructor)) static void s_find_all(void)
{
    *(void **)&s_next.poll = own_next("poll");
    *(void **)&s_next.close = own_next("close");
    *(void **)&s_next.read = own_next("read");
    *(void **)&s_next.write = own_next("write");
    *(void **)&s_next.eventfd = own_next("eventfd");
}

void own_signals_keep(void)
{
    atomic_store(&s_keeps, true);
}

bool own_signals_counts(int fd)
{
    return fd >= 0 && fd < OWN_DESCRIPTORS &&
           atomic_load_explicit(&s_signals[fd].counted, memory_order_relaxed);
}

bool own_signals_is_kept(int fd)
{
    return own_signals_counts(fd) &&
           atomic_load_explicit(&s_signals[fd].kept, memory_order_relaxed) > 0;
}

bool own_signals_pending(int fd)
{
    return own_signals_is_kept(fd) ||
           (own_signals_counts(fd) && atomic_load(&s_signals[fd].pending) > 0);
}

unsigned own_signals_kept(void)
{
    return s_kept;
}

void own_signals_keep_in(int fd)
{
    if (own_thread_is_here() && own_signals_counts(fd))
        s_signals[fd].inside = true;
}

void own_signals_let_out(int fd)
{
    if (!own_thread_is_here() || !own_signals_counts(fd))
        return;
    uint64_t count = atomic_exchange(&s_signals[fd].kept, 0);
    s_signals[fd].inside = false;
    if (count && own_write(fd, &count, WORD) != WORD)
        abort(); /* a count that is far from full */
}

static bool s_is_inside(int fd)
{
    return own_thread_is_here() && s_signals[fd].inside;
}

/* libzmq signals by ones, and takes one at a time. */
static void s_take_kept(int fd, void *to)
{
    static const uint64_t one = 1;
    atomic_fetch_sub_explicit(&s_signals[fd].kept, 1, memory_order_relaxed);
    memcpy(to, &one, WORD);
}

int own_eventfd(unsigned initial, int flags)
{
    if (!s_next.eventfd)
        return (int)syscall(SYS_eventfd2, initial, flags);
    int fd = s_next.eventfd(initial, flags);
    if (fd >= 0 && fd < OWN_DESCRIPTORS) {
        s_signals[fd].inside = false;
        atomic_store(&s_signals[fd].kept, 0);
        atomic_store(&s_signals[fd].pending, initial);
        atomic_store(&s_signals[fd].counted, flags == ASKED_AS && atomic_load(&s_keeps));
    }
    return fd;
}

int own_close(int fd)
{
    if (own_signals_counts(fd))
        atomic_store(&s_signals[fd].counted, false);
    return s_next.close ? s_next.close(fd) : (int)syscall(SYS_close, fd);
}

int own_poll(struct pollfd *fds, nfds_t len, int wait_ms)
{
    bool signal = len == 1 && fds->events == POLLIN && own_signals_counts(fds->fd);
    if (signal && wait_ms != 0 && s_is_inside(fds->fd))
        own_thread_await(fds->fd, wait_ms);
    if (signal && (wait_ms == 0 || s_is_inside(fds->fd))) {
        fds->revents = own_signals_pending(fds->fd) ? POLLIN : 0;
        return fds->revents != 0;
    }
    return s_next.poll ? s_next.poll(fds, len, wait_ms) : (int)syscall(SYS_poll, fds, len, wait_ms);
}

/* Whoever is woken by a write has to find it counted, so it is counted first. */
ssize_t own_write(int fd, const void *from, size_t len)
{
    if (!s_next.write)
        return syscall(SYS_write, fd, from, len);
    if (!own_signals_counts(fd) || len != WORD)
        return s_next.write(fd, from, len);
    uint64_t count;
    memcpy(&count, from, WORD);
    if (s_is_inside(fd)) {
        s_kept++;
        atomic_fetch_add_explicit(&s_signals[fd].kept, (unsigned)count, memory_order_relaxed);
        return WORD;
    }
    atomic_fetch_add(&s_signals[fd].pending, (int64_t)count);
    ssize_t done = s_next.write(fd, from, len);
    if (done != WORD)
        atomic_fetch_sub(&s_signals[fd].pending, (int64_t)count);
    return done;
}

/* One that was told of a write that is under way waits for its end. */
ssize_t own_read(int fd, void *to, size_t len)
{
    if (!s_next.read)
        return syscall(SYS_read, fd, to, len);
    if (len >= WORD && own_signals_is_kept(fd) && s_is_inside(fd)) {
        s_take_kept(fd, to);
        return WORD;
    }
    ssize_t done = s_next.read(fd, to, len);
    if (!own_signals_counts(fd) || len < WORD)
        return done;
    while (done < 0 && errno == EAGAIN && atomic_load(&s_signals[fd].pending) > 0) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        s_next.poll(&polled, 1, -1);
        done = s_next.read(fd, to, len);
    }
    if (done == WORD) {
        uint64_t count;
        memcpy(&count, to, WORD);
        atomic_fetch_sub(&s_signals[fd].pending, (int64_t)count);
    }
    return done;
}
