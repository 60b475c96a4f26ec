/* What lies between a journal's tables and its write-ahead file. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "bad_block.h"
#include "child.h"
#include "journal_kept.h"
#include "workers/journal/census.h"
#include "workers/journal/lmdb/source.h"
#include "workers/journal/lmdb/wal.h"
#include "workers/journal/tools.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char s_text[100];

enum { HALF_FULL = MAP / 64 / 2 / WAL_BLOCK / 2 };

/* A process that appends COUNT and dies without another word. */
static void s_append_and_die(void *arg)
{
    journal_t *journal = s_open();
    for (unsigned id = 0; id < *(unsigned *)arg; id++)
        if (s_append(journal, id, 'h') != JOURNAL_STORED)
            _exit(1);
    _exit(0);
}

static void s_die_after(unsigned count)
{
    char text[4096];
    assert_int_equal(child_run(s_append_and_die, &count, text, sizeof text), 0);
}

static void test_what_is_not_committed_is_read(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 300; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    assert_false(journal_is_saved(journal));
    assert_int_equal(s_read(journal, 0), 100);
    checkpoint(journal, s_now + JOURNAL_LATEST_MS - 1);
    assert_false(journal_is_saved(journal));
    checkpoint(journal, s_now + JOURNAL_LATEST_MS);
    assert_true(journal_is_saved(journal));
    assert_int_equal(s_read(journal, 0), 100);
    assert_int_equal(s_append(journal, 300, 'h'), JOURNAL_STORED);
    assert_int_equal(s_read(journal, 0), 101);
    assert_int_equal(s_read(journal, 9), 0);
    journal_close(&journal);
}

/* Messages alone wait for one checkpoint together, as long as the file has room to spare. */
static void test_a_half_full_file_is_committed_sooner(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    unsigned frames = 0;
    do {
        assert_true(frames < HALF_FULL);
        assert_int_equal(s_append(journal, frames++, 'h'), JOURNAL_STORED);
        checkpoint(journal, s_now + JOURNAL_CHECKPOINT_MS);
    } while (!journal_is_saved(journal));
    assert_int_equal(frames, HALF_FULL);
    assert_int_equal(s_append(journal, frames, 'h'), JOURNAL_STORED);
    checkpoint(journal, s_now + JOURNAL_LATEST_MS - 1);
    assert_false(journal_is_saved(journal));
    journal_close(&journal);
}

static void test_ids_keys_and_the_clock_outlive_the_process(void **state)
{
    (void)state;
    s_die_after(60);
    s_now += 77;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 60; id++) {
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_RESENT);
        if (id % 2) { /* another id with the key */
            assert_int_equal(s_append(journal, id + 0x10000, 'h'), JOURNAL_REPLAYED);
            assert_int_equal(s_append(journal, id + 0x10000, 'x'), JOURNAL_REUSED);
        }
    }
    journal_state_t is;
    journal_inspect(journal, &is);
    assert_int_equal(is.records, 60);
    assert_int_equal(is.keys, 30);
    assert_int_equal(s_read(journal, 2), 20);
    /* They expire as if nothing had happened. */
    s_now += JOURNAL_KEY_MS;
    while (journal_tend(journal, s_now))
        continue;
    journal_inspect(journal, &is);
    assert_int_equal(is.keys, 0);
    assert_int_equal(s_append(journal, 1, 'h'), JOURNAL_STORED);
    journal_close(&journal);
}

/* Each process finds what all before it left, whether it had come to commit or not. */
static void test_one_death_after_another(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_close(&journal);
    for (unsigned round = 1; round <= 5; round++) {
        int status = 1;
        unsigned count = 10 * round;
        pid_t pid = fork();
        if (pid == 0) {
            journal = s_open();
            for (unsigned id = 10 * (round - 1); id < count; id++) {
                if (s_append(journal, id, 'h') != JOURNAL_STORED)
                    _exit(1);
                if (id % 4 == 0)
                    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
            }
            _exit(0);
        }
        waitpid(pid, &status, 0);
        assert_int_equal(status, 0);
    }
    journal = s_open();
    for (unsigned target = 0; target < 3; target++)
        assert_int_equal(s_read(journal, target), target < 2 ? 17 : 16);
    journal_close(&journal);
}

