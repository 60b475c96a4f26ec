/* What has changed in data.mdb since it was written is an error of who reads it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "child.h"
#include "journal_kept.h"
#include "spoil.h"
#include "workers/journal/census.h"

#include <stdlib.h>
#include <unistd.h>

static spoil_t s_file;

static unsigned s_spoil(const void *bytes, size_t len, size_t offset)
{
    spoil_take(&s_file, s_path);
    return spoil_all(&s_file, bytes, len, offset);
}

typedef struct {
    journal_t *journal;
    unsigned seen;
} reading_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    unsigned *seen = arg;
    (void)log;
    assert_true(slice_is(record->body, "{\"text\":\"kept\"}"));
    ++*seen;
    return true;
}

static void s_read_first(void *arg)
{
    reading_t *self = arg;
    uuid_t7 target = s_uuid(0);
    journal_range_t range;
    journal_read(journal_reader(self->journal), &target, 0, &range, s_each, &self->seen);
}

static void s_fill(unsigned count)
{
    journal_t *journal = s_open();
    for (unsigned id = 0; id < count; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    journal_close(&journal);
}

/* A bit of a text, which LMDB does not notice. */
static void test_a_changed_record_is_an_error_of_that_read(void **state)
{
    census_t census = {0};
    (void)state;
    s_fill(30);
    journal_t *journal = s_open();
    assert_int_equal(s_read(journal, 0), 10);
    journal_close(&journal);
    assert_true(s_spoil("\"text\":\"kept\"", 13, 9) > 0);
    journal = s_open();
    reading_t reading = {journal, 0};
    assert_false(journal_try(journal_reader(journal), s_read_first, &reading));
    assert_int_equal(reading.seen, 0);
    /* It goes on with what it does not concern. */
    assert_int_equal(s_append(journal, 100, 'h'), JOURNAL_STORED);
    s_now += JOURNAL_KEY_MS;
    while (journal_tend(journal, s_now))
        continue;
    journal_close(&journal);
    assert_int_equal(census_take(&census, s_path, s_err, sizeof s_err), -1);
}

/* Whose a damaged message is nobody knows: it stays, and those behind it do not wait for it. */
static void test_retention_goes_past_a_damaged_record(void **state)
{
    journal_state_t is;
    (void)state;
    s_fill(10);
    journal_t *journal = s_open();
    journal_entry_t entry = s_entry(10), *list = &entry;
    entry.record.name = slice_of("Unlucky");
    assert_int_equal(journal_append(journal, &list, 1, s_now), 1);
    journal_close(&journal);
    journal = s_open();
    for (unsigned id = 11; id < 30; id++)
        assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
    journal_close(&journal);
    assert_true(s_spoil("Unlucky", 7, 3) > 0);
    journal = s_open();
    s_now += 40ll * 86400000;
    while (journal_tend(journal, s_now))
        continue;
    journal_inspect(journal, &is);
    assert_int_equal(is.retired, 29);
    assert_int_equal(s_append(journal, 100, 'h'), JOURNAL_STORED);
    journal_close(&journal);
    journal = s_open();
    s_now += 40ll * 86400000;
    while (journal_tend(journal, s_now))
        continue;
    journal_inspect(journal, &is);
    assert_int_equal(is.retired, 1);
    journal_close(&journal);
}

/* A target that no other row looks like. */
static uuid_t7 s_odd_target(void)
{
    uuid_t7 target;
    memset(target.bytes, 0xa5, UUID_BYTES);
    return target;
}

static void s_fill_odd(void)
{
    journal_t *journal = s_open();
    journal_entry_t entry = s_entry(1000), *list = &entry;
    entry.record.target = s_odd_target();
    assert_int_equal(journal_append(journal, &list, 1, s_now), 1);
    journal_close(&journal);
}

static void s_read_range(void *arg)
{
    uuid_t7 target = s_odd_target();
    journal_range_t range;
    journal_range(journal_reader(arg), &target, &range);
}

