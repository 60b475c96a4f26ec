/* The monitor over real sockets, and the metrics that it shows. One monitor serves all tests: they
 * run in the order of main. */
#include "common/monitor/exposition.h"
#include "common/monitor/monitor.h"
#include "common/monitor/seats.h"

#include "child.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/errors.h"
#include "common/base/ops.h"

static struct sockaddr_in s_at;
static char s_address[64];

static void s_sleep_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void s_choose_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    s_at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof s_at;
    assert_int_equal(bind(fd, (struct sockaddr *)&s_at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&s_at, &len), 0);
    close(fd);
    snprintf(s_address, sizeof s_address, "127.0.0.1:%u", ntohs(s_at.sin_port));
}

static int s_connect(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&s_at, sizeof s_at), 0);
    return fd;
}

/* Sends what is given and reads until the other side closes. */
static size_t s_exchange(const void *data, size_t len, char *answer, size_t size)
{
    int fd = s_connect();
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
    size_t got = 0;
    for (ssize_t n; got < size - 1 && (n = recv(fd, answer + got, size - 1 - got, 0)) > 0;)
        got += (size_t)n;
    answer[got] = '\0';
    close(fd);
    return got;
}

static char s_text[262144];

static const char *s_get(const char *path)
{
    char request[512];
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    s_exchange(request, (size_t)len, s_text, sizeof s_text);
    return s_text;
}

static int s_status(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static const char *s_body(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    assert_non_null(end);
    return end + 4;
}

static int s_start(void **state)
{
    (void)state;
    s_choose_port();
    monitor_start("postern-test", 7, s_address, "one");
    return 0;
}

static void test_alive(void **state)
{
    (void)state;
    monitor_tick();
    assert_int_equal(s_status(s_get("/healthz")), 200);
    assert_string_equal(s_body(s_text), "ok\n");
    assert_int_equal(s_status(s_get("/healthz?verbose=1")), 200);
}

static void test_ready_states(void **state)
{
    (void)state;
    /* A process that has said nothing yet is not ready. */
    assert_int_equal(s_status(s_get("/readyz")), 503);
    char expected[512], host[256] = "";
    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected,
             "{\"ready\":false,\"degraded\":false,\"process\":\"postern-test\",\"index\":7,"
             "\"installation\":\"one\",\"version\":\"%s\",\"host\":\"%s\",\"checks\":[]}\n",
             POSTERN_VERSION, host);
    assert_string_equal(s_body(s_text), expected);
    monitor_check("store", CHECK_OK, NULL);
    assert_int_equal(s_status(s_get("/readyz")), 200);
    assert_non_null(strstr(s_text, "application/json"));
    assert_non_null(strstr(s_text, "{\"ready\":true,\"degraded\":false,"));
    monitor_check("shards", CHECK_DEGRADED, "channel.0 is \"absent\"\n\x01");
    assert_int_equal(s_status(s_get("/readyz")), 200);
    assert_non_null(strstr(s_text, "{\"ready\":true,\"degraded\":true,"));
    assert_non_null(strstr(s_text, "{\"name\":\"shards\",\"state\":\"degraded\",\"reason\":"
                                   "\"channel.0 is \\\"absent\\\"\\u000a\\u0001\"}"));
    monitor_check("store", CHECK_FAILED, "full");
    assert_int_equal(s_status(s_get("/readyz")), 503);
    assert_non_null(strstr(s_text, "{\"ready\":false,\"degraded\":true,"));
    monitor_check("store", CHECK_OK, "");
    monitor_check("shards", CHECK_OK, "");
    assert_int_equal(s_status(s_get("/readyz")), 200);
    assert_non_null(strstr(s_text, "{\"ready\":true,\"degraded\":false,"));
}

static void test_reasons_are_utf8(void **state)
{
    (void)state;
    monitor_check("store", CHECK_OK,
                  "/d\xc3\xa9p\xc3\xb4t/\xff"
                  "e\x7f");
    s_get("/readyz");
    assert_non_null(strstr(s_text, "\"reason\":\"/d\xc3\xa9p\xc3\xb4t/\xef\xbf\xbd"
                                   "e\\u007f\""));
    monitor_check("store", CHECK_OK, "");
}

