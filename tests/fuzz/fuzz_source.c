/* Requests of strangers and schemes of anybody: verification and handshakes say the same twice,
 * never take what nobody signed, always take what was signed, and echo nothing but plain text.
 *
 * The first line of the input names what is tried: a preset, or "scheme" with its texts in the
 * lines that follow, one a field. Then come method, URL, and the lines "name: value" of headers and
 * "?name=value" of parameters, up to an empty line; the rest is the body. */
#include "common/source/presets.h"
#include "common/source/verify.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEX = 129, AT_S = 1767323045 };

static const char s_secret[] = "c3BsaW50ZXJlZC1zZWNyZXQtb2YtZnV6emVy";

typedef struct {
    slice_t rest;
    pack_t headers, params;
    scheme_texts_t texts;
    scheme_t scheme;
    source_request_t request;
    source_key_t key;
    bool told; /* the input holds the secret: what repeats a part of it tells nobody anything */
} trial_t;

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

static slice_t s_line(trial_t *self)
{
    const char *end = self->rest.len ? memchr(self->rest.data, '\n', self->rest.len) : NULL;
    slice_t line = slice(self->rest.data, end ? (size_t)(end - self->rest.data) : self->rest.len);
    size_t taken = line.len + (end != NULL);
    self->rest = slice(self->rest.data + taken, self->rest.len - taken);
    return line;
}

static bool s_read_scheme(trial_t *self)
{
    char err[256] = "";
    slice_t name = s_line(self);
    const preset_t *preset = preset_find(name);
    if (preset)
        self->texts = preset->texts;
    else
        for (unsigned f = 0; slice_is(name, "scheme") && f < SCHEME_FIELDS; f++)
            self->texts.field[f] = s_line(self);
    bool good = scheme_read(&self->texts, &self->scheme, err, sizeof err);
    s_require(good == (err[0] == '\0') && (good || !preset));
    return good;
}

static void s_add(pack_t *pairs, slice_t line, char between)
{
    const char *at = memchr(line.data, between, line.len);
    size_t name = at ? (size_t)(at - line.data) : line.len;
    wire_pairs_add(pairs, slice(line.data, name),
                   at ? slice(at + 1, line.len - name - 1) : slice("", 0));
}

static void s_read_request(trial_t *self)
{
    self->request.wall_ms = (int64_t)AT_S * 1000;
    self->request.method = s_line(self);
    self->request.url = s_line(self);
    for (slice_t line = s_line(self); line.len; line = s_line(self))
        if (*line.data == '?')
            s_add(&self->params, slice(line.data + 1, line.len - 1), '=');
        else
            s_add(&self->headers, line, ':');
    self->request.headers = wire_pairs_of(&self->headers);
    self->request.params = wire_pairs_of(&self->params);
    self->request.body = self->rest;
}

static bool s_read_key(trial_t *self)
{
    static const char ed25519[] =
        "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
    static const char p256[] =
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqI"
        "M8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    char err[256];
    const char *text = self->scheme.alg == ALG_ED25519      ? ed25519
                       : self->scheme.alg == ALG_ECDSA_P256 ? p256
                                                            : s_secret;
    return source_key_read(&self->scheme, slice_of(text), &self->key, err, sizeof err);
}

/* Strangers cannot sign, but for what is no signature. */
static void s_verify(trial_t *self)
{
    source_verdict_t first, second;
    source_verify(&self->scheme, &self->key, 1, &self->request, &first);
    source_verify(&self->scheme, &self->key, 1, &self->request, &second);
    s_require(first.outcome == second.outcome && strcmp(first.reason, second.reason) == 0);
    s_require((first.outcome == SOURCE_SIGNED) == (first.reason[0] == '\0'));
    s_require(strlen(first.reason) < SOURCE_REASON - 1);
    s_require(self->told || !strstr(first.reason, s_secret));
    s_require(first.outcome != SOURCE_SIGNED || self->scheme.alg == ALG_EQUAL ||
              self->scheme.alg == ALG_ED25519 || self->scheme.alg == ALG_ECDSA_P256);
}

/* The same body, signed as GitHub does. */
static void s_verify_signed(trial_t *self)
{
    char hex[HEX], value[HEX + 8];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    scheme_t github;
    source_verdict_t verdict;
    source_request_t request = self->request;
    pack_t headers = {0};
    char err[256];
    s_require(scheme_read(&preset_find(slice_of("github"))->texts, &github, err, sizeof err));
    s_require(source_key_read(&github, slice_of(s_secret), &self->key, err, sizeof err));
    crypto_auth_hmacsha256_init(&state, self->key.bytes, self->key.len);
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)request.body.data, request.body.len);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    snprintf(value, sizeof value, "sha256=%s", hex);
    wire_pairs_add(&headers, slice_of("x-hub-signature-256"), slice_of(value));
    request.headers = wire_pairs_of(&headers);
    source_verify(&github, &self->key, 1, &request, &verdict);
    s_require(verdict.outcome == SOURCE_SIGNED && verdict.key == 1);
    if (request.body.len) {
        request.body.len--;
        source_verify(&github, &self->key, 1, &request, &verdict);
        s_require(verdict.outcome == SOURCE_REFUSED);
    }
    pack_free(&headers);
}

static void s_shake(const trial_t *self)
{
    handshake_answer_t answer;
    handshake_t which = handshake_find(&self->request);
    if (which == HANDSHAKE_none)
        return;
    handshake_answer(which, &self->request, &self->key, self->key.len ? 1 : 0, slice(NULL, 0),
                     &answer);
    s_require(answer.status == 200 || answer.status == 204 || answer.status == 400 ||
              answer.status == 403);
    s_require(answer.body_len <= HANDSHAKE_ECHO && (answer.type != NULL) == (answer.body_len > 0));
    for (size_t i = 0; i < answer.body_len; i++) {
        s_require(answer.body[i] >= ' ' && answer.body[i] <= '~');
        s_require(!strchr("<>&`\\", answer.body[i]));
    }
    s_require(!strpbrk(answer.learned, "\r\n"));
    s_require(self->told || !strstr(answer.body, s_secret));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trial_t self = {.rest = slice(data, size),
                    .told = memmem(data, size, s_secret, sizeof s_secret - 1) != NULL};
    bool good = s_read_scheme(&self);
    s_read_request(&self);
    if (good && s_read_key(&self))
        s_verify(&self);
    s_shake(&self);
    s_verify_signed(&self);
    pack_free(&self.headers);
    pack_free(&self.params);
    return 0;
}
