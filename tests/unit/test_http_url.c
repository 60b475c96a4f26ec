#include "common/base/http_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static http_url_t s_url(const char *text)
{
    http_url_t url;
    char err[200] = "";
    if (!http_url_parse(slice_of(text), &url, err, sizeof err))
        fail_msg("%s: %s", text, err);
    return url;
}

static void test_example(void **state)
{
    (void)state;
    http_url_t url = s_url("https://Hooks.example.com:8443/a/b?c=d%20e");
    assert_true(url.tls);
    assert_false(url.is_address);
    assert_int_equal(url.port, 8443);
    assert_string_equal(url.host, "hooks.example.com");
    assert_true(slice_is(url.target, "/a/b?c=d%20e"));
}

static void test_taken(void **state)
{
    static const struct {
        const char *text, *host, *target;
        unsigned port;
        bool is_address;
    } rows[] = {
        {"http://a", "a", "", 80, false},
        {"HTTPS://A.B/", "a.b", "/", 443, false},
        {"http://my_handler:80?x=1", "my_handler", "?x=1", 80, false},
        {"http://xn--bcher-kva.example/%E2%9C%93", "xn--bcher-kva.example", "/%E2%9C%93", 80,
         false},
        {"http://192.0.2.1:65535/", "192.0.2.1", "/", 65535, true},
        {"http://[2001:DB8::1]:1/x", "2001:DB8::1", "/x", 1, true},
        {"http://[::ffff:127.0.0.1]", "::ffff:127.0.0.1", "", 80, true},
        {"http://1.2.3.4.example", "1.2.3.4.example", "", 80, false},
        {"http://127.0.0.1.nip.io/", "127.0.0.1.nip.io", "/", 80, false},
        {"http://a-b.c/;p='(1)'*!$&,=:@~._-", "a-b.c", "/;p='(1)'*!$&,=:@~._-", 80, false},
        {"http://0xcafe.example", "0xcafe.example", "", 80, false},
        {"http://127.0.0.1e0", "127.0.0.1e0", "", 80, false},
        {"http://a/?u=http://b?c", "a", "/?u=http://b?c", 80, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        http_url_t url = s_url(rows[i].text);
        assert_string_equal(url.host, rows[i].host);
        assert_true(slice_is(url.target, rows[i].target));
        assert_int_equal(url.port, rows[i].port);
        assert_int_equal(url.is_address, rows[i].is_address);
    }
}

/* What other readers of URLs were fooled with. */
static const char *const s_refused[] = {
    /* schemes */
    "", "http", "http:", "http:/a", "//a", "a", "ftp://a/", "file:///etc/passwd", "gopher://a/_",
    "dict://a:11211/", "httpx://a", "http ://a", " http://a", "jar:http://a!/", "http:a",
    "https:/a", "netdoc:///etc/passwd", "javascript:alert(1)", "unix:///run/x", "http+unix://x/",
    /* no host, or a wrong one */
    "http://", "http:///", "http:///a", "http://:80/", "http://?a", "http://#a", "http://.",
    "http://..", "http://a..b", "http://.a", "http://a.", "http://a./", "http://localhost.",
    "http://127.0.0.1.", "http://-a", "http://a-", "http://a.-b.c", "http://a-.b", "http://a b/",
    "http://a\tb", "http://a\nb", "http://a\r\nHost: b/", "http://a\\b", "http://a\\@b/",
    "http://%61", "http://127.0.0.1%00.a/", "http://a%2f@b", "http://\xc3\xa9.example",
    "http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1", "http://\xe3\x80\x82",
    "http://a\xe3\x80\x82z", "http://a,b", "http://a;b", "http://a&b", "http://*", "http://a*b",
    "http://{a}", "http://a\"",
    /* user names */
    "http://user@a", "http://user:pass@a/", "http://@a", "http://a@127.0.0.1",
    "http://127.0.0.1:80@a", "http://a:80#@b/", "http://a?@b#",
    "http://1.1.1.1 &@2.2.2.2# @3.3.3.3/", "http://a#@b", "http://a:b@c:80/",
    /* addresses as inet_aton reads them */
    "http://0177.1/", "http://0177.0.0.1/", "http://0x7f.1/", "http://0x7f.0.0.1",
    "http://0x7f000001/", "http://2130706433/", "http://520968996/", "http://017700000001",
    "http://127.1", "http://127.0.1", "http://0", "http://0/", "http://1", "http://127.0.0.01",
    "http://127.0.0.001", "http://00.0.0.0", "http://256.0.0.1", "http://127.0.0.256",
    "http://1.2.3", "http://1.2.3.4.5", "http://0x7f.0x0.0x0.0x1", "http://0XA9FEA9FE/",
    "http://2852039166/", "http://0251.0376.0251.0376/", "http://169.254.43518/",
    "http://425.510.425.510/", "http://7147006462/", "http://0xA9.0xFE.0xA9.0xFE/", "http://a.0x1",
    "http://a.1", "http://a.0x",
    /* IPv6 */
    "http://[", "http://]", "http://[]", "http://[]/", "http://[::1", "http://::1/",
    "http://[::1]a", "http://[::1]]", "http://[[::1]]", "http://[::1%25eth0]/",
    "http://[fe80::1%eth0]/", "http://[127.0.0.1]", "http://[::g]",
    "http://[::1]:", "http://[::1]:0", "http://[:::1]", "http://[1:2:3:4:5:6:7:8:9]",
    "http://[::ffff:0177.1]", "http://[::ffff:256.0.0.1]", "http://[v1.a]", "http://a[::1]",
    "http://[::1 ]", "http://[0000000000000000000000000000000000000000000000001::1]",
    /* ports */
    "http://a:", "http://a:/", "http://a:0", "http://a:65536", "http://a:99999", "http://a:080",
    "http://a:80a", "http://a:-1", "http://a:+80", "http://a: 80", "http://a:80:80", "http://a:8 0",
    "http://a:0x50", "http://a:4294967376",
    /* paths */
    "http://a/ b", "http://a/\r\nX: y", "http://a/\x7f", "http://a/\x80", "http://a/%",
    "http://a/%4", "http://a/%zz", "http://a/#b", "http://a/?#", "http://a/\"", "http://a/<",
    "http://a/>", "http://a/\\", "http://a/^", "http://a/`", "http://a/{b}", "http://a/|",
    "http://a/[b]", "http://a/\t"};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_refused / sizeof *s_refused; i++) {
        http_url_t url;
        char err[200] = "";
        if (http_url_parse(slice_of(s_refused[i]), &url, err, sizeof err))
            fail_msg("taken: %s", s_refused[i]);
        assert_true(strlen(err) > 10);
    }
    http_url_t url;
    char err[200];
    assert_false(http_url_parse(slice("http://a\0b/", 11), &url, err, sizeof err));
    assert_false(http_url_parse(slice(NULL, 0), &url, err, sizeof err));
}

