/* Escapes: each byte comes back, in either case, and what is none is told. */
#include "common/base/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_every_byte(void **state)
{
    static const char *const digits[] = {HEX_UPPER, HEX_LOWER};
    (void)state;
    for (int c = 0; c < 256; c++)
        for (unsigned i = 0; i < 2; i++) {
            char escape[PERCENT_ESCAPE], byte;
            percent_escape((char)c, digits[i], escape);
            slice_t text = slice(escape, sizeof escape);
            assert_int_equal(percent_byte(text), c);
            assert_int_equal(percent_decode(text, true, &byte), 1);
            assert_int_equal((unsigned char)byte, c);
        }
}

static void test_what_is_none(void **state)
{
    static const char *const texts[] = {"%", "%4", "%4g", "%g4", "%%41", "%0x", "a%", "% 41"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char out[8];
        assert_int_equal(percent_decode(slice_of(texts[i]), false, out), -1);
        assert_int_equal(percent_byte(slice_of(texts[i])), -1);
    }
    assert_int_equal(percent_byte(slice("", 0)), -1);
    assert_int_equal(percent_byte(slice_of("41")), -1);
}

static void test_a_plus(void **state)
{
    char out[8];
    (void)state;
    assert_int_equal(percent_decode(slice_of("a+%2B"), true, out), 3);
    assert_memory_equal(out, "a +", 3);
    assert_int_equal(percent_decode(slice_of("a+%2B"), false, out), 3);
    assert_memory_equal(out, "a++", 3);
}

static void test_unreserved(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool is = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  (c && strchr("-._~", c));
        assert_int_equal(percent_is_unreserved((char)c), is);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_a_plus),
        cmocka_unit_test(test_unreserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
