#include "authd/admin/control.h"

#include "authd/accounts/accounts.h"
#include "authd/admin/admin.h"
#include "authd/admin/operate.h"
#include "authd/manage/ending.h"
#include "authd/manage/first_owner.h"
#include "authd/manage/manage.h"
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/life/life.h"
#include "common/link/link.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MAGIC = 0x4354524c,
    TURN_MS = 200,
    TURN_MESSAGES = 64,
    CHECK_MS = 1000,
    TEND_REST = 7, /* so many times what it has taken */
    INSPECT_MS = 30000,
    USES = 64, /* of a turn; what is more is written with a later use */
};

typedef struct {
    uuid_t7 id;
    uint64_t used_ms;
} use_t;

struct control {
    unsigned magic;
    pthread_t thread;
    atomic_bool stop;
    char name[WIRE_NAME];
    uint64_t self; /* the thread's instance */
    int64_t turned_ms, checked_ms, inspected_ms;
    int64_t tend_ms; /* when to tend again */
    link_t *link;
    wire_batch_t *replies;
    directory_t *directory;
    usage_t *usage;
    manage_t *manage;
    egress_t *egress; /* for its warnings */
    accounts_t *accounts;
    admin_t *admin;
    reads_t *reads;
    hearing_t *hearing;
    copies_t *copies;
    operate_t *operate;
    view_t *view;
    ending_t ending;
    bool counting;   /* its walk goes on */
    bool more;       /* than what was written in the last turn, perhaps */
    view_t *writing; /* while usage is written */
    use_t use[USES]; /* of sessions and management tokens, to be written after that */
    unsigned uses;
};

/* Whose answer waits, for a hash or for a worker. */
typedef struct {
    control_t *control;
    wire_reply_t reply;
} asked_t;

static void s_reply(control_t *self, peer_t *peer, wire_reply_t *reply,
                    const manage_answer_t *answer)
{
    slice_t text = manage_reply(answer, reply);
    link_add_reply(self->link, peer, self->replies, reply, text);
}

/* The one who asked may be gone by now: then nobody needs it. */
static void s_on_hashed(void *arg, manage_answer_t *answer)
{
    asked_t *asked = arg;
    control_t *self = asked->control;
    peer_t *peer = link_peer_of(self->link, asked->reply.origin);
    if (peer) {
        s_reply(self, peer, &asked->reply, answer);
        link_send_replies(self->link, peer, self->replies);
    }
    free(asked);
}

static void s_on_read(control_t *self, peer_t *peer, const wire_request_t *request, slice_t body)
{
    wire_reply_t reply = wire_reply_to(request);
    manage_answer_t answer = {.code = ERROR_none};
    metric_add(METRIC_control_requests_total, 1);
    answer.code = operate_ask(self->operate, request, body, answer.message);
    if (answer.code == ERROR_none)
        return;
    if (!answer.message[0])
        snprintf(answer.message, sizeof answer.message, "%s", error_find(answer.code)->message);
    s_reply(self, peer, &reply, &answer);
}

/* What workers have answered since; the one who asked may be gone by now. */
static void s_answer_reads(control_t *self)
{
    zmq_msg_t body;
    reads_answer_t answer;
    while (reads_take(self->reads, &answer)) {
        peer_t *peer = link_peer_of(self->link, answer.asker.origin);
        answer.reply.has_body = true;
        if (peer) {
            wire_body_init(&body, slice(answer.body, answer.body_len));
            wire_batch_add_reply(self->replies, &answer.reply, &body);
            zmq_msg_close(&body);
            link_send_replies(self->link, peer, self->replies);
        }
        free(answer.body);
    }
}

static void s_on_request(control_t *self, peer_t *peer, const wire_request_t *request, slice_t body)
{
    if (operate_takes(request->op)) {
        s_on_read(self, peer, request, body);
        return;
    }
    manage_answer_t answer;
    asked_t *asked = malloc(sizeof *asked);
    if (!asked)
        abort();
    *asked = (asked_t){self, wire_reply_to(request)};
    manage_request_t run = {
        .actor = &manage_control, .op = request->op, .target = request->target, .body = body};
    metric_add(METRIC_control_requests_total, 1);
    if (!manage_start(self->manage, &run, &answer, s_on_hashed, asked))
        return;
    s_reply(self, peer, &asked->reply, &answer);
    manage_clear(&answer);
    free(asked);
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    control_t *self = arg;
    assert(self->magic == MAGIC);
    for (unsigned i = 0; i < message->entries; i++) {
        slice_t body = wire_request_body(&message->requests[i], &message->bodies[i]);
        s_on_request(self, peer, &message->requests[i], body);
        secret_wipe((void *)body.data, body.len); /* it may hold a password */
    }
    if (wire_batch_entries(self->replies)) /* an answer may wait for a hash */
        link_send_replies(self->link, peer, self->replies);
    link_taken(self->link, peer, link_batch(message));
}

