/* What every engine of the journal does: run on each. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_entries.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_append_read_and_reopen(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_range_t range;
    journal_entry_t entries[] = {s_entry(1, 1, "{\"a\":1}"), s_entry(2, 2, "{}"),
                                 s_entry(1, 3, "{}")};
    assert_int_equal(s_append(journal, entries, 3), 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(entries[i].outcome, JOURNAL_STORED);
        assert_int_equal(entries[i].answer.log, i + 1);
    }
    assert_int_equal(entries[2].record.sequence, 2);
    seen_t seen = s_read(journal, 1, 0, &range);
    assert_true(seen.count == 2 && seen.first_log == 1 && seen.last_log == 3);
    assert_true(range.first == 1 && range.last == 2);
    assert_int_equal(s_read(journal, 3, 0, &range).count, 0);
    assert_true(range.first > range.last);
    uuid_t7 uuid = *journal_uuid(journal);
    journal_close(&journal);

    journal = s_open();
    assert_true(uuid_eq(&uuid, journal_uuid(journal)));
    assert_int_equal(s_append_one(journal, s_entry(1, 4, "{}")), JOURNAL_STORED);
    seen = s_read(journal, 1, 2, NULL);
    assert_true(seen.count == 2 && seen.first_sequence == 2 && seen.last_log == 4);
    journal_close(&journal);
}

/* Each position is reached from the next anchor of the index, whether there is one or not. */
static void test_reading_from_each_sequence(void **state)
{
    (void)state;
    const int64_t half = (int64_t)s_options().retention_ms / 2;
    journal_entry_t entries[400];
    journal_t *journal = s_open();
    journal_range_t range;
    for (unsigned i = 0; i < 400; i++)
        entries[i] = s_entry(i % 4 == 3 ? 2 : 1, i, "{}");
    assert_int_equal(s_append(journal, entries, 100), 100);
    s_now += half;
    assert_int_equal(s_append(journal, entries + 100, 300), 300);
    for (unsigned round = 0; round < 2; round++) {
        uint64_t first = round ? 76 : 1;
        for (uint64_t from = first; from <= 301; from++) {
            seen_t seen = s_read(journal, 1, from, &range);
            assert_true(seen.count == 301 - from && range.first == first);
            assert_true(range.last == 300 || (seen.count == 0 && round == 0));
            assert_true(from == 301 || (seen.first_sequence == from && seen.last_sequence == 300));
        }
        assert_int_equal(s_read(journal, 2, 0, NULL).count, round ? 75 : 100);
        s_now += half;
        journal_tend(journal, s_now);
    }
    journal_close(&journal);
}

static void test_a_record_keeps_every_byte(void **state)
{
    (void)state;
    record_t record = s_entry(1, 1, "").record, back;
    char body[70000];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)(i * 7);
    record.body = slice(body, sizeof body);
    record.sequence = 9;
    record.running_ms = 11;
    record.environment = 2;
    char *encoded = malloc(record_size(&record));
    assert_non_null(encoded);
    record_write(&record, encoded);
    assert_int_equal(record_read(&back, slice(encoded, record_size(&record))), 0);
    assert_true(slice_eq(record.body, back.body) && slice_eq(record.name, back.name));
    assert_true(slice_eq(record.params, back.params) && slice_eq(record.headers, back.headers));
    assert_true(uuid_eq(&record.target, &back.target) && uuid_eq(&record.user, &back.user));
    assert_int_equal(back.sequence, 9);
    assert_int_equal(back.running_ms, 11);
    assert_int_equal(back.time_ms, record.time_ms);
    assert_int_equal(back.environment, 2);
    for (size_t len = 0; len < 200; len++)
        assert_int_equal(record_read(&back, slice(encoded, len)), -1);
    encoded[0] = 99;
    assert_int_equal(record_read(&back, slice(encoded, record_size(&record))), -1);
    free(encoded);
}