static void test_long_reasons_are_cut(void **state)
{
    (void)state;
    char reason[500];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    monitor_check("store", CHECK_OK, reason);
    s_get("/readyz");
    const char *from = strstr(s_text, "\"rrr");
    assert_non_null(from);
    assert_int_equal(strspn(from + 1, "r"), 200);
    monitor_check("store", CHECK_OK, "");
}

/* The line of a metric, with its value. */
static bool s_shows(const char *line)
{
    char whole[256];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    return strstr(s_text, whole) != NULL;
}

static void test_metrics(void **state)
{
    (void)state;
    unsigned row = (unsigned)op_index(op_find(OP_bot_message));
    s_get("/metrics");
    assert_null(strstr(s_text, "postern_http_connections"));
    metric_add_at(METRIC_http_requests_total, row, 3);
    metric_add_at(METRIC_http_errors_total, 0, 1);
    metric_add_at(METRIC_http_errors_total, ERROR_internal, 2);
    metric_set_at(METRIC_shards_present, OWNER_EXTENSION, 4);
    metric_add(METRIC_http_connections, 7);
    metric_add(METRIC_http_connections, -7);
    metric_set(METRIC_journal_rows, 1LL << 40);
    assert_int_equal(s_status(s_get("/metrics")), 200);
    assert_non_null(strstr(s_text, "text/plain; version=0.0.4"));
    assert_true(s_shows("# TYPE postern_http_requests_total counter"));
    assert_true(s_shows(
        "postern_http_requests_total{process=\"postern-test\",index=\"7\",op=\"bot_message\"} 3"));
    assert_true(
        s_shows("postern_http_errors_total{process=\"postern-test\",index=\"7\",code=\"none\"} 1"));
    assert_true(s_shows(
        "postern_http_errors_total{process=\"postern-test\",index=\"7\",code=\"internal\"} 2"));
    assert_true(s_shows(
        "postern_shards_present{process=\"postern-test\",index=\"7\",kind=\"extension\"} 4"));
    /* A gauge that went back to 0 is still told: it must not look as if it had stayed. */
    assert_true(s_shows("postern_http_connections{process=\"postern-test\",index=\"7\"} 0"));
    assert_true(
        s_shows("postern_journal_rows{process=\"postern-test\",index=\"7\"} 1099511627776"));
    assert_null(strstr(s_text, "op=\"channel_message\""));
    assert_int_equal(metric_get(METRIC_http_errors_total), 3);
    assert_int_equal(metric_get(METRIC_http_connections), 0);
}

static void test_histogram(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 50, 51, 100, 1000, 13107200, 13107201, 999999999};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        metric_observe_us(METRIC_commit_seconds, times[i]);
    s_get("/metrics");
#define SERIES(tail) "postern_commit_seconds" tail
#define BUCKET(le, n) SERIES("_bucket{process=\"postern-test\",index=\"7\",le=\"" le "\"} " n)
    assert_true(s_shows("# TYPE postern_commit_seconds histogram"));
    assert_true(s_shows(BUCKET("5e-05", "2")));
    assert_true(s_shows(BUCKET("0.0001", "4")));
    assert_true(s_shows(BUCKET("0.0008", "4")));
    assert_true(s_shows(BUCKET("0.0016", "5")));
    assert_true(s_shows(BUCKET("13.1072", "6")));
    assert_true(s_shows(BUCKET("+Inf", "8")));
    assert_true(s_shows(SERIES("_count{process=\"postern-test\",index=\"7\"} 8")));
    assert_true(s_shows(SERIES("_sum{process=\"postern-test\",index=\"7\"} 1026.215601")));
    assert_int_equal(metric_get(METRIC_commit_seconds), 8);
}

static void test_sizes_and_ages(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 1024, 1025};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        metric_observe_size(METRIC_link_batch_entries, sizes[i]);
    metric_set_at(METRIC_queue_oldest_seconds, OWNER_BOT, 1234);
    s_get("/metrics");