static view_t *s_begin_use(view_t *view)
{
    view_tolerate(view, true); /* one damaged row keeps no others from being written */
    return view;
}

static void s_on_used(void *arg, const uuid_t7 *id, const token_use_t *use)
{
    control_t *self = arg;
    if (!self->writing)
        self->writing = s_begin_use(view_begin_own(self->directory));
    if (tokens_used(self->writing, id, use)) {
        metric_add(METRIC_usage_writes_total, 1);
        copies_used(self->copies, id, use);
    } else if (self->uses < USES &&
               admin_use_is_due(self->admin, self->writing, id, use->last_ms)) {
        self->use[self->uses++] = (use_t){*id, use->last_ms};
    }
}

static void s_commit_use(control_t *self)
{
    view_outcome_t outcome = self->writing ? view_commit(&self->writing) : VIEW_DONE;
    if (outcome != VIEW_DONE)
        log_warn("usage.dropped", "err=%s", LOG_Q(view_outcome_text(outcome)));
}

/* Counters are each host's own, and told to the others; when a session or a management token was
 * used is a change of all of them. */
static unsigned s_write_usage(control_t *self, bool all)
{
    if (!directory_is_there(self->directory))
        return 0;
    unsigned count = all ? usage_take_all(self->usage, s_on_used, self)
                         : usage_take(self->usage, s_on_used, self);
    s_commit_use(self);
    copies_counted(self->copies);
    if (self->uses)
        self->writing = s_begin_use(view_begin(self->directory));
    for (unsigned i = 0; i < self->uses; i++)
        admin_note_use(self->admin, self->writing, &self->use[i].id, self->use[i].used_ms);
    self->uses = 0;
    admin_write_use(self->admin, &self->writing);
    s_commit_use(self);
    return count;
}

static void s_count_ending(control_t *self)
{
    view_renew(self->view);
    self->counting = ending_look(&self->ending, self->view, (uint64_t)clock_wall_ms());
    view_release(self->view);
}

/* What nobody waits for, a little at a time, and on a slow disk more seldom: changes of the
 * directory wait for it. */
static void s_tend(control_t *self, int64_t now_ms)
{
    self->more = s_write_usage(self, false) > 0;
    if (self->counting)
        s_count_ending(self);
    int64_t done_ms = clock_ms(), rested_ms = done_ms + TEND_REST * (done_ms - now_ms);
    self->tend_ms = now_ms + USAGE_TURN_MS > rested_ms ? now_ms + USAGE_TURN_MS : rested_ms;
}

static int s_wait_ms(const control_t *self)
{
    int64_t left_ms = self->tend_ms - clock_ms();
    if ((!self->more && !self->counting) || left_ms > TURN_MS)
        return TURN_MS;
    return left_ms > 0 ? (int)left_ms : 0;
}

static void s_turn(control_t *self, int64_t now_ms)
{
    if (link_woke(&self->self, &self->turned_ms, now_ms)) {
        link_restart(self->link);
        admin_restart(self->admin);
    }
    link_drain_ready(self->link, TURN_MESSAGES);
    manage_turn(self->manage);
    s_answer_reads(self);
    hearing_keep(self->hearing, self->directory, (uint64_t)clock_wall_ms());
    link_tick(self->link, now_ms);
    admin_turn(self->admin, now_ms);
    if (now_ms >= self->tend_ms)
        s_tend(self, now_ms);
    if (now_ms - self->checked_ms >= CHECK_MS) {
        self->checked_ms = now_ms;
        self->counting = true;
        directory_check_room(self->directory);
    }
    if (now_ms - self->inspected_ms >= INSPECT_MS) {
        self->inspected_ms = now_ms;
        directory_inspect(self->directory);
        if (copies_leads(self->copies))
            accounts_sweep(self->accounts, self->directory, (uint64_t)clock_wall_ms());
    }
    /* A slow disk is no silence: what waits in the socket is not stale. */
    self->turned_ms = clock_ms();
}

static void *s_main(void *arg)
{
    control_t *self = arg;
    assert(self->magic == MAGIC);
    link_t *const links[] = {self->link, admin_link(self->admin)};
    const int fds[] = {manage_fd(self->manage), manage_copies_fd(self->manage),
                       reads_answered_fd(self->reads), hearing_fd(self->hearing)};
    while (!atomic_load(&self->stop)) {
        link_wait(links, sizeof links / sizeof *links, fds, sizeof fds / sizeof *fds,
                  s_wait_ms(self));
        s_turn(self, clock_ms());
    }
    return NULL;
}

