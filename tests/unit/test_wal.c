/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "bad_block.h"
#include "scratch.h"
#include "workers/journal/lmdb/wal_self.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

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
    struct stat is;
    bool begun = stat(s_path, &is) == 0 && is.st_size == BYTES;
    wal_t *wal = s_open_of(&s_journal);
    assert_int_equal(wal_begin(wal, !begun, s_err, sizeof s_err), 0);
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

/* A frame as schema 5 and before wrote it. */
static void s_write_old(int fd, off_t at, uint64_t generation, uint32_t number, const char *text)
{
    struct __attribute__((packed)) {
        uint32_t magic, bytes;
        uint64_t checksum, generation;
        uint32_t number, entries;
        uint64_t running_ms, first_log;
        uint32_t len;
        char text[100];
    } frame = {.magic = 0x314c4157,
               .generation = generation,
               .number = number,
               .entries = 1,
               .running_ms = 7,
               .first_log = 8,
               .len = (uint32_t)strlen(text)};
    size_t len = offsetof(__typeof__(frame), text) + frame.len;
    memcpy(frame.text, text, frame.len);
    frame.bytes = frame.len + 4;
    frame.checksum = XXH3_64bits_withSeed(&frame, len, XXH3_64bits(s_journal.bytes, UUID_BYTES));
    assert_int_equal(pwrite(fd, &frame, len, at), len);
}

static void s_holds_old(uint64_t generation, const char *text)
{
    found_t found = {0};
    wal_t *wal = s_open_of(&s_journal);
    wal_read_old(wal);
    assert_int_equal(wal_replay(wal, generation, s_each, &found), 0);
    assert_string_equal(found.text, text);
    wal_close(&wal);
}

