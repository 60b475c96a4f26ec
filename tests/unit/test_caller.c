/* Calls of a server that answers well and ill; names are resolved by this program's own
 * getaddrinfo, because no name server here would move a name at will. */
#include "workers/caller/caller.h"

#include "common/base/clock.h"
#include "hostile_server.h"
#include "own_names.h"
#include "workers/caller/lookups.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { WAIT_MS = 20000 };

static hostile_server_t s_server;
static egress_t *s_guard;

/* --- Calling */

static caller_t *s_caller(unsigned calls)
{
    char err[300] = "";
    caller_options_t options = {.egress = s_guard, .calls = calls};
    caller_t *caller = caller_new(&options, err, sizeof err);
    if (!caller)
        fail_msg("%s", err);
    return caller;
}

static call_t *s_call(const char *host, const char *path)
{
    char url[300];
    snprintf(url, sizeof url, "http://%s:%u%s", host, s_server.port, path);
    return call_new(url, slice_of("{\"a\":1}"));
}

/* Waits for the next that has finished. */
static call_t *s_next(caller_t *caller)
{
    int64_t until_ms = clock_ms() + WAIT_MS;
    for (;;) {
        call_t *call = caller_finished(caller);
        if (call)
            return call;
        struct pollfd item = {.fd = caller_fd(caller), .events = POLLIN};
        assert_true(clock_ms() < until_ms);
        poll(&item, 1, 1000);
    }
}

/* One call in a caller of its own. */
static call_t *s_one(call_t *call)
{
    caller_t *caller = s_caller(4);
    caller_start(caller, &call);
    assert_null(call);
    call = s_next(caller);
    assert_null(caller_finished(caller));
    caller_destroy(&caller);
    return call;
}

static void test_example(void **state)
{
    (void)state;
    caller_t *caller = s_caller(CALLER_CALLS);
    call_t *call = s_call("handler.test", "/echo");
    call_header(call, "Content-Type", slice_of("application/json"));
    call->owner = state;
    caller_start(caller, &call);
    call = s_next(caller);
    assert_ptr_equal(call->owner, state);
    assert_int_equal(call->outcome, CALL_ANSWERED);
    assert_int_equal(call->status, 200);
    assert_string_equal(call->answer, "{\"a\":1}");
    assert_int_equal(call->answer_len, 7);
    assert_string_equal(call->content_type, "text/plain");
    assert_string_equal(call->address, "127.0.0.1");
    assert_string_equal(call->reason, "");
    assert_int_equal(call->retry_after_s, -1);
    assert_in_range(call->duration_us, 1, WAIT_MS * 1000);
    call_destroy(&call);
    caller_destroy(&caller);
    caller_destroy(&caller);
}

