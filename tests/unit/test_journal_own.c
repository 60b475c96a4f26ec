/* A journal that is opened by its place: whose it is, and which one it has to be. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/life/life.h"
#include "scratch.h"
#include "workers/journal/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char s_place[SCRATCH], s_known[SCRATCH + 16], s_err[1024];

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_place);
    snprintf(s_known, sizeof s_known, "%s/known", s_place);
    return mkdir(s_known, 0700);
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_place);
    return 0;
}

/* What happens once in a process happens in a child: it holds the lock to its end. 0, or what the
 * opening said is in s_err. */
static int s_open(unsigned shards)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char lock[SCRATCH + 32];
        journal_options_t options = {.place = s_place,
                                     .known = s_known,
                                     .kind = "channel",
                                     .shard = 1,
                                     .shards = shards,
                                     .room_bytes = 64 << 20};
        journal_t *journal = journal_open(&options, 1000, s_err, sizeof s_err);
        if (!journal && write(ends[1], s_err, strlen(s_err)) < 0)
            _exit(2);
        journal_close(&journal);
        snprintf(lock, sizeof lock, "%s/channel-1.lock", s_place);
        pid_t other = fork();
        if (other == 0)
            _exit(life_locked(lock) ? 0 : 1);
        waitpid(other, &status, 0);
        _exit(WEXITSTATUS(status) ? 3 : s_err[0] != '\0');
    }
    close(ends[1]);
    memset(s_err, 0, sizeof s_err);
    assert_true(read(ends[0], s_err, sizeof s_err - 1) >= 0);
    close(ends[0]);
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
    return WEXITSTATUS(status) ? -1 : 0;
}

static void test_the_shard_is_locked_for_the_life_of_the_process(void **state)
{
    (void)state;
    assert_int_equal(s_open(2), 0);
    assert_int_equal(s_open(2), 0);
}

static void test_another_count_makes_no_empty_journal(void **state)
{
    char path[SCRATCH + 32];
    (void)state;
    snprintf(path, sizeof path, "%s/channel.shards", s_place);
    FILE *note = fopen(path, "w");
    assert_non_null(note);
    fprintf(note, "3\n");
    fclose(note);
    assert_int_equal(s_open(2), -1);
    assert_non_null(strstr(s_err, "channel.shards: the journals are made for the count in that"));
    assert_non_null(strstr(s_err, "set shards.channel to it, or use posternctl reshard"));
    snprintf(path, sizeof path, "%s/channel-1", s_place);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(s_open(3), 0);
}

static void test_one_that_is_known_and_not_there_is_missed(void **state)
{
    char from[SCRATCH + 32], to[SCRATCH + 32];
    (void)state;
    assert_int_equal(s_open(2), 0);
    snprintf(from, sizeof from, "%s/channel-1", s_place);
    snprintf(to, sizeof to, "%s/elsewhere", s_place);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(s_open(2), -1);
    assert_int_not_equal(access(from, F_OK), 0);
    assert_int_equal(rename(to, from), 0);
    assert_int_equal(s_open(2), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_shard_is_locked_for_the_life_of_the_process),
        TEST(another_count_makes_no_empty_journal),
        TEST(one_that_is_known_and_not_there_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