static void test_a_file_of_an_older_version(void **state)
{
    (void)state;
    wal_frame_t first;
    wal_kept_t kept = {.covered = 4};
    wal_close(&(wal_t *){s_open(1)});
    int fd = open(s_path, O_RDWR);
    s_write_old(fd, BYTES / 2, 5, 0, "first");
    s_write_old(fd, BYTES / 2 + WAL_BLOCK, 5, 1, "second");
    s_write_old(fd, BYTES / 2 + 2 * WAL_BLOCK, 5, 2, "third");
    s_holds_old(5, "0:first 1:second 2:third ");
    wal_t *wal = s_open_of(&s_journal);
    wal_read_old(wal);
    assert_int_equal(wal_first(wal, &first), 1);
    assert_int_equal(first.generation, 5);
    assert_int_equal(wal_survey(wal, &kept, s_err, sizeof s_err), 0);
    /* Also there a later frame is proof. */
    s_write_old(fd, BYTES / 2 + WAL_BLOCK, 3, 1, "older");
    assert_int_equal(wal_survey(wal, &kept, s_err, sizeof s_err), 1);
    assert_non_null(
        strstr(s_err, "frame 1 of generation 5, at byte 36864, is damaged, and 1 whole"));
    wal_close(&wal);
    /* Before schema 5 every generation began at the start, and had the whole file. */
    s_write_old(fd, BYTES / 2, 3, 0, "older");
    for (uint32_t i = 0; i < 12; i++)
        s_write_old(fd, i * WAL_BLOCK, 5, i, "x");
    close(fd);
    s_holds_old(5, "0:x 1:x 2:x 3:x 4:x 5:x 6:x 7:x 8:x 9:x 10:x 11:x ");
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

static const wal_kept_t s_kept = {.bytes = BYTES, .covered = 1, .framed = 1};

/* Generation 1 is what the engine has; three frames of 2 are not. The middle one has five sectors
 * of its own, and so eight. */
static void s_three(void)
{
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    wal_t *wal = s_open(1);
    s_write(wal, "covered");
    wal_restart(wal, 2);
    s_write(wal, "first");
    s_write(wal, text);
    s_write(wal, "third");
    wal_close(&wal);
}

/* What a survey says; "" when nothing. */
static const char *s_survey(const wal_kept_t *kept)
{
    wal_t *wal = s_open_of(&s_journal);
    int found = wal_survey(wal, kept, s_err, sizeof s_err);
    assert_int_equal(found, s_err[0] ? 1 : 0);
    wal_close(&wal);
    return s_err;
}

static void s_says(const char *what)
{
    if (!strstr(s_survey(&s_kept), what))
        fail_msg("said '%s' and not '%s'", s_err, what);
}

static void s_says_nothing(void)
{
    if (*s_survey(&s_kept))
        fail_msg("said '%s'", s_err);
}

static unsigned s_salvage(uint64_t generation)
{
    found_t found = {0};
    wal_t *wal = s_open_of(&s_journal);
    assert_int_equal(wal_salvage(wal, generation, s_each, &found), 0);
    wal_close(&wal);
    return found.entries;
}

static void test_any_bit_of_a_frame_is_missed(void **state)
{
    (void)state;
    found_t found = {0};
    s_three();
    s_says_nothing();
    for (off_t at = 0; at < 3 * WAL_BLOCK; at += 61) {
        s_spoil(at);
        s_says(at < WAL_BLOCK ? "frame 0 of generation 2, at byte 0, is damaged, and 2 whole"
               : at < 2 * WAL_BLOCK
                   ? "frame 1 of generation 2, at byte 4096, is damaged, and 1 whole"
                   : "frame 2 of generation 2, at byte 8192, is damaged, and 0 whole");
        assert_int_equal(s_salvage(2), 2);
        s_spoil(at);
    }
    /* One that goes on with a generation after all notices it, too. */
    s_spoil(WAL_BLOCK + 9);
    wal_t *wal = s_open_of(&s_journal);
    assert_int_equal(wal_replay(wal, 2, s_each, &found), EBADMSG);
    assert_string_equal(found.text, "0:first ");
    wal_close(&wal);
    s_spoil(WAL_BLOCK + 9);
    /* Where nothing of theirs lies. */
    s_spoil(4 * WAL_BLOCK);
    s_says_nothing();
    s_spoil(3 * WAL_BLOCK);
    s_says("frame 3 of generation 2, at byte 12288, is damaged, and 0 whole");
}

/* The sectors of its last write that are set in WRITTEN; the others are as they were before. */
static void s_tear(unsigned written, off_t at, const char before[WAL_BLOCK])
{
    int fd = open(s_path, O_RDWR);
    for (unsigned i = 0; i < 8; i++)
        if (!(written >> i & 1))
            assert_int_equal(pwrite(fd, before + i * 512, 512, at + i * 512), 512);
    close(fd);
}

/* Whatever a power cut leaves of the last frame: it is none, and no damage. */
static void test_a_torn_write_is_no_damage(void **state)
{
    char before[WAL_BLOCK], text[2000];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (unsigned i = 0; i < 2 * 255; i++) {
        unsigned written = i / 2;
        uint64_t generation = 2 + 2 * i;
        wal_t *wal = s_open(generation);
        s_write(wal, "first");
        int fd = open(s_path, O_RDONLY);
        assert_int_equal(pread(fd, before, sizeof before, WAL_BLOCK), sizeof before);
        close(fd);
        s_write(wal, text);
        wal_close(&wal);
        s_tear(written, WAL_BLOCK, before);
        const wal_kept_t kept = {.bytes = BYTES, .covered = generation - 1};
        assert_string_equal(s_survey(&kept), "");
        s_holds(generation, "0:first ");
        if (i % 2) /* the next one comes over blocks that were never written, or over these */
            assert_int_equal(unlink(s_path), 0);
    }
}

/* What was gone on from was whole. */
static void test_a_generation_that_was_gone_on_from_is_complete(void **state)
{
    (void)state;
    char before[WAL_BLOCK];
    wal_t *wal = s_open(2);
    int fd = open(s_path, O_RDONLY);
    assert_int_equal(pread(fd, before, sizeof before, 0), sizeof before);
    close(fd);
    s_write(wal, "first");
    wal_restart(wal, 3);
    s_write(wal, "second");
    wal_close(&wal);
    const wal_kept_t kept = {.bytes = BYTES, .covered = 1};
    assert_string_equal(s_survey(&kept), "");
    s_tear(0x7f, 0, before);
    assert_non_null(strstr(s_survey(&kept), "frame 0 of generation 2, at byte 0, is damaged"));
    s_tear(0, 0, before);
    assert_non_null(
        strstr(s_survey(&kept), "generation 2 has no frames, and the one after it has"));
}

static void test_another_size_an_older_file_and_none(void **state)
{
    (void)state;
    char before[BYTES];
    s_three();
    int fd = open(s_path, O_RDWR);
    assert_int_equal(pread(fd, before, sizeof before, 0), sizeof before);
    assert_int_equal(ftruncate(fd, BYTES - WAL_BLOCK), 0);
    s_says("its size is 61440 bytes, and it was begun with 65536");
    assert_int_equal(s_salvage(2), 3);
    assert_int_equal(pwrite(fd, before, sizeof before, 0), sizeof before);
    s_says_nothing();
    /* Zeroed, and gone. */
    assert_int_equal(ftruncate(fd, 0), 0);
    s_says("its size is 0 bytes");
    assert_int_equal(ftruncate(fd, BYTES), 0);
    s_says("frame 0 of generation 2, at byte 0, is damaged");
    assert_int_equal(pwrite(fd, before, sizeof before, 0), sizeof before);
    wal_t *wal = s_open(5);
    s_write(wal, "newer");
    wal_close(&wal);
    const wal_kept_t kept = {.bytes = BYTES, .covered = 5, .framed = 5};
    assert_string_equal(s_survey(&kept), "");
    assert_int_equal(pwrite(fd, before, sizeof before, 0), sizeof before);
    assert_non_null(strstr(s_survey(&kept), "of generation 1, and data.mdb has those of 5"));
    close(fd);
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

/* In a file that has grown, so that its half would hold it. */
static void test_a_frame_longer_than_any_is_damage(void **state)
{
    (void)state;
    static char sector[2 * WAL_SECTOR];
    wal_frame_t first;
    wal_t *wal = s_open(2);
    wal_close(&wal);
    assert_int_equal(truncate(s_path, 4l * WAL_MOST), 0);
    wal = s_open_of(&s_journal);
    const wal_head_t head = {.bytes = WAL_HALF + WAL_BLOCK, .generation = 2, .entries = 1};
    memcpy(sector, &head, sizeof head);
    wal_seal(wal, sector, sizeof head, WAL_SECTOR, wal_id(2, 0), 0);
    int fd = open(s_path, O_WRONLY);
    assert_int_equal(pwrite(fd, sector, WAL_SECTOR, 0), WAL_SECTOR);
    close(fd);
    size_t whole;
    memset(wal->frame, 'x', WAL_HALF);
    assert_int_equal(wal_read_frame(wal, 2, 0, 0, &first, &whole), FRAME_DAMAGED);
    assert_int_equal(wal->frame[WAL_SECTOR], 'x'); /* nothing of it was read into the memory */
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
    size_t most = BYTES / 2 - 2 * 512 - 40 - 4; /* without the two sectors of tails */
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
        TEST(any_bit_of_a_frame_is_missed),
        TEST(a_torn_write_is_no_damage),
        TEST(a_generation_that_was_gone_on_from_is_complete),
        TEST(another_size_an_older_file_and_none),
        TEST(what_cannot_be_read_is_not_taken_for_the_end),
        TEST(another_journals_frames_are_none),
        TEST(a_frame_longer_than_any_is_damage),
        TEST(what_does_not_fit_is_not_written),
        TEST(a_place_where_no_file_can_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
