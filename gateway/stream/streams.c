#include "gateway/stream/streams.h"

#include "common/base/clock.h"
#include "common/base/wake.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/ring/reply.h"
#include "gateway/stream/feeds.h"

#include <assert.h>
#include <errno.h>
#include <h2o/http1.h>
#include <stdlib.h>

enum {
    BEATS = 100,
    BEAT_MS = STREAMS_BEAT_MS / BEATS,
    RETRY_LEAST_MS = 2000, /* after a stream has broken */
    RETRY_MS = 3000,       /* and up to so much later: readers come back one by one */
    DRAIN_RETRY_LEAST_MS = 1000,
    DRAIN_RETRY_MS = 4000,
    FULL_RETRY_LEAST_MS = 10000,
    FULL_RETRY_MS = 10000,
};

struct streams {
    h2o_loop_t *loop;
    inflight_t *inflight;
    bridge_t *bridge;
    quota_t *quota;
    feeds_t feeds;
    h2o_linklist_t all, ready, paging;
    h2o_linklist_t beat[BEATS];
    int64_t beaten_ms;
    notice_t *heartbeat[FORMATS][2];
    h2o_socket_t *wake;
    int fd;
    bool rung, draining;
    unsigned len, pages;
    int64_t now_ms;
};

static void s_on_wake(h2o_socket_t *socket, const char *err);

streams_t *streams_new(h2o_loop_t *loop, inflight_t *inflight, bridge_t *bridge, quota_t *quota)
{
    streams_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (streams_t){.loop = loop, .inflight = inflight, .bridge = bridge, .quota = quota};
    feeds_open(&self->feeds, self);
    h2o_linklist_init_anchor(&self->all);
    h2o_linklist_init_anchor(&self->ready);
    h2o_linklist_init_anchor(&self->paging);
    for (unsigned i = 0; i < BEATS; i++)
        h2o_linklist_init_anchor(&self->beat[i]);
    for (unsigned i = 0; i < FORMATS; i++)
        for (unsigned event = 0; event < 2; event++)
            self->heartbeat[i][event] = notice_heartbeat(i, event);
    self->now_ms = self->beaten_ms = clock_ms();
    metric_add(METRIC_streams, 0); /* a gauge that nobody has set is not shown */
    self->fd = wake_new();
    if (self->fd < 0)
        log_fatal(EXIT_FAULT, "streams.wake", "errno=%d", errno);
    self->wake = h2o_evloop_socket_create(loop, self->fd, H2O_SOCKET_FLAG_DONT_READ);
    self->wake->data = self;
    h2o_socket_read_start(self->wake, s_on_wake);
    return self;
}

static unsigned s_random(unsigned least, unsigned more)
{
    return least + (unsigned)(uuid_instance() % more);
}

static void s_link(h2o_linklist_t *list, h2o_linklist_t *link)
{
    if (!h2o_linklist_is_linked(link))
        h2o_linklist_insert(list, link);
}

static void s_unlink(h2o_linklist_t *link)
{
    if (h2o_linklist_is_linked(link))
        h2o_linklist_unlink(link);
}

static void s_ring(streams_t *self)
{
    if (self->rung)
        return;
    self->rung = true;
    wake_ring(self->fd);
}

void streams_ready(streams_t *self, stream_t *stream)
{
    s_link(&self->ready, &stream->in_ready);
    s_ring(self);
}

void streams_ask(streams_t *self, op_owner_t owner, slot_kind_t kind, void *asker, slice_t body,
                 slot_ref_t *ref)
{
    const op_t *op = op_of(owner, DOES_FEED);
    uuid_t7 id;
    uuid_new(&id);
    slot_t *slot = op ? inflight_add(self->inflight, &id, clock_ms()) : NULL;
    *ref = (slot_ref_t){0, 0};
    if (!slot)
        return;
    slot->kind = kind;
    slot->owner = asker;
    slot->born_us = clock_us();
    slot->op_row = (unsigned)op_index(op);
    slot->request = wire_request_bare(&id, op->number, OP_GET);
    slot->request.target = slice_of("-");
    if (body.len <= WIRE_SMALL)
        slot->request.small = body;
    slot->body = body;
    *ref = inflight_ref(self->inflight, slot);
    bridge_queue(self->bridge, slot);
}

void streams_unask(streams_t *self, slot_ref_t *ref)
{
    slot_t *slot = inflight_at(self->inflight, *ref);
    *ref = (slot_ref_t){0, 0};
    if (!slot)
        return;
    slot->owner = NULL;
    if (slot->attempts == 0 || self->draining)
        inflight_remove(self->inflight, slot);
}

