/* libzmq's work in the loop's thread: messages go from socket to socket, and to other threads,
 * whether the loop waits for them or libzmq does. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/link/link.h"
#include "common/link/own_signals.h"
#include "common/link/own_thread.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

enum { LARGE = 1 << 20, PATIENCE_MS = 30000 };

static char s_place[] = "/tmp/own-thread-XXXXXX", s_endpoint[64];

typedef struct {
    void *bound, *other;
} pair_t;

static void *s_socket(int type)
{
    int none = 0;
    void *socket = zmq_socket(link_context(), type);
    assert_non_null(socket);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
    return socket;
}

static int s_fd(void *socket)
{
    int fd;
    size_t size = sizeof fd;
    assert_int_equal(zmq_getsockopt(socket, ZMQ_FD, &fd, &size), 0);
    return fd;
}

static pair_t s_open(void)
{
    pair_t pair = {.bound = s_socket(ZMQ_PAIR), .other = s_socket(ZMQ_PAIR)};
    assert_int_equal(zmq_bind(pair.bound, s_endpoint), 0);
    assert_int_equal(zmq_connect(pair.other, s_endpoint), 0);
    own_signals_keep_in(s_fd(pair.bound));
    own_signals_keep_in(s_fd(pair.other));
    return pair;
}

static void s_close_one(void *socket)
{
    own_signals_let_out(s_fd(socket));
    zmq_close(socket);
}

static void s_close(pair_t *pair)
{
    s_close_one(pair->bound);
    s_close_one(pair->other);
    own_thread_rest(20);
}

static unsigned s_threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static int s_open_all(void **state)
{
    (void)state;
    if (!mkdtemp(s_place))
        return -1;
    snprintf(s_endpoint, sizeof s_endpoint, "ipc://%s/s", s_place);
    own_thread_adopt();
    return 0;
}

static int s_close_all(void **state)
{
    char path[64];
    (void)state;
    snprintf(path, sizeof path, "%s/s", s_place);
    unlink(path);
    return rmdir(s_place);
}

/* ThreadSanitizer cannot follow: there libzmq has its thread. */
static void s_need(void)
{
    link_context();
    if (!own_thread_is_here())
        skip();
}

static void test_no_thread(void **state)
{
    char before[16], after[16];
    sigset_t mask;
    (void)state;
    prctl(PR_GET_NAME, before);
    unsigned threads = s_threads();
    s_need();
    own_thread_turn(false);
    assert_int_equal(s_threads(), threads + 1); /* the one that closes sockets */
    prctl(PR_GET_NAME, after);
    assert_string_equal(before, after);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

/* libzmq waits, and works meanwhile. */
static void test_blocking(void **state)
{
    char word[8] = "";
    (void)state;
    s_need();
    pair_t pair = s_open();
    assert_int_equal(zmq_send(pair.other, "there", 5, 0), 5);
    assert_int_equal(zmq_recv(pair.bound, word, sizeof word, 0), 5);
    assert_int_equal(zmq_send(pair.bound, "back", 4, 0), 4);
    assert_int_equal(zmq_recv(pair.other, word, sizeof word, 0), 4);
    assert_string_equal(word, "backe");
    s_close(&pair);
}

static void test_blocking_ends(void **state)
{
    char word[8];
    int wait_ms = 20;
    (void)state;
    s_need();
    pair_t pair = s_open();
    zmq_setsockopt(pair.bound, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms);
    assert_int_equal(zmq_recv(pair.bound, word, sizeof word, 0), -1);
    assert_int_equal(errno, EAGAIN);
    s_close(&pair);
}

/* Of more than one read, and a signal that stays in memory. */
static void test_large(void **state)
{
    (void)state;
    s_need();
    pair_t pair = s_open();
    int fd = s_fd(pair.bound);
    char *bytes = calloc(1, LARGE);
    assert_int_equal(zmq_recv(pair.bound, bytes, LARGE, ZMQ_DONTWAIT), -1);
    assert_int_equal(zmq_send(pair.other, bytes, LARGE, 0), LARGE);
    assert_int_equal(own_thread_await(fd, PATIENCE_MS), 1);
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    assert_int_equal(syscall(SYS_poll, &polled, 1, 0), 0);
    assert_int_equal(zmq_recv(pair.bound, bytes, LARGE, 0), LARGE);
    free(bytes);
    s_close(&pair);
}

static void *s_echo(void *arg)
{
    char word[8];
    void *socket = s_socket(ZMQ_PAIR);
    (void)arg;
    assert_int_equal(zmq_connect(socket, s_endpoint), 0);
    assert_int_equal(zmq_recv(socket, word, sizeof word, 0), 5);
    assert_int_equal(zmq_send(socket, word, 5, 0), 5);
    assert_int_equal(zmq_recv(socket, word, sizeof word, 0), 3);
    zmq_close(socket);
    return NULL;
}

/* Its socket is signalled by the kernel, and so is libzmq's work by it. */
static void test_other_thread(void **state)
{
    char word[8];
    pthread_t thread;
    (void)state;
    s_need();
    void *socket = s_socket(ZMQ_PAIR);
    assert_int_equal(zmq_bind(socket, s_endpoint), 0);
    own_signals_keep_in(s_fd(socket));
    assert_int_equal(pthread_create(&thread, NULL, s_echo, NULL), 0);
    assert_int_equal(zmq_send(socket, "there", 5, 0), 5);
    assert_int_equal(zmq_recv(socket, word, sizeof word, 0), 5);
    assert_int_equal(zmq_send(socket, "end", 3, 0), 3);
    while (pthread_tryjoin_np(thread, NULL) != 0)
        own_thread_rest(1);
    s_close_one(socket);
    own_thread_rest(20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_thread),     cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_blocking_ends), cmocka_unit_test(test_large),
        cmocka_unit_test(test_other_thread),
    };
    return cmocka_run_group_tests(tests, s_open_all, s_close_all);
}
