/* URLs of streams: what their MAC holds together. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "authd/judge/shared.h"

#include <string.h>

static const uint8_t s_key[SHARED_KEY] = {1}, s_other[SHARED_KEY] = {2};

static void test_it_comes_back_as_it_was(void **state)
{
    char text[SHARED_TEXT];
    shared_t made = {.ends_ms = 1764374400000}, read;
    slice_t targets = slice_of("channel:a");
    const slice_t *const of[] = {NULL, &targets};
    (void)state;
    memset(made.token.bytes, 7, UUID_BYTES);
    for (unsigned i = 0; i < 2; i++) {
        shared_make(s_key, &made, of[i], text);
        assert_int_equal(strlen(text), SHARED_TEXT - 1);
        assert_true(shared_read(s_key, slice_of(text), of[i], &read));
        assert_true(uuid_eq(&read.token, &made.token) && read.ends_ms == made.ends_ms);
        assert_false(shared_read(s_key, slice_of(text), of[1 - i], &read));
        assert_false(shared_read(s_other, slice_of(text), of[i], &read));
    }
}

static void test_what_was_changed_is_none(void **state)
{
    char text[SHARED_TEXT];
    shared_t made = {.ends_ms = 1764374400000}, read;
    slice_t targets = slice_of("channel:a"), others = slice_of("channel:b"), none = slice("", 0);
    (void)state;
    shared_make(s_key, &made, &targets, text);
    assert_false(shared_read(s_key, slice_of(text), &others, &read));
    assert_false(shared_read(s_key, slice_of(text), &none, &read));
    for (size_t len = 0; len < SHARED_TEXT - 1; len++)
        assert_false(shared_read(s_key, slice(text, len), &targets, &read));
    for (size_t i = 0; i < SHARED_TEXT - 1; i++) {
        char was = text[i];
        text[i] = was == 'A' ? 'B' : 'A';
        assert_false(shared_read(s_key, slice_of(text), &targets, &read));
        text[i] = was;
    }
    assert_true(shared_read(s_key, slice_of(text), &targets, &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_comes_back_as_it_was),
        cmocka_unit_test(test_what_was_changed_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
