/* The value of a hexadecimal digit, and that nothing else has one. */
#include "common/base/hex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_every_byte(void **state)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char *at = strchr(digits, c);
        int value = at ? (int)(at - digits) : -1;
        assert_int_equal(hex_digit((char)c), value > 15 ? value - 6 : value);
    }
    assert_int_equal(hex_digit('\0'), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_byte)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
