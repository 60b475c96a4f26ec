/* What the main thread stores itself, in a pass of the writer's. */
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

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { HALF = MAP / 64 / 2 / 4096 /* frames of one entry that a half of the file takes */ };

/* Whether it was done; the outcome is in *OUTCOME then. */
static bool s_beside(journal_t *journal, unsigned id, journal_outcome_t *outcome)
{
    journal_entry_t entry = s_entry(id), *list = &entry;
    memset(entry.hash, 'h', sizeof entry.hash);
    bool done = journal_append_beside(journal, &list, 1, s_now);
    *outcome = entry.outcome;
    return done;
}

static void s_stores(journal_t *journal, unsigned id)
{
    journal_outcome_t outcome;
    assert_true(s_beside(journal, id, &outcome));
    assert_int_equal(outcome, JOURNAL_STORED);
}

static void s_refuses(journal_t *journal, unsigned id)
{
    journal_outcome_t outcome;
    assert_false(s_beside(journal, id, &outcome));
}

static void s_all_are_known(journal_t *journal, unsigned count)
{
    for (unsigned id = 0; id < count; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_RESENT);
    for (unsigned target = 0; target < 3; target++)
        assert_int_equal(s_read(journal, target), (count + 2 - target) / 3);
}

static void test_only_into_an_open_pass(void **state)
{
    (void)state;
    journal_outcome_t outcome;
    journal_t *journal = s_open();
    s_refuses(journal, 0);
    assert_int_equal(s_append(journal, 0, 'h'), JOURNAL_STORED);
    for (unsigned id = 1; id < 10; id++)
        s_stores(journal, id);
    assert_true(s_beside(journal, 3, &outcome));
    assert_int_equal(outcome, JOURNAL_RESENT);
    assert_true(s_beside(journal, 0x10003, &outcome));
    assert_int_equal(outcome, JOURNAL_REPLAYED);
    s_all_are_known(journal, 10);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_refuses(journal, 10);
    s_all_are_known(journal, 10);
    journal_close(&journal);
}

static void test_ahead_of_a_commit(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 10; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS));
    for (unsigned id = 10; id < 20; id++)
        s_stores(journal, id);
    s_refuses(journal, 12); /* the tables do not have it yet */
    journal_checkpoint_end(journal, s_now);
    s_refuses(journal, 20); /* what came meanwhile is not in the tables */
    assert_int_equal(s_append(journal, 20, 'h'), JOURNAL_STORED);
    s_stores(journal, 21);
    s_all_are_known(journal, 22);
    journal_close(&journal);
}

static void s_die(void *arg)
{
    journal_outcome_t outcome;
    journal_t *journal = s_open();
    bool good = s_append(journal, 0, 'h') == JOURNAL_STORED;
    (void)arg;
    for (unsigned id = 1; id < 10; id++)
        good = good && s_beside(journal, id, &outcome) && outcome == JOURNAL_STORED;
    _exit(good ? 0 : 1);
}

static void test_it_is_durable(void **state)
{
    char text[4096];
    (void)state;
    assert_int_equal(child_run(s_die, NULL, text, sizeof text), 0);
    journal_t *journal = s_open();
    assert_int_equal(journal_recovered(journal), 10);
    s_all_are_known(journal, 10);
    journal_close(&journal);
}

/* A writer of one thread, in which its passes end. */
typedef struct {
    journal_t *journal;
    unsigned id; /* what it stores last */
    pthread_barrier_t turn;
} writing_t;

static void *s_write(void *arg)
{
    writing_t *self = arg;
    assert_int_equal(s_append(self->journal, 0, 'h'), JOURNAL_STORED);
    pthread_barrier_wait(&self->turn);
    pthread_barrier_wait(&self->turn);
    assert_int_equal(s_append(self->journal, self->id, 'h'), JOURNAL_STORED);
    checkpoint(self->journal, s_now += JOURNAL_LATEST_MS);
    return NULL;
}

/* What is refused is in nothing that is read or kept, and is stored when it is submitted. */
static void test_a_full_half(void **state)
{
    (void)state;
    pthread_t thread;
    journal_outcome_t outcome;
    writing_t writing = {.journal = s_open(), .id = 1};
    pthread_barrier_init(&writing.turn, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, s_write, &writing), 0);
    pthread_barrier_wait(&writing.turn);
    while (s_beside(writing.journal, writing.id, &outcome))
        writing.id++;
    assert_int_equal(writing.id, HALF / 2); /* a commit is due */
    s_refuses(writing.journal, writing.id);
    alarm(20); /* a pass that was ended here is waited for in vain there */
    pthread_barrier_wait(&writing.turn);
    assert_int_equal(pthread_join(thread, NULL), 0);
    alarm(0);
    s_all_are_known(writing.journal, writing.id + 1);
    pthread_barrier_destroy(&writing.turn);
    journal_close(&writing.journal);
}

static void test_without_room(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 10; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    s_disk_full = true;
    s_disk_left = 512;
    s_refuses(journal, 10);
    assert_int_equal(s_append(journal, 10, 'h'), JOURNAL_NO_ROOM);
    s_disk_full = false;
    s_refuses(journal, 10);
    checkpoint(journal, s_now += 2 * JOURNAL_LATEST_MS);
    assert_int_equal(s_append(journal, 10, 'h'), JOURNAL_STORED);
    s_stores(journal, 11);
    s_all_are_known(journal, 12);
    journal_close(&journal);
}

/* Each that is refused costs the writer a pass. */
static void test_not_soon_after_a_refusal(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append(journal, 0, 'h'), JOURNAL_STORED);
    s_disk_full = true;
    s_disk_left = 512;
    s_refuses(journal, 1);
    s_disk_full = false;
    for (unsigned id = 1; id < 4; id++) {
        s_refuses(journal, id);
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    }
    s_now += 1000;
    s_stores(journal, 4);
    s_all_are_known(journal, 5);
    journal_close(&journal);
}

static void s_submit(journal_t *journal, journal_entry_t **entries)
{
    struct pollfd fd = {.fd = journal_submit_fd(journal), .events = POLLIN};
    journal_submit(journal, entries, 1);
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_true(journal_finished(journal));
}

/* Beside the writer's threads, which end the passes, also those that had no room. */
static void test_beside_a_writer(void **state)
{
    (void)state;
    enum { MS = 800 };
    unsigned count = 0, beside = 0;
    s_now = clock_ms();
    journal_t *journal = s_open();
    journal_start(journal, clock_ms);
    for (int64_t end = s_now + MS; clock_ms() < end; count++) {
        journal_entry_t entry = s_entry(6 * count), *list = &entry;
        bool done = journal_store(journal, &list, 1);
        if (!done)
            s_submit(journal, &list);
        beside += done;
        assert_int_equal(entry.outcome, JOURNAL_STORED);
    }
    journal_close(&journal);
    assert_in_range(beside, 1, count - 1);
    journal = s_open();
    assert_int_equal(journal_recovered(journal), 0);
    assert_int_equal(s_read(journal, 0), count);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_into_an_open_pass), TEST(ahead_of_a_commit),
        TEST(it_is_durable),          TEST(a_full_half),
        TEST(without_room),           TEST(not_soon_after_a_refusal),
        TEST(beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
