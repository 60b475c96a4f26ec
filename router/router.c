#include "router/router.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/life/confine.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "router/returns.h"
#include "router/shards.h"

#include <stdio.h>
#include <stdlib.h>

enum { TURN_MESSAGES = 64, TURN_MS = 200 };

struct router {
    const conf_t *conf;
    char name[WIRE_NAME];
    uint64_t self; /* our instance */
    int64_t turned_ms;
    int64_t ticked_ms;
    int64_t stop_ms; /* when a drain ends; 0: not stopping */
    uint64_t news;
    link_t *requests, *workers, *replies;
    deaths_t *deaths;
    shards_t *shards;
    returns_t *returns;
};

static void s_refuse(router_t *self, const wire_request_t *request, error_code_t code)
{
    wire_reply_t reply = wire_reply_to(request);
    wire_reply_refuse(&reply, code);
    returns_add(self->returns, &reply, NULL);
}

/* What reads, and was there when a worker died. 500 ends it, where 503 would not: see PROTOCOL. */
static void s_refuse_reader(void *arg, const queue_note_t *entry)
{
    static const char text[] = "The process that was to answer this died while it had the request, "
                               "perhaps because of it. The router's log has the request id.";
    router_t *self = arg;
    wire_reply_t reply = {.id = entry->id, .origin = entry->origin, .attempt = entry->attempt};
    zmq_msg_t body;
    wire_reply_refuse(&reply, ERROR_internal);
    wire_body_init(&body, slice(text, sizeof text - 1));
    returns_add(self->returns, &reply, &body);
}

static void s_place(router_t *self, const wire_request_t *request, zmq_msg_t *body, int64_t now_us)
{
    const op_t *op = op_find(request->op);
    if (!op || op->owner >= WORKER_KINDS || !request->principal.present) {
        s_refuse(self, request, ERROR_unavailable);
        return;
    }
    switch (shards_put(self->shards, op->owner, request, body, now_us)) {
    case QUEUE_FULL:
        s_refuse(self, request, ERROR_overloaded);
        break;
    case QUEUE_EXPIRED:
        metric_add(METRIC_expired_total, 1);
        break;
    case QUEUE_REPLACED:
    case QUEUE_STALE:
        metric_add(METRIC_superseded_total, 1);
        break;
    case QUEUE_ADDED:
        break;
    }
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    router_t *self = arg;
    int64_t now_us = clock_us();
    for (unsigned i = 0; i < message->entries; i++) {
        const wire_request_t *request = &message->requests[i];
        s_place(self, request, request->has_body ? &message->bodies[i] : NULL, now_us);
    }
    link_taken(self->requests, peer, link_batch(message));
}

static void s_on_replies(void *arg, peer_t *peer, wire_message_t *message)
{
    router_t *self = arg;
    for (unsigned i = 0; i < message->entries; i++) {
        const wire_reply_t *reply = &message->replies[i];
        shards_answered(self->shards, peer, &reply->id);
        returns_add(self->returns, reply, reply->has_body ? &message->bodies[i] : NULL);
    }
}

static void s_on_interim(void *arg, peer_t *peer, wire_message_t *message)
{
    router_t *self = arg;
    for (unsigned i = 0; i < message->entries; i++)
        shards_answered(self->shards, peer, &message->replies[i].id);
    returns_interim(self->returns, message);
}

static wire_goodbye_t s_on_worker(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    router_t *self = arg;
    wire_goodbye_t refusal = shards_join(self->shards, peer, hello);
    /* What the former worker had taken is gone: the gateways are told to send it again, but for
     * what they are told before that it is not to be. */
    returns_flush(self->returns);
    if (refusal)
        return refusal;
    link_set_news(self->replies, ++self->news);
    shards_tick(self->shards, clock_ms());
    return 0;
}

static void s_on_worker_gone(void *arg, peer_t *peer)
{
    router_t *self = arg;
    shards_leave(self->shards, peer);
    shards_tick(self->shards, clock_ms());
}

