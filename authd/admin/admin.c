#include "authd/admin/admin.h"

#include "authd/directory/mtokens.h"
#include "authd/directory/sessions.h"
#include "authd/manage/answers.h"
#include "authd/manage/credential.h"
#include "authd/manage/etag.h"
#include "authd/manage/http_args.h"
#include "authd/manage/keyed.h"
#include "authd/manage/made.h"
#include "common/base/clock.h"
#include "common/base/reasons.h"
#include "common/base/secret.h"
#include "common/life/life.h"
#include "common/link/link.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
    MAGIC = 0x41444d4e,
    TURN_MESSAGES = 64,
    KNOWN = 512,          /* longest If-None-Match that counts, with its end */
    USES = 64,            /* tokens whose use waits to be written */
    USE_APART_MS = 60000, /* a token's use is written at most so often */
};

typedef struct {
    uuid_t7 token;
    uint64_t used_ms;
} use_t;

/* A request whose answer waits for a hash, or for the one that came first with its key. */
typedef struct asked {
    LIST_ENTRY(asked) link;
    admin_t *admin;
    wire_request_t request; /* what a reply needs of it: its slices point nowhere */
    uuid_t7 session;        /* that a cookie brought; else nil */
    keyed_request_t keyed;
    bool reads;
    char known[KNOWN]; /* If-None-Match: tags of answers that the caller has */
    bool follows;      /* another with its key, which is under way */
} asked_t;

struct admin {
    unsigned magic;
    link_t *link;
    wire_batch_t *replies;
    directory_t *directory;
    view_t *view;
    manage_t *manage;
    accounts_t *accounts;
    const copies_t *copies; /* NULL: there are none */
    answers_t *answers;
    keyed_t *keyed;
    LIST_HEAD(, asked) asked; /* whose answers wait for a hash */
    use_t use[USES];
    unsigned uses;
};

/* What this listener's callers are told in place of the table's text, which is for senders. */
static const char *s_text(error_code_t code)
{
    switch (code) {
    case ERROR_invalid_token:
        return error_admin_token;
    case ERROR_token_expired:
        return "The management token has expired. Create a new one.";
    case ERROR_key_reused:
        return "This Idempotency-Key was used with another operation, target or body.";
    default:
        return error_find(code)->message;
    }
}

/* The etag's 32 digits as two numbers: no byte of ours becomes a header's text at the gateway. */
static void s_add_etag(wire_reply_t *reply, const char *etag)
{
    char half[17];
    if (strlen(etag) != ETAG_TEXT - 1)
        return;
    snprintf(half, sizeof half, "%.16s", etag);
    wire_reply_add(reply, FACT_ETAG_HIGH, strtoull(half, NULL, 16));
    wire_reply_add(reply, FACT_ETAG_LOW, strtoull(etag + 16, NULL, 16));
}

/* A session likewise. An answer has no room for an etag beside it. */
static void s_add_cookie(wire_reply_t *reply, const manage_cookie_t *cookie)
{
    uint64_t words[TICKET_WORDS];
    static_assert((int)TICKET_WORDS == (int)WIRE_SESSION && WIRE_SESSION < WIRE_FACTS, "it fits");
    ticket_words(&cookie->ticket, words);
    wire_reply_add(reply, FACT_SESSION_S, cookie->seconds);
    for (unsigned i = 0; i < TICKET_WORDS; i++)
        wire_reply_add(reply, FACT_SESSION, words[i]);
    secret_wipe(words, sizeof words);
}

static void s_add_facts(wire_reply_t *reply, const manage_answer_t *answer)
{
    if (answer->cookie)
        s_add_cookie(reply, answer->cookie);
    else
        s_add_etag(reply, answer->etag);
    if (answer->list)
        wire_reply_add(reply, FACT_LIST, 1);
    if (answer->cookie_ends)
        wire_reply_add(reply, FACT_SESSION_END, 1);
}

static void s_reply(admin_t *self, peer_t *peer, const wire_request_t *request,
                    const manage_answer_t *answer, bool replayed)
{
    wire_reply_t reply = wire_reply_to(request);
    slice_t text = slice("", 0);
    if (answer->gone && request->method == OP_DELETE)
        reply.status = 204;
    else
        text = manage_reply(answer, &reply);
    if (answer->code == ERROR_none)
        s_add_facts(&reply, answer);
    if (replayed)
        wire_reply_add(&reply, FACT_REPLAYED, 1);
    metric_add_at(METRIC_admin_requests_total, answer->code, 1);
    link_add_reply(self->link, peer, self->replies, &reply, text);
    wire_reply_wipe(&reply);
}