bool streams_is_asked(streams_t *self, slot_ref_t ref)
{
    return inflight_at(self->inflight, ref) != NULL;
}

bool streams_is_slot(streams_t *self, slot_ref_t ref, const slot_t *slot)
{
    return inflight_at(self->inflight, ref) == slot;
}

static void s_unask_page(streams_t *self, stream_t *stream)
{
    if (streams_is_asked(self, stream->page))
        self->pages--;
    streams_unask(self, &stream->page);
}

void streams_detach(streams_t *self, stream_t *stream)
{
    feeds_leave(stream);
    s_unask_page(self, stream);
    s_unlink(&stream->in_paging);
    s_unlink(&stream->in_beat);
}

void streams_forget(streams_t *self, stream_t *stream)
{
    streams_detach(self, stream);
    s_unlink(&stream->in_ready);
    s_unlink(&stream->in_all);
    quota_leave(self->quota, &stream->grant.token);
    self->len--;
    metric_add(METRIC_streams, -1);
}

/* Answers the request of a stream that is not to be. */
static void s_reject(stream_t *stream, error_code_t error, const char *detail)
{
    h2o_req_t *req = stream->req;
    uuid_t7 id = stream->id;
    connection_of(req)->stream = NULL;
    stream->req = NULL;
    stream_close(stream);
    reply_error(req, &id, error, detail, REASON_none, slice("", 0));
}

void streams_page(streams_t *self, stream_t *stream)
{
    stream->state = STREAM_PAGES;
    if (!stream->writing && stream->queued == 0 && !streams_is_asked(self, stream->page))
        s_link(&self->paging, &stream->in_paging);
}

void streams_wrote(streams_t *self, stream_t *stream)
{
    if (stream->queued > 0 || stream->state == STREAM_ENDING)
        streams_ready(self, stream);
    else if (stream->state == STREAM_PAGES && !streams_is_asked(self, stream->page))
        s_link(&self->paging, &stream->in_paging);
}

void streams_deliver(streams_t *self, stream_t *stream, notice_t *notice)
{
    position_t *position = &stream->position;
    if (notice->sequence <= position->sequence)
        return;
    bool narrowed = notice->json.len == 0; /* to some users: each asks for itself */
    bool gap = narrowed || notice->sequence != position->sequence + 1;
    if (gap && !narrowed)
        metric_add(METRIC_stream_resyncs_total, 1);
    if (gap || stream_is_behind(stream, self->now_ms)) {
        streams_page(self, stream);
        return;
    }
    *position = (position_t){notice->sequence, notice->tag, true};
    notice_t *held = notice_hold(notice);
    stream_put(stream, &held);
}

void streams_refuse(streams_t *self, stream_t *stream, unsigned error)
{
    const error_row_t *row = error_find(error);
    (void)self;
    row = row ? row : error_find(ERROR_not_allowed);
    if (stream->state == STREAM_OPENING) {
        s_reject(stream, row->code, NULL);
        return;
    }
    notice_t *end = notice_end(stream->options.format, row->name, row->message, 0);
    stream_put(stream, &end);
    stream_finish(stream);
}

static void s_ask_page(streams_t *self, stream_t *stream)
{
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_PAGE,
                 .from = stream->first ? stream->options.from : PAGE_AFTER,
                 .position = stream->first ? stream->options.position : stream->position,
                 .count = stream->options.count,
                 .time_ms = stream->options.time_ms,
                 .target = stream->grant.target,
                 .grants = 1};
    grant_write(&stream->grant, &rows);
    ask.rows = bytes_slice(&rows);
    stream->ask.len = 0;
    ask_write(&ask, &stream->ask);
    bytes_free(&rows);
    streams_ask(self, op_find(stream->grant.op)->owner, SLOT_PAGE, stream,
                bytes_slice(&stream->ask), &stream->page);
    if (!streams_is_asked(self, stream->page)) {
        stream->page_ms = self->now_ms + FEED_AGAIN_MS;
        s_link(&self->paging, &stream->in_paging);
        return;
    }
    self->pages++;
    metric_add(METRIC_stream_pages_total, 1);
}

