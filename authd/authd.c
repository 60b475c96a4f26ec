#include "authd/authd.h"

#include "authd/admin/control.h"
#include "authd/admin/follow.h"
#include "authd/admin/format_push.h"
#include "authd/admin/hearing.h"
#include "authd/admin/push.h"
#include "authd/admin/reads.h"
#include "authd/copies/copies.h"
#include "authd/directory/directory.h"
#include "authd/directory/sealed.h"
#include "authd/judge/forward.h"
#include "authd/judge/gather.h"
#include "authd/judge/grants.h"
#include "authd/judge/several.h"
#include "authd/judge/usage.h"
#include "authd/judge/verdict.h"
#include "authd/manage/stream_url.h"
#include "authd/manage/token_self.h"
#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/life/confine.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAGIC = 0x41555448, TURN_MESSAGES = 64, TURN_MS = 200, USAGE_MS = 1000 };

struct authd {
    unsigned magic;
    const conf_start_t *start;
    char name[WIRE_NAME];
    uint64_t self;   /* our instance to gateways */
    uint64_t origin; /* to routers, which gateways do not learn: answers of workers go by it */
    int64_t turned_ms;
    int64_t used_ms; /* when usage was handed over */
    int64_t stop_ms; /* when a drain ends; 0: not stopping */
    int routers;     /* alive at the last look; -1: none yet */
    int64_t waits_s; /* for how long a change has waited, as was said last; -1: nothing was */
    link_t *gateways;
    forward_t *forward;
    wire_batch_t *replies; /* refusals, and answers of our own */
    directory_t *directory;
    copies_t *copies; /* NULL: the directory is this host's alone */
    view_t *view;
    judge_t judge;
    uint8_t grant_key[GRANT_KEY];
    char detail[SEVERAL_DETAIL];              /* of the last refusal of a stream of several */
    uint8_t hashes[WIRE_ENTRIES][TOKEN_HASH]; /* of the tokens of a batch */
    usage_t *usage;
    push_t *push; /* NULL in a reader, like the next five */
    hearing_t *hearing;
    follow_t *follow;
    format_push_t *format_push;
    reads_t *reads; /* the operator's, over the control socket */
    control_t *control;
};

static void s_refuse(authd_t *self, peer_t *peer, const wire_request_t *request,
                     const verdict_t *verdict)
{
    wire_reply_t reply;
    char text[WIRE_TEXT + VERDICT_DETAILS], details[VERDICT_DETAILS];
    verdict_reply(verdict, request, &reply);
    size_t len = verdict_details(verdict, details);
    slice_t said = verdict->detail;
    if (len) {
        int all = snprintf(text, sizeof text, "%.*s%s", SLICE_ARG(said), details);
        assert(all > 0 && (size_t)all < sizeof text);
        wire_reply_add(&reply, FACT_DETAILS, len);
        said = slice(text, (size_t)all);
    }
    link_add_reply(self->gateways, peer, self->replies, &reply, said);
}

