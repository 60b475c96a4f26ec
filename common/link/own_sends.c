#include "common/link/own_sends.h"

#include "common/link/own_next.h"
#include "common/link/own_signals.h"
#include "common/link/own_thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

int own_epoll_create1(int flags) __asm__("epoll_create1");
int own_epoll_ctl(int wait, int op, int fd, struct epoll_event *event) __asm__("epoll_ctl");
int own_epoll_wait(int wait, struct epoll_event *events, int most, int ms) __asm__("epoll_wait");

static struct {
    int (*create1)(int flags);
    int (*ctl)(int wait, int op, int fd, struct epoll_event *event);
    int (*wait)(int wait, struct epoll_event *events, int most, int ms);
} s_next; /* all NULL until the program's constructors run */
static atomic_bool s_keeps;

/* That libzmq wants to be told of room to send on FD. */
typedef struct {
    int fd;
    enum { WISH_NEW, WISH_TOLD /* once, unasked */, WISH_ASKED /* the kernel knows of it */ } at;
    struct epoll_event event;
} wish_t;

/* Of one wait of libzmq's. The kernel knows all other events that it waits for. */
typedef struct {
    unsigned len, room;
    wish_t *wish;
    int signal; /* its first descriptor */
    struct epoll_event signalled;
} wishes_t;

static _Atomic(wishes_t *) s_waits[OWN_DESCRIPTORS]; /* NULL: not libzmq's */

/* Before there are threads. */
__attribute__((constructor)) static void s_find_all(void)
{
    *(void **)&s_next.ctl = own_next("epoll_ctl");
    *(void **)&s_next.wait = own_next("epoll_wait");
    *(void **)&s_next.create1 = own_next("epoll_create1");
}

void own_sends_keep(void)
{
    atomic_store(&s_keeps, true);
}

static bool s_has_place(int wait)
{
    return wait >= 0 && wait < OWN_DESCRIPTORS;
}

static wishes_t *s_wishes(int wait)
{
    return s_has_place(wait) ? atomic_load(&s_waits[wait]) : NULL;
}

static wishes_t *s_wishes_new(int signal)
{
    wishes_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->signal = signal;
    return self;
}

static void s_set_wishes(int wait, wishes_t *wishes)
{
    wishes_t *former = atomic_exchange(&s_waits[wait], wishes);
    if (former)
        free(former->wish);
    free(former);
}

int own_epoll_create1(int flags)
{
    int wait = s_next.create1 ? s_next.create1(flags) : (int)syscall(SYS_epoll_create1, flags);
    if (s_wishes(wait))
        s_set_wishes(wait, NULL);
    return wait;
}

static wish_t *s_wish_of(wishes_t *self, int fd)
{
    for (unsigned i = 0; i < self->len; i++)
        if (self->wish[i].fd == fd)
            return &self->wish[i];
    return NULL;
}

static void s_add(wishes_t *self, wish_t wish)
{
    if (self->len == self->room) {
        self->room = self->room ? 2 * self->room : 8;
        self->wish = realloc(self->wish, self->room * sizeof *self->wish);
        if (!self->wish)
            abort();
    }
    self->wish[self->len++] = wish;
}

static void s_remove(wishes_t *self, wish_t *wish)
{
    *wish = self->wish[--self->len];
}

/* Changes what is waited for on FD; libzmq changes one of room and input at a time. True: there is
 * nothing to ask of the kernel. A connection that is being made waits for room alone, and would
 * take it for made. */
static bool s_change(wishes_t *self, int fd, const struct epoll_event *event)
{
    wish_t *wish = s_wish_of(self, fd);
    bool wanted = event->events & EPOLLOUT, known = wish && wish->at == WISH_ASKED;
    if (!wanted) {
        if (wish)
            s_remove(self, wish);
        return wish && !known;
    }
    if (wish) {
        wish->at = WISH_ASKED;
        return false;
    }
    bool hidden = event->events == (EPOLLIN | EPOLLOUT);
    s_add(self, (wish_t){fd, hidden ? WISH_NEW : WISH_ASKED, *event});
    return hidden;
}

int own_epoll_ctl(int wait, int op, int fd, struct epoll_event *event)
{
    wishes_t *self = s_wishes(wait);
    if (!s_next.ctl)
        return (int)syscall(SYS_epoll_ctl, wait, op, fd, event);
    if (self && op == EPOLL_CTL_MOD && s_change(self, fd, event))
        return 0;
    wish_t *wish = self && op == EPOLL_CTL_DEL ? s_wish_of(self, fd) : NULL;
    if (wish)
        s_remove(self, wish);
    if (!self && op == EPOLL_CTL_ADD && s_has_place(wait) && event->events == 0 &&
        atomic_load(&s_keeps) && own_signals_counts(fd))
        s_set_wishes(wait, self = s_wishes_new(fd));
    if (self && fd == self->signal && event)
        self->signalled = (struct epoll_event){.events = EPOLLIN, .data = event->data};
    return s_next.ctl(wait, op, fd, event);
}

/* Tells of room where libzmq was not told yet, and has the kernel asked where it was. */
static int s_tell(wishes_t *self, int wait, struct epoll_event *events, int most)
{
    int told = 0;
    for (unsigned i = 0; i < self->len; i++) {
        wish_t *wish = &self->wish[i];
        if (wish->at == WISH_NEW && told < most) {
            events[told] = (struct epoll_event){.events = EPOLLOUT, .data = wish->event.data};
            told++;
            wish->at = WISH_TOLD;
        } else if (wish->at == WISH_TOLD &&
                   s_next.ctl(wait, EPOLL_CTL_MOD, wish->fd, &wish->event) == 0) {
            wish->at = WISH_ASKED;
        }
    }
    return told;
}

/* What has come for the fiber. Of a message that is longer than one read no signal tells yet: asks
 * again, for the loop would. */
static int s_look(wishes_t *self, int wait, struct epoll_event *events, int most, bool readable)
{
    int got = 0;
    if (readable)
        got = s_next.wait(wait, events, most - 1, 0);
    if (got >= 0 &&
        (own_signals_is_kept(self->signal) || (!readable && own_signals_pending(self->signal))))
        events[got++] = self->signalled;
    return got;
}

/* Libzmq's own thread is the loop's (own_thread.h). */
static bool s_wait_inside(wishes_t *self, int wait, struct epoll_event *events, int most, int ms,
                          int *got)
{
    static bool s_reads;
    static unsigned s_kept;
    if (!own_thread_is_inside())
        return false;
    if (s_reads && s_kept == own_signals_kept() && (*got = s_look(self, wait, events, most, true)))
        return true;
    own_thread_pause(wait, self->signal, ms, &s_reads);
    s_kept = own_signals_kept();
    *got = s_look(self, wait, events, most, s_reads);
    return true;
}

int own_epoll_wait(int wait, struct epoll_event *events, int most, int ms)
{
    wishes_t *self = s_wishes(wait);
    int told = self ? s_tell(self, wait, events, most) : 0;
    if (told > 0 || (self && s_wait_inside(self, wait, events, most, ms, &told)))
        return told;
    return s_next.wait ? s_next.wait(wait, events, most, ms)
                       : (int)syscall(SYS_epoll_wait, wait, events, most, ms);
}