void streams_open(streams_t *self, h2o_req_t *req, const uuid_t7 *id, slice_t grant,
                  const stream_options_t *options)
{
    stream_t *stream = stream_new(self, req, id, grant, options);
    if (!stream) {
        reply_error(req, id, ERROR_internal, NULL, REASON_none, slice("", 0));
        return;
    }
    quota_result_t quota = quota_enter(self->quota, &stream->grant.token);
    if (quota != QUOTA_TAKEN || self->draining) {
        metric_add(METRIC_streams_refused_total, 1);
        reply_error(req, id, quota == QUOTA_TOKEN_FULL ? ERROR_too_many_streams : ERROR_overloaded,
                    NULL, REASON_none, slice("", 0));
        if (quota == QUOTA_TAKEN)
            quota_leave(self->quota, &stream->grant.token);
        free(stream->granted);
        free(stream);
        return;
    }
    self->len++;
    metric_add(METRIC_streams, 1);
    h2o_linklist_insert(&self->all, &stream->in_all);
    stream->born_ms = clock_ms();
    connection_of(req)->stream = stream;
    s_link(&self->paging, &stream->in_paging);
}

bool streams_disposed(stream_t *stream)
{
    if (stream->upgrading)
        return true;
    stream->req = NULL;
    stream_close(stream);
    return false;
}

/* From here on it has something to write, and is upgraded by the next callback. */
static void s_begin(streams_t *self, stream_t *stream, const position_t *position)
{
    notice_t *begin =
        notice_begin(stream->options.format, position, s_random(RETRY_LEAST_MS, RETRY_MS));
    stream->state = STREAM_PAGES;
    stream->first = false;
    stream_put(stream, &begin);
    h2o_linklist_insert(&self->beat[uuid_instance() % BEATS], &stream->in_beat);
}

/* Where the stream stands before the frames of its first page. */
static position_t s_before(const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t first;
    if (found->count > 0 && frame_read(&in, &first))
        return (position_t){.sequence = first.sequence - 1};
    return found->position;
}

static void s_take_page(streams_t *self, stream_t *stream, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t frame;
    position_t before = s_before(found);
    if (stream->state == STREAM_OPENING)
        s_begin(self, stream, &before);
    while (in.left > 0 && frame_read(&in, &frame)) {
        notice_t *notice = notice_new(&frame);
        stream_put(stream, &notice);
    }
    stream->position = found->position;
    if (found->more)
        streams_page(self, stream);
    else
        feeds_join(&self->feeds, stream, found);
}

static void s_reset(streams_t *self, stream_t *stream, const found_t *found)
{
    if (stream->state == STREAM_OPENING && !stream->options.returns) {
        s_reject(stream, ERROR_cursor_expired,
                 found->reset == RESET_EXPIRED
                     ? "Messages behind this position have been removed by retention."
                     : "This position is not of this history.");
        return;
    }
    if (stream->state == STREAM_OPENING)
        s_begin(self, stream, &found->position);
    notice_t *reset = notice_reset(stream->options.format, &found->position, found->reset);
    stream_put(stream, &reset);
    stream->position = found->position;
    streams_page(self, stream);
}

static void s_page_failed(streams_t *self, stream_t *stream, const wire_reply_t *reply)
{
    if (stream->state == STREAM_OPENING && reply && reply->status < 500) {
        s_reject(stream, error_find(reply->error) ? reply->error : ERROR_internal, NULL);
        return;
    }
    if (stream->state == STREAM_OPENING &&
        (!reply || self->now_ms - stream->born_ms >= STREAMS_OPEN_MS)) {
        s_reject(stream, ERROR_unavailable, NULL);
        return;
    }
    stream->page_ms = self->now_ms + s_random(FEED_AGAIN_MS, FEED_AGAIN_MS);
    s_link(&self->paging, &stream->in_paging);
}

static void s_refused(streams_t *self, stream_t *stream, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    uint32_t index;
    unsigned error = ERROR_not_allowed;
    refused_read(&in, &index, &error);
    streams_refuse(self, stream, error);
}

static void s_page_answered(streams_t *self, stream_t *stream, const wire_reply_t *reply,
                            slice_t body)
{
    found_t found;
    self->pages--;
    stream->page = (slot_ref_t){0, 0};
    bytes_free(&stream->ask);
    if (!reply || reply->status != 200 || !found_read(body, &found))
        s_page_failed(self, stream, reply);
    else if (found.kind == FOUND_FRAMES)
        s_take_page(self, stream, &found);
    else if (found.kind == FOUND_RESET)
        s_reset(self, stream, &found);
    else if (found.kind == FOUND_REFUSED)
        s_refused(self, stream, &found);
    else
        s_page_failed(self, stream, NULL);
}

void streams_answered(streams_t *self, slot_t *slot, const wire_reply_t *reply, slice_t body)
{
    void *asker = slot->owner;
    self->now_ms = clock_ms();
    if (!asker)
        return;
    if (slot->kind == SLOT_FEED)
        feeds_answered(asker, slot, reply, body);
    else
        s_page_answered(self, asker, reply, body);
}