static void test_outcomes(void **state)
{
    static const struct {
        const char *path;
        call_outcome_t outcome;
        int status;
        int retry_after_s;
        size_t answer_len;
    } rows[] = {
        {"/ok", CALL_ANSWERED, 204, -1, 0},
        {"/redirect", CALL_ANSWERED, 302, -1, 0},
        {"/gone", CALL_ANSWERED, 410, -1, 4},
        {"/busy", CALL_ANSWERED, 503, 7, 4},
        {"/busy-until", CALL_ANSWERED, 429, 120, 0},
        {"/interim", CALL_ANSWERED, 200, -1, 2},
        {"/exact", CALL_ANSWERED, 200, -1, 65536},
        {"/long", CALL_ANSWERED, 200, -1, 3},
        {"/short", CALL_CLOSED, 200, -1, 10},
        {"/closed", CALL_CLOSED, 0, -1, 0},
        {"/half-head", CALL_CLOSED, 200, -1, 0},
        {"/never", CALL_TIMEOUT, 0, -1, 0},
        {"/past-it", CALL_ANSWERED, 200, -1, 65536},
        {"/large-length", CALL_CLOSED, 200, -1, 3},
        {"/huge-length", CALL_ANSWERED, 200, -1, 3},
        {"/endless", CALL_ANSWERED, 200, -1, 65536},
        {"/endless-chunks", CALL_ANSWERED, 200, -1, 65536},
        {"/endless-trailer", CALL_ANSWERED, 200, -1, 0},
        {"/endless-refusal", CALL_ANSWERED, 503, 7, 65536},
        {"/endless-head", CALL_ANSWERED, 200, -1, 0},
        {"/endless-line", CALL_ANSWERED, 200, -1, 0},
        {"/endless-status", CALL_TOO_LARGE, 0, -1, 0},
        {"/endless-interim", CALL_TOO_LARGE, 103, -1, 0},
        {"/bad-length", CALL_PROTOCOL, 200, -1, 0},
        {"/negative-length", CALL_PROTOCOL, 200, -1, 0},
        {"/garbage", CALL_PROTOCOL, 0, -1, 0},
        {"/http09", CALL_PROTOCOL, 0, -1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        call_t *call = s_call("127.0.0.1", rows[i].path);
        call->timeout_ms = rows[i].outcome == CALL_TIMEOUT ? 200 : WAIT_MS;
        call = s_one(call);
        if (call->outcome != rows[i].outcome || call->status != rows[i].status ||
            call->retry_after_s != rows[i].retry_after_s || call->answer_len != rows[i].answer_len)
            fail_msg("%s: %s (%s), status %d, retry after %d, %zu bytes", rows[i].path,
                     call_outcome_name(call->outcome), call->reason, call->status,
                     (int)call->retry_after_s, call->answer_len);
        assert_true((call->outcome == CALL_ANSWERED) == (call->reason[0] == '\0'));
        assert_string_equal(call->address, "127.0.0.1");
        call_destroy(&call);
    }
}

/* Every answer ends within the time, however it is spread. */
static void test_dripping(void **state)
{
    (void)state;
    call_t *call = s_call("127.0.0.1", "/drip");
    call->timeout_ms = 300;
    call = s_one(call);
    assert_int_equal(call->outcome, CALL_TIMEOUT);
    assert_int_equal(call->status, 200);
    assert_true(call->answer_len >= 1 && call->duration_us >= 299000);
    call_destroy(&call);
}

static void test_bad_targets(void **state)
{
    static const struct {
        const char *url;
        call_outcome_t outcome;
        const char *reason;
    } rows[] = {
        {"http://127.0.0.1:1/", CALL_CONNECT, "127.0.0.1"},
        {"http://none.test/", CALL_RESOLVE, "none.test"},
        {"http://user@127.0.0.1/", CALL_URL, "user name"},
        {"file:///etc/passwd", CALL_URL, "http"},
        {"http://0177.1/", CALL_URL, "number"},
        {"http://169.254.169.254/latest/", CALL_FORBIDDEN_ADDRESS, "metadata service"},
        {"http://10.0.0.1/", CALL_FORBIDDEN_ADDRESS, "private network"},
        {"http://[::1]/", CALL_FORBIDDEN_ADDRESS, "loopback"},
        {"http://[::ffff:169.254.169.254]/", CALL_FORBIDDEN_ADDRESS, "169.254.169.254"},
        {"https://127.0.0.2/", CALL_FORBIDDEN_ADDRESS, "delivery.allow"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        call_t *call = s_one(call_new(rows[i].url, slice(NULL, 0)));
        if (call->outcome != rows[i].outcome || !strstr(call->reason, rows[i].reason))
            fail_msg("%s: %s, %s", rows[i].url, call_outcome_name(call->outcome), call->reason);
        assert_int_equal(call->status, 0);
        assert_null(call->answer);
        call_destroy(&call);
    }
}

/* The address counts that is connected, whatever the name gave before. */
static void test_names(void **state)
{
    (void)state;
    atomic_store(&s_looked_up, 0);
    call_t *call = s_one(s_call("rebind.test", "/where"));
    assert_int_equal(call->outcome, CALL_ANSWERED);
    assert_string_equal(call->answer, "127.0.0.1");
    call_destroy(&call);
    call = s_one(s_call("rebind.test", "/where"));
    assert_int_equal(call->outcome, CALL_FORBIDDEN_ADDRESS);
    assert_string_equal(call->address, "127.0.0.2");
    call_destroy(&call);
    call = s_one(s_call("mapped.test", "/where"));
    assert_int_equal(call->outcome, CALL_FORBIDDEN_ADDRESS);
    call_destroy(&call);
    call = s_one(s_call("mixed.test", "/where"));
    assert_int_equal(call->outcome, CALL_ANSWERED);
    assert_string_equal(call->answer, "127.0.0.1");
    call_destroy(&call);
    assert_int_equal(atomic_load(&s_server.seen->connections[2]), 0);
}

/* One name server that does not answer delays neither the others nor the end. */
static void test_slow_name(void **state)
{
    (void)state;
    caller_t *caller = s_caller(16);
    atomic_store(&s_looked_up, 0);
    for (unsigned i = 0; i < 3; i++) {
        call_t *slow = s_call("slow.test", "/ok");
        slow->timeout_ms = i ? 300 : WAIT_MS;
        caller_start(caller, &slow);
    }
    for (unsigned i = 0; i < 20; i++) {
        call_t *call = s_call("handler.test", "/ok");
        caller_start(caller, &call);
        call = s_next(caller);
        assert_int_equal(call->outcome, CALL_ANSWERED);
        call_destroy(&call);
    }
    for (unsigned i = 0; i < 2; i++) {
        call_t *slow = s_next(caller);
        assert_int_equal(slow->outcome, CALL_TIMEOUT);
        assert_true(slow->duration_us < 5000000);
        call_destroy(&slow);
    }
    assert_int_equal(atomic_load(&s_looked_up), 1);
    int64_t before_ms = clock_ms();
    caller_destroy(&caller);
    assert_true(clock_ms() - before_ms < 5000);
    atomic_store(&s_slow_released, 1);
}

static call_t *s_hanging_call(unsigned name, unsigned owner)
{
    char host[32];
    snprintf(host, sizeof host, "hang-%u.test", name);
    call_t *call = s_call(host, "/ok");
    memcpy(call->owner_id.bytes, &owner, sizeof owner);
    return call;
}

/* However many names hang, each look-up with its thread. */
static void test_hanging_names(void **state)
{
    enum { CALLS = 300, NAMES = 150, PLACES = 1000 };
    unsigned ended[CALL_OUTCOMES] = {0};
    (void)state;
    s_hang();
    caller_t *caller = s_caller(PLACES);
    for (unsigned i = 0; i < CALLS; i++) {
        call_t *call = s_hanging_call(i % NAMES, 1 + i % NAMES);
        call->timeout_ms = i < CALLS / 2 ? 500 : WAIT_MS;
        caller_start(caller, &call);
    }
    for (unsigned i = 0; i < CALLS; i++) {
        call_t *call = s_next(caller);
        ended[call->outcome]++;
        assert_true(call->reason[0] != '\0');
        call_destroy(&call);
    }
    assert_int_equal(ended[CALL_TIMEOUT], LOOKUPS);
    assert_int_equal(ended[CALL_NO_PLACE], CALLS - LOOKUPS);
    call_t *other = s_call("127.0.0.1", "/ok");
    caller_start(caller, &other);
    other = s_next(caller);
    assert_int_equal(other->outcome, CALL_ANSWERED);
    call_destroy(&other);
    assert_int_equal(atomic_load(&s_most_hanging), LOOKUPS);
    caller_destroy(&caller);
    s_release();
}

/* One owner's names that hang leave places to others, and what has none is not tried. */
static void test_share_of_an_owner(void **state)
{
    enum { NAMES = 40, SHARE = LOOKUPS / 4, MEAN = 1, OTHER = 2 };
    (void)state;
    s_hang();
    caller_t *caller = s_caller(CALLER_CALLS);
    for (unsigned i = 0; i < NAMES; i++) {
        call_t *call = s_hanging_call(i, MEAN);
        caller_start(caller, &call);
    }
    for (unsigned i = SHARE; i < NAMES; i++) {
        call_t *call = s_next(caller);
        assert_int_equal(call->outcome, CALL_NO_PLACE);
        assert_non_null(strstr(call->reason, "share"));
        call_destroy(&call);
    }
    call_t *other = s_call("handler.test", "/ok"), *mean = s_hanging_call(NAMES, MEAN);
    memcpy(other->owner_id.bytes, &(unsigned){OTHER}, sizeof(unsigned));
    assert_null(caller_waits_for(caller, &other->owner_id, other->url));
    assert_non_null(strstr(caller_waits_for(caller, &mean->owner_id, mean->url), "share"));
    assert_null(caller_waits_for(caller, &mean->owner_id, "http://127.0.0.1/"));
    caller_start(caller, &other);
    other = s_next(caller);
    assert_int_equal(other->outcome, CALL_ANSWERED);
    call_destroy(&other);
    call_destroy(&mean);
    /* A thread that has its place may not have begun yet. */
    for (unsigned i = 0; i < 500 && atomic_load(&s_most_hanging) < SHARE; i++)
        usleep(10000);
    assert_int_equal(atomic_load(&s_most_hanging), SHARE);
    caller_destroy(&caller);
    s_release();
}

/* A name that hangs leaves the look-ups of others alone, and what waits for it goes when it is
 * there. */
static void test_calls_wait_for_the_look_up_of_their_name(void **state)
{
    enum { CALLS = 100 };
    (void)state;
    caller_t *caller = s_caller(CALLS + 1);
    atomic_store(&s_slow_released, 0);
    atomic_store(&s_looked_up, 0);
    for (unsigned i = 0; i < CALLS; i++) {
        call_t *call = s_call("slow.test", "/ok");
        call->timeout_ms = WAIT_MS;
        caller_start(caller, &call);
    }
    call_t *other = s_call("handler.test", "/ok");
    caller_start(caller, &other);
    other = s_next(caller);
    assert_int_equal(other->outcome, CALL_ANSWERED);
    call_destroy(&other);
    atomic_store(&s_slow_released, 1);
    for (unsigned i = 0; i < CALLS; i++) {
        call_t *call = s_next(caller);
        assert_int_equal(call->outcome, CALL_ANSWERED);
        assert_string_equal(call->reason, "");
        call_destroy(&call);
    }
    assert_int_equal(atomic_load(&s_looked_up), 1);
    caller_destroy(&caller);
}

enum { MANY = 20, LONG = 1100 };

/* More lines than a call has places for, the first of them a long one. */
static void s_add_many(call_t *call)
{
    char name[16], value[LONG + 1] = "";
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "X-%u", i);
        memset(value, 'a' + (int)i, LONG);
        call_header(call, name, slice(value, i ? i : LONG));
    }
}

