#include "gateway/http/intake.h"

#include "common/base/secret.h"
#include "gateway/http/listener.h"

#include <assert.h>
#include <errno.h>
#include <h2o/http1.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
    FIRST = 2 * H2O_SOCKET_INITIAL_INPUT_BUFFER_SIZE, /* libh2o's least buffer */
    LEAST = 4096,                                     /* room for one read */
    BURST_KEPT = 65536,
    PART = 8192, /* of what was put aside, for the next request */
};

/* A request that is refused is this one to libh2o. Of HTTP/1.0, so that the connection ends. */
static const char s_empty[] = "GET / HTTP/1.0\r\n\r\n";
static const char s_empty_head[] = "HEAD / HTTP/1.0\r\n\r\n"; /* its answer has no body */

static void s_on_input(h2o_socket_t *socket, const char *err);

static void s_drop(h2o_buffer_t **buffer)
{
    if (!*buffer)
        return;
    secret_wipe((*buffer)->bytes, (*buffer)->size); /* credentials of requests */
    h2o_buffer_dispose(buffer);
    *buffer = NULL;
}

static void s_drop_ahead(intake_t *self)
{
    s_drop(&self->ahead);
    self->ahead_at = 0;
}

static void s_append(h2o_buffer_t **buffer, const char *data, size_t len)
{
    h2o_iovec_t room = h2o_buffer_reserve(buffer, len);
    if (!room.base)
        abort();
    memcpy(room.base, data, len);
    (*buffer)->size += len;
}

/* Gives a grown input back. */
static void s_renew_input(h2o_socket_t *socket)
{
    s_drop(&socket->input);
    h2o_buffer_init(&socket->input, &h2o_socket_buffer_prototype);
}

static size_t s_beyond_first(size_t bytes)
{
    return bytes > FIRST ? bytes - FIRST : 0;
}

/* Counts what the connection holds. False: more than is allowed. */
static bool s_count(connection_t *connection)
{
    intake_t *self = &connection->intake;
    size_t ahead = self->ahead ? self->ahead->capacity : 0;
    size_t held = s_beyond_first(connection->socket->input->capacity) + ahead +
                  2 * s_beyond_first(self->burst);
    if (held == self->held)
        return true;
    if (!connection_hold(connection, self->held, held))
        return false;
    self->held = held;
    return true;
}

void intake_close(connection_t *connection)
{
    assert(connection->intake.phase != INTAKE_WHOLE);
    connection_whole(connection);
    if (connection->intake.inner)
        connection->intake.inner(connection->socket, h2o_socket_error_closed);
    else
        h2o_socket_close(connection->socket);
}

/* Hands the request to libh2o, which calls the lane's handler. */
static void s_hand(connection_t *connection)
{
    intake_t *self = &connection->intake;
    self->phase = INTAKE_WHOLE;
    connection->peer.head_len = self->framing.head_len;
    connection_whole(connection);
    if (self->writing)
        h2o_socket_read_stop(connection->socket);
    else
        self->inner(connection->socket, NULL);
}

static void s_refuse(connection_t *connection, error_code_t error, const char *detail)
{
    intake_t *self = &connection->intake;
    h2o_buffer_t *input = connection->socket->input;
    bool head = input->size > 5 && memcmp(input->bytes, "HEAD ", 5) == 0;
    const char *empty = head ? s_empty_head : s_empty;
    self->error = error;
    self->detail = detail;
    self->framing = (framing_t){.head_len = strlen(empty)};
    self->body_len = 0;
    s_renew_input(connection->socket);
    s_drop_ahead(self);
    s_append(&connection->socket->input, empty, strlen(empty));
    s_count(connection);
    s_hand(connection);
}

static void s_on_continued(h2o_socket_t *socket, const char *err)
{
    connection_t *connection = socket->on_close.data;
    connection->intake.writing = false;
    if (err) {
        connection->intake.phase = INTAKE_HEAD;
        intake_close(connection);
    } else if (connection->intake.phase == INTAKE_WHOLE) {
        s_hand(connection);
    } else {
        /* Also makes the loop look again at what the socket is polled for. */
        h2o_socket_read_start(socket, s_on_input);
    }
}

static void s_continue(connection_t *connection)
{
    static h2o_iovec_t text = {(char *)"HTTP/1.1 100 Continue\r\n\r\n", 25};
    connection->intake.writing = true;
    h2o_socket_write(connection->socket, &text, 1, s_on_continued);
}

/* Empty lines before a request (RFC 9112 §2.2). */
static void s_skip_empty_lines(h2o_socket_t *socket)
{
    size_t len = 0;
    while (len < socket->input->size && is_one_of(socket->input->bytes[len], "\r\n"))
        len++;
    if (len)
        h2o_buffer_consume(&socket->input, len);
}

