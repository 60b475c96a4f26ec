#include "gateway/read/blank.h"
#include "reading.h"

#include <sodium.h>

static void test_token_forms(void **state)
{
    static const char *const forms[][3] = {
        {"authorization", "Bearer " TOKEN, NULL},
        {"authorization", "bearer   " TOKEN, NULL},
        {"authorization", "Zoho-oauthtoken " TOKEN, NULL},
        {"x-webhook-token", TOKEN, NULL},
    };
    request_t request;
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(s_read(&request, "POST", PATH, forms[i]), ERROR_none);
        assert_true(slice_is(request.entry.token, TOKEN));
        assert_int_equal(s_count(request.entry.headers), 0);
        /* The same twice is fine, another one is not. */
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, forms[i]), ERROR_none);
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" OTHER, forms[i]),
                         ERROR_invalid_param);
    }
    static const char *const two[] = {"x-webhook-token", OTHER, "authorization", "Bearer " TOKEN,
                                      NULL};
    assert_int_equal(s_read(&request, "POST", PATH, two), ERROR_invalid_param);
}

/* The token as the password, as URLs with user info have it; the user name does not matter. */
static void test_basic(void **state)
{
    static const char *const taken[] = {"anybody:" TOKEN, ":" TOKEN, "a:" TOKEN "\n",
                                        "J\xc3\xb6:" TOKEN};
    static const char *const malformed[] = {"Zm9vOmJhcg=",
                                            "Zm9vOmJhcg",
                                            "Zm9v OmJhcg==",
                                            "Zm9vOmJhcg==x",
                                            "Zm9vOmJhch==",
                                            "Zm9vYmFy",
                                            "Zm9vOmJh_-__",
                                            "*",
                                            "="};
    request_t request;
    char value[1024] = "Basic ";
    const char *const headers[] = {"authorization", value, NULL};
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        sodium_bin2base64(value + 6, sizeof value - 6, (const unsigned char *)taken[i],
                          strlen(taken[i]), sodium_base64_VARIANT_ORIGINAL);
        assert_int_equal(s_read(&request, "POST", PATH, headers), ERROR_none);
        assert_true(slice_is(request.entry.token, TOKEN));
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers), ERROR_none);
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" OTHER, headers),
                         ERROR_invalid_param);
    }
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        snprintf(value + 6, sizeof value - 6, "%s", malformed[i]);
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers),
                         ERROR_invalid_param);
        assert_non_null(strstr(request.detail, "Basic"));
    }
    strcpy(value + 6, "dTo="); /* no password is none */
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_read(&request, "POST", PATH, headers), ERROR_invalid_token);
    strcpy(value + 6, "Zm9vOmJhcg==");
    assert_int_equal(s_read(&request, "POST", PATH, headers), ERROR_invalid_token);
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers),
                     ERROR_invalid_param);
}

/* What copy and paste brings along, and what a client writes that has none. */
static void test_white_space_and_nothing(void **state)
{
    static const char *const urls[] = {
        PATH "?zapikey=" TOKEN "%20", PATH "?zapikey=%0d%0A" TOKEN "%0a",
        PATH "?zapikey=%09" TOKEN " ", PATH "?zapikey=&zapikey=" TOKEN,
        PATH "?zapikey=" TOKEN "&zapikey=%20&appkey="};
    static const char *const headers[][5] = {
        {"authorization", "Bearer  " TOKEN " \t", NULL},
        {"x-webhook-token", " " TOKEN " ", NULL},
        {"authorization", "Bearer " TOKEN, "x-webhook-token", "", NULL},
        {"authorization", "Bearer ", "x-webhook-token", TOKEN, NULL}};
    request_t request;
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_int_equal(s_get(&request, urls[i]), ERROR_none);
        assert_true(slice_is(request.entry.token, TOKEN));
        assert_int_equal(request.entry.appkey.len, 0);
    }
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=", headers[i]), ERROR_none);
        assert_true(slice_is(request.entry.token, TOKEN));
    }
    assert_int_equal(s_get(&request, "/api/v2/applications/5/incoming?zapikey=" TOKEN
                                     "&appkey=%20a==%0A&appkey=&appkey=a=="),
                     ERROR_none);
    assert_true(slice_is(request.entry.appkey, "a=="));
    assert_int_equal(s_get(&request, PATH "?zapikey=%20"), ERROR_invalid_token);
    assert_int_equal(s_get(&request, PATH "?zapikey=1001.0123%200123456789abcdef0123456789abcdef"),
                     ERROR_invalid_token);
}

