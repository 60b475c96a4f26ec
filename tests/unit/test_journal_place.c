/* What the journal of one host does with its directory: another's, and one without room. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_entries.h"

static void test_retention_goes_a_step_at_a_time(void **state)
{
    (void)state;
    journal_options_t options = s_options();
    journal_entry_t entries[500];
    options.retention_bytes = 50000;
    journal_t *journal = s_open_with(options);
    journal_state_t is;
    for (unsigned i = 0; i < 500; i++)
        entries[i] = s_entry(1, i, "{\"text\":\"a message of some length\"}");
    assert_int_equal(s_append(journal, entries, 500), 500);
    journal_tend(journal, s_now);
    journal_inspect(journal, &is);
    assert_int_equal(is.records, 500); /* their ids may still be sent again */
    s_now += JOURNAL_ID_MS;
    s_append_one(journal, s_entry(1, 1000, "{}"));
    journal_inspect(journal, &is);
    assert_true(is.records < 500 && is.records > 300); /* a step, not all at once */
    while (journal_tend(journal, s_now))
        ;
    journal_inspect(journal, &is);
    size_t size = record_size(&entries[0].record) + JOURNAL_RECORD_COST;
    assert_true(is.records <= 50000 / size + 1 && is.records >= 50000 / size - 2);
    assert_int_equal(is.retired, 501 - is.records);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, is.records);
    journal_close(&journal);
}
/* Fills a small map; what was stored is still answered, new ones are refused, retention makes room.
 */
static void test_a_full_map(void **state)
{
    (void)state;
    static char body[8192];
    memset(body, 'x', sizeof body - 1);
    journal_options_t options = s_options();
    options.room_bytes = 2 << 20;
    journal_t *journal = s_open_with(options);
    journal_entry_t entries[300];
    unsigned stored = 0;
    for (unsigned i = 0; i < 300; i++) {
        entries[i] = s_entry(1, i, body);
        stored += s_append_one(journal, entries[i]) == JOURNAL_STORED;
    }
    assert_true(stored > 50 && stored < 300);
    assert_true(journal_is_full(journal));
    assert_int_equal(s_append_one(journal, s_entry(1, 0, body)), JOURNAL_RESENT);
    assert_int_equal(s_append_one(journal, s_entry(1, 9999, "{}")), JOURNAL_NO_ROOM);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, stored);
    journal_close(&journal);
    journal = s_open_with(options);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, stored);
    assert_int_equal(s_append_one(journal, s_entry(1, 1, body)), JOURNAL_RESENT);
    journal_close(&journal);
}

/* One transaction that does not fit stores nothing of itself, answers its resends, and the next
 * small one is stored. */
static void test_a_batch_that_does_not_fit(void **state)
{
    (void)state;
    static char body[16384];
    memset(body, 'x', sizeof body - 1);
    journal_options_t options = s_options();
    options.room_bytes = 2 << 20;
    journal_t *journal = s_open_with(options);
    journal_entry_t entries[300];
    assert_int_equal(s_append_one(journal, s_keyed(1, 1000, 'k', 'h')), JOURNAL_STORED);
    for (unsigned i = 0; i < 300; i++)
        entries[i] = s_entry(1, i, body);
    entries[298] = s_entry(1, 0, body);
    entries[299] = s_keyed(1, 1001, 'k', 'h');
    assert_int_equal(s_append(journal, entries, 300), 0);
    for (unsigned i = 0; i < 299; i++)
        assert_int_equal(entries[i].outcome, JOURNAL_NO_ROOM);
    assert_int_equal(entries[299].outcome, JOURNAL_REPLAYED);
    assert_true(journal_is_full(journal));
    s_now += 2000;
    assert_int_equal(s_append_one(journal, s_entry(1, 0, "{}")), JOURNAL_STORED);
    assert_false(journal_is_full(journal));
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    journal_close(&journal);
}

static void test_another_journal_is_refused(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_close(&journal);
    journal_options_t wrong[] = {s_options(), s_options(), s_options()};
    wrong[0].kind = "bot";
    wrong[1].shard = 1;
    wrong[2].shards = 3;
    for (unsigned i = 0; i < 3; i++) {
        assert_null(journal_open(&wrong[i], s_now, s_err, sizeof s_err));
        assert_non_null(strstr(s_err, "channel shard 0 of 2"));
        assert_non_null(strstr(s_err, s_path));
    }
    journal = s_open();
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(retention_goes_a_step_at_a_time),
        TEST(a_full_map),
        TEST(a_batch_that_does_not_fit),
        TEST(another_journal_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