#define SIZE(tail) "postern_link_batch_entries" tail
#define SIZED(le, n) SIZE("_bucket{process=\"postern-test\",index=\"7\",le=\"" le "\"} " n)
    assert_true(s_shows("# TYPE postern_link_batch_entries histogram"));
    assert_true(s_shows(SIZED("1", "1")));
    assert_true(s_shows(SIZED("4", "3")));
    assert_true(s_shows(SIZED("1024", "4")));
    assert_true(s_shows(SIZED("+Inf", "5")));
    assert_true(s_shows(SIZE("_sum{process=\"postern-test\",index=\"7\"} 2055.000000")));
    assert_true(s_shows("# TYPE postern_queue_oldest_seconds gauge"));
    assert_true(s_shows(
        "postern_queue_oldest_seconds{process=\"postern-test\",index=\"7\",kind=\"bot\"} 1.234"));
}

static double s_value(const char *series)
{
    char start[128];
    snprintf(start, sizeof start, "\n%s{process=\"postern-test\",index=\"7\"} ", series);
    const char *at = strstr(s_text, start);
    assert_non_null(at);
    return strtod(at + strlen(start), NULL);
}

static void test_process_metrics(void **state)
{
    (void)state;
    s_get("/metrics");
    assert_true(s_value("process_resident_memory_bytes") > 1e6);
    assert_true(s_value("process_cpu_seconds_total") > 0);
    double started = s_value("process_start_time_seconds"), now = (double)time(NULL);
    assert_true(started <= now + 1 && started > now - 600);
    double open_before = s_value("process_open_fds");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    s_get("/metrics");
    assert_true(s_value("process_open_fds") >= open_before + 1);
    close(ends[0]);
    close(ends[1]);
    assert_true(
        s_shows("postern_build_info{process=\"postern-test\",index=\"7\",version=\"" POSTERN_VERSION
                "\"} 1"));
}

/* Each line is a comment or a series, and each series follows the comments of its name. */
static void test_metrics_format(void **state)
{
    (void)state;
    char *body = strdup(s_body(s_get("/metrics"))), family[128] = "";
    assert_int_equal(body[strlen(body) - 1], '\n');
    for (char *rest = body, *line; (line = strsep(&rest, "\n")) && *line;) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
        } else if (strncmp(line, "# TYPE ", 7) == 0) {
            assert_int_equal(strncmp(line + 7, family, strlen(family)), 0);
        } else {
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
            char *end, *value = strrchr(line, ' ');
            assert_non_null(value);
            strtod(value + 1, &end);
            assert_true(end > value + 1 && *end == '\0');
        }
    }
    free(body);
}

static void test_nothing_else_is_served(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/", "/metrics/", "/healthz2", "/readyz/x", "/server-status", "/../etc/passwd", "*", "/%6"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(s_status(s_get(paths[i])), 404);
    static const char post[] =
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    s_exchange(post, sizeof post - 1, s_text, sizeof s_text);
    assert_int_equal(s_status(s_text), 404);
    static const char large[] =
        "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    s_exchange(large, sizeof large - 1, s_text, sizeof s_text);
    assert_int_equal(s_status(s_text), 413);
}

static void test_head_has_no_body(void **state)
{
    (void)state;
    static const char head[] = "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    monitor_tick();
    s_exchange(head, sizeof head - 1, s_text, sizeof s_text);
    assert_int_equal(s_status(s_text), 200);
    assert_string_equal(s_body(s_text), "");
}

static void test_garbage(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
    } cases[] = {
        {"\0\0\0\0\r\n\r\n", 8},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15},
        {"GET\r\n\r\n", 7},
        {"GET /healthz HTTP/9.9\r\n\r\n", 25},
        {"GET /healthz\r\n\r\n", 16},
        {"GET /healthz HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 51},
        {"GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 46},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        s_exchange(cases[i].data, cases[i].len, s_text, sizeof s_text);
        assert_int_not_equal(s_status(s_text), 200);
        monitor_tick();
        assert_int_equal(s_status(s_get("/healthz")), 200);
    }
}

