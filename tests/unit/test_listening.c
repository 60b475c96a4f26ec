/* The public socket: bound, passed, and what is refused. */
#include "common/life/listening.h"
#include "common/log/log.h"
#include "tests/unit/child.h"
#include "tests/unit/lacking.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
/* cmocka needs the above first */
#include <cmocka.h>

static int s_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static int s_connect(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static unsigned s_port(const char *text)
{
    return (unsigned)atoi(strrchr(text, ':') + 1);
}

static void test_it_binds_says_its_port_and_takes_connections(void **state)
{
    char text[64] = "127.0.0.1:0";
    (void)state;
    int fd = listening_bind(text, sizeof text, "one");
    assert_true(s_port(text) > 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    int client = s_connect(s_port(text)), served = accept(fd, NULL, NULL);
    assert_true(served >= 0);
    assert_true(s_option(served, IPPROTO_TCP, TCP_NODELAY)); /* inherited */
    assert_true(s_option(served, SOL_SOCKET, SO_KEEPALIVE));
    assert_int_equal(s_option(served, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
    close(served);
    close(client);
    int second = listening_bind(text, sizeof text, "one"); /* a lane's own, at the same port */
    assert_true(second >= 0 && second != fd);
    close(second);
    close(fd);
}

static bool s_has_ipv6(void)
{
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    close(fd);
    return has;
}

static void test_ipv6(void **state)
{
    char text[64] = "[::1]:0";
    (void)state;
    if (!s_has_ipv6())
        lacking_skip("IPv6 (an address on the loopback)");
    int fd = listening_bind(text, sizeof text, "one");
    assert_int_equal(strncmp(text, "[::1]:", 6), 0);
    assert_true(s_port(text) > 0);
    close(fd);
}

static void s_bind(void *arg)
{
    char text[64];
    snprintf(text, sizeof text, "%s", (char *)arg);
    listening_bind(text, sizeof text, "one");
}

static void test_an_address_that_cannot_be_used_ends_the_process(void **state)
{
    char text[64] = "127.0.0.1:0", out[2048];
    (void)state;
    assert_int_equal(child_run(s_bind, "203.0.113.77:80", out, sizeof out), EXIT_CONFIG);
    assert_non_null(strstr(out, "203.0.113.77:80"));
    assert_int_equal(child_run(s_bind, "nonsense", out, sizeof out), EXIT_CONFIG);
    /* Somebody has the port without sharing it. */
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;
    int taken = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&any, &len), 0);
    snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(any.sin_port));
    assert_int_equal(child_run(s_bind, text, out, sizeof out), EXIT_CONFIG);
    assert_non_null(strstr(out, "another process has this port"));
    close(taken);
}

/* What a child was passed at LISTENING_FD, and what it says of it. */
typedef struct {
    const char *count;
    bool mine, udp, silent, closed;
} passed_t;

static void s_passed(void *arg)
{
    const passed_t *how = arg;
    char text[64] = "127.0.0.1:0", number[16];
    int fd = how->udp      ? socket(AF_INET, SOCK_DGRAM, 0)
             : how->silent ? socket(AF_INET, SOCK_STREAM, 0)
                           : listening_bind(text, sizeof text, "one");
    if (how->closed)
        close(LISTENING_FD);
    else if (fd != LISTENING_FD)
        dup2(fd, LISTENING_FD);
    snprintf(number, sizeof number, "%d", (int)getpid() + !how->mine);
    setenv("LISTEN_PID", number, 1);
    setenv("LISTEN_FDS", how->count, 1);
    int got = listening_passed(text, sizeof text);
    printf("got=%d address=%s left=%d cloexec=%d\n", got, text, getenv("LISTEN_FDS") != NULL,
           got < 0 ? -1 : fcntl(got, F_GETFD) & FD_CLOEXEC);
}

static void test_a_passed_socket_is_taken_with_its_address(void **state)
{
    char out[2048];
    (void)state;
    passed_t good = {.count = "1", .mine = true};
    assert_int_equal(child_run(s_passed, &good, out, sizeof out), 0);
    assert_non_null(strstr(out, "got=3 address=127.0.0.1:"));
    assert_non_null(strstr(out, "left=0 cloexec=1"));
    passed_t other = {.count = "1", .mine = false}; /* for another process: left alone */
    assert_int_equal(child_run(s_passed, &other, out, sizeof out), 0);
    assert_non_null(strstr(out, "got=-1"));
    assert_non_null(strstr(out, "left=1"));
}

static void test_anything_else_than_one_listening_tcp_socket_is_refused(void **state)
{
    static const struct {
        passed_t how;
        const char *why;
    } rows[] = {
        {{.count = "2", .mine = true}, "LISTEN_FDS is"},
        {{.count = "", .mine = true}, "LISTEN_FDS is"},
        {{.count = "1", .mine = true, .udp = true}, "not a TCP socket"},
        {{.count = "1", .mine = true, .silent = true}, "does not listen"},
        {{.count = "1", .mine = true, .closed = true}, "no socket"},
    };
    char out[2048];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        passed_t how = rows[i].how;
        assert_int_equal(child_run(s_passed, &how, out, sizeof out), EXIT_CONFIG);
        if (!strstr(out, rows[i].why))
            fail_msg("%zu: %s", i, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_binds_says_its_port_and_takes_connections),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_an_address_that_cannot_be_used_ends_the_process),
        cmocka_unit_test(test_a_passed_socket_is_taken_with_its_address),
        cmocka_unit_test(test_anything_else_than_one_listening_tcp_socket_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
