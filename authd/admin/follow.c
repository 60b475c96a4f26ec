#include "authd/admin/follow.h"

#include "authd/directory/outlets.h"
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/map.h"
#include "common/base/ops.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "common/stream/ask.h"
#include "common/stream/found.h"
#include "common/stream/outlet.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 50,   /* at most so often all of them are gone through */
    LOOK_MS = 1000, /* until the directory is looked at again */
    REST_MS = 1000, /* after an answer with which nothing can be done */
    EMPTY_MS = 500, /* between two pages without messages, where the worker holds none */
    MANY_MS = 2000, /* the same where none is held because there are too many outlets */
    LEFT_MS = 2000, /* that an entry has; then it is sent again */
    AGAIN_MS = 23 * 3600 * 1000, /* in which what was brought already is known by its key */
    BEFORE_MS = 60000,           /* that a clock may have been behind another */
};

typedef enum { FOLLOW_WHERE, FOLLOW_PAGE, FOLLOW_PUSH } step_t;

/* An outlet in use. */
typedef struct followed {
    UT_hash_handle hh;     /* of all, by id */
    UT_hash_handle hh_ask; /* of those that wait for an answer, by that of the entry */
    uuid_t7 id, channel, ask;
    uint64_t created_ms;
    bool seen; /* in the look that is under way */
    step_t step;
    bool asked;       /* an entry is under way */
    uint32_t attempt; /* of it */
    int64_t asked_ms, next_ms;
    bool by_time;              /* the page begins at SINCE_MS, not behind POSITION */
    int64_t since_ms, told_ms; /* told_ms: when its newest message came */
    position_t position;
    char *page; /* of PUSH: the answer, from malloc */
    bytes_in_t rows;
    uint32_t left; /* frames of it */
    frame_t frame; /* that is brought */
} followed_t;

struct follow {
    directory_t *directory;
    view_t *view;
    forward_t *forward;
    const uint64_t *self;
    followed_t *all, *asking; /* maps */
    unsigned busy;            /* that have a page */
    int64_t look_ms, tick_ms;
};

follow_t *follow_new(directory_t *directory, forward_t *forward, const uint64_t *self_instance)
{
    follow_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->directory = directory;
    self->view = view_new(directory);
    self->forward = forward;
    self->self = self_instance;
    return self;
}

static void s_forget_ask(follow_t *self, followed_t *one)
{
    if (one->asked)
        HASH_DELETE(hh_ask, self->asking, one);
    one->asked = false;
}

static void s_drop_page(follow_t *self, followed_t *one)
{
    one->left = 0;
    if (one->page)
        self->busy--;
    free(one->page);
    one->page = NULL;
}

static void s_remove(follow_t *self, followed_t *one)
{
    s_forget_ask(self, one);
    s_drop_page(self, one);
    HASH_DEL(self->all, one);
    free(one);
}

void follow_destroy(follow_t **self_p)
{
    follow_t *self = *self_p;
    if (!self)
        return;
    for (followed_t *one; (one = self->all);)
        s_remove(self, one);
    view_destroy(&self->view);
    free(self);
    *self_p = NULL;
}

/* --- Which there are */

static bool s_is_in_use(follow_t *self, const outlet_t *outlet)
{
    place_t channel;
    return !outlet->gone && !outlet->paused && outlet_channel(self->view, outlet, &channel) &&
           !channel.archived_ms;
}

static void s_see(follow_t *self, const outlet_t *outlet)
{
    followed_t *one;
    HASH_FIND(hh, self->all, &outlet->id, sizeof outlet->id, one);
    if (!one) {
        one = calloc(1, sizeof *one);
        if (!one)
            abort();
        one->id = outlet->id;
        one->channel = outlet->channel;
        one->created_ms = outlet->created_ms;
        HASH_ADD(hh, self->all, id, sizeof one->id, one);
    }
    one->seen = true;
}

/* A damaged row keeps no others from being followed. */
static void s_look(follow_t *self, int64_t now_ms)
{
    outlet_t outlet;
    followed_t *one, *next;
    if (now_ms < self->look_ms)
        return;
    self->look_ms = now_ms + LOOK_MS;
    view_renew(self->view);
    view_tolerate(self->view, true);
    for (bool more = outlets_next(self->view, NULL, &outlet); more;
         more = outlets_next(self->view, &outlet.id, &outlet))
        if (s_is_in_use(self, &outlet))
            s_see(self, &outlet);
    bool damaged = view_take_damage(self->view);
    view_tolerate(self->view, false);
    view_release(self->view);
    HASH_ITER (hh, self->all, one, next) {
        if (!one->seen && !damaged)
            s_remove(self, one);
        else
            one->seen = false;
    }
    metric_set(METRIC_outlets, HASH_COUNT(self->all));
}