/* Of what senders ask for, authd answers one operation itself. */
#define OP(number, ...)
#define SEND(number, name, methods, path, credentials, owner, target, rule, deed, verb)            \
    _Static_assert(OWNER_##owner != OWNER_AUTHD || OP_##name == OP_token_self ||                   \
                       OP_##name == OP_streams || OP_##name == OP_stream_shared ||                 \
                       OP_##name == OP_stream_share || OP_##name == OP_deliveries,                 \
                   #name " is answered by authd: say here how");
#include "common/ops.def"

static several_t s_reader(authd_t *self, const wire_request_t *request, int64_t wall_ms)
{
    return (several_t){.judge = &self->judge,
                       .view = self->view,
                       .key = self->grant_key,
                       .token = request->principal.token,
                       .user = request->principal.user,
                       .person = op_find(request->op)->credentials == CRED_PERSON,
                       .client = request->client,
                       .wall_ms = wall_ms};
}

static void s_take_code(authd_t *self, error_code_t code, verdict_t *verdict)
{
    verdict->code = code;
    if (code != ERROR_none)
        verdict->detail = slice_of(self->detail);
    if (view_take_damage(self->view))
        *verdict = (verdict_t){.code = ERROR_internal, .detail = slice("", 0)};
}

/* What a stream of several has, if it may be read: else VERDICT says so. */
static void s_list(authd_t *self, const wire_request_t *request, int64_t wall_ms,
                   verdict_t *verdict, bytes_t *rows, uint32_t *count)
{
    slice_t targets;
    bool named = wire_pairs_find(request->params, "targets", &targets);
    several_t reader = s_reader(self, request, wall_ms);
    s_take_code(self, several_list(&reader, named ? &targets : NULL, rows, count, self->detail),
                verdict);
}

/* Whose deliveries may be looked at. */
static void s_grant_gathering(authd_t *self, peer_t *peer, const wire_request_t *request,
                              int64_t wall_ms, verdict_t *verdict)
{
    slice_t target;
    bytes_t body = {0};
    bool named = wire_pairs_find(request->params, "target", &target);
    several_t reader = s_reader(self, request, wall_ms);
    s_take_code(self, gather_answer(&reader, named ? &target : NULL, &body, self->detail), verdict);
    if (verdict->code == ERROR_none) {
        wire_reply_t reply = wire_reply_to(request);
        reply.status = 200;
        wire_reply_repeat(&reply, request->principal.facts);
        link_add_reply(self->gateways, peer, self->replies, &reply, bytes_slice(&body));
    }
    bytes_free(&body);
}

static void s_grant_several(authd_t *self, peer_t *peer, const wire_request_t *request,
                            int64_t wall_ms, verdict_t *verdict)
{
    bytes_t rows = {0}, body = {0};
    uint32_t count;
    s_list(self, request, wall_ms, verdict, &rows, &count);
    if (verdict->code == ERROR_none) {
        wire_reply_t reply = wire_reply_to(request);
        reply.status = 200;
        wire_reply_repeat(&reply, request->principal.facts);
        several_answer(&rows, count, verdict->ends_ms, &body);
        link_add_reply(self->gateways, peer, self->replies, &reply, bytes_slice(&body));
    }
    bytes_free(&rows);
    bytes_free(&body);
}

/* The URL of a stream; NULL: VERDICT says why not. */
static char *s_share(authd_t *self, const wire_request_t *request, int64_t wall_ms,
                     verdict_t *verdict)
{
    bytes_t rows = {0}, names = {0};
    uint32_t count;
    const char *fault = NULL;
    char *text = NULL;
    slice_t targets;
    bool named = wire_pairs_find(request->params, "targets", &targets);
    shared_t shared = {.token = request->principal.token,
                       .ends_ms = stream_url_ends(request->params, wall_ms, &fault)};
    if (fault)
        *verdict = (verdict_t){.code = ERROR_invalid_param, .detail = slice_of(fault)};
    else
        s_list(self, request, wall_ms, verdict, &rows, &count);
    if (verdict->code == ERROR_none && named)
        several_names(&rows, &names);
    targets = bytes_slice(&names);
    if (verdict->code == ERROR_none)
        text = stream_url(self->judge.share_key, &shared, named ? &targets : NULL,
                          conf_text(self->start->conf, SET_public_url));
    bytes_free(&rows);
    bytes_free(&names);
    return text;
}

/* What authd answers by itself. */
static void s_answer(authd_t *self, peer_t *peer, const wire_request_t *request, int64_t wall_ms,
                     verdict_t *verdict)
{
    wire_reply_t reply = wire_reply_to(request);
    reply.status = 200;
    reply.content = CONTENT_JSON;
    wire_reply_repeat(&reply, request->principal.facts);
    char *text = request->op == OP_stream_share
                     ? s_share(self, request, wall_ms, verdict)
                     : token_self(&self->judge, self->view, &request->principal, wall_ms);
    if (!text)
        return;
    link_add_reply(self->gateways, peer, self->replies, &reply, slice_of(text));
    secret_wipe(text, strlen(text));
    free(text);
}

/* A stream that may be opened. ASKED: its target as it was asked for. */
static void s_grant(authd_t *self, peer_t *peer, const wire_request_t *request, slice_t asked)
{
    bytes_t grant = {0};
    wire_reply_t reply = wire_reply_to(request);
    reply.status = 200;
    wire_reply_repeat(&reply, request->principal.facts);
    grants_give(self->grant_key, request, asked, &grant);
    link_add_reply(self->gateways, peer, self->replies, &reply, bytes_slice(&grant));
    bytes_free(&grant);
}

/* The error, if any, with which the entry could not be passed on. */
static error_code_t s_pass_on(authd_t *self, const wire_request_t *request, zmq_msg_t *body,
                              int64_t now_us)
{
    switch (forward_put(self->forward, request, request->has_body ? body : NULL, now_us)) {
    case QUEUE_FULL:
        metric_add_at(METRIC_queue_refused_total, op_find(request->op)->owner, 1);
        return ERROR_overloaded;
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
    return ERROR_none;
}

/* Streams read on: what was granted for them is judged again. */
static void s_feed(authd_t *self, peer_t *peer, wire_request_t *request, zmq_msg_t *body,
                   int64_t now_us, int64_t wall_ms)
{
    bytes_t answer = {0};
    verdict_t verdict = {.detail = slice("", 0)};
    verdict.code = grants_judge(&self->judge, self->view, self->grant_key, request,
                                wire_request_body(request, body), wall_ms, &answer);
    if (verdict.code == ERROR_none && answer.len == 0)
        verdict.code = s_pass_on(self, request, body, now_us);
    if (verdict.code != ERROR_none) {
        s_refuse(self, peer, request, &verdict);
    } else if (answer.len > 0) {
        wire_reply_t reply = wire_reply_to(request);
        reply.status = 200;
        link_add_reply(self->gateways, peer, self->replies, &reply, bytes_slice(&answer));
    }
    bytes_free(&answer);
}

/* A sender told its secret. Where that is to be kept first there is no answer: the gateway sends
 * the request again, and it is kept by then. */
static void s_hear(authd_t *self, peer_t *peer, const wire_request_t *request, slice_t body)
{
    heard_t *heard = &self->judge.heard;
    wire_reply_t reply = wire_reply_to(request);
    reply.status = 200;
    if (heard->echoed)
        wire_reply_add(&reply, FACT_HOOK_SECRET, 1);
    if (heard->state == HEARD_BEFORE)
        link_add_reply(self->gateways, peer, self->replies, &reply, slice("", 0));
    else if (self->hearing)
        hearing_give(self->hearing, heard, request->client);
    secret_wipe(heard->secret, sizeof heard->secret);
    if (body.len)
        secret_wipe((void *)body.data, body.len);
}

static void s_judge(authd_t *self, peer_t *peer, wire_message_t *message, unsigned entry,
                    int64_t now_us, int64_t wall_ms)
{
    wire_request_t *request = &message->requests[entry];
    zmq_msg_t *body = &message->bodies[entry];
    const op_t *op = op_find(request->op);
    slice_t asked = request->target;
    if (op && op->deed == DOES_FEED) {
        s_feed(self, peer, request, body, now_us, wall_ms);
        return;
    }
    verdict_t verdict = verdict_judge(&self->judge, self->view, request, self->hashes[entry],
                                      wire_request_body(request, body), now_us, wall_ms);
    bool gathers = verdict.code == ERROR_none && op->deed == DOES_GATHER;
    bool streams = verdict.code == ERROR_none && (op->deed == DOES_STREAM || gathers);
    bool own = verdict.code == ERROR_none && op->owner == OWNER_AUTHD && !streams;
    bool several = streams && op->owner == OWNER_AUTHD;
    bool told = verdict.code == ERROR_none && self->judge.heard.state != HEARD_NOTHING;
    if (told)
        s_hear(self, peer, request, wire_request_body(request, body));
    else if (own)
        s_answer(self, peer, request, wall_ms, &verdict);
    else if (gathers)
        s_grant_gathering(self, peer, request, wall_ms, &verdict);
    else if (several)
        s_grant_several(self, peer, request, wall_ms, &verdict);
    else if (verdict.code == ERROR_none && !own && !streams)
        verdict.code = s_pass_on(self, request, body, now_us);
    metric_add_at(METRIC_verdicts_total, verdict.code, 1);
    if (verdict.code != ERROR_none)
        s_refuse(self, peer, request, &verdict);
    else if (streams && !several)
        s_grant(self, peer, request, op->owner == OWNER_EXTENSION ? request->target : asked);
    if (verdict.code == ERROR_none && !own && self->control)
        usage_note(self->usage, &request->principal.token, (uint64_t)wall_ms, request->attempt == 1,
                   request->client, usage_kind(op_find(request->op)), request->target);
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    authd_t *self = arg;
    assert(self->magic == MAGIC);
    int64_t now_us = clock_us(), wall_ms = clock_wall_ms();
    if (!copies_may_judge(self->copies))
        return; /* the gateway sends them again, to another */
    view_renew(self->view);
    verdict_expect(self->view, message->requests, message->entries, self->hashes);
    for (unsigned i = 0; i < message->entries; i++)
        s_judge(self, peer, message, i, now_us, wall_ms);
    view_release(self->view);
    if (wire_batch_entries(self->replies))
        link_send_replies(self->gateways, peer, self->replies);
    link_taken(self->gateways, peer, link_batch(message));
}

/* Only what we send ourselves is answered here: a request's reply goes to its gateway. */
static void s_on_replies(void *arg, peer_t *peer, wire_message_t *message)
{
    authd_t *self = arg;
    assert(self->magic == MAGIC);
    (void)peer;
    for (unsigned i = 0; self->push && i < message->entries; i++) {
        push_answered(self->push, &message->replies[i]);
        follow_answered(self->follow, &message->replies[i], &message->bodies[i]);
        format_push_answered(self->format_push, &message->replies[i]);
        reads_answered(self->reads, &message->replies[i], &message->bodies[i]);
    }
}

static link_t *s_bind(authd_t *self)
{
    char err[512];
    const conf_t *conf = self->start->conf;
    wire_hello_t hello = {.role = ROLE_AUTHD, .name = slice_of(self->name)};
    link_options_t options = {.endpoint = conf_endpoint(conf, SET_authd_listen, 0),
                              .bind = true,
                              .hello = &hello,
                              .peer_roles = 1u << ROLE_GATEWAY,
                              .self = &self->self,
                              .calls = {.requests = s_on_requests},
                              .arg = self,
                              .conf = conf};
    link_t *link = link_new(&options, err, sizeof err);
    if (!link)
        log_fatal(EXIT_CONFIG, "authd.bind", "setting=authd.listen err=%s", LOG_Q(err));
    return link;
}

/* Of those of one directory the first; of copies each has its own. */
static bool s_writes(const conf_start_t *start)
{
    return start->index == 0 || strcmp(copies_engine(), "lmdb") != 0;
}

static directory_t *s_open_directory(const conf_start_t *start)
{
    char path[4096 + 32], err[512];
    const char *data = conf_text(start->conf, SET_data_directory);
    bool reader = !s_writes(start);
    if (!reader) {
        life_make_dir(data);
        snprintf(path, sizeof path, "%s/directory.lock", data);
        life_lock(path, false);
    }
    snprintf(path, sizeof path, "%s/directory", data);
    directory_options_t options = {.path = path,
                                   .key_path = conf_text(start->conf, SET_authd_master_key),
                                   .map_bytes = conf_uint(start->conf, SET_authd_map_bytes),
                                   .known = conf_text(start->conf, SET_data_known),
                                   .read_only = reader};
    directory_t *directory = directory_open(&options, err, sizeof err);
    if (!directory)
        log_fatal(EXIT_CONFIG, "directory.open", "err=%s", LOG_Q(err));
    return directory;
}

static copies_t *s_open_copies(const conf_start_t *start, directory_t *directory)
{
    char err[1024];
    copies_t *copies;
    if (copies_open(&copies, start, directory, err, sizeof err) != 0)
        log_fatal(EXIT_CONFIG, "directory.copies", "err=%s", LOG_Q(err));
    return copies;
}

authd_t *authd_new(const conf_start_t *start)
{
    authd_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->start = start;
    link_adopt_io();
    self->self = uuid_instance();
    self->origin = uuid_instance();
    self->routers = -1;
    self->waits_s = -1;
    snprintf(self->name, sizeof self->name, "authd-%u", start->index);
    self->directory = s_open_directory(start);
    self->copies = s_open_copies(start, self->directory);
    self->view = view_new(self->directory);
    view_remember(self->view);
    self->judge = (judge_t){.limiter = limiter_new(),
                            .rate = conf_uint(start->conf, SET_authd_rate),
                            .burst = conf_uint(start->conf, SET_authd_burst),
                            .idle_ms = conf_uint(start->conf, SET_authd_session_idle_s) * 1000,
                            .public_url = conf_text(start->conf, SET_public_url)};
    sealed_derive(self->view, "stream grants", self->grant_key);
    sealed_derive(self->view, "stream urls", self->judge.share_key);
    self->usage = usage_new();
    self->replies = wire_batch_new();
    self->gateways = s_bind(self);
    self->forward = forward_new(start->conf, self->name, &self->origin, s_on_replies, self);
    if (s_writes(start)) {
        self->push = push_new(self->directory, self->forward, &self->origin);
        self->follow = follow_new(self->directory, self->forward, &self->origin);
        self->format_push =
            format_push_new(start->conf, self->directory, self->forward, &self->origin);
        self->reads = reads_new(self->forward, &self->origin);
        self->hearing = hearing_new();
        self->control = control_start(
            start, self->directory,
            &(control_uses_t){self->usage, self->push, self->reads, self->hearing, self->copies});
    } else {
        monitor_check("directory", CHECK_OK, "open for reading");
        log_warn("usage.none", "err=%s", LOG_Q("a reader does not record how tokens are used"));
    }
    return self;
}

void authd_destroy(authd_t **self_p)
{
    authd_t *self = *self_p;
    if (!self)
        return;
    control_stop(&self->control);
    push_destroy(&self->push);
    follow_destroy(&self->follow);
    format_push_destroy(&self->format_push);
    reads_destroy(&self->reads);
    hearing_destroy(&self->hearing);
    verdict_close(&self->judge);
    link_destroy(&self->gateways);
    forward_destroy(&self->forward);
    wire_batch_destroy(&self->replies);
    usage_destroy(&self->usage);
    limiter_destroy(&self->judge.limiter);
    view_destroy(&self->view);
    copies_close(&self->copies);
    directory_close(&self->directory);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

static void s_look_at_routers(authd_t *self)
{
    int alive = (int)forward_alive(self->forward);
    if (alive == self->routers)
        return;
    self->routers = alive;
    /* Gateways resend: what no router takes now is not refused yet. */
    monitor_check("routers", alive ? CHECK_OK : CHECK_DEGRADED,
                  alive ? "connected" : "no router is there");
}

/* The thread that changes the directory says nothing meanwhile. */
static void s_look_at_changes(authd_t *self, int64_t now_ms)
{
    char text[160];
    int64_t waits_s = copies_waits_ms(self->copies, now_ms) / 1000;
    if (!self->copies || waits_s == self->waits_s)
        return;
    self->waits_s = waits_s;
    snprintf(text, sizeof text,
             "a change waits for the database since %lld s; nothing else is changed or listed "
             "meanwhile",
             (long long)waits_s);
    monitor_check("changes", waits_s ? CHECK_DEGRADED : CHECK_OK, waits_s ? text : "none waits");
}

static void s_tick(authd_t *self, int64_t now_ms)
{
    link_tick(self->gateways, now_ms);
    forward_tick(self->forward, now_ms);
    monitor_tick();
    if (monitor_listens())
        confine_listening();
    s_look_at_routers(self);
    s_look_at_changes(self, now_ms);
    bool leads = copies_leads(self->copies);
    if (self->push) {
        push_tick(self->push, now_ms, leads);
        reads_tick(self->reads, now_ms);
    }
    if (self->push && leads) {
        follow_tick(self->follow, now_ms);
        format_push_tick(self->format_push, now_ms);
    }
    if (now_ms - self->used_ms >= USAGE_MS) {
        self->used_ms = now_ms;
        usage_hand_over(self->usage);
    }
}

static bool s_done(authd_t *self, int64_t now_ms)
{
    if (!life_stopping())
        return false;
    if (self->stop_ms == 0) {
        self->stop_ms = now_ms + (int64_t)conf_uint(self->start->conf, SET_process_drain_ms);
        monitor_check("drain", CHECK_FAILED, "stopping");
    }
    /* What lies in the queues without a gateway that waits for it is authd's own, and is made
     * again. */
    return now_ms >= self->stop_ms || !link_peer_next(self->gateways, NULL) ||
           (life_hurry() && forward_waiting(self->forward) == 0);
}

bool authd_run(authd_t *self)
{
    link_t *links[1 + FORWARD_ROUTERS] = {self->gateways};
    unsigned len = 1 + forward_links(self->forward, links + 1);
    const int fds[] = {life_fd(), self->reads ? reads_asked_fd(self->reads) : -1};
    if (monitor_listens())
        confine_listening();
    life_ready();
    for (;;) {
        link_wait(links, len, fds, self->reads ? 2 : 1, TURN_MS);
        int64_t now_ms = clock_ms();
        if (!copies_may_judge(self->copies)) {
            log_error("directory.lease", "err=%s",
                      LOG_Q("the database was not reached for too long to judge by this copy"));
            return false;
        }
        if (link_woke(&self->self, &self->turned_ms, now_ms)) {
            self->origin = uuid_instance();
            link_restart(self->gateways);
            forward_restart(self->forward);
        }
        link_drain_ready(self->gateways, TURN_MESSAGES);
        forward_drain(self->forward, TURN_MESSAGES);
        forward_flush(self->forward, now_ms);
        s_tick(self, now_ms);
        if (s_done(self, now_ms))
            return true;
    }
}