static void test_blank(void **state)
{
    static const char secret[] = "sbx-QUJDREVG/\"==";
    static const char *const rows[][2] = {
        {"a sbx-QUJDREVG/\"== b", "a **************** b"},
        {"sbx-QUJDREVG/\"==sbx-QUJDREVG/\"==", "********************************"},
        {"sbx-QUJDREVG%2F%22%3D%3D", "************************"},
        {"x=sbx-QUJDREVG%2f%22%3d%3d&", "x=************************&"},
        {"\"sbx-QUJDREVG/\\\"==\"", "\"*****************\""},
        {"\"sbx-QUJDREVG\\/\\\"==\"", "\"******************\""},
        {"sbx-QUJDREVG/\"=", "sbx-QUJDREVG/\"="},
        {"", ""}};
    char text[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strcpy(text, rows[i][0]);
        blank(slice_of(text), slice_of(secret));
        assert_string_equal(text, rows[i][1]);
    }
    strcpy(text, "a short one");
    blank(slice_of(text), slice_of("short"));
    assert_string_equal(text, "a short one");
}

static void test_a_credential_twice_is_blanked(void **state)
{
    static const char *const headers[] = {"x-other", "a " TOKEN, "x-a", "b", NULL};
    static const char *const key[] = {"idempotency-key", "k" TOKEN, NULL};
    char stars[sizeof TOKEN];
    request_t request;
    slice_t found;
    (void)state;
    memset(stars, '*', sizeof stars - 1);
    stars[sizeof stars - 1] = '\0';
    assert_int_equal(s_read(&request, "POST",
                            EVENT "?zapikey=" TOKEN "&zapikey[]=" TOKEN "&ZAPIKEY=" TOKEN "&" TOKEN
                                  "=1&b=2",
                            headers),
                     ERROR_none);
    assert_true(slice_is(request.entry.token, TOKEN));
    s_assert_pair(request.entry.params, "zapikey[]", stars);
    s_assert_pair(request.entry.params, "ZAPIKEY", stars);
    s_assert_pair(request.entry.params, stars, "1");
    s_assert_pair(request.entry.params, "b", "2");
    s_assert_pair(request.entry.headers, "x-a", "b");
    assert_true(wire_pairs_find(request.entry.headers, "x-other", &found));
    assert_true(found.len == 2 + strlen(TOKEN) &&
                memcmp(found.data + 2, stars, strlen(TOKEN)) == 0);
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, key), ERROR_invalid_param);
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" OTHER, key), ERROR_none);
}

static void test_token_in_query(void **state)
{
    request_t request;
    (void)state;
    assert_int_equal(s_get(&request, PATH "?zapikey=" TOKEN "&x=1&zapikey=" TOKEN), ERROR_none);
    assert_int_equal(s_get(&request, PATH "?zapikey=" TOKEN "&zapikey=" OTHER),
                     ERROR_invalid_param);
    assert_int_equal(s_get(&request, PATH "?%7aapikey=" TOKEN), ERROR_none);
    assert_int_equal(s_get(&request, PATH), ERROR_invalid_token);
    assert_int_equal(s_get(&request, PATH "?zapikey="), ERROR_invalid_token);
    assert_int_equal(s_get(&request, PATH "?zapikey=short"), ERROR_invalid_token);
    assert_int_equal(s_get(&request, PATH "?zapikey=pst_000000000000000000000000000000000000"),
                     ERROR_invalid_token);
    assert_int_equal(s_get(&request, PATH "?zapikey=psm_000000000000000000000000000000000000"),
                     ERROR_invalid_token);
    assert_int_equal(s_get(&request, PATH "?zapikey=%zz"), ERROR_invalid_param);
    char url[2048];
    snprintf(url, sizeof url, PATH "?zapikey=%0700d", 0);
    assert_int_equal(s_get(&request, url), ERROR_invalid_token);
}

static void test_appkey(void **state)
{
    static const char incoming[] = "/api/v2/applications/5223/incoming";
    char url[1024];
    request_t request;
    (void)state;
    snprintf(url, sizeof url, "%s?appkey=sbx-QUJD+/w==&zapikey=" TOKEN, incoming);
    assert_int_equal(s_get(&request, url), ERROR_none);
    assert_true(slice_is(request.entry.appkey, "sbx-QUJD+/w=="));
    snprintf(url, sizeof url, "%s?zapikey=" TOKEN "&appkey=a%%3D%%3d&appkey=a==", incoming);
    assert_int_equal(s_get(&request, url), ERROR_none);
    assert_true(slice_is(request.entry.appkey, "a=="));
    assert_int_equal(s_count(request.entry.params), 0);
    snprintf(url, sizeof url, "%s?zapikey=" TOKEN "&appkey=a&appkey=b", incoming);
    assert_int_equal(s_get(&request, url), ERROR_invalid_param);
    /* authd says that it is missing, after it has looked at the token */
    snprintf(url, sizeof url, "%s?zapikey=" TOKEN, incoming);
    assert_int_equal(s_get(&request, url), ERROR_none);
    assert_int_equal(request.entry.appkey.len, 0);
}

/* --- the admin listener --- */

