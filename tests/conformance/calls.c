/* Storing, what was seen, reading, asking: each call and each outcome. */
#include "tests/conformance/calls.h"

#include "tests/conformance/yard.h"

#include <poll.h>

static void test_stored_and_resent(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t batch[] = {s_entry(1, 1, 0, 'h'), s_entry(2, 2, 0, 'h'), s_entry(1, 1, 0, 'h'),
                               s_entry(1, 3, 0, 'h')};
    assert_int_equal(s_append(journal, batch, 4), 3);
    assert_int_equal(batch[0].outcome, JOURNAL_STORED);
    assert_int_equal(batch[0].answer.log, 1);
    assert_int_equal(batch[2].outcome, JOURNAL_RESENT); /* within a batch */
    assert_int_equal(batch[2].answer.log, 1);
    assert_int_equal(batch[3].record.sequence, 2);
    assert_int_equal(batch[3].answer.log, 3);
    journal_entry_t again = s_entry(1, 2, 0, 'h');
    again.answer.answer = 9;
    again.refused = true; /* seen comes first */
    assert_int_equal(s_append(journal, &again, 1), 0);
    assert_int_equal(again.outcome, JOURNAL_RESENT);
    assert_int_equal(again.answer.answer, 1);
    assert_int_equal(again.answer.time_ms, 1002);
    assert_int_equal(s_append(journal, NULL, 0), 0);
    journal_close(&journal);
    assert_null(journal);
    journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 3, 0, 'h')), JOURNAL_RESENT);
    assert_int_equal(s_append_one(journal, s_entry(1, 4, 0, 'h')), JOURNAL_STORED);
    journal_close(&journal);
}

static void test_replayed_and_reused(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t batch[] = {s_entry(1, 1, 'k', 'h'), s_entry(1, 2, 'k', 'h'),
                               s_entry(1, 3, 'k', 'i')};
    assert_int_equal(s_append(journal, batch, 3), 1);
    assert_int_equal(batch[1].outcome, JOURNAL_REPLAYED);
    assert_int_equal(batch[1].answer.log, 1);
    assert_int_equal(batch[1].answer.time_ms, 1001);
    assert_int_equal(batch[2].outcome, JOURNAL_REUSED);
    journal_entry_t other = s_entry(1, 4, 'k', 'x');
    memset(other.hash_as_came, 'h', sizeof other.hash_as_came);
    assert_int_equal(s_append_one(journal, other), JOURNAL_REPLAYED);
    other = s_entry(1, 1, 'k', 'i');
    assert_int_equal(s_append_one(journal, other), JOURNAL_RESENT); /* the id before the key */
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 5, 'k', 'h')), JOURNAL_REPLAYED);
    assert_int_equal(s_append_one(journal, s_entry(1, 6, 'k', 'j')), JOURNAL_REUSED);
    journal_close(&journal);
}

static void test_refused(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t entry = s_entry(1, 1, 'k', 'h');
    entry.refused = true;
    assert_int_equal(s_append_one(journal, entry), JOURNAL_REFUSED);
    entry.refused = false; /* and nothing was remembered */
    assert_int_equal(s_append_one(journal, entry), JOURNAL_STORED);
    entry = s_entry(1, 2, 'k', 'i');
    entry.refused = true;
    assert_int_equal(s_append_one(journal, entry), JOURNAL_REUSED);
    journal_close(&journal);
}

static void test_no_keys(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t batch[] = {s_entry(1, 1, 'a', 'h'), s_entry(1, 2, 'b', 'h'),
                               s_entry(1, 3, 'c', 'h'), s_entry(1, 4, 'd', 'h'),
                               s_entry(1, 5, 0, 'h'),   s_entry(1, 6, 'a', 'h')};
    assert_int_equal(s_append(journal, batch, 6), 4);
    assert_int_equal(batch[3].outcome, JOURNAL_NO_KEYS);
    assert_int_equal(batch[4].outcome, JOURNAL_STORED);
    assert_int_equal(batch[5].outcome, JOURNAL_REPLAYED);
    subject_now_ms += JOURNAL_KEY_MS;
    subject_settle(journal);
    assert_int_equal(s_append_one(journal, s_entry(1, 7, 'd', 'h')), JOURNAL_STORED);
    journal_close(&journal);
}