/* HTTP/2 has no defence against rapid resets in this libh2o. */
static void test_no_http2(void **state)
{
    (void)state;
    static const char prior[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    s_exchange(prior, sizeof prior - 1, s_text, sizeof s_text);
    assert_int_equal(s_status(s_text), 400);
    static const char upgrade[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, "
                                  "HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk"
                                  "\r\n\r\n";
    monitor_tick();
    s_exchange(upgrade, sizeof upgrade - 1, s_text, sizeof s_text);
    assert_int_equal(s_status(s_text), 200);
}

enum { CROWD = 200 };

/* Who comes last is served at once, whoever sits there in silence: the oldest have left for it. */
static void test_a_crowd_does_not_keep_others_out(void **state)
{
    (void)state;
    int crowd[CROWD];
    for (int i = 0; i < CROWD; i++)
        crowd[i] = s_connect();
    static const char get[] = "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int last = crowd[CROWD - 1];
    assert_int_equal(send(last, get, sizeof get - 1, MSG_NOSIGNAL), sizeof get - 1);
    assert_true(recv(last, s_text, sizeof s_text, 0) > 0);
    assert_int_equal(recv(*crowd, s_text, sizeof s_text, 0), 0);
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    assert_int_equal(s_status(s_get("/readyz")), 200);
}

static void *s_count(void *arg)
{
    for (int i = 0; i < 100000; i++) {
        metric_add(METRIC_stored_total, 1);
        if (i % 1000 == 0)
            monitor_check("store", i % 2000 ? CHECK_OK : CHECK_DEGRADED, arg);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, s_count, (void *)"reason"), 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(s_status(s_get("/metrics")), 200);
        assert_int_equal(s_status(s_get("/readyz")), 200);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_get(METRIC_stored_total), 400000);
}

static void s_on_signal(int signal)
{
    (void)signal;
}

/* A signal must not end the thread's loop, whoever it was meant for. */
static void test_signals(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = s_on_signal}, before;
    sigaction(SIGUSR1, &action, &before);
    for (int i = 0; i < 20; i++) {
        kill(getpid(), SIGUSR1);
        s_sleep_ms(2);
    }
    sigaction(SIGUSR1, &before, NULL);
    monitor_tick();
    assert_int_equal(s_status(s_get("/healthz")), 200);
}

static void test_red_when_the_loop_is_silent(void **state)
{
    (void)state;
    monitor_tick();
    s_sleep_ms(2000);
    assert_int_equal(s_status(s_get("/healthz")), 200);
    s_sleep_ms(1500);
    assert_int_equal(s_status(s_get("/healthz")), 503);
    assert_non_null(strstr(s_body(s_text), "silent for"));
    assert_int_equal(s_status(s_get("/metrics")), 200);
    monitor_tick();
    assert_int_equal(s_status(s_get("/healthz")), 200);
}

static void s_start_again(void *arg)
{
    monitor_start("second", 0, arg, "one");
}

static void test_address_in_use(void **state)
{
    (void)state;
    char text[1024];
    s_choose_port();
    int taken = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(taken, (struct sockaddr *)&s_at, sizeof s_at), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(child_run(s_start_again, s_address, text, sizeof text), 0);
    close(taken);
    assert_non_null(strstr(text, "event=monitor.busy process=second-0"));
    assert_non_null(strstr(text, s_address));
    assert_non_null(strstr(text, "in use"));
}

static void test_an_address_that_is_none(void **state)
{
    (void)state;
    char text[1024];
    assert_int_equal(child_run(s_start_again, (void *)"name.invalid:80", text, sizeof text), 78);
    assert_non_null(strstr(text, "name.invalid:80"));
    assert_int_equal(child_run(s_start_again, (void *)"9100", text, sizeof text), 78);
}

/* Pairs get labels as they come; past the room for them all are one. */
static void test_labels_of_formats(void **state)
{
    (void)state;
    unsigned first = metric_format(slice_of("github"), "message");
    assert_int_equal(metric_format(slice_of("github"), "message"), first);
    assert_int_not_equal(metric_format(slice_of("github"), "failed"), first);
    assert_int_equal(metric_format(slice_of("a-name-that-is-longer-than-32-bytes"), "failed"), 0);
    metric_add_at(METRIC_format_total, first, 1);
    for (unsigned i = 0; i < METRIC_SLOTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "own-%u", i);
        metric_add_at(METRIC_format_total, metric_format(slice_of(name), "message"), 1);
    }
    assert_int_equal(metric_format(slice_of("one-more"), "message"), 0);
    assert_int_equal(metric_format(slice_of("github"), "message"), first);
    assert_int_equal(metric_get(METRIC_format_total), METRIC_SLOTS + 1);
}

