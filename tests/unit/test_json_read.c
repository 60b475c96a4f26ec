/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "ctl/json_read.h"

#include <stdlib.h>
#include <string.h>

/* What is read of TEXT, as jansson writes it; "" for what is no JSON. */
static void s_expect(const char *text, const char *wanted)
{
    json_t *value = json_read(text, strlen(text));
    char *dump = value ? json_dumps(value, JSON_COMPACT) : strdup("");
    assert_string_equal(dump, wanted);
    free(dump);
    json_decref(value);
}

static void test_what_jansson_holds_is_as_it_came(void **state)
{
    (void)state;
    s_expect("{\"a\":[1,-2,9223372036854775807,true,null,\"x\"]}",
             "{\"a\":[1,-2,9223372036854775807,true,null,\"x\"]}");
    s_expect("[\"a\\u0000b\"]", "[\"a\\u0000b\"]");
}

static void test_numbers_without_a_place_become_strings(void **state)
{
    (void)state;
    s_expect("[18446744073709551615, 7,-9223372036854775809 ,1e400,-1e400]",
             "[\"18446744073709551615\",7,\"-9223372036854775809\",\"1e400\",\"-1e400\"]");
    s_expect("{\"9223372036854775808\":\"9223372036854775808 \\\" 1e400\",\"a\":1e999}",
             "{\"9223372036854775808\":\"9223372036854775808 \\\" 1e400\",\"a\":\"1e999\"}");
}

static void test_a_nul_in_a_name_becomes_the_replacement(void **state)
{
    (void)state;
    s_expect("{\"a\\u0000b\" : \"\\u0000\",\"\\\\u0000\":[\"\\\\\\u0000\"]}",
             "{\"a\xef\xbf\xbd"
             "b\":\"\\u0000\",\"\\\\u0000\":[\"\\\\\\u0000\"]}");
}

static void test_what_is_no_json_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",         "{",          "nonsense",   "[1e400",
        "[1e400,]", "[1e400 \"a", "[1e400\"\\", "[99999999999999999999-]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        s_expect(texts[i], "");
    assert_null(json_read(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_jansson_holds_is_as_it_came),
        cmocka_unit_test(test_numbers_without_a_place_become_strings),
        cmocka_unit_test(test_a_nul_in_a_name_becomes_the_replacement),
        cmocka_unit_test(test_what_is_no_json_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
