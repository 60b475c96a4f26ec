/* What a target keeps by itself. */
#include "tests/conformance/calls.h"

#include "tests/conformance/yard.h"
#include "workers/journal/retention.h"

enum {
    DAY_MS = 86400000,
    LATER_MS = 12000, /* past any pause between two looks */
    UNOWNED = 9       /* an operation */
};

static void s_post(journal_t *journal, unsigned target, unsigned id, unsigned flags)
{
    journal_entry_t entry = s_entry(target, id, 0, 'h');
    entry.record.flags |= flags;
    assert_int_equal(s_append_one(journal, entry), JOURNAL_STORED);
}

static void s_posts(journal_t *journal, unsigned target, unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        s_post(journal, target, from + i, 0);
}

static retention_told_t s_tell(journal_t *journal, unsigned target, retention_t keeps)
{
    uuid_t7 id = check_uuid(target);
    return journal_retain(journal, &id, &keeps);
}

static void s_later(journal_t *journal, int64_t ms)
{
    subject_now_ms += ms;
    subject_settle(journal);
    subject_now_ms += LATER_MS;
    subject_settle(journal);
}

static void s_retain(journal_t *journal, unsigned target, retention_t keeps)
{
    s_tell(journal, target, keeps);
    s_later(journal, 0);
    assert_int_equal(s_tell(journal, target, keeps), RETENTION_KEPT);
}

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    (void)log, (void)record;
    ++*(uint64_t *)arg;
    return true;
}

/* The range of a target, in which nothing is missing. */
static journal_range_t s_range(journal_t *journal, unsigned target)
{
    uuid_t7 id = check_uuid(target);
    journal_range_t range, alone;
    uint64_t count = 0;
    journal_read(journal_reader(journal), &id, 0, &range, s_each, &count);
    journal_range(journal_reader(journal), &id, &alone);
    assert_true(range.first == alone.first && range.last == alone.last);
    assert_int_equal(count, range.last + 1 - range.first);
    return range;
}

static void test_the_newest_messages_stay(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_retain(journal, 1, (retention_t){.version = 2, .messages = 4});
    s_posts(journal, 1, 1, 20);
    s_posts(journal, 2, 101, 5);
    s_later(journal, 0);
    assert_int_equal(s_range(journal, 1).first, 1); /* their ids are remembered */
    s_later(journal, JOURNAL_ID_MS);
    assert_int_equal(s_range(journal, 1).first, 17);
    assert_int_equal(s_range(journal, 1).last, 20);
    assert_int_equal(s_range(journal, 2).first, 1);
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(s_tell(journal, 1, (retention_t){.version = 1, .messages = 1}),
                     RETENTION_KEPT); /* what is older is not news */
    s_posts(journal, 1, 201, 1);
    s_later(journal, JOURNAL_ID_MS);
    assert_int_equal(s_range(journal, 1).first, 18);
    s_retain(journal, 1, (retention_t){.version = 3});
    s_posts(journal, 1, 202, 3);
    s_later(journal, JOURNAL_ID_MS);
    assert_int_equal(s_range(journal, 1).first, 18);
    journal_close(&journal);
}

static void test_what_is_too_old_goes(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_retain(journal, 1, (retention_t){.version = 1, .age_ms = 2 * (uint64_t)DAY_MS});
    s_posts(journal, 1, 1, 3);
    s_later(journal, DAY_MS);
    s_posts(journal, 1, 4, 1);
    s_posts(journal, 2, 5, 1);
    s_later(journal, DAY_MS);
    assert_int_equal(s_range(journal, 1).first, 4);
    s_later(journal, DAY_MS);
    assert_int_equal(s_range(journal, 1).first, 5); /* none is left, and the numbers go on */
    assert_int_equal(s_range(journal, 1).last, 4);
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(s_range(journal, 1).last, 4);
    s_posts(journal, 1, 6, 1);
    assert_int_equal(s_range(journal, 1).last, 5);
    journal_close(&journal);
}

static void test_bytes_are_counted(void **state)
{
    static char body[1000];
    (void)state;
    journal_t *journal = s_open();
    memset(body, 'x', sizeof body);
    s_retain(journal, 1, (retention_t){.version = 1, .bytes = 6 * 1300});
    for (unsigned round = 1; round <= 2; round++) {
        for (unsigned i = 0; i < 20; i++) {
            journal_entry_t entry = s_entry(1, 100 * round + i, 0, 'h');
            entry.record.body = slice(body, sizeof body);
            assert_int_equal(s_append_one(journal, entry), JOURNAL_STORED);
        }
        s_later(journal, JOURNAL_ID_MS);
        journal_range_t range = s_range(journal, 1);
        assert_int_equal(range.last, 20 * round);
        assert_int_equal(range.first, range.last - 5);
    }
    s_retain(journal, 1, (retention_t){.version = 2, .bytes = 1});
    s_later(journal, 0);
    assert_int_equal(s_range(journal, 1).first, 40); /* the newest stays */
    journal_close(&journal);
}

