/* libzmq's signals are counted, and asked for without the kernel. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/link/own_signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As libzmq makes its own. */
static int s_new(void)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static bool s_is_rung(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    int rung = poll(&polled, 1, 0);
    assert_int_equal(rung != 0, (polled.revents & POLLIN) != 0);
    return rung == 1;
}

static void s_ring(int fd, uint64_t count)
{
    assert_int_equal(write(fd, &count, sizeof count), sizeof count);
}

static uint64_t s_silence(int fd)
{
    uint64_t count;
    assert_int_equal(read(fd, &count, sizeof count), sizeof count);
    return count;
}

static void test_counts(void **state)
{
    (void)state;
    uint64_t count;
    int fd = s_new();
    assert_false(s_is_rung(fd));
    assert_int_equal(read(fd, &count, sizeof count), -1);
    assert_int_equal(errno, EAGAIN);
    s_ring(fd, 1);
    s_ring(fd, 2);
    assert_true(s_is_rung(fd));
    assert_int_equal(s_silence(fd), 3);
    assert_false(s_is_rung(fd));
    close(fd);
}

/* What the kernel alone knows of is not told; of a descriptor that is not counted, it is. */
static void test_without_the_kernel(void **state)
{
    (void)state;
    const uint64_t one = 1;
    int fds[] = {s_new(), eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(syscall(SYS_write, fds[i], &one, sizeof one), sizeof one);
        assert_int_equal(s_is_rung(fds[i]), i);
        close(fds[i]);
    }
}

static void test_a_number_that_is_used_again(void **state)
{
    (void)state;
    const uint64_t one = 1;
    int fd = s_new(), ends[2];
    s_ring(fd, 1);
    close(fd);
    int again = s_new();
    assert_int_equal(again, fd);
    assert_false(s_is_rung(again));
    close(again);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ends[0], fd);
    assert_false(s_is_rung(ends[0]));
    assert_int_equal(write(ends[1], &one, sizeof one), sizeof one);
    assert_true(s_is_rung(ends[0]));
    close(ends[0]);
    close(ends[1]);
}

static void test_a_write_that_fails_is_none(void **state)
{
    (void)state;
    int fd = s_new();
    const uint64_t too_many = UINT64_MAX;
    assert_int_equal(write(fd, &too_many, sizeof too_many), -1);
    assert_false(s_is_rung(fd));
    close(fd);
}

enum { SIGNALS = 20000 };
typedef struct {
    int there, back;
} pair_t;

static void *s_echo(void *arg)
{
    pair_t *pair = arg;
    for (int i = 0; i < SIGNALS; i++) {
        while (!s_is_rung(pair->there))
            poll(&(struct pollfd){.fd = pair->there, .events = POLLIN}, 1, 1000);
        s_silence(pair->there);
        s_ring(pair->back, 1);
    }
    return NULL;
}

/* No signal is missed, and none that was told of is not there. */
static void test_between_threads(void **state)
{
    (void)state;
    pthread_t thread;
    pair_t pair = {s_new(), s_new()};
    assert_int_equal(pthread_create(&thread, NULL, s_echo, &pair), 0);
    for (int i = 0; i < SIGNALS; i++) {
        s_ring(pair.there, 1);
        while (!s_is_rung(pair.back))
            ;
        assert_int_equal(s_silence(pair.back), 1);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(s_is_rung(pair.there));
    close(pair.there);
    close(pair.back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_without_the_kernel),
        cmocka_unit_test(test_a_number_that_is_used_again),
        cmocka_unit_test(test_a_write_that_fails_is_none),
        cmocka_unit_test(test_between_threads),
    };
    own_signals_keep();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