/* DETAILS: NULL, or taken from the caller. */
static void s_refuse(admin_t *self, peer_t *peer, const wire_request_t *request, error_code_t code,
                     const char *text, json_t *details)
{
    manage_answer_t answer = {.code = code};
    snprintf(answer.message, sizeof answer.message, "%s", text ? text : s_text(code));
    if (details)
        manage_add_details(&answer, details);
    s_reply(self, peer, request, &answer, false);
    manage_clear(&answer);
    json_decref(details);
}

static json_t *s_reason(reason_t reason)
{
    return json_pack("{s:s}", "reason", reason_name(reason));
}

/* A token's use is for people who look: about when, not each time. */
static void s_note_use(admin_t *self, const uuid_t7 *token, uint64_t now_ms)
{
    for (unsigned i = 0; i < self->uses; i++)
        if (uuid_eq(&self->use[i].token, token))
            return;
    if (self->uses < USES)
        self->use[self->uses++] = (use_t){*token, now_ms};
}

static const char s_damaged[] = "A part of the directory that this needs is damaged: the log of "
                                "authd says which (directory.damaged).";

static error_code_t s_resolve(admin_t *self, const credential_t *credential, uint64_t now_ms,
                              caller_t *caller)
{
    view_renew(self->view);
    error_code_t code =
        credential_resolve(self->accounts->idle_ms, self->view, credential, now_ms, caller);
    if (view_take_damage(self->view))
        code = ERROR_internal;
    view_release(self->view);
    if (code != ERROR_none)
        return code;
    if (!uuid_is_nil(&caller->session))
        accounts_used(self->accounts, self->directory, &caller->session, caller->used_ms, now_ms);
    else if (now_ms >= caller->used_ms + USE_APART_MS)
        s_note_use(self, &caller->token, now_ms);
    return ERROR_none;
}

static error_code_t s_who(admin_t *self, const wire_request_t *request, const op_t *op,
                          uint64_t now_ms, caller_t *caller)
{
    if (!op || !op_manages(op) || op->methods != request->method)
        return ERROR_unavailable; /* of a newer version */
    credential_t credential = {.text = request->token,
                               .from = request->client,
                               .appkey = request->appkey,
                               .reads = manage_only_reads(op)};
    if (op->credentials != CRED_OPEN)
        return s_resolve(self, &credential, now_ms, caller);
    if (op_is_of_session(op) && op->number != OP_session_now && request->token.len)
        return credential_of_session(&credential, caller);
    credential_of_anyone(request->client, caller);
    return ERROR_none;
}

/* An operation about a session that came with none, or with another credential. */
static const char *s_why(const wire_request_t *request, const op_t *op, error_code_t code)
{
    if (code == ERROR_internal)
        return s_damaged;
    if (code != ERROR_invalid_session || !op_is_of_session(op) || request->appkey.len)
        return NULL;
    return "This operation is about a session, and the credential is none. Send a session (pss_…) "
           "as Authorization: Bearer or its cookie; a management token is ended by deleting it.";
}

/* What a page needs to go on: whether to log in, or that the cookie is another session's meanwhile,
 * and whose. */
static json_t *s_who_details(const wire_request_t *request, const op_t *op, error_code_t code,
                             const caller_t *caller)
{
    bool about = op && op_is_of_session(op), by_cookie = request->appkey.len > 0;
    if (code == ERROR_invalid_session)
        return s_reason(request->token.len == 0 ? REASON_no_credential
                        : about && !by_cookie   ? REASON_not_a_session
                                                : REASON_ended);
    if (code != ERROR_csrf_refused)
        return NULL;
    json_t *details = s_reason(REASON_other_session);
    if (caller->actor.who && !uuid_is_nil(&caller->actor.user))
        json_object_set_new(details, "user", json_string(caller->actor.who));
    return details;
}

/* The bytes lie in the received header, which is ours. */
static void s_wipe(wire_request_t *request)
{
    if (request->token.len)
        secret_wipe((void *)request->token.data, request->token.len);
    if (request->appkey.len)
        secret_wipe((void *)request->appkey.data, request->appkey.len);
    request->token = request->appkey = slice("", 0);
}