static void s_each_item(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    (void)attempt;
    *(unsigned *)arg = number;
}

static void test_what_is_to_be_delivered_stays(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    uuid_t7 target = check_uuid(1);
    outbox_item_t item;
    unsigned attempts = 0;
    s_retain(journal, 1, (retention_t){.version = 1, .messages = 1});
    s_post(journal, 1, 1, RECORD_DELIVER);
    s_post(journal, 1, 2, RECORD_DELIVER);
    s_posts(journal, 1, 3, 2);
    journal_note_t note = {.kind = NOTE_OUTCOME,
                           .target = target,
                           .log = 1,
                           .state = OUTBOX_DEAD,
                           .now_ms = journal_running_ms(journal, subject_now_ms),
                           .attempted = true,
                           .attempt = {.time_ms = 7, .status = 503, .answer = slice_of("no")}};
    journal_note(journal, &note);
    s_later(journal, JOURNAL_ID_MS);
    assert_int_equal(s_range(journal, 1).first, 2);
    assert_false(journal_item(journal_reader(journal), &target, 1, &item));
    journal_attempts(journal_reader(journal), 1, s_each_item, &attempts);
    assert_int_equal(attempts, 0);
    assert_true(journal_item(journal_reader(journal), &target, 2, &item));
    note.log = 2;
    note.state = OUTBOX_DELIVERED;
    note.now_ms = journal_running_ms(journal, subject_now_ms);
    journal_note(journal, &note);
    s_later(journal, LATER_MS);
    assert_int_equal(s_range(journal, 1).first, 4);
    assert_false(journal_item(journal_reader(journal), &target, 2, &item));
    journal_close(&journal);
}

static bool s_is_unowned(unsigned op)
{
    return op == UNOWNED;
}

static journal_t *s_open_unowned(uint64_t age_ms, uint64_t messages, uint64_t bytes)
{
    subject_options_t options = s_usual;
    options.unowned = (journal_unowned_t){s_is_unowned, age_ms, messages, bytes};
    journal_t *journal = subject_open(s_place, &options, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    journal_start(journal, subject_clock);
    return journal;
}

static void s_posts_unowned(journal_t *journal, unsigned target, unsigned from, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        journal_entry_t entry = s_entry(target, from + i, 0, 'h');
        entry.record.op = UNOWNED;
        assert_int_equal(s_append_one(journal, entry), JOURNAL_STORED);
    }
}

/* They keep what the options say, as they are at an opening: those that are there, more than are
 * found at once, and those that come. */
static void test_targets_that_nobody_owns(void **state)
{
    enum { MANY = 70 };
    (void)state;
    journal_t *journal = s_open();
    s_posts(journal, 1, 1, 20);
    for (unsigned i = 0; i < MANY; i++)
        s_posts_unowned(journal, 100 + i, 1000 + 10 * i, 6);
    s_later(journal, JOURNAL_ID_MS);
    journal_close(&journal);
    journal = s_open_unowned(0, 4, 0);
    s_posts_unowned(journal, 2, 100, 20);
    s_posts(journal, 1, 200, 1);
    s_later(journal, JOURNAL_ID_MS);
    assert_int_equal(s_range(journal, 1).first, 1);
    assert_int_equal(s_range(journal, 2).first, 17);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(s_range(journal, 100 + i).first, 3);
    journal_close(&journal);
    journal = s_open_unowned(DAY_MS, 0, 0);
    s_later(journal, 0);
    assert_int_equal(s_range(journal, 2).first, 17);
    s_later(journal, DAY_MS);
    assert_int_equal(s_range(journal, 1).first, 1);
    assert_int_equal(s_range(journal, 2).first, 21); /* none is left */
    s_posts_unowned(journal, 2, 300, 1);
    assert_int_equal(s_range(journal, 2).last, 21);
    journal_close(&journal);
}

int calls_retained_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_messages_stay), TEST(what_is_too_old_goes),
        TEST(bytes_are_counted),        TEST(what_is_to_be_delivered_stays),
        TEST(targets_that_nobody_owns),
    };
    return cmocka_run_group_tests_name("retained", tests, NULL, NULL);
}