static void test_lengths(void **state)
{
    char text[HTTP_URL_MAX + 100], err[200];
    http_url_t url;
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "http://h/", 9);
    assert_true(http_url_parse(slice(text, HTTP_URL_MAX), &url, err, sizeof err));
    assert_false(http_url_parse(slice(text, HTTP_URL_MAX + 1), &url, err, sizeof err));
    /* A part of 63 characters is the longest, a name of 253. */
    memset(text, 'a', sizeof text);
    memcpy(text, "http://", 7);
    assert_true(http_url_parse(slice(text, 7 + 63), &url, err, sizeof err));
    assert_false(http_url_parse(slice(text, 7 + 64), &url, err, sizeof err));
    for (size_t at = 7 + 50; at < 400; at += 51)
        text[at] = '.';
    assert_true(http_url_parse(slice(text, 7 + 253), &url, err, sizeof err));
    assert_int_equal(strlen(url.host), 253);
    assert_false(http_url_parse(slice(text, 7 + 254), &url, err, sizeof err));
}

/* Whatever comes: no crash, and what is taken has a host of its few characters, a port and no
 * byte that would end a line of HTTP. */
static void test_any_bytes(void **state)
{
    static const char bytes[] = "ahtp:/@#?[]%.0179xX-_\\ \r\n\t\xff&";
    (void)state;
    srandom(7);
    unsigned taken = 0;
    for (unsigned n = 0; n < 200000; n++) {
        char text[48];
        http_url_t url;
        char err[200];
        size_t len = (size_t)random() % 40;
        size_t head = n % 4 ? 7 : 0;
        memcpy(text, "http://", 7);
        for (size_t i = head; i < len + head; i++)
            text[i] = bytes[(size_t)random() % (sizeof bytes - 1)];
        if (!http_url_parse(slice(text, len + head), &url, err, sizeof err))
            continue;
        taken++;
        assert_true(url.port > 0 && url.host[0] != '\0');
        for (size_t i = 0; i < len + head; i++)
            assert_true(text[i] > ' ' && text[i] < 0x7f && !strchr("#\\", text[i]));
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),   cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
