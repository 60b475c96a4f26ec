/* The peer of call_load: the same calls by nothing but libcurl's multi interface, in its fastest
 * form (curl_multi_socket_action and epoll), in one thread, with handles that are set up once and
 * used again. No guard, no copies, no hand-over between threads.
 *
 *   curl_load SECONDS WARMUP_SECONDS CONCURRENCY URL */
#include "common/base/clock.h"
#include "load.h"

#include <assert.h>
#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

typedef struct {
    CURL *easy;
    int64_t started_us;
} flight_t;

static int s_epoll;
static CURLM *s_multi;
static int64_t s_due_ms = -1;
static char s_body[LOAD_BODY];

static int s_on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    (void)easy, (void)arg;
    struct epoll_event event = {.data.fd = fd};
    event.events = (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0u) |
                   (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0u);
    if (what == CURL_POLL_REMOVE)
        epoll_ctl(s_epoll, EPOLL_CTL_DEL, fd, NULL);
    else if (epoll_ctl(s_epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        abort();
    curl_multi_assign(s_multi, fd, what == CURL_POLL_REMOVE ? NULL : &s_epoll);
    return 0;
}

static int s_on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    (void)multi, (void)arg;
    s_due_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    return 0;
}

static size_t s_on_body(char *data, size_t size, size_t count, void *arg)
{
    (void)data, (void)arg;
    return size * count;
}

static void s_set_up(flight_t *flight, const char *url, struct curl_slist *headers)
{
    CURL *easy = flight->easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, s_body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)sizeof s_body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, s_on_body);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, flight);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 15000L);
}

static void s_start(flight_t *flight)
{
    flight->started_us = clock_us();
    curl_multi_add_handle(s_multi, flight->easy);
}

static void s_collect(latencies_t *latencies, int64_t from_us)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(s_multi, &left))) {
        char *private;
        long status = 0;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        flight_t *flight = (flight_t *)(void *)private;
        curl_multi_remove_handle(s_multi, flight->easy);
        if (flight->started_us >= from_us) {
            if (code == CURLE_OK && status / 100 == 2)
                latencies_add(latencies, clock_us() - flight->started_us);
            else
                latencies->failures++;
        }
        s_start(flight);
    }
}

static void s_turn(void)
{
    struct epoll_event events[256];
    int64_t left_ms = s_due_ms < 0 ? 100 : s_due_ms - clock_ms();
    int running;
    int count = epoll_wait(s_epoll, events, 256, left_ms > 0 ? (int)left_ms : 0);
    for (int i = 0; i < count; i++)
        curl_multi_socket_action(s_multi, events[i].data.fd,
                                 (events[i].events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                                     (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0),
                                 &running);
    if (s_due_ms >= 0 && clock_ms() >= s_due_ms)
        curl_multi_socket_action(s_multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

int main(int argc, char **argv)
{
    assert(argc == 5);
    int64_t us = (int64_t)(atof(argv[1]) * 1e6), warmup_us = (int64_t)(atof(argv[2]) * 1e6);
    size_t count = strtoul(argv[3], NULL, 10);
    flight_t *flights = calloc(count, sizeof *flights);
    latencies_t latencies = {0};
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    assert(flights);
    for (size_t i = 0; i < LOAD_HEADERS; i++) {
        char line[200];
        snprintf(line, sizeof line, "%s: %s", load_headers[i][0], load_headers[i][1]);
        headers = curl_slist_append(headers, line);
    }
    load_body(s_body);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    s_epoll = epoll_create1(EPOLL_CLOEXEC);
    s_multi = curl_multi_init();
    curl_multi_setopt(s_multi, CURLMOPT_SOCKETFUNCTION, s_on_socket);
    curl_multi_setopt(s_multi, CURLMOPT_TIMERFUNCTION, s_on_timer);
    curl_multi_setopt(s_multi, CURLMOPT_MAXCONNECTS, (long)count);
    int64_t from_us = clock_us() + warmup_us, now_us;
    for (size_t i = 0; i < count; i++) {
        s_set_up(&flights[i], argv[4], headers);
        s_start(&flights[i]);
    }
    while ((now_us = clock_us()) < from_us + us) {
        s_turn();
        s_collect(&latencies, from_us);
    }
    latencies_print(&latencies, "curl", now_us - from_us);
    for (size_t i = 0; i < count; i++) {
        curl_multi_remove_handle(s_multi, flights[i].easy);
        curl_easy_cleanup(flights[i].easy);
    }
    curl_multi_cleanup(s_multi);
    curl_slist_free_all(headers);
    free(flights);
    close(s_epoll);
    return 0;
}
