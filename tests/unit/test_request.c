#include "gateway/framing.h"
#include "gateway/headers.h"
#include "gateway/reply.h"
#include "gateway/request.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKEN "1001.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"
#define OTHER "1002.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"
#define PATH "/api/v2/channelsbyname/ops/message"
#define EVENT "/api/v2/bots/ops/incoming"

static routes_t *s_routes;
static trusted_t *s_trusted;
static request_reader_t *s_reader, *s_admin, *s_public;

/* A connection of libh2o as far as the reader looks at one. */
static h2o_socket_t s_socket;
static h2o_socket_t *s_get_socket(h2o_conn_t *conn)
{
    (void)conn;
    return &s_socket;
}
static const h2o_conn_callbacks_t s_callbacks = {.get_socket = s_get_socket};
static h2o_conn_t s_conn = {.callbacks = &s_callbacks};
static h2o_req_t s_req;
static bool s_open;

static void s_end(void)
{
    if (s_open)
        h2o_mem_clear_pool(&s_req.pool);
    s_open = false;
    free(s_socket.input);
    s_socket.input = NULL;
}

/* Reads a request; HEADERS are names and values, ended by NULL. */
static error_code_t s_read(request_t *out, const char *method, const char *url,
                           const char *const *headers)
{
    request_peer_t peer = {.text = slice_of("10.0.0.1"), .trusted = true};
    address_parse(peer.text, &peer.address);
    s_end();
    h2o_init_request(&s_req, &s_conn, NULL);
    s_open = true;
    s_req.method = s_req.input.method = (h2o_iovec_t){(char *)method, strlen(method)};
    s_req.path = s_req.input.path = (h2o_iovec_t){(char *)url, strlen(url)};
    for (; headers && *headers; headers += 2)
        h2o_add_header_by_str(&s_req.pool, &s_req.headers, headers[0], strlen(headers[0]), 1, NULL,
                              headers[1], strlen(headers[1]));
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
    s_socket.input = malloc(sizeof *s_socket.input + sizeof head);
    *s_socket.input = (h2o_buffer_t){.size = sizeof head - 1};
    s_socket.input->bytes = (char *)(s_socket.input + 1);
    memcpy(s_socket.input->bytes, head, sizeof head);
    return request_read(s_reader, &s_req, &peer, out);
}

static error_code_t s_get(request_t *out, const char *url)
{
    return s_read(out, "POST", url, NULL);
}

static void s_assert_pair(slice_t pairs, const char *name, const char *value)
{
    slice_t found;
    assert_true(wire_pairs_find(pairs, name, &found));
    assert_true(slice_is(found, value));
}

static unsigned s_count(slice_t pairs)
{
    slice_t name, value;
    unsigned n = 0;
    for (wire_pairs_t each = wire_pairs_begin(pairs); wire_pairs_next(&each, &name, &value);)
        n++;
    return n;
}

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

static void s_assert_travels(const char *name, bool travels)
{
    if (header_travels(slice_of(name)) != travels)
        fail_msg("%s", name);
}

static void test_headers(void **state)
{
    static const char *const event[] = {
        "content-type", "content-encoding", "accept", "accept-encoding", "user-agent", "date",
        "traceparent", "tracestate", "ce-id", "webhook-id", "webhook-signature", "x-github-event",
        "x-hub-signature-256", "x-request-id", "idempotency-key", "x-", "a", "origin",
        /* of senders */
        "stripe-signature", "x-event-key", "svix-id", "svix-signature", "svix-timestamp",
        "linear-event", "linear-signature", "sentry-hook-signature", "sentry-hook-resource",
        "circleci-event-type", "circleci-signature", "twitch-eventsub-message-id",
        "twitch-eventsub-message-signature", "paypal-auth-algo", "paypal-transmission-sig",
        "paddle-signature", "typeform-signature", "aeg-event-type", "signature", "signature-input",
        "content-digest", "digest", "i-twilio-idempotency-token", "x-slack-signature",
        "x-shopify-hmac-sha256", "x-line-signature", "x-twilio-signature", "x-zm-signature"};
    static const char *const not [] = {
        "authorization", "x-authorization", "proxy-authorization", "cookie", "set-cookie",
        "cookie2", "x-webhook-token", "x-gitlab-token", "private-token", "x-goog-channel-token",
        "x-telegram-bot-api-secret-token", "token", "x-api-key", "api-key", "apikey", "x-apikey",
        "ce-key", "aeg-sas-key", "ocp-apim-subscription-key", "x-my-secret", "x-hook-secret",
        "webhook-secret", "secret", "x-password", "x-auth-user", "x-csrf-token", "zapikey",
        "appkey", "referer",
        /* of the connection, and the framing */
        "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade",
        "proxy-connection", "http2-settings", "host", "content-length", "expect",
        /* of proxies */
        "forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip", "true-client-ip",
        "x-client-ip", "cf-connecting-ip", "x-original-forwarded-for", "cdn-loop", ""};
    (void)state;
    for (size_t i = 0; i < sizeof event / sizeof *event; i++)
        s_assert_travels(event[i], true);
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        s_assert_travels(not [i], false);
}

