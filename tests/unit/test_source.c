/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "source_case.h"

#include "common/base/clock.h"
#include "common/source/mac.h"
#include "common/source/record.h"

#include <sodium.h>
#include <stdlib.h>

enum { AT = 1767323045, MANY = 130000 /* as many as pairs on the wire have room for */ };

static void s_expect(source_case_t *self, source_outcome_t outcome, const char *reason)
{
    source_outcome_t was = case_verify(self);
    if (was != outcome || !strstr(self->verdict.reason, reason))
        fail_msg("%u: %s", was, self->verdict.reason);
}

/* The HMAC of "T.BODY" in hexadecimal digits, as Stripe has it. */
static void s_stripe(const char *secret, const char *ts, const char *body, char hex[2 * 32 + 1])
{
    uint8_t mac[MAC_MAX];
    slice_t parts[] = {slice_of(ts), slice_of("."), slice_of(body)};
    size_t len = mac_hmac(ALG_HMAC_SHA256, slice_of(secret), parts, 3, mac);
    sodium_bin2hex(hex, 2 * 32 + 1, mac, len);
}

/* Postern's class in use: what is asked of a sender's request. */
static void test_example(void **state)
{
    source_case_t self;
    char hex[65], header[200];
    (void)state;
    case_begin(&self, AT);
    case_preset(&self, "stripe");
    case_secret(&self, "whsec_test");
    self.request.body = slice_of("{}");
    s_stripe("whsec_test", "1767323045", "{}", hex);
    snprintf(header, sizeof header, "t=1767323045,v1=%s", hex);
    case_header(&self, "stripe-signature", slice_of(header));
    s_expect(&self, SOURCE_SIGNED, "");
    self.request.wall_ms += 412000;
    s_expect(&self, SOURCE_REFUSED, "timestamp is 412 s old, more than 300");
    assert_int_equal(self.verdict.age_s, 412);
    case_end(&self);
}

