#include "ctl/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *s_text(const char *text)
{
    char *out = NULL;
    size_t len;
    FILE *file = open_memstream(&out, &len);
    table_text(file, text);
    fclose(file);
    return out;
}

static void test_control_characters_do_not_come_out(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"plain", "plain"},
        {"\033[2Jx\r\n\t\x7f", "?[2Jx????"},
        {"\xc2\x9b"
         "31m",
         "?31m"}, /* CSI as one C1 character */
        {"\xc2\xa9 \xc3\xbc", "\xc2\xa9 \xc3\xbc"},
        {"\xc2", "?"}, /* no UTF-8 */
        {"\x9b\u2028", "??"},
        {"a\u202egnp.exe\u2066\u061c \u2019\xe2\x80", "a?gnp.exe?? \u2019??"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = s_text(rows[i].in);
        assert_string_equal(out, rows[i].out);
        free(out);
    }
}

static void test_a_string_is_made_of_any_bytes(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"\u00fc\u20ac\U0001f600", "\u00fc\u20ac\U0001f600"},
        {"a\xff"
         "b\xc0\xaf",
         "a\ufffd"
         "b\ufffd\ufffd"},
        {"cut \xf0\x9f\x98", "cut \ufffd\ufffd\ufffd"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *string = table_string(rows[i][0]);
        assert_string_equal(json_string_value(string), rows[i][1]);
        json_decref(string);
    }
}

/* The same text for whoever parses it, without a byte that steers a terminal. */
static void test_json_steers_no_terminal(void **state)
{
    (void)state;
    char *out = NULL;
    size_t len;
    FILE *terminal = stdout;
    json_t *value = json_pack("{s:s, s:s}", "a\u202eb",
                              "\xc2\x9b"
                              "31m\u2028\x7f \u00fc\U0001f600",
                              "c", "\033[2J\n");
    stdout = open_memstream(&out, &len);
    table_json(value);
    table_json_line(value);
    fclose(stdout);
    stdout = terminal;
    const char *line = strstr(out, "}\n") + 2;
    assert_string_equal(line, "{\"a\\u202Eb\":\"\\u009B31m\\u2028\\u007F \u00fc\U0001f600\","
                              "\"c\":\"\\u001B[2J\\n\"}\n");
    json_t *read = json_loads(out, JSON_DISABLE_EOF_CHECK, NULL);
    assert_true(json_equal(read, value));
    json_decref(read);
    json_decref(value);
    free(out);
}

static void s_value(const char *json, const char *wanted)
{
    json_t *value = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    char *text = table_value(value);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(value);
}

static void test_values(void **state)
{
    (void)state;
    s_value("\"x\"", "x");
    s_value("\"\"", "-");
    s_value("\"a\\u0000b\\u0000\"", "a?b?");
    s_value("null", "-");
    s_value("true", "yes");
    s_value("false", "no");
    s_value("17", "17");
    s_value("1767323045678", "2026-01-02T03:04:05.678Z");
    s_value("[]", "");
    s_value("[\"a\", 2, null]", "a, 2, -");
    s_value("[{\"a\": 1}]", "[{\"a\":1}]");
    char *nothing = table_value(NULL);
    assert_string_equal(nothing, "-");
    free(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters_do_not_come_out),
        cmocka_unit_test(test_a_string_is_made_of_any_bytes),
        cmocka_unit_test(test_json_steers_no_terminal),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
