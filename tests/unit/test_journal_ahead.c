/* Appends while a checkpoint is under way: what they find, what they wait for, and what is left of
 * them whatever happens to it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "child.h"
#include "common/base/clock.h"
#include "full_disk.h"
#include "journal_kept.h"
#include "workers/journal/lmdb/due.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

/* Stores the ids below COUNT and begins to commit them. */
static journal_t *s_leave(unsigned count)
{
    journal_t *journal = s_open();
    for (unsigned id = 0; id < count; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS));
    return journal;
}

static void s_are_read(journal_t *journal, unsigned count)
{
    for (unsigned target = 0; target < 3; target++)
        assert_int_equal(s_read(journal, target), (count + 2 - target) / 3);
}

static void s_all_are_known(journal_t *journal, unsigned count)
{
    for (unsigned id = 0; id < count; id++) {
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_RESENT);
        if (id % 2)
            assert_int_equal(s_append(journal, id + 0x10000, 'h'), JOURNAL_REPLAYED);
    }
    s_are_read(journal, count);
    journal_state_t is;
    journal_inspect(journal, &is);
    assert_int_equal(is.records, count);
    assert_int_equal(is.keys, count / 2);
}

static void test_appends_go_on(void **state)
{
    (void)state;
    journal_state_t is;
    journal_t *journal = s_leave(10);
    for (unsigned id = 10; id < 40; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    journal_inspect(journal, &is);
    assert_int_equal(is.records, 40);
    assert_int_equal(is.keys, 20);
    assert_false(journal_is_saved(journal));
    assert_false(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS)); /* one at a time */
    assert_false(journal_tend(journal, s_now));
    journal_checkpoint_end(journal, s_now);
    assert_false(journal_is_saved(journal));
    assert_int_equal(s_append(journal, 40, 'h'), JOURNAL_STORED);
    s_all_are_known(journal, 41);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    assert_true(journal_is_saved(journal));
    s_all_are_known(journal, 41);
    journal_close(&journal);
}

static void s_wipe_file(void)
{
    char path[SCRATCH + 16], zeros[4096] = {0};
    snprintf(path, sizeof path, "%s/wal", s_path);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (off_t at = 0, end = lseek(fd, 0, SEEK_END); at < end; at += (off_t)sizeof zeros)
        assert_int_equal(pwrite(fd, zeros, sizeof zeros, at), sizeof zeros);
    close(fd);
}

/* The file is for the next process: this one has in memory what it applies again. */
static void test_the_file_is_not_read_again(void **state)
{
    (void)state;
    journal_t *journal = s_leave(10);
    for (unsigned id = 10; id < 40; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    s_wipe_file();
    journal_checkpoint_end(journal, s_now);
    s_all_are_known(journal, 40);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_all_are_known(journal, 40);
    journal_close(&journal);
}

/* A frame takes a block of the file at least. */
static void test_enough_for_a_short_commit(void **state)
{
    (void)state;
    enum { ENOUGH = DUE_BYTES / WAL_BLOCK };
    journal_options_t options = s_options();
    options.room_bytes = 1 << 30;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    assert_non_null(journal);
    for (unsigned id = 0; id < ENOUGH - 1; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    assert_false(journal_checkpoint_begin(journal, s_now + JOURNAL_LATEST_MS - 1));
    assert_int_equal(s_append(journal, ENOUGH, 'h'), JOURNAL_STORED);
    assert_false(journal_checkpoint_begin(journal, s_now + JOURNAL_CHECKPOINT_MS - 1));
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_CHECKPOINT_MS));
    journal_checkpoint_end(journal, s_now);
    assert_true(journal_is_saved(journal));
    journal_close(&journal);
}

static bool s_note_time(void *arg, uint64_t log, const record_t *record)
{
    *(int64_t *)arg = log == 3 ? record->running_ms : *(int64_t *)arg;
    return true;
}