/* The message beside an event, with and without a number. */
static void test_a_record_has_a_message_beside_its_event(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 2; number++) {
        record_t record = s_entry(1, 1, "raw").record, back;
        char encoded[1024];
        record.flags = RECORD_EVENT | RECORD_MESSAGE | RECORD_FAILED;
        record.number = number;
        record.message = slice_of("{\"text\":\"t\"}");
        assert_true(record_size(&record) < sizeof encoded);
        record_write(&record, encoded);
        assert_int_equal(record_read(&back, slice(encoded, record_size(&record))), 0);
        assert_int_equal(back.flags, record.flags);
        assert_int_equal(back.number, number);
        assert_true(slice_is(back.body, "raw") && slice_eq(back.headers, record.headers));
        assert_true(slice_eq(record_message(&back), record.message));
        for (size_t len = 0; len < record_size(&record); len++)
            assert_int_equal(record_read(&back, slice(encoded, len)), -1);
        record.message = slice("", 0);
        assert_true(slice_is(record_message(&record), "raw"));
    }
}

/* One that is for some users alone, and what who knows nothing of that finds in it: by the layout
 * of record.h, a record that was erased, without any of its content. */
static void test_a_narrowed_record_looks_erased_to_who_does_not_know(void **state)
{
    (void)state;
    const unsigned flags[] = {RECORD_MESSAGE, RECORD_EVENT | RECORD_MESSAGE, RECORD_EVENT,
                              RECORD_EDIT | RECORD_ERASED, RECORD_EDIT | RECORD_DELETE};
    enum { FLAGS = 1, BODY_LEN = 20, VERSION = 4 };
    uuid_t7 ids[2] = {{{1}}, {{2}}}, other = {{3}};
    for (size_t i = 0; i < 2 * sizeof flags / sizeof *flags; i++) {
        record_t record = s_entry(1, 1, "secret").record, back;
        char encoded[1024];
        record.flags = flags[i / 2];
        record.more = RECORD_NARROWED | RECORD_IN_PARENT;
        record.audience = slice(ids, i % 2 * sizeof ids);
        record.message = slice_of(flags[i / 2] & RECORD_EVENT ? "{\"text\":\"t\"}" : "");
        record.thread = 7;
        size_t size = record_size(&record);
        record_write(&record, encoded);
        assert_int_equal(encoded[0], VERSION);
        assert_true((uint8_t)encoded[FLAGS] & RECORD_ERASED);
        assert_false((uint8_t)encoded[FLAGS] & RECORD_MESSAGE);
        assert_memory_equal(encoded + BODY_LEN, "\0\0\0\0", 4);
        assert_int_equal(record_read(&back, slice(encoded, size)), 0);
        assert_int_equal(back.flags, record.flags);
        assert_int_equal(back.more, record.more);
        assert_true(slice_eq(back.audience, record.audience) && slice_is(back.body, "secret") &&
                    slice_eq(back.message, record.message));
        assert_true(record_is_for(&back, &record.user) && !record_is_for(&back, &other));
        assert_int_equal(record_is_for(&back, &ids[1]), i % 2);
        for (size_t len = 0; len < size; len++)
            assert_int_equal(record_read(&back, slice(encoded, len)), -1);
    }
}

static void test_the_same_id_is_a_resend(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 5, "{}")), JOURNAL_STORED);
    journal_entry_t again = s_entry(1, 5, "{}");
    again.record.time_ms = 1;
    again.answer.answer = 2;
    assert_int_equal(s_append(journal, &again, 1), 0);
    assert_int_equal(again.outcome, JOURNAL_RESENT);
    assert_int_equal(again.answer.log, 1);
    assert_int_equal(again.answer.time_ms, WALL + 5);
    assert_int_equal(again.answer.answer, 1);
    /* also when it would be refused now, and in another process's life */
    again.refused = true;
    assert_int_equal(s_append_one(journal, again), JOURNAL_RESENT);
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 5, "{}")), JOURNAL_RESENT);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 1);
    journal_close(&journal);
}

static void test_a_resend_within_a_batch(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t entries[] = {s_entry(1, 5, "{}"), s_entry(1, 5, "{}"), s_entry(1, 6, "{}")};
    assert_int_equal(s_append(journal, entries, 3), 2);
    assert_int_equal(entries[1].outcome, JOURNAL_RESENT);
    assert_int_equal(entries[1].answer.log, entries[0].answer.log);
    assert_int_equal(entries[2].answer.log, 2);
    journal_close(&journal);
}

