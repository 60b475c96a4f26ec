#include "authd/verdict.h"

#include "authd/directory/extensions.h"
#include "authd/directory/handlers.h"
#include "authd/directory/places.h"
#include "authd/directory/tokens.h"
#include "authd/directory/users.h"
#include "common/base/ops.h"
#include "common/base/secret.h"

#include <assert.h>
#include <sodium.h>

/* What a request is judged by. */
typedef struct {
    judge_t *judge;
    view_t *view;
    wire_request_t *request;
    token_t token;
} case_t;

typedef enum {
    MAY_ANYONE, /* any active user */
    MAY_MEMBER, /* the people of the place */
    MAY_PEOPLE, /* these and the owner */
    MAY_OWNER,
} rule_t;

/* Finds the target, checks that it is in use and who may, and fills target and principal. */
typedef error_code_t find_fn(case_t *self, rule_t rule);

static error_code_t s_place(case_t *self, place_kind_t kind, rule_t rule, const place_t *place)
{
    const uuid_t7 *user = &self->token.user;
    if (place->archived_ms)
        return ERROR_archived;
    bool owns = uuid_eq(&place->owner, user);
    bool may = rule == MAY_ANYONE || (owns && (rule == MAY_PEOPLE || rule == MAY_OWNER)) ||
               (rule != MAY_OWNER && place_has(self->view, kind, &place->id, user));
    self->request->target = place->name;
    self->request->principal.target = place->id;
    return may ? ERROR_none : ERROR_not_allowed;
}

static error_code_t s_find_channel(case_t *self, rule_t rule)
{
    place_t place;
    if (!places_named(self->view, PLACE_CHANNEL, self->request->target, &place))
        return ERROR_unknown_channel;
    return s_place(self, PLACE_CHANNEL, rule, &place);
}

static error_code_t s_find_channel_id(case_t *self, rule_t rule)
{
    place_t place;
    uuid_t7 id;
    slice_t target = self->request->target;
    if (uuid_parse(target.data, target.len, &id) != 0 ||
        !places_get(self->view, PLACE_CHANNEL, &id, &place))
        return ERROR_unknown_channel;
    return s_place(self, PLACE_CHANNEL, rule, &place);
}

static error_code_t s_find_chat(case_t *self, rule_t rule)
{
    error_code_t code = s_find_channel_id(self, rule);
    return code == ERROR_unknown_channel ? ERROR_unknown_chat : code;
}

static error_code_t s_find_bot(case_t *self, rule_t rule)
{
    place_t place;
    if (!places_named(self->view, PLACE_BOT, self->request->target, &place))
        return ERROR_unknown_bot;
    return s_place(self, PLACE_BOT, rule, &place);
}

static error_code_t s_find_app(case_t *self, rule_t rule)
{
    app_t app;
    extension_t extension;
    wire_request_t *request = self->request;
    if (!apps_get(self->view, request->target, &app) ||
        !extensions_get(self->view, &app.extension, &extension))
        return ERROR_unknown_app;
    if (extension.archived_ms)
        return ERROR_archived;
    if (rule == MAY_OWNER && !uuid_eq(&extension.owner, &self->token.user))
        return ERROR_not_allowed;
    if (op_find(request->op)->credentials == CRED_APPKEY) {
        if (request->appkey.len == 0)
            return ERROR_appkey_required;
        if (!app_key_is(self->view, &app, request->appkey))
            return ERROR_invalid_appkey;
    }
    /* An app-id is canonical as it came, for it was found by its bytes. */
    request->principal.target = app.target;
    request->principal.environment = app.environment;
    return ERROR_none;
}

static error_code_t s_find_buddy(case_t *self, rule_t rule)
{
    user_t buddy;
    if (!users_find(self->view, self->request->target, &buddy))
        return ERROR_unknown_user;
    if (rule == MAY_OWNER && !uuid_eq(&buddy.id, &self->token.user))
        return ERROR_not_allowed;
    uuid_text(&buddy.id, self->judge->target);
    self->request->target = slice(self->judge->target, UUID_TEXT - 1);
    self->request->principal.target = buddy.id;
    return ERROR_none;
}

/* By operation; posts: an Idempotency-Key counts; handled: the target's handler is called. */
static const struct {
    find_fn *find;
    rule_t rule;
    bool posts;
    bool handled;
} s_rules[] = {
    [OP_channel_message] = {s_find_channel, MAY_MEMBER, true},
    [OP_channel_id_message] = {s_find_channel_id, MAY_MEMBER, true},
    [OP_bot_incoming] = {s_find_bot, MAY_ANYONE, true, true},
    [OP_bot_message] = {s_find_bot, MAY_PEOPLE, true},
    [OP_extension_incoming] = {s_find_app, MAY_ANYONE, true, true},
    [OP_chat_message] = {s_find_chat, MAY_MEMBER, true},
    [OP_buddy_message] = {s_find_buddy, MAY_ANYONE, true},
    [OP_channel_history] = {s_find_channel, MAY_MEMBER, false},
    [OP_channel_id_history] = {s_find_channel_id, MAY_MEMBER, false},
    [OP_bot_history] = {s_find_bot, MAY_PEOPLE, false},
    [OP_extension_history] = {s_find_app, MAY_OWNER, false},
    [OP_chat_history] = {s_find_chat, MAY_MEMBER, false},
    [OP_buddy_history] = {s_find_buddy, MAY_OWNER, false},
    [OP_bot_deliveries] = {s_find_bot, MAY_OWNER, false},
    [OP_extension_deliveries] = {s_find_app, MAY_OWNER, false},
    [OP_bot_delivery_retry] = {s_find_bot, MAY_OWNER, false},
    [OP_extension_delivery_retry] = {s_find_app, MAY_OWNER, false},
    [OP_bot_delivery_replay] = {s_find_bot, MAY_OWNER, false},
    [OP_extension_delivery_replay] = {s_find_app, MAY_OWNER, false},
};

