/* The log: one event, one line, whatever a sender writes. */
#include "child.h"
#include "common/log/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void s_log_one(void *arg)
{
    log_open("postern-authd", LOG_INFO);
    log_warn("link.malformed", "peer=%s n=%d", LOG_Q((const char *)arg), 7);
}

static void test_line(void **state)
{
    (void)state;
    char text[1024];
    assert_int_equal(child_run(s_log_one, (void *)"gateway-0.1", text, sizeof text), 0);
    assert_int_equal(text[4], '-');
    assert_int_equal(text[23], 'Z');
    assert_int_equal(strncmp(text + 24, " postern-authd[", 15), 0);
    assert_non_null(strstr(text, "] warn event=link.malformed peer=\"gateway-0.1\" n=7\n"));
}

static void s_all_levels(void *arg)
{
    log_open("p", (log_level_t)log_level_of(arg));
    log_debug("e.debug", "a=%d", 1);
    log_info("e.info", "a=%d", 1);
    log_warn("e.warn", "a=%d", 1);
    log_error("e.error", "a=%d", 1);
}

static void test_levels(void **state)
{
    (void)state;
    static const char *const names[] = {"debug", "info", "warn", "error"};
    for (int i = 0; i < 4; i++) {
        char text[1024];
        assert_int_equal(log_level_of(names[i]), i);
        assert_int_equal(child_run(s_all_levels, (void *)names[i], text, sizeof text), 0);
        for (int j = 0; j < 4; j++) {
            char event[32];
            snprintf(event, sizeof event, " %s event=e.%s a=1\n", names[j], names[j]);
            assert_int_equal(strstr(text, event) != NULL, j >= i);
        }
    }
    assert_int_equal(log_level_of("loud"), -1);
    assert_int_equal(log_level_of(""), -1);
    assert_int_equal(log_level_of("INFO"), -1);
}

static void test_quoting(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
        const char *quoted;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain text", 10, "\"plain text\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"nul\0byte", 8, "\"nul\\x00byte\""},
        {"\x1b[2J\x7f", 5, "\"\\x1b[2J\\x7f\""},
        {"\xff\xfe", 2, "\"\\xff\\xfe\""},
        {"\xc2\x85", 2, "\"\\xc2\\x85\""},
        {"\xe2\x80\xa8", 3, "\"\\xe2\\x80\\xa8\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(log_quote(cases[i].data, cases[i].len), cases[i].quoted);
    assert_null(strchr(LOG_Q("a\nb\rc"), '\n'));
    assert_null(strchr(LOG_Q("a\nb\rc"), '\r'));
}

static void test_quote_is_cut_and_rotates(void **state)
{
    (void)state;
    char longest[1000];
    memset(longest, 0xff, sizeof longest);
    const char *quoted = log_quote(longest, sizeof longest);
    assert_true(strlen(quoted) < 1000);
    assert_string_equal(quoted + strlen(quoted) - 4, "...\"");
    memset(longest, 'a', sizeof longest);
    assert_null(strstr(log_quote(longest, 200), "..."));
    assert_non_null(strstr(log_quote(longest, 201), "..."));

    const char *eight[8];
    for (int i = 0; i < 8; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        eight[i] = LOG_Q(name);
    }
    for (int i = 0; i < 8; i++)
        assert_int_equal(eight[i][1], 'a' + i);
}

static const char s_forged[] =
    "x\" peer=\"y\"\n2026-01-02T03:04:05.678Z postern-authd[1] error event=forged a=\"";

static void s_log_unquoted(void *arg)
{
    log_info("a.b", "forgotten=%s", (const char *)arg);
}

static size_t s_lines(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void test_no_line_can_be_forged(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(child_run(s_log_one, (void *)s_forged, text, sizeof text), 0);
    assert_int_equal(s_lines(text), 1);
    assert_non_null(strstr(text, "peer=\"x\\\" peer=\\\"y\\\""));
    assert_int_equal(child_run(s_log_unquoted, (void *)s_forged, text, sizeof text), 0);
    assert_int_equal(s_lines(text), 1);
    assert_int_equal(child_run(s_log_unquoted, (void *)"\x1b[2J\r", text, sizeof text), 0);
    assert_null(strchr(text, '\x1b'));
    assert_null(strchr(text, '\r'));
}

static void s_log_long(void *arg)
{
    (void)arg;
    char longest[9000];
    memset(longest, 'z', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    log_info("a.long", "text=%s", longest);
}

static void test_a_long_line_is_cut(void **state)
{
    (void)state;
    char text[9999];
    assert_int_equal(child_run(s_log_long, NULL, text, sizeof text), 0);
    assert_int_equal(s_lines(text), 1);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_in_range(strlen(text), 1000, 4096);
}

static void s_at_exit(void)
{
    fputs("handler\n", stderr);
}

static void s_fatal(void *arg)
{
    atexit(s_at_exit);
    log_fatal(*(int *)arg, "a.fatal", "err=%s", LOG_Q("no room"));
}

/* Handlers of exit would wait for, or race with, threads that still run. */
static void test_fatal_exits_at_once(void **state)
{
    (void)state;
    char text[1024];
    int config = EXIT_CONFIG, fault = EXIT_FAULT;
    assert_int_equal(child_run(s_fatal, &config, text, sizeof text), 78);
    assert_non_null(strstr(text, " error event=a.fatal err=\"no room\"\n"));
    assert_null(strstr(text, "handler"));
    assert_int_equal(child_run(s_fatal, &fault, text, sizeof text), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_quoting),
        cmocka_unit_test(test_quote_is_cut_and_rotates),
        cmocka_unit_test(test_no_line_can_be_forged),
        cmocka_unit_test(test_a_long_line_is_cut),
        cmocka_unit_test(test_fatal_exits_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
