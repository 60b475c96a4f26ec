#include "gateway/stream/stream.h"

#include "common/base/clock.h"
#include "common/monitor/monitor.h"
#include "gateway/stream/hints.h"

#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAGIC = 0x7374726d, PARTS = NOTICE_PARTS * STREAM_NOTICES + 2, ROOM = 8 };

stream_t *stream_new(streams_t *streams, h2o_req_t *req, const uuid_t7 *id,
                     const stream_options_t *options)
{
    stream_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (stream_t){.magic = MAGIC,
                       .streams = streams,
                       .options = *options,
                       .id = *id,
                       .req = req,
                       .first = true};
    h2o_linklist_init_anchor(&self->strands);
    return self;
}

static void s_free_strands(stream_t *self)
{
    while (!h2o_linklist_is_empty(&self->strands)) {
        strand_t *strand = H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, self->strands.next);
        for (member_t *member; (member = strand_next(strand, NULL));) {
            strand_drop(member);
            if (self->several)
                HASH_DEL(self->members, member);
            member_destroy(&member);
        }
        strand_destroy(&strand);
    }
}

static void s_free_several(several_t *several)
{
    if (!several)
        return;
    if (several->right)
        member_destroy(&several->right);
    bytes_free(&several->ask);
    vector_free(&several->since);
    vector_free(&several->vector);
    free(several);
}

void stream_discard(stream_t **self_p)
{
    s_free_strands(*self_p);
    hints_destroy(&(*self_p)->hints);
    s_free_several((*self_p)->several);
    free(*self_p);
    *self_p = NULL;
}

static void s_drop_queue(stream_t *self, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        self->queued_bytes -= notice_len(self->queue[i], self->options.format);
        notice_drop(&self->queue[i]);
    }
    self->queued -= count;
    memmove(self->queue, self->queue + count, self->queued * sizeof *self->queue);
    if (self->queued > 0)
        return;
    free(self->queue);
    self->queue = NULL;
    self->room = 0;
}

static void s_destroy(stream_t *self)
{
    assert(self->magic == MAGIC && !self->writing);
    streams_forget(self->streams, self);
    if (self->queued > 0)
        s_drop_queue(self, self->queued);
    self->magic = 0;
    stream_discard(&self);
}

void stream_close(stream_t *self)
{
    self->state = STREAM_GONE;
    streams_detach(self->streams, self);
    if (self->upgrading)
        return; /* libh2o calls back */
    if (self->writing) {
        shutdown(h2o_socket_get_fd(self->socket), SHUT_RDWR); /* the write fails, and ends it */
        return;
    }
    if (self->socket)
        h2o_socket_close(self->socket);
    s_destroy(self);
}

/* A reader has nothing to say: its end is the stream's, some bytes are thrown away. */
static void s_on_input(h2o_socket_t *socket, const char *err)
{
    static __thread char sink[STREAM_IGNORED];
    stream_t *self = socket->data;
    ssize_t got = 0;
    if (socket->ssl) {
        got = err ? 0 : (ssize_t)socket->input->size;
        h2o_buffer_consume(&socket->input, socket->input->size);
    } else {
        got = recv(h2o_socket_get_fd(socket), sink, sizeof sink, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
    }
    self->ignored += got > 0 ? (size_t)got : 0;
    if (got > 0 && self->ignored <= STREAM_IGNORED)
        return;
    h2o_socket_read_stop(socket);
    stream_close(self);
}

void stream_take(stream_t *self, h2o_socket_t *socket)
{
    const int buffer = STREAM_BUFFER, gone_ms = 30000;
    int fd = h2o_socket_get_fd(socket);
    self->upgrading = false;
    self->req = NULL;
    self->socket = socket;
    socket->data = self;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &gone_ms, sizeof gone_ms);
    h2o_socket_dont_read(socket, !socket->ssl);
    h2o_socket_read_start(socket, s_on_input);
}

void stream_put(stream_t *self, notice_t **notice_p)
{
    notice_t *notice = *notice_p;
    *notice_p = NULL;
    if (self->state >= STREAM_ENDING) {
        notice_drop(&notice);
        return;
    }
    if (self->queued == self->room) {
        self->room = self->room ? 2 * self->room : ROOM;
        self->queue = realloc(self->queue, self->room * sizeof *self->queue);
        if (!self->queue)
            abort();
    }
    self->queue[self->queued++] = notice;
    self->queued_bytes += notice_len(notice, self->options.format);
    streams_ready(self->streams, self);
}

void stream_unput(stream_t *self, position_t *position)
{
    unsigned queued = self->queued;
    while (self->queued > self->sending && self->queue[self->queued - 1]->sequence > 0) {
        notice_t **last = &self->queue[--self->queued];
        *position = (position_t){.sequence = (*last)->sequence - 1};
        self->queued_bytes -= notice_len(*last, self->options.format);
        notice_drop(last);
    }
    if (self->queued == queued || self->queued == 0)
        return;
    self->room = self->queued;
    self->queue = realloc(self->queue, self->room * sizeof *self->queue);
    if (!self->queue)
        abort();
}

