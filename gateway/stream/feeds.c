#include "gateway/stream/feeds.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/monitor/monitor.h"
#include "gateway/stream/streams.h"

#include <stdlib.h>

typedef struct {
    watch_t watch; /* the first */
    UT_hash_handle hh;
} row_t;

struct feed {
    struct streams *streams;
    h2o_linklist_t link;
    op_owner_t owner;
    unsigned shard, shards;
    uuid_t7 journal;
    uint64_t cursor; /* all up to there has come */
    position_t at;   /* the cursor, with the tag of the record there where it is known */
    uint32_t generation;
    bool changed;   /* the set, since the last ask with grants */
    bool renew;     /* the worker does not know the set */
    slot_ref_t ask; /* that is out; zero: none is */
    bytes_t text;   /* of it */
    int64_t asked_ms, granted_ms, again_ms;
    row_t *watches;
    h2o_linklist_t members; /* of strands */
    bool busy;              /* it is looked through: it stays without a member */
    unsigned unknown;       /* watches that are not known yet */
    notice_t *kept[FEED_KEPT];
    unsigned kept_at, kept_len;
    size_t kept_bytes;
    uint64_t kept_from; /* behind this log sequence everything is kept */
};

void feeds_open(feeds_t *self, streams_t *streams)
{
    self->streams = streams;
    h2o_linklist_init_anchor(&self->all);
}

static feed_t *s_at(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(feed_t, link, link);
}

static member_t *s_member(h2o_linklist_t *link)
{
    return H2O_STRUCT_FROM_MEMBER(member_t, in_feed, link);
}

static feed_t *s_find(feeds_t *self, op_owner_t owner, const found_t *found)
{
    for (h2o_linklist_t *at = self->all.next; at != &self->all; at = at->next) {
        feed_t *feed = s_at(at);
        if (feed->owner == owner && feed->shard == found->shard && feed->shards == found->shards &&
            uuid_eq(&feed->journal, &found->journal))
            return feed;
    }
    return NULL;
}

static feed_t *s_new(feeds_t *self, op_owner_t owner, const found_t *found)
{
    feed_t *feed = calloc(1, sizeof *feed);
    if (!feed)
        abort();
    feed->streams = self->streams;
    feed->owner = owner;
    feed->shard = found->shard;
    feed->shards = found->shards;
    feed->journal = found->journal;
    feed->cursor = feed->kept_from = found->upto;
    h2o_linklist_init_anchor(&feed->members);
    h2o_linklist_insert(&self->all, &feed->link);
    return feed;
}

static void s_destroy(feed_t *self)
{
    streams_unask(self->streams, &self->ask);
    for (unsigned i = 0; i < FEED_KEPT; i++)
        if (self->kept[i])
            notice_drop(&self->kept[i]);
    h2o_linklist_unlink(&self->link);
    bytes_free(&self->text);
    free(self);
}

static watch_t *s_watch(feed_t *self, const uuid_t7 *target)
{
    row_t *row;
    HASH_FIND(hh, self->watches, target, UUID_BYTES, row);
    if (row)
        return &row->watch;
    row = calloc(1, sizeof *row);
    if (!row)
        abort();
    row->watch = (watch_t){.target = *target, .added = self->generation + 1};
    h2o_linklist_init_anchor(&row->watch.members);
    HASH_ADD(hh, self->watches, watch.target, UUID_BYTES, row);
    self->unknown++;
    return &row->watch;
}

void feeds_leave(member_t *member)
{
    feed_t *self = member->feed;
    if (!self)
        return;
    h2o_linklist_unlink(&member->in_feed);
    h2o_linklist_unlink(&member->in_watch);
    if (h2o_linklist_is_empty(&member->watch->members)) {
        row_t *row = H2O_STRUCT_FROM_MEMBER(row_t, watch, member->watch);
        self->unknown -= !row->watch.known;
        HASH_DEL(self->watches, row);
        free(row);
    }
    self->changed = true;
    member->feed = NULL;
    member->watch = NULL;
    if (!self->busy && h2o_linklist_is_empty(&self->members))
        s_destroy(self);
}

static notice_t *s_kept(const feed_t *self, unsigned i)
{
    return self->kept[(self->kept_at + FEED_KEPT - self->kept_len + i) % FEED_KEPT];
}

static void s_drop_oldest(feed_t *self)
{
    notice_t **oldest = &self->kept[(self->kept_at + FEED_KEPT - self->kept_len) % FEED_KEPT];
    self->kept_from = (*oldest)->log;
    self->kept_bytes -= (*oldest)->json.len;
    self->kept_len--;
    notice_drop(oldest);
}

