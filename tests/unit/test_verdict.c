#include "authd/directory/handlers.h"
#include "authd/judge/verdict.h"
#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "tests/unit/yard.h"

typedef struct {
    yard_t *yard;
    view_t *view;
    judge_t judge;
    uuid_t7 ann, bob;
    uuid_t7 token_id; /* of ann */
    char token[TOKEN_LEN + 1], other[TOKEN_LEN + 1];
    uuid_t7 channel, closed, bot;
    extension_t extension;
    char sandbox[APP_ID_TEXT], appkey[APPKEY_MOST];
    char credential[TOKEN_MAX + 1], appkey_sent[APPKEY_MOST]; /* wiped by the judge */
} bench_t;

static int s_setup(void **state)
{
    bench_t *self = calloc(1, sizeof *self);
    assert(self);
    void *yard;
    if (yard_setup(&yard) != 0)
        return -1;
    self->yard = yard;
    self->judge = (judge_t){.limiter = limiter_new(), .rate = 1000, .burst = 2000};
    self->ann = yard_user(yard, "ann@example.org");
    self->bob = yard_user(yard, "bob@example.org");
    token_make(self->token);
    token_make(self->other);
    self->token_id = yard_token(yard, &self->ann, self->token);
    yard_token(yard, &self->bob, self->other);
    self->channel = yard_place(yard, PLACE_CHANNEL, "general", &self->ann);
    self->closed = yard_place(yard, PLACE_CHANNEL, "closed", &self->ann);
    self->bot = yard_place(yard, PLACE_BOT, "builds", &self->ann);
    self->extension = yard_extension(yard, "shop", &self->ann);
    extension_app_id(&self->extension, ENVIRONMENT_SANDBOX, self->sandbox);
    YARD_CHANGE(self->yard, view);
    app_t app;
    assert_true(apps_get(view, slice_of(self->sandbox), &app));
    app_key(view, &app, self->appkey);
    places_archive(view, PLACE_CHANNEL, &self->closed, 3, slice_of("moved"));
    YARD_DONE(view);
    self->view = view_new(self->yard->directory);
    *state = self;
    return 0;
}

static int s_teardown(void **state)
{
    bench_t *self = *state;
    void *yard = self->yard;
    view_destroy(&self->view);
    verdict_close(&self->judge);
    limiter_destroy(&self->judge.limiter);
    yard_teardown(&yard);
    free(self);
    return 0;
}

static wire_request_t s_request(bench_t *self, unsigned op, const char *target, const char *token)
{
    snprintf(self->credential, sizeof self->credential, "%s", token);
    wire_request_t request = {.origin = 1,
                              .attempt = 1,
                              .time_left_ms = 1000,
                              .op = op,
                              .target = slice_of(target),
                              .token = slice_of(self->credential)};
    uuid_new(&request.id);
    return request;
}

static verdict_t s_verdict(bench_t *self, wire_request_t *request, slice_t body, int64_t wall_ms)
{
    uint8_t hash[1][TOKEN_HASH];
    view_renew(self->view);
    verdict_expect(self->view, request, 1, hash);
    return verdict_judge(&self->judge, self->view, request, hash[0], body, 1000, wall_ms);
}

static error_code_t s_judge(bench_t *self, wire_request_t *request)
{
    return s_verdict(self, request, slice("", 0), 1000).code;
}

static error_code_t s_ask(bench_t *self, unsigned op, const char *target, const char *token)
{
    wire_request_t request = s_request(self, op, target, token);
    return s_judge(self, &request);
}

static error_code_t s_ask_app(bench_t *self, const char *target, const char *token,
                              const char *appkey)
{
    wire_request_t request = s_request(self, OP_extension_incoming, target, token);
    snprintf(self->appkey_sent, sizeof self->appkey_sent, "%s", appkey);
    request.appkey = slice_of(self->appkey_sent);
    return s_judge(self, &request);
}