/* The running clock is that of the store, however late the next pass begins with it. */
static void test_what_came_meanwhile_keeps_its_time(void **state)
{
    (void)state;
    uuid_t7 target = s_uuid(2);
    journal_range_t range;
    int64_t first_ms = 0, last_ms = 0;
    journal_t *journal = s_leave(2);
    assert_int_equal(s_append(journal, 2, 'h'), JOURNAL_STORED);
    journal_read(journal_reader(journal), &target, 0, &range, s_note_time, &first_ms);
    journal_checkpoint_end(journal, s_now);
    checkpoint(journal, s_now += 60000);
    assert_true(journal_is_saved(journal));
    journal_read(journal_reader(journal), &target, 0, &range, s_note_time, &last_ms);
    assert_int_equal(first_ms, JOURNAL_LATEST_MS);
    assert_int_equal(last_ms, first_ms);
    journal_close(&journal);
}

/* Whatever the writer is at, also while it waits for the disk. */
static void test_readers_wait_for_no_commit(void **state)
{
    enum { LATE_S = 10 };
    (void)state;
    journal_t *journal = s_leave(10);
    alarm(LATE_S);
    s_are_read(journal, 10);
    for (unsigned id = 10; id < 40; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    s_are_read(journal, 40);
    journal_checkpoint_end(journal, s_now);
    s_are_read(journal, 40); /* the next pass has not begun with the frames that are there */
    alarm(0);
    assert_int_equal(s_append(journal, 40, 'h'), JOURNAL_STORED);
    s_are_read(journal, 41);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_are_read(journal, 41);
    journal_close(&journal);
}

static bool s_commit_meanwhile(void *arg, uint64_t log, const record_t *record)
{
    (void)log;
    if (record->sequence == 4)
        journal_checkpoint_end(arg, s_now);
    return true;
}

/* A commit that ends after the last record was read, and does not cover it. */
static void test_a_range_covers_what_was_read(void **state)
{
    (void)state;
    journal_range_t range;
    uuid_t7 target = s_uuid(0);
    journal_t *journal = s_leave(9);
    assert_int_equal(s_append(journal, 9, 'h'), JOURNAL_STORED);
    journal_read(journal_reader(journal), &target, 1, &range, s_commit_meanwhile, journal);
    assert_int_equal(range.first, 1);
    assert_int_equal(range.last, 4);
    journal_close(&journal);
}

static void test_nothing_came_meanwhile(void **state)
{
    (void)state;
    journal_t *journal = s_leave(10);
    journal_checkpoint_end(journal, s_now);
    assert_true(journal_is_saved(journal));
    s_all_are_known(journal, 10);
    journal_close(&journal);
}

/* A refused entry that is new is answered at once. */
static void test_a_refused_one_does_not_wait(void **state)
{
    (void)state;
    journal_t *journal = s_leave(2);
    journal_entry_t entry = {.record = {.id = s_uuid(50), .target = s_uuid(0)}, .refused = true};
    journal_entry_t *list = &entry;
    assert_int_equal(journal_append(journal, &list, 1, s_now), 0);
    assert_int_equal(entry.outcome, JOURNAL_REFUSED);
    journal_checkpoint_end(journal, s_now);
    assert_true(journal_is_saved(journal));
    journal_close(&journal);
}

typedef struct {
    journal_t *journal;
    unsigned id;
    char hash;
    journal_outcome_t outcome;
    atomic_bool done;
} late_t;

/* Its thread is the writer from now on, and so the one who ends the pass. */
static void *s_append_late(void *arg)
{
    late_t *self = arg;
    self->outcome = s_append(self->journal, self->id, self->hash);
    atomic_store(&self->done, true);
    journal_finish(self->journal);
    return NULL;
}

/* The entry waits for the commit, and is judged by all that was stored before it. */
static void s_waits(unsigned id, char hash, journal_outcome_t outcome)
{
    pthread_t thread;
    journal_t *journal = s_open();
    s_append(journal, 0, 'h'); /* committed before */
    s_append(journal, 1, 'h');
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_append(journal, 2, 'h'); /* leaves */
    s_append(journal, 3, 'h');
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS));
    assert_int_equal(s_append(journal, 4, 'h'), JOURNAL_STORED); /* ahead */
    assert_int_equal(s_append(journal, 5, 'h'), JOURNAL_STORED);
    late_t late = {.journal = journal, .id = id, .hash = hash};
    assert_int_equal(pthread_create(&thread, NULL, s_append_late, &late), 0);
    usleep(30000);
    assert_false(atomic_load(&late.done));
    journal_checkpoint_end(journal, s_now);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(late.outcome, outcome);
    s_all_are_known(journal, 6);
    journal_close(&journal);
    scratch_remove(s_path);
    scratch_make(s_path);
}

