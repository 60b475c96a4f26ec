/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "bad_block.h"
#include "scratch.h"
#include "workers/wal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BYTES = 64 << 10 };

static char s_dir[SCRATCH], s_path[SCRATCH + 8], s_err[1024];
static const uuid_t7 s_journal = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static wal_t *s_open_of(const uuid_t7 *journal)
{
    wal_t *wal = wal_open(s_path, journal, BYTES, s_err, sizeof s_err);
    if (!wal)
        fail_msg("%s", s_err);
    return wal;
}

/* Ready for frames of a generation. */
static wal_t *s_open(uint64_t generation)
{
    wal_t *wal = s_open_of(&s_journal);
    assert_int_equal(wal_begin(wal, s_err, sizeof s_err), 0);
    wal_restart(wal, generation);
    return wal;
}

static void s_add(wal_t *wal, const char *text)
{
    char *to = wal_add(wal, strlen(text));
    assert_non_null(to);
    memcpy(to, text, strlen(text));
}

static void s_write(wal_t *wal, const char *text)
{
    s_add(wal, text);
    assert_int_equal(wal_write(wal, 7, 8), WAL_OK);
}

typedef struct {
    char text[4096];
    unsigned entries, stop_at;
} found_t;

static int s_each(void *arg, const wal_frame_t *frame, slice_t entry)
{
    found_t *found = arg;
    assert_true(frame->running_ms == 7 && frame->first_log == 8 && frame->entries > 0);
    size_t len = strlen(found->text);
    snprintf(found->text + len, sizeof found->text - len, "%u:%.*s ", frame->number, (int)entry.len,
             entry.data);
    return ++found->entries == found->stop_at ? 5 : 0;
}

static void s_holds(uint64_t generation, const char *text)
{
    found_t found = {0};
    wal_t *wal = s_open_of(&s_journal);
    assert_int_equal(wal_replay(wal, generation, s_each, &found), 0);
    assert_string_equal(found.text, text);
    wal_close(&wal);
}