static void s_copy(const char *from, const char *to)
{
    char line[2 * SCRATCH + 64];
    snprintf(line, sizeof line, "cp %s/%s %s/%s", s_path, from, s_path, to);
    assert_int_equal(system(line), 0);
}

static void s_refuses(const char *reason)
{
    journal_options_t options = s_options();
    assert_null(journal_open(&options, s_now, s_err, sizeof s_err));
    if (!strstr(s_err, reason) || !strstr(s_err, s_path))
        fail_msg("said %s", s_err);
}

/* Of two files that belong together one was put back from elsewhere. */
static void test_files_that_do_not_belong_together(void **state)
{
    (void)state;
    s_die_after(5);
    s_copy("data.mdb", "old.mdb");
    s_copy("wal", "old.wal");
    journal_t *journal = s_open(); /* takes the five over */
    journal_close(&journal);
    s_die_after(0);
    journal = s_open();
    assert_int_equal(s_append(journal, 100, 'h'), JOURNAL_STORED);
    journal_close(&journal);
    s_copy("data.mdb", "new.mdb");
    s_copy("old.mdb", "data.mdb");
    s_refuses("is newer than data.mdb beside it");
    /* A file that the tables have taken over long ago, in the place of a newer one. */
    s_copy("new.mdb", "data.mdb");
    s_copy("old.wal", "wal");
    s_refuses("it is an older file");
    assert_int_equal(unlink(strcat(strcpy(s_err, s_path), "/wal")), 0);
    s_refuses("its size is 0 bytes, and it was begun with");
    /* A generation that fits, over tables that are others. */
    assert_int_equal(unlink(strcat(strcpy(s_err, s_path), "/data.mdb")), 0);
    s_die_after(3);
    s_copy("old.wal", "wal");
    s_refuses("is damaged");
}