static void an_accepted_request_has_its_principal_and_no_credentials(void **state)
{
    bench_t *self = *state;
    static const char zeros[TOKEN_LEN];
    wire_request_t request = s_request(self, OP_channel_message, "general", self->token);
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_true(request.principal.present);
    assert_true(uuid_eq(&request.principal.user, &self->ann));
    assert_true(uuid_eq(&request.principal.token, &self->token_id));
    assert_true(uuid_eq(&request.principal.target, &self->channel));
    assert_true(slice_is(request.principal.display_name, "Some One"));
    assert_int_equal(request.principal.dedupe.len, 0);
    assert_int_equal(request.token.len, 0);
    assert_memory_equal(self->credential, zeros, TOKEN_LEN);
}

static void a_target_becomes_canonical(void **state)
{
    bench_t *self = *state;
    char text[UUID_TEXT], bob[UUID_TEXT];
    uuid_text(&self->channel, text);
    uuid_text(&self->bob, bob);
    for (unsigned i = 0; i < UUID_TEXT - 1; i++)
        text[i] = (char)(text[i] >= 'a' && text[i] <= 'f' ? text[i] - 32 : text[i]);
    wire_request_t request = s_request(self, OP_channel_id_message, text, self->token);
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_true(slice_is(request.target, "general"));
    request = s_request(self, OP_buddy_message, "BOB@example.org", self->token);
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_true(slice_is(request.target, bob));
    assert_true(uuid_eq(&request.principal.target, &self->bob));
}

static void unknown_deleted_and_malformed_tokens_are_alike(void **state)
{
    bench_t *self = *state;
    char unknown[TOKEN_LEN + 1];
    const char *bad[] = {unknown,
                         "pst_000000000000000000000000000000000000",
                         "short",
                         "psm_0123456789012345678901234567890123",
                         "1001.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef",
                         "",
                         self->token};
    token_make(unknown);
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_delete(view, &self->token_id));
    YARD_DONE(view);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        wire_reply_t reply;
        wire_request_t request = s_request(self, OP_channel_message, "nowhere", bad[i]);
        verdict_t verdict = s_verdict(self, &request, slice("", 0), 1000);
        verdict_reply(&verdict, &request, &reply);
        assert_int_equal(reply.status, 401);
        assert_int_equal(reply.error, ERROR_invalid_token);
        assert_int_equal(reply.facts, 0);
        assert_int_equal(reply.retry_after_s, 0);
        assert_false(request.principal.present);
        assert_int_equal(request.token.len, 0);
    }
}

static void a_foreign_token_is_accepted(void **state)
{
    bench_t *self = *state;
    const char *text = "1001.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef";
    yard_token(self->yard, &self->ann, text);
    assert_int_equal(s_ask(self, OP_channel_message, "general", text), ERROR_none);
}

static void a_deleted_users_token_is_unknown(void **state)
{
    bench_t *self = *state;
    YARD_CHANGE(self->yard, view);
    users_deactivate(view, &self->ann, 4);
    YARD_DONE(view);
    assert_int_equal(s_ask(self, OP_channel_message, "general", self->token), ERROR_invalid_token);
    assert_int_equal(s_ask(self, OP_buddy_message, "ann@example.org", self->other),
                     ERROR_unknown_user);
}

static void an_expired_token_says_so(void **state)
{
    bench_t *self = *state;
    char text[TOKEN_LEN + 1];
    token_t token = {.rate = TOKEN_DEFAULT, .burst = TOKEN_DEFAULT, .expires_ms = 1000};
    token_make(text);
    assert_int_equal(yard_token_as(self->yard, &self->ann, text, &token), TOKENS_ADDED);
    assert_int_equal(s_ask(self, OP_channel_message, "general", text), ERROR_token_expired);
    wire_request_t request = s_request(self, OP_channel_message, "general", text);
    assert_int_equal(s_verdict(self, &request, slice("", 0), 999).code, ERROR_none);
}

