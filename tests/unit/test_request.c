#include "gateway/read/query.h"
#include "gateway/ring/reply.h"
#include "reading.h"

static void test_example(void **state)
{
    static const char *const headers[] = {"content-type", "application/json", "x-event", "push",
                                          NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN "&a=1%202+3&b", headers),
                     ERROR_none);
    assert_int_equal(request.op->number, OP_bot_incoming);
    assert_true(slice_is(request.entry.target, "ops"));
    assert_true(slice_is(request.entry.token, TOKEN));
    assert_true(slice_is(request.entry.client, "10.0.0.1"));
    s_assert_pair(request.entry.params, "a", "1 2 3");
    s_assert_pair(request.entry.params, "b", "");
    assert_int_equal(s_count(request.entry.params), 2);
    s_assert_pair(request.entry.headers, "x-event", "push");
    assert_int_equal(request.head_len, 28);
}

static void test_parameters(void **state)
{
    char *url = malloc(80000);
    request_t request;
    (void)state;
    for (unsigned count = 50; count <= 51; count++) {
        char *at = url + sprintf(url, PATH "?zapikey=" TOKEN);
        for (unsigned i = 0; i < count; i++)
            at += sprintf(at, "&p%u=%u", i, i);
        assert_int_equal(s_get(&request, url), count == 50 ? ERROR_none : ERROR_uri_too_long);
    }
    assert_int_equal(s_get(&request, PATH "?&&zapikey=" TOKEN "&&"), ERROR_none);
    assert_int_equal(s_count(request.entry.params), 0);
    for (int len = 10000; len <= 10001; len++) {
        sprintf(url, PATH "?zapikey=" TOKEN "&p=%0*d", len, 0);
        assert_int_equal(s_get(&request, url), len == 10000 ? ERROR_none : ERROR_uri_too_long);
    }
    /* characters, not bytes */
    char *at = url + sprintf(url, PATH "?zapikey=" TOKEN "&p=");
    for (unsigned i = 0; i < 10000; i++)
        at = stpcpy(at, "\xc3\xa4");
    assert_int_equal(s_get(&request, url), ERROR_none);
    strcpy(at, "a");
    assert_int_equal(s_get(&request, url), ERROR_uri_too_long);
    /* the whole URL */
    at = url + sprintf(url, PATH "?zapikey=" TOKEN);
    while (at - url < 65536 - 9000)
        at += sprintf(at, "&p=%09000d", 0);
    at += sprintf(at, "&q=");
    memset(at, 'x', 65536 - (size_t)(at - url));
    url[65536] = '\0';
    assert_int_equal(s_get(&request, url), ERROR_none);
    strcpy(url + 65536, "x");
    assert_int_equal(s_get(&request, url), ERROR_uri_too_long);
    free(url);
}

static void test_bad_escapes(void **state)
{
    static const char *const bad[] = {"a=%", "a=%2", "a=%gg", "%=1", "%4", "a=%ff", "a=%00", "%00"};
    request_t request;
    char url[512];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(url, sizeof url, PATH "?zapikey=" TOKEN "&%s", bad[i]);
        assert_int_equal(s_get(&request, url), ERROR_invalid_param);
        assert_non_null(request.detail);
    }
    assert_int_equal(s_get(&request, "/api/v2/bots/%zz/message?zapikey=" TOKEN),
                     ERROR_invalid_request);
}

/* Of an event nothing is lost: what cannot be decoded comes as it is written. */
static void test_bad_escapes_of_an_event(void **state)
{
    static const char *const rows[][2] = {{"50%", "50%"},
                                          {"%", "%"},
                                          {"%4", "%4"},
                                          {"%gg+x", "%gg+x"},
                                          {"%E9", "%E9"},
                                          {"%00", "%00"},
                                          {"a%20%ff", "a%20%ff"},
                                          {"\xe9", "%E9"},
                                          {"%e9\xc3\xa4", "%e9\xc3\xa4"},
                                          {"%zz\xff", "%zz%FF"},
                                          {"%C3%A4", "\xc3\xa4"}};
    request_t request;
    char *url = malloc(40000);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sprintf(url, EVENT "?d=%s&zapikey=" TOKEN "&e=1", rows[i][0]);
        assert_int_equal(s_get(&request, url), ERROR_none);
        s_assert_pair(request.entry.params, "d", rows[i][1]);
        s_assert_pair(request.entry.params, "e", "1");
        sprintf(url, EVENT "?%s=v&zapikey=" TOKEN, rows[i][0]);
        assert_int_equal(s_get(&request, url), ERROR_none);
        s_assert_pair(request.entry.params, rows[i][1], "v");
    }
    for (int len = 9999; len <= 10000; len++) {
        sprintf(url, EVENT "?zapikey=" TOKEN "&p=%%%0*d", len, 0);
        assert_int_equal(s_get(&request, url), len < 10000 ? ERROR_none : ERROR_uri_too_long);
    }
    char *bytes = url + sprintf(url, EVENT "?zapikey=" TOKEN "&p=");
    memset(bytes, 0x80, 10001); /* counted as characters, it would be none */
    bytes[10001] = '\0';
    assert_int_equal(s_get(&request, url), ERROR_uri_too_long);
    assert_int_equal(s_get(&request, EVENT "?zapikey=%zz"), ERROR_invalid_param);
    free(url);
}

/* libh2o lets no NUL through. */
static void test_a_nul_in_a_query(void **state)
{
    query_t *query = query_new();
    const char *detail;
    (void)state;
    assert_int_equal(query_parse(query, slice("a%z\0b\xff=%\0", 9), QUERY_EVENT, 9, &detail),
                     ERROR_none);
    s_assert_pair(wire_pairs_of(&query->params), "a%z%00b%FF", "%%00");
    query_destroy(&query);
}