static asked_t *s_ask(admin_t *self, const wire_request_t *request, const caller_t *caller,
                      const keyed_request_t *keyed)
{
    asked_t *asked = calloc(1, sizeof *asked);
    if (!asked)
        abort();
    *asked = (asked_t){.admin = self,
                       .request = {.id = request->id,
                                   .origin = request->origin,
                                   .attempt = request->attempt,
                                   .op = request->op,
                                   .method = request->method},
                       .session = caller->by_cookie ? caller->session : (uuid_t7){{0}},
                       .keyed = *keyed,
                       .reads = manage_only_reads(op_find(request->op))};
    slice_t known;
    if (op_find(request->op)->methods == OP_GET &&
        wire_pairs_find(request->headers, "if-none-match", &known) && known.len < KNOWN)
        snprintf(asked->known, KNOWN, "%.*s", SLICE_ARG(known));
    LIST_INSERT_HEAD(&self->asked, asked, link);
    return asked;
}

static void s_forget(asked_t *asked)
{
    LIST_REMOVE(asked, link);
    free(asked);
}

static bool s_waits(const admin_t *self, const uuid_t7 *id)
{
    const asked_t *asked;
    LIST_FOREACH (asked, &self->asked, link)
        if (uuid_eq(&asked->request.id, id))
            return true;
    return false;
}

/* The one under way that has this key's id, and that others follow. */
static const asked_t *s_first(const admin_t *self, const uuid_t7 *key)
{
    const asked_t *asked;
    LIST_FOREACH (asked, &self->asked, link)
        if (!asked->follows && uuid_eq(&asked->keyed.id, key))
            return asked;
    return NULL;
}

static void s_refuse_lost(admin_t *self, peer_t *peer, const wire_request_t *request)
{
    s_refuse(self, peer, request, ERROR_conflict, made_answer_lost, s_reason(REASON_answer_lost));
}

/* The same by the caller's key: true when a change was made with it, or is under way. */
static bool s_repeat_of_key(admin_t *self, peer_t *peer, const wire_request_t *request,
                            const caller_t *caller, const keyed_request_t *keyed)
{
    const asked_t *first = s_first(self, &keyed->id);
    const keyed_request_t *before = first ? &first->keyed : keyed_find(self->keyed, &keyed->id);
    if (!before)
        return false;
    const manage_answer_t *answer = answers_find(self->answers, &keyed->id);
    if (!keyed_same(before, keyed))
        s_refuse(self, peer, request, ERROR_key_reused, NULL, NULL);
    else if (first)
        s_ask(self, request, caller, keyed)->follows = true;
    else if (answer)
        s_reply(self, peer, request, answer, !uuid_eq(&before->request, &keyed->request));
    else
        s_refuse_lost(self, peer, request);
    return true;
}

/* True when an earlier attempt was answered, or made its change: then this one is, too; or when it
 * is under way. */
static bool s_repeat(admin_t *self, peer_t *peer, const wire_request_t *request,
                     const caller_t *caller, const keyed_request_t *keyed)
{
    bool again = request->attempt > 1 && !manage_only_reads(op_find(request->op));
    if (self->copies && !manage_only_reads(op_find(request->op)))
        keyed_renew(self->keyed, self->view);
    if (again && s_waits(self, &request->id))
        return true;
    const manage_answer_t *answer = again ? answers_find(self->answers, &request->id) : NULL;
    if (answer) {
        s_reply(self, peer, request, answer, false);
        return true;
    }
    if (!uuid_is_nil(&keyed->id) && s_repeat_of_key(self, peer, request, caller, keyed))
        return true;
    bool unknown = false;
    if (!again || (!manage_has_done(self->manage, &request->id, &unknown) && !unknown))
        return false;
    if (unknown)
        s_refuse(self, peer, request, ERROR_internal, s_damaged, NULL);
    else
        s_refuse_lost(self, peer, request);
    return true;
}

/* Who came with the same key meanwhile gets the same answer. */
static void s_give_followers(admin_t *self, const uuid_t7 *key, const manage_answer_t *answer)
{
    for (asked_t *asked = LIST_FIRST(&self->asked), *next; asked; asked = next) {
        next = LIST_NEXT(asked, link);
        if (!asked->follows || !uuid_eq(&asked->keyed.id, key))
            continue;
        peer_t *peer = link_peer_of(self->link, asked->request.origin);
        if (peer) {
            s_reply(self, peer, &asked->request, answer, answer->code == ERROR_none);
            link_send_replies(self->link, peer, self->replies);
        }
        s_forget(asked);
    }
}

/* A change's answer is kept for the attempts that follow; and one that made its change for all that
 * have its key. */
