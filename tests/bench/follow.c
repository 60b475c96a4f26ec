/* Readers of a live stream, from one thread:
 *
 *   follow PORT READERS < HEAD
 *
 * opens READERS connections to 127.0.0.1, 64 at a time, sends HEAD on each, and prints "open" when
 * each has had a byte. Text "@TIME@" in what comes, 16 digits of CLOCK_MONOTONIC in µs, is when
 * that was posted. A line on stdin asks for what came since the last one: "DELIVERIES P50_US P99_US
 * LOST", LOST being the connections that have ended. */
#include "common/base/clock.h"
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 4096, MARK = 18, EVENTS = 512, OPENING = 64, LINE = 64 };

typedef struct {
    int fd;
    bool begun;
    unsigned tail_len; /* of a mark that is not complete */
    char tail[MARK];
} reader_t;

static reader_t *s_readers;
static unsigned s_begun, s_lost;
static latencies_t s_took;
static char s_head[HEAD];

static void s_fail(const char *what)
{
    fprintf(stderr, "follow: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void s_open(reader_t *reader, uint16_t port, int epoll)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    reader->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (reader->fd < 0 || connect(reader->fd, (struct sockaddr *)&at, sizeof at) != 0)
        s_fail("connect");
    size_t len = strlen(s_head);
    if (write(reader->fd, s_head, len) != (ssize_t)len)
        s_fail("write");
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, reader->fd, &event) != 0)
        s_fail("epoll_ctl");
}

static void s_note(const char *mark, uint64_t now_us)
{
    if (mark[MARK - 1] == '@')
        latencies_add(&s_took, (int64_t)(now_us - strtoull(mark + 1, NULL, 10)));
}

/* TEXT begins with what was left of the last piece. */
static void s_look(reader_t *reader, const char *text, size_t len)
{
    uint64_t now_us = (uint64_t)clock_us();
    const char *end = text + len, *at = text;
    reader->tail_len = 0;
    while ((at = memchr(at, '@', (size_t)(end - at)))) {
        if (end - at < MARK) {
            reader->tail_len = (unsigned)(end - at);
            memcpy(reader->tail, at, reader->tail_len);
            return;
        }
        s_note(at, now_us);
        at += MARK;
    }
}

static void s_read(reader_t *reader)
{
    static char text[MARK + (1 << 16)];
    memcpy(text, reader->tail, reader->tail_len);
    ssize_t got = read(reader->fd, text + reader->tail_len, sizeof text - MARK);
    if (got <= 0) {
        close(reader->fd);
        s_lost++;
        return;
    }
    if (!reader->begun && strncmp(text, "HTTP/1.1 200", 12) != 0) {
        fprintf(stderr, "follow: %.*s\n", (int)got, text);
        exit(1);
    }
    s_begun += !reader->begun;
    reader->begun = true;
    s_look(reader, text, reader->tail_len + (size_t)got);
}

static void s_tell(void)
{
    size_t len = s_took.len;
    if (len)
        qsort(s_took.us, len, sizeof *s_took.us, latencies_order);
    printf("%zu %u %u %u\n", len, len ? s_took.us[len / 2] : 0, len ? s_took.us[len * 99 / 100] : 0,
           s_lost);
    fflush(stdout);
    s_took.len = 0;
}

/* False at the end of stdin. */
static bool s_turn(int epoll)
{
    struct epoll_event events[EVENTS];
    char line[LINE];
    int n = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < n; i++)
        if (events[i].data.ptr)
            s_read(events[i].data.ptr);
        else if (read(STDIN_FILENO, line, sizeof line) <= 0)
            return false;
        else
            s_tell();
    return true;
}

static void s_open_all(uint16_t port, unsigned count, int epoll)
{
    struct rlimit most = {count + 64, count + 64};
    if (setrlimit(RLIMIT_NOFILE, &most) != 0)
        s_fail("setrlimit");
    s_readers = calloc(count, sizeof *s_readers);
    if (!s_readers)
        abort();
    for (unsigned i = 0; i < count; i++) {
        s_open(&s_readers[i], port, epoll);
        while (s_begun + OPENING <= i && s_lost == 0)
            s_turn(epoll);
    }
    while (s_begun < count && s_lost == 0)
        s_turn(epoll);
    s_took.len = 0;
    puts("open");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    ssize_t len = argc == 3 ? read(STDIN_FILENO, s_head, sizeof s_head - 1) : -1;
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (len <= 0 || epoll < 0)
        return 2;
    s_open_all((uint16_t)atoi(argv[1]), (unsigned)atoi(argv[2]), epoll);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        s_fail("epoll_ctl");
    while (s_turn(epoll)) {
    }
    return 0;
}
