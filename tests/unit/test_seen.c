/* What becomes of a message that may have come before. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "workers/journal/seen.h"

#include <string.h>

static const seen_room_t s_room = {true, true}, s_none = {false, false};
static const journal_answer_t s_first = {.log = 7, .time_ms = 70, .answer = 1};

static journal_entry_t s_entry(const char *key)
{
    journal_entry_t entry = {.dedupe = slice_of(key), .answer = {.log = 99, .answer = 3}};
    memset(entry.hash, 'h', sizeof entry.hash);
    memset(entry.hash_as_came, 'c', sizeof entry.hash_as_came);
    return entry;
}

static seen_key_t s_key(char hash, uint64_t age_ms)
{
    seen_key_t key = {.age_ms = age_ms, .answer = {.log = 8, .time_ms = 80, .answer = 2}};
    memset(key.hash, hash, sizeof key.hash);
    return key;
}

static journal_outcome_t s_decide(journal_entry_t *entry, const journal_answer_t *hit,
                                  const seen_key_t *key, seen_room_t room)
{
    seen_decide(hit, key, room, entry);
    return entry->outcome;
}

/* Before all else: whatever has changed since it was answered. */
static void an_id_that_was_seen_is_resent(void **state)
{
    seen_key_t key = s_key('x', 0);
    (void)state;
    for (unsigned refused = 0; refused < 2; refused++) {
        journal_entry_t entry = s_entry("k");
        entry.refused = refused;
        assert_int_equal(s_decide(&entry, &s_first, &key, s_none), JOURNAL_RESENT);
        assert_memory_equal(&entry.answer, &s_first, sizeof s_first);
    }
}

static void a_key_that_was_seen_is_replayed_or_refused(void **state)
{
    static const struct {
        char hash;
        journal_outcome_t outcome;
        uint64_t log; /* of the answer */
    } rows[] = {{'h', JOURNAL_REPLAYED, 8}, {'c', JOURNAL_REPLAYED, 8}, {'x', JOURNAL_REUSED, 99}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        for (unsigned refused = 0; refused < 2; refused++) {
            journal_entry_t entry = s_entry("k");
            seen_key_t key = s_key(rows[i].hash, JOURNAL_KEY_MS - 1);
            entry.refused = refused;
            assert_int_equal(s_decide(&entry, NULL, &key, s_none), rows[i].outcome);
            assert_int_equal(entry.answer.log, rows[i].log);
        }
}

static void an_expired_key_is_taken_anew(void **state)
{
    journal_entry_t entry = s_entry("k");
    seen_key_t key = s_key('x', JOURNAL_KEY_MS);
    (void)state;
    assert_true(seen_key_expired(&key));
    assert_int_equal(s_decide(&entry, NULL, &key, (seen_room_t){true, false}), JOURNAL_STORED);
    assert_int_equal(s_decide(&entry, NULL, &key, s_none), JOURNAL_NO_ROOM);
    entry.refused = true;
    assert_int_equal(s_decide(&entry, NULL, &key, s_room), JOURNAL_REFUSED);
    key.age_ms--;
    assert_false(seen_key_expired(&key));
}

static void what_is_new_is_stored_where_there_is_room(void **state)
{
    static const struct {
        const char *key;
        bool refused;
        seen_room_t room;
        journal_outcome_t outcome;
    } rows[] = {
        {"", false, {true, true}, JOURNAL_STORED},    {"", false, {true, false}, JOURNAL_STORED},
        {"", false, {false, true}, JOURNAL_NO_ROOM},  {"", true, {true, true}, JOURNAL_REFUSED},
        {"", true, {false, false}, JOURNAL_REFUSED},  {"k", false, {true, true}, JOURNAL_STORED},
        {"k", false, {true, false}, JOURNAL_NO_KEYS}, {"k", false, {false, false}, JOURNAL_NO_ROOM},
        {"k", true, {true, false}, JOURNAL_REFUSED},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        journal_entry_t entry = s_entry(rows[i].key);
        entry.refused = rows[i].refused;
        assert_int_equal(s_decide(&entry, NULL, NULL, rows[i].room), rows[i].outcome);
        assert_int_equal(entry.answer.log, 99);
    }
}

/* The id is there, as storing it has found. */
static void a_second_look_puts_the_first_right(void **state)
{
    journal_entry_t entry = s_entry("");
    (void)state;
    assert_int_equal(s_decide(&entry, NULL, NULL, s_room), JOURNAL_STORED);
    assert_int_equal(s_decide(&entry, &s_first, NULL, s_none), JOURNAL_RESENT);
    assert_int_equal(entry.answer.log, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_that_was_seen_is_resent),
        cmocka_unit_test(a_key_that_was_seen_is_replayed_or_refused),
        cmocka_unit_test(an_expired_key_is_taken_anew),
        cmocka_unit_test(what_is_new_is_stored_where_there_is_room),
        cmocka_unit_test(a_second_look_puts_the_first_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
