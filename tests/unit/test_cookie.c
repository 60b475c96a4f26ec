#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/ops.h"
#include "gateway/read/cookie.h"

static void the_cookie_has_every_lock_there_is(void **state)
{
    (void)state;
    char line[COOKIE_LINE];
    assert_true(cookie_set(slice_of("pss_aZ09-_"), true, 3600, line));
    assert_string_equal(line, "__Host-postern=pss_aZ09-_; Path=/; Max-Age=3600; HttpOnly; "
                              "SameSite=Strict; Secure");
    assert_true(cookie_set(slice_of("pss_a"), false, 60, line));
    assert_string_equal(line, "postern=pss_a; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
    cookie_clear(true, line);
    assert_string_equal(line, "__Host-postern=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; "
                              "Secure");
    static const char *const bad[] = {
        "", "a;Domain=example.org", "a b", "a\r\nSet-Cookie: x", "a=", "\xc3\xa4"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(cookie_set(slice_of(bad[i]), true, 1, line));
}

static void a_session_is_made_of_numbers(void **state)
{
    (void)state;
    char text[COOKIE_SESSION], line[COOKIE_LINE];
    uint64_t words[WIRE_SESSION];
    for (uint64_t i = 0, first = UINT64_C(0x0001020304050607); i < WIRE_SESSION; i++)
        words[i] = first + i * UINT64_C(0x0808080808080808);
    cookie_session(words, text);
    assert_string_equal(text,
                        "pss_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v");
    assert_true(cookie_set(slice_of(text), false, UINT64_MAX, line));
    memset(words, 0xff, sizeof words);
    cookie_session(words, text);
    assert_int_equal(strspn(text + 4, "_"), 64);
    assert_true(cookie_set(slice_of(text), true, UINT64_MAX, line));
    assert_non_null(strstr(line, "; Secure"));
}

static void the_url_tells_which_cookie(void **state)
{
    (void)state;
    assert_int_equal(cookie_use("http://127.0.0.1:8081"), COOKIE_PLAIN);
    assert_int_equal(cookie_use("https://admin.example.org/"), COOKIE_SECURE);
    assert_int_equal(cookie_use("HTTPS://admin.example.org"), COOKIE_SECURE);
    assert_int_equal(cookie_use("admin.example.org"), COOKIE_NONE);
    assert_int_equal(cookie_use(""), COOKIE_NONE);
}

static void a_cookie_is_found_among_others(void **state)
{
    (void)state;
    static const struct {
        const char *header, *value;
        bool tls;
    } cases[] = {
        {"__Host-postern=pss_a", "pss_a", true},
        {"a=b; __Host-postern=pss_a; c=d", "pss_a", true},
        {"a=b;\t__Host-postern=pss_a ;c", "pss_a", true},
        {"postern=pss_a", "pss_a", false},
        {"", "", true},
        {";;; =", "", true},
        /* A cookie that any host of the domain may have set is none under TLS. */
        {"postern=pss_a", "", true},
        {"x__Host-postern=pss_a", "", true},
        {"__Host-postern=", "", true},
        {"__Host-postern=\"pss_a\"", "", true},
        {"__Host-postern=pss_a; __Host-postern=pss_b", "", true},
        {"__host-postern=pss_a", "", true},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        slice_t found = cookie_find(slice_of(cases[i].header), cases[i].tls);
        if (!slice_is(found, cases[i].value))
            fail_msg("%s: %.*s", cases[i].header, SLICE_ARG(found));
    }
}

static void only_our_own_origin_may_change_something(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://admin.example.org/", "http://127.0.0.1:8081", NULL};
    static const struct {
        const char *origin;
        unsigned method;
        bool ours;
    } cases[] = {
        {"https://admin.example.org", OP_POST, true},
        {"https://ADMIN.example.org:443", OP_POST, true},
        {"http://127.0.0.1:8081", OP_DELETE, true},
        {"", OP_GET, true},
        {"", OP_HEAD, true},
        {"", OP_POST, false},
        {"", OP_PUT, false},
        {"null", OP_POST, false},
        {"null", OP_GET, false},
        {"http://admin.example.org", OP_POST, false},
        {"https://admin.example.org:8443", OP_POST, false},
        {"https://admin.example.org.evil.example", OP_POST, false},
        {"https://evil.example/https://admin.example.org", OP_POST, false},
        {"https://admin.example.org@evil.example", OP_POST, false},
        {"https://admin.example.org/", OP_POST, false},
        {"https://evil.example", OP_GET, false},
        {"http://127.0.0.1", OP_POST, false},
        {"file://", OP_POST, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        if (cookie_origin_is_ours(slice_of(cases[i].origin), cases[i].method, urls) !=
            cases[i].ours)
            fail_msg("%s with method %u", cases[i].origin, cases[i].method);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cookie_has_every_lock_there_is),
        cmocka_unit_test(a_session_is_made_of_numbers),
        cmocka_unit_test(the_url_tells_which_cookie),
        cmocka_unit_test(a_cookie_is_found_among_others),
        cmocka_unit_test(only_our_own_origin_may_change_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