bool stream_is_slow(const stream_t *self, int64_t now_ms)
{
    return self->writing && now_ms - self->began_ms > STREAM_SLOW_MS;
}

bool stream_is_behind(const stream_t *self, int64_t now_ms)
{
    return self->queued >= STREAM_NOTICES || self->queued_bytes >= STREAM_QUEUED ||
           stream_is_slow(self, now_ms);
}

/* Of the kernel's buffer for what is written. False: it does not tell. */
static bool s_buffered(const stream_t *self, size_t *taken, size_t *whole)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t len = sizeof memory;
    int fd = self->socket ? h2o_socket_get_fd(self->socket) : -1;
    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &len) != 0)
        return false;
    *taken = memory[SK_MEMINFO_WMEM_QUEUED];
    *whole = memory[SK_MEMINFO_SNDBUF];
    return true;
}

size_t stream_room(const stream_t *self)
{
    size_t taken, whole;
    if (!s_buffered(self, &taken, &whole))
        return STREAM_BUFFER;
    return taken < whole ? (whole - taken) / 4 * 3 : 0; /* it counts its own structures, too */
}

bool stream_takes(const stream_t *self, size_t room, size_t len)
{
    return self->queued == 0 || self->queued_bytes + len <= room;
}

static void s_on_written(h2o_socket_t *socket, const char *err)
{
    stream_t *self = socket->data;
    assert(self->magic == MAGIC);
    self->writing = false;
    self->wrote_ms = clock_ms();
    if (err || self->state == STREAM_GONE) {
        stream_close(self);
        return;
    }
    if (self->sending > 0)
        s_drop_queue(self, self->sending);
    self->sending = 0;
    streams_wrote(self->streams, self);
}

/* The last chunk (RFC 9112 §7.1), then the end. */
static void s_on_finished(h2o_socket_t *socket, const char *err)
{
    stream_t *self = socket->data;
    (void)err;
    self->writing = false;
    stream_close(self);
}

static void s_send(stream_t *self, h2o_iovec_t *parts, size_t count, h2o_socket_cb done)
{
    self->writing = true;
    self->began_ms = clock_ms();
    h2o_socket_write(self->socket, parts, count, done);
}

/* Less than what the kernel calls writable (sk_stream_is_writeable). */
bool stream_waits(stream_t *self)
{
    size_t taken, whole;
    assert(!self->writing && self->queued == 0);
    if (!s_buffered(self, &taken, &whole) || taken / 2 <= whole - (taken < whole ? taken : whole))
        return false;
    self->writing = true;
    self->began_ms = clock_ms();
    h2o_socket_notify_write(self->socket, s_on_written);
    return true;
}

void stream_write(stream_t *self)
{
    h2o_iovec_t parts[PARTS];
    slice_t text[NOTICE_PARTS];
    size_t bytes = 0;
    unsigned count = 0, at = 1;
    assert(self->magic == MAGIC);
    if (!self->socket || self->writing || self->state == STREAM_GONE)
        return;
    for (; count < self->queued && count < STREAM_NOTICES && (!count || bytes < STREAM_WRITE);
         count++) {
        unsigned len = notice_parts(self->queue[count], self->options.format, text);
        for (unsigned i = 0; i < len; i++) {
            parts[at++] = h2o_iovec_init(text[i].data, text[i].len);
            bytes += text[i].len;
        }
    }
    if (count == 0 && self->state == STREAM_ENDING) {
        parts[0] = h2o_iovec_init("0\r\n\r\n", 5);
        s_send(self, parts, 1, s_on_finished);
    }
    if (count == 0)
        return;
    self->sending = count;
    int len = snprintf(self->head, sizeof self->head, "%zx\r\n", bytes);
    parts[0] = h2o_iovec_init(self->head, (size_t)len);
    parts[at++] = h2o_iovec_init("\r\n", 2);
    metric_add(METRIC_stream_events_total, count);
    s_send(self, parts, at, s_on_written);
}

void stream_finish(stream_t *self)
{
    if (self->state >= STREAM_ENDING)
        return;
    self->state = STREAM_ENDING;
    streams_detach(self->streams, self);
    streams_ready(self->streams, self);
}

static uint64_t s_acked(const stream_t *self)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    if (getsockopt(h2o_socket_get_fd(self->socket), IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
        return 0;
    return info.tcpi_bytes_acked;
}

void stream_check(stream_t *self, int64_t now_ms)
{
    if (!self->writing || self->upgrading)
        return;
    uint64_t acked = s_acked(self);
    if (acked != self->acked || self->began_ms > self->acked_ms) {
        self->acked = acked;
        self->acked_ms = now_ms;
        return;
    }
    if (now_ms - self->acked_ms < STREAM_STUCK_MS)
        return;
    metric_add(METRIC_streams_cut_total, 1);
    stream_close(self);
}
