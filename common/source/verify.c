#include "common/source/verify.h"

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/source/body_field.h"
#include "common/source/mac.h"
#include "common/source/shown.h"
#include "common/source/signed.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

enum { SIGNATURE = 80, TS_TEXT = 40 };

typedef struct {
    uint8_t bytes[SIGNATURE];
    size_t len;
} signature_t;

/* One verification. */
typedef struct {
    const scheme_t *scheme;
    const source_key_t *keys;
    size_t count;
    const source_request_t *request;
    source_verdict_t *verdict;
    slice_t ts; /* as the header has it */
    unsigned headers;
    signature_t signature[SOURCE_SIGNATURES]; /* of the right length: verdict->compared */
} verifying_t;

__attribute__((format(printf, 3, 4))) static bool s_refuse(verifying_t *self, source_fault_t fault,
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(self->verdict->reason, SOURCE_REASON, format, args);
    va_end(args);
    self->verdict->fault = fault;
    self->verdict->outcome = fault == SOURCE_FAULT_missing ? SOURCE_UNSIGNED : SOURCE_REFUSED;
    return false;
}

static bool s_begins(slice_t text, slice_t with)
{
    return text.len >= with.len && (with.len == 0 || memcmp(text.data, with.data, with.len) == 0);
}

static bool s_decode(const scheme_t *scheme, slice_t text, signature_t *signature)
{
    const char *end = NULL;
    int rc;
    if (scheme->encoding == ENCODING_HEX)
        rc = sodium_hex2bin(signature->bytes, SIGNATURE, text.data, text.len, NULL, &signature->len,
                            &end);
    else
        rc = sodium_base642bin(signature->bytes, SIGNATURE, text.data, text.len, NULL,
                               &signature->len, &end, sodium_base64_VARIANT_ORIGINAL);
    size_t len = scheme_signature_len(scheme);
    return rc == 0 && end == text.data + text.len &&
           (scheme->alg == ALG_ECDSA_P256 ? signature->len > 0 && signature->len <= len
                                          : signature->len == len);
}

static unsigned s_most(const scheme_t *scheme)
{
    bool is_public = scheme->alg == ALG_ED25519 || scheme->alg == ALG_ECDSA_P256;
    return is_public ? SOURCE_PUBLIC_CHECKS : SOURCE_SIGNATURES;
}

static void s_take_item(verifying_t *self, slice_t item)
{
    const scheme_t *scheme = self->scheme;
    source_verdict_t *verdict = self->verdict;
    item = slice_trim(item, OWS);
    if (scheme->ts_at == AT_ITEM && !self->ts.data && s_begins(item, scheme->ts))
        self->ts = slice(item.data + scheme->ts.len, item.len - scheme->ts.len);
    else if (s_begins(item, scheme->item) && ++verdict->signatures <= s_most(scheme) &&
             s_decode(scheme, slice(item.data + scheme->item.len, item.len - scheme->item.len),
                      &self->signature[verdict->compared]))
        verdict->compared++;
}

static void s_take_value(verifying_t *self, slice_t value)
{
    char separator = self->scheme->separator;
    const char *end = value.data + value.len;
    for (const char *from = value.data, *next; value.len && from < end; from = next + 1) {
        next = separator ? memchr(from, separator, (size_t)(end - from)) : NULL;
        next = next ? next : end;
        s_take_item(self, slice(from, (size_t)(next - from)));
    }
}

/* The signatures of all headers of that name. */
static bool s_take_headers(verifying_t *self)
{
    const scheme_t *scheme = self->scheme;
    slice_t name, value;
    wire_pairs_t each = wire_pairs_begin(self->request->headers);
    while (wire_pairs_next(&each, &name, &value))
        if (slice_eq(name, scheme->header)) {
            self->headers++;
            s_take_value(self, value);
        }
    if (!self->headers)
        return s_refuse(self, SOURCE_FAULT_missing, "header %.*s is missing",
                        SLICE_ARG(scheme->header));
    if (!self->verdict->signatures)
        return s_refuse(self, SOURCE_FAULT_malformed,
                        "header %.*s has nothing that begins with %.*s", SLICE_ARG(scheme->header),
                        SLICE_ARG(scheme->item));
    if (self->verdict->signatures > s_most(scheme))
        return s_refuse(self, SOURCE_FAULT_malformed, "header %.*s has more than %u signatures",
                        SLICE_ARG(scheme->header), s_most(scheme));
    if (!self->verdict->compared)
        return s_refuse(self, SOURCE_FAULT_malformed, "the signature is not %s of %zu bytes",
                        scheme->encoding == ENCODING_HEX ? "hexadecimal digits" : "base64",
                        scheme_signature_len(scheme));
    return true;
}

