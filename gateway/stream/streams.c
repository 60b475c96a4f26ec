#include "gateway/stream/streams.h"

#include "common/base/clock.h"
#include "common/base/wake.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "gateway/ring/reply.h"
#include "gateway/stream/delivering.h"
#include "gateway/stream/gather.h"
#include "gateway/stream/hints.h"
#include "gateway/stream/refusal.h"
#include "gateway/stream/several.h"

#include <errno.h>
#include <h2o/http1.h>
#include <stdlib.h>

enum {
    BEAT_MS = STREAMS_BEAT_MS / STREAMS_BEATS,
    RETRY_LEAST_MS = 2000, /* after a stream has broken */
    RETRY_MS = 3000,       /* and up to so much later: readers come back one by one */
    DRAIN_RETRY_LEAST_MS = 1000,
    DRAIN_RETRY_MS = 4000,
    EXPIRE_MS = 1000,
};

static void s_on_wake(h2o_socket_t *socket, const char *err);

streams_t *streams_new(h2o_loop_t *loop, inflight_t *inflight, bridge_t *bridge, quota_t *quota,
                       watch_t *watch)
{
    streams_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (streams_t){
        .loop = loop, .inflight = inflight, .bridge = bridge, .quota = quota, .watch = watch};
    feeds_open(&self->feeds, self);
    h2o_linklist_init_anchor(&self->all);
    h2o_linklist_init_anchor(&self->ready);
    h2o_linklist_init_anchor(&self->paging);
    h2o_linklist_init_anchor(&self->listing);
    h2o_linklist_init_anchor(&self->hinting);
    for (unsigned i = 0; i < STREAMS_BEATS; i++)
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

static void s_ring(streams_t *self)
{
    if (self->rung)
        return;
    self->rung = true;
    wake_ring(self->fd);
}

void streams_ready(streams_t *self, stream_t *stream)
{
    streams_link(&self->ready, &stream->in_ready);
    s_ring(self);
}

void streams_ask(streams_t *self, op_owner_t owner, slot_kind_t kind, void *asker, slice_t body,
                 slot_ref_t *ref)
{
    streams_ask_by(self, op_of(owner, DOES_FEED), kind, asker, slice("", 0), body, ref);
}

unsigned streams_shards(const streams_t *self, op_owner_t owner)
{
    return self->shards[owner];
}

void streams_note_shards(streams_t *self, op_owner_t owner, unsigned shards)
{
    self->shards[owner] = shards;
}

void streams_ask_by(streams_t *self, const op_t *op, slot_kind_t kind, void *asker, slice_t params,
                    slice_t body, slot_ref_t *ref)
{
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
    if (params.len > 0)
        slot->request.params = params;
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

void streams_detach(streams_t *self, stream_t *stream)
{
    for (h2o_linklist_t *at = stream->strands.next; at != &stream->strands; at = at->next) {
        strand_t *strand = H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, at);
        for (member_t *member = NULL; (member = strand_next(strand, member));)
            feeds_leave(member);
        paging_unask(self, strand);
    }
    if (stream->several)
        several_stop(self, stream);
    hints_stop(self, stream->hints);
    streams_unlink(&stream->in_beat);
}

void streams_forget(streams_t *self, stream_t *stream)
{
    streams_detach(self, stream);
    streams_unlink(&stream->in_ready);
    streams_unlink(&stream->in_all);
    quota_leave(self->quota, &stream->token);
    self->members -= HASH_COUNT(stream->members);
    self->len--;
    metric_add(METRIC_streams, -1);
}

void streams_reject(stream_t *stream, error_code_t error, const char *detail)
{
    h2o_req_t *req = stream->req;
    uuid_t7 id = stream->id;
    bool events = stream->options.accepts_events;
    connection_of(req)->stream = NULL;
    stream->req = NULL;
    stream_close(stream);
    refusal_send(req, &id, error, events, detail);
}

static bool s_reads_pages(const stream_t *stream)
{
    for (h2o_linklist_t *at = stream->strands.next; at != &stream->strands; at = at->next)
        if (H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, at)->state == STRAND_PAGES)
            return true;
    return false;
}