static link_t *s_link(control_t *self, const conf_t *conf)
{
    char err[512];
    wire_hello_t hello = {.role = ROLE_AUTHD, .name = slice_of(self->name)};
    link_options_t options = {.endpoint = conf_endpoint(conf, SET_authd_control, 0),
                              .bind = true,
                              .hello = &hello,
                              .peer_roles = 1u << ROLE_CONTROL,
                              .self = &self->self,
                              .calls = {.requests = s_on_requests},
                              .arg = self,
                              .conf = conf};
    if (strncmp(options.endpoint, "ipc://", 6) != 0)
        log_fatal(EXIT_CONFIG, "control.bind", "setting=authd.control err=%s",
                  LOG_Q("must be an ipc:// endpoint: who can open it may change everything"));
    link_t *link = link_new(&options, err, sizeof err);
    if (!link)
        log_fatal(EXIT_CONFIG, "control.bind", "setting=authd.control err=%s", LOG_Q(err));
    return link;
}

static void s_on_handler(void *arg, const uuid_t7 *target)
{
    push_note(arg, target);
}

static accounts_t *s_accounts(const conf_t *conf)
{
    accounts_options_t options = {
        .cost = {.memory_kib = conf_uint(conf, SET_authd_password_memory_kib),
                 .passes = conf_uint(conf, SET_authd_password_passes)},
        .idle_s = conf_uint(conf, SET_authd_session_idle_s),
        .session_s = conf_uint(conf, SET_authd_session_s),
        .url = conf_text(conf, SET_admin_url),
    };
    return accounts_new(&options);
}

/* The setting has been checked. */
static egress_t *s_egress(const conf_t *conf)
{
    char err[256];
    egress_t *egress = egress_new(conf_text(conf, SET_delivery_allow), err, sizeof err);
    assert(egress);
    return egress;
}

static manage_limits_t s_limits(const conf_t *conf, const egress_t *egress)
{
    return (manage_limits_t){
        .egress = egress,
        .rate = conf_uint(conf, SET_authd_rate),
        .burst = conf_uint(conf, SET_authd_burst),
        .people = conf_uint(conf, SET_authd_people) != 0,
        .member_objects = conf_uint(conf, SET_authd_member_objects),
        .service_tokens = (unsigned)conf_uint(conf, SET_authd_service_tokens),
        .retention_days = conf_uint(conf, SET_worker_retention_days),
        .retention_bytes = conf_uint(conf, SET_worker_retention_bytes),
    };
}

static uint64_t s_copies_changed(const void *arg)
{
    return copies_changed(arg);
}

static bool s_copies_have(const void *arg, uint64_t number)
{
    return copies_have(arg, number);
}

control_t *control_start(const conf_start_t *start, directory_t *directory,
                         const control_uses_t *uses)
{
    control_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->self = uuid_instance();
    snprintf(self->name, sizeof self->name, "authd-%u", start->index);
    self->directory = directory;
    self->view = view_new(directory);
    view_tolerate(self->view, true); /* it counts the tokens that end */
    self->usage = uses->usage;
    self->reads = uses->reads;
    self->hearing = uses->hearing;
    self->copies = uses->copies;
    self->operate = operate_new(directory, uses->reads);
    self->egress = s_egress(start->conf);
    const manage_limits_t limits = s_limits(start->conf, self->egress);
    self->manage = manage_new(directory, &limits, conf_text(start->conf, SET_public_url));
    self->accounts = s_accounts(start->conf);
    manage_accounts(self->manage, self->accounts);
    if (self->copies)
        manage_share(self->manage, &(manage_copies_t){s_copies_changed, s_copies_have,
                                                      copies_fd(self->copies), self->copies});
    manage_watch(self->manage, s_on_handler, uses->push);
    first_owner_make(self->manage, conf_text(start->conf, SET_data_directory));
    self->replies = wire_batch_new();
    self->link = s_link(self, start->conf);
    self->admin = admin_new(start->conf, self->name, &self->self, directory, self->manage,
                            self->accounts, self->copies);
    self->inspected_ms = clock_ms();
    directory_inspect(directory);
    directory_check_room(directory);
    if (pthread_create(&self->thread, NULL, s_main, self) != 0)
        log_fatal(EXIT_FAULT, "control.thread", "err=%s", LOG_Q("cannot start a thread"));
    return self;
}

void control_stop(control_t **self_p)
{
    control_t *self = *self_p;
    if (!self)
        return;
    atomic_store(&self->stop, true);
    pthread_join(self->thread, NULL);
    s_write_usage(self, true);
    usage_hand_over(self->usage);
    s_write_usage(self, true);
    manage_destroy(&self->manage); /* answers what still waits for a hash */
    egress_destroy(&self->egress);
    admin_destroy(&self->admin);
    accounts_destroy(&self->accounts);
    operate_destroy(&self->operate);
    view_destroy(&self->view);
    link_destroy(&self->link);
    wire_batch_destroy(&self->replies);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}
