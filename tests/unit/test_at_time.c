/* Where in a target's order the wall clock reached a time. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_yard.h"

enum { COUNT = 200, APART = 10 };

/* The wall clock at each sequence, from 1. */
static int64_t s_times[2 * COUNT + 1];

static void s_store(journal_t *journal, unsigned target, unsigned sequence, int64_t time_ms)
{
    journal_entry_t entry = {.record = {.op = 1,
                                        .flags = RECORD_MESSAGE,
                                        .id = s_uuid(1000 * target + sequence),
                                        .target = s_uuid(target),
                                        .time_ms = time_ms,
                                        .body = slice_of("{\"text\":\"t\"}")}};
    journal_entry_t *list = &entry;
    assert_int_equal(journal_append(journal, &list, 1, s_now), 1);
    if (target == 1)
        s_times[sequence] = time_ms;
}

/* FROM to TO, two in each APART ms; and some of another target between them. */
static void s_fill(journal_t *journal, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++) {
        s_store(journal, 1, i, START + (i / 2) * APART);
        if (i % 3 == 0)
            s_store(journal, 2, i, START + 5000 - i);
    }
}

static uint64_t s_at(journal_t *journal, int64_t time_ms)
{
    uuid_t7 target = s_uuid(1);
    return journal_at_time(journal_reader(journal), &target, time_ms);
}

/* Each time there is, and those beside it, among FIRST to LAST. */
static void s_check(journal_t *journal, unsigned first, unsigned last)
{
    for (int64_t time = START - 1; time <= START + (last / 2 + 1) * APART; time++) {
        unsigned expected = first;
        while (expected <= last && s_times[expected] < time)
            expected++;
        if (s_at(journal, time) != expected)
            fail_msg("%lld: %llu, not %u", (long long)(time - START),
                     (unsigned long long)s_at(journal, time), expected);
    }
    assert_int_equal(s_at(journal, INT64_MAX), last + 1);
    assert_int_equal(s_at(journal, 0), first);
}

static void test_in_the_tail_and_in_the_tables(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_at(journal, START), 1); /* where nothing is */
    s_fill(journal, 1, COUNT);
    s_check(journal, 1, COUNT);
    journal_close(&journal);
    journal = s_open();
    s_check(journal, 1, COUNT);
    s_fill(journal, COUNT + 1, 2 * COUNT); /* half here, half there */
    s_check(journal, 1, 2 * COUNT);
    journal_close(&journal);
}

static void test_around_the_strides(void **state)
{
    static const unsigned counts[] = {1, 2, 63, 64, 65, 127, 128, 129};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        scratch_remove(s_path);
        scratch_make(s_path);
        journal_t *journal = s_open();
        s_fill(journal, 1, counts[i]);
        journal_close(&journal);
        journal = s_open();
        s_check(journal, 1, counts[i]);
        journal_close(&journal);
    }
}

/* A time that came twice: it is one of the two. */
static void test_a_clock_that_was_put_back(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned i = 1; i <= COUNT; i++)
        s_store(journal, 1, i, START + (i <= COUNT / 2 ? i : i - COUNT / 4) * APART);
    for (unsigned reopened = 0; reopened < 2; reopened++) {
        for (int64_t time = START; time <= START + COUNT * APART; time += APART / 2) {
            uint64_t at = s_at(journal, time);
            assert_true(at == 1 || s_times[at - 1] < time);
            assert_true(at == COUNT + 1 || s_times[at] >= time);
        }
        assert_int_equal(s_at(journal, START + COUNT * APART * 3 / 4 + 1), COUNT + 1);
        journal_close(&journal);
        journal = s_open();
    }
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_the_tail_and_in_the_tables),
        TEST(around_the_strides),
        TEST(a_clock_that_was_put_back),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
