/* What the hostile server answers with one text, well and ill. */
#ifndef POSTERN_TEST_HOSTILE_TEXTS_H
#define POSTERN_TEST_HOSTILE_TEXTS_H

#include <stdbool.h>

static const struct {
    const char *path, *text;
    bool stays; /* open */
} hostile_texts[] = {
    {"/ok", "HTTP/1.1 204 No Content\r\n\r\n", true},
    {"/redirect",
     "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest/\r\nContent-Length: 0\r\n\r\n",
     true},
    {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", false},
    {"/long", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n0123456789", true},
    {"/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
     false},
    {"/bad-length", "HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n", false},
    {"/negative-length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", false},
    {"/huge-length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
     false},
    {"/large-length", "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\nabc", false},
    {"/bad-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n", false},
    {"/closed", "", false},
    {"/half-head", "HTTP/1.1 200 OK\r\nContent-Le", false},
    {"/garbage", "SSH-2.0-OpenSSH_9.2\r\n", false},
    {"/http09", "<html>hello</html>", false},
    {"/gone", "HTTP/1.1 410 Gone\r\nContent-Length: 4\r\n\r\ngone", true},
    {"/interim",
     "HTTP/1.1 103 Early Hints\r\nRetry-After: 9\r\n\r\nHTTP/1.1 200 OK\r\n"
     "Content-Length: 2\r\n\r\nok",
     true},
    {"/busy",
     "HTTP/1.1 503 Unavailable\r\nRetry-After: 7\r\nContent-Type: text/html\r\n"
     "Content-Length: 4\r\n\r\nbusy",
     true},
    {"/busy-until",
     "HTTP/1.1 429 Slow\r\nDate: Sat, 24 Oct 2020 08:00:00 GMT\r\n"
     "Retry-After: Sat, 24 Oct 2020 08:02:00 GMT\r\nContent-Length: 0\r\n\r\n",
     true},
    {"/then-closes", "HTTP/1.1 204 No Content\r\n\r\n", false},
};

#endif