static void s_wrong_label(void *arg)
{
    (void)arg;
    metric_add_at(METRIC_shards_present, WORKER_KINDS, 1);
}

static void s_no_label(void *arg)
{
    (void)arg;
    metric_add(METRIC_shards_present, 1);
}

static void s_not_a_size(void *arg)
{
    (void)arg;
    metric_observe_size(METRIC_commit_seconds, 1);
}

static void s_not_a_histogram(void *arg)
{
    (void)arg;
    metric_observe_us(METRIC_inflight, 1);
}

static void test_misuse_is_a_bug(void **state)
{
    (void)state;
    char text[4096];
    assert_int_equal(child_run(s_wrong_label, NULL, text, sizeof text), 128 + SIGABRT);
    assert_int_equal(child_run(s_no_label, NULL, text, sizeof text), 128 + SIGABRT);
    assert_int_equal(child_run(s_not_a_size, NULL, text, sizeof text), 128 + SIGABRT);
    assert_int_equal(child_run(s_not_a_histogram, NULL, text, sizeof text), 128 + SIGABRT);
}

static int s_take_seat(seats_t *seats, int fd, const char *address)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    struct sockaddr_in6 name6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &name.sin_addr) == 1)
        return seats_take(seats, fd, (struct sockaddr *)&name);
    assert_int_equal(inet_pton(AF_INET6, address, &name6.sin6_addr), 1);
    return seats_take(seats, fd, (struct sockaddr *)&name6);
}

static void test_seats(void **state)
{
    seats_t *seats = seats_new();
    char text[32];
    (void)state;
    for (int i = 0; i < SEATS_OF_ADDRESS; i++)
        assert_int_equal(s_take_seat(seats, i, i % 2 ? "1.2.3.4" : "::ffff:1.2.3.4"), -1);
    assert_int_equal(s_take_seat(seats, 100, "2001:db8::1"), -1);
    assert_int_equal(s_take_seat(seats, 101, "1.2.3.4"), 0); /* the oldest of the address */
    seats_leave(seats, 0);                                   /* which counts no more */
    seats_leave(seats, 5);
    assert_int_equal(s_take_seat(seats, 102, "1.2.3.4"), -1);
    for (int i = (int)seats_len(seats); i < SEATS; i++) {
        snprintf(text, sizeof text, "10.0.0.%d", i);
        assert_int_equal(s_take_seat(seats, 200 + i, text), -1);
    }
    assert_int_equal(s_take_seat(seats, 300, "10.1.1.1"), 1); /* the oldest of all */
    for (int i = 0; i < SEATS_OF_ADDRESS; i++)
        assert_true(s_take_seat(seats, 400 + i, i % 2 ? "2001:db8:0:1::1" : "2001:db8:0:1::2") > 0);
    assert_int_equal(s_take_seat(seats, 500, "2001:db8:0:1:ffff::"), 400); /* one /64 */
    assert_int_equal(seats_len(seats), SEATS);
    seats_destroy(&seats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seats),
        cmocka_unit_test(test_alive),
        cmocka_unit_test(test_ready_states),
        cmocka_unit_test(test_reasons_are_utf8),
        cmocka_unit_test(test_long_reasons_are_cut),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_sizes_and_ages),
        cmocka_unit_test(test_process_metrics),
        cmocka_unit_test(test_metrics_format),
        cmocka_unit_test(test_nothing_else_is_served),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_no_http2),
        cmocka_unit_test(test_a_crowd_does_not_keep_others_out),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_red_when_the_loop_is_silent),
        cmocka_unit_test(test_labels_of_formats),
        cmocka_unit_test(test_misuse_is_a_bug),
    };
    /* Their children start a monitor's thread, which ThreadSanitizer refuses to the child of a
     * process that has one. */
    const struct CMUnitTest before_a_thread[] = {
        cmocka_unit_test(test_address_in_use),
        cmocka_unit_test(test_an_address_that_is_none),
    };
    int failed = cmocka_run_group_tests(before_a_thread, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, s_start, NULL);
}