#define SESSION "pss_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
#define CSRF "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define COOKIE "cookie", "__Host-postern=" SESSION
#define OURS "origin", "https://admin.example.org"
#define MANAGER "psm_000000000000000000000000000000000000"

static void test_a_cookie_brings_a_session(void **state)
{
    static const char *const change[] = {COOKIE, OURS, "x-csrf-token", CSRF, NULL};
    static const char *const no_csrf[] = {COOKIE, OURS, NULL};
    static const char *const only[] = {COOKIE, NULL};
    static const char *const foreign[] = {COOKIE, "origin", "https://evil.example", NULL};
    static const char *const twice[] = {COOKIE, COOKIE, NULL};
    static const char *const origins[] = {COOKIE, OURS, OURS, NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", change), ERROR_none);
    assert_true(slice_is(request.entry.token, SESSION));
    assert_true(slice_is(request.entry.appkey, WIRE_CSRF CSRF));
    assert_int_equal(s_count(request.entry.headers), 0);
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", no_csrf), ERROR_none);
    assert_true(slice_is(request.entry.appkey, WIRE_CSRF)); /* for authd to refuse */
    assert_int_equal(s_ask(&request, "GET", "/api/v2/users", only), ERROR_none);
    assert_true(slice_is(request.entry.appkey, WIRE_CSRF));
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", only), ERROR_csrf_refused);
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", foreign), ERROR_csrf_refused);
    assert_int_equal(s_ask(&request, "GET", "/api/v2/users", foreign), ERROR_csrf_refused);
    assert_int_equal(s_ask(&request, "GET", "/api/v2/users", twice), ERROR_invalid_session);
    assert_int_equal(s_ask(&request, "GET", "/api/v2/users", origins), ERROR_csrf_refused);
    assert_int_equal(s_read(&request, "POST", PATH, change), ERROR_invalid_token);
}

static void test_a_bearer_token_wins_over_a_cookie(void **state)
{
    static const char *const both[] = {
        COOKIE, "origin",        "https://evil.example", "x-csrf-token",
        CSRF,   "authorization", "Bearer " MANAGER,      NULL};
    static const char *const bad[] = {COOKIE, OURS, "authorization", "Bearer short", NULL};
    static const char *const basic[] = {COOKIE, OURS, "authorization", "Basic Zm9v", NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", both), ERROR_none);
    assert_true(slice_is(request.entry.token, MANAGER));
    assert_int_equal(request.entry.appkey.len, 0);
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", bad), ERROR_invalid_token);
    assert_int_equal(s_ask(&request, "POST", "/api/v2/users", basic), ERROR_none);
    assert_true(slice_is(request.entry.token, SESSION));
}

static void test_open_operations_look_at_the_origin(void **state)
{
    static const char *const foreign[] = {"origin", "https://evil.example", NULL};
    static const char *const ours[] = {OURS, NULL};
    static const char *const stale[] = {COOKIE, NULL};
    static const char *const bearer[] = {"authorization", "Bearer " SESSION, NULL};
    static const char *const page[] = {COOKIE, OURS, NULL};
    static const char *const paths[] = {"/api/v2/login", "/api/v2/invitations/accept",
                                        "/api/v2/logout", "/api/v2/session"};
    request_t request;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool of_session = i > 1;
        assert_int_equal(s_ask(&request, "POST", paths[i], NULL), ERROR_none);
        assert_int_equal(s_ask(&request, "POST", paths[i], ours), ERROR_none);
        assert_int_equal(s_ask(&request, "POST", paths[i], foreign), ERROR_csrf_refused);
        /* Whoever logs in anew does so whatever the old cookie is. */
        assert_int_equal(s_ask(&request, "POST", paths[i], stale),
                         of_session ? ERROR_csrf_refused : ERROR_none);
        assert_int_equal(s_ask(&request, "POST", paths[i], bearer), ERROR_none);
        assert_int_equal(request.entry.token.len, of_session ? strlen(SESSION) : 0);
        assert_int_equal(request.entry.appkey.len, 0);
        assert_int_equal(s_ask(&request, "POST", paths[i], page), ERROR_none);
        assert_int_equal(request.entry.token.len, of_session ? strlen(SESSION) : 0);
        assert_int_equal(request.entry.appkey.len, of_session ? strlen(WIRE_CSRF) : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_forms),
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_white_space_and_nothing),
        cmocka_unit_test(test_blank),
        cmocka_unit_test(test_a_credential_twice_is_blanked),
        cmocka_unit_test(test_token_in_query),
        cmocka_unit_test(test_appkey),
        cmocka_unit_test(test_a_cookie_brings_a_session),
        cmocka_unit_test(test_a_bearer_token_wins_over_a_cookie),
        cmocka_unit_test(test_open_operations_look_at_the_origin),
    };
    reading_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    reading_end();
    return failed;
}
