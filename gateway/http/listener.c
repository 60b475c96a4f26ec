#include "gateway/http/listener.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/http/parting.h"
#include "gateway/ring/reply.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ACCEPTS = 64,      /* in one go */
    QUEUE = 4096,      /* most that may wait in the kernel's */
    INPUTS_KEPT = 256, /* buffers of libh2o that no connection needs at the moment */
    LOG_APART_MS = 10000,
    CONNECTION_MAGIC = 0x636f6e6e,
};

struct listener {
    h2o_accept_ctx_t *accept;
    h2o_socket_t *socket;
    int fd;
    int reserve; /* given up to accept and refuse when there are no descriptors left */
    census_t *census;
    const networks_t *trusted, *balancers;
    listener_limits_t limits;
    /* Connections by what is awaited on them, each list in the order of until_ms. */
    h2o_linklist_t silent;   /* a PROXY line or a handshake */
    h2o_linklist_t idle;     /* a request */
    h2o_linklist_t reading;  /* the rest of one */
    h2o_linklist_t answered; /* what is to be read on */
    unsigned len;            /* how many are open */
    connection_t *free;
    parting_t *parting;
    bool failing;
    int64_t logged_ms;
};

static void s_open_reserve(listener_t *self)
{
    self->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* An answer for a connection that is not served, as far as it goes without waiting. */
static void s_refuse(listener_t *self, int fd)
{
    const error_row_t *row = error_find(ERROR_too_many_connections);
    char json[REPLY_JSON], head[512], text[UUID_TEXT];
    uuid_t7 id;
    metric_add(METRIC_http_connections_refused_total, 1);
    if (!self->accept->ssl_ctx) {
        uuid_new(&id);
        uuid_text(&id, text);
        reply_said_t said = {.code = row->name,
                             .message = slice_of(row->message),
                             .retry_after_s = row->retry_after_s};
        size_t len = reply_json(json, sizeof json, &said, &id);
        int head_len =
            snprintf(head, sizeof head,
                     "HTTP/1.1 %u Service Unavailable\r\nConnection: close\r\nX-Request-Id: %s\r\n"
                     "Retry-After: %u\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                     "Cache-Control: no-store\r\n\r\n",
                     row->status, text, row->retry_after_s, len);
        struct iovec out[] = {{head, (size_t)head_len}, {json, len}};
        struct msghdr message = {.msg_iov = out, .msg_iovlen = 2};
        if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
            shutdown(fd, SHUT_WR);
        metric_add_at(METRIC_http_errors_total, row->code, 1);
    }
    close(fd);
}

static void s_on_close(void *data)
{
    connection_t *connection = data;
    listener_t *self = connection->listener;
    assert(connection->magic == CONNECTION_MAGIC);
    intake_end(connection);
    if (connection->counted)
        census_leave(self->census, &connection->peer.address, connection->peer.trusted);
    free(connection->line);
    metric_add(METRIC_http_connections, -1);
    if (connection->linger_fd >= 0)
        parting_add(self->parting, connection->linger_fd, clock_ms());
    connection_whole(connection);
    self->len--;
    connection->magic = 0;
    connection->next_free = self->free;
    self->free = connection;
}

/* Who the connection is of, from now on. False when a limit is reached. */
static bool s_name(connection_t *connection, const address_t *address, bool trusted)
{
    listener_t *self = connection->listener;
    if (connection->counted)
        census_leave(self->census, &connection->peer.address, connection->peer.trusted);
    connection->counted = census_enter(self->census, address, trusted);
    connection->peer.address = *address;
    connection->peer.trusted = trusted;
    connection->peer.text = slice(connection->text, address_text(address, connection->text));
    return connection->counted;
}

static connection_t *s_connection(listener_t *self)
{
    connection_t *connection = self->free;
    if (connection)
        self->free = connection->next_free;
    else if (!(connection = malloc(sizeof *connection)))
        abort();
    *connection = (connection_t){.magic = CONNECTION_MAGIC, .linger_fd = -1, .listener = self};
    return connection;
}

static void s_await(connection_t *connection, h2o_linklist_t *list)
{
    connection_whole(connection);
    connection->until_ms = clock_ms() + connection->listener->limits.read_ms;
    h2o_linklist_insert(list, &connection->link);
}

void connection_idles(connection_t *self)
{
    s_await(self, &self->listener->idle);
}

void connection_reads(connection_t *self)
{
    s_await(self, &self->listener->reading);
}

void connection_whole(connection_t *self)
{
    if (h2o_linklist_is_linked(&self->link))
        h2o_linklist_unlink(&self->link);
}

const listener_limits_t *connection_limits(const connection_t *self)
{
    return &self->listener->limits;
}

h2o_accept_ctx_t *connection_accept(const connection_t *self)
{
    return self->listener->accept;
}

bool connection_hold(connection_t *self, size_t before, size_t after)
{
    return census_hold(self->listener->census, &self->peer.address, self->peer.trusted, before,
                       after);
}

static void s_on_handshake(h2o_socket_t *socket, const char *err)
{
    connection_t *connection = socket->on_close.data;
    if (err)
        h2o_socket_close(socket);
    else
        intake_begin(connection);
}

/* Reads requests from it, with TLS after the handshake. */
static void s_serve(connection_t *connection)
{
    listener_t *self = connection->listener;
    if (!self->accept->ssl_ctx) {
        intake_begin(connection);
        return;
    }
    s_await(connection, &self->silent);
    h2o_socket_ssl_handshake(connection->socket, self->accept->ssl_ctx, NULL, s_on_handshake);
}

static bool s_is_news(listener_t *self)
{
    int64_t now = clock_ms();
    if (self->logged_ms != 0 && now - self->logged_ms < LOG_APART_MS)
        return false;
    self->logged_ms = now;
    return true;
}

static void s_close_silent(connection_t *connection, const char *reason)
{
    metric_add(METRIC_http_connections_refused_total, 1);
    if (s_is_news(connection->listener))
        log_warn("listener.proxy_line", "address=%s err=%s setting=gateway.proxy_protocol",
                 connection->text, LOG_Q(reason));
    h2o_socket_close(connection->socket);
}

static void s_on_line(h2o_socket_t *socket, const char *err)
{
    connection_t *connection = socket->on_close.data;
    listener_t *self = connection->listener;
    address_t client = connection->peer.address;
    const char *reason = "";
    (void)err;
    int fd = h2o_socket_get_fd(socket);
    proxy_line_result_t got = proxy_line_read(connection->line, fd, &client, &reason);
    if (got == PROXY_LINE_MORE)
        return;
    if (got == PROXY_LINE_BAD) {
        s_close_silent(connection, reason);
        return;
    }
    h2o_socket_read_stop(socket);
    h2o_linklist_unlink(&connection->link);
    free(connection->line);
    connection->line = NULL;
    if (s_name(connection, &client, networks_has(self->trusted, &client))) {
        h2o_socket_dont_read(socket, 0);
        s_serve(connection);
        return;
    }
    if ((fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) >= 0)
        s_refuse(self, fd);
    h2o_socket_close(socket);
}

static void s_await_line(connection_t *connection)
{
    listener_t *self = connection->listener;
    connection->line = calloc(1, sizeof *connection->line);
    if (!connection->line)
        abort();
    s_await(connection, &self->silent);
    h2o_socket_dont_read(connection->socket, 1);
    h2o_socket_read_start(connection->socket, s_on_line);
}

static connection_t *s_oldest_in(h2o_linklist_t *list, const address_t *of)
{
    for (h2o_linklist_t *at = list->next; at != list; at = at->next) {
        connection_t *connection = H2O_STRUCT_FROM_MEMBER(connection_t, link, at);
        if (!of || census_same(of, &connection->peer.address))
            return connection;
    }
    return NULL;
}

/* Who has kept a request, a handshake or nothing to itself the longest. OF: of that address; NULL:
 * of any. */
static connection_t *s_oldest(listener_t *self, const address_t *of)
{
    h2o_linklist_t *const lists[] = {&self->reading, &self->silent, &self->idle};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        connection_t *found = s_oldest_in(lists[i], of);
        if (found)
            return found;
    }
    return NULL;
}