/* The head is not whole. What can be said of it already. */
static void s_judge_part(connection_t *connection)
{
    intake_t *self = &connection->intake;
    h2o_buffer_t *input = connection->socket->input;
    if (input->size == 0)
        return;
    const char *fault = framing_early_fault(slice(input->bytes, input->size));
    if (fault)
        s_refuse(connection, ERROR_invalid_request, fault);
    else if (input->size > connection_limits(connection)->head_bytes)
        s_refuse(connection, self->scan.line ? ERROR_headers_too_large : ERROR_uri_too_long, NULL);
    else if (self->phase == INTAKE_IDLE) {
        self->phase = INTAKE_HEAD;
        connection_reads(connection);
    }
}

/* Only a body that may be too long has the request looked at. */
static size_t s_body_most(const connection_t *connection, slice_t head)
{
    const framing_t *framing = &connection->intake.framing;
    const listener_limits_t *limits = connection_limits(connection);
    if (!limits->body_most || (!framing->chunked && framing->length <= limits->body_bytes))
        return limits->body_bytes;
    return limits->body_most(limits->arg, head);
}

/* True when the whole head, LEN bytes, is good. */
static bool s_judge_head(connection_t *connection, size_t len)
{
    intake_t *self = &connection->intake;
    char *head = connection->socket->input->bytes;
    bool fits = len <= connection_limits(connection)->head_bytes;
    if (fits)
        self->framing = framing_check(head, len);
    if (self->framing.error) {
        s_refuse(connection, self->framing.error, self->framing.fault);
    } else if (!fits || self->framing.lines > H2O_MAX_HEADERS) {
        s_refuse(connection, ERROR_headers_too_large, NULL);
    } else {
        self->body_most = s_body_most(connection, slice(head, len));
        if (self->framing.length > self->body_most)
            s_refuse(connection, ERROR_body_too_large, NULL);
    }
    return !self->error;
}

/* True when the head is there and good. */
static bool s_head(connection_t *connection)
{
    intake_t *self = &connection->intake;
    if (self->scan.at == 0)
        s_skip_empty_lines(connection->socket);
    h2o_buffer_t *input = connection->socket->input;
    size_t len = framing_end(&self->scan, slice(input->bytes, input->size));
    if (len == 0) {
        s_judge_part(connection);
        return false;
    }
    if (!s_judge_head(connection, len))
        return false;
    size_t out = len - self->framing.head_len;
    memmove(input->bytes + len - out, input->bytes + len, input->size - len);
    input->size -= out;
    return true;
}

/* True when the body is whole. */
static bool s_chunks(connection_t *connection)
{
    intake_t *self = &connection->intake;
    h2o_buffer_t *input = connection->socket->input;
    size_t at = self->framing.head_len + self->body_len, decoded, taken;
    size_t len = input->size - at;
    chunks_result_t result = chunks_decode(&self->chunks, input->bytes + at, len, &decoded, &taken);
    memmove(input->bytes + at + decoded, input->bytes + at + taken, len - taken);
    input->size = at + decoded + len - taken;
    self->body_len += decoded;
    if (result == CHUNKS_BAD)
        s_refuse(connection, ERROR_invalid_request, "The chunks of the body are malformed.");
    else if (self->body_len + self->chunks.left > self->body_most)
        s_refuse(connection, ERROR_body_too_large, NULL);
    else if (result == CHUNKS_DONE)
        framing_set_length(input->bytes, &self->framing, self->body_len);
    else
        return false;
    return !self->error;
}

static bool s_body(connection_t *connection)
{
    intake_t *self = &connection->intake;
    if (self->framing.chunked)
        return s_chunks(connection);
    self->body_len = (size_t)self->framing.length;
    return connection->socket->input->size >= self->framing.head_len + self->body_len;
}

/* Puts what came behind the request aside, or leaves it there where it came from. */
static void s_cut(connection_t *connection)
{
    intake_t *self = &connection->intake;
    h2o_buffer_t *input = connection->socket->input;
    size_t len = self->framing.head_len + self->body_len, behind = input->size - len;
    input->size = len;
    if (self->ahead) {
        assert(behind <= self->ahead_at);
        self->ahead_at -= behind;
        if (self->ahead_at == self->ahead->size)
            s_drop_ahead(self);
    } else if (behind) {
        h2o_buffer_init(&self->ahead, &h2o_socket_buffer_prototype);
        s_append(&self->ahead, input->bytes + len, behind);
    }
}

