/* The outbox: what is pending when, what a note changes, what is kept. */
#include "tests/conformance/calls.h"

#include "tests/conformance/yard.h"
#include "tests/unit/kept_text.h"

static void s_store(journal_t *journal, unsigned target, unsigned id)
{
    journal_entry_t entry = s_entry(target, id, 0, 'h');
    entry.record.flags |= RECORD_DELIVER;
    assert_int_equal(s_append_one(journal, entry), JOURNAL_STORED);
}

static outbox_due_t s_due[16];
static unsigned s_due_len;

static bool s_each_due(void *arg, const outbox_due_t *due)
{
    unsigned *left = arg;
    s_due[s_due_len++] = *due;
    return --*left > 0;
}

static unsigned s_list(journal_t *journal, outbox_place_t from, unsigned most)
{
    s_due_len = 0;
    journal_due(journal_reader(journal), &from, s_each_due, &most);
    return s_due_len;
}

static journal_note_t s_outcome(journal_t *journal, uint64_t log, outbox_state_t state)
{
    uint64_t now_ms = journal_running_ms(journal, subject_now_ms);
    return (journal_note_t){.kind = NOTE_OUTCOME,
                            .target = check_uuid(1),
                            .log = log,
                            .state = state,
                            .now_ms = now_ms,
                            .due_ms = now_ms + 5000,
                            .attempted = true,
                            .attempt = {.time_ms = 7, .status = 503, .answer = slice_of("no")}};
}

static void s_note(journal_t *journal, journal_note_t note)
{
    uint64_t number = journal_note(journal, &note);
    subject_settle(journal);
    assert_int_equal(journal_noted(journal), number);
    assert_false(journal_has_notes(journal));
}

static outbox_item_t s_get(journal_t *journal, uint64_t log)
{
    outbox_item_t item = {.log = 0};
    uuid_t7 target = check_uuid(1);
    journal_item(journal_reader(journal), &target, log, &item);
    return item;
}

static void test_due_by_target_and_order(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 2, 1);
    s_store(journal, 1, 2);
    s_append_one(journal, s_entry(1, 3, 0, 'h')); /* no item */
    s_store(journal, 1, 4);
    subject_settle(journal);
    assert_int_equal(journal_committed(journal), 5);
    assert_int_equal(s_list(journal, (outbox_place_t){.order = 0}, 16), 3);
    assert_true(s_due[0].place.log == 2 && s_due[1].place.log == 4 && s_due[2].place.log == 1);
    assert_int_equal(s_list(journal, s_due[1].place, 1), 1); /* from there on, that included */
    assert_int_equal(s_due[0].place.log, 4);
    outbox_counts_t counts = journal_outbox_counts(journal_reader(journal));
    assert_true(counts.pending == 3 && counts.dead == 0);
    assert_int_equal(s_get(journal, 1).log, 0); /* another target's */
    assert_int_equal(s_get(journal, 3).log, 0);
    assert_int_equal(s_get(journal, 2).state, OUTBOX_PENDING);
    journal_close(&journal);
}

static void test_an_outcome_that_is_tried_again(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 1);
    s_store(journal, 1, 2);
    subject_settle(journal);
    journal_note_t note = s_outcome(journal, 1, OUTBOX_PENDING);
    s_note(journal, note);
    s_list(journal, (outbox_place_t){.order = 0}, 16);
    assert_true(s_due[0].place.log == 2 && s_due[1].place.log == 1);
    assert_int_equal(s_due[1].due_ms, note.due_ms);
    assert_int_equal(s_due[1].first_ms, note.now_ms);
    assert_int_equal(s_due[1].made, 1);
    note = s_outcome(journal, 2, OUTBOX_PENDING);
    note.keeps_place = true;
    note.due_ms += 100000;
    s_note(journal, note);
    s_list(journal, (outbox_place_t){.order = 0}, 16);
    assert_int_equal(s_due[0].place.log, 2);
    journal_close(&journal);
}

static void test_ends_and_what_is_revived(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 1);
    s_store(journal, 1, 2);
    s_note(journal, s_outcome(journal, 1, OUTBOX_DELIVERED));
    s_note(journal, s_outcome(journal, 2, OUTBOX_DEAD));
    assert_int_equal(s_list(journal, (outbox_place_t){.order = 0}, 16), 0);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).dead, 1);
    journal_note_t note = s_outcome(journal, 2, OUTBOX_PENDING);
    note.kind = NOTE_REVIVE;
    s_note(journal, note);
    assert_int_equal(s_list(journal, (outbox_place_t){.order = 0}, 16), 1);
    assert_true(s_due[0].place.log == 2 && s_due[0].made == 0);
    assert_int_equal(s_due[0].due_ms, note.now_ms);
    assert_int_equal(s_get(journal, 2).attempts, 1); /* since ever */
    note.log = 99;
    s_note(journal, note); /* of none, and so it changes nothing */
    assert_int_equal(s_list(journal, (outbox_place_t){.order = 0}, 16), 1);
    journal_close(&journal);
}

static size_t s_answer_len;
static unsigned s_attempts, s_first;

static void s_each_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    (void)arg;
    s_first = s_attempts++ ? s_first : number;
    s_answer_len = attempt->answer.len;
}

static void s_count_attempts(journal_t *journal, uint64_t log)
{
    s_attempts = 0;
    journal_attempts(journal_reader(journal), log, s_each_attempt, NULL);
}