/* True when a connection was ended for one that comes from ADDRESS. */
static bool s_make_room(listener_t *self, const address_t *address)
{
    connection_t *oldest = self->limits.newest_first ? s_oldest(self, address) : NULL;
    if (!oldest && self->limits.newest_first)
        oldest = s_oldest(self, NULL);
    if (!oldest)
        return false;
    /* With TLS it is gone only later. */
    intake_end(oldest);
    census_leave(self->census, &oldest->peer.address, oldest->peer.trusted);
    oldest->counted = false;
    intake_close(oldest);
    return true;
}

static void s_take(listener_t *self, int fd, const struct sockaddr *name, socklen_t name_len)
{
    address_t address = {{0}};
    address_of(name, &address);
    bool balancer = self->balancers && networks_has(self->balancers, &address);
    connection_t *connection = s_connection(self);
    /* Until its line has come, a balancer's connection counts in all, but for no address. */
    bool exempt = balancer || networks_has(self->trusted, &address);
    if (!s_name(connection, &address, exempt) &&
        !(s_make_room(self, &address) && s_name(connection, &address, exempt))) {
        connection->next_free = self->free;
        self->free = connection;
        s_refuse(self, fd);
        return;
    }
    metric_add(METRIC_http_connections, 1);
    self->len++;
    connection->socket = h2o_evloop_socket_create(self->accept->ctx->loop, fd,
                                                  H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    h2o_socket_setpeername(connection->socket, (struct sockaddr *)name, name_len);
    connection->socket->on_close.cb = s_on_close;
    connection->socket->on_close.data = connection;
    balancer ? s_await_line(connection) : s_serve(connection);
}

/* No descriptor is left, and the listener would stay readable for ever: the reserved one lets the
 * connection in, to be refused. */
static void s_exhausted(listener_t *self, int error)
{
    self->failing = true;
    if (s_is_news(self))
        log_error("listener.accept", "err=%s hint=\"raise the limit of open files\"",
                  LOG_Q(strerror(error)));
    if (self->reserve >= 0)
        close(self->reserve);
    int fd = accept4(self->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        s_refuse(self, fd);
    s_open_reserve(self);
}

/* False when nothing waits any more. */
static bool s_accept(listener_t *self)
{
    struct sockaddr_storage name;
    socklen_t name_len = sizeof name;
    int fd = accept4(self->fd, (struct sockaddr *)&name, &name_len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        self->failing = false;
        s_take(self, fd, (struct sockaddr *)&name, name_len);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        s_exhausted(self, errno);
        return false;
    }
    return errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF && errno != EINVAL;
}

static void s_on_readable(h2o_socket_t *socket, const char *err)
{
    listener_t *self = socket->data;
    (void)err;
    for (unsigned i = 0; i < ACCEPTS && s_accept(self); i++)
        ;
}

listener_t *listener_new(h2o_accept_ctx_t *accept, int fd, census_t *census,
                         const networks_t *trusted, const listener_limits_t *limits)
{
    listener_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->accept = accept;
    self->fd = fd;
    self->census = census;
    self->trusted = trusted;
    self->limits = *limits;
    h2o_linklist_init_anchor(&self->silent);
    h2o_linklist_init_anchor(&self->idle);
    h2o_linklist_init_anchor(&self->reading);
    h2o_linklist_init_anchor(&self->answered);
    self->parting = parting_new(accept->ctx->loop);
    h2o_socket_buffer_prototype.allocator.max = INPUTS_KEPT; /* of this thread */
    s_open_reserve(self);
    self->socket = h2o_evloop_socket_create(accept->ctx->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    self->socket->data = self;
    h2o_socket_read_start(self->socket, s_on_readable);
    return self;
}

void listener_expect_line(listener_t *self, const networks_t *balancers)
{
    self->balancers = balancers;
}

static connection_t *s_first(h2o_linklist_t *list)
{
    return h2o_linklist_is_empty(list) ? NULL
                                       : H2O_STRUCT_FROM_MEMBER(connection_t, link, list->next);
}

/* Ends what should have come by NOW_MS and has not. */
static void s_end_late(h2o_linklist_t *list, int64_t now_ms)
{
    connection_t *first;
    while ((first = s_first(list)) && first->until_ms <= now_ms) {
        if (first->line)
            s_close_silent(first, "its PROXY line did not come in time");
        else
            intake_expire(first);
    }
}

bool listener_resume(listener_t *self)
{
    connection_t *first;
    bool busy = false;
    while ((first = s_first(&self->answered))) {
        connection_whole(first);
        busy = intake_resume(first) || busy;
    }
    return busy;
}

void listener_stop(listener_t *self, bool take)
{
    if (!self->socket)
        return;
    for (unsigned i = 0; take && i < QUEUE && s_accept(self); i++)
        ;
    h2o_socket_read_stop(self->socket);
    h2o_socket_close(self->socket);
    self->socket = NULL;
    self->fd = -1;
}

/* An idle connection is not closed: a request may be on its way. The end of its input is made on
 * our side, before which what has come is read. */
unsigned listener_end_idle(listener_t *self)
{
    h2o_linklist_t ended;
    connection_t *first;
    h2o_linklist_init_anchor(&ended);
    h2o_linklist_insert_list(&ended, &self->idle);
    while ((first = s_first(&ended))) {
        shutdown(h2o_socket_get_fd(first->socket), SHUT_RD);
        s_await(first, &self->reading);
    }
    s_end_late(&self->silent, INT64_MAX); /* no request can have begun on them */
    return self->len;
}

bool listener_failing(const listener_t *self)
{
    return self->failing;
}

void listener_tick(listener_t *self, int64_t now_ms)
{
    parting_tick(self->parting, now_ms);
    s_end_late(&self->silent, now_ms);
    s_end_late(&self->idle, now_ms);
    s_end_late(&self->reading, now_ms);
    /* A load balancer sends nobody to a red gateway whose coming would show that it can accept. */
    int fd = self->failing ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        self->failing = false;
        close(fd);
    }
}

connection_t *connection_of(const h2o_req_t *req)
{
    connection_t *connection = req->conn->callbacks->get_socket(req->conn)->on_close.data;
    assert(connection->magic == CONNECTION_MAGIC);
    return connection;
}

/* Input or the end of the sender: for later. The registration would report it again and again. */
static void s_on_early(h2o_socket_t *socket, const char *err)
{
    (void)err;
    h2o_socket_read_stop(socket);
}

void connection_park(h2o_req_t *req)
{
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    connection_of(req)->parked = true;
    h2o_socket_dont_read(socket, 1);
    h2o_socket_read_start(socket, s_on_early);
}

void connection_unpark(h2o_req_t *req)
{
    h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
    connection_t *connection = connection_of(req);
    if (connection->parked) {
        connection->parked = false;
        h2o_socket_read_stop(socket);
        h2o_socket_dont_read(socket, !socket->ssl);
    }
    connection_whole(connection);
    h2o_linklist_insert(&connection->listener->answered, &connection->link);
}

void connection_leave(connection_t *self)
{
    self->parked = false;
    h2o_socket_read_stop(self->socket);
    connection_whole(self);
    intake_leave(self);
}

void connection_linger(h2o_req_t *req)
{
    connection_t *connection = connection_of(req);
    if (connection->linger_fd < 0)
        connection->linger_fd = fcntl(
            h2o_socket_get_fd(req->conn->callbacks->get_socket(req->conn)), F_DUPFD_CLOEXEC, 0);
}