/* Changes a byte of the file. */
static void s_spoil(off_t at)
{
    char byte;
    int fd = open(s_path, O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void test_example(void **state)
{
    (void)state;
    wal_t *wal = s_open(1);
    wal_frame_t first;
    assert_int_equal(wal_first(wal, &first), 0);
    s_add(wal, "a");
    s_add(wal, "");
    s_write(wal, "b");
    s_write(wal, "c");
    assert_int_equal(wal_used(wal), 2 * WAL_BLOCK);
    assert_int_equal(wal_first(wal, &first), 1);
    assert_true(first.generation == 1 && first.number == 0 && first.entries == 3);
    /* What it has written it reads itself, and who comes after it. */
    found_t found = {0};
    assert_int_equal(wal_replay(wal, 1, s_each, &found), 0);
    assert_string_equal(found.text, "0:a 0: 0:b 1:c ");
    wal_close(&wal);
    s_holds(1, "0:a 0: 0:b 1:c ");
    s_holds(2, "");
    struct stat is;
    assert_int_equal(stat(s_path, &is), 0);
    assert_int_equal(is.st_size, BYTES);
    assert_int_equal(is.st_mode & 0777, 0600);
}

static void test_a_new_generation_covers_the_old(void **state)
{
    (void)state;
    wal_t *wal = s_open(1);
    wal_frame_t first;
    s_write(wal, "old 0");
    s_write(wal, "old 1");
    wal_restart(wal, 3);
    s_write(wal, "new 0");
    s_holds(1, "");
    s_holds(3, "0:new 0 "); /* and not the old frame 1 behind it */
    assert_int_equal(wal_first(wal, &first), 1);
    assert_int_equal(first.generation, 3);
    wal_close(&wal);
}

/* One is written while the one before is still needed. */
static void test_two_generations_side_by_side(void **state)
{
    (void)state;
    wal_t *wal = s_open(1);
    for (uint64_t generation = 2; generation < 6; generation++) {
        wal_frame_t first;
        wal_restart(wal, generation);
        s_write(wal, "a");
        s_write(wal, "b");
        s_holds(generation, "0:a 1:b ");
        s_holds(generation - 1, generation > 2 ? "0:a 1:b " : "");
        s_holds(generation - 2, "");
        assert_int_equal(wal_first(wal, &first), 1);
        assert_int_equal(first.generation, generation);
    }
    wal_close(&wal);
}

/* Every generation began at the start, and none in the middle. */
static void test_a_file_of_an_older_version(void **state)
{
    (void)state;
    static char half[BYTES / 2], none[BYTES / 2];
    wal_t *wal = s_open(5);
    s_write(wal, "first");
    s_write(wal, "second");
    wal_close(&wal);
    int fd = open(s_path, O_RDWR);
    assert_int_equal(pread(fd, half, sizeof half, BYTES / 2), sizeof half);
    assert_int_equal(pwrite(fd, half, sizeof half, 0), sizeof half);
    assert_int_equal(pwrite(fd, none, sizeof none, BYTES / 2), sizeof none);
    close(fd);
    s_holds(5, "0:first 1:second ");
    wal_frame_t first;
    wal = s_open(6);
    assert_int_equal(wal_first(wal, &first), 1);
    assert_int_equal(first.generation, 5);
    wal_close(&wal);
}

static void test_each_may_end_it(void **state)
{
    (void)state;
    wal_t *wal = s_open(1);
    s_write(wal, "a");
    s_write(wal, "b");
    found_t found = {.stop_at = 1};
    assert_int_equal(wal_replay(wal, 1, s_each, &found), 5);
    assert_int_equal(found.entries, 1);
    wal_close(&wal);
}

/* A frame that did not get there whole is none, and those before it are whole. */
static void test_any_damage_ends_the_frames(void **state)
{
    (void)state;
    wal_t *wal = s_open(2);
    s_write(wal, "first");
    s_write(wal, "second");
    wal_close(&wal);
    for (off_t at = 0; at < 64; at++) {
        s_spoil(WAL_BLOCK + at);
        s_holds(2, at < 58 ? "0:first " : "0:first 1:second "); /* 58: the frame's end */
        s_spoil(WAL_BLOCK + at);
    }
    s_holds(2, "0:first 1:second ");
    s_spoil(0);
    s_holds(2, "");
}

static void test_a_file_that_is_cut_off(void **state)
{
    (void)state;
    wal_t *wal = s_open(2);
    s_write(wal, "first");
    s_write(wal, "second");
    wal_close(&wal);
    assert_int_equal(truncate(s_path, WAL_BLOCK + 20), 0);
    s_holds(2, "0:first ");
    /* It gets its size back. */
    wal = s_open(3);
    s_write(wal, "again");
    wal_close(&wal);
    s_holds(3, "0:again ");
}

static void test_another_journals_frames_are_none(void **state)
{
    (void)state;
    wal_t *wal = s_open(1);
    wal_frame_t first;
    s_write(wal, "mine");
    wal_close(&wal);
    uuid_t7 other = s_journal;
    other.bytes[15]++;
    wal = s_open_of(&other);
    assert_int_equal(wal_first(wal, &first), 0);
    wal_close(&wal);
}

static void test_what_does_not_fit_is_not_written(void **state)
{
    (void)state;
    static char large[BYTES / 2];
    memset(large, 'x', sizeof large);
    wal_t *wal = s_open(1);
    s_write(wal, "small");
    assert_non_null(wal_add(wal, 100));
    assert_null(wal_add(wal, BYTES / 2 - WAL_BLOCK));
    assert_null(wal_add(wal, 1)); /* nothing goes in behind it */
    assert_int_equal(wal_write(wal, 7, 8), WAL_FULL);
    s_write(wal, "next");
    /* To the last byte of its half. */
    wal_restart(wal, 2);
    size_t most = BYTES / 2 - 48 - 4;
    assert_null(wal_add(wal, most + 1));
    wal_drop(wal);
    char *to = wal_add(wal, most);
    assert_non_null(to);
    memcpy(to, large, most);
    assert_int_equal(wal_write(wal, 7, 8), WAL_OK);
    assert_int_equal(wal_used(wal), BYTES / 2);
    assert_null(wal_add(wal, 0));
    assert_int_equal(wal_write(wal, 7, 8), WAL_FULL);
    wal_close(&wal);
}

/* What was stored there has been answered: to go on without it would lose it. */
static void test_what_cannot_be_read_is_not_taken_for_the_end(void **state)
{
    const off_t bad[] = {4, 100, WAL_BLOCK + 4, WAL_BLOCK + 60, 2 * WAL_BLOCK};
    char text[200];
    wal_frame_t first;
    (void)state;
    wal_t *wal = s_open(2);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    s_write(wal, text);
    s_write(wal, text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        found_t found = {0};
        s_bad_at = bad[i];
        assert_int_equal(wal_replay(wal, 2, s_each, &found), EIO);
        assert_int_equal(wal_first(wal, &first), bad[i] < WAL_BLOCK ? -1 : 1);
    }
    s_bad_at = BYTES / 2; /* of the other half, which may be the newer one */
    assert_int_equal(wal_first(wal, &first), -1);
    assert_int_equal(errno, EIO);
    s_bad_at = NO_BAD_BLOCK;
    assert_int_equal(wal_first(wal, &first), 1);
    wal_close(&wal);
}

static void test_a_place_where_no_file_can_be(void **state)
{
    (void)state;
    assert_int_equal(mkdir(s_path, 0700), 0);
    assert_null(wal_open(s_path, &s_journal, BYTES, s_err, sizeof s_err));
    assert_non_null(strstr(s_err, s_path));
    assert_int_equal(rmdir(s_path), 0);
}

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_dir);
    snprintf(s_path, sizeof s_path, "%s/wal", s_dir);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_dir);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(example),
        TEST(a_new_generation_covers_the_old),
        TEST(two_generations_side_by_side),
        TEST(a_file_of_an_older_version),
        TEST(each_may_end_it),
        TEST(any_damage_ends_the_frames),
        TEST(a_file_that_is_cut_off),
        TEST(what_cannot_be_read_is_not_taken_for_the_end),
        TEST(another_journals_frames_are_none),
        TEST(what_does_not_fit_is_not_written),
        TEST(a_place_where_no_file_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