static const manage_answer_t *s_keep(admin_t *self, const keyed_request_t *keyed,
                                     manage_answer_t *answer)
{
    int64_t now_ms = clock_ms();
    if (uuid_is_nil(&keyed->id) || answer->code != ERROR_none)
        return answers_keep(self->answers, &keyed->request, answer, now_ms + ANSWERS_KEPT_MS);
    keyed_add(self->keyed, keyed);
    return answers_keep(self->answers, &keyed->id, answer, now_ms + KEYED_KEPT_MS);
}

/* Whether the change ended the session of the cookie that asked for it. */
static bool s_ended(admin_t *self, const asked_t *asked, const manage_answer_t *answer)
{
    session_t session;
    if (asked->reads || answer->code != ERROR_none || uuid_is_nil(&asked->session))
        return false;
    view_renew(self->view);
    bool there = sessions_get(self->view, &asked->session, &session);
    there |= view_take_damage(self->view); /* or not known to have gone */
    view_release(self->view);
    return !there;
}

/* The caller has this answer: it gets its tag alone. */
static void s_reply_known(admin_t *self, peer_t *peer, const wire_request_t *request,
                          const manage_answer_t *answer)
{
    wire_reply_t reply = wire_reply_to(request);
    reply.status = 304;
    s_add_etag(&reply, answer->etag);
    if (answer->list)
        wire_reply_add(&reply, FACT_LIST, 1);
    metric_add_at(METRIC_admin_requests_total, answer->code, 1);
    link_add_reply(self->link, peer, self->replies, &reply, slice("", 0));
}

/* PEER is NULL when the gateway that asked is gone by now. Returns the answer as it is kept. */
static const manage_answer_t *s_give(asked_t *asked, peer_t *peer, manage_answer_t *answer)
{
    admin_t *self = asked->admin;
    answer->cookie_ends = s_ended(self, asked, answer);
    const manage_answer_t *kept = asked->reads ? answer : s_keep(self, &asked->keyed, answer);
    bool known = asked->reads && kept->code == ERROR_none && kept->whole && asked->known[0] &&
                 etag_is_known(slice_of(asked->known), kept->etag);
    if (peer && known)
        s_reply_known(self, peer, &asked->request, kept);
    else if (peer)
        s_reply(self, peer, &asked->request, kept, false);
    if (asked->reads)
        manage_clear(answer);
    return kept;
}

static void s_on_hashed(void *arg, manage_answer_t *answer)
{
    asked_t *asked = arg;
    admin_t *self = asked->admin;
    peer_t *peer = link_peer_of(self->link, asked->request.origin);
    const manage_answer_t *kept = s_give(asked, peer, answer);
    if (peer)
        link_send_replies(self->link, peer, self->replies);
    if (!uuid_is_nil(&asked->keyed.id))
        s_give_followers(self, &asked->keyed.id, kept);
    s_forget(asked);
}

static void s_run(admin_t *self, peer_t *peer, const wire_request_t *request,
                  const http_args_t *args, const caller_t *caller, const keyed_request_t *keyed)
{
    manage_answer_t answer = {0};
    bool about_session = op_is_of_session(op_find(request->op));
    manage_request_t run = {.actor = &caller->actor,
                            .op = request->op,
                            .target = request->target,
                            .body = args->body,
                            .if_match = args->if_match,
                            .session = about_session ? request->token : slice("", 0),
                            .cookies = true,
                            .id = &request->id,
                            .key = &keyed->id,
                            .seen = keyed_seen(self->keyed)};
    asked_t *asked = s_ask(self, request, caller, keyed);
    if (manage_start(self->manage, &run, &answer, s_on_hashed, asked)) {
        s_give(asked, peer, &answer);
        s_forget(asked);
    }
}