static link_t *s_link(router_t *self, setting_t endpoint, unsigned roles, link_calls_t calls)
{
    char err[512];
    wire_hello_t hello = {.role = ROLE_ROUTER, .name = slice_of(self->name)};
    link_options_t options = {.endpoint = conf_endpoint(self->conf, endpoint, 0),
                              .bind = true,
                              .hello = &hello,
                              .peer_roles = roles,
                              .self = &self->self,
                              .calls = calls,
                              .arg = self,
                              .conf = self->conf};
    link_t *made = link_new(&options, err, sizeof err);
    if (!made)
        log_fatal(EXIT_CONFIG, "router.bind", "setting=router.%s err=%s",
                  setting_table[endpoint].key, LOG_Q(err));
    return made;
}

router_t *router_new(const conf_start_t *start)
{
    router_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->conf = start->conf;
    link_adopt_io();
    self->self = uuid_instance();
    snprintf(self->name, sizeof self->name, "router-%u", start->index);
    unsigned counts[WORKER_KINDS] = {
#define WORKER(constant, name, port, handlers, what)                                               \
    [OWNER_##constant] = (unsigned)conf_uint(start->conf, SET_shards_##name),
#include "common/kinds.def"
    };
    queue_limits_t limits = {(unsigned)conf_uint(start->conf, SET_queue_messages),
                             conf_uint(start->conf, SET_queue_bytes)};
    self->deaths = deaths_new(s_refuse_reader, self);
    self->shards = shards_new(counts, limits, self->deaths);
    self->returns = returns_new();
    self->replies = s_link(self, SET_router_replies, 1u << ROLE_GATEWAY, (link_calls_t){0});
    self->workers = s_link(self, SET_router_workers, 1u << ROLE_WORKER,
                           (link_calls_t){.replies = s_on_replies,
                                          .interim = s_on_interim,
                                          .up = s_on_worker,
                                          .down = s_on_worker_gone});
    self->requests = s_link(self, SET_router_requests, 1u << ROLE_AUTHD,
                            (link_calls_t){.requests = s_on_requests});
    shards_set_link(self->shards, self->workers);
    /* Authds first: a gateway that says HELLO with an authd's instance is not sent what is for it.
     */
    link_t *const links[RETURNS_LINKS] = {self->requests, self->replies};
    returns_set_links(self->returns, links);
    return self;
}

void router_destroy(router_t **self_p)
{
    router_t *self = *self_p;
    if (!self)
        return;
    link_destroy(&self->requests);
    link_destroy(&self->workers);
    link_destroy(&self->replies);
    shards_destroy(&self->shards);
    deaths_destroy(&self->deaths);
    returns_destroy(&self->returns);
    free(self);
    *self_p = NULL;
}

static void s_tick(router_t *self, int64_t now_ms)
{
    if (link_woke(&self->self, &self->turned_ms, now_ms)) {
        link_restart(self->requests);
        link_restart(self->workers);
        link_restart(self->replies);
    }
    link_tick(self->requests, now_ms);
    link_tick(self->workers, now_ms);
    link_tick(self->replies, now_ms);
    monitor_tick();
    if (monitor_listens())
        confine_listening();
    if (now_ms - self->ticked_ms < 500)
        return;
    self->ticked_ms = now_ms;
    shards_tick(self->shards, now_ms);
}

/* Nothing is persistent here and gateways resend, so a drain is only a courtesy. */
static bool s_done(router_t *self, int64_t now_ms)
{
    if (!life_stopping())
        return false;
    if (self->stop_ms == 0) {
        self->stop_ms = now_ms + (int64_t)conf_uint(self->conf, SET_process_drain_ms);
        monitor_check("drain", CHECK_FAILED, "stopping");
        log_info("router.draining", "ms=%llu",
                 (unsigned long long)conf_uint(self->conf, SET_process_drain_ms));
    }
    return now_ms >= self->stop_ms || life_hurry() || !link_peer_next(self->requests, NULL);
}

void router_run(router_t *self)
{
    enum { LINKS = 3 };
    link_t *const links[LINKS] = {self->requests, self->workers, self->replies};
    const int life = life_fd();
    monitor_check("sockets", CHECK_OK, "bound");
    if (monitor_listens())
        confine_listening();
    life_ready();
    for (;;) {
        link_wait(links, LINKS, &life, 1, TURN_MS);
        int64_t now_ms = clock_ms();
        s_tick(self, now_ms);
        for (unsigned i = 0; i < LINKS; i++)
            link_drain_ready(links[i], TURN_MESSAGES);
        shards_flush(self->shards, now_ms);
        returns_flush(self->returns);
        if (s_done(self, now_ms))
            break;
    }
}
