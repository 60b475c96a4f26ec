/* What is written without glibc is what glibc would have written. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "gateway/http/own_sprintf.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

int checked_sprintf(char *to, int flag, size_t room, const char *format,
                    ...) __asm__("__sprintf_chk");

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        char own[256], other[256];                                                                 \
        int len = snprintf(other, sizeof other, __VA_ARGS__);                                      \
        assert_int_equal(checked_sprintf(own, 1, sizeof own, __VA_ARGS__), len);                   \
        assert_string_equal(own, other);                                                           \
        assert_int_equal(checked_sprintf(own, 1, SIZE_MAX, __VA_ARGS__), len);                     \
        assert_string_equal(own, other);                                                           \
    } while (0)

static void test_as_libh2o_asks(void **state)
{
    (void)state;
    CHECK("HTTP/1.1 %d %s\r\nConnection: %s\r\n", 204, "No Content", "keep-alive");
    CHECK("HTTP/1.1 %d %s\r\nConnection: %s\r\nContent-Length: %zu\r\n", 200, "OK", "close",
          (size_t)18446744073709551615u);
    CHECK("%d%d%d %zu%s", 0, INT_MAX, INT_MIN, (size_t)0, "");
}

static void test_what_glibc_writes(void **state)
{
    (void)state;
    CHECK("%s %02x%%", "at", 7);
    CHECK("%zx %ld %d", (size_t)255, -3l, 4);
    CHECK("%-5d|%.2s", 12, "text");
}

static void test_of_exact_length(void **state)
{
    char text[6];
    (void)state;
    assert_int_equal(checked_sprintf(text, 1, sizeof text, "%s", "12345"), 5);
    assert_string_equal(text, "12345");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_libh2o_asks),
        cmocka_unit_test(test_what_glibc_writes),
        cmocka_unit_test(test_of_exact_length),
    };
    own_sprintf_keep();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