static void s_check_many(const char *head)
{
    char line[16 + LONG];
    for (unsigned i = 0; i < MANY; i++) {
        unsigned len = i ? i : LONG;
        int at = snprintf(line, sizeof line, "\r\nX-%u: ", i);
        memset(line + at, 'a' + (int)i, len);
        memcpy(line + at + len, "\r\n", 3);
        head = strstr(head, line);
        assert_non_null(head);
    }
}

static void test_what_is_sent(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.2:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.2:9", 1);
    call_t *call = s_call("handler.test", "/head");
    call_header(call, "webhook-id", slice_of("msg_1"));
    call_header(call, "X-Empty", slice_of(""));
    s_add_many(call);
    call = s_one(call);
    assert_int_equal(call->outcome, CALL_ANSWERED);
    s_check_many(call->answer);
    assert_non_null(strstr(call->answer, "POST /head HTTP/1.1\r\nHost: handler.test:"));
    assert_non_null(strstr(call->answer, "\r\nwebhook-id: msg_1\r\n"));
    assert_non_null(strstr(call->answer, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(call->answer, "\r\nUser-Agent: Postern/"));
    assert_null(strcasestr(call->answer, "expect"));
    assert_null(strcasestr(call->answer, "cookie"));
    assert_null(strcasestr(call->answer, "authorization"));
    assert_null(strcasestr(call->answer, "proxy"));
    assert_null(strcasestr(call->answer, "encoding"));
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    call_destroy(&call);
}

/* Past libcurl's limit for a body that goes out with the head, and for Expect. */
static void test_large_body(void **state)
{
    static const size_t lengths[] = {0, 65535, 65536, 65537, 3 << 20};
    char url[100];
    (void)state;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/body-length", s_server.port);
    char *body = calloc(1, 3 << 20);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        call_t *call = s_one(call_new(url, slice(body, lengths[i])));
        assert_int_equal(call->outcome, CALL_ANSWERED);
        assert_int_equal(strtoul(call->answer, NULL, 10), lengths[i]);
        call_destroy(&call);
    }
    free(body);
}