static void test_no_room(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, 'k', 'h')), JOURNAL_STORED);
    assert_false(journal_is_full(journal));
    subject_fill(true);
    journal_entry_t refused = s_entry(1, 5, 0, 'h');
    refused.refused = true;
    journal_entry_t batch[] = {s_entry(1, 1, 'k', 'h'), s_entry(1, 2, 'k', 'h'),
                               s_entry(1, 3, 'k', 'i'), s_entry(1, 4, 0, 'h'), refused};
    assert_int_equal(s_append(journal, batch, 5), 0);
    assert_int_equal(batch[0].outcome, JOURNAL_RESENT);
    assert_int_equal(batch[1].outcome, JOURNAL_REPLAYED);
    assert_int_equal(batch[2].outcome, JOURNAL_REUSED);
    assert_int_equal(batch[3].outcome, JOURNAL_NO_ROOM);
    assert_int_equal(batch[4].outcome, JOURNAL_REFUSED);
    assert_true(journal_is_full(journal));
    subject_fill(false);
    subject_now_ms += 2000;
    assert_int_equal(s_append_one(journal, s_entry(1, 4, 0, 'h')), JOURNAL_STORED);
    assert_false(journal_is_full(journal));
    journal_close(&journal);
}

/* By the running clock, which stands still while nobody has the journal open. */
static void test_an_id_and_a_key_are_remembered_so_long(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, 'k', 'h')), JOURNAL_STORED);
    subject_now_ms += JOURNAL_ID_MS - 1;
    assert_int_equal(s_append_one(journal, s_entry(1, 1, 0, 'h')), JOURNAL_RESENT);
    journal_close(&journal);
    subject_now_ms += 10 * (int64_t)JOURNAL_KEY_MS;
    journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 2, 'k', 'h')), JOURNAL_REPLAYED);
    subject_now_ms += JOURNAL_KEY_MS - JOURNAL_ID_MS - 1;
    assert_int_equal(s_append_one(journal, s_entry(1, 3, 'k', 'i')), JOURNAL_REUSED);
    subject_now_ms += JOURNAL_ID_MS + 1;
    assert_int_equal(s_append_one(journal, s_entry(1, 4, 'k', 'i')), JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_entry(1, 5, 'k', 'h')), JOURNAL_REUSED);
    journal_close(&journal);
}

typedef struct {
    uint64_t next, last;
    unsigned left;
} walk_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    walk_t *self = arg;
    assert_int_equal(record->sequence, self->next);
    assert_true(log > self->last);
    self->next++;
    self->last = log;
    return --self->left > 0;
}

static void test_reading_in_pages(void **state)
{
    enum { COUNT = 150 };
    (void)state;
    journal_t *journal = s_open();
    journal_range_t range;
    uuid_t7 one = check_uuid(1), none = check_uuid(9);
    for (unsigned i = 0; i < COUNT; i++) {
        journal_entry_t both[] = {s_entry(1, 2 * i, 0, 'h'), s_entry(2, 2 * i + 1, 0, 'h')};
        assert_int_equal(s_append(journal, both, 2), 2);
    }
    for (unsigned settled = 0; settled < 2; settled++) {
        for (unsigned limit = 1; limit < 80; limit += 13) {
            walk_t walk = {.next = 1};
            while (walk.next <= COUNT) {
                walk.left = limit;
                journal_read(journal_reader(journal), &one, walk.next, &range, s_each, &walk);
                assert_int_equal(range.first, 1);
            }
        }
        journal_range(journal_reader(journal), &one, &range);
        assert_true(range.first == 1 && range.last == COUNT);
        journal_read(journal_reader(journal), &none, 0, &range, s_each, NULL);
        assert_true(range.first > range.last);
        subject_settle(journal);
    }
    journal_close(&journal);
}

static void test_who_may_open_it(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    uuid_t7 uuid = *journal_uuid(journal);
    assert_int_equal(journal_recovered(journal), 0);
    journal_close(&journal);
    journal_close(&journal); /* takes NULL */
    subject_options_t others[] = {s_usual, s_usual, s_usual};
    others[0].kind = "extension";
    others[1].shard = 1;
    others[2].shards = 3;
    for (unsigned i = 0; i < 3; i++) {
        s_err[0] = '\0';
        assert_null(subject_open(s_place, &others[i], s_err, sizeof s_err));
        assert_non_null(strstr(s_err, "shard"));
    }
    journal = s_open();
    assert_true(uuid_eq(&uuid, journal_uuid(journal)));
    journal_close(&journal);
}