static void test_headers_of_the_connection(void **state)
{
    static const char *const headers[] = {"x-hop",      "1", "connection", "keep-alive , X-Hop",
                                          "x-end",      "2", "connection", "other,,x-other",
                                          "keep-alive", "3", "x-other",    "4",
                                          NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.headers), 1);
    s_assert_pair(request.entry.headers, "x-end", "2");
}

/* A message has no handler that could want them. */
static void test_headers_of_a_message(void **state)
{
    static const char *const headers[] = {
        "content-type", "text/plain",      "user-agent", "curl", "x-event",
        "push",         "idempotency-key", "a",          NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.headers), 2);
    s_assert_pair(request.entry.headers, "content-type", "text/plain");
    s_assert_pair(request.entry.headers, "idempotency-key", "a");
}

static void test_latin_header(void **state)
{
    static const char *const headers[] = {"x-name", "Jos\xe9", NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    s_assert_pair(request.entry.headers, "x-name", "Jos\xc3\xa9");
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

static void test_framing(void **state)
{
    static const struct {
        const char *head;
        bool fault;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
        {"GET / HTTP/1.1\nhost: a\n\n", false},
        {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nhost:  a \r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nHOST: b\r\n\r\n", true},
        {"P / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", false},
        {"P / HTTP/1.1\r\nContent-Length: 5\r\ncontent-length: 3\r\n\r\n", true},
        {"P / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", true},
        {"P / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        {"P / HTTP/1.1\r\nX-A: b\r\n c\r\n\r\n", true},
        {"P / HTTP/1.1\r\n: b\r\n\r\n", true},
        {"P / HTTP/1.1\r\n\r\nHost: a\r\nHost: b\r\n\r\n", false}, /* a body */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        framing_t framing = framing_check(slice_of(rows[i].head));
        if ((framing.fault != NULL) != rows[i].fault)
            fail_msg("%s", rows[i].head);
    }
    assert_int_equal(framing_check(slice_of("G / H\r\nA: b\r\n\r\nbody")).head_len, 15);
}

static void test_error_json(void **state)
{
    char json[8192], huge[3000], expected[256], text[UUID_TEXT];
    uuid_t7 id;
    (void)state;
    uuid_new(&id);
    uuid_text(&id, text);
    size_t len = reply_json(json, sizeof json, "invalid_param", slice_of("a\"b\\c\n\x01é"), &id);
    snprintf(expected, sizeof expected,
             "{\"code\":\"invalid_param\",\"message\":\"a\\\"b\\\\c\\u000a\\u0001é\","
             "\"request_id\":\"%s\"}",
             text);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(json, expected, len);
    memset(huge, 1, sizeof huge);
    len = reply_json(json, sizeof json, "x", slice(huge, sizeof huge), &id);
    assert_true(len < sizeof json && json[len - 1] == '}');
    len = reply_json(json, sizeof json, "x", slice("\xff\xfe", 2), &id);
    assert_non_null(memmem(json, len, "\"??\"", 4));
}

/* --- the admin listener --- */

#define SESSION "pss_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
#define CSRF "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define COOKIE "cookie", "__Host-postern=" SESSION
#define OURS "origin", "https://admin.example.org"
#define MANAGER "psm_000000000000000000000000000000000000"

/* As it would be read by the admin listener. */
static error_code_t s_ask(request_t *out, const char *method, const char *path,
                          const char *const *headers)
{
    s_reader = s_admin;
    error_code_t code = s_read(out, method, path, headers);
    s_reader = s_public;
    return code;
}

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
    assert_int_equal(s_ask(&request, "GET", "/api/v2/users", twice), ERROR_invalid_token);
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
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_token_forms),
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_white_space_and_nothing),
        cmocka_unit_test(test_token_in_query),
        cmocka_unit_test(test_appkey),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_bad_escapes),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_of_the_connection),
        cmocka_unit_test(test_headers_of_a_message),
        cmocka_unit_test(test_latin_header),
        cmocka_unit_test(test_idempotency_key),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_forwarded),
        cmocka_unit_test(test_forwarded_lines),
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_error_json),
        cmocka_unit_test(test_a_cookie_brings_a_session),
        cmocka_unit_test(test_a_bearer_token_wins_over_a_cookie),
        cmocka_unit_test(test_open_operations_look_at_the_origin),
    };
    static const request_limits_t limits = {
        .body_bytes = 1024, .head_bytes = 8192, .headers = 64, .parameters = 50};
    char err[200];
    s_routes = routes_new(ROUTES_PUBLIC);
    s_trusted = trusted_new("10.0.0.0/8", err, sizeof err);
    s_reader = s_public = request_reader_new(&limits, s_routes, s_trusted);
    request_limits_t admin_limits = limits;
    admin_limits.admin_url = "https://admin.example.org/";
    routes_t *admin_routes = routes_new(ROUTES_ADMIN);
    s_admin = request_reader_new(&admin_limits, admin_routes, s_trusted);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    s_end();
    request_reader_destroy(&s_public);
    request_reader_destroy(&s_admin);
    routes_destroy(&admin_routes);
    trusted_destroy(&s_trusted);
    routes_destroy(&s_routes);
    return failed;
}
