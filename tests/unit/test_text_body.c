/* Text in the body of a reply. */
#include "gateway/read/text_body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static char s_out[TEXT_BODY_MOST];

static void test_texts_come_out(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"\"c-1\"", "c-1"},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0001\\u001f\xc3\xa9\"", "\x01\x1f\xc3\xa9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len;
        assert_true(text_body_read(slice_of(rows[i].json), s_out, &len));
        assert_true(slice_is(slice(s_out, len), rows[i].text));
    }
}

static void test_what_is_no_text_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",           "\"",          "\"\"",        "{}",       "\"a",
        "a\"",        "\"a\"b\"",    "\"a\\\"",     "\"\\x\"",  "\"\\u\"",
        "\"\\u001\"", "\"\\u0020\"", "\"\\u00e9\"", "\"a\nb\"", "\"\\u0\\u0\""};
    size_t len;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (text_body_read(slice_of(texts[i]), s_out, &len))
            fail_msg("%s: taken", texts[i]);
    assert_false(text_body_read(slice(NULL, 0), s_out, &len));
}

static void test_the_longest(void **state)
{
    (void)state;
    char json[TEXT_BODY_MOST + 4];
    size_t len;
    memset(json, 'x', sizeof json);
    json[0] = json[TEXT_BODY_MOST + 1] = '"';
    assert_true(text_body_read(slice(json, TEXT_BODY_MOST + 2), s_out, &len));
    assert_int_equal(len, TEXT_BODY_MOST);
    json[TEXT_BODY_MOST + 1] = 'x';
    json[TEXT_BODY_MOST + 2] = '"';
    assert_false(text_body_read(slice(json, TEXT_BODY_MOST + 3), s_out, &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_come_out),
        cmocka_unit_test(test_what_is_no_text_is_refused),
        cmocka_unit_test(test_the_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
