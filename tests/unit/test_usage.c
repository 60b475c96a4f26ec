#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/usage.h"

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
    usage_note(usage, &seen.id, 10, 1, slice_of("10.0.0.1"), slice_of("a"));
    usage_note(usage, &seen.id, 11, 0, slice_of("10.0.0.1"), slice_of("bb"));
    usage_note(usage, &seen.id, 12, 1, slice_of("10.0.0.1"), slice_of("ccc"));
    assert_int_equal(usage_take(usage, s_see, &seen), 0);
    usage_hand_over(usage);
    assert_int_equal(usage_take(usage, s_see, &seen), 1);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.last_ms, 12);
    assert_int_equal(seen.target_len, 3);
    assert_int_equal(usage_take(usage, s_see, &seen), 0);
    usage_destroy(&usage);
}

static void a_slow_writer_loses_nothing(void **state)
{
    enum { TOKENS = 3000 };
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.calls = 0};
    for (unsigned i = 0; i < TOKENS; i++) {
        uuid_t7 id;
        uuid_new(&id);
        usage_note(usage, &id, i, 1, slice_of(""), slice_of(""));
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

static void long_texts_are_cut(void **state)
{
    static const char text[1000] = "x";
    (void)state;
    usage_t *usage = usage_new();
    seen_t seen = {.calls = 0};
    uuid_new(&seen.id);
    usage_note(usage, &seen.id, 1, 1, slice(text, sizeof text), slice(text, sizeof text));
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
        cmocka_unit_test(long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