static void s_ask_pages(streams_t *self, int64_t now_ms)
{
    h2o_linklist_t *next;
    for (h2o_linklist_t *at = self->paging.next; at != &self->paging && self->pages < STREAMS_PAGES;
         at = next) {
        stream_t *stream = H2O_STRUCT_FROM_MEMBER(stream_t, in_paging, at);
        next = at->next;
        if (stream->page_ms > now_ms)
            continue;
        h2o_linklist_unlink(at);
        s_ask_page(self, stream);
    }
}

void streams_turn(streams_t *self, int64_t now_ms)
{
    if (self->len == 0)
        return;
    self->now_ms = now_ms;
    s_ask_pages(self, now_ms);
    feeds_turn(&self->feeds, now_ms);
}

static void s_on_upgraded(void *data, h2o_socket_t *socket, size_t len)
{
    stream_t *stream = data;
    (void)len;
    stream->upgrading = false;
    stream->req = NULL;
    if (!socket) {
        stream_close(stream);
        return;
    }
    connection_leave(socket->on_close.data);
    stream_take(stream, socket);
    if (stream->state == STREAM_GONE)
        stream_close(stream);
    else
        streams_ready(stream->streams, stream);
}

static void s_upgrade(stream_t *stream)
{
    h2o_req_t *req = stream->req;
    reply_stream(req, &stream->id, stream_type(stream->options.format));
    stream->upgrading = true;
    h2o_http1_upgrade(req, NULL, 0, s_on_upgraded, stream);
}

/* Nothing is written to streams but from here: within a turn of the loop. */
static void s_on_wake(h2o_socket_t *socket, const char *err)
{
    streams_t *self = socket->data;
    (void)err;
    wake_silence(self->fd);
    self->rung = false;
    for (unsigned i = 0; i < STREAMS_WRITTEN && !h2o_linklist_is_empty(&self->ready); i++) {
        stream_t *stream = H2O_STRUCT_FROM_MEMBER(stream_t, in_ready, self->ready.next);
        h2o_linklist_unlink(&stream->in_ready);
        if (stream->socket)
            stream_write(stream);
        else if (stream->req && !stream->upgrading)
            s_upgrade(stream);
    }
    if (!h2o_linklist_is_empty(&self->ready))
        s_ring(self);
}

static void s_beat(streams_t *self, h2o_linklist_t *list, int64_t now_ms)
{
    h2o_linklist_t *next;
    for (h2o_linklist_t *at = list->next; at != list; at = next) {
        stream_t *stream = H2O_STRUCT_FROM_MEMBER(stream_t, in_beat, at);
        next = at->next;
        if (stream->writing) {
            stream_check(stream, now_ms);
        } else if (stream->socket && stream->queued == 0 &&
                   now_ms - stream->wrote_ms >= STREAMS_BEAT_APART_MS) {
            notice_t *beat = notice_hold(
                self->heartbeat[stream->options.format][stream->options.event_heartbeat]);
            stream_put(stream, &beat);
        }
    }
}

void streams_tick(streams_t *self, int64_t now_ms)
{
    int64_t behind = (now_ms - self->beaten_ms) / BEAT_MS;
    for (int64_t i = 0; i < behind && i < BEATS; i++) {
        self->beaten_ms += BEAT_MS;
        s_beat(self, &self->beat[self->beaten_ms / BEAT_MS % BEATS], now_ms);
    }
    if (behind > BEATS)
        self->beaten_ms = now_ms;
}

/* In the order in which they came, but the wait of each is drawn. */
static void s_end_first(streams_t *self)
{
    stream_t *stream = H2O_STRUCT_FROM_MEMBER(stream_t, in_all, self->all.next);
    const error_row_t *row = error_find(ERROR_draining);
    unsigned retry_ms = s_random(DRAIN_RETRY_LEAST_MS, DRAIN_RETRY_MS);
    /* To the end, so that the others come first. */
    h2o_linklist_unlink(&stream->in_all);
    h2o_linklist_insert(&self->all, &stream->in_all);
    if (stream->state == STREAM_OPENING) {
        s_reject(stream, ERROR_draining, NULL);
        return;
    }
    notice_t *end = notice_end(stream->options.format, row->name, row->message, retry_ms);
    stream_put(stream, &end);
    stream_finish(stream);
}

void streams_drain(streams_t *self, int64_t now_ms, int64_t until_ms)
{
    self->draining = true;
    int64_t left_ms = until_ms - now_ms;
    unsigned turns = left_ms > BEAT_MS ? (unsigned)(left_ms / BEAT_MS) : 1;
    for (unsigned i = 0, count = self->len / turns + 1; i < count && self->len > 0; i++)
        s_end_first(self);
}

unsigned streams_len(const streams_t *self)
{
    return self->len;
}