/* Changes a byte of the write-ahead file, at AT bytes into the half of the first generation. */
static void s_spoil(off_t at)
{
    char file[1100], byte;
    struct stat is;
    snprintf(file, sizeof file, "%s/wal", s_path);
    int fd = open(file, O_RDWR);
    assert_int_equal(fstat(fd, &is), 0);
    at += is.st_size / 2;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static unsigned s_count_all(void)
{
    journal_t *journal = s_open();
    unsigned count = s_read(journal, 0) + s_read(journal, 1) + s_read(journal, 2);
    journal_close(&journal);
    return count;
}

/* What was answered is not left out in silence: not one frame, and not those behind it. */
static void test_damage_is_refused_until_it_is_decided(void **state)
{
    uint64_t count;
    (void)state;
    s_die_after(30);
    for (off_t frame = 0; frame < 30; frame++) {
        s_spoil(frame * WAL_BLOCK + 100);
        snprintf(s_text, sizeof s_text, "frame %d of generation ", (int)frame);
        s_refuses(s_text);
        assert_int_equal(journal_survey(s_path, -1, s_err, sizeof s_err), -1);
        assert_int_equal(journal_settle(s_path, s_err, sizeof s_err), -1);
        s_spoil(frame * WAL_BLOCK + 100);
    }
    if (journal_survey(s_path, -1, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    s_spoil(10 * WAL_BLOCK + 100);
    assert_int_equal(journal_salvage(s_path, &count, s_err, sizeof s_err), 0);
    assert_int_equal(count, 29);
    assert_int_equal(journal_survey(s_path, -1, s_err, sizeof s_err), 0);
    assert_int_equal(s_count_all(), 29);
}

/* Tables alone, as a backup has them. */
static void test_a_copy_without_it(void **state)
{
    char file[1100];
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append(journal, 1, 'h'), JOURNAL_STORED);
    journal_close(&journal);
    snprintf(file, sizeof file, "%s/wal", s_path);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(journal_survey(s_path, -1, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "/wal: is not there"));
    assert_int_equal(journal_detach(s_path, JOURNAL_SCHEMA, s_err, sizeof s_err), 0);
    assert_int_equal(journal_survey(s_path, -1, s_err, sizeof s_err), 0);
    assert_int_equal(s_count_all(), 1);
}

/* Another worker.map_bytes: another size. */
static void test_it_is_made_anew_with_another_size(void **state)
{
    struct stat is;
    char file[1100], reason[200];
    (void)state;
    s_die_after(10);
    journal_options_t options = s_options();
    options.room_bytes *= 2;
    journal_t *journal = journal_open(&options, s_now, reason, sizeof reason);
    assert_non_null(journal);
    assert_int_equal(s_append(journal, 100, 'h'), JOURNAL_STORED);
    journal_close(&journal);
    snprintf(file, sizeof file, "%s/wal", s_path);
    assert_int_equal(stat(file, &is), 0);
    assert_int_equal(is.st_size, 2 * MAP / 64);
    assert_int_equal(s_count_all(), 11);
}

static void test_tools_see_and_recover_it(void **state)
{
    (void)state;
    census_t census = {0};
    generations_t have;
    s_die_after(10);
    assert_int_equal(source_generations(s_path, &have, s_err, sizeof s_err), 0);
    assert_true(have.written > have.saved);
    assert_int_equal(census_take(&census, s_path, s_err, sizeof s_err), 0);
    assert_int_equal(census.counts[EXPORT_RECORD], 0);
    assert_int_equal(journal_settle(s_path, s_err, sizeof s_err), 0);
    assert_int_equal(source_generations(s_path, &have, s_err, sizeof s_err), 0);
    assert_true(have.written <= have.saved);
    assert_int_equal(census_take(&census, s_path, s_err, sizeof s_err), 0);
    assert_int_equal(census.counts[EXPORT_RECORD], 10);
    assert_int_equal(census.counts[EXPORT_KEY], 5);
}

static void test_a_bad_block_is_not_taken_for_the_end(void **state)
{
    char file[1100];
    struct stat is;
    generations_t have;
    (void)state;
    s_die_after(3);
    snprintf(file, sizeof file, "%s/wal", s_path);
    assert_int_equal(stat(file, &is), 0);
    off_t half = is.st_size / 2; /* where the first generation lies */
    const off_t bad[] = {half, half + 100, half + WAL_BLOCK + 8, half + 3 * WAL_BLOCK};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        journal_options_t options = s_options();
        s_bad_at = bad[i];
        assert_null(journal_open(&options, s_now, s_err, sizeof s_err));
        assert_non_null(strstr(s_err, "/wal: Input/output error: its disk does not give all"));
        assert_non_null(strstr(s_err, "posternctl salvage"));
    }
    s_bad_at = half;
    assert_int_equal(source_generations(s_path, &have, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "/wal: Input/output error"));
    s_bad_at = NO_BAD_BLOCK;
    journal_t *journal = s_open();
    assert_int_equal(s_read(journal, 0) + s_read(journal, 1) + s_read(journal, 2), 3);
    journal_close(&journal);
}

/* A tool that took it for none would leave out what is only there. */
static void test_a_file_that_cannot_be_read_is_not_taken_for_none(void **state)
{
    char file[1100];
    generations_t have;
    (void)state;
    s_die_after(3);
    snprintf(file, sizeof file, "%s/wal", s_path);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(mkdir(file, 0700), 0);
    assert_int_equal(source_generations(s_path, &have, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, "/wal: Is a directory"));
    assert_int_equal(rmdir(file), 0);
    assert_int_equal(symlink("wal", file), 0);
    assert_int_equal(source_generations(s_path, &have, s_err, sizeof s_err), -1);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(source_generations(s_path, &have, s_err, sizeof s_err), 0);
    assert_int_equal(have.written, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_committed_is_read),
        TEST(a_half_full_file_is_committed_sooner),
        TEST(ids_keys_and_the_clock_outlive_the_process),
        TEST(one_death_after_another),
        TEST(files_that_do_not_belong_together),
        TEST(damage_is_refused_until_it_is_decided),
        TEST(a_copy_without_it),
        TEST(it_is_made_anew_with_another_size),
        TEST(tools_see_and_recover_it),
        TEST(a_bad_block_is_not_taken_for_the_end),
        TEST(a_file_that_cannot_be_read_is_not_taken_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