static void s_on_request(admin_t *self, peer_t *peer, wire_request_t *request, slice_t body)
{
    caller_t caller;
    http_args_t args;
    keyed_request_t keyed;
    char text[UUID_TEXT];
    const op_t *op = op_find(request->op);
    error_code_t code = s_who(self, request, op, (uint64_t)clock_wall_ms(), &caller);
    if (code == ERROR_none && op_is_of_session(op) && op->number != OP_session_now &&
        request->token.len + body.len == 0)
        code = ERROR_invalid_session;
    if (code != ERROR_none) {
        s_refuse(self, peer, request, code, s_why(request, op, code),
                 s_who_details(request, op, code, &caller));
        return;
    }
    uuid_text(&request->id, text);
    log_debug("admin.request", "req=%s op=%s who=%s", text, op->name, caller.actor.who);
    code = http_args_read(&args, op, request, body);
    keyed_read(self->keyed, &caller.actor.user, op, request, &args, &keyed);
    if (code != ERROR_none)
        s_refuse(self, peer, request, code, args.detail, NULL);
    else if (!s_repeat(self, peer, request, &caller, &keyed))
        s_run(self, peer, request, &args, &caller, &keyed);
    http_args_free(&args);
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    admin_t *self = arg;
    assert(self->magic == MAGIC);
    if (!copies_may_judge(self->copies))
        return; /* this process ends: another host's answers, or the next one here */
    for (unsigned i = 0; i < message->entries; i++) {
        wire_request_t *request = &message->requests[i];
        slice_t body = wire_request_body(request, &message->bodies[i]);
        s_on_request(self, peer, request, body);
        s_wipe(request);
        if (body.len)
            secret_wipe((void *)body.data, body.len); /* tokens that are imported, an RSA key */
    }
    if (wire_batch_entries(self->replies))
        link_send_replies(self->link, peer, self->replies);
    link_taken(self->link, peer, link_batch(message));
}

static link_t *s_link(admin_t *self, const conf_t *conf, const char *name,
                      const uint64_t *self_instance)
{
    char err[512];
    wire_hello_t hello = {.role = ROLE_AUTHD, .name = slice_of(name)};
    link_options_t options = {.endpoint = conf_endpoint(conf, SET_authd_admin, 0),
                              .bind = true,
                              .hello = &hello,
                              .peer_roles = 1u << ROLE_GATEWAY,
                              .self = self_instance,
                              .calls = {.requests = s_on_requests},
                              .arg = self,
                              .conf = conf};
    link_t *link = link_new(&options, err, sizeof err);
    if (!link)
        log_fatal(EXIT_CONFIG, "admin.bind", "setting=authd.admin err=%s", LOG_Q(err));
    return link;
}

admin_t *admin_new(const conf_t *conf, const char *name, const uint64_t *self_instance,
                   directory_t *directory, manage_t *manage, accounts_t *accounts,
                   const copies_t *copies)
{
    admin_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->directory = directory;
    self->view = view_new(directory);
    self->manage = manage;
    self->accounts = accounts;
    self->copies = copies;
    self->answers = answers_new();
    view_t *all = view_new(directory);
    view_tolerate(all, true);
    view_renew(all);
    self->keyed = keyed_new(all);
    view_destroy(&all);
    self->replies = wire_batch_new();
    self->link = s_link(self, conf, name, self_instance);
    return self;
}

void admin_destroy(admin_t **self_p)
{
    admin_t *self = *self_p;
    if (!self)
        return;
    link_destroy(&self->link);
    wire_batch_destroy(&self->replies);
    answers_destroy(&self->answers);
    keyed_destroy(&self->keyed);
    view_destroy(&self->view);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

link_t *admin_link(admin_t *self)
{
    return self->link;
}

void admin_restart(admin_t *self)
{
    link_restart(self->link);
}

void admin_turn(admin_t *self, int64_t now_ms)
{
    link_drain_ready(self->link, TURN_MESSAGES);
    link_tick(self->link, now_ms);
    answers_tick(self->answers, now_ms);
}

void admin_write_use(admin_t *self, view_t **view_p)
{
    if (self->uses && !*view_p) {
        *view_p = view_begin(self->directory);
        view_tolerate(*view_p, true);
    }
    for (unsigned i = 0; i < self->uses; i++)
        mtokens_used(*view_p, &self->use[i].token, self->use[i].used_ms);
    self->uses = 0;
}

bool admin_use_is_due(admin_t *self, view_t *view, const uuid_t7 *id, uint64_t used_ms)
{
    mtoken_t token;
    session_t session;
    if (mtokens_get(view, id, &token))
        return used_ms >= token.used_ms + USE_APART_MS;
    return sessions_get(view, id, &session) &&
           accounts_use_is_due(self->accounts, session.used_ms, used_ms);
}

void admin_note_use(admin_t *self, view_t *view, const uuid_t7 *id, uint64_t used_ms)
{
    mtoken_t token;
    if (!admin_use_is_due(self, view, id, used_ms))
        return;
    if (mtokens_get(view, id, &token))
        mtokens_used(view, id, used_ms);
    else
        sessions_use(view, id, used_ms);
}