static bool s_find_ts(verifying_t *self)
{
    const scheme_t *scheme = self->scheme;
    if (scheme->ts_at == AT_HEADER) {
        unsigned count = source_header(self->request, scheme->ts, &self->ts);
        if (count != 1)
            return s_refuse(self, SOURCE_FAULT_malformed, "header %.*s %s", SLICE_ARG(scheme->ts),
                            count ? "stands there twice" : "is missing");
    }
    if (scheme->ts_at == AT_ITEM && !self->ts.data)
        return s_refuse(self, SOURCE_FAULT_malformed, "header %.*s has no time, %.*s",
                        SLICE_ARG(scheme->header), SLICE_ARG(scheme->ts));
    return true;
}

/* Whether one of the keys made one of the signatures; all are compared. */
static bool s_compare(verifying_t *self, const slice_t *parts, size_t count)
{
    const scheme_t *scheme = self->scheme;
    uint8_t mac[MAC_MAX];
    for (unsigned k = 0; k < self->count; k++) {
        slice_t key = slice(self->keys[k].bytes, self->keys[k].len);
        size_t len = 0;
        bool good = false;
        if (scheme->alg <= ALG_HMAC_SHA512)
            len = mac_hmac(scheme->alg, key, parts, count, mac);
        for (unsigned i = 0; i < self->verdict->compared; i++) {
            const signature_t *one = &self->signature[i];
            slice_t signature = slice(one->bytes, one->len);
            if (scheme->alg == ALG_ED25519)
                good |= mac_ed25519(key, parts, count, signature);
            else if (scheme->alg == ALG_ECDSA_P256)
                good |= mac_p256(key, parts, count, signature);
            else
                good |= secret_eq(one->bytes, one->len, mac, len);
        }
        if (good && !self->verdict->key)
            self->verdict->key = k + 1;
    }
    secret_wipe(mac, sizeof mac);
    return self->verdict->key != 0;
}

static bool s_check_signature(verifying_t *self)
{
    signed_t content;
    slice_t parts[SCHEME_PARTS];
    bool good = false, ready = signed_prepare(&content, self->scheme, self->request, self->ts,
                                              self->verdict->reason, SOURCE_REASON);
    unsigned urls = content.urls ? content.urls : 1;
    for (unsigned i = 0; ready && !good && i < urls; i++)
        good = s_compare(self, parts, signed_parts(&content, i, parts));
    signed_wipe(&content);
    if (!ready) {
        self->verdict->outcome = SOURCE_REFUSED;
        self->verdict->fault = SOURCE_FAULT_malformed;
    }
    if (ready && !good)
        s_refuse(self, SOURCE_FAULT_mismatch, "no signature matches");
    return good;
}

/* Milliseconds since 1970; -1: it is no time. */
static int64_t s_ts_ms(const scheme_t *scheme, slice_t text)
{
    int64_t value = 0;
    if (scheme->ts_form == TS_RFC3339)
        return clock_parse(text);
    if (text.len == 0 || text.len > 15)
        return -1;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return -1;
        value = value * 10 + text.data[i] - '0';
    }
    return scheme->ts_form == TS_SECONDS ? value * 1000 : value;
}

typedef struct {
    char text[TS_TEXT];
    size_t len;
    unsigned count;
} ts_copy_t;

static void s_copy_ts(void *arg, slice_t value)
{
    ts_copy_t *copy = arg;
    if (copy->count++ == 0 && value.len <= TS_TEXT) {
        copy->len = value.len;
        if (value.len)
            memcpy(copy->text, value.data, value.len);
    }
}