/* Takes the notice. */
static void s_keep(feed_t *self, notice_t *notice)
{
    self->kept_bytes += notice->json.len;
    while (self->kept_len > 0 &&
           (self->kept_len == FEED_KEPT || self->kept_bytes > FEED_KEPT_BYTES))
        s_drop_oldest(self);
    self->kept[self->kept_at] = notice;
    self->kept_at = (self->kept_at + 1) % FEED_KEPT;
    self->kept_len++;
}

/* Up to where the strand has to have read to go on by the feed; false: the feed does not know all
 * its targets yet. */
static bool s_is_known(const feed_t *self, const strand_t *strand, uint64_t *since)
{
    *since = self->kept_from;
    for (member_t *member = NULL; (member = strand_next(strand, member));) {
        if (!member->watch->known)
            return false;
        if (member->watch->since > *since)
            *since = member->watch->since;
    }
    return true;
}

/* A strand that is whole up to its page is live, with what came since; or it reads another page. */
static void s_try(feed_t *self, strand_t *strand)
{
    uint64_t since, upto = strand->upto;
    if (!s_is_known(self, strand, &since))
        return;
    if (upto < since) {
        streams_page(self->streams, strand);
        return;
    }
    strand->state = STRAND_LIVE;
    for (unsigned i = 0; i < self->kept_len && strand->state == STRAND_LIVE; i++) {
        notice_t *notice = s_kept(self, i);
        member_t *member = notice->log > upto ? strand_find(strand, &notice->target) : NULL;
        if (member)
            streams_deliver(self->streams, member, notice);
    }
}

static void s_add_member(feed_t *self, member_t *member)
{
    feeds_leave(member);
    member->feed = self;
    member->watch = s_watch(self, &member->grant.target);
    h2o_linklist_insert(&self->members, &member->in_feed);
    h2o_linklist_insert(&member->watch->members, &member->in_watch);
    self->changed = true;
}

void feeds_join(feeds_t *self, strand_t *strand, const found_t *found)
{
    feed_t *feed = s_find(self, strand->owner, found);
    if (!feed)
        feed = s_new(self, strand->owner, found);
    strand->upto = found->upto;
    strand->state = STRAND_JOINING;
    for (member_t *member = NULL; (member = strand_next(strand, member));)
        if (member->feed != feed)
            s_add_member(feed, member);
    s_try(feed, strand);
}

position_t feeds_at(const strand_t *strand)
{
    const member_t *member = strand_next(strand, NULL);
    return member && member->feed ? member->feed->at : (position_t){0};
}

static uint32_t s_write_grants(feed_t *self, bytes_t *rows)
{
    uint32_t count = 0;
    for (h2o_linklist_t *at = self->members.next; at != &self->members && count < ASK_GRANTS;
         at = at->next) {
        member_t *member = s_member(at);
        member->row = count++;
        member->row_generation = self->generation;
        grant_write(&member->grant, rows);
    }
    return count;
}

static void s_ask(feed_t *self, int64_t now_ms)
{
    bytes_t rows = {0};
    ask_t ask = {
        .kind = ASK_FEED, .narrowed = true, .journal = self->journal, .after = self->cursor};
    bool grants = self->changed || self->renew || now_ms - self->granted_ms >= FEED_RENEW_MS;
    streams_unask(self->streams, &self->ask);
    ask.target = s_member(self->members.next)->grant.target;
    ask.bare = !grants;
    if (grants) {
        self->generation++;
        ask.grants = s_write_grants(self, &rows);
        self->granted_ms = now_ms;
        self->changed = self->renew = false;
    }
    ask.generation = self->generation;
    ask.rows = bytes_slice(&rows);
    self->text.len = 0;
    ask_write(&ask, &self->text);
    bytes_free(&rows);
    self->asked_ms = now_ms;
    self->again_ms = now_ms + FEED_AGAIN_MS;
    streams_ask(self->streams, self->owner, SLOT_FEED, self, bytes_slice(&self->text), &self->ask);
}

void feeds_turn(feeds_t *self, int64_t now_ms)
{
    for (h2o_linklist_t *at = self->all.next; at != &self->all; at = at->next) {
        feed_t *feed = s_at(at);
        bool news = (feed->changed || feed->renew) && now_ms - feed->asked_ms >= FEED_APART_MS;
        if (news || (!streams_is_asked(feed->streams, feed->ask) && now_ms >= feed->again_ms))
            s_ask(feed, now_ms);
    }
}

