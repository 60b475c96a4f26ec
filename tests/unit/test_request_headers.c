#include "reading.h"

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
        "appkey", "referer", "cf-access-jwt-assertion", "x-goog-iap-jwt-assertion",
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

/* Where a header says that a sender of events posts it, a format may want them all. */
static void test_headers_of_a_senders_message(void **state)
{
    static const char *const headers[] = {
        "x-event", "push", "x-gitlab-token", "hidden", "host", "x", "x-github-event", "push",
        "x-hop",   "1",    "connection",     "x-hop",  NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", PATH "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.headers), 2);
    s_assert_pair(request.entry.headers, "x-event", "push");
    s_assert_pair(request.entry.headers, "x-github-event", "push");
}

/* The format of the path is the first pair, whatever the headers are. */
static void test_a_format_of_the_path(void **state)
{
    static const char *const headers[] = {"x-event", "push", NULL};
    request_t request;
    slice_t name, value;
    (void)state;
    assert_int_equal(s_read(&request, "POST", EVENT "/github?zapikey=" TOKEN, headers), ERROR_none);
    wire_pairs_t each = wire_pairs_begin(request.entry.headers);
    assert_true(wire_pairs_next(&each, &name, &value));
    assert_true(slice_is(name, WIRE_FORMAT) && slice_is(value, "github"));
    assert_int_equal(s_count(request.entry.headers), 2);
    assert_int_equal(s_read(&request, "POST", EVENT "/GitHub?zapikey=" TOKEN, headers),
                     ERROR_unknown_format);
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.headers), 1);
}

static void test_latin_header(void **state)
{
    static const char *const headers[] = {"x-name", "Jos\xe9", NULL};
    request_t request;
    (void)state;
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    s_assert_pair(request.entry.headers, "x-name", "Jos\xc3\xa9");
}

/* authd takes no more of them, of none of the entries of a batch: they count as they travel. */
static void test_latin_secrets(void **state)
{
    enum { LEN = WIRE_SHOWN / 2 };
    static char value[LEN + 1];
    const char *const headers[] = {"x-api-key", value, "x-my-secret", "Jos\xe9", NULL};
    request_t request;
    (void)state;
    memset(value, '\xe9', LEN);
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.shown), 1);
    s_assert_pair(request.entry.shown, "x-my-secret", "Jos\xc3\xa9");
    memset(value, 'e', LEN);
    assert_int_equal(s_read(&request, "POST", EVENT "?zapikey=" TOKEN, headers), ERROR_none);
    assert_int_equal(s_count(request.entry.shown), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_headers_of_the_connection),
        cmocka_unit_test(test_headers_of_a_message),
        cmocka_unit_test(test_headers_of_a_senders_message),
        cmocka_unit_test(test_a_format_of_the_path),
        cmocka_unit_test(test_latin_header),
        cmocka_unit_test(test_latin_secrets),
    };
    reading_begin();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    reading_end();
    return failed;
}