/* In a process of its own, which a read that is no error of itself would end. */
static void s_lose_a_range(void *arg)
{
    uuid_t7 target = s_odd_target();
    journal_t *journal = s_open();
    (void)arg;
    if (!journal_try(journal_reader(journal), s_read_range, journal))
        _exit(2);
    if (s_spoil(target.bytes, UUID_BYTES, UUID_BYTES + 1) == 0)
        _exit(3);
    if (journal_try(journal_reader(journal), s_read_range, journal))
        _exit(4);
    _exit(s_append(journal, 101, 'h') == JOURNAL_STORED ? 0 : 5);
}

/* It is where a page that begins with the newest message begins. */
static void test_a_changed_range_is_an_error_of_that_read(void **state)
{
    char text[1 << 14];
    (void)state;
    s_fill(30);
    s_fill_odd();
    int status = child_run(s_lose_a_range, NULL, text, sizeof text);
    if (status != 0)
        fail_msg("status %d: %s", status, text);
}

/* Without its row a target would have no messages. */
static void test_a_target_that_cannot_be_found_stops_the_start(void **state)
{
    (void)state;
    uuid_t7 target = s_odd_target();
    s_fill(30);
    s_fill_odd();
    assert_true(s_spoil(target.bytes, UUID_BYTES, 3) > 0);
    journal_options_t options = s_options();
    assert_null(journal_open(&options, s_now, s_err, sizeof s_err));
    if (!strstr(s_err, "/data.mdb: its table 'targets' is damaged"))
        fail_msg("said %s", s_err);
}

static void test_a_changed_state_or_identity_stops_the_start(void **state)
{
    (void)state;
    s_fill(3);
    assert_true(s_spoil("channel\0\0\0", 10, 1) > 0);
    journal_options_t options = s_options();
    assert_null(journal_open(&options, s_now, s_err, sizeof s_err));
}

/* Opens and reads, in a process of its own: 0 when all was read, 1 when that was refused. */
static void s_look(void *arg)
{
    journal_options_t options = s_options();
    (void)arg;
    alarm(10);
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        _exit(1);
    reading_t reading = {journal, 0};
    bool good = journal_try(journal_reader(journal), s_read_first, &reading);
    _exit(good && reading.seen == 100 ? 0 : good ? 2 : 1);
}

/* Anything else, too: also where LMDB believes what it finds. */
static void test_whatever_changes_nothing_is_left_out(void **state)
{
    char text[1 << 16], garbage[64];
    unsigned refused = 0;
    (void)state;
    s_fill(300);
    spoil_take(&s_file, s_path);
    srandom(7);
    for (unsigned i = 0; i < 150; i++) {
        size_t len = i % 3 ? 1 : sizeof garbage, at = (size_t)random() % (s_file.size - len);
        for (size_t k = 0; k < len; k++)
            garbage[k] =
                i % 3 == 1 ? (char)(s_file.bytes[at + k] ^ (1 << random() % 8)) : (char)random();
        spoil_put(&s_file, at, garbage, len);
        int status = child_run(s_look, NULL, text, sizeof text);
        /* 78: the page stopped the process, which says so. */
        if (status != 0 && status != 1 && status != 78)
            fail_msg("status %d after %zu bytes at %zu: %s", status, len, at, text);
        refused += status != 0;
        spoil_undo(&s_file);
    }
    if (refused < 10)
        fail_msg("only %u of them were met", refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_changed_record_is_an_error_of_that_read),
        TEST(retention_goes_past_a_damaged_record),
        TEST(a_changed_range_is_an_error_of_that_read),
        TEST(a_target_that_cannot_be_found_stops_the_start),
        TEST(a_changed_state_or_identity_stops_the_start),
        TEST(whatever_changes_nothing_is_left_out),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    spoil_free(&s_file);
    return failed;
}
