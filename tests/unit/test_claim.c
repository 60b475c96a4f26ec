/* Who has a port: the same installation shares it, another one is refused and told who has it. */
#include "child.h"
#include "common/base/claim.h"
#include "lacking.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

enum { STRANGER = 65534 };

static char s_err[512];

/* One port for each case: what others have claimed is not of interest. */
static const char *s_at(const char *host, int port)
{
    static char text[2][64];
    static unsigned turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s:%d", host, port);
    return text[turn];
}

static int s_claim(const char *address, const char *installation)
{
    *s_err = '\0';
    return claim_port(address, installation, s_err, sizeof s_err);
}

static void s_refused(const char *address, const char *installation)
{
    assert_int_equal(s_claim(address, installation), -1);
    assert_int_equal(errno, EADDRINUSE);
    char pid[32];
    snprintf(pid, sizeof pid, "process %d (", (int)getpid());
    assert_non_null(strstr(s_err, pid));
}

static void test_one_installation_shares_and_another_is_refused(void **state)
{
    (void)state;
    int first = s_claim(s_at("127.0.0.1", 7), "one"), second = s_claim(s_at("127.0.0.1", 7), "one");
    assert_true(first >= 0 && second >= 0);
    s_refused(s_at("127.0.0.1", 7), "two");
    close(first); /* the older one has gone, and the port is still theirs */
    s_refused(s_at("127.0.0.1", 7), "two");
    close(second);
    int other = s_claim(s_at("127.0.0.1", 7), "two");
    assert_true(other >= 0);
    close(other);
}

static void test_addresses_that_have_each_other_in_them(void **state)
{
    (void)state;
    static const struct {
        const char *ours, *theirs;
        bool shared;
    } cases[] = {
        {"0.0.0.0", "127.0.0.1", true},    {"127.0.0.1", "0.0.0.0", true},
        {"[::]", "127.0.0.1", true},       {"127.0.0.1", "[::]", true},
        {"[::]", "[::1]", true},           {"0.0.0.0", "[::1]", false},
        {"127.0.0.1", "127.0.0.2", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = s_claim(s_at(cases[i].ours, 8), "one");
        assert_true(fd >= 0);
        int other = s_claim(s_at(cases[i].theirs, 8), "two");
        assert_int_equal(other < 0, cases[i].shared);
        if (other >= 0)
            close(other);
        close(fd);
    }
    int fd = s_claim(s_at("127.0.0.1", 80), "one"), other = s_claim(s_at("127.0.0.1", 8080), "two");
    assert_true(fd >= 0 && other >= 0);
    close(fd);
    close(other);
}

/* A claim that nobody can ask whose it is: one waits already, and no more may. */
static int s_crowd(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int len =
        snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "postern-port/9/127.0.0.1/two/x");
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), waits = socket(AF_UNIX, SOCK_STREAM, 0);
    bool good = bind(fd, (struct sockaddr *)&name, size) == 0 && listen(fd, 0) == 0 &&
                connect(waits, (struct sockaddr *)&name, size) == 0;
    return good ? fd : -1;
}

/* The kernel shares no port between users, so their names are not to keep anybody out. */
static void s_claim_as_stranger(int ready, bool crowds)
{
    if (setresuid(STRANGER, STRANGER, STRANGER) != 0 ||
        (crowds ? s_crowd() : s_claim(s_at("127.0.0.1", 9), "two")) < 0)
        exit(3);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it outlives no case that fails */
    if (write(ready, "x", 1) != 1)
        exit(4);
    pause();
}

static void s_with_a_stranger(bool crowds)
{
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        s_claim_as_stranger(ends[1], crowds);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    int fd = s_claim(s_at("127.0.0.1", 9), "one");
    assert_true(fd >= 0);
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ends[0]);
    close(ends[1]);
}

static void test_a_strangers_claim_does_not_count(void **state)
{
    (void)state;
    lacking_root();
    s_with_a_stranger(false);
    s_with_a_stranger(true);
}

/* Names that nobody listens at, or that are no claims. */
static void test_other_names_do_not_disturb(void **state)
{
    (void)state;
    static const char *const names[] = {"postern-port/10/127.0.0.1/two/1", "postern-port/11/",
                                        "postern-port/11//two/1", "postern-port/11/127.0.0.1"};
    int fds[4];
    for (int i = 0; i < 4; i++) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        memcpy(name.sun_path + 1, names[i], strlen(names[i]));
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(names[i]));
        assert_int_equal(bind(fds[i], (struct sockaddr *)&name, len), 0);
    }
    for (int port = 10; port < 12; port++) {
        int fd = s_claim(s_at("127.0.0.1", port), "one");
        assert_true(fd >= 0);
        close(fd);
    }
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_installation_shares_and_another_is_refused),
        cmocka_unit_test(test_addresses_that_have_each_other_in_them),
        cmocka_unit_test(test_a_strangers_claim_does_not_count),
        cmocka_unit_test(test_other_names_do_not_disturb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
