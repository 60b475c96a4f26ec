/* What becomes of an item of the outbox. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "workers/journal/outbox_next.h"

static void s_assert_is(outbox_course_t is, outbox_course_t expected)
{
    assert_int_equal(is.state, expected.state);
    assert_int_equal(is.made, expected.made);
    assert_int_equal(is.attempts, expected.attempts);
    assert_int_equal(is.order, expected.order);
    assert_int_equal(is.due_ms, expected.due_ms);
    assert_int_equal(is.first_ms, expected.first_ms);
    assert_int_equal(is.done_ms, expected.done_ms);
}

static const outbox_course_t s_tried = {.state = OUTBOX_PENDING,
                                        .made = 3,
                                        .attempts = 5,
                                        .order = 100,
                                        .due_ms = 200,
                                        .first_ms = 110};

static void it_begins_pending_and_due(void **state)
{
    (void)state;
    s_assert_is(outbox_first(100),
                (outbox_course_t){.state = OUTBOX_PENDING, .order = 100, .due_ms = 100});
}

static void the_first_attempt_is_noted(void **state)
{
    outbox_course_t first = outbox_first(100);
    journal_note_t note = {.kind = NOTE_OUTCOME,
                           .state = OUTBOX_PENDING,
                           .due_ms = 500,
                           .now_ms = 120,
                           .attempted = true};
    (void)state;
    outbox_course_t expected = {.state = OUTBOX_PENDING,
                                .made = 1,
                                .attempts = 1,
                                .order = 500,
                                .due_ms = 500,
                                .first_ms = 120};
    s_assert_is(outbox_next(&first, &note), expected);
}

static void it_waits_behind_others_or_keeps_its_place(void **state)
{
    journal_note_t note = {.kind = NOTE_OUTCOME,
                           .state = OUTBOX_PENDING,
                           .due_ms = 900,
                           .now_ms = 300,
                           .attempted = true};
    outbox_course_t expected = s_tried;
    (void)state;
    expected.made = 4;
    expected.attempts = 6;
    expected.due_ms = expected.order = 900;
    s_assert_is(outbox_next(&s_tried, &note), expected);
    note.keeps_place = true;
    expected.order = 100;
    s_assert_is(outbox_next(&s_tried, &note), expected);
}

static void it_ends_with_an_attempt_or_without(void **state)
{
    static const outbox_state_t ends[] = {OUTBOX_DELIVERED, OUTBOX_DEAD};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool attempted = i % 2;
        journal_note_t note = {.kind = NOTE_OUTCOME,
                               .state = ends[i / 2],
                               .due_ms = 999,
                               .now_ms = 300,
                               .attempted = attempted};
        outbox_course_t expected = s_tried;
        expected.state = ends[i / 2];
        expected.made += attempted;
        expected.attempts += attempted;
        expected.done_ms = 300;
        s_assert_is(outbox_next(&s_tried, &note), expected);
    }
}

static void it_is_revived_as_if_none_had_been_made(void **state)
{
    outbox_course_t dead = s_tried;
    journal_note_t note = {.kind = NOTE_REVIVE, .now_ms = 1000};
    (void)state;
    dead.state = OUTBOX_DEAD;
    dead.done_ms = 700;
    outbox_course_t expected = {
        .state = OUTBOX_PENDING, .attempts = 5, .order = 1000, .due_ms = 1000, .done_ms = 700};
    s_assert_is(outbox_next(&dead, &note), expected);
}

/* What is stored of them has 16 bits. */
static void its_attempts_are_counted_to_an_end(void **state)
{
    outbox_course_t item = s_tried;
    journal_note_t note = {.kind = NOTE_OUTCOME, .state = OUTBOX_PENDING, .attempted = true};
    (void)state;
    item.made = UINT16_MAX;
    outbox_course_t next = outbox_next(&item, &note);
    assert_int_equal(next.made, UINT16_MAX);
    assert_int_equal(next.attempts, 6);
    assert_int_equal(next.first_ms, 110);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_pending_and_due),
        cmocka_unit_test(the_first_attempt_is_noted),
        cmocka_unit_test(it_waits_behind_others_or_keeps_its_place),
        cmocka_unit_test(it_ends_with_an_attempt_or_without),
        cmocka_unit_test(it_is_revived_as_if_none_had_been_made),
        cmocka_unit_test(its_attempts_are_counted_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