/* An operation of a newer version, or one that has no business here, cannot be judged. */
static bool s_is_known(unsigned op)
{
    return op < sizeof s_rules / sizeof *s_rules && s_rules[op].find;
}

static error_code_t s_authenticate(case_t *self, int64_t wall_ms)
{
    uint8_t hash[TOKEN_HASH];
    slice_t text = self->request->token;
    /* A malformed one is unknown like any other: only well-formed ones are ever recorded. */
    if (text.len < TOKEN_MIN || text.len > TOKEN_MAX)
        return ERROR_invalid_token;
    token_hash(text, hash);
    if (!tokens_judge(self->view, hash, &self->token))
        return ERROR_invalid_token;
    if (self->token.expires_ms && (uint64_t)wall_ms >= self->token.expires_ms)
        return ERROR_token_expired;
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
    verdict->rate = rate;
    verdict->retry_after_s = state.reset_s;
    return ERROR_rate_limited;
}

/* BLAKE2b-256 over user, operation as two bytes, target and the sender's key (docs/PROTOCOL.md). */
static void s_dedupe(case_t *self)
{
    slice_t key;
    wire_principal_t *principal = &self->request->principal;
    uint8_t op[2] = {(uint8_t)(self->request->op >> 8), (uint8_t)self->request->op};
    crypto_generichash_state state;
    if (!s_rules[self->request->op].posts ||
        !wire_pairs_find(self->request->headers, "idempotency-key", &key) || key.len == 0)
        return;
    crypto_generichash_init(&state, NULL, 0, WIRE_DEDUPE);
    crypto_generichash_update(&state, principal->user.bytes, UUID_BYTES);
    crypto_generichash_update(&state, op, sizeof op);
    crypto_generichash_update(&state, principal->target.bytes, UUID_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)key.data, key.len);
    crypto_generichash_final(&state, self->judge->dedupe, WIRE_DEDUPE);
    principal->dedupe = slice(self->judge->dedupe, WIRE_DEDUPE);
}

/* What the worker needs to know of the target's handler before it stores the event. */
static void s_handler(case_t *self, int64_t wall_ms)
{
    handler_t handler;
    pack_t *record = &self->judge->handler;
    wire_request_t *request = self->request;
    if (!s_rules[request->op].handled ||
        !handlers_get(self->view, &request->principal.target, &handler))
        return;
    pack_reset(record);
    handler_record(self->view, &handler, (uint64_t)wall_ms, record);
    request->handler = slice(record->data, record->len);
}

/* The bytes lie in the received header, which is ours. */
static void s_blank(slice_t *credential)
{
    if (credential->len)
        secret_wipe((void *)credential->data, credential->len);
    *credential = slice("", 0);
}

verdict_t verdict_judge(judge_t *self, view_t *view, wire_request_t *request, int64_t now_us,
                        int64_t wall_ms)
{
    verdict_t verdict = {.code = ERROR_unavailable};
    case_t this;
    this.judge = self;
    this.view = view;
    this.request = request;
    request->principal = (wire_principal_t){0};
    request->handler = slice("", 0);
    if (s_is_known(request->op)) {
        verdict.code = s_authenticate(&this, wall_ms);
        if (verdict.code == ERROR_none)
            verdict.code = s_limit(&this, now_us, &verdict);
        if (verdict.code == ERROR_none)
            verdict.code = s_rules[request->op].find(&this, s_rules[request->op].rule);
    }
    s_blank(&request->token);
    s_blank(&request->appkey);
    if (verdict.code != ERROR_none)
        return verdict;
    request->principal.present = true;
    request->principal.user = this.token.user;
    request->principal.token = this.token.id;
    request->principal.display_name = this.token.display;
    request->principal.scope = this.token.scope;
    s_dedupe(&this);
    s_handler(&this, wall_ms);
    return verdict;
}

void verdict_close(judge_t *self)
{
    pack_wipe(&self->handler);
}

void verdict_reply(const verdict_t *verdict, const wire_request_t *request, wire_reply_t *reply)
{
    const error_row_t *row = error_find(verdict->code);
    assert(row);
    *reply = (wire_reply_t){.id = request->id,
                            .origin = request->origin,
                            .attempt = request->attempt,
                            .status = row->status,
                            .error = row->code,
                            .retry_after_s = row->retry_after_s};
    if (verdict->code != ERROR_rate_limited)
        return;
    if (verdict->retry_after_s)
        reply->retry_after_s = (uint32_t)verdict->retry_after_s;
    reply->facts = 3;
    reply->fact[0].fact = FACT_RATE_LIMIT;
    reply->fact[0].value = verdict->rate;
    reply->fact[1].fact = FACT_RATE_LEFT;
    reply->fact[1].value = 0;
    reply->fact[2].fact = FACT_RATE_RESET_S;
    reply->fact[2].value = verdict->retry_after_s;
}
