/* Posts at a pace that does not wait for answers:
 *
 *   paced PORT CONNECTIONS RATE WARM_UP SECONDS BODY < TOKENS
 *
 * TOKENS are lines "token name". RATE requests a second (one in all at least) are due at even
 * distances. One that finds no free connection waits, and what it has waited counts: a latency is
 * from when the request was due to the last byte of its answer. Prints the line that wrk's scripts
 * print, of SECONDS; and, as "warm_p50" and "warm_p99", what it was in the WARM_UP before, in which
 * the server takes the connections. */
#include "common/base/clock.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, ANSWER = 4096, LINES = 1 << 20 };

typedef struct connection {
    int fd;
    STAILQ_ENTRY(connection) link;
    uint64_t due_us;
    size_t len;
    char answer[ANSWER];
} connection_t;

/* Longest free first: none is idle until the server ends it. */
static STAILQ_HEAD(, connection) s_free = STAILQ_HEAD_INITIALIZER(s_free);
static char **s_requests;
static size_t s_lines;
static latencies_t s_warm, s_took;
static uint64_t s_counts_us; /* what is due from here on counts */
static unsigned s_bad;

static void s_fail(const char *what)
{
    fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void s_read_tokens(const char *body)
{
    char token[256], name[256];
    s_requests = calloc(LINES, sizeof *s_requests);
    while (s_requests && s_lines < LINES && scanf("%255s %255s", token, name) == 2)
        if (asprintf(
                &s_requests[s_lines++],
                "POST /api/v2/channelsbyname/%s/message?zapikey=%s HTTP/1.1\r\nHost: localhost\r\n"
                "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                name, token, strlen(body), body) < 0)
            abort();
    if (s_lines == 0)
        s_fail("no tokens");
}

static void s_open(connection_t *connection, uint16_t port, int epoll)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->fd < 0 || connect(connection->fd, (struct sockaddr *)&at, sizeof at) != 0)
        s_fail("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        s_fail("epoll_ctl");
    STAILQ_INSERT_TAIL(&s_free, connection, link);
}

static void s_send(connection_t *connection, uint64_t number, uint64_t due_us)
{
    const char *request = s_requests[number % s_lines];
    size_t len = strlen(request);
    connection->due_us = due_us;
    connection->len = 0;
    if (write(connection->fd, request, len) != (ssize_t)len)
        s_fail("write");
}

/* An answer without Content-Length ends with its head. */
static bool s_whole(const char *answer, size_t len)
{
    const char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
    if (!end)
        return false;
    size_t body =
        length && length < end ? strtoul(length + strlen("Content-Length: "), NULL, 10) : 0;
    return len >= (size_t)(end - answer) + strlen("\r\n\r\n") + body;
}

static void s_receive(connection_t *connection)
{
    ssize_t got =
        read(connection->fd, connection->answer + connection->len, ANSWER - 1 - connection->len);
    if (got <= 0)
        s_fail("read");
    connection->len += (size_t)got;
    connection->answer[connection->len] = '\0';
    if (!s_whole(connection->answer, connection->len))
        return;
    s_bad += strncmp(connection->answer, "HTTP/1.1 2", 10) != 0;
    latencies_add(connection->due_us < s_counts_us ? &s_warm : &s_took,
                  clock_us() - (int64_t)connection->due_us);
    STAILQ_INSERT_TAIL(&s_free, connection, link);
}

/* Waits for answers until DUE_US. */
static void s_wait(int epoll, uint64_t due_us)
{
    struct epoll_event events[EVENTS];
    bool free = !STAILQ_EMPTY(&s_free);
    uint64_t now_us = (uint64_t)clock_us(), left_us = due_us > now_us && free ? due_us - now_us : 0;
    struct timespec left = {(time_t)(left_us / 1000000), (long)(left_us % 1000000 * 1000)};
    int count = epoll_pwait2(epoll, events, EVENTS, free ? &left : NULL, NULL);
    if (count < 0 && errno != EINTR)
        s_fail("epoll_pwait2");
    for (int i = 0; i < count; i++)
        s_receive(events[i].data.ptr);
}

static uint32_t s_rank(const latencies_t *of, size_t percent)
{
    return of->len ? of->us[of->len * percent / 100] : 0;
}

static void s_print(uint64_t spent_us)
{
    latencies_t *all[] = {&s_warm, &s_took};
    for (unsigned i = 0; i < 2; i++)
        if (all[i]->len)
            qsort(all[i]->us, all[i]->len, sizeof *all[i]->us, latencies_order);
    printf("{\"requests\": %zu, \"us\": %" PRIu64 ", \"p50\": %u, \"p99\": %u, \"warm_p50\": %u, "
           "\"warm_p99\": %u, \"bad\": %u, \"broken\": 0}\n",
           s_took.len, spent_us, s_rank(&s_took, 50), s_rank(&s_took, 99), s_rank(&s_warm, 50),
           s_rank(&s_warm, 99), s_bad);
}

int main(int argc, char **argv)
{
    if (argc != 7 || atof(argv[3]) * atof(argv[5]) < 1) {
        fprintf(stderr, "usage: paced PORT CONNECTIONS RATE WARM_UP SECONDS BODY < TOKENS\n");
        return 2;
    }
    unsigned connections = (unsigned)atoi(argv[2]);
    double rate = atof(argv[3]), warm_s = atof(argv[4]);
    uint64_t total = (uint64_t)(rate * (warm_s + atof(argv[5]))), sent = 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    connection_t *all = calloc(connections, sizeof *all);
    signal(SIGPIPE, SIG_IGN);
    s_read_tokens(argv[6]);
    for (unsigned i = 0; all && i < connections; i++)
        s_open(&all[i], (uint16_t)atoi(argv[1]), epoll);
    uint64_t began_us = (uint64_t)clock_us();
    s_counts_us = began_us + (uint64_t)(warm_s * 1e6);
    while (s_warm.len + s_took.len < total) {
        uint64_t due_us = began_us + (uint64_t)((double)sent * 1e6 / rate);
        for (; sent < total && !STAILQ_EMPTY(&s_free) && due_us <= (uint64_t)clock_us();
             due_us = began_us + (uint64_t)((double)++sent * 1e6 / rate)) {
            connection_t *connection = STAILQ_FIRST(&s_free);
            STAILQ_REMOVE_HEAD(&s_free, link);
            s_send(connection, sent, due_us);
        }
        s_wait(epoll, sent < total ? due_us : began_us + UINT32_MAX);
    }
    s_print((uint64_t)clock_us() - s_counts_us);
    return 0;
}