void streams_wrote(streams_t *self, stream_t *stream)
{
    if (stream->queued > 0 || stream->state == STREAM_ENDING) {
        streams_ready(self, stream);
        return;
    }
    if (!s_reads_pages(stream) || stream_waits(stream))
        return;
    for (h2o_linklist_t *at = stream->strands.next; at != &stream->strands; at = at->next) {
        strand_t *strand = H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, at);
        if (strand->state == STRAND_PAGES)
            streams_page(self, strand);
    }
}

void streams_deliver(streams_t *self, member_t *member, notice_t *notice)
{
    stream_t *stream = member->strand->stream;
    position_t *position = &member->position;
    if (stream->several) {
        several_deliver(self, member, notice);
        return;
    }
    if (notice->sequence <= position->sequence)
        return;
    bool narrowed = notice->json.len == 0; /* to some users: each asks for itself */
    bool gap = narrowed || notice->sequence != position->sequence + 1;
    if (gap && !narrowed)
        metric_add(METRIC_stream_resyncs_total, 1);
    if (gap || stream_is_behind(stream, self->now_ms)) {
        if (stream_is_slow(stream, self->now_ms))
            stream_unput(stream, position);
        streams_page(self, member->strand);
        return;
    }
    *position = (position_t){notice->sequence, notice->tag, true};
    notice_t *held = notice_hold(notice);
    stream_put(stream, &held);
}

void streams_refuse(streams_t *self, member_t *member, unsigned error)
{
    stream_t *stream = member->strand->stream;
    const error_row_t *row = error_find(error);
    if (stream->several) {
        several_refuse(self, member, error);
        return;
    }
    row = row ? row : error_find(ERROR_not_allowed);
    if (stream->state == STREAM_OPENING) {
        streams_reject(stream, row->code, NULL);
        return;
    }
    notice_t *end = notice_end(stream->options.format, slice("", 0), row->name, row->message, 0);
    stream_put(stream, &end);
    stream_finish(stream);
}

/* Of one target, whose grant is GRANT. */
static bool s_open_one(stream_t *stream, slice_t grant)
{
    listed_t listed = {.label = slice("", 0)};
    bytes_in_t in = {grant.data, grant.len, false};
    const op_t *op;
    if (!grant_read(&in, &listed.grant) || in.left > 0 || !(op = op_find(listed.grant.op)) ||
        op->owner >= WORKER_KINDS)
        return false;
    stream->token = listed.grant.token;
    strand_take(strand_new(stream, op->owner), member_new(&listed));
    stream->hints = hints_new(stream);
    hints_take_row(stream->hints, &listed);
    return true;
}

static void s_start(streams_t *self, stream_t *stream)
{
    self->len++;
    metric_add(METRIC_streams, 1);
    h2o_linklist_insert(&self->all, &stream->in_all);
    connection_of(stream->req)->stream = stream;
    if (stream->several)
        several_start(self, stream);
    else
        streams_page(self, H2O_STRUCT_FROM_MEMBER(strand_t, in_stream, stream->strands.next));
}

/* It has been nowhere but here. */
static void s_give_up(streams_t *self, stream_t *stream)
{
    streams_detach(self, stream);
    self->members -= HASH_COUNT(stream->members);
    stream_discard(&stream);
}

/* For all targets that are named; of all it takes what there is room for. */
static bool s_has_room(const stream_t *stream)
{
    return !stream->several || stream->several->all || !stream->several->full;
}

void streams_open(streams_t *self, h2o_req_t *req, const uuid_t7 *id, slice_t granted,
                  const stream_options_t *options)
{
    stream_t *stream = stream_new(self, req, id, options);
    stream->born_ms = self->now_ms = clock_ms();
    if (!(options->several ? several_open(self, stream, granted) : s_open_one(stream, granted))) {
        s_give_up(self, stream);
        reply_error(req, id, ERROR_internal, NULL, REASON_none, slice("", 0));
        return;
    }
    quota_result_t quota =
        s_has_room(stream) ? quota_enter(self->quota, &stream->token) : QUOTA_FULL;
    if (quota == QUOTA_TAKEN && !self->draining) {
        s_start(self, stream);
        return;
    }
    metric_add(METRIC_streams_refused_total, 1);
    if (quota == QUOTA_TAKEN)
        quota_leave(self->quota, &stream->token);
    s_give_up(self, stream);
    error_code_t full = quota == QUOTA_TOKEN_FULL ? ERROR_too_many_streams : ERROR_overloaded;
    refusal_send(req, id, self->draining ? ERROR_draining : full, options->accepts_events, NULL);
}

