#include "authd/judge/verdict.h"

#include "authd/directory/handlers.h"
#include "authd/directory/outlets.h"
#include "authd/directory/sources.h"
#include "authd/judge/audience.h"
#include "authd/judge/called_url.h"
#include "authd/judge/case.h"
#include "authd/judge/dedupe.h"
#include "authd/judge/person.h"
#include "common/base/ops.h"
#include "common/base/secret.h"

/* A row that names no target of ours, no rule or no deed does not compile. */
static const struct {
    find_fn *find;
    rule_t rule;
    op_deed_t deed;
    unsigned as; /* of a person: the operation as which it is passed on */
} s_rules[] = {
#define OP(number, ...)
#define SEND(number, name, methods, path, credentials, owner, target, rule, deed, verb)            \
    [number] = {case_find_##target, MAY_##rule, DOES_##deed, 0},
#define PERSON(number, name, methods, path, as, owner, target, rule, deed)                         \
    [number] = {person_find_##target, MAY_##rule, DOES_##deed, OP_##as},
#include "common/ops.def"
};

/* What is otherwise another operation is not told apart from it behind authd. */
#define OP(number, ...)
#define SEND(number, name, methods, path, credentials, owner, target, rule, deed, verb)            \
    enum { METHODS_##name = methods, OWNS_##name = OWNER_##owner, DEED_##name = DOES_##deed };
#define PERSON(number, name, methods, path, as, owner, target, rule, deed)                         \
    _Static_assert(((methods)&METHODS_##as) == (methods) &&                                        \
                       (int)OWNS_##as == (int)OWNER_##owner && (int)DEED_##as == (int)DOES_##deed, \
                   #name " is not what it is to be passed on as");
#include "common/ops.def"

static bool s_deed_reads(op_deed_t deed)
{
    return deed == DOES_READ || deed == DOES_LOOK || deed == DOES_REPEAT;
}

/* An operation of a newer version, or one that has no business here, cannot be judged. */
static bool s_is_known(unsigned op)
{
    return op < sizeof s_rules / sizeof *s_rules && s_rules[op].find;
}

static error_code_t s_by_token(case_t *self, const uint8_t hash[TOKEN_HASH])
{
    return verdict_is_well_formed(self->request->token) &&
                   tokens_judge(self->view, hash, &self->token)
               ? ERROR_none
               : ERROR_invalid_token;
}

static bool s_is_person(const case_t *self)
{
    return s_rules[self->request->op].as;
}

static error_code_t s_authenticate(case_t *self, const uint8_t hash[TOKEN_HASH], int64_t wall_ms)
{
    if (s_is_person(self))
        return person_authenticate(self);
    bool signs = op_find(self->request->op)->credentials == CRED_SIGNATURE;
    error_code_t code = signs ? case_by_source(self) : s_by_token(self, hash);
    if (code != ERROR_none)
        return code;
    if (token_has_ended(&self->token, (uint64_t)wall_ms))
        return ERROR_token_expired;
    self->bound = self->token.terms.len > 0;
    return ERROR_none;
}

/* A stream's URL, in whose path the credential stands, stands for its token. */
static error_code_t s_authenticate_url(case_t *self, int64_t wall_ms, verdict_t *verdict)
{
    slice_t targets;
    shared_t shared;
    bool named = wire_pairs_find(self->request->params, "targets", &targets);
    self->detail = slice_of("This URL of a stream is not whole, or it or its token has ended: "
                            "POST /streams makes another one.");
    if (!shared_read(self->judge->share_key, self->request->token, named ? &targets : NULL,
                     &shared) ||
        !tokens_find(self->view, &shared.token, &self->token))
        return ERROR_invalid_token;
    if (shared.ends_ms <= (uint64_t)wall_ms || token_has_ended(&self->token, (uint64_t)wall_ms))
        return ERROR_token_expired;
    self->bound = self->token.terms.len > 0;
    self->detail = slice("", 0);
    verdict->ends_ms = shared.ends_ms;
    return ERROR_none;
}

/* What the token's terms say of where the request comes from. */
static error_code_t s_check_address(case_t *self, verdict_t *verdict)
{
    self->terms = terms_read(self->token.terms);
    if (!terms_allow_address(&self->terms, self->request->client))
        return ERROR_address_not_allowed;
    if (self->terms.replaced_ms) {
        verdict->deprecated_ms = self->terms.replaced_ms;
        verdict->sunset_ms = self->token.expires_ms;
    }
    return ERROR_none;
}

/* What they say of the request, whatever its target. */
static error_code_t s_check_request(case_t *self, size_t body_len)
{
    op_deed_t deed = s_rules[self->request->op].deed;
    bool reads = s_deed_reads(deed) || deed == DOES_STREAM || deed == DOES_GATHER ||
                 self->request->op == OP_stream_share;
    if (self->terms.post_only && reads) {
        self->detail = slice_of("The token may post, and not read back.");
        return ERROR_out_of_scope;
    }
    if (self->terms.body_bytes && body_len > self->terms.body_bytes) {
        self->detail = slice_of("The body is larger than this token may send. posternctl token "
                                "edit with --body-bytes changes that.");
        return ERROR_body_too_large;
    }
    return ERROR_none;
}

/* A resend was charged when it came first. */
static error_code_t s_limit(case_t *self, int64_t now_us, verdict_t *verdict)
{
    limiter_state_t state;
    const judge_t *judge = self->judge;
    const token_t *token = &self->token;
    uint64_t rate = token->rate == TOKEN_DEFAULT ? judge->rate : token->rate;
    uint64_t burst = token->burst == TOKEN_DEFAULT ? judge->burst : token->burst;
    if (self->request->attempt > 1 ||
        limiter_charge(judge->limiter, &token->id, rate, burst, now_us, &state))
        return ERROR_none;
    if (s_is_person(self))
        self->detail = slice_of("The rate limit of this session or management token (authd.rate) "
                                "is used up.");
    verdict->rate = rate;
    verdict->retry_after_s = state.reset_s;
    return ERROR_rate_limited;
}

/* Nothing that was not found is known not to be there: a token that may be good is not refused as
 * one that is not. */
static void s_check_damage(case_t *self, slice_t target, verdict_t *verdict)
{
    if (!view_take_damage(self->view))
        return;
    *verdict = (verdict_t){.code = ERROR_internal,
                           .detail = slice_of("A part of the directory that this needs is damaged: "
                                              "the log of authd says which (directory.damaged).")};
    self->request->principal = (wire_principal_t){0};
    self->request->handler = slice("", 0);
    self->request->target = target;
}

/* The record of what an event goes to, or what is repeated: false where there is none. */
static bool s_record(case_t *self, op_deed_t deed, pack_t *record)
{
    handler_t handler;
    outlet_t outlet;
    const uuid_t7 *target = &self->request->principal.target;
    pack_reset(record);
    if (handlers_get(self->view, target, &handler))
        handler_record(self->view, &handler, self->wall_ms, record);
    else if (deed == DOES_REPEAT && outlets_get(self->view, target, &outlet))
        outlet_record(self->view, &outlet, self->wall_ms, record);
    return record->len > 0;
}

/* What the worker needs to know of the target's handler before it stores the event, or calls it
 * for what was stored: it may not have been told yet. */
static void s_add_handler(case_t *self)
{
    pack_t *record = &self->judge->handler;
    op_deed_t deed = s_rules[self->request->op].deed;
    if ((deed == DOES_CALL || deed == DOES_REPEAT) && s_record(self, deed, record))
        self->request->handler = slice(record->data, record->len);
}

static bool s_add_own_source(case_t *self, pack_t *record)
{
    const source_asked_t asked = {.url = called_url_take(self->judge, self->request),
                                  .shown = self->request->shown};
    return sources_record_own(self->view, &self->source, &asked, self->wall_ms, record);
}

/* By what the worker verifies an event: behind the handler record, or in its place where both would
 * be too long; the record is told apart, too. */
static bool s_add_sources(case_t *self)
{
    pack_t *record = &self->judge->handler;
    wire_request_t *request = self->request;
    size_t before = request->handler.len;
    bool fits = true;
    op_deed_t deed = s_rules[request->op].deed;
    if (deed != DOES_FORMAT && deed != DOES_CALL)
        return true;
    if (before == 0)
        pack_reset(record);
    if (self->signs)
        fits = s_add_own_source(self, record);
    else if (!sources_record(self->view, &request->principal.target, &self->token.id,
                             request->shown, self->wall_ms, record, &fits))
        return true;
    if (record->len <= WIRE_HANDLER)
        before = 0;
    request->handler = slice(record->data + before, record->len - before);
    self->sourced = true;
    return fits;
}

/* The bytes lie in the received header, which is ours. */
static void s_blank(slice_t *credential)
{
    if (credential->len)
        secret_wipe((void *)credential->data, credential->len);
    *credential = slice("", 0);
}

static error_code_t s_find(case_t *self)
{
    rule_t rule = s_rules[self->request->op].rule;
    find_fn *find = s_rules[self->request->op].find;
    error_code_t code = find(self, rule == MAY_SEEN ? MAY_OWNER : rule);
    if (code == ERROR_not_allowed && rule == MAY_SEEN && self->role > USER_MEMBER) {
        self->bare = true;
        code = find(self, MAY_ANYONE);
    }
    return code != ERROR_none && s_is_person(self) ? person_refuse(self, rule, code) : code;
}

static error_code_t s_judge(case_t *self, const uint8_t hash[TOKEN_HASH], size_t body_len,
                            int64_t now_us, int64_t wall_ms, verdict_t *verdict)
{
    error_code_t code = self->request->op == OP_stream_shared
                            ? s_authenticate_url(self, wall_ms, verdict)
                            : s_authenticate(self, hash, wall_ms);
    if (code == ERROR_none && self->bound)
        code = s_check_address(self, verdict);
    if (code == ERROR_none)
        code = s_limit(self, now_us, verdict);
    if (code == ERROR_none && self->bound)
        code = s_check_request(self, body_len);
    return code == ERROR_none ? s_find(self) : code;
}

/* Whom a message is for, and what the worker is to know of who reads. */
static void s_add_people(case_t *self, slice_t body)
{
    slice_t all;
    wire_request_t *request = self->request;
    op_deed_t deed = s_rules[request->op].deed;
    bool reads = deed == DOES_READ && wire_pairs_find(request->params, "narrowed", &all);
    if (self->owns && (deed == DOES_CHANGE || reads))
        request->handler = slice_of(WIRE_OWNER);
    if (self->placed && (deed == DOES_POST || deed == DOES_CALL || deed == DOES_FORMAT ||
                         (deed == DOES_CHANGE && request->method == OP_PUT)))
        audience_add(self->view, self->kind, &self->place, request, body, &self->judge->headers);
}

static void s_fill(case_t *self, const verdict_t *verdict, slice_t body)
{
    wire_principal_t *principal = &self->request->principal;
    principal->present = true;
    principal->user = self->token.user;
    principal->token = self->token.id;
    principal->display_name = self->token.display;
    if (s_is_person(self))
        person_fill(self, s_rules[self->request->op].as);
    principal->facts = slice("", 0);
    if (verdict->deprecated_ms) {
        wire_reply_t reply = {.facts = 0};
        verdict_add_facts(verdict, &reply);
        principal->facts = slice(self->judge->facts, wire_facts_text(&reply, self->judge->facts));
    }
    dedupe_add(self->judge, self->request);
    s_add_handler(self);
    s_add_people(self, body);
}

static void s_refuse_sources(case_t *self, verdict_t *verdict)
{
    verdict->code = ERROR_internal;
    verdict->detail = slice_of("The sources of this target are longer than a request can carry: "
                               "delete some, or bind them to tokens.");
    self->request->principal = (wire_principal_t){0};
    self->request->handler = slice("", 0);
}

verdict_t verdict_judge(judge_t *self, view_t *view, wire_request_t *request,
                        const uint8_t hash[TOKEN_HASH], slice_t body, int64_t now_us,
                        int64_t wall_ms)
{
    verdict_t verdict = {.code = ERROR_unavailable};
    case_t this;
    slice_t target = request->target;
    this.judge = self;
    this.operates = this.owns = this.placed = this.signs = this.sourced = this.bare = false;
    this.view = view;
    this.request = request;
    this.detail = slice("", 0);
    this.allow = 0;
    this.reason = REASON_none;
    this.wall_ms = (uint64_t)wall_ms;
    request->principal = (wire_principal_t){0};
    request->handler = slice("", 0);
    if (s_is_known(request->op))
        verdict.code = s_judge(&this, hash, body.len, now_us, wall_ms, &verdict);
    s_blank(&request->token);
    s_blank(&request->appkey);
    verdict.detail = this.detail;
    verdict.allow = this.allow;
    verdict.reason = this.reason;
    if (this.reason == REASON_other_session)
        verdict.user = this.token.user;
    if (verdict.code == ERROR_none)
        s_fill(&this, &verdict, body);
    if (verdict.code == ERROR_none && !s_add_sources(&this))
        s_refuse_sources(&this, &verdict);
    self->heard.state = HEARD_NOTHING;
    if (verdict.code == ERROR_none && this.signs)
        heard_look(view, &this.source, request, body, this.wall_ms, &self->heard);
    s_blank(&request->shown);
    if (verdict.code == ERROR_none && this.sourced)
        request->op = called_as(request->op, this.signs ? &this.source : NULL);
    s_check_damage(&this, target, &verdict);
    return verdict;
}

bool verdict_reads(unsigned op)
{
    return s_is_known(op) && s_deed_reads(s_rules[op].deed);
}

verdict_t verdict_operate(judge_t *self, view_t *view, wire_request_t *request, uint64_t wall_ms)
{
    verdict_t verdict = {.code = ERROR_unavailable};
    case_t this = {.judge = self,
                   .view = view,
                   .request = request,
                   .operates = true,
                   .detail = slice("", 0),
                   .wall_ms = wall_ms};
    slice_t target = request->target;
    request->principal = (wire_principal_t){0};
    request->handler = slice("", 0);
    if (verdict_reads(request->op))
        verdict.code = s_rules[request->op].find(&this, MAY_ANYONE);
    if (verdict.code == ERROR_none)
        s_add_handler(&this);
    verdict.detail = this.detail;
    s_check_damage(&this, target, &verdict);
    return verdict;
}

/* The token of what was granted. */
static error_code_t s_again(case_t *self, const uuid_t7 *token)
{
    if (!tokens_find(self->view, token, &self->token))
        return ERROR_invalid_token;
    return token_has_ended(&self->token, self->wall_ms) ? ERROR_token_expired : ERROR_none;
}

error_code_t verdict_regrant(judge_t *self, view_t *view, wire_request_t *request,
                             const uuid_t7 *token, int64_t wall_ms)
{
    verdict_t verdict = {.code = ERROR_none};
    case_t this = {.judge = self,
                   .view = view,
                   .request = request,
                   .detail = slice("", 0),
                   .wall_ms = (uint64_t)wall_ms};
    if (!s_is_known(request->op))
        return ERROR_unavailable;
    error_code_t code = s_is_person(&this) ? person_again(&this, token) : s_again(&this, token);
    this.bound = code == ERROR_none && this.token.terms.len > 0;
    if (this.bound)
        code = s_check_address(&this, &verdict);
    if (code == ERROR_none && this.bound)
        code = s_check_request(&this, 0);
    if (code == ERROR_none)
        code = s_find(&this);
    request->principal.user = this.token.user;
    return code;
}

void verdict_close(judge_t *self)
{
    pack_free(&self->headers);
    pack_wipe(&self->handler);
    pack_free(&self->params);
    pack_free(&self->set_params);
}