static void test_numbers_for_the_metrics(void **state)
{
    (void)state;
    journal_state_t is;
    journal_t *journal = s_open();
    s_append_one(journal, s_entry(1, 1, 'a', 'h'));
    s_append_one(journal, s_entry(1, 2, 0, 'h'));
    journal_inspect(journal, &is);
    assert_true(is.records == 2 && is.keys == 1 && is.retired == 0);
    subject_settle(journal);
    journal_inspect(journal, &is);
    assert_true(is.records == 2 && is.keys == 1);
    subject_now_ms += (int64_t)s_usual.retention_ms;
    subject_settle(journal);
    subject_settle(journal);
    journal_inspect(journal, &is);
    assert_true(is.records == 0 && is.keys == 0 && is.retired == 2);
    journal_close(&journal);
}

/* --- Asking */

typedef struct {
    unsigned *done;
    unsigned number;
    uint64_t last;
    journal_asked_t how;
} question_t;

static void s_query(void *arg, journal_reader_t *reader)
{
    question_t *self = arg;
    uuid_t7 target = check_uuid(1);
    journal_range_t range;
    journal_range(reader, &target, &range);
    self->last = range.last;
}

static void s_done(void *arg, journal_asked_t how)
{
    question_t *self = arg;
    self->how = how;
    self->number = ++*self->done;
}

static void s_turn_until(journal_t *journal, const unsigned *done, unsigned count)
{
    while (*done < count) {
        struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 10000), 1);
        journal_turn(journal);
    }
}

static void test_asking(void **state)
{
    enum { COUNT = 20 };
    (void)state;
    unsigned done = 0;
    question_t questions[COUNT];
    journal_t *journal = s_open();
    journal_turn(journal); /* has nothing to do */
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(s_append_one(journal, s_entry(1, i, 0, 'h')), JOURNAL_STORED);
        questions[i] = (question_t){.done = &done};
        assert_true(journal_ask(journal, s_query, s_done, &questions[i]));
        assert_int_equal(journal_asked(journal), i + 1);
    }
    s_turn_until(journal, &done, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(questions[i].how, JOURNAL_READ);
        assert_int_equal(questions[i].number, i + 1);
        assert_true(questions[i].last > i); /* all that was stored before it was asked */
    }
    assert_int_equal(journal_asked(journal), 0);
    journal_close(&journal);
}

static void test_asking_too_much_and_stopping(void **state)
{
    (void)state;
    unsigned done = 0;
    static question_t questions[JOURNAL_ASKED];
    journal_t *journal = s_open();
    for (unsigned i = 0; i < JOURNAL_ASKED; i++) {
        questions[i] = (question_t){.done = &done};
        assert_true(journal_ask(journal, s_query, s_done, &questions[i]));
    }
    assert_false(journal_ask(journal, s_query, s_done, &questions[0]));
    journal_stop(journal);
    assert_int_equal(done, JOURNAL_ASKED);
    for (unsigned i = 0; i < JOURNAL_ASKED; i++)
        assert_int_equal(questions[i].how, JOURNAL_DROPPED);
    assert_false(journal_ask(journal, s_query, s_done, &questions[0]));
    journal_close(&journal);
}

static void s_try(void *arg)
{
    ++*(unsigned *)arg;
}

static void test_trying_what_is_whole(void **state)
{
    (void)state;
    unsigned tried = 0;
    journal_t *journal = s_open();
    assert_true(journal_try(journal_reader(journal), s_try, &tried));
    assert_int_equal(tried, 1);
    assert_false(journal_is_gone(journal));
    journal_close(&journal);
}

int calls_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stored_and_resent),
        TEST(replayed_and_reused),
        TEST(refused),
        TEST(no_keys),
        TEST(no_room),
        TEST(an_id_and_a_key_are_remembered_so_long),
        TEST(reading_in_pages),
        TEST(who_may_open_it),
        TEST(numbers_for_the_metrics),
        TEST(asking),
        TEST(asking_too_much_and_stopping),
        TEST(trying_what_is_whole),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