/* Many calls: all come back, over no more connections than are under way at once. */
static void test_many(void **state)
{
    enum { CALLS = 1000, PLACES = 8 };
    (void)state;
    caller_t *caller = s_caller(PLACES);
    int connected = atomic_load(&s_server.seen->connections[1]);
    int served = atomic_load(&s_server.seen->requests);
    static char back[CALLS];
    memset(back, 0, sizeof back);
    for (size_t i = 0; i < CALLS; i++) {
        call_t *call = s_call("handler.test", "/ok");
        call->owner = &back[i];
        caller_start(caller, &call);
    }
    for (size_t i = 0; i < CALLS; i++) {
        call_t *call = s_next(caller);
        assert_int_equal(call->outcome, CALL_ANSWERED);
        char *mark = call->owner;
        assert_int_equal(*mark, 0);
        *mark = 1;
        call_destroy(&call);
    }
    assert_null(caller_finished(caller));
    struct pollfd item = {.fd = caller_fd(caller), .events = POLLIN};
    assert_int_equal(poll(&item, 1, 0), 0);
    assert_int_equal(atomic_load(&s_server.seen->requests) - served, CALLS);
    assert_in_range(atomic_load(&s_server.seen->connections[1]) - connected, 1, PLACES);
    caller_destroy(&caller);
}

