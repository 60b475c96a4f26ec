/* The count of the deliveries that wait, which the journal's thread makes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/monitor/monitor.h"
#include "outbox_yard.h"
#include "workers/delivery/lane.h"

#include <poll.h>

enum { BATCH = 500, COUNT = 9 * BATCH, WAIT_MS = 10000 };

/* COUNT events, of several targets. */
static void s_fill(journal_t *journal)
{
    static journal_entry_t entries[BATCH];
    static journal_entry_t *list[BATCH];
    for (unsigned id = 0; id < COUNT; id++) {
        journal_entry_t *entry = &entries[id % BATCH];
        *entry = (journal_entry_t){.record = {.op = 3,
                                              .flags = RECORD_EVENT | RECORD_DELIVER,
                                              .id = s_uuid(id),
                                              .target = s_uuid(id / 1000),
                                              .body = slice_of("{}")}};
        list[id % BATCH] = entry;
        if (id % BATCH == BATCH - 1)
            assert_int_equal(journal_append(journal, list, BATCH, s_now), BATCH);
    }
}

/* One is dead, two are to be tried later. */
static void s_note(journal_t *journal)
{
    journal_note_t notes[] = {s_ended(journal, 0, 1, OUTBOX_DEAD), s_failed(journal, 0, 2, DAY),
                              s_failed(journal, 1, 1001, DAY)};
    for (unsigned i = 0; i < 3; i++)
        journal_note(journal, &notes[i]);
    s_commit(journal);
}

static void test_the_loop_counts_nothing_itself(void **state)
{
    unsigned turns = 0;
    (void)state;
    journal_t *journal = s_open();
    tally_t *tally = tally_new();
    s_fill(journal);
    s_note(journal);
    metric_set(METRIC_deliveries_due, -1);
    while (metric_get(METRIC_deliveries_due) < 0) {
        struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
        tally_step(tally, journal, s_now, journal_running_ms(journal, s_now));
        assert_int_equal(journal_asked(journal), 1);
        assert_int_equal(metric_get(METRIC_deliveries_due), -1);
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        journal_turn(journal);
        turns++;
    }
    assert_int_equal(turns, 3);
    assert_int_equal(metric_get(METRIC_deliveries_due), COUNT - 3);
    assert_int_equal(metric_get(METRIC_deliveries_delayed), 2);
    assert_int_equal(metric_get(METRIC_deliveries_dead), 1);
    tally_step(tally, journal, s_now, journal_running_ms(journal, s_now));
    assert_int_equal(journal_asked(journal), 0); /* the next one in a second */
    tally_destroy(&tally);
    journal_close(&journal);
}

static void test_it_may_be_left_while_it_is_asked(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    tally_t *tally = tally_new();
    tally_step(tally, journal, s_now, journal_running_ms(journal, s_now));
    tally_destroy(&tally);
    assert_null(tally);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_loop_counts_nothing_itself, s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(test_it_may_be_left_while_it_is_asked, s_setup, s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