static void test_a_refused_entry_is_not_remembered(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t bad = s_keyed(1, 5, 'k', 'a');
    bad.refused = true;
    assert_int_equal(s_append_one(journal, bad), JOURNAL_REFUSED);
    assert_int_equal(s_append_one(journal, s_keyed(1, 6, 'k', 'b')), JOURNAL_STORED);
    journal_close(&journal);
}

static void test_keys(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'a')), JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'a')), JOURNAL_RESENT);
    journal_entry_t replay = s_keyed(1, 2, 'k', 'a');
    s_append(journal, &replay, 1);
    assert_int_equal(replay.outcome, JOURNAL_REPLAYED);
    assert_int_equal(replay.answer.log, 1);
    assert_int_equal(replay.answer.time_ms, WALL + 1);
    assert_int_equal(s_append_one(journal, s_keyed(1, 3, 'k', 'b')), JOURNAL_REUSED);
    /* the key counts before the refusal */
    journal_entry_t bad = s_keyed(1, 4, 'k', 'b');
    bad.refused = true;
    assert_int_equal(s_append_one(journal, bad), JOURNAL_REUSED);
    assert_int_equal(s_append_one(journal, s_keyed(1, 5, 'l', 'b')), JOURNAL_STORED);
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 6, 'k', 'a')), JOURNAL_REPLAYED);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    journal_close(&journal);
}

static void test_keys_within_a_batch(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t entries[] = {s_keyed(1, 1, 'k', 'a'), s_keyed(1, 2, 'k', 'a'),
                                 s_keyed(1, 3, 'k', 'b'), s_keyed(1, 1, 'k', 'a')};
    assert_int_equal(s_append(journal, entries, 4), 1);
    assert_int_equal(entries[1].outcome, JOURNAL_REPLAYED);
    assert_int_equal(entries[2].outcome, JOURNAL_REUSED);
    assert_int_equal(entries[3].outcome, JOURNAL_RESENT);
    journal_close(&journal);
}

static uint64_t s_keys(journal_t *journal)
{
    journal_state_t is;
    journal_inspect(journal, &is);
    return is.keys;
}

static void test_an_id_sent_again_takes_no_other_key(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'a')), JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'l', 'a')), JOURNAL_RESENT);
    assert_int_equal(s_keys(journal), 1);
    assert_int_equal(s_append_one(journal, s_keyed(1, 2, 'l', 'b')), JOURNAL_STORED);
    assert_int_equal(s_keys(journal), 2);
    journal_close(&journal);
}

static void test_keys_are_bounded(void **state)
{
    (void)state;
    journal_options_t options = s_options();
    options.keys = 3;
    journal_t *journal = s_open_with(options);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(s_append_one(journal, s_keyed(1, i, (char)('a' + i), 'h')),
                         JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_keyed(1, 10, 'x', 'h')), JOURNAL_NO_KEYS);
    assert_int_equal(s_append_one(journal, s_keyed(1, 11, 'a', 'h')), JOURNAL_REPLAYED);
    assert_int_equal(s_append_one(journal, s_entry(1, 12, "{}")), JOURNAL_STORED);
    s_now += JOURNAL_KEY_MS;
    assert_int_equal(s_append_one(journal, s_keyed(1, 13, 'x', 'h')), JOURNAL_STORED);
    assert_int_equal(s_keys(journal), 1);
    journal_close(&journal);
}

static void test_ids_and_keys_expire_by_the_running_clock(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'a')), JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_STORED);
    s_now += JOURNAL_ID_MS - 1;
    assert_false(journal_tend(journal, s_now));
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_RESENT);
    /* the time while it is closed does not count */
    journal_tend(journal, s_now);
    assert_int_equal(s_append_one(journal, s_entry(1, 3, "{}")), JOURNAL_STORED);
    journal_close(&journal);
    s_now += 100 * (int64_t)JOURNAL_KEY_MS;
    journal = s_open();
    journal_tend(journal, s_now);
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_RESENT);
    s_now++;
    journal_tend(journal, s_now);
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_STORED);
    /* the key of the first, whose id is forgotten by now, is kept for its 24 hours */
    s_now += JOURNAL_KEY_MS - JOURNAL_ID_MS - 1;
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'b')), JOURNAL_REUSED);
    assert_int_equal(s_keys(journal), 1);
    s_now++;
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'b')), JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_keyed(1, 9, 'k', 'b')), JOURNAL_REPLAYED);
    assert_int_equal(s_keys(journal), 1);
    s_now += JOURNAL_KEY_MS;
    journal_tend(journal, s_now);
    assert_int_equal(s_keys(journal), 0);
    journal_close(&journal);
}