static bool s_check_time(verifying_t *self)
{
    const scheme_t *scheme = self->scheme;
    source_verdict_t *verdict = self->verdict;
    ts_copy_t copy = {.len = 0};
    if (!scheme->tolerance_s)
        return true;
    if (scheme->ts_at == AT_BODY &&
        !body_field_each(self->request->body, scheme->ts, s_copy_ts, &copy))
        return s_refuse(self, SOURCE_FAULT_malformed, "the body, which has the time, is no JSON");
    int64_t ms = s_ts_ms(scheme, scheme->ts_at == AT_BODY ? slice(copy.text, copy.len) : self->ts);
    if (ms < 0)
        return s_refuse(self, SOURCE_FAULT_malformed,
                        "the time of the signature is missing or no time");
    verdict->timed = true;
    verdict->age_s = (self->request->wall_ms - ms) / 1000;
    if (verdict->age_s > (int64_t)scheme->tolerance_s)
        return s_refuse(self, SOURCE_FAULT_old, "timestamp is %" PRId64 " s old, more than %u",
                        verdict->age_s, scheme->tolerance_s);
    if (verdict->age_s < -(int64_t)scheme->tolerance_s)
        return s_refuse(self, SOURCE_FAULT_ahead,
                        "timestamp is %" PRId64 " s ahead, more than %u: is a clock wrong?",
                        -verdict->age_s, scheme->tolerance_s);
    return true;
}

/* A field of the body with ALG_EQUAL, given or not. */
static void s_take_equal(void *arg, slice_t value)
{
    verifying_t *self = arg;
    self->verdict->signatures++;
    if (!value.data)
        return;
    self->headers++;
    unsigned key = source_key_of(value, self->scheme->item, self->keys, self->count);
    if (key) {
        self->verdict->compared++;
        self->verdict->key = key;
    }
}

/* Every place that the path leads to must have the secret. */
static void s_verify_body(verifying_t *self)
{
    slice_t path = self->scheme->header;
    if (!body_field_each(self->request->body, path, s_take_equal, self))
        s_refuse(self, SOURCE_FAULT_malformed, "the body, which has the secret, is no JSON");
    else if (!self->headers)
        s_refuse(self, SOURCE_FAULT_missing, "field %.*s is missing", SLICE_ARG(path));
    else if (self->verdict->compared < self->verdict->signatures)
        s_refuse(self, SOURCE_FAULT_mismatch, "field %.*s is not the secret", SLICE_ARG(path));
}

void source_verdict_told(const scheme_t *scheme, source_told_t told, source_verdict_t *verdict)
{
    verifying_t self = {.scheme = scheme, .verdict = verdict};
    memset(verdict, 0, sizeof *verdict);
    if (told == TOLD_MISSING)
        s_refuse(&self, SOURCE_FAULT_missing, "header %.*s is missing", SLICE_ARG(scheme->header));
    else if (told != TOLD_RIGHT)
        s_refuse(&self, SOURCE_FAULT_mismatch, "header %.*s is not the secret",
                 SLICE_ARG(scheme->header));
}

const char *source_fault_name(source_fault_t fault)
{
    static const char *const names[] = {"none", "missing", "malformed", "mismatch",
                                        "old",  "ahead",   "no_secret"};
    return names[fault];
}

void source_verify(const scheme_t *scheme, const source_key_t *keys, size_t count,
                   const source_request_t *request, source_verdict_t *verdict)
{
    verifying_t self = {scheme, keys, count, request, verdict, {NULL, 0}, 0, {{{0}, 0}}};
    assert(count >= 1 && count <= SOURCE_KEYS);
    for (size_t i = 0; i < count; i++)
        assert(keys[i].len);
    memset(verdict, 0, sizeof *verdict);
    if (source_is_shown(scheme)) {
        unsigned key;
        source_verdict_told(scheme, source_shown(scheme, keys, count, request->headers, &key),
                            verdict);
        verdict->key = key;
    } else if (scheme->alg == ALG_EQUAL)
        s_verify_body(&self);
    else if (s_take_headers(&self) && s_find_ts(&self) && s_check_signature(&self))
        s_check_time(&self);
    if (verdict->outcome != SOURCE_SIGNED)
        verdict->key = 0;
}
