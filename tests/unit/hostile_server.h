/* An HTTP server, as a child process, that answers well or ill as the path asks, on every address
 * of loopback: a thread a connection. */
#ifndef POSTERN_TEST_HOSTILE_SERVER_H
#define POSTERN_TEST_HOSTILE_SERVER_H

#include "hostile_texts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* What it saw: memory that both processes share. */
typedef struct {
    atomic_int connections[256]; /* by the last byte of the address that was connected */
    atomic_int open, most_open;
    atomic_int requests;
} hostile_seen_t;

typedef struct {
    pid_t pid;
    int listener;
    unsigned port;
    hostile_seen_t *seen;
} hostile_server_t;

typedef struct {
    hostile_server_t *server;
    int fd;
    char head[80 << 10];
    size_t head_len, body_len;
    char *body;
} hostile_connection_t;

static inline bool hostile_send(hostile_connection_t *self, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(self->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool hostile_say(hostile_connection_t *self, const char *text)
{
    return hostile_send(self, text, strlen(text));
}

/* Reads one request; false at the end of the connection. */
static inline bool hostile_read(hostile_connection_t *self)
{
    char *end;
    self->head_len = 0;
    for (;;) {
        ssize_t n =
            recv(self->fd, self->head + self->head_len, sizeof self->head - 1 - self->head_len, 0);
        if (n <= 0)
            return false;
        self->head_len += (size_t)n;
        self->head[self->head_len] = '\0';
        if ((end = strstr(self->head, "\r\n\r\n")))
            break;
    }
    const char *length = strcasestr(self->head, "\r\nContent-Length: ");
    self->body_len = length ? strtoul(length + 18, NULL, 10) : 0;
    self->body = realloc(self->body, self->body_len + 1);
    assert(self->body);
    size_t got = self->head_len - (size_t)(end + 4 - self->head);
    assert(got <= self->body_len);
    memcpy(self->body, end + 4, got);
    self->head_len = (size_t)(end + 4 - self->head);
    self->head[self->head_len] = '\0';
    for (; got < self->body_len;) {
        ssize_t n = recv(self->fd, self->body + got, self->body_len - got, 0);
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    atomic_fetch_add(&self->server->seen->requests, 1);
    return true;
}

static inline bool hostile_answer(hostile_connection_t *self, const char *body, size_t len)
{
    char head[200];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", len);
    return hostile_say(self, head) && hostile_send(self, body, len);
}

/* Sends TEXT again and again, until the other side has enough. */
static inline bool hostile_endless(hostile_connection_t *self, const char *head, const char *text)
{
    if (hostile_say(self, head))
        while (hostile_say(self, text))
            ;
    return false;
}

static inline bool hostile_never(hostile_connection_t *self)
{
    char byte;
    while (recv(self->fd, &byte, 1, 0) > 0)
        ;
    return false;
}

static inline bool hostile_drip(hostile_connection_t *self)
{
    if (!hostile_say(self, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"))
        return false;
    while (hostile_say(self, "x"))
        usleep(20000);
    return false;
}

static inline bool hostile_many(hostile_connection_t *self, size_t len)
{
    char *body = malloc(len);
    assert(body);
    memset(body, 'y', len);
    bool sent = hostile_answer(self, body, len);
    free(body);
    return sent;
}

/* False ends the connection. */
static inline bool hostile_serve(hostile_connection_t *self)
{
    char path[100] = "", where[64];
    struct sockaddr_in name;
    socklen_t len = sizeof name;
    sscanf(self->head, "POST %99s", path);
    for (size_t i = 0; i < sizeof hostile_texts / sizeof *hostile_texts; i++)
        if (strcmp(path, hostile_texts[i].path) == 0)
            return hostile_say(self, hostile_texts[i].text) && hostile_texts[i].stays;
    if (strcmp(path, "/echo") == 0)
        return hostile_answer(self, self->body, self->body_len);
    if (strcmp(path, "/head") == 0)
        return hostile_answer(self, self->head, self->head_len);
    if (strcmp(path, "/body-length") == 0)
        return hostile_answer(self, where, (size_t)sprintf(where, "%zu", self->body_len));
    if (strcmp(path, "/exact") == 0)
        return hostile_many(self, 65536);
    if (strcmp(path, "/past-it") == 0)
        return hostile_many(self, 70000);
    if (strcmp(path, "/never") == 0)
        return hostile_never(self);
    if (strcmp(path, "/drip") == 0)
        return hostile_drip(self);
    if (strcmp(path, "/endless") == 0)
        return hostile_endless(self, "HTTP/1.1 200 OK\r\n\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    if (strcmp(path, "/endless-chunks") == 0)
        return hostile_endless(self, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                               "8\r\nxxxxxxxx\r\n");
    if (strcmp(path, "/endless-head") == 0)
        return hostile_endless(self, "HTTP/1.1 200 OK\r\n", "X-Header: xxxxxxxxxxxxxxxxxx\r\n");
    if (strcmp(path, "/endless-line") == 0)
        return hostile_endless(self,
                               "HTTP/1.1 200 OK\r\nX-Header: ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    if (strcmp(path, "/endless-status") == 0)
        return hostile_endless(self, "HTTP/1.1 200 ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    if (strcmp(path, "/endless-refusal") == 0)
        return hostile_endless(self, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n",
                               "xxxxxxxxxxxxxxxx");
    if (strcmp(path, "/endless-trailer") == 0)
        return hostile_endless(self, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                               "X-Trailer: xxxxxxxxxxxxxxxxxx\r\n");
    if (strcmp(path, "/endless-interim") == 0)
        return hostile_endless(self, "", "HTTP/1.1 103 Early Hints\r\nX-A: bbbbbbb\r\n\r\n");
    if (strcmp(path, "/slow") == 0) {
        usleep(50000);
        return hostile_answer(self, "slow", 4);
    }
    getsockname(self->fd, (struct sockaddr *)&name, &len);
    inet_ntop(AF_INET, &name.sin_addr, where, sizeof where);
    return hostile_answer(self, where, strlen(where));
}

static inline void *hostile_connection(void *arg)
{
    hostile_connection_t *self = arg;
    hostile_seen_t *seen = self->server->seen;
    int open = atomic_fetch_add(&seen->open, 1) + 1, most = atomic_load(&seen->most_open);
    while (open > most && !atomic_compare_exchange_weak(&seen->most_open, &most, open))
        ;
    while (hostile_read(self) && hostile_serve(self))
        ;
    shutdown(self->fd, SHUT_WR);
    close(self->fd);
    atomic_fetch_sub(&seen->open, 1);
    free(self->body);
    free(self);
    return NULL;
}

static inline void hostile_run(hostile_server_t *self)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        struct sockaddr_in name;
        socklen_t len = sizeof name;
        hostile_connection_t *connection = calloc(1, sizeof *connection);
        assert(connection);
        connection->server = self;
        connection->fd = accept(self->listener, NULL, NULL);
        assert(connection->fd >= 0);
        getsockname(connection->fd, (struct sockaddr *)&name, &len);
        atomic_fetch_add(&self->seen->connections[ntohl(name.sin_addr.s_addr) & 255], 1);
        pthread_t thread;
        int rc = pthread_create(&thread, NULL, hostile_connection, connection);
        assert(rc == 0);
        pthread_detach(thread);
    }
}

/* Before this process has threads. */
static inline void hostile_start(hostile_server_t *self)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    self->seen =
        mmap(NULL, sizeof *self->seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(self->seen != MAP_FAILED);
    self->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = bind(self->listener, (struct sockaddr *)&name, sizeof name);
    assert(rc == 0);
    rc = listen(self->listener, 1024);
    assert(rc == 0);
    getsockname(self->listener, (struct sockaddr *)&name, &len);
    self->port = ntohs(name.sin_port);
    self->pid = fork();
    assert(self->pid >= 0);
    if (self->pid == 0)
        hostile_run(self);
}

static inline void hostile_stop(hostile_server_t *self)
{
    kill(self->pid, SIGKILL);
    waitpid(self->pid, NULL, 0);
    close(self->listener);
    munmap(self->seen, sizeof *self->seen);
}

#endif
