#include "common/source/handshake.h"

#include "common/base/secret.h"
#include "common/source/body_field.h"
#include "common/source/mac.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>

enum { TYPE = 32 };

static const struct {
    const char *name;
    handshake_needs_t needs;
} s_rows[] = {
    {"none", HANDSHAKE_NEEDS_OPEN},
#define HANDSHAKE(name, needs, request, answer) {#name, HANDSHAKE_NEEDS_##needs},
#include "common/source/handshakes.def"
#undef HANDSHAKE
};

/* One that is being answered. */
typedef struct {
    const source_request_t *request;
    const source_key_t *keys;
    size_t count;
    slice_t verify_token;
    handshake_answer_t *answer;
} handshaking_t;

const char *handshake_name(handshake_t which)
{
    return s_rows[which].name;
}

handshake_needs_t handshake_needs(handshake_t which)
{
    return s_rows[which].needs;
}

static bool s_has_header(const source_request_t *request, const char *name)
{
    slice_t value;
    return source_header(request, slice_of(name), &value) > 0;
}

static bool s_has_param(const source_request_t *request, const char *name)
{
    slice_t value;
    return source_param(request, name, &value);
}

/* Whether PATH of the body is TEXT; the body is parsed only where TEXT stands in it. */
static bool s_body_is(const source_request_t *request, const char *path, const char *text)
{
    char value[TYPE];
    size_t len;
    slice_t body = request->body;
    return body.len <= HANDSHAKE_BODY && body.len &&
           memmem(body.data, body.len, text, strlen(text)) &&
           body_field_copy(body, path, value, sizeof value, &len) &&
           slice_is(slice(value, len), text);
}

static handshake_t s_find_get(const source_request_t *request)
{
    if (s_has_param(request, "hub.mode") && s_has_param(request, "hub.challenge"))
        return HANDSHAKE_hub;
    if (s_has_param(request, "crc_token"))
        return HANDSHAKE_x;
    return s_has_param(request, "challenge") ? HANDSHAKE_challenge : HANDSHAKE_none;
}

static bool s_is_notion(const source_request_t *request)
{
    char token[HANDSHAKE_TOKEN];
    size_t len;
    slice_t body = request->body;
    return body.len <= HANDSHAKE_BODY && body.len &&
           memmem(body.data, body.len, "\"verification_token\"", 20) &&
           !s_has_header(request, "x-notion-signature") &&
           body_field_copy(body, "verification_token", token, sizeof token, &len);
}

static handshake_t s_find_post(const source_request_t *request)
{
    if (s_has_param(request, "validationToken"))
        return HANDSHAKE_graph;
    if (s_has_header(request, "x-hook-secret"))
        return HANDSHAKE_asana;
    if (s_has_header(request, "x-signature-ed25519"))
        return s_body_is(request, "type", "1") || s_body_is(request, "type", "0")
                   ? HANDSHAKE_discord
                   : HANDSHAKE_none;
    if (s_body_is(request, "type", "url_verification"))
        return HANDSHAKE_slack;
    if (s_body_is(request, "event", "endpoint.url_validation"))
        return HANDSHAKE_zoom;
    return s_is_notion(request) ? HANDSHAKE_notion : HANDSHAKE_none;
}

handshake_t handshake_find(const source_request_t *request)
{
    if (slice_is(request->method, "HEAD"))
        return HANDSHAKE_head;
    if (slice_is(request->method, "GET"))
        return s_find_get(request);
    return slice_is(request->method, "POST") ? s_find_post(request) : HANDSHAKE_none;
}

static void s_refuse(handshaking_t *self, unsigned status, const char *why)
{
    handshake_answer_t *answer = self->answer;
    answer->status = status;
    answer->type = "text/plain";
    answer->body_len = (size_t)snprintf(answer->body, sizeof answer->body, "%s", why);
}