bool streams_disposed(stream_t *stream)
{
    if (stream->upgrading)
        return true;
    stream->req = NULL;
    stream_close(stream);
    return false;
}

void streams_begin(streams_t *self, stream_t *stream, slice_t id)
{
    notice_t *begin =
        notice_begin(stream->options.format, id, streams_random(RETRY_LEAST_MS, RETRY_MS));
    stream->state = STREAM_OPEN;
    stream->first = false;
    stream_put(stream, &begin);
    hints_start(self, stream->hints);
    h2o_linklist_insert(&self->beat[uuid_instance() % STREAMS_BEATS], &stream->in_beat);
}

void streams_answered(streams_t *self, slot_t *slot, const wire_reply_t *reply, slice_t body)
{
    void *asker = slot->owner;
    self->now_ms = clock_ms();
    if (!asker)
        return;
    if (slot->kind == SLOT_FEED)
        feeds_answered(asker, slot, reply, body);
    else if (slot->kind == SLOT_PAGE)
        paging_answered(self, asker, reply, body);
    else if (slot->kind == SLOT_DELIVERIES)
        delivering_answered(self, asker, reply, body);
    else if (slot->kind == SLOT_GATHER)
        gather_answered(asker, reply, body);
    else if (slot->kind == SLOT_HINTS)
        hints_answered(self, asker, reply, body);
    else
        several_listed(self, asker, reply, body);
}

void streams_turn(streams_t *self, int64_t now_ms)
{
    if (self->len == 0)
        return;
    self->now_ms = now_ms;
    paging_turn(self);
    several_turn(self);
    hints_turn(self);
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
            notice_t *beat =
                stream->several
                    ? several_beat(self, stream)
                    : notice_hold(
                          self->heartbeat[stream->options.format][stream->options.event_heartbeat]);
            stream_put(stream, &beat);
        }
    }
}

/* Those whose URL has ended. */
static void s_expire(streams_t *self)
{
    int64_t wall_ms = clock_wall_ms();
    h2o_linklist_t *next;
    for (h2o_linklist_t *at = self->all.next; at != &self->all; at = next) {
        stream_t *stream = H2O_STRUCT_FROM_MEMBER(stream_t, in_all, at);
        next = at->next;
        if (stream->several)
            several_expire(stream, wall_ms);
    }
}

void streams_tick(streams_t *self, int64_t now_ms)
{
    if (now_ms - self->expired_ms >= EXPIRE_MS) {
        self->expired_ms = now_ms;
        s_expire(self);
    }
    int64_t behind = (now_ms - self->beaten_ms) / BEAT_MS;
    for (int64_t i = 0; i < behind && i < STREAMS_BEATS; i++) {
        self->beaten_ms += BEAT_MS;
        s_beat(self, &self->beat[self->beaten_ms / BEAT_MS % STREAMS_BEATS], now_ms);
    }
    if (behind > STREAMS_BEATS)
        self->beaten_ms = now_ms;
}

/* In the order in which they came, but the wait of each is drawn. */
static void s_end_first(streams_t *self)
{
    stream_t *stream = H2O_STRUCT_FROM_MEMBER(stream_t, in_all, self->all.next);
    const error_row_t *row = error_find(ERROR_draining);
    unsigned retry_ms = streams_random(DRAIN_RETRY_LEAST_MS, DRAIN_RETRY_MS);
    /* To the end, so that the others come first. */
    h2o_linklist_unlink(&stream->in_all);
    h2o_linklist_insert(&self->all, &stream->in_all);
    if (stream->state == STREAM_OPENING) {
        streams_reject(stream, ERROR_draining, NULL);
        return;
    }
    notice_t *end =
        notice_end(stream->options.format, slice("", 0), row->name, row->message, retry_ms);
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