/* A bad URL among the others finishes in its turn, and none waits for a place that it kept. */
static void test_places(void **state)
{
    (void)state;
    caller_t *caller = s_caller(1);
    for (unsigned i = 0; i < 30; i++) {
        call_t *call = i % 3 ? call_new("http://a b/", slice(NULL, 0)) : s_call("127.0.0.1", "/ok");
        call->owner = (void *)(uintptr_t)i;
        caller_start(caller, &call);
    }
    unsigned answered = 0;
    for (unsigned i = 0; i < 30; i++) {
        call_t *call = s_next(caller);
        assert_int_equal((uintptr_t)call->owner, i);
        assert_int_equal(call->outcome, i % 3 ? CALL_URL : CALL_ANSWERED);
        answered += call->outcome == CALL_ANSWERED;
        call_destroy(&call);
    }
    assert_int_equal(answered, 10);
    caller_destroy(&caller);
}

/* A call that waits for its place does not use up its time. */
static void test_waiting_is_free(void **state)
{
    (void)state;
    caller_t *caller = s_caller(1);
    for (unsigned i = 0; i < 3; i++) {
        call_t *call = s_call("127.0.0.1", i < 2 ? "/never" : "/ok");
        call->timeout_ms = i < 2 ? 400 : 200;
        caller_start(caller, &call);
    }
    for (unsigned i = 0; i < 3; i++) {
        call_t *call = s_next(caller);
        assert_int_equal(call->outcome, i < 2 ? CALL_TIMEOUT : CALL_ANSWERED);
        call_destroy(&call);
    }
    caller_destroy(&caller);
}

/* The server ends each connection after the answer: the next call takes a new one. */
static void test_flapping(void **state)
{
    (void)state;
    caller_t *caller = s_caller(2);
    for (unsigned i = 0; i < 200; i++) {
        call_t *call = s_call("127.0.0.1", i % 2 ? "/then-closes" : "/long");
        caller_start(caller, &call);
        call = s_next(caller);
        if (call->outcome != CALL_ANSWERED)
            fail_msg("%u: %s: %s", i, call_outcome_name(call->outcome), call->reason);
        call_destroy(&call);
    }
    caller_destroy(&caller);
}

/* Wherever the calls are when the end comes: nothing leaks, nothing is waited for. */
static void test_end_at_any_time(void **state)
{
    static const char *const paths[] = {"/never", "/ok", "/slow", "/drip", "/endless", "/exact"};
    (void)state;
    for (unsigned round = 0; round < 15; round++) {
        caller_t *caller = s_caller(1 + round % 7);
        for (unsigned i = 0; i < 12; i++) {
            call_t *call = s_call(i % 2 ? "handler.test" : "127.0.0.1", paths[(i + round) % 6]);
            caller_start(caller, &call);
        }
        for (unsigned i = 0; i < round % 5; i++) {
            call_t *call = s_next(caller);
            call_destroy(&call);
        }
        int64_t before_ms = clock_ms();
        caller_destroy(&caller);
        assert_true(clock_ms() - before_ms < 5000);
    }
}

static void test_bad_authorities(void **state)
{
    static const char *const paths[] = {"/nowhere/ca.pem", "/dev/null", "/etc/passwd", "/"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char err[300] = "";
        caller_options_t options = {.egress = s_guard, .calls = 1, .extra_authorities = paths[i]};
        assert_null(caller_new(&options, err, sizeof err));
        assert_non_null(strstr(err, paths[i]));
    }
}

static int s_setup(void **state)
{
    char err[200];
    (void)state;
    hostile_start(&s_server);
    s_guard = egress_new("127.0.0.1", err, sizeof err);
    return s_guard ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    egress_destroy(&s_guard);
    hostile_stop(&s_server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_outcomes),
        cmocka_unit_test(test_dripping),
        cmocka_unit_test(test_bad_targets),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_slow_name),
        cmocka_unit_test(test_hanging_names),
        cmocka_unit_test(test_share_of_an_owner),
        cmocka_unit_test(test_calls_wait_for_the_look_up_of_their_name),
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_large_body),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_waiting_is_free),
        cmocka_unit_test(test_flapping),
        cmocka_unit_test(test_end_at_any_time),
        cmocka_unit_test(test_bad_authorities),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
