/* Each preset against requests that other implementations have signed: source_vectors.json, which
 * tests/compat/signatures.mjs makes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "source_case.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *s_vectors;

static const char *s_text(const json_t *vector, const char *name)
{
    return json_string_value(json_object_get(vector, name));
}

static bool s_has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* The parameters of its URL, which hold no escapes here. */
static void s_add_params(source_case_t *self, const char *url)
{
    const char *query = strchr(url, '?');
    char *copy = strdup(query ? query + 1 : ""), *left = NULL;
    for (char *piece = strtok_r(copy, "&", &left); piece; piece = strtok_r(NULL, "&", &left)) {
        char *equals = strchr(piece, '=');
        *equals = '\0';
        case_param(self, piece, equals + 1);
    }
    free(copy);
}

static void s_open(source_case_t *self, const json_t *vector)
{
    const char *name;
    json_t *value;
    case_begin(self, json_integer_value(json_object_get(vector, "at")));
    case_preset(self, s_text(vector, "preset"));
    self->request.url = slice_of(s_text(vector, "url"));
    self->request.body = slice_of(s_text(vector, "body"));
    s_add_params(self, s_text(vector, "url"));
    json_object_foreach (json_object_get(vector, "headers"), name, value)
        case_header(self, name, slice_of(json_string_value(value)));
    case_secret(self, s_text(vector, "secret"));
}

static void s_expect(source_case_t *self, source_outcome_t outcome, const char *reason)
{
    source_outcome_t was = case_verify(self);
    if (was != outcome || !s_has(self->verdict.reason, reason))
        fail_msg("%u: %s", was, self->verdict.reason);
    assert_true((was == SOURCE_SIGNED) == (self->verdict.reason[0] == '\0'));
    assert_true((was == SOURCE_SIGNED) == (self->verdict.key != 0));
}

static void test_right(source_case_t *self)
{
    s_expect(self, SOURCE_SIGNED, "");
    assert_int_equal(self->verdict.key, 1);
}

/* Any other body: a byte more, a byte less, another byte. */
static void test_other_body(source_case_t *self)
{
    char body[8192];
    slice_t was = self->request.body;
    if (self->scheme.alg == ALG_EQUAL)
        return;
    assert_true(was.len < sizeof body - 1);
    memcpy(body, was.data, was.len);
    body[was.len] = ' ';
    self->request.body = slice(body, was.len + 1);
    assert_int_equal(case_verify(self), SOURCE_REFUSED);
    self->request.body = slice(body, was.len - 1);
    assert_int_equal(case_verify(self), SOURCE_REFUSED);
    body[was.len / 2] ^= 1;
    self->request.body = slice(body, was.len);
    assert_int_equal(case_verify(self), SOURCE_REFUSED);
    self->request.body = slice(NULL, 0);
    assert_int_equal(case_verify(self), SOURCE_REFUSED);
    self->request.body = was;
}

/* A second before and behind both bounds; the vectors of linear have milliseconds. */
static void test_time(source_case_t *self)
{
    int64_t was = self->request.wall_ms, most = (int64_t)self->scheme.tolerance_s * 1000;
    self->request.wall_ms = was + most - 2000;
    s_expect(self, SOURCE_SIGNED, "");
    self->request.wall_ms = was - most + 2000;
    s_expect(self, SOURCE_SIGNED, "");
    self->request.wall_ms = was + most + 2000;
    if (most)
        s_expect(self, SOURCE_REFUSED, "s old, more than");
    self->request.wall_ms = was - most - 3000;
    if (most)
        s_expect(self, SOURCE_REFUSED, "s ahead, more than");
    self->request.wall_ms = was;
    assert_int_equal(self->verdict.timed, most > 0);
}

/* A secret of the same form that is another. */
static void s_other_secret(source_case_t *self, source_key_t *key)
{
    *key = self->keys[0];
    key->bytes[key->len - 1] ^= 1;
}

static void test_rotated(source_case_t *self)
{
    source_key_t right = self->keys[0], wrong;
    s_other_secret(self, &wrong);
    self->keys[0] = wrong;
    assert_int_equal(case_verify(self), SOURCE_REFUSED);
    assert_true(s_has(self->verdict.reason, "matches") || self->scheme.alg == ALG_EQUAL);
    self->keys[1] = right;
    self->count = 2;
    s_expect(self, SOURCE_SIGNED, "");
    assert_int_equal(self->verdict.key, 2);
    self->keys[0] = right;
    self->keys[1] = wrong;
    s_expect(self, SOURCE_SIGNED, "");
    assert_int_equal(self->verdict.key, 1);
    self->count = 1;
}

/* Without the headers, and with them twice. */
static void test_headers(source_case_t *self)
{
    pack_t was = self->headers;
    slice_t encoded = self->request.headers, name, value;
    self->headers = (pack_t){0};
    for (wire_pairs_t each = wire_pairs_begin(encoded); wire_pairs_next(&each, &name, &value);)
        if (slice_eq(name, self->scheme.header)) {
            char text[600];
            assert_true(value.len < sizeof text);
            memset(text, 'A', sizeof text);
            case_header(self, "x-other", value);
            /* One of the same length that is wrong stands before the right one. */
            wire_pairs_add(&self->headers, name, slice(text, value.len));
            wire_pairs_add(&self->headers, name, value);
        } else {
            wire_pairs_add(&self->headers, name, value);
        }
    self->request.headers = wire_pairs_of(&self->headers);
    if (self->scheme.alg != ALG_EQUAL)
        s_expect(self, SOURCE_SIGNED, "");
    else if (self->scheme.at == AT_HEADER)
        s_expect(self, SOURCE_REFUSED, "is not the secret");
    case_no_headers(self);
    if (self->scheme.at == AT_HEADER)
        s_expect(self, SOURCE_UNSIGNED, "is missing");
    pack_free(&self->headers);
    self->headers = was;
    self->request.headers = encoded;
}

static void test_vectors(void **state)
{
    static void (*const tests[])(source_case_t *) = {test_right,   test_other_body, test_time,
                                                     test_rotated, test_headers,    test_right};
    size_t i;
    json_t *vector;
    (void)state;
    json_array_foreach (s_vectors, i, vector) {
        source_case_t self;
        print_message("%s, %s\n", s_text(vector, "preset"), s_text(vector, "origin"));
        s_open(&self, vector);
        for (size_t t = 0; t < sizeof tests / sizeof *tests; t++)
            tests[t](&self);
        case_end(&self);
    }
}

static bool s_has_vector(const char *preset)
{
    size_t i;
    json_t *vector;
    json_array_foreach (s_vectors, i, vector)
        if (strcmp(s_text(vector, "preset"), preset) == 0)
            return true;
    return false;
}

static void test_every_preset_has_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < preset_table_len; i++)
        if (!s_has_vector(preset_table[i].name))
            fail_msg("%s has no vector", preset_table[i].name);
}

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < preset_table_len; i++) {
        const preset_t *preset = &preset_table[i];
        assert_ptr_equal(preset_find(slice_of(preset->name)), preset);
        assert_int_equal(strspn(preset->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(preset->name));
    }
    assert_null(preset_find(slice_of("git")));
    assert_null(preset_find(slice(NULL, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_every_preset_has_one),
        cmocka_unit_test(test_names),
    };
    s_vectors = json_load_file(SOURCE_VECTORS, 0, NULL);
    int rc = s_vectors ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
    json_decref(s_vectors);
    return rc;
}