/* --- What is asked */

static void s_rest(followed_t *one, step_t step, int64_t until_ms)
{
    one->step = step;
    one->next_ms = until_ms;
}

static void s_put(follow_t *self, followed_t *one, wire_request_t *request, slice_t body)
{
    zmq_msg_t frame;
    char target[UUID_TEXT];
    uuid_text(&one->id, target);
    request->origin = *self->self;
    request->attempt = ++one->attempt;
    request->time_left_ms = LEFT_MS;
    request->target = slice(target, UUID_TEXT - 1);
    request->principal.present = true;
    request->has_body = body.len > 0;
    wire_body_init(&frame, body);
    forward_put(self->forward, request, body.len ? &frame : NULL, clock_us());
    zmq_msg_close(&frame);
}

static bool s_are_many(const follow_t *self)
{
    return HASH_COUNT(self->all) > FOLLOW_HELD;
}

static void s_ask_page(follow_t *self, followed_t *one)
{
    bytes_t body = {0}, grants = {0};
    grant_t grant = {.op = OP_channel_stream, .target = one->channel};
    grant_write(&grant, &grants);
    ask_t ask = {.kind = ASK_PAGE,
                 .from = one->by_time ? PAGE_TIME : PAGE_AFTER,
                 .hold_ms = one->by_time || s_are_many(self) ? 0 : PAGE_HOLD_MS,
                 .position = one->position,
                 .time_ms = one->since_ms,
                 .target = one->channel,
                 .grants = 1,
                 .rows = bytes_slice(&grants)};
    ask_write(&ask, &body);
    wire_request_t request = wire_request_bare(&one->ask, OP_channel_feed, OP_GET);
    request.principal.target = one->channel;
    s_put(self, one, &request, bytes_slice(&body));
    bytes_free(&body);
    bytes_free(&grants);
}

static position_t s_position(const frame_t *frame)
{
    return (position_t){frame->sequence, frame->tag, true};
}

/* A message, or the question where it stands. */
static void s_ask_outlet(follow_t *self, followed_t *one)
{
    uint8_t key[OUTLET_KEY];
    char text[POSITION_TEXT];
    pack_t params = {0};
    bool brings = one->step == FOLLOW_PUSH;
    wire_request_t request = wire_request_bare(&one->ask, OP_outlet_push, OP_PUT);
    request.principal.target = one->id;
    if (brings) {
        position_t position = s_position(&one->frame);
        outlet_key(&one->id, &position, key);
        request.principal.dedupe = slice(key, sizeof key);
        wire_pairs_add(&params, slice_of(OUTLET_POSITION),
                       slice(text, position_text(&position, text)));
        request.params = wire_pairs_of(&params);
    }
    s_put(self, one, &request, brings ? one->frame.json : slice("", 0));
    pack_free(&params);
}

/* What is sent again has the id that it had. */
static void s_ask(follow_t *self, followed_t *one, int64_t now_ms)
{
    if (!one->asked || one->step != FOLLOW_PUSH) {
        s_forget_ask(self, one);
        uuid_new(&one->ask);
        one->attempt = 0;
        one->asked = true;
        HASH_ADD(hh_ask, self->asking, ask, sizeof one->ask, one);
    }
    one->asked_ms = now_ms;
    one->next_ms = now_ms + LEFT_MS;
    if (one->step == FOLLOW_PAGE)
        s_ask_page(self, one);
    else
        s_ask_outlet(self, one);
}

/* --- What is answered */

static void s_stands(followed_t *one, slice_t body, int64_t now_ms)
{
    outlet_standing_t standing;
    int64_t created_ms = (int64_t)one->created_ms, again_ms = clock_wall_ms() - AGAIN_MS;
    if (!outlet_standing_read(body, &standing) || standing.pending >= OUTLET_PENDING) {
        s_rest(one, FOLLOW_WHERE, now_ms + REST_MS);
        return;
    }
    one->position = standing.position;
    one->told_ms = standing.time_ms;
    one->by_time = standing.position.sequence == 0;
    one->since_ms = standing.any && again_ms > created_ms ? again_ms : created_ms;
    s_rest(one, FOLLOW_PAGE, now_ms);
}