static void test_attempts_are_kept_so_many_and_so_long(void **state)
{
    static char answer[OUTBOX_WHOLE + 1];
    (void)state;
    journal_t *journal = s_open();
    memset(answer, 'x', sizeof answer);
    s_store(journal, 1, 1);
    for (unsigned i = 0; i < OUTBOX_ATTEMPTS + 5; i++) {
        journal_note_t note = s_outcome(journal, 1, OUTBOX_PENDING);
        journal_note(journal, &note);
    }
    subject_settle(journal);
    s_count_attempts(journal, 1);
    assert_true(s_attempts == OUTBOX_ATTEMPTS && s_first == 6);
    const struct {
        size_t len;
        bool whole;
        size_t kept;
    } cases[] = {{OUTBOX_ANSWER + 1, false, OUTBOX_ANSWER},
                 {OUTBOX_ANSWER + 1, true, OUTBOX_ANSWER + 1},
                 {OUTBOX_WHOLE, true, OUTBOX_WHOLE},
                 {OUTBOX_WHOLE + 1, true, OUTBOX_ANSWER}};
    for (unsigned i = 0; i < 4; i++) {
        journal_note_t note = s_outcome(journal, 1, OUTBOX_PENDING);
        note.whole = cases[i].whole;
        note.attempt.answer = slice(answer, cases[i].len);
        s_note(journal, note);
        s_count_attempts(journal, 1);
        assert_int_equal(s_answer_len, cases[i].kept);
    }
    journal_close(&journal);
}

static void s_each_record(void *arg, const record_t *record)
{
    *(uuid_t7 *)arg = record->id;
}

static void test_a_reply_is_stored_once(void **state)
{
    char cause[RECORD_CAUSE];
    (void)state;
    journal_t *journal = s_open();
    uuid_t7 event = check_uuid(1), found;
    s_store(journal, 1, 1);
    record_t reply = {.op = 3,
                      .flags = RECORD_MESSAGE | RECORD_REPLY,
                      .id = check_uuid(1001),
                      .target = check_uuid(1),
                      .headers = record_cause_write(1, &event, cause),
                      .body = slice_of("{\"text\":\"built\"}")};
    for (unsigned i = 0; i < 3; i++) {
        journal_note_t note = s_outcome(journal, 1, OUTBOX_DELIVERED);
        note.reply = &reply;
        s_note(journal, note);
    }
    assert_int_equal(journal_committed(journal), 3);
    assert_true(journal_record(journal_reader(journal), 2, s_each_record, &found));
    assert_true(uuid_eq(&found, &reply.id));
    assert_false(journal_record(journal_reader(journal), 3, s_each_record, &found));
    assert_int_equal(s_get(journal, 1).attempts, 3);
    journal_close(&journal);
}

static void test_notes_wait_for_room_and_are_not_lost(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 1);
    subject_settle(journal);
    subject_fill(true);
    journal_note_t note = s_outcome(journal, 1, OUTBOX_DEAD);
    uint64_t number = journal_note(journal, &note);
    s_append_one(journal, s_entry(1, 2, 0, 'h'));
    assert_int_equal(journal_noted(journal), 0);
    assert_int_equal(s_get(journal, 1).state, OUTBOX_PENDING);
    subject_fill(false);
    subject_now_ms += 2000;
    subject_settle(journal);
    assert_int_equal(journal_noted(journal), number);
    assert_int_equal(s_get(journal, 1).state, OUTBOX_DEAD);
    assert_int_equal(s_get(journal, 1).attempts, 1);
    journal_close(&journal);
}

static void test_retention_spares_what_is_pending(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    uuid_t7 target = check_uuid(1), found;
    s_store(journal, 1, 1);
    s_store(journal, 1, 2);
    s_note(journal, s_outcome(journal, 2, OUTBOX_DEAD));
    subject_now_ms += (int64_t)s_usual.delivery_retention_ms;
    subject_settle(journal);
    assert_int_equal(s_get(journal, 2).log, 0);
    s_count_attempts(journal, 2);
    assert_int_equal(s_attempts, 0);
    subject_now_ms += (int64_t)s_usual.retention_ms;
    subject_settle(journal);
    assert_true(journal_record(journal_reader(journal), 1, s_each_record, &found));
    s_note(journal, s_outcome(journal, 1, OUTBOX_DELIVERED));
    subject_settle(journal);
    journal_range_t range;
    journal_range(journal_reader(journal), &target, &range);
    assert_true(range.first == 3 && range.last == 2);
    assert_false(journal_record(journal_reader(journal), 1, s_each_record, &found));
    assert_int_equal(s_get(journal, 1).log, 0);
    journal_close(&journal);
}

static void test_what_is_kept_of_handlers_and_health(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_note_t note = {.kind = NOTE_HANDLER, .target = check_uuid(1), .bytes = slice_of("one")};
    journal_note(journal, &note);
    note.target = check_uuid(2);
    note.bytes = slice_of("two");
    journal_note(journal, &note);
    note.kind = NOTE_HEALTH;
    note.bytes = slice("\0\0\0\0\0\0\0\0", 8);
    journal_note(journal, &note);
    journal_close(&journal); /* takes them along */
    journal = s_open();
    assert_string_equal(kept_text(journal, journal_handlers), "1=one 2=two ");
    assert_string_equal(kept_text(journal, journal_health), "2= ");
    note.kind = NOTE_HANDLER;
    note.bytes = slice_of("");
    s_note(journal, note);
    assert_string_equal(kept_text(journal, journal_handlers), "1=one ");
    journal_close(&journal);
}

int calls_outbox_run(void)
{
    const struct CMUnitTest tests[] = {
        TEST(due_by_target_and_order),          TEST(an_outcome_that_is_tried_again),
        TEST(ends_and_what_is_revived),         TEST(attempts_are_kept_so_many_and_so_long),
        TEST(a_reply_is_stored_once),           TEST(notes_wait_for_room_and_are_not_lost),
        TEST(retention_spares_what_is_pending), TEST(what_is_kept_of_handlers_and_health),
    };
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