static void each_target_is_found_or_named_unknown(void **state)
{
    bench_t *self = *state;
    char nil[] = "00000000-0000-0000-0000-000000000000", id[UUID_TEXT], bot[UUID_TEXT];
    uuid_text(&self->channel, id);
    uuid_text(&self->bot, bot);
    const struct {
        unsigned op;
        const char *target;
        error_code_t code;
    } cases[] = {
        {OP_channel_message, "nowhere", ERROR_unknown_channel},
        {OP_channel_message, "", ERROR_unknown_channel},
        {OP_channel_message, id, ERROR_unknown_channel},
        {OP_channel_id_message, id, ERROR_none},
        {OP_channel_id_message, nil, ERROR_unknown_channel},
        {OP_channel_id_message, bot, ERROR_unknown_channel},
        {OP_channel_id_message, "general", ERROR_unknown_channel},
        {OP_chat_message, id, ERROR_none},
        {OP_chat_message, nil, ERROR_unknown_chat},
        {OP_bot_message, "builds", ERROR_none},
        {OP_bot_message, "general", ERROR_unknown_bot},
        {OP_buddy_message, "nobody@example.org", ERROR_unknown_user},
        {OP_extension_history, "1", ERROR_unknown_app},
        {OP_extension_history, self->sandbox, ERROR_none},
        {OP_channel_message, "closed", ERROR_archived},
        {OP_channel_history, "closed", ERROR_archived},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(s_ask(self, cases[i].op, cases[i].target, self->token), cases[i].code);
}

static void who_may(void **state)
{
    bench_t *self = *state;
    const struct {
        unsigned op;
        const char *target;
        error_code_t code; /* for bob, who belongs to nothing */
    } cases[] = {
        {OP_channel_message, "general", ERROR_not_allowed},
        {OP_channel_history, "general", ERROR_not_allowed},
        {OP_channel_message, "closed", ERROR_not_allowed}, /* and not why it is archived */
        {OP_bot_incoming, "builds", ERROR_none},
        {OP_bot_message, "builds", ERROR_not_allowed},
        {OP_bot_history, "builds", ERROR_not_allowed},
        {OP_extension_history, self->sandbox, ERROR_not_allowed},
        {OP_buddy_message, "ann@example.org", ERROR_none},
        {OP_buddy_history, "ann@example.org", ERROR_not_allowed},
        {OP_buddy_history, "bob@example.org", ERROR_none},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(s_ask(self, cases[i].op, cases[i].target, self->other), cases[i].code);
    YARD_CHANGE(self->yard, view);
    place_add(view, PLACE_BOT, &self->bot, &self->bob, 1);
    place_add(view, PLACE_CHANNEL, &self->channel, &self->bob, 1);
    place_remove(view, PLACE_BOT, &self->bot, &self->ann);
    YARD_DONE(view);
    assert_int_equal(s_ask(self, OP_channel_message, "general", self->other), ERROR_none);
    assert_int_equal(s_ask(self, OP_bot_history, "builds", self->other), ERROR_none);
    /* The owner, though no subscriber. */
    assert_int_equal(s_ask(self, OP_bot_message, "builds", self->token), ERROR_none);
}

static void an_extension_needs_its_appkey(void **state)
{
    bench_t *self = *state;
    char wrong[APPKEY_MOST], marketplace[APP_ID_TEXT];
    snprintf(wrong, sizeof wrong, "%s", self->appkey);
    wrong[9] ^= 1;
    extension_app_id(&self->extension, ENVIRONMENT_MARKETPLACE, marketplace);
    assert_int_equal(s_ask_app(self, self->sandbox, self->other, ""), ERROR_appkey_required);
    assert_int_equal(s_ask_app(self, self->sandbox, self->other, wrong), ERROR_invalid_appkey);
    assert_int_equal(s_ask_app(self, marketplace, self->other, self->appkey), ERROR_invalid_appkey);
    assert_int_equal(s_ask_app(self, "1", self->other, self->appkey), ERROR_unknown_app);
    assert_int_equal(s_ask_app(self, self->sandbox, "bad", self->appkey), ERROR_invalid_token);
    wire_request_t request = s_request(self, OP_extension_incoming, self->sandbox, self->other);
    snprintf(self->appkey_sent, sizeof self->appkey_sent, "%s", self->appkey);
    request.appkey = slice_of(self->appkey_sent);
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_int_equal(request.principal.environment, ENVIRONMENT_SANDBOX);
    assert_true(slice_is(request.target, self->sandbox));
    assert_int_equal(self->appkey_sent[0], 0);
    YARD_CHANGE(self->yard, view);
    extensions_archive(view, &self->extension.id, 5, slice_of("moved"));
    YARD_DONE(view);
    assert_int_equal(s_ask_app(self, self->sandbox, self->other, wrong), ERROR_invalid_appkey);
    assert_int_equal(s_ask_app(self, self->sandbox, self->other, self->appkey), ERROR_archived);
}

static void s_only_by_post(bench_t *self)
{
    place_t place;
    extension_t extension;
    YARD_CHANGE(self->yard, view);
    assert_true(places_named(view, PLACE_BOT, slice_of("builds"), &place));
    place.name = slice_of("builds");
    place.methods = OP_POST | OP_PUT;
    assert_int_equal(places_edit(view, PLACE_BOT, &place), 0);
    assert_true(extensions_get(view, &self->extension.id, &extension));
    extension.name = slice_of("shop");
    extension.methods = OP_POST;
    assert_int_equal(extensions_edit(view, &extension), 0);
    YARD_DONE(view);
}

static void a_method_that_makes_no_event_is_refused_last(void **state)
{
    bench_t *self = *state;
    wire_reply_t reply;
    static const struct {
        unsigned op, method;
        error_code_t code;
    } rows[] = {{OP_bot_incoming, OP_POST, ERROR_none},
                {OP_bot_incoming, OP_PUT, ERROR_none},
                {OP_bot_incoming, OP_GET, ERROR_method_not_allowed},
                {OP_bot_incoming, OP_HEAD, ERROR_method_not_allowed},
                {OP_bot_history, OP_GET, ERROR_none},
                {OP_bot_deliveries, OP_GET, ERROR_none}};
    s_only_by_post(self);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        wire_request_t request = s_request(self, rows[i].op, "builds", self->token);
        request.method = rows[i].method;
        verdict_t verdict = s_verdict(self, &request, slice("", 0), 1000);
        assert_int_equal(verdict.code, rows[i].code);
        if (verdict.code == ERROR_none)
            continue;
        verdict_reply(&verdict, &request, &reply);
        assert_int_equal(reply.status, 405);
        assert_int_equal(reply.fact[0].fact, FACT_ALLOW);
        assert_int_equal(reply.fact[0].value, OP_POST | OP_PUT);
    }
    wire_request_t request = s_request(self, OP_extension_incoming, self->sandbox, self->other);
    request.method = OP_GET;
    assert_int_equal(s_judge(self, &request), ERROR_appkey_required);
    request = s_request(self, OP_extension_incoming, self->sandbox, self->other);
    snprintf(self->appkey_sent, sizeof self->appkey_sent, "%s", self->appkey);
    request.appkey = slice_of(self->appkey_sent);
    request.method = OP_GET;
    assert_int_equal(s_judge(self, &request), ERROR_method_not_allowed);
}

static void a_rate_limit_comes_before_the_target(void **state)
{
    bench_t *self = *state;
    wire_reply_t reply;
    YARD_CHANGE(self->yard, view);
    token_t token;
    assert_true(tokens_find(view, &self->token_id, &token));
    token.rate = 1;
    token.burst = 2;
    tokens_edit(view, &token);
    YARD_DONE(view);
    assert_int_equal(s_ask(self, OP_channel_message, "general", self->token), ERROR_none);
    assert_int_equal(s_ask(self, OP_channel_message, "nowhere", self->token),
                     ERROR_unknown_channel);
    wire_request_t request = s_request(self, OP_channel_message, "nowhere", self->token);
    verdict_t verdict = s_verdict(self, &request, slice("", 0), 1000);
    verdict_reply(&verdict, &request, &reply);
    assert_int_equal(reply.status, 429);
    assert_int_equal(reply.error, ERROR_rate_limited);
    assert_int_equal(reply.retry_after_s, 1);
    assert_int_equal(reply.facts, 3);
    assert_int_equal(reply.fact[0].fact, FACT_RATE_LIMIT);
    assert_int_equal(reply.fact[0].value, 1);
    assert_int_equal(reply.fact[2].fact, FACT_RATE_RESET_S);
    assert_int_equal(reply.fact[2].value, 1);
    request = s_request(self, OP_channel_message, "general", self->token);
    request.attempt = 2;
    assert_int_equal(s_judge(self, &request), ERROR_none);
    /* Another token of the same kind is not touched; a wrong one is never charged. */
    assert_int_equal(s_ask(self, OP_bot_incoming, "builds", self->other), ERROR_none);
}

/* Gives ann's token these terms. */
static void s_bind(bench_t *self, const terms_t *terms)
{
    pack_t encoded = {0};
    token_t token;
    terms_write(terms, &encoded);
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_find(view, &self->token_id, &token));
    token.terms = slice(encoded.data, encoded.len);
    tokens_edit(view, &token);
    YARD_DONE(view);
    pack_free(&encoded);
}