/* What was committed before is known at once, and nothing of it is stored again. */
static void test_what_was_committed_does_not_wait(void **state)
{
    enum { LATE_S = 10 };
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 4; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    assert_int_equal(s_append(journal, 4, 'h'), JOURNAL_STORED);
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS));
    alarm(LATE_S);
    for (unsigned id = 0; id < 4; id++) {
        journal_entry_t entry = s_entry(id), *list = &entry;
        memset(entry.hash, 'h', sizeof entry.hash);
        assert_int_equal(journal_append(journal, &list, 1, s_now), 0);
        assert_true(entry.outcome == JOURNAL_RESENT && entry.answer.log == id + 1);
    }
    assert_int_equal(s_append(journal, 0x10001, 'h'), JOURNAL_REPLAYED);
    assert_int_equal(s_append(journal, 0x10001, 'x'), JOURNAL_REUSED);
    assert_int_equal(s_append(journal, 5, 'h'), JOURNAL_STORED);
    alarm(0);
    journal_checkpoint_end(journal, s_now);
    s_all_are_known(journal, 6);
    journal_close(&journal);
}

static void test_what_was_seen_waits(void **state)
{
    (void)state;
    for (unsigned id = 2; id < 6; id++)
        s_waits(id, 'h', JOURNAL_RESENT);
    for (unsigned id = 3; id < 6; id += 2) {
        s_waits(id + 0x10000, 'h', JOURNAL_REPLAYED);
        s_waits(id + 0x10000, 'x', JOURNAL_REUSED);
    }
}

static void s_die_while_it_leaves(void *arg)
{
    journal_t *journal = s_leave(10);
    for (unsigned id = 10; id < 30; id++)
        if (s_append(journal, id, 'h') != JOURNAL_STORED)
            _exit(1);
    if (*(bool *)arg) {
        journal_checkpoint_end(journal, s_now);
        if (s_append(journal, 30, 'h') != JOURNAL_STORED)
            _exit(1);
    }
    _exit(0);
}

static void s_dies(bool committed)
{
    char text[4096];
    assert_int_equal(child_run(s_die_while_it_leaves, &committed, text, sizeof text), 0);
    journal_t *journal = s_open();
    s_all_are_known(journal, committed ? 31 : 30);
    journal_close(&journal);
}

static void test_death_before_the_commit(void **state)
{
    (void)state;
    s_dies(false);
}

static void test_death_after_the_commit(void **state)
{
    (void)state;
    s_dies(true);
}

/* Nothing of what was answered is lost, and the next commit takes it all. */
static void test_a_commit_without_room(void **state)
{
    (void)state;
    journal_t *journal = s_leave(10);
    for (unsigned id = 10; id < 20; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    s_disk_full = true;
    journal_checkpoint_end(journal, s_now);
    s_disk_full = false;
    assert_true(journal_is_full(journal));
    assert_int_equal(s_append(journal, 20, 'h'), JOURNAL_NO_ROOM);
    s_all_are_known(journal, 20);
    assert_false(journal_is_saved(journal));
    s_now += 2 * JOURNAL_LATEST_MS;
    assert_int_equal(s_append(journal, 20, 'h'), JOURNAL_STORED);
    assert_false(journal_checkpoint_begin(journal, s_now)); /* both halves are needed: at once */
    assert_true(journal_is_saved(journal));
    s_all_are_known(journal, 21);
    assert_int_equal(s_append(journal, 21, 'h'), JOURNAL_STORED);
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS));
    journal_checkpoint_end(journal, s_now);
    s_all_are_known(journal, 22);
    journal_close(&journal);
}

