/* What libzmq wishes to be told of room to send, and when the kernel hears of it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/link/own_sends.h"
#include "common/link/own_signals.h"

#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    int wait, signal, ends[2];
} yard_t;

static void s_change(const yard_t *yard, int op, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    assert_int_equal(epoll_ctl(yard->wait, op, fd, &event), 0);
}

/* A wait as libzmq makes one, whose first descriptor is SIGNAL. */
static yard_t s_open(int signal)
{
    yard_t yard = {.wait = epoll_create1(EPOLL_CLOEXEC), .signal = signal};
    assert_true(yard.wait >= 0 && signal >= 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, yard.ends), 0);
    s_change(&yard, EPOLL_CTL_ADD, signal, 0);
    s_change(&yard, EPOLL_CTL_MOD, signal, EPOLLIN);
    s_change(&yard, EPOLL_CTL_ADD, *yard.ends, 0);
    s_change(&yard, EPOLL_CTL_MOD, *yard.ends, EPOLLIN);
    return yard;
}

static yard_t s_open_own(void)
{
    return s_open(eventfd(0, EFD_CLOEXEC));
}

static void s_close(yard_t *yard)
{
    int fds[] = {yard->wait, yard->signal, yard->ends[0], yard->ends[1]};
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

static void s_wish(const yard_t *yard, bool wish)
{
    s_change(yard, EPOLL_CTL_MOD, *yard->ends, wish ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* What a wait tells of the socket, and nothing else. */
static uint32_t s_told(const yard_t *yard)
{
    struct epoll_event event = {.events = 0};
    int told = epoll_wait(yard->wait, &event, 1, 0);
    assert_true(told == 0 || (told == 1 && event.data.fd == *yard->ends));
    return event.events;
}

static bool s_kernel_tells(const yard_t *yard)
{
    struct epoll_event event;
    return syscall(SYS_epoll_wait, yard->wait, &event, 1, 0) == 1;
}

static void s_fill(int fd)
{
    static const char bytes[4096];
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
}

static void s_empty(int fd)
{
    char bytes[4096];
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

static void test_a_wish_that_is_taken_back(void **state)
{
    (void)state;
    yard_t yard = s_open_own();
    for (int i = 0; i < 3; i++) {
        s_wish(&yard, true);
        assert_false(s_kernel_tells(&yard));
        assert_int_equal(s_told(&yard), EPOLLOUT);
        s_wish(&yard, false);
        assert_int_equal(s_told(&yard), 0);
    }
    s_wish(&yard, true);
    s_wish(&yard, false);
    assert_int_equal(s_told(&yard), 0);
    s_close(&yard);
}

static void test_a_wish_that_stays(void **state)
{
    (void)state;
    yard_t yard = s_open_own();
    s_wish(&yard, true);
    for (int i = 0; i < 3; i++)
        assert_int_equal(s_told(&yard), EPOLLOUT);
    assert_true(s_kernel_tells(&yard));
    s_wish(&yard, false);
    assert_false(s_kernel_tells(&yard));
    s_close(&yard);
}

/* It is told once of room that is not there, and of what is there when it is. */
static void test_without_room(void **state)
{
    (void)state;
    yard_t yard = s_open_own();
    s_fill(*yard.ends);
    s_wish(&yard, true);
    assert_int_equal(s_told(&yard), EPOLLOUT);
    assert_int_equal(s_told(&yard), 0);
    s_empty(yard.ends[1]);
    assert_int_equal(s_told(&yard), EPOLLOUT);
    s_wish(&yard, false);
    s_close(&yard);
}

/* Input is told of beside a wish, and a change of either is not lost. */
static void test_input(void **state)
{
    (void)state;
    yard_t yard = s_open_own();
    s_wish(&yard, true);
    assert_int_equal(write(yard.ends[1], "x", 1), 1);
    assert_int_equal(s_told(&yard), EPOLLOUT);
    assert_int_equal(s_told(&yard), EPOLLIN | EPOLLOUT);
    s_change(&yard, EPOLL_CTL_MOD, *yard.ends, EPOLLOUT);
    assert_int_equal(s_told(&yard), EPOLLOUT);
    s_wish(&yard, true);
    assert_int_equal(s_told(&yard), EPOLLIN | EPOLLOUT);
    s_wish(&yard, false);
    assert_int_equal(s_told(&yard), EPOLLIN);
    s_wish(&yard, true);
    s_change(&yard, EPOLL_CTL_DEL, *yard.ends, 0);
    assert_int_equal(s_told(&yard), 0);
    s_close(&yard);
}

/* One that waits for room alone is connecting. */
static void test_a_connection_in_the_making(void **state)
{
    (void)state;
    yard_t yard = s_open_own();
    s_fill(*yard.ends);
    s_change(&yard, EPOLL_CTL_MOD, *yard.ends, EPOLLOUT);
    assert_int_equal(s_told(&yard), 0);
    s_close(&yard);
}

static void test_a_wait_of_others(void **state)
{
    (void)state;
    yard_t yard = s_open(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    s_wish(&yard, true);
    assert_true(s_kernel_tells(&yard));
    s_close(&yard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wish_that_is_taken_back),
        cmocka_unit_test(test_a_wish_that_stays),
        cmocka_unit_test(test_without_room),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_a_connection_in_the_making),
        cmocka_unit_test(test_a_wait_of_others),
    };
    own_signals_keep();
    own_sends_keep();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