/* v0 is passed over, whatever it says; of several v1 one that is right suffices. */
static void test_items(void **state)
{
    source_case_t self;
    char right[65], other[65], header[600];
    (void)state;
    s_stripe("whsec_test", "1767323045", "{}", right);
    s_stripe("another", "1767323045", "{}", other);
    const struct {
        const char *format, *first, *second;
        source_outcome_t outcome;
        const char *reason;
    } rows[] = {
        {"t=1767323045,v0=%s,v1=%s", other, right, SOURCE_SIGNED, ""},
        {"t=1767323045,v0=%s,v1=%s", right, other, SOURCE_REFUSED, "no signature matches"},
        {"t=1767323045,v1=%s,v1=%s", other, right, SOURCE_SIGNED, ""},
        {"v1=%s, t=1767323045 , v1=%s", right, other, SOURCE_SIGNED, ""},
        {"t=1767323045,v0=%s%.0s", right, "", SOURCE_REFUSED, "has nothing that begins with v1="},
        {"v1=%s%.0s", right, "", SOURCE_REFUSED, "has no time, t="},
        {"t=1767323045,v1=%.63s%.0s", right, "", SOURCE_REFUSED,
         "is not hexadecimal digits of 32 bytes"},
        {"t=1767323045,v1=%sff%.0s", right, "", SOURCE_REFUSED,
         "is not hexadecimal digits of 32 bytes"},
        {"t=1767323045,v1=%.0s%.0s", right, "", SOURCE_REFUSED,
         "is not hexadecimal digits of 32 bytes"},
        {"t=1767323046,v1=%s%.0s", right, "", SOURCE_REFUSED, "no signature matches"},
        {"t=1767323046,t=1767323045,v1=%s%.0s", right, "", SOURCE_REFUSED, "no signature matches"},
        {"t=,v1=%s%.0s", right, "", SOURCE_REFUSED, "no signature matches"},
        {",,,t=1767323045,,v1=%s,%.0s", right, "", SOURCE_SIGNED, ""},
        {"%.0s%.0s", "", "", SOURCE_REFUSED, "has nothing that begins with v1="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        case_begin(&self, AT);
        case_preset(&self, "stripe");
        case_secret(&self, "whsec_test");
        self.request.body = slice_of("{}");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(header, sizeof header, rows[i].format, rows[i].first, rows[i].second);
#pragma GCC diagnostic pop
        case_header(&self, "stripe-signature", slice_of(header));
        s_expect(&self, rows[i].outcome, rows[i].reason);
        case_end(&self);
    }
}

/* Half a megabyte of items is refused, and soon. */
static void test_many_items(void **state)
{
    source_case_t self;
    (void)state;
    char *header = malloc(MANY * 4 + 16), *end = header;
    end += sprintf(end, "t=1767323045");
    for (unsigned i = 0; i < MANY; i++) {
        memcpy(end, ",v1=", 4);
        end += 4;
    }
    case_begin(&self, AT);
    case_preset(&self, "stripe");
    case_secret(&self, "whsec_test");
    case_header(&self, "stripe-signature", slice(header, (size_t)(end - header)));
    s_expect(&self, SOURCE_REFUSED, "has more than 32 signatures");
    case_end(&self);
    free(header);
}

/* What is signed must be there once: which of two is meant nobody knows. */
static void test_signed_headers_once(void **state)
{
    source_case_t self;
    (void)state;
    case_begin(&self, AT);
    case_preset(&self, "standard-webhooks");
    case_secret(&self, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    case_header(&self, "webhook-signature",
                slice_of("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    s_expect(&self, SOURCE_REFUSED, "header webhook-timestamp is missing");
    case_header(&self, "webhook-timestamp", slice_of("1614265330"));
    s_expect(&self, SOURCE_REFUSED, "header webhook-id, which is signed, is missing");
    case_header(&self, "webhook-id", slice_of("msg_p5jXN8AQM9LWM0D4loKWxJek"));
    self.request.body = slice_of("{\"test\": 2432232314}");
    self.request.wall_ms = 1614265330000;
    s_expect(&self, SOURCE_SIGNED, "");
    case_header(&self, "webhook-id", slice_of("2"));
    s_expect(&self, SOURCE_REFUSED, "header webhook-id, which is signed, stands there twice");
    case_header(&self, "webhook-timestamp", slice_of("1614265330"));
    s_expect(&self, SOURCE_REFUSED, "header webhook-timestamp stands there twice");
    case_end(&self);
}

static void test_secrets(void **state)
{
    const struct {
        const char *preset, *text, *reason; /* NULL: it is taken */
    } rows[] = {
        {"github", "", "the secret is empty"},
        {"github", "x", NULL},
        {"svix", "", "the secret is empty"},
        {"svix", "whsec_", "not base64"},
        {"svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL},
        {"svix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", NULL},
        {"svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!w", "not base64"},
        {"svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"},
        {"discord", "ab", "32 bytes"},
        {"discord", "abc", "hexadecimal"},
        {"discord", "xyz", "hexadecimal"},
        {"sendgrid", "AAAA", "no public key of the curve P-256"},
        {"sendgrid", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
         "no public key of the curve P-256"},
        {"gitlab", "", "the secret is empty"},
    };
    char err[200];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        source_case_t self;
        source_key_t key;
        case_begin(&self, AT);
        case_preset(&self, rows[i].preset);
        bool taken = source_key_read(&self.scheme, slice_of(rows[i].text), &key, err, sizeof err);
        assert_int_equal(taken, !rows[i].reason);
        if (!taken) {
            assert_non_null(strstr(err, rows[i].reason));
            assert_true(!rows[i].text[0] || strlen(rows[i].text) < 8 || !strstr(err, rows[i].text));
            assert_int_equal(key.len, 0);
        }
    }
}

static void test_long_secrets(void **state)
{
    source_case_t self;
    source_key_t key;
    char text[SOURCE_KEY_TEXT + 1], err[200];
    (void)state;
    memset(text, 'a', sizeof text);
    case_begin(&self, AT);
    case_preset(&self, "github");
    assert_true(source_key_read(&self.scheme, slice(text, SOURCE_KEY_TEXT), &key, err, sizeof err));
    assert_false(source_key_read(&self.scheme, slice(text, sizeof text), &key, err, sizeof err));
    assert_string_equal(err, "the secret is longer than 512 bytes");
}

/* The texts that are named in pairs; the rest is empty. */
static bool s_read(const char *const *pairs, scheme_t *scheme, char *err, size_t err_size)
{
    scheme_texts_t texts = {0};
    for (; pairs[0]; pairs += 2) {
        scheme_field_t field = scheme_field(slice_of(pairs[0]));
        assert_true(field < SCHEME_FIELDS);
        texts.field[field] = slice_of(pairs[1]);
    }
    return scheme_read(&texts, scheme, err, err_size);
}

static void test_schemes_that_are_none(void **state)
{
    static const struct {
        const char *pairs[12];
        const char *reason;
    } rows[] = {
        {{NULL},
         "alg: must be one of hmac-sha1, hmac-sha256, hmac-sha512, ed25519, ecdsa-p256, equal"},
        {{"alg", "md5"}, "alg: must be one of"},
        {{"alg", "hmac-sha256"}, "header: must be a header's name in lower case"},
        {{"alg", "hmac-sha256", "header", "X-Signature"}, "header: must be"},
        {{"alg", "hmac-sha256", "header", "body a"}, "header: must be"},
        {{"alg", "hmac-sha256", "header", "x", "separator", "::"},
         "separator: must be one character"},
        {{"alg", "hmac-sha256", "header", "x", "encoding", "base32"},
         "encoding: must be one of hex, base64"},
        {{"alg", "hmac-sha256", "header", "x", "key", "x"}, "key: must be one of"},
        {{"alg", "hmac-sha256", "header", "x", "signed", "{time}.{body}"},
         "signed: what is in { }"},
        {{"alg", "hmac-sha256", "header", "x", "signed", "{body"}, "signed: what is in { }"},
        {{"alg", "hmac-sha256", "header", "x", "signed", "{url}"}, "signed: has neither {body}"},
        {{"alg", "hmac-sha256", "header", "x", "signed", "{id}{body}"}, "id: is needed by {id}"},
        {{"alg", "hmac-sha256", "header", "x", "signed", "{ts}{body}"}, "ts: is needed by {ts}"},
        {{"alg", "hmac-sha256", "header", "x", "ts", "x-time"}, "ts: must be header NAME"},
        {{"alg", "hmac-sha256", "header", "x", "ts", "item t="}, "ts: an item needs a separator"},
        {{"alg", "hmac-sha256", "header", "x", "ts", "header t"},
         "tolerance: needs {ts} in signed"},
        {{"alg", "hmac-sha256", "header", "x", "tolerance", "300"}, "tolerance: needs ts"},
        {{"alg", "hmac-sha256", "header", "x", "ts", "body t", "tolerance", "-1"},
         "tolerance: must be seconds, 0 to 86400"},
        {{"alg", "hmac-sha256", "header", "x", "ts", "body t", "tolerance", "86401"},
         "tolerance: must be seconds"},
        {{"alg", "hmac-sha256", "header", "x", "ts", "body t", "ts_form", "us"},
         "ts_form: must be one of s, ms, rfc3339"},
        {{"alg", "equal", "header", "x", "signed", "{body}"},
         "signed: nothing is signed with equal"},
        {{"alg", "equal", "header", "x", "ts", "body t"}, "ts: there is no time with equal"},
        {{"alg", "hmac-sha256", "header", "x", "item", "a\nb"}, "item: must be printable ASCII"},
        {{"alg", "hmac-sha256", "header", "x", "signed",
          "a{body}b{body}c{body}d{body}e{body}f{body}g"},
         "signed: has more than 12 parts"},
    };
    char err[200];
    scheme_t scheme;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(s_read(rows[i].pairs, &scheme, err, sizeof err));
        if (strncmp(err, rows[i].reason, strlen(rows[i].reason)) != 0)
            fail_msg("%s, not %s", err, rows[i].reason);
    }
    char text[SCHEME_TEXT + 2] = "";
    memset(text, 'a', sizeof text - 1);
    const char *const pairs[] = {"alg", "hmac-sha256", "header", text, NULL};
    assert_false(s_read(pairs, &scheme, err, sizeof err));
    assert_string_equal(err, "header: is longer than 120 bytes");
}

static void test_defaults(void **state)
{
    const char *const pairs[] = {"alg", "hmac-sha512", "header", "x", "ts", "body t", NULL};
    char err[200];
    scheme_t scheme;
    (void)state;
    assert_true(s_read(pairs, &scheme, err, sizeof err));
    assert_int_equal(scheme.parts, 1);
    assert_int_equal(scheme.part[0].kind, PART_BODY);
    assert_int_equal(scheme.tolerance_s, SCHEME_TOLERANCE);
    assert_int_equal(scheme_signature_len(&scheme), 64);
}

/* Every element of the array needs the secret; one that has none is a wrong one. */
static void test_equal_in_a_body(void **state)
{
    static const struct {
        const char *body;
        source_outcome_t outcome;
    } rows[] = {
        {"{\"value\":[{\"clientState\":\"s3cret\"},{\"clientState\":\"s3cret\"}]}", SOURCE_SIGNED},
        {"{\"value\":[{\"clientState\":\"s3cret\"},{\"clientState\":\"other\"}]}", SOURCE_REFUSED},
        {"{\"value\":[{\"clientState\":\"s3cret\"},{}]}", SOURCE_REFUSED},
        {"{\"value\":[{\"clientState\":\"s3cret\"},7]}", SOURCE_REFUSED},
        {"{\"value\":[{\"clientState\":null}]}", SOURCE_UNSIGNED},
        {"{\"value\":[{}]}", SOURCE_UNSIGNED},
        {"{\"value\":[]}", SOURCE_UNSIGNED},
        {"{\"value\":{\"clientState\":\"s3cret\"}}", SOURCE_UNSIGNED},
        {"[]", SOURCE_UNSIGNED},
        {"", SOURCE_REFUSED},
        {"{\"value\":[{\"clientState\":\"s3cret\"}", SOURCE_REFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        source_case_t self;
        case_begin(&self, AT);
        case_preset(&self, "microsoft-graph");
        case_secret(&self, "s3cret");
        self.request.body = slice_of(rows[i].body);
        s_expect(&self, rows[i].outcome, "");
        case_end(&self);
    }
}

static void s_twilio(source_case_t *self, const char *type, const char *url, const char *body,
                     const char *signed_text)
{
    uint8_t mac[MAC_MAX];
    char base64[64];
    slice_t part = slice_of(signed_text);
    size_t len = mac_hmac(ALG_HMAC_SHA1, slice_of("12345"), &part, 1, mac);
    sodium_bin2base64(base64, sizeof base64, mac, len, sodium_base64_VARIANT_ORIGINAL);
    case_begin(self, AT);
    case_preset(self, "twilio");
    case_secret(self, "12345");
    case_header(self, "content-type", slice_of(type));
    case_header(self, "x-twilio-signature", slice_of(base64));
    self->request.url = slice_of(url);
    self->request.body = slice_of(body);
}

static void test_twilio(void **state)
{
    static const char form[] = "application/x-www-form-urlencoded; charset=utf-8";
    static const struct {
        const char *type, *url, *body, *text;
        source_outcome_t outcome;
        const char *reason;
    } rows[] = {
        {form, "https://a/x", "B=2&A=1+%2B", "https://a/xA1 +B2", SOURCE_SIGNED, ""},
        {form, "https://a/x", "", "https://a/x", SOURCE_SIGNED, ""},
        {form, "https://a:443/x", "A=1", "https://a/xA1", SOURCE_SIGNED, ""},
        {form, "https://a/x?y=1", "A=1", "https://a:443/x?y=1A1", SOURCE_SIGNED, ""},
        {form, "http://[::1]/x", "A=1", "http://[::1]:80/xA1", SOURCE_SIGNED, ""},
        {form, "https://u:p@a/x", "A=1", "https://u:p@a:443/xA1", SOURCE_SIGNED, ""},
        {form, "https://a/x", "A=2&A=1&A=2", "https://a/xA1A2", SOURCE_SIGNED, ""},
        {form, "https://a/x", "&&A=1&", "https://a/xA1", SOURCE_SIGNED, ""},
        {form, "https://a/x", "A=1", "https://a/yA1", SOURCE_REFUSED, "no signature matches"},
        {form, "https://a/x", "A=%", "https://a/xA%", SOURCE_REFUSED, "the body is no form"},
        {form, "", "A=1", "A1", SOURCE_REFUSED, "only the source's own address knows"},
        {"application/json", "https://a/x", "{}", "https://a/x", SOURCE_REFUSED,
         "no parameter bodySHA256"},
        {"", "https://a/x", "A=1", "https://a/xA1", SOURCE_REFUSED, "no parameter bodySHA256"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        source_case_t self;
        s_twilio(&self, rows[i].type, rows[i].url, rows[i].body, rows[i].text);
        s_expect(&self, rows[i].outcome, rows[i].reason);
        case_end(&self);
    }
}

/* A form of more fields than are sorted, and a digest that is none. */
static void test_twilio_limits(void **state)
{
    source_case_t self;
    static char body[4 * 1002];
    (void)state;
    for (unsigned i = 0; i < 1001; i++)
        memcpy(body + (size_t)4 * i, "a=1&", 4);
    s_twilio(&self, "application/x-www-form-urlencoded", "https://a/x", body, "");
    s_expect(&self, SOURCE_REFUSED, "no form of at most 1000 fields");
    case_param(&self, "bodySHA256", "abc");
    s_expect(&self, SOURCE_REFUSED, "not that of the parameter bodySHA256");
    case_end(&self);
}

/* Public keys take long to check, so there are few of them to check. */
static void test_few_public_checks(void **state)
{
    source_case_t self;
    char hex[129];
    (void)state;
    memset(hex, '0', sizeof hex);
    hex[128] = '\0';
    case_begin(&self, AT);
    case_preset(&self, "discord");
    case_secret(&self, "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29");
    case_header(&self, "x-signature-timestamp", slice_of("1767323045"));
    case_header(&self, "x-signature-ed25519", slice_of(hex));
    case_header(&self, "x-signature-ed25519", slice_of(hex));
    s_expect(&self, SOURCE_REFUSED, "no signature matches");
    case_header(&self, "x-signature-ed25519", slice_of(hex));
    s_expect(&self, SOURCE_REFUSED, "has more than 2 signatures");
    case_end(&self);
}

static void test_times_that_are_none(void **state)
{
    static const char *const bodies[] = {"{}",
                                         "{\"webhookTimestamp\":\"x\"}",
                                         "{\"webhookTimestamp\":-5}",
                                         "{\"webhookTimestamp\":[1]}",
                                         "{\"webhookTimestamp\":1.5}",
                                         "no JSON",
                                         "{\"webhookTimestamp\":99999999999999999999}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        source_case_t self;
        uint8_t mac[MAC_MAX];
        char hex[65];
        slice_t body = slice_of(bodies[i]);
        case_begin(&self, AT);
        case_preset(&self, "linear");
        case_secret(&self, "s");
        self.request.body = body;
        sodium_bin2hex(hex, sizeof hex, mac,
                       mac_hmac(ALG_HMAC_SHA256, slice_of("s"), &body, 1, mac));
        case_header(&self, "linear-signature", slice_of(hex));
        s_expect(&self, SOURCE_REFUSED, "time");
        case_end(&self);
    }
}

/* Two sources, of which the second is declared. */
static void s_fill(pack_t *out, pack_t *texts)
{
    scheme_texts_t declared = {0};
    declared.field[SCHEME_ALG] = slice_of("hmac-sha1");
    declared.field[SCHEME_HEADER] = slice_of("x-mine");
    source_texts_pack(texts, &declared);
    source_records_begin(out, 2);
    source_record_add(out, &(source_record_t){.preset = slice_of("github"),
                                              .format = slice_of("mine"),
                                              .selection = {.only = slice_of("a\nb"),
                                                            .branch = slice_of("main"),
                                                            .separator = '\n'},
                                              .drops_unknown = true,
                                              .keeps_raw = true,
                                              .verify_token = slice_of("v"),
                                              .secrets = 2,
                                              .secret = {slice_of("new"), slice_of("old")}});
    source_record_add(out, &(source_record_t){.required = true,
                                              .declared = slice(texts->data, texts->len),
                                              .secrets = 1,
                                              .secret = {slice_of("k")}});
}

static void test_records(void **state)
{
    pack_t out = {0}, texts = {0};
    source_record_t records[SOURCE_RECORDS];
    scheme_texts_t read;
    scheme_t scheme;
    (void)state;
    s_fill(&out, &texts);
    slice_t whole = slice(out.data, out.len);
    assert_int_equal(source_records_read(whole, records), 2);
    assert_false(records[0].required);
    assert_true(records[1].required);
    assert_int_equal(records[0].secrets, 2);
    assert_true(slice_is(records[0].secret[0], "new") && slice_is(records[0].secret[1], "old"));
    assert_true(slice_is(records[0].verify_token, "v"));
    assert_true(slice_is(records[0].format, "mine") && records[0].drops_unknown);
    assert_true(records[0].keeps_raw && !records[1].keeps_raw);
    assert_true(slice_is(records[0].selection.only, "a\nb"));
    assert_true(slice_is(records[0].selection.branch, "main"));
    assert_true(records[0].selection.except.len == 0 && records[0].selection.separator == '\n');
    assert_true(records[1].format.len == 0 && !records[1].drops_unknown);
    assert_true(source_record_scheme(&records[0], &read, &scheme));
    assert_true(slice_is(scheme.header, "x-hub-signature-256"));
    assert_true(source_record_scheme(&records[1], &read, &scheme));
    assert_int_equal(scheme.alg, ALG_HMAC_SHA1);
    records[1].declared.len--;
    assert_false(source_record_scheme(&records[1], &read, &scheme));
    pack_free(&out);
    pack_free(&texts);
}

/* A list that is cut, or has a byte too many, is none; what is no record of a list is required. */
static void test_records_that_are_none(void **state)
{
    pack_t out = {0}, texts = {0};
    source_record_t records[SOURCE_RECORDS];
    (void)state;
    s_fill(&out, &texts);
    for (size_t len = 0; len < out.len; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, out.data, len);
        assert_int_equal(source_records_read(slice(cut, len), records), -1);
        free(cut);
    }
    pack_uint(&out, 1);
    assert_int_equal(source_records_read(slice(out.data, out.len), records), -1);
    pack_reset(&out);
    source_records_begin(&out, 1);
    pack_uint(&out, 7);
    assert_int_equal(source_records_read(slice(out.data, out.len), records), 1);
    assert_true(records[0].required);
    assert_int_equal(records[0].secrets, 0);
    pack_reset(&out);
    pack_array(&out, SOURCE_RECORDS + 1);
    assert_int_equal(source_records_read(slice(out.data, out.len), records), -1);
    pack_free(&out);
    pack_free(&texts);
}

/* A handler record, a list, the one behind the other, and what is neither. */
static void test_a_list_behind_a_handler_record(void **state)
{
    pack_t list = {0}, texts = {0}, both = {0};
    slice_t record, found;
    (void)state;
    s_fill(&list, &texts);
    pack_map(&both, 1);
    pack_pair_uint(&both, "version", 7);
    slice_t handler = slice(both.data, both.len);
    source_records_split(handler, &record, &found);
    assert_true(slice_eq(record, handler) && found.len == 0);
    pack_raw(&both, slice(list.data, list.len));
    source_records_split(slice(both.data, both.len), &record, &found);
    assert_true(record.len == both.len - list.len && slice_eq(found, slice(list.data, list.len)));
    source_records_split(slice(list.data, list.len), &record, &found);
    assert_true(record.len == 0 && found.len == list.len);
    source_records_split(slice("", 0), &record, &found);
    assert_true(record.len == 0 && found.len == 0);
    source_records_split(slice_of("forged"), &record, &found);
    assert_true(slice_is(record, "forged") && found.len == 0);
    pack_free(&list);
    pack_free(&texts);
    pack_free(&both);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_many_items),
        cmocka_unit_test(test_signed_headers_once),
        cmocka_unit_test(test_secrets),
        cmocka_unit_test(test_long_secrets),
        cmocka_unit_test(test_schemes_that_are_none),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_equal_in_a_body),
        cmocka_unit_test(test_twilio),
        cmocka_unit_test(test_twilio_limits),
        cmocka_unit_test(test_few_public_checks),
        cmocka_unit_test(test_times_that_are_none),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_records_that_are_none),
        cmocka_unit_test(test_a_list_behind_a_handler_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