/* With a half that is full, new entries wait, too. */
static void test_a_full_half(void **state)
{
    (void)state;
    enum { FRAMES = MAP / 64 / 2 / 4096 };
    pthread_t thread;
    journal_t *journal = s_leave(10);
    unsigned id = 10;
    for (; id < 10 + FRAMES; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    late_t late = {.journal = journal, .id = id, .hash = 'h'};
    assert_int_equal(pthread_create(&thread, NULL, s_append_late, &late), 0);
    usleep(30000);
    assert_false(atomic_load(&late.done));
    journal_checkpoint_end(journal, s_now);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(late.outcome, JOURNAL_STORED);
    s_all_are_known(journal, id + 1);
    journal_close(&journal);
}

static journal_outcome_t s_submit(journal_t *journal, journal_entry_t *entry)
{
    struct pollfd fd = {.fd = journal_submit_fd(journal), .events = POLLIN};
    journal_submit(journal, &entry, 1);
    assert_false(journal_is_idle(journal));
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_true(journal_finished(journal));
    assert_true(journal_is_idle(journal));
    return entry->outcome;
}

/* The two threads of a writer, while what was stored is sent again and read. */
static void test_a_writer_takes_turns(void **state)
{
    (void)state;
    enum { MS = 1500 };
    unsigned count = 0;
    s_now = clock_ms();
    journal_t *journal = s_open();
    journal_start(journal, clock_ms);
    for (int64_t end = s_now + MS; clock_ms() < end; count++) {
        journal_entry_t entry = s_entry(6 * count);
        assert_int_equal(s_submit(journal, &entry), JOURNAL_STORED);
        if (count % 50 == 0) {
            entry = s_entry(6 * (count / 2));
            assert_int_equal(s_submit(journal, &entry), JOURNAL_RESENT);
            assert_int_equal(s_read(journal, 0), count + 1);
        }
    }
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(journal_recovered(journal), 0); /* all was committed */
    assert_int_equal(s_read(journal, 0), count);
    journal_close(&journal);
}

/* A frame that was refused in part, room again, a checkpoint, one more message, and the end. */
static void s_die_after_a_refused_frame(void *arg)
{
    (void)arg;
    journal_t *journal = s_open();
    bool stored = s_append(journal, 1, 'h') == JOURNAL_STORED;
    s_disk_full = true;
    s_disk_left = 512;
    bool refused = s_append(journal, 2, 'h') == JOURNAL_NO_ROOM;
    s_disk_full = false;
    journal_checkpoint_begin(journal, s_now += 2 * JOURNAL_LATEST_MS);
    _exit(stored && refused && s_append(journal, 3, 'h') == JOURNAL_STORED ? 0 : 1);
}

/* What it has left is no damage, whatever came after it. */
static void test_a_refused_frame_is_no_damage(void **state)
{
    char text[8192];
    (void)state;
    assert_int_equal(child_run(s_die_after_a_refused_frame, NULL, text, sizeof text), 0);
    journal_t *journal = s_open();
    assert_int_equal(s_append(journal, 1, 'h'), JOURNAL_RESENT);
    assert_int_equal(s_append(journal, 3, 'h'), JOURNAL_RESENT);
    assert_int_equal(s_append(journal, 2, 'h'), JOURNAL_STORED);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(appends_go_on),
        TEST(the_file_is_not_read_again),
        TEST(enough_for_a_short_commit),
        TEST(what_came_meanwhile_keeps_its_time),
        TEST(a_refused_frame_is_no_damage),
        TEST(readers_wait_for_no_commit),
        TEST(a_range_covers_what_was_read),
        TEST(nothing_came_meanwhile),
        TEST(a_refused_one_does_not_wait),
        TEST(what_was_committed_does_not_wait),
        TEST(what_was_seen_waits),
        TEST(death_before_the_commit),
        TEST(death_after_the_commit),
        TEST(a_commit_without_room),
        TEST(a_full_half),
        TEST(a_writer_takes_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
