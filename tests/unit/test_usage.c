#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/judge/usage.h"

#include <stdlib.h>

typedef struct {
    uuid_t7 id;
    unsigned calls;
    uint64_t count, last_ms;
    size_t target_len;
} seen_t;

static void s_see(void *arg, const uuid_t7 *id, const token_use_t *use)
{
    seen_t *seen = arg;
    seen->calls++;
    seen->count += use->count;
    if (uuid_eq(id, &seen->id)) {
        seen->last_ms = use->last_ms;
        seen->target_len = use->target.len;
    }
}

static void rows_are_gathered_and_handed_over_once(void **state)
{
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.last_ms = 0};
    uuid_new(&seen.id);
    usage_note(usage, &seen.id, 10, 1, slice_of("10.0.0.1"), "bot", slice_of("a"));
    usage_note(usage, &seen.id, 11, 0, slice_of("10.0.0.1"), "bot", slice_of("bb"));
    usage_note(usage, &seen.id, 12, 1, slice_of("10.0.0.1"), "bot", slice_of("ccc"));
    usage_note(usage, &seen.id, 9, 0, slice_of("10.0.0.1"), "bot",
               slice_of("a")); /* again on the first */
    assert_int_equal(usage_take(usage, s_see, &seen), 0);
    usage_hand_over(usage);
    assert_int_equal(usage_take(usage, s_see, &seen), 3); /* a row for each target */
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.last_ms, 12);
    assert_int_equal(seen.target_len, 3);
    assert_int_equal(usage_take(usage, s_see, &seen), 0);
    usage_destroy(&usage);
}

static void a_slow_writer_loses_nothing(void **state)
{
    enum { TOKENS = USAGE_ROWS };
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.calls = 0};
    for (unsigned i = 0; i < TOKENS; i++) {
        uuid_t7 id;
        uuid_new(&id);
        usage_note(usage, &id, i, 1, slice_of(""), "bot", slice_of(""));
        if (i % 100 == 0)
            usage_hand_over(usage); /* the second and later ones find the first not taken */
    }
    usage_take(usage, s_see, &seen);
    usage_hand_over(usage);
    usage_take(usage, s_see, &seen);
    assert_int_equal(seen.calls, TOKENS);
    assert_int_equal(seen.count, TOKENS);
    usage_destroy(&usage);
}

static void s_note_many(usage_t *usage, uuid_t7 *ids, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        usage_note(usage, &ids[i], i, 1, slice_of(""), "bot", slice_of(""));
}

static void many_tokens_are_written_in_turns(void **state)
{
    enum { TOKENS = USAGE_ROWS * 3 / 2, MANY = USAGE_ROWS * USAGE_TURNS * 2 };
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.calls = 0};
    uuid_t7 *ids = malloc(MANY * sizeof *ids);
    assert_non_null(ids);
    for (unsigned i = 0; i < MANY; i++)
        uuid_new(&ids[i]);
    s_note_many(usage, ids, TOKENS);
    usage_hand_over(usage);
    assert_int_equal(usage_take(usage, s_see, &seen), USAGE_ROWS);
    s_note_many(usage, ids, 10);
    usage_hand_over(usage); /* the last is not all written yet */
    assert_int_equal(usage_take(usage, s_see, &seen), TOKENS - USAGE_ROWS);
    assert_int_equal(usage_take(usage, s_see, &seen), 0);
    usage_hand_over(usage);
    assert_int_equal(usage_take(usage, s_see, &seen), 10);
    assert_int_equal(seen.count, TOKENS + 10);
    /* However many there are, they are written in so many turns. */
    s_note_many(usage, ids, MANY);
    usage_hand_over(usage);
    unsigned turns = 0;
    while (usage_take(usage, s_see, &seen) > 0)
        turns++;
    assert_int_equal(turns, USAGE_TURNS);
    assert_int_equal(seen.count, TOKENS + 10 + MANY);
    free(ids);
    usage_destroy(&usage);
}

static void an_end_takes_all(void **state)
{
    enum { TOKENS = 3 * USAGE_ROWS };
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.calls = 0};
    uuid_t7 id;
    for (unsigned i = 0; i < TOKENS; i++) {
        uuid_new(&id);
        usage_note(usage, &id, i, 1, slice_of(""), "bot", slice_of(""));
    }
    usage_hand_over(usage);
    assert_int_equal(usage_take(usage, s_see, &seen), USAGE_ROWS);
    assert_int_equal(usage_take_all(usage, s_see, &seen), TOKENS - USAGE_ROWS);
    assert_int_equal(usage_take_all(usage, s_see, &seen), 0);
    assert_int_equal(seen.count, TOKENS);
    usage_destroy(&usage);
}

static void long_texts_are_cut(void **state)
{
    static const char text[1000] = "x";
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.calls = 0};
    uuid_new(&seen.id);
    usage_note(usage, &seen.id, 1, 1, slice(text, sizeof text), "bot", slice(text, sizeof text));
    usage_hand_over(usage);
    usage_take(usage, s_see, &seen);
    assert_int_equal(seen.target_len, TOKEN_TARGET_MOST);
    usage_destroy(&usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_gathered_and_handed_over_once),
        cmocka_unit_test(a_slow_writer_loses_nothing),
        cmocka_unit_test(many_tokens_are_written_in_turns),
        cmocka_unit_test(an_end_takes_all),
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