/* True when the request goes on: its connection is still there. */
static bool s_proceed(connection_t *connection)
{
    intake_t *self = &connection->intake;
    bool begun = self->phase == INTAKE_BODY;
    if (!s_count(connection)) {
        s_refuse(connection, ERROR_overloaded,
                 "There is no room for a large request: others are being received. Try again.");
        return false;
    }
    if (!begun && !s_head(connection))
        return !self->error;
    if (s_body(connection)) {
        s_cut(connection);
        s_hand(connection);
        return false;
    }
    if (!self->error && !begun) {
        if (self->phase == INTAKE_IDLE)
            connection_reads(connection);
        self->phase = INTAKE_BODY;
        if (self->framing.expects)
            s_continue(connection);
    }
    return !self->error;
}

/* How much may be read: of a body of known length no more than that. */
static size_t s_room(const intake_t *self, const h2o_buffer_t *input, size_t room)
{
    if (self->phase != INTAKE_BODY || self->framing.chunked)
        return room;
    size_t left = self->framing.head_len + (size_t)self->framing.length - input->size;
    return left < room ? left : room;
}

/* 1: something came; 0: nothing; -1: the end. One read, so that nobody keeps the others waiting. */
static int s_read(connection_t *connection)
{
    h2o_socket_t *socket = connection->socket;
    h2o_iovec_t room = h2o_buffer_reserve(&socket->input, LEAST);
    if (!room.base)
        abort();
    ssize_t got = recv(h2o_socket_get_fd(socket), room.base,
                       s_room(&connection->intake, socket->input, room.len), MSG_DONTWAIT);
    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
    socket->input->size += (size_t)got;
    return got > 0 ? 1 : -1;
}

/* With TLS libh2o has read and decrypted already. */
static int s_note_burst(connection_t *connection)
{
    size_t got = connection->socket->bytes_read;
    if (got > connection->intake.burst)
        connection->intake.burst = got;
    return got > 0;
}

static void s_on_input(h2o_socket_t *socket, const char *err)
{
    connection_t *connection = socket->on_close.data;
    int got = err ? -1 : socket->ssl ? s_note_burst(connection) : s_read(connection);
    if (got < 0)
        intake_close(connection);
    else if (got > 0)
        s_proceed(connection);
}

/* From here on what the socket reports comes to us. */
static void s_hook(connection_t *connection)
{
    intake_t *self = &connection->intake;
    self->inner = connection->socket->_cb.read;
    connection->socket->_cb.read = s_on_input;
    self->phase = INTAKE_IDLE;
    self->scan = (framing_scan_t){0, 0};
    self->framing = (framing_t){.head_len = 0};
    self->chunks = (chunks_t){.state = 0};
    self->body_len = 0;
    connection_idles(connection);
}

/* Reads what was put aside, a part at a time: it may hold many requests, and each would move all of
 * it. True when there was something. */
static bool s_read_ahead(connection_t *connection)
{
    intake_t *self = &connection->intake;
    if (!self->ahead)
        return false;
    for (bool more = true; more;) {
        size_t left = self->ahead->size - self->ahead_at, part = left < PART ? left : PART;
        s_append(&connection->socket->input, self->ahead->bytes + self->ahead_at, part);
        self->ahead_at += part;
        more = s_proceed(connection);
        if (more && part == left) {
            s_drop_ahead(self);
            more = false;
        }
    }
    return true;
}

void intake_begin(connection_t *connection)
{
    h2o_socket_t *socket = connection->socket;
    struct timeval now;
    gettimeofday(&now, NULL);
    if (socket->input->size) {
        connection->intake.ahead = socket->input;
        h2o_buffer_init(&socket->input, &h2o_socket_buffer_prototype);
    }
    h2o_socket_dont_read(socket, !socket->ssl);
    h2o_http1_accept(connection_accept(connection), socket, now);
    s_hook(connection);
    s_read_ahead(connection);
}

bool intake_resume(connection_t *connection)
{
    h2o_socket_t *socket = connection->socket;
    if (!socket->_cb.read)
        return false; /* it is being closed */
    assert(socket->input->size == 0);
    if (socket->input->capacity > FIRST)
        s_renew_input(socket);
    s_hook(connection);
    if (s_read_ahead(connection))
        return true;
    s_count(connection);
    return false;
}

void intake_expire(connection_t *connection)
{
    if (connection->intake.phase <= INTAKE_IDLE)
        intake_close(connection);
    else
        s_refuse(connection, ERROR_timeout, NULL);
}

void intake_leave(connection_t *connection)
{
    connection->intake.burst = 0;
    s_renew_input(connection->socket);
    s_drop_ahead(&connection->intake);
    s_count(connection);
}

bool intake_persists(const intake_t *self)
{
    return self->framing.persistent && self->burst <= BURST_KEPT;
}

void intake_end(connection_t *connection)
{
    intake_t *self = &connection->intake;
    s_drop_ahead(self);
    if (self->held)
        connection_hold(connection, self->held, 0);
    self->held = 0;
}