/* A member is gone from the list when this returns, and perhaps others with it. */
typedef void leave_fn(feed_t *self, member_t *member);

/* The feed is gone with its last member. */
static void s_leave_all(feed_t *self, h2o_linklist_t *members, leave_fn *leave)
{
    self->busy = true;
    while (!h2o_linklist_is_empty(members))
        leave(self, s_member(members->next));
    self->busy = false;
    if (h2o_linklist_is_empty(&self->members))
        s_destroy(self);
}

static void s_refuse_member(feed_t *self, member_t *member)
{
    unsigned error = member->row;
    feeds_leave(member);
    streams_refuse(self->streams, member, error);
}

static void s_refuse(feed_t *self, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    uint32_t index;
    unsigned error;
    h2o_linklist_t refused, *next;
    bool more = refused_read(&in, &index, &error);
    h2o_linklist_init_anchor(&refused);
    /* Both in the order of the rows. */
    for (h2o_linklist_t *at = self->members.next; more && at != &self->members; at = next) {
        member_t *member = s_member(at);
        next = at->next;
        if (member->row_generation != found->generation || member->row != index)
            continue;
        h2o_linklist_unlink(at);
        h2o_linklist_insert(&refused, at);
        member->row = error; /* whose place it does not need any more */
        more = refused_read(&in, &index, &error);
    }
    s_leave_all(self, &refused, s_refuse_member);
}

static void s_move_member(feed_t *self, member_t *member)
{
    feeds_leave(member);
    streams_page(self->streams, member->strand);
}

/* Its journal or its shards are others: its strands look where they go on by pages. */
static void s_move(feed_t *self)
{
    s_leave_all(self, &self->members, s_move_member);
}

static void s_know(feed_t *self, const found_t *found)
{
    row_t *row, *next;
    HASH_ITER (hh, self->watches, row, next) {
        if (row->watch.known || (int32_t)(found->generation - row->watch.added) < 0)
            continue;
        row->watch.known = true;
        row->watch.since = found->after;
        self->unknown--;
    }
}

/* What waited for its targets to be known goes on. */
static void s_join_known(feed_t *self, const found_t *found)
{
    h2o_linklist_t *next;
    s_know(self, found);
    for (h2o_linklist_t *at = self->members.next; at != &self->members; at = next) {
        next = at->next;
        if (s_member(at)->strand->state == STRAND_JOINING)
            s_try(self, s_member(at)->strand);
    }
}

static void s_deliver(feed_t *self, notice_t *notice)
{
    row_t *row;
    HASH_FIND(hh, self->watches, &notice->target, UUID_BYTES, row);
    if (!row)
        return;
    h2o_linklist_t *members = &row->watch.members, *next;
    for (h2o_linklist_t *at = members->next; at != members; at = next) {
        member_t *member = H2O_STRUCT_FROM_MEMBER(member_t, in_watch, at);
        next = at->next;
        if (member->strand->state == STRAND_LIVE)
            streams_deliver(self->streams, member, notice);
    }
}

static void s_take_frames(feed_t *self, const found_t *found)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t frame;
    while (in.left > 0 && frame_read(&in, &frame)) {
        if (frame.log <= self->cursor)
            continue;
        notice_t *notice = notice_new(&frame);
        s_deliver(self, notice);
        s_keep(self, notice);
    }
    if (found->position.tagged || found->upto != self->cursor)
        self->at = found->position.tagged ? found->position : (position_t){found->upto, 0, false};
    self->cursor = found->upto;
    if (self->unknown > 0)
        s_join_known(self, found);
}

void feeds_answered(feed_t *self, const slot_t *slot, const wire_reply_t *reply, slice_t body)
{
    found_t found;
    bool good = reply && reply->status == 200 && found_read(body, &found);
    if (!streams_is_slot(self->streams, self->ask, slot))
        return;
    self->ask = (slot_ref_t){0, 0};
    if (!good)
        return; /* again_ms is a while away */
    self->again_ms = 0;
    switch (found.kind) {
    case FOUND_FRAMES:
        if (found.after == self->cursor && found.upto >= self->cursor)
            s_take_frames(self, &found);
        else
            self->again_ms = clock_ms() + FEED_AGAIN_MS;
        break;
    case FOUND_RENEW:
        self->renew = true;
        break;
    case FOUND_REFUSED:
        self->changed = true;
        s_refuse(self, &found);
        break;
    case FOUND_MOVED:
        s_move(self);
        break;
    default:
        self->again_ms = clock_ms() + FEED_AGAIN_MS;
        break;
    }
}
