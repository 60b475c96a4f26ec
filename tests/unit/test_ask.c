/* What monitors, and others in their place, may answer. */
#include "common/base/clock.h"
#include "common/health/ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

enum { TIMEOUT_MS = 300 };

typedef struct {
    int fd;
    char address[32];
    const char *answer; /* NULL: none; the connection is kept */
    size_t repeat;      /* so often is its end sent again */
} server_t;

static server_t s_listen(const char *answer)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof name;
    server_t self = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .answer = answer};
    assert_int_equal(bind(self.fd, (struct sockaddr *)&name, len), 0);
    assert_int_equal(listen(self.fd, 4), 0);
    getsockname(self.fd, (struct sockaddr *)&name, &len);
    snprintf(self.address, sizeof self.address, "127.0.0.1:%u", ntohs(name.sin_port));
    return self;
}

static void *s_answer(void *arg)
{
    server_t *self = arg;
    char question[512];
    int fd = accept(self->fd, NULL, NULL);
    ssize_t got = recv(fd, question, sizeof question, 0);
    if (got > 0)
        send(fd, self->answer, strlen(self->answer), MSG_NOSIGNAL);
    for (size_t i = 0; i < self->repeat; i++)
        if (send(fd, question, sizeof question, MSG_NOSIGNAL) < 0)
            break;
    close(fd);
    return NULL;
}

/* The reply to one who answers so. */
static ask_reply_t s_ask(const char *answer, size_t repeat)
{
    server_t server = s_listen(answer);
    server.repeat = repeat;
    inquiry_t asked = {server.address, "/readyz"};
    ask_reply_t reply;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, s_answer, &server), 0);
    ask_all(&asked, &reply, 1, 20 * TIMEOUT_MS);
    pthread_join(thread, NULL);
    close(server.fd);
    return reply;
}

static void test_a_whole_answer(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *body;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n", "ok\n", 200},
        {"HTTP/1.1 503 X\r\ncontent-length:2\r\n\r\n{}{}", "{}", 503},
        {"HTTP/1.0 404 Not Found\r\n\r\nup to the end", "up to the end", 404},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", 200},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_reply_t reply = s_ask(cases[i].answer, 0);
        assert_int_equal(reply.status, cases[i].status);
        assert_string_equal(reply.body, cases[i].body);
        ask_reply_clear(&reply);
    }
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *error;
        size_t repeat;
    } cases[] = {
        {"", "closed without an answer", 0},
        {"SSH-2.0-OpenSSH_9\r\n", "no answer of HTTP", 0},
        {"SSH-2.0-OpenSSH_9\r\n\r\n", "was cut", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\ncut", "was cut", 0},
        {"HTTP/1.1 200 OK\r\n\r\n", "too long", (5 << 20) / 512},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "too long",
         (5 << 20) / 512},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask_reply_t reply = s_ask(cases[i].answer, cases[i].repeat);
        assert_int_equal(reply.status, 0);
        if (!strstr(reply.error, cases[i].error))
            fail_msg("%s is not %s", reply.error, cases[i].error);
        assert_null(reply.body);
        assert_false(reply.mute);
    }
}

static void test_however_many_are_silent_it_waits_once(void **state)
{
    (void)state;
    server_t silent = s_listen(NULL), gone = s_listen(NULL);
    close(gone.fd);
    inquiry_t asked[] = {
        {silent.address, "/a"}, {silent.address, "/b"}, {gone.address, "/a"}, {"no address", "/a"}};
    ask_reply_t replies[4];
    int64_t began_ms = clock_ms();
    ask_all(asked, replies, 4, TIMEOUT_MS);
    int64_t took_ms = clock_ms() - began_ms;
    assert_true(took_ms >= TIMEOUT_MS - 1);
    assert_true(replies[0].mute && replies[1].mute && !replies[2].mute && !replies[3].mute);
    assert_true(replies[2].refused && !replies[0].refused && !replies[3].refused);
    assert_string_equal(replies[3].error, "not an address");
    ask_all(asked, replies, 0, TIMEOUT_MS);
    close(silent.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_answer),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_however_many_are_silent_it_waits_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
