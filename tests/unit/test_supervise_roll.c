/* Restarts of real children (sh), one after another, and what is said of them. */
#include "common/base/clock.h"
#include "common/log/log.h"
#include "ctl/host/supervise.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

/* Ready at once, and ends when told. */
#define GOOD "trap 'exit 0' TERM INT; eval \"echo >&$POSTERN_READY_FD\"; " WAIT
#define WAIT "while :; do sleep 0.02; done"
/* Ready the first time; after that it ends before it is. */
#define ONCE "[ -e %s ] && exit 3; touch %s; " GOOD

enum { CHILDREN = 3, NEWS = 16 };

static struct {
    supervise_t *supervise;
    bool wanted[CHILDREN];
    int rolls, refused; /* what supervise_roll answered */
    pid_t before[CHILDREN], after[CHILDREN];
    char names[NEWS][32], error[256];
    unsigned named;
    int ends; /* news of the end */
} s_test;

static void s_end(void)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        s_test.after[i] = supervise_pid(s_test.supervise, i);
    kill(getpid(), SIGTERM);
}

static pid_t s_ready(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < CHILDREN; i++)
        s_test.before[i] = supervise_pid(s_test.supervise, i);
    s_test.rolls = supervise_roll(s_test.supervise, s_test.wanted);
    s_test.refused = supervise_roll(s_test.supervise, s_test.wanted); /* one is under way */
    return 0;
}

static int s_task(void *arg, int status)
{
    (void)arg;
    (void)status;
    return 0;
}

static void s_readable(void *arg)
{
    (void)arg;
}

static void s_rolled(void *arg, const char *name, pid_t pid, int64_t ms, const char *error)
{
    (void)arg;
    assert_true(ms >= 0);
    if (name && s_test.named < NEWS)
        snprintf(s_test.names[s_test.named++], sizeof *s_test.names, "%s", name);
    if (error)
        snprintf(s_test.error, sizeof s_test.error, "%s", error);
    if (name) {
        assert_true(error || pid > 0);
        return;
    }
    s_test.ends++;
    s_end();
}

/* Runs three children with these scripts, PASSED[i] with a successor; restarts those wanted. */
static int s_run(const char *const scripts[CHILDREN], const bool passed[CHILDREN])
{
    supervise_calls_t calls = {
        .ready = s_ready, .task = s_task, .fd = -1, .readable = s_readable, .rolled = s_rolled};
    log_open("test", LOG_ERROR);
    s_test.supervise = supervise_new(5000, &calls);
    assert_int_equal(supervise_roll(s_test.supervise, s_test.wanted), -1); /* nobody is ready */
    for (unsigned i = 0; i < CHILDREN; i++) {
        char name[8];
        snprintf(name, sizeof name, "c-%u", i);
        const char *argv[] = {"/bin/sh", "-c", scripts[i], NULL};
        supervise_add(s_test.supervise, name, !passed[i], passed[i], "", argv);
    }
    int status = supervise_run(s_test.supervise);
    supervise_destroy(&s_test.supervise);
    assert_int_equal(s_test.rolls, 0);
    assert_int_equal(s_test.refused, -1);
    return status;
}

static int s_setup(void **state)
{
    (void)state;
    memset(&s_test, 0, sizeof s_test);
    return 0;
}

static void test_those_that_are_wanted_are_restarted_in_their_order(void **state)
{
    static const char *const scripts[CHILDREN] = {GOOD, GOOD, GOOD};
    static const bool passed[CHILDREN] = {true, false, false};
    (void)state;
    s_test.wanted[0] = s_test.wanted[2] = true;
    assert_int_equal(s_run(scripts, passed), 0);
    assert_int_equal(s_test.named, 2);
    assert_string_equal(s_test.names[0], "c-0");
    assert_string_equal(s_test.names[1], "c-2");
    assert_string_equal(s_test.error, "");
    assert_int_equal(s_test.ends, 1);
    assert_true(s_test.after[0] != s_test.before[0] && s_test.after[2] != s_test.before[2]);
    assert_int_equal(s_test.after[1], s_test.before[1]);
}

static void test_the_old_one_stays_when_its_successor_does_not_get_ready(void **state)
{
    char mark[] = "/tmp/postern-roll-XXXXXX", script[512];
    const char *const scripts[CHILDREN] = {script, GOOD, GOOD};
    static const bool passed[CHILDREN] = {true, false, false};
    (void)state;
    close(mkstemp(mark));
    unlink(mark);
    snprintf(script, sizeof script, ONCE, mark, mark);
    s_test.wanted[0] = s_test.wanted[1] = true;
    assert_int_equal(s_run(scripts, passed), 0);
    unlink(mark);
    assert_non_null(strstr(s_test.error, "the old process serves on"));
    assert_int_equal(s_test.named, 1); /* after a failure nobody else is restarted */
    assert_int_equal(s_test.after[0], s_test.before[0]);
    assert_int_equal(s_test.after[1], s_test.before[1]);
    assert_int_equal(s_test.ends, 1);
}

static void test_nobody_wanted_is_the_end_at_once(void **state)
{
    static const char *const scripts[CHILDREN] = {GOOD, GOOD, GOOD};
    static const bool passed[CHILDREN] = {false, false, false};
    (void)state;
    assert_int_equal(s_run(scripts, passed), 0);
    assert_int_equal(s_test.named, 0);
    assert_int_equal(s_test.ends, 1);
    assert_memory_equal(s_test.after, s_test.before, sizeof s_test.after);
}

/* Deaf to SIGINT: it is killed in the end, and started again. */
static void test_one_that_does_not_end_is_killed_and_comes_back(void **state)
{
    static const char deaf[] = "trap '' TERM INT; eval \"echo >&$POSTERN_READY_FD\"; " WAIT;
    static const char *const scripts[CHILDREN] = {GOOD, deaf, GOOD};
    static const bool passed[CHILDREN] = {false, false, false};
    (void)state;
    s_test.wanted[1] = true;
    int64_t began = clock_ms();
    assert_int_equal(s_run(scripts, passed), 1); /* it had to be killed at the end, too */
    assert_true(clock_ms() - began >= 5000 + SUPERVISE_GRACE_MS);
    assert_int_equal(s_test.named, 1);
    assert_string_equal(s_test.error, "");
    assert_true(s_test.after[1] != s_test.before[1]);
}

#define CASE(name) cmocka_unit_test_setup(name, s_setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_those_that_are_wanted_are_restarted_in_their_order),
        CASE(test_the_old_one_stays_when_its_successor_does_not_get_ready),
        CASE(test_nobody_wanted_is_the_end_at_once),
        CASE(test_one_that_does_not_end_is_killed_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
