#include "gateway/read/client_address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static address_t s_address(const char *text)
{
    address_t address;
    assert_true(address_parse(slice_of(text), &address));
    return address;
}

/* The client as text, seen from PEER with one X-Forwarded-For line; "nobody" when it is unknown. */
static const char *s_client(const char *cidrs, const char *peer, const char *forwarded)
{
    static char text[ADDRESS_TEXT];
    char err[200];
    address_t from = s_address(peer);
    networks_t *trusted = networks_new(cidrs, err, sizeof err);
    assert_non_null(trusted);
    slice_t line = slice_of(forwarded);
    address_t client;
    bool known = client_address(trusted, &from, &line, 1, &client);
    networks_destroy(&trusted);
    if (!known)
        return "nobody";
    address_text(&client, text);
    return text;
}

static void test_example(void **state)
{
    (void)state;
    assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", "203.0.113.9, 10.4.5.6"), "203.0.113.9");
}

/* What a sender writes itself stands to the left of what the proxy adds. */
static void test_spoofed(void **state)
{
    (void)state;
    assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", "127.0.0.1, 198.51.100.7"),
                        "198.51.100.7");
    assert_string_equal(s_client("10.0.0.0/8", "198.51.100.7", "127.0.0.1"), "198.51.100.7");
    assert_string_equal(s_client("", "198.51.100.7", "127.0.0.1"), "198.51.100.7");
    assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", ""), "10.1.2.3");
    assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", "10.3.3.3,10.2.2.2"), "10.3.3.3");
}

/* A trusted proxy that names no address has not said that it is the client itself. */
static void test_not_an_address(void **state)
{
    static const char *const lines[] = {
        "garbage", "1.2.3.4, unknown", "1.2.3.4, nonsense, 10.9.9.9",
        "_hidden", "1.2.3.4:x:y",      "\"203.0.113.5\""};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", lines[i]), "nobody");
    assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", "unknown, 198.51.100.7"),
                        "198.51.100.7");
    assert_string_equal(s_client("10.0.0.0/8", "198.51.100.7", "unknown"), "198.51.100.7");
}

/* RFC 9110 §5.6.1: elements without anything in them do not count. */
static void test_empty_elements(void **state)
{
    static const char *const lines[] = {"203.0.113.5,", "203.0.113.5, ,\t, ",
                                        ",203.0.113.5,,10.1.1.1,"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", lines[i]), "203.0.113.5");
    assert_string_equal(s_client("10.0.0.0/8", "10.1.2.3", " , ,"), "10.1.2.3");
}

static void test_several_lines(void **state)
{
    char err[200], text[ADDRESS_TEXT];
    networks_t *trusted = networks_new("10.0.0.0/8", err, sizeof err);
    address_t peer = s_address("10.0.0.1");
    slice_t lines[] = {slice_of("1.1.1.1"), slice_of("2.2.2.2, 10.0.0.2"), slice_of("10.0.0.3")};
    address_t client;
    (void)state;
    assert_true(client_address(trusted, &peer, lines, 3, &client));
    address_text(&client, text);
    assert_string_equal(text, "2.2.2.2");
    networks_destroy(&trusted);
}

static void test_ipv6(void **state)
{
    (void)state;
    assert_string_equal(s_client("2001:db8::/32 ::1", "2001:db8::5", "2001:dead::1"),
                        "2001:dead::1");
    assert_string_equal(s_client("2001:db8::/32", "2001:db9::5", "9.9.9.9"), "2001:db9::5");
    assert_string_equal(s_client("10.0.0.0/8", "::ffff:10.0.0.1", "[2001:db8::7]:443"),
                        "2001:db8::7");
    assert_string_equal(s_client("10.0.0.0/8", "10.0.0.1", "203.0.113.9:5555"), "203.0.113.9");
}

/* Who has one address of an IPv6 network has all of it; IPv4 ones are one sender's each. */
static void test_what_one_sender_has(void **state)
{
    static const char *const rows[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"2001:db8:1:2::", "2001:db8:1:2::"},
        {"::1", "::"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        address_t address = s_address(rows[i][0]), wanted = s_address(rows[i][1]);
        address_t sender = address_sender(&address);
        assert_true(address_eq(&sender, &wanted));
    }
}

static void test_networks(void **state)
{
    char err[200];
    (void)state;
    networks_t *trusted = networks_new(" 192.0.2.128/25, 0.0.0.0/32 ", err, sizeof err);
    static const struct {
        const char *address;
        bool inside;
    } rows[] = {{"192.0.2.127", false}, {"192.0.2.128", true}, {"192.0.2.255", true},
                {"192.0.3.128", false}, {"0.0.0.0", true},     {"::", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        address_t address = s_address(rows[i].address);
        assert_int_equal(networks_has(trusted, &address), rows[i].inside);
    }
    networks_destroy(&trusted);
    address_t any = s_address("8.8.8.8"), six = s_address("2001:db8::1");
    trusted = networks_new("0.0.0.0/0", err, sizeof err);
    assert_true(networks_has(trusted, &any));
    assert_false(networks_has(trusted, &six));
    networks_destroy(&trusted);
}

static void test_bad_networks(void **state)
{
    static const char *const bad[] = {
        "10.0.0.0/33", "10.0.0.0/",    "10.0.0/8",      "x",           "2001:db8::/129",
        "10.0.0.0/-1", "10.0.0.0/08x", "10.0.0.1:80/8", "10.0.0.1:80", "[2001:db8::1]/64"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char err[200] = "";
        assert_null(networks_new(bad[i], err, sizeof err));
        assert_non_null(strstr(err, bad[i]));
    }
}

static void test_networks_are_written(void **state)
{
    static const char *const rows[][2] = {
        {"10.0.0.0/8", "10.0.0.0/8"},
        {"192.0.2.1", "192.0.2.1/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"::/0", "::/0"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        network_t network;
        char text[NETWORK_TEXT];
        assert_true(network_parse(slice_of(rows[i][0]), &network));
        assert_int_equal(network_text(&network, text), strlen(rows[i][1]));
        assert_string_equal(text, rows[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_spoofed),
        cmocka_unit_test(test_not_an_address),
        cmocka_unit_test(test_empty_elements),
        cmocka_unit_test(test_several_lines),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_what_one_sender_has),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_bad_networks),
        cmocka_unit_test(test_networks_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