/* Printable ASCII that no browser takes for markup. */
static bool s_is_plain(slice_t text, size_t most)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~' || is_one_of(text.data[i], "<>&\"'`\\"))
            return false;
    return text.len > 0 && text.len <= most;
}

/* What base64 and its kin are made of. */
static bool s_is_token(slice_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            !is_one_of(c, "-_+/=."))
            return false;
    }
    return text.len > 0 && text.len <= HANDSHAKE_TOKEN;
}

static void s_echo(handshaking_t *self, slice_t text)
{
    handshake_answer_t *answer = self->answer;
    if (!s_is_plain(text, HANDSHAKE_ECHO)) {
        s_refuse(
            self, 400,
            "The challenge is empty, longer than 1024 bytes, or has other characters than plain "
            "text has.");
        return;
    }
    answer->type = "text/plain";
    memcpy(answer->body, text.data, text.len);
    answer->body_len = text.len;
}

static void s_echo_param(handshaking_t *self, const char *name)
{
    slice_t value = slice(NULL, 0);
    source_param(self->request, name, &value);
    s_echo(self, value);
}

/* A value of the body, which may be anything; "" when it is not there. */
static slice_t s_body_text(handshaking_t *self, const char *path, char *room, size_t size)
{
    size_t len = 0;
    body_field_copy(self->request->body, path, room, size, &len);
    return slice(room, len);
}

/* The HMAC-SHA256 of TEXT by the newest secret; false after a refusal. */
static bool s_sign(handshaking_t *self, slice_t text, uint8_t mac[MAC_MAX])
{
    if (!s_is_token(text))
        s_refuse(self, 400, "The token has other characters than base64 has, or is too long.");
    else if (!self->count)
        s_refuse(self, 403, "There is no secret to answer this with.");
    else
        mac_hmac(ALG_HMAC_SHA256, slice(self->keys[0].bytes, self->keys[0].len), &text, 1, mac);
    return self->answer->status == 200;
}

static void s_slack(handshaking_t *self)
{
    char room[HANDSHAKE_ECHO];
    s_echo(self, s_body_text(self, "challenge", room, sizeof room));
}

/* WebSub §5.3, and Meta's verify token. */
static void s_hub(handshaking_t *self)
{
    slice_t token = slice("", 0), mode = slice("", 0), expected = self->verify_token;
    bool given = source_param(self->request, "hub.verify_token", &token);
    source_param(self->request, "hub.mode", &mode);
    if (given && !expected.len)
        s_refuse(self, 403,
                 "The source has no verify token: set the one typed in at the sender's.");
    else if (expected.len && !secret_eq(token.data, token.len, expected.data, expected.len))
        s_refuse(self, 403, "hub.verify_token is not the source's verify token.");
    else if (!expected.len && !slice_is(mode, "subscribe"))
        s_refuse(self, 403, "Without a verify token only hub.mode=subscribe is confirmed.");
    else
        s_echo_param(self, "hub.challenge");
}

static void s_graph(handshaking_t *self)
{
    s_echo_param(self, "validationToken");
}

static void s_challenge(handshaking_t *self)
{
    s_echo_param(self, "challenge");
}

static void s_zoom(handshaking_t *self)
{
    char room[HANDSHAKE_TOKEN], hex[2 * MAC_SHA256 + 1];
    uint8_t mac[MAC_MAX];
    slice_t token = s_body_text(self, "payload.plainToken", room, sizeof room);
    if (!s_sign(self, token, mac))
        return;
    sodium_bin2hex(hex, sizeof hex, mac, MAC_SHA256);
    self->answer->type = "application/json";
    self->answer->body_len = (size_t)snprintf(self->answer->body, sizeof self->answer->body,
                                              "{\"plainToken\":\"%.*s\",\"encryptedToken\":\"%s\"}",
                                              SLICE_ARG(token), hex);
}

static void s_x(handshaking_t *self)
{
    char base64[64];
    uint8_t mac[MAC_MAX];
    slice_t token = slice(NULL, 0);
    source_param(self->request, "crc_token", &token);
    if (!s_sign(self, token, mac))
        return;
    sodium_bin2base64(base64, sizeof base64, mac, MAC_SHA256, sodium_base64_VARIANT_ORIGINAL);
    self->answer->type = "application/json";
    self->answer->body_len = (size_t)snprintf(self->answer->body, sizeof self->answer->body,
                                              "{\"response_token\":\"sha256=%s\"}", base64);
}

static bool s_learn(handshaking_t *self, slice_t token)
{
    if (!s_is_token(token)) {
        s_refuse(self, 400, "The secret has other characters than base64 has, or is too long.");
        return false;
    }
    memcpy(self->answer->learned, token.data, token.len);
    self->answer->learned[token.len] = '\0';
    return true;
}

static void s_notion(handshaking_t *self)
{
    char room[HANDSHAKE_TOKEN];
    s_learn(self, s_body_text(self, "verification_token", room, sizeof room));
    secret_wipe(room, sizeof room);
}

static void s_asana(handshaking_t *self)
{
    slice_t secret;
    source_header(self->request, slice_of("x-hook-secret"), &secret);
    if (s_learn(self, secret))
        self->answer->header = "X-Hook-Secret";
}

static void s_head(handshaking_t *self)
{
    (void)self;
}

static void s_discord(handshaking_t *self)
{
    char room[TYPE];
    if (slice_is(s_body_text(self, "type", room, sizeof room), "1")) {
        self->answer->type = "application/json";
        self->answer->body_len = (size_t)snprintf(self->answer->body, TYPE, "{\"type\":1}");
    } else {
        self->answer->status = 204;
    }
}

void handshake_answer(handshake_t which, const source_request_t *request, const source_key_t *keys,
                      size_t count, slice_t verify_token, handshake_answer_t *answer)
{
    static void (*const answers[])(handshaking_t *) = {
        NULL,
#define HANDSHAKE(name, needs, request, answer) s_##name,
#include "common/source/handshakes.def"
#undef HANDSHAKE
    };
    handshaking_t self = {request, keys, count, verify_token, answer};
    assert(which != HANDSHAKE_none);
    memset(answer, 0, sizeof *answer);
    answer->status = 200;
    answers[which](&self);
}