static void a_scope_is_obeyed(void **state)
{
    bench_t *self = *state;
    terms_t terms = terms_none();
    uuid_t7 other = yard_place(self->yard, PLACE_CHANNEL, "other", &self->ann);
    char id[UUID_TEXT];
    uuid_text(&self->channel, id);
    terms.listed = true;
    terms.targets[TERMS_CHANNELS] = slice(self->channel.bytes, UUID_BYTES);
    terms.targets[TERMS_BOTS] = slice(other.bytes, UUID_BYTES);
    s_bind(self, &terms);
    const struct {
        unsigned op;
        const char *target;
        error_code_t code;
    } cases[] = {
        {OP_channel_message, "general", ERROR_none},
        {OP_channel_history, "general", ERROR_none},
        {OP_chat_message, id, ERROR_none},
        {OP_channel_message, "other", ERROR_out_of_scope},
        {OP_channel_message, "closed", ERROR_out_of_scope},
        {OP_channel_message, "nowhere", ERROR_unknown_channel},
        {OP_bot_incoming, "builds", ERROR_out_of_scope},
        {OP_buddy_message, "bob@example.org", ERROR_out_of_scope},
        {OP_buddy_message, "nobody@example.org", ERROR_out_of_scope},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(s_ask(self, cases[i].op, cases[i].target, self->token), cases[i].code);
    assert_int_equal(s_ask_app(self, self->sandbox, self->token, self->appkey), ERROR_out_of_scope);
    terms.targets[TERMS_EXTENSIONS] = slice(self->extension.id.bytes, UUID_BYTES);
    s_bind(self, &terms);
    assert_int_equal(s_ask_app(self, self->sandbox, self->token, self->appkey), ERROR_none);
}

static error_code_t s_ask_from(bench_t *self, const char *client, const char *target)
{
    wire_request_t request = s_request(self, OP_channel_message, target, self->token);
    request.client = slice_of(client);
    return s_judge(self, &request);
}

static void addresses_come_first_and_cost_no_limit(void **state)
{
    bench_t *self = *state;
    static const char bytes[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\0\x68"; /* 10.0.0.0/8 */
    terms_t terms = terms_none();
    terms.networks = slice(bytes, TERMS_NETWORK);
    s_bind(self, &terms);
    self->judge.rate = 1;
    self->judge.burst = 1;
    assert_int_equal(s_ask_from(self, "11.0.0.1", "nowhere"), ERROR_address_not_allowed);
    assert_int_equal(s_ask_from(self, "", "general"), ERROR_address_not_allowed);
    assert_int_equal(s_ask_from(self, "10.2.3.4", "general"), ERROR_none);
    assert_int_equal(s_ask_from(self, "10.2.3.4", "general"), ERROR_rate_limited);
    assert_int_equal(s_ask_from(self, "11.0.0.1", "general"), ERROR_address_not_allowed);
}

static void a_token_may_be_for_posting_and_for_small_bodies(void **state)
{
    bench_t *self = *state;
    terms_t terms = terms_none();
    terms.post_only = true;
    terms.body_bytes = 10;
    s_bind(self, &terms);
    assert_int_equal(s_ask(self, OP_channel_history, "general", self->token), ERROR_out_of_scope);
    assert_int_equal(s_ask(self, OP_channel_message, "general", self->token), ERROR_none);
    for (size_t len = 10; len <= 11; len++) {
        wire_request_t request = s_request(self, OP_channel_message, "general", self->token);
        verdict_t verdict = s_verdict(self, &request, slice("0123456789abcdef", len), 1000);
        assert_int_equal(verdict.code, len == 10 ? ERROR_none : ERROR_body_too_large);
        assert_int_equal(verdict.detail.len > 0, len == 11);
    }
    assert_int_equal(s_ask(self, OP_token_self, "", self->token), ERROR_none);
}

static void a_replaced_token_says_since_when_and_until(void **state)
{
    bench_t *self = *state;
    wire_reply_t reply;
    terms_t terms = terms_none();
    terms.replaced_ms = 1764000000999;
    s_bind(self, &terms);
    YARD_CHANGE(self->yard, view);
    token_t token;
    assert_true(tokens_find(view, &self->token_id, &token));
    token.expires_ms = 1764086400999;
    tokens_edit(view, &token);
    YARD_DONE(view);
    wire_request_t request = s_request(self, OP_channel_message, "general", self->token);
    verdict_t verdict = s_verdict(self, &request, slice("", 0), 1764000001000);
    assert_int_equal(verdict.code, ERROR_none);
    assert_true(slice_is(request.principal.facts, "5=1764000000 6=1764086400"));
    request = s_request(self, OP_channel_message, "nowhere", self->token);
    verdict = s_verdict(self, &request, slice("", 0), 1764000001000);
    verdict_reply(&verdict, &request, &reply);
    assert_int_equal(reply.facts, 2);
    assert_int_equal(reply.fact[1].fact, FACT_SUNSET);
    assert_int_equal(reply.fact[1].value, 1764086400);
    request = s_request(self, OP_channel_message, "general", self->token);
    verdict = s_verdict(self, &request, slice("", 0), 1764086400999);
    assert_int_equal(verdict.code, ERROR_token_expired);
}

static void an_unknown_operation_is_unavailable(void **state)
{
    bench_t *self = *state;
    assert_int_equal(s_ask(self, 19, "general", self->token), ERROR_unavailable);
    assert_int_equal(s_ask(self, 60000, "general", self->token), ERROR_unavailable);
    assert_int_equal(s_ask(self, OP_user_create, "general", self->token), ERROR_unavailable);
}

/* What a gateway says of a handler is not believed. */
static void an_event_brings_the_handler_of_its_target(void **state)
{
    bench_t *self = *state;
    wire_handler_t told;
    wire_request_t request = s_request(self, OP_bot_incoming, "builds", self->other);
    request.handler = slice_of("forged");
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_int_equal(request.handler.len, 0);
    YARD_CHANGE(self->yard, view);
    handlers_put(view, &(handler_t){.target = self->bot,
                                    .kind = OWNER_BOT,
                                    .version = 7,
                                    .url = slice_of("http://h.example/"),
                                    .name = slice_of("builds"),
                                    .access = slice_of("builds"),
                                    .sealed_key = slice("", 0),
                                    .concurrency = 8});
    YARD_DONE(view);
    request = s_request(self, OP_bot_incoming, "builds", self->other);
    request.handler = slice_of("forged");
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_int_equal(wire_handler_decode(&told, request.handler), 0);
    assert_int_equal(told.version, 7);
    assert_true(slice_is(told.url, "http://h.example/"));
    request = s_request(self, OP_bot_message, "builds", self->token);
    request.handler = slice_of("forged");
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_int_equal(request.handler.len, 0);
    request = s_request(self, OP_bot_handler_push, "builds", self->token);
    request.handler = slice_of("forged");
    assert_int_equal(s_judge(self, &request), ERROR_unavailable);
    assert_int_equal(request.handler.len, 0);
}

static void every_public_operation_can_be_judged(void **state)
{
    bench_t *self = *state;
    for (const op_t *op = op_table; op < op_table + op_table_len; op++) {
        bool judged = op->credentials < CRED_ADMIN || op->credentials == CRED_PERSON;
        error_code_t code = judged ? ERROR_invalid_token : ERROR_unavailable;
        assert_true(op->credentials == CRED_ADMIN || op->credentials == CRED_SIGNATURE ||
                    s_ask(self, op->number, "x", "bad") == code);
    }
}

static void s_key(bench_t *self, unsigned op, const char *target, const char *token,
                  const char *key, uint8_t dedupe[WIRE_DEDUPE])
{
    pack_t headers = {0};
    wire_pairs_add(&headers, slice_of("content-type"), slice_of("application/json"));
    wire_pairs_add(&headers, slice_of("idempotency-key"), slice_of(key));
    wire_request_t request = s_request(self, op, target, token);
    request.headers = wire_pairs_of(&headers);
    assert_int_equal(s_judge(self, &request), ERROR_none);
    assert_int_equal(request.principal.dedupe.len, WIRE_DEDUPE);
    memcpy(dedupe, request.principal.dedupe.data, WIRE_DEDUPE);
    pack_free(&headers);
}

static void a_dedupe_key_belongs_to_user_operation_target_and_key(void **state)
{
    bench_t *self = *state;
    uint8_t first[WIRE_DEDUPE], other[WIRE_DEDUPE];
    s_key(self, OP_bot_incoming, "builds", self->token, "k1", first);
    s_key(self, OP_bot_incoming, "builds", self->token, "k1", other);
    assert_memory_equal(first, other, WIRE_DEDUPE);
    s_key(self, OP_bot_incoming, "builds", self->token, "k2", other);
    assert_memory_not_equal(first, other, WIRE_DEDUPE);
    s_key(self, OP_bot_message, "builds", self->token, "k1", other);
    assert_memory_not_equal(first, other, WIRE_DEDUPE);
    s_key(self, OP_bot_incoming, "builds", self->other, "k1", other);
    assert_memory_not_equal(first, other, WIRE_DEDUPE);
    s_key(self, OP_channel_message, "general", self->token, "k1", other);
    assert_memory_not_equal(first, other, WIRE_DEDUPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_accepted_request_has_its_principal_and_no_credentials),
        TEST(a_target_becomes_canonical),
        TEST(unknown_deleted_and_malformed_tokens_are_alike),
        TEST(a_foreign_token_is_accepted),
        TEST(a_deleted_users_token_is_unknown),
        TEST(an_expired_token_says_so),
        TEST(each_target_is_found_or_named_unknown),
        TEST(who_may),
        TEST(an_extension_needs_its_appkey),
        TEST(a_method_that_makes_no_event_is_refused_last),
        TEST(a_rate_limit_comes_before_the_target),
        TEST(a_scope_is_obeyed),
        TEST(addresses_come_first_and_cost_no_limit),
        TEST(a_token_may_be_for_posting_and_for_small_bodies),
        TEST(a_replaced_token_says_since_when_and_until),
        TEST(an_unknown_operation_is_unavailable),
        TEST(an_event_brings_the_handler_of_its_target),
        TEST(every_public_operation_can_be_judged),
        TEST(a_dedupe_key_belongs_to_user_operation_target_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
