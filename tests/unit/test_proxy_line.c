/* The PROXY line, whole, in pieces and wrong, over a real pair of sockets. */
#include "gateway/http/proxy_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

static int s_ends[2];

static void s_pair(void)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s_ends), 0);
}

static void s_unpair(void)
{
    close(s_ends[0]);
    close(s_ends[1]);
}

static void s_say(const char *text)
{
    assert_int_equal(send(s_ends[1], text, strlen(text), 0), strlen(text));
}

static void s_is(const address_t *address, const char *expected)
{
    char text[ADDRESS_TEXT];
    address_text(address, text);
    assert_string_equal(text, expected);
}

static void test_a_line_names_the_client_and_nothing_behind_it_is_taken(void **state)
{
    proxy_line_t line = {.len = 0};
    address_t client;
    const char *reason;
    char rest[32] = "";
    (void)state;
    s_pair();
    s_say("PROXY TCP4 203.0.113.9 10.0.0.1 51234 443\r\nGET / HTTP/1.1\r\n");
    assert_int_equal(proxy_line_read(&line, s_ends[0], &client, &reason), PROXY_LINE_CLIENT);
    s_is(&client, "203.0.113.9");
    assert_int_equal(recv(s_ends[0], rest, sizeof rest - 1, 0), 16);
    assert_string_equal(rest, "GET / HTTP/1.1\r\n");
    s_unpair();
}

static void test_a_line_comes_byte_by_byte(void **state)
{
    static const char text[] = "PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n";
    proxy_line_t line = {.len = 0};
    address_t client;
    const char *reason;
    (void)state;
    s_pair();
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char byte[2] = {text[i], '\0'};
        assert_int_equal(proxy_line_read(&line, s_ends[0], &client, &reason), PROXY_LINE_MORE);
        s_say(byte);
        proxy_line_result_t got = proxy_line_read(&line, s_ends[0], &client, &reason);
        assert_int_equal(got, i + 2 == sizeof text ? PROXY_LINE_CLIENT : PROXY_LINE_MORE);
    }
    s_is(&client, "2001:db8::7");
    s_unpair();
}

static void test_what_is_no_line_is_told_at_once(void **state)
{
    static const char endless[] =
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char *const texts[] = {
        "G",
        "POST / HTTP/1.1\r\n",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "\r\n\r\n\0\r\nQUIT\n\x21\x11",
        endless,
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        proxy_line_t line = {.len = 0};
        address_t client;
        const char *reason = NULL;
        s_pair();
        s_say(texts[i]);
        assert_int_equal(proxy_line_read(&line, s_ends[0], &client, &reason), PROXY_LINE_BAD);
        assert_non_null(strstr(reason, "PROXY line"));
        s_unpair();
    }
}

static void test_an_end_before_the_line_is_bad(void **state)
{
    proxy_line_t line = {.len = 0};
    address_t client;
    const char *reason;
    (void)state;
    s_pair();
    s_say("PROXY TC");
    assert_int_equal(proxy_line_read(&line, s_ends[0], &client, &reason), PROXY_LINE_MORE);
    shutdown(s_ends[1], SHUT_WR);
    assert_int_equal(proxy_line_read(&line, s_ends[0], &client, &reason), PROXY_LINE_BAD);
    s_unpair();
}

static void test_the_words_of_a_line(void **state)
{
    static const struct {
        const char *text;
        proxy_line_result_t result;
    } rows[] = {
        {"PROXY TCP4 1.2.3.4 5.6.7.8 0 65535", PROXY_LINE_CLIENT},
        {"PROXY UNKNOWN", PROXY_LINE_UNKNOWN},
        {"PROXY UNKNOWN ::1 ::1 1 2", PROXY_LINE_UNKNOWN},
        {"PROXY ", PROXY_LINE_BAD},
        {"PROXY TCP4", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 ", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3", PROXY_LINE_BAD},
        {"PROXY TCP4  1.2.3.4 5.6.7.8 1 2", PROXY_LINE_BAD},
        {"PROXY TCP4 ::1 ::1 1 2", PROXY_LINE_BAD},
        {"PROXY TCP6 1.2.3.4 5.6.7.8 1 2", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3 5.6.7.8 1 2", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4:5 5.6.7.8 1 2", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 01 2", PROXY_LINE_BAD},
        {"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2", PROXY_LINE_BAD},
        {"PROXY UDP4 1.2.3.4 5.6.7.8 1 2", PROXY_LINE_BAD},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        address_t client;
        const char *reason;
        if (proxy_line_parse(slice_of(rows[i].text), &client, &reason) != rows[i].result)
            fail_msg("%s", rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_names_the_client_and_nothing_behind_it_is_taken),
        cmocka_unit_test(test_a_line_comes_byte_by_byte),
        cmocka_unit_test(test_what_is_no_line_is_told_at_once),
        cmocka_unit_test(test_an_end_before_the_line_is_bad),
        cmocka_unit_test(test_the_words_of_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