static void test_a_clock_that_goes_back_expires_nothing(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_STORED);
    s_now = 5;
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_STORED);
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_RESENT);
    journal_close(&journal);
}

static void test_retention_by_age(void **state)
{
    (void)state;
    journal_options_t options = s_options();
    options.retention_ms = 86400000;
    journal_t *journal = s_open_with(options);
    journal_range_t range;
    for (unsigned i = 0; i < 10; i++)
        s_append_one(journal, s_entry(1 + i % 2, i, "{}"));
    s_now += 86400000 / 2;
    s_append_one(journal, s_entry(1, 100, "{}"));
    s_now += 86400000 / 2;
    journal_tend(journal, s_now);
    assert_int_equal(s_read(journal, 1, 0, &range).count, 1);
    assert_true(range.first == 6 && range.last == 6);
    assert_int_equal(s_read(journal, 2, 0, &range).count, 0);
    assert_true(range.first == 6 && range.last == 5);
    /* sequences go on where they were */
    journal_entry_t next = s_entry(2, 200, "{}");
    s_append(journal, &next, 1);
    assert_int_equal(next.record.sequence, 6);
    journal_close(&journal);
    journal = s_open_with(options);
    assert_int_equal(s_read(journal, 1, 3, &range).first_sequence, 6);
    journal_close(&journal);
}

/* In batches, as they come: an engine may retire by whole parts of the log. */
static void test_retention_by_size_is_bounded_and_spares_young_ids(void **state)
{
    (void)state;
    enum { COUNT = 500, BATCH = 5, BYTES = 50000 };
    journal_options_t options = s_options();
    journal_entry_t entries[COUNT];
    options.retention_bytes = BYTES;
    journal_t *journal = s_open_with(options);
    journal_state_t is;
    journal_range_t range;
    for (unsigned i = 0; i < COUNT; i++)
        entries[i] = s_entry(1, i, "{\"text\":\"a message of some length\"}");
    for (unsigned i = 0; i < COUNT; i += BATCH)
        assert_int_equal(s_append(journal, entries + i, BATCH), BATCH);
    while (journal_tend(journal, s_now))
        ;
    journal_inspect(journal, &is);
    assert_int_equal(is.records, COUNT); /* their ids may still be sent again */
    s_now += JOURNAL_ID_MS;
    while (journal_tend(journal, s_now))
        ;
    journal_inspect(journal, &is);
    size_t size = record_size(&entries[0].record) + JOURNAL_RECORD_COST;
    assert_true(is.records <= BYTES / size + 1 && is.records >= BYTES / size * 7 / 8);
    assert_int_equal(is.retired, COUNT - is.records);
    assert_int_equal(s_read(journal, 1, 0, &range).count, is.records);
    assert_true(range.last == COUNT && range.first == COUNT - is.records + 1);
    journal_close(&journal);
}

typedef struct {
    uint64_t next, most;
} scanned_t;

static bool s_each_scanned(void *arg, uint64_t log, const record_t *record)
{
    scanned_t *self = arg;
    uuid_t7 id = s_uuid((unsigned)log);
    assert_int_equal(log, self->next++);
    assert_true(uuid_eq(&id, &record->id));
    return self->next <= self->most;
}

