/* Going through the log of all targets while the writer stores and commits. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_yard.h"
#include "workers/journal/lmdb/writing.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

enum { BATCH = 20, BATCHES = 300, TARGETS = 3 };

static void s_append(journal_t *journal, unsigned first, unsigned count)
{
    journal_entry_t entries[BATCH], *list[BATCH];
    for (unsigned i = 0; i < count; i++) {
        entries[i] = (journal_entry_t){.record = {.op = 1,
                                                  .flags = RECORD_MESSAGE,
                                                  .id = s_uuid(first + i),
                                                  .target = s_uuid((first + i) % TARGETS),
                                                  .body = slice_of("{\"text\":\"t\"}")}};
        list[i] = &entries[i];
    }
    assert_int_equal(journal_append(journal, list, count, s_now), count);
}

/* Every record is the next one. */
typedef struct {
    uint64_t next, most;
} seen_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    seen_t *self = arg;
    uuid_t7 id = s_uuid((unsigned)log);
    assert_int_equal(log, self->next);
    assert_true(uuid_eq(&record->id, &id));
    self->next++;
    return --self->most > 0;
}

static void s_commit(journal_t *journal)
{
    s_now += 2 * JOURNAL_CHECKPOINT_MS;
    if (journal_checkpoint_begin(journal, s_now))
        journal_checkpoint_end(journal, s_now);
}

static void test_the_log_is_read_in_its_order(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    seen_t seen = {1, 1000};
    assert_int_equal(journal_tip(journal), 1);
    journal_scan(journal_reader(journal), 1, s_each, &seen);
    assert_int_equal(seen.next, 1);
    s_append(journal, 1, 10);
    assert_int_equal(journal_tip(journal), 11);
    journal_scan(journal_reader(journal), 0, s_each, &seen);
    assert_int_equal(seen.next, 11);
    s_commit(journal);
    s_append(journal, 11, 10); /* committed, and in the tail */
    seen = (seen_t){1, 1000};
    journal_scan(journal_reader(journal), 1, s_each, &seen);
    assert_int_equal(seen.next, 21);
    seen = (seen_t){5, 3};
    journal_scan(journal_reader(journal), 5, s_each, &seen);
    assert_int_equal(seen.next, 8);
    assert_int_equal(journal_tip(journal), 21);
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(journal_tip(journal), 21);
    journal_close(&journal);
}

static atomic_bool s_over;

static void *s_write(void *arg)
{
    for (unsigned i = 0; i < BATCHES; i++) {
        s_append(arg, 1 + i * BATCH, BATCH);
        s_commit(arg);
    }
    atomic_store(&s_over, true);
    return NULL;
}

/* Nothing is left out, whatever is committed meanwhile, and the tip is never ahead of what is read.
 */
static void test_a_reader_beside_the_writer_misses_nothing(void **state)
{
    pthread_t thread;
    (void)state;
    journal_t *journal = s_open();
    journal_reader_t *reader = journal_reader(journal);
    seen_t seen = {1, UINT64_MAX};
    atomic_store(&s_over, false);
    assert_int_equal(pthread_create(&thread, NULL, s_write, journal), 0);
    for (bool over = false; !over;) {
        over = atomic_load(&s_over);
        uint64_t tip = journal_tip(journal);
        seen.most = 7;
        journal_scan(reader, seen.next, s_each, &seen);
        seen.most = UINT64_MAX;
        journal_scan(reader, seen.next, s_each, &seen);
        assert_true(seen.next >= tip);
    }
    assert_int_equal(seen.next, BATCH * BATCHES + 1);
    pthread_join(thread, NULL);
    journal_close(&journal);
}

static bool s_is_rung(journal_t *journal)
{
    struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
    bool rung = poll(&fd, 1, 0) == 1;
    journal_turn(journal);
    return rung;
}

static void test_who_watches_is_woken_by_what_is_stored(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_append(journal, 1, 1);
    assert_false(s_is_rung(journal));
    journal_watch(journal, true);
    assert_false(s_is_rung(journal));
    s_append(journal, 2, 1);
    s_append(journal, 3, 1);
    assert_true(s_is_rung(journal));
    assert_false(s_is_rung(journal));
    s_commit(journal); /* stores nothing */
    assert_false(s_is_rung(journal));
    journal_watch(journal, false);
    s_append(journal, 4, 1);
    assert_false(s_is_rung(journal));
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_log_is_read_in_its_order),
        TEST(a_reader_beside_the_writer_misses_nothing),
        TEST(who_watches_is_woken_by_what_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
