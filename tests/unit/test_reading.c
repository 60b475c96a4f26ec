/* Requests that read the journal, detached from their batches: how many there can be, and what
 * becomes of one that comes too late. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "common/monitor/monitor.h"
#include "journal_yard.h"
#include "workers/post/answer.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PAGE = 1 << 20, WAIT_MS = 10000, SOON_MS = 60000 };

static answering_t s_with;

static void s_begin(void)
{
    s_with = (answering_t){.journal = s_open(), .shard = {0, 1}};
    LIST_INIT(&s_with.readings);
    slicing_open(&s_with.slicing);
}

/* Drops what is asked. */
static void s_end(void)
{
    journal_stop(s_with.journal);
    assert_true(LIST_EMPTY(&s_with.readings));
    journal_close(&s_with.journal);
}

static void s_write_page(reading_t *self, journal_reader_t *reader)
{
    static char text[PAGE];
    (void)reader;
    json_raw(&self->body, slice(text, sizeof text));
}

static unsigned s_number;

static bool s_ask_for(void (*look)(reading_t *, journal_reader_t *), bool sliced,
                      int64_t deadline_ms)
{
    wire_request_t request = {.id = s_uuid(++s_number), .attempt = 1};
    drain_batch_t from = {0};
    job_t job = {.request = &request, .deadline_ms = deadline_ms};
    reading_new(&job)->look = look;
    job.reading->sliced = sliced;
    bool asked = reading_ask(&s_with, &from, &job);
    assert_true(asked == !job.reading);
    reading_destroy(&job.reading);
    return asked;
}

/* Whether another one is asked, which gives a page of 1 MiB. */
static bool s_ask(int64_t deadline_ms)
{
    return s_ask_for(s_write_page, false, deadline_ms);
}

/* Nothing is answered meanwhile: what has been read stays. */
static unsigned s_ask_until_refused(void)
{
    unsigned asked = 0;
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (s_ask(clock_ms() + SOON_MS)) {
        assert_true(++asked < JOURNAL_ASKED && clock_ms() < end_ms);
        poll(NULL, 0, 2);
    }
    return asked;
}

static void test_pages_that_nobody_takes_are_bounded(void **state)
{
    (void)state;
    s_begin();
    assert_true(s_ask_until_refused() >= READING_BYTES / PAGE);
    assert_int_equal(metric_get(METRIC_reads_waiting), journal_asked(s_with.journal));
    s_end();
    s_begin(); /* it is given back */
    assert_true(s_ask_until_refused() >= READING_BYTES / PAGE);
    s_end();
}

static void test_one_that_is_late_is_not_answered(void **state)
{
    int64_t expired = metric_get(METRIC_expired_total), end_ms = clock_ms() + WAIT_MS;
    (void)state;
    s_begin();
    assert_true(s_ask(clock_ms() - 1));
    while (journal_asked(s_with.journal) > 0 && clock_ms() < end_ms) {
        journal_turn(s_with.journal);
        poll(NULL, 0, 1);
    }
    assert_int_equal(journal_asked(s_with.journal), 0);
    assert_int_equal(metric_get(METRIC_expired_total), expired + 1);
    s_end();
}

enum { SLICES = 40 };

static atomic_uint s_looked;
static uuid_t7 s_slices[SLICES]; /* whose they were */

/* One that never comes to its end. */
static void s_look_at_slice(reading_t *self, journal_reader_t *reader)
{
    (void)reader;
    unsigned number = atomic_load(&s_looked);
    if (number < SLICES)
        s_slices[number] = self->id;
    self->more = true;
    atomic_store(&s_looked, number + 1); /* last: the main thread reads what is counted */
}

static void s_turn_until(unsigned looked)
{
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (atomic_load(&s_looked) < looked && clock_ms() < end_ms) {
        journal_turn(s_with.journal);
        poll(NULL, 0, 1);
    }
    assert_true(atomic_load(&s_looked) >= looked);
}

static void test_slices_take_turns(void **state)
{
    enum { LONG = 3 };
    (void)state;
    s_begin();
    atomic_store(&s_looked, 0);
    for (unsigned i = 0; i < LONG; i++)
        assert_true(s_ask_for(s_look_at_slice, true, clock_ms() + SOON_MS));
    assert_int_equal(journal_asked(s_with.journal), 1); /* a reading waits behind one */
    s_turn_until(SLICES);
    for (unsigned i = LONG; i < SLICES; i++) {
        assert_true(uuid_eq(&s_slices[i], &s_slices[i % LONG]));
        assert_false(uuid_eq(&s_slices[i], &s_slices[i - 1]));
    }
    assert_int_equal(metric_get(METRIC_reads_waiting), LONG);
    assert_true(s_ask(clock_ms() - 1)); /* has its turn, too */
    assert_true(journal_asked(s_with.journal) <= 2);
    s_end();
    assert_int_equal(s_with.slicing.len, 0);
}

static void test_what_is_sliced_is_bounded(void **state)
{
    (void)state;
    s_begin();
    for (unsigned i = 0; i < SLICING_MOST; i++)
        assert_true(s_ask_for(s_look_at_slice, true, clock_ms() + SOON_MS));
    assert_false(s_ask_for(s_look_at_slice, true, clock_ms() + SOON_MS));
    assert_true(s_ask(clock_ms() + SOON_MS));
    s_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_that_nobody_takes_are_bounded),
        TEST(one_that_is_late_is_not_answered),
        TEST(slices_take_turns),
        TEST(what_is_sliced_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