/* Over all targets, in the log's order, and in a target's by the wall clock. */
static void test_scanning_and_times(void **state)
{
    enum { COUNT = 100 };
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t entries[COUNT];
    assert_int_equal(journal_tip(journal), 1);
    for (unsigned i = 0; i < COUNT; i++)
        entries[i] = s_entry(1 + i % 2, i + 1, "{}");
    assert_int_equal(s_append(journal, entries, COUNT / 2), COUNT / 2);
    s_now += 2 * 86400000; /* an engine may go on elsewhere */
    assert_int_equal(s_append(journal, entries + COUNT / 2, COUNT / 2), COUNT / 2);
    assert_int_equal(journal_tip(journal), COUNT + 1);
    for (unsigned reopened = 0; reopened < 2; reopened++) {
        scanned_t all = {1, COUNT}, some = {40, 60}, none = {COUNT + 1, COUNT};
        journal_scan(journal_reader(journal), 1, s_each_scanned, &all);
        assert_int_equal(all.next, COUNT + 1);
        journal_scan(journal_reader(journal), 40, s_each_scanned, &some);
        assert_int_equal(some.next, 61);
        journal_scan(journal_reader(journal), COUNT + 1, s_each_scanned, &none);
        assert_int_equal(none.next, COUNT + 1);
        uuid_t7 target = s_uuid(1), other = s_uuid(9);
        for (unsigned i = 0; i < COUNT; i++)
            assert_int_equal(journal_at_time(journal_reader(journal), &target, WALL + i + 1),
                             i / 2 + 1 + i % 2);
        assert_int_equal(journal_at_time(journal_reader(journal), &target, WALL + COUNT),
                         COUNT / 2 + 1);
        assert_int_equal(journal_at_time(journal_reader(journal), &other, 0), 1);
        journal_close(&journal);
        journal = s_open();
        assert_int_equal(journal_tip(journal), COUNT + 1);
    }
    journal_close(&journal);
}

/* Appends batches and tells each acknowledged id by a pipe, until it is killed. */
static void s_append_for_ever(int to, unsigned from)
{
    journal_t *journal = s_open();
    for (unsigned id = from;; id += 8) {
        journal_entry_t entries[8];
        for (unsigned i = 0; i < 8; i++)
            entries[i] = s_entry(1 + i % 3, id + i, "{\"text\":\"killed\"}");
        s_append(journal, entries, 8);
        for (unsigned i = 0; i < 8; i++) {
            unsigned acknowledged = id + i;
            if (entries[i].outcome != JOURNAL_STORED ||
                write(to, &acknowledged, sizeof acknowledged) != sizeof acknowledged)
                _exit(1);
        }
    }
}

static void test_killed_in_the_middle(void **state)
{
    (void)state;
    unsigned next = 0;
    for (unsigned round = 0; round < 8; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t pid = fork();
        if (pid == 0)
            s_append_for_ever(ends[1], next);
        close(ends[1]);
        unsigned id, count = 0, first = next;
        while (count < 40 + round * 7 && read(ends[0], &id, sizeof id) == sizeof id) {
            count++;
            next = id + 1;
        }
        kill(pid, SIGKILL);
        while (read(ends[0], &id, sizeof id) == sizeof id)
            next = id + 1;
        close(ends[0]);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        assert_true(count > 0);
        journal_t *journal = s_open();
        for (id = first; id < next; id++)
            assert_int_equal(s_append_one(journal, s_entry(9, id, "{}")), JOURNAL_RESENT);
        /* what was on its way is all there or not at all */
        journal_state_t is;
        journal_inspect(journal, &is);
        assert_true(is.records >= next && is.records % 8 == 0);
        unsigned total = 0;
        for (unsigned target = 1; target <= 3; target++)
            total += s_read(journal, target, 0, NULL).count;
        assert_int_equal(total, is.records);
        next = (unsigned)is.records;
        journal_close(&journal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(append_read_and_reopen),
        TEST(reading_from_each_sequence),
        TEST(a_record_keeps_every_byte),
        TEST(a_record_has_a_message_beside_its_event),
        TEST(a_narrowed_record_looks_erased_to_who_does_not_know),
        TEST(the_same_id_is_a_resend),
        TEST(a_resend_within_a_batch),
        TEST(a_refused_entry_is_not_remembered),
        TEST(keys),
        TEST(keys_within_a_batch),
        TEST(an_id_sent_again_takes_no_other_key),
        TEST(keys_are_bounded),
        TEST(ids_and_keys_expire_by_the_running_clock),
        TEST(a_clock_that_goes_back_expires_nothing),
        TEST(retention_by_age),
        TEST(retention_by_size_is_bounded_and_spares_young_ids),
        TEST(scanning_and_times),
        TEST(killed_in_the_middle),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