static void s_skip(followed_t *one, const found_t *found)
{
    char id[UUID_TEXT];
    uint64_t from = one->position.sequence, to = found->position.sequence;
    uuid_text(&one->id, id);
    if (found->reset == RESET_EXPIRED && to > from) {
        metric_add(METRIC_outlet_skipped_total, to - from);
        log_warn("outlet.skipped", "outlet=%s messages=%llu err=%s", id,
                 (unsigned long long)(to - from),
                 LOG_Q("retention has removed messages before they were pushed"));
        one->position = found->position;
        return;
    }
    log_warn("outlet.reset", "outlet=%s err=%s", id,
             LOG_Q("the channel has another history, as after a restore: pushed on by time"));
    one->by_time = true;
    one->since_ms = one->told_ms > BEFORE_MS ? one->told_ms - BEFORE_MS : 0;
}

/* The next frame of the page, or what follows it. */
static void s_next_frame(follow_t *self, followed_t *one, int64_t now_ms)
{
    if (one->left > 0 && frame_read(&one->rows, &one->frame)) {
        one->left--;
        s_rest(one, FOLLOW_PUSH, now_ms);
        return;
    }
    s_drop_page(self, one);
    s_rest(one, FOLLOW_WHERE, now_ms);
}

static void s_take_page(follow_t *self, followed_t *one, const found_t *found, int64_t now_ms)
{
    if (self->busy == FOLLOW_BUSY) {
        s_rest(one, FOLLOW_PAGE, now_ms + EMPTY_MS);
        return;
    }
    one->page = malloc(found->rows.len);
    if (!one->page)
        abort();
    self->busy++;
    memcpy(one->page, found->rows.data, found->rows.len);
    one->rows = (bytes_in_t){one->page, found->rows.len, false};
    one->left = found->count;
    s_next_frame(self, one, now_ms);
}

static void s_paged(follow_t *self, followed_t *one, slice_t body, int64_t now_ms)
{
    found_t found;
    bool read = found_read(body, &found);
    if (read && found.kind == FOUND_RESET) {
        s_skip(one, &found);
        s_rest(one, FOLLOW_PAGE, now_ms);
    } else if (!read || found.kind != FOUND_FRAMES) {
        s_rest(one, FOLLOW_WHERE, now_ms + REST_MS);
    } else if (found.count > 0) {
        s_take_page(self, one, &found, now_ms);
    } else {
        bool held = one->by_time || now_ms - one->asked_ms >= EMPTY_MS;
        int64_t empty_ms = s_are_many(self) ? MANY_MS : EMPTY_MS;
        one->by_time = false;
        one->position = found.position;
        s_rest(one, FOLLOW_PAGE, held ? now_ms : now_ms + empty_ms);
    }
}

/* What has its key already is there. */
static void s_pushed(follow_t *self, followed_t *one, const wire_reply_t *reply, int64_t now_ms)
{
    if (reply->error != ERROR_none && reply->error != ERROR_key_reused) {
        s_rest(one, FOLLOW_PUSH, now_ms + REST_MS);
        return;
    }
    metric_add(METRIC_outlet_messages_total, 1);
    one->position = s_position(&one->frame);
    one->by_time = false;
    s_next_frame(self, one, now_ms);
}

void follow_answered(follow_t *self, const wire_reply_t *reply, zmq_msg_t *body)
{
    followed_t *one;
    int64_t now_ms = clock_ms();
    HASH_FIND(hh_ask, self->asking, &reply->id, sizeof reply->id, one);
    if (!one)
        return;
    s_forget_ask(self, one);
    slice_t bytes = slice(zmq_msg_data(body), zmq_msg_size(body));
    if (one->step == FOLLOW_PUSH)
        s_pushed(self, one, reply, now_ms);
    else if (reply->error != ERROR_none)
        s_rest(one, one->step, now_ms + REST_MS);
    else if (one->step == FOLLOW_WHERE)
        s_stands(one, bytes, now_ms);
    else
        s_paged(self, one, bytes, now_ms);
    if (one->next_ms <= now_ms)
        s_ask(self, one, now_ms);
}

void follow_tick(follow_t *self, int64_t now_ms)
{
    followed_t *one, *next;
    if (now_ms < self->tick_ms)
        return;
    self->tick_ms = now_ms + TICK_MS;
    s_look(self, now_ms);
    HASH_ITER (hh, self->all, one, next) {
        if (one->next_ms <= now_ms)
            s_ask(self, one, now_ms);
    }
}