static void test_paths(void **state)
{
    request_t request;
    (void)state;
    assert_int_equal(s_get(&request, "/"), ERROR_not_found);
    assert_non_null(strstr(request.detail, "channelsbyname"));
    assert_int_equal(s_get(&request, "/favicon.ico?zapikey=" TOKEN), ERROR_not_found);
    assert_int_equal(s_read(&request, "DELETE", PATH, NULL), ERROR_method_not_allowed);
    assert_int_equal(request.allow, OP_POST);
    assert_int_equal(s_get(&request, "http://host.example:80" PATH "?zapikey=" TOKEN), ERROR_none);
    assert_int_equal(s_get(&request, "http://host.example"), ERROR_not_found);
    assert_int_equal(s_get(&request, "*"), ERROR_not_found);
}

static void test_idempotency_key(void **state)
{
    char long_key[257];
    request_t request;
    (void)state;
    memset(long_key, 'k', sizeof long_key - 1);
    for (size_t len = 255; len <= 256; len++) {
        long_key[len] = '\0';
        const char *const headers[] = {"idempotency-key", long_key, NULL};
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers),
                         len == 255 ? ERROR_none : ERROR_invalid_param);
        long_key[len] = 'k';
    }
    static const char *const bad[][5] = {
        {"idempotency-key", "", NULL},
        {"idempotency-key", "a\x01", NULL},
        {"idempotency-key", "\xc3\xa4", NULL},
        {"idempotency-key", "a", "idempotency-key", "b", NULL},
    };
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, bad[i]),
                         ERROR_invalid_param);
}

static void test_limits(void **state)
{
    const char *headers[2 * 65 + 1];
    request_t request;
    (void)state;
    for (size_t i = 0; i < 65; i++) {
        headers[2 * i] = "x-a";
        headers[2 * i + 1] = "1";
    }
    headers[130] = NULL;
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers),
                     ERROR_headers_too_large);
    headers[128] = NULL;
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.headers), 64);
}

static void test_forwarded(void **state)
{
    static const char *const headers[] = {"x-forwarded-for", "6.6.6.6, 203.0.113.5",
                                          "x-forwarded-for", "10.0.0.9", NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers), ERROR_none);
    assert_true(slice_is(request.entry.client, "203.0.113.5"));
    static const char *const unknown[] = {"x-forwarded-for", "203.0.113.5, unknown", NULL};
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, unknown), ERROR_none);
    assert_true(slice_is(request.entry.client, "unknown"));
}

/* A client that sends lines of its own must not push out the one that the proxy adds. */
static void test_forwarded_lines(void **state)
{
    const char *headers[2 * 17 + 1];
    request_t request;
    (void)state;
    for (size_t i = 0; i < 34; i += 2) {
        headers[i] = "x-forwarded-for";
        headers[i + 1] = i == 30 ? "203.0.113.5" : "6.6.6.6";
    }
    headers[34] = NULL;
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers),
                     ERROR_invalid_request);
    assert_non_null(strstr(request.detail, "X-Forwarded-For"));
    headers[32] = NULL;
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers), ERROR_none);
    assert_true(slice_is(request.entry.client, "203.0.113.5"));
}

static void test_error_json(void **state)
{
    char json[REPLY_JSON], huge[3000], expected[256], text[UUID_TEXT];
    static const char details[] = "{\"field\":\"name\"}";
    uuid_t7 id;
    (void)state;
    uuid_new(&id);
    uuid_text(&id, text);
    reply_said_t said = {.code = "invalid_param", .message = slice_of("a\"b\\c\n\x01é")};
    size_t len = reply_json(json, sizeof json, &said, &id);
    snprintf(expected, sizeof expected,
             "{\"code\":\"invalid_param\",\"message\":\"a\\\"b\\\\c\\u000a\\u0001é\","
             "\"request_id\":\"%s\"}",
             text);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(json, expected, len);
    memset(huge, 1, sizeof huge);
    said = (reply_said_t){.code = "x", .message = slice(huge, sizeof huge)};
    said.details = slice(huge, 2048); /* the most that goes out */
    said.retry_after_s = UINT32_MAX;
    len = reply_json(json, sizeof json, &said, &id);
    assert_true(len < sizeof json && json[len - 1] == '}');
    said.details = slice(huge, 2049);
    assert_true(reply_json(json, sizeof json, &said, &id) < len - 2000);
    said = (reply_said_t){.code = "x", .message = slice("\xff\xfe", 2)};
    len = reply_json(json, sizeof json, &said, &id);
    assert_non_null(memmem(json, len, "\"??\"", 4));
    said.details = slice_of(details);
    json[reply_json(json, sizeof json, &said, &id)] = '\0';
    assert_non_null(strstr(json, "\",\"details\":{\"field\":\"name\"}}"));
    said.retry_after_s = 7;
    json[reply_json(json, sizeof json, &said, &id)] = '\0';
    assert_non_null(strstr(json, "\"details\":{\"retry_after_s\":7,\"field\":\"name\"}}"));
    said.details = slice("", 0);
    json[reply_json(json, sizeof json, &said, &id)] = '\0';
    assert_non_null(strstr(json, "\"details\":{\"retry_after_s\":7}}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),          cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_bad_escapes),      cmocka_unit_test(test_bad_escapes_of_an_event),
        cmocka_unit_test(test_a_nul_in_a_query), cmocka_unit_test(test_paths),
        cmocka_unit_test(test_idempotency_key),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_forwarded),        cmocka_unit_test(test_forwarded_lines),
        cmocka_unit_test(test_error_json),
    };
    reading_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    reading_end();
    return failed;
}
