/* Fortified, longjmp takes a switch of stacks for a fault. */
#undef _FORTIFY_SOURCE
#include "common/link/own_thread.h"

#include "common/base/clock.h"
#include "common/link/own_next.h"
#include "common/link/own_signals.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

#ifdef __has_feature
#define HAS_FEATURE(feature) __has_feature(feature)
#else
#define HAS_FEATURE(feature) 0
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#define KNOW(region) __lsan_register_root_region((region).bottom, (region).size)
#define LEAVE(fake, to) __sanitizer_start_switch_fiber(fake, (to).bottom, (to).size)
#define ENTER(fake, from)                                                                          \
    __sanitizer_finish_switch_fiber(fake, (const void **)&(from).bottom, &(from).size)
#else
#define KNOW(region) ((void)(region))
#define LEAVE(fake, to) ((void)(fake), (void)(to))
#define ENTER(fake, from) ((void)(fake), (void)(from))
#endif

enum { STACK = 1 << 20, GUARD = 4096, IO_THREAD = 2, NAME = 16 };

typedef struct {
    const void *bottom;
    size_t size;
} region_t;

static __thread bool t_here; /* it does libzmq's work, or is to */

static struct {
    bool making;
    unsigned made; /* threads, with the context */
    void *(*body)(void *arg);
    void *arg;
    ucontext_t start;
    jmp_buf fiber, loop;
    void *fake; /* AddressSanitizer's, of the loop's stack */
    region_t own, loops;
    bool exists, begun, inside, readable;
    int wait, signal;
    int64_t due_ms;
} s_fiber;

#if defined(__SANITIZE_THREAD__) || HAS_FEATURE(thread_sanitizer) || HAS_FEATURE(address_sanitizer)
void own_thread_adopt(void)
{
}
#else
void own_thread_adopt(void)
{
    t_here = true;
}

int own_pthread_create(pthread_t *made, const pthread_attr_t *attr, void *(*body)(void *arg),
                       void *arg) __asm__("pthread_create");

static int (*s_next)(pthread_t *made, const pthread_attr_t *attr, void *(*body)(void *arg),
                     void *arg);

/* Before there are threads. */
__attribute__((constructor)) static void s_find(void)
{
    *(void **)&s_next = own_next("pthread_create");
}

int own_pthread_create(pthread_t *made, const pthread_attr_t *attr, void *(*body)(void *arg),
                       void *arg)
{
    if (!s_next) /* a library's constructor */
        s_find();
    if (!t_here || !s_fiber.making || ++s_fiber.made != IO_THREAD)
        return s_next(made, attr, body, arg);
    *made = pthread_self();
    s_fiber.body = body;
    s_fiber.arg = arg;
    s_fiber.wait = -1;
    s_fiber.exists = true;
    return 0;
}
#endif

void own_thread_making(bool making)
{
    if (t_here)
        s_fiber.making = making;
}

bool own_thread_is_here(void)
{
    return t_here && s_fiber.exists;
}

static void s_body(void)
{
    ENTER(NULL, s_fiber.loops);
    s_fiber.body(s_fiber.arg);
    abort(); /* the context is never ended */
}

/* A page below it ends the process that needs more. */
static void *s_new_stack(void)
{
    void *stack = mmap(NULL, GUARD + STACK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED || mprotect(stack, GUARD, PROT_NONE) != 0)
        abort();
    return (char *)stack + GUARD;
}

static void s_make(void)
{
    void *stack = s_new_stack();
    if (getcontext(&s_fiber.start) != 0)
        abort();
    s_fiber.own = (region_t){stack, STACK};
    KNOW(s_fiber.own);
    s_fiber.start.uc_stack.ss_sp = stack;
    s_fiber.start.uc_stack.ss_size = STACK;
    makecontext(&s_fiber.start, s_body, 0);
    s_fiber.begun = true;
}

/* libzmq gives its thread a name and blocks its signals. */
static void s_begin(void)
{
    char name[NAME];
    sigset_t mask;
    s_make();
    prctl(PR_GET_NAME, name);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    LEAVE(&s_fiber.fake, s_fiber.own);
    if (_setjmp(s_fiber.loop) == 0)
        setcontext(&s_fiber.start);
    ENTER(s_fiber.fake, s_fiber.own);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
    prctl(PR_SET_NAME, name);
}

static void s_resume(void)
{
    LEAVE(&s_fiber.fake, s_fiber.own);
    if (_setjmp(s_fiber.loop) == 0)
        _longjmp(s_fiber.fiber, 1);
    ENTER(s_fiber.fake, s_fiber.own);
}

bool own_thread_is_inside(void)
{
    return own_thread_is_here() && s_fiber.inside;
}

void own_thread_pause(int wait, int signal, int ms, bool *readable)
{
    void *fake;
    s_fiber.wait = wait;
    s_fiber.signal = signal;
    s_fiber.due_ms = ms < 0 ? INT64_MAX : clock_ms() + ms;
    own_signals_keep_in(signal);
    LEAVE(&fake, s_fiber.loops);
    if (_setjmp(s_fiber.fiber) == 0)
        _longjmp(s_fiber.loop, 1);
    ENTER(fake, s_fiber.loops);
    *readable = s_fiber.readable;
}

static bool s_is_due(void)
{
    return own_thread_wait_ms(1) == 0;
}

/* What is due may be that a peer was silent: after a pause its words may be there. */
void own_thread_turn(bool readable)
{
    if (!own_thread_is_here() || s_fiber.inside)
        return;
    s_fiber.readable = readable || s_is_due();
    if (s_fiber.begun && !s_fiber.readable && !own_signals_pending(s_fiber.signal))
        return;
    int error = errno;
    s_fiber.inside = true;
    if (s_fiber.begun)
        s_resume();
    else
        s_begin();
    s_fiber.inside = false;
    errno = error;
}

int own_thread_fd(void)
{
    return own_thread_is_here() ? s_fiber.wait : -1;
}

int own_thread_wait_ms(int wait_ms)
{
    if (!own_thread_is_here() || s_fiber.due_ms == INT64_MAX)
        return wait_ms;
    int64_t left_ms = s_fiber.due_ms - clock_ms();
    if (left_ms < 0)
        left_ms = 0;
    return wait_ms < 0 || left_ms < wait_ms ? (int)left_ms : wait_ms;
}

/* Waits for FD (-1: none), too. */
static void s_work(int fd, int wait_ms)
{
    own_thread_turn(false);
    if (own_signals_pending(fd))
        return;
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN},
                              {.fd = own_thread_fd(), .events = POLLIN}};
    if (poll(polled, sizeof polled / sizeof *polled, own_thread_wait_ms(wait_ms)) >= 0)
        own_thread_turn(polled[1].revents != 0);
}

int own_thread_await(int fd, int wait_ms)
{
    int64_t until_ms = wait_ms < 0 ? INT64_MAX : clock_ms() + wait_ms;
    while (!own_signals_pending(fd)) {
        int64_t left_ms = wait_ms < 0 ? -1 : until_ms - clock_ms();
        if (wait_ms >= 0 && left_ms <= 0)
            return 0;
        s_work(fd, (int)left_ms);
    }
    return 1;
}

void own_thread_rest(int ms)
{
    for (int64_t until_ms = clock_ms() + ms, now_ms; (now_ms = clock_ms()) < until_ms;)
        s_work(-1, (int)(until_ms - now_ms));
}
