/* Heads and chunked bodies: what is refused, what is put right, and that it does not matter in
 * which pieces they come. */
#include "gateway/http/chunks.h"
#include "gateway/http/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the above first */
#include <cmocka.h>

#define P "POST / HTTP/1.1\r\n"
#define H P "Host: a\r\n"

static const struct {
    const char *head;
    error_code_t error;
} s_heads[] = {
    {H "\r\n", ERROR_none},
    {"GET / HTTP/1.1\nhost: a\n\n", ERROR_none},
    {"GET / HTTP/1.0\r\n\r\n", ERROR_none},
    {"GET /\r\n\r\n", ERROR_invalid_request},
    {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", ERROR_invalid_request},
    {"GET / HTTP/1.10\r\nHost: a\r\n\r\n", ERROR_invalid_request},
    {"GET / http/1.1\r\nHost: a\r\n\r\n", ERROR_invalid_request},
    {P "\r\n", ERROR_invalid_request},
    {H "Host: a\r\n\r\n", ERROR_invalid_request},
    {H "HOST: b\r\n\r\n", ERROR_invalid_request},
    {P "Host:\r\n\r\n", ERROR_none},
    {P "Host: a.example:8080\r\n\r\n", ERROR_none},
    {P "Host: a:\r\n\r\n", ERROR_none},
    {P "Host: [::1]:80\r\n\r\n", ERROR_none},
    {P "Host: [::1\r\n\r\n", ERROR_invalid_request},
    {P "Host: []x\r\n\r\n", ERROR_invalid_request},
    {P "Host: a:b\r\n\r\n", ERROR_invalid_request},
    {P "Host: a:800000\r\n\r\n", ERROR_invalid_request},
    {P "Host: a b\r\n\r\n", ERROR_invalid_request},
    {P "Host: a/b\r\n\r\n", ERROR_invalid_request},
    {P "Host: u@a\r\n\r\n", ERROR_invalid_request},
    {P "Host: a,b\r\n\r\n", ERROR_invalid_request},
    {P "Host: \xc3\xa4\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", ERROR_none},
    {H "Content-Length: 5\r\ncontent-length: 3\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length: 5, 5\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length: +5\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length: 0x5\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length:\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding: chunked\r\n\r\n", ERROR_none},
    {H "Transfer-Encoding:\t Chunked \t\r\n\r\n", ERROR_none},
    {H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding: chunked, chunked\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding: xchunked\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding:\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding: \x0b"
       "chunked\r\n\r\n",
     ERROR_invalid_request},
    {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_invalid_request},
    {H "Transfer-Encoding : chunked\r\n\r\n", ERROR_invalid_request},
    {H "Content-Length\t: 5\r\n\r\n", ERROR_invalid_request},
    {H " X: continued\r\n\r\n", ERROR_invalid_request},
    {H "X-A: b\r\n\tc\r\n\r\n", ERROR_invalid_request},
    {H ": b\r\n\r\n", ERROR_invalid_request},
    {H "nothing\r\n\r\n", ERROR_invalid_request},
    {H "Expect: 100-Continue \r\n\r\n", ERROR_none},
    {H "Expect: 200-ok\r\n\r\n", ERROR_expect_failed},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof s_heads / sizeof *s_heads; i++) {
        char *head = strdup(s_heads[i].head);
        framing_t framing = framing_check(head, strlen(head));
        if (framing.error != s_heads[i].error)
            fail_msg("%d for %s", framing.error, s_heads[i].head);
        free(head);
    }
}

static void s_check(const char *text, const char *expected, framing_t *framing)
{
    char *head = strdup(text);
    *framing = framing_check(head, strlen(head));
    assert_int_equal(framing->error, ERROR_none);
    if (framing->head_len != strlen(expected) || memcmp(head, expected, strlen(expected)) != 0)
        fail_msg("%.*s", (int)framing->head_len, head);
    free(head);
}

/* Every reader of the head finds the same value, whatever it does with white space. */
static void test_white_space_and_expect(void **state)
{
    framing_t framing;
    (void)state;
    s_check(H "A: b \t\r\nContent-Length: 14 \r\nC:  \r\n\r\n",
            H "A:   b\r\nContent-Length:  14\r\nC:  \r\n\r\n", &framing);
    assert_int_equal(framing.length, 14);
    assert_int_equal(framing.lines, 4);
    s_check(H "Expect: 100-continue\r\nA: b\r\n\r\n", H "A: b\r\n\r\n", &framing);
    assert_true(framing.expects);
    s_check("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", "POST / HTTP/1.0\r\n\r\n", &framing);
    assert_false(framing.expects);
}

static void test_persistence(void **state)
{
    static const struct {
        const char *head;
        bool persistent;
    } rows[] = {
        {H "\r\n", true},
        {H "Connection: close\r\n\r\n", false},
        {H "Connection: keep-alive, Close\r\n\r\n", false},
        {H "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {H "Connection: close\r\nConnection: keep-alive\r\n\r\n", false},
        {H "Connection: x-close,TE\r\n\r\n", true},
        {H "Connection: Upgrade\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: , keep-alive \r\n\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *head = strdup(rows[i].head);
        assert_int_equal(framing_check(head, strlen(head)).persistent, rows[i].persistent);
        free(head);
    }
}

static void test_a_huge_length(void **state)
{
    char head[] = H "Content-Length: 99999999999999999999999999999999999\r\n\r\n";
    (void)state;
    assert_true(framing_check(head, sizeof head - 1).length == UINT64_MAX);
}

static void test_the_end_at_every_split(void **state)
{
    static const char *const heads[] = {H "A: b\r\n\r\nrest\r\n\r\n", "G / H\nA: b\n\nrest"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(heads[i]), end = (size_t)(strstr(heads[i], "rest") - heads[i]);
        for (size_t split = 0; split < len; split++) {
            framing_scan_t scan = {0, 0};
            size_t first = framing_end(&scan, slice(heads[i], split));
            assert_int_equal(first, split < end ? 0 : end);
            if (split < end)
                assert_int_equal(framing_end(&scan, slice(heads[i], len)), end);
        }
    }
}

static void test_early_faults(void **state)
{
    (void)state;
    assert_null(framing_early_fault(slice_of("P")));
    assert_null(framing_early_fault(slice_of("POST /\x80")));
    assert_non_null(framing_early_fault(slice("\x16\x03", 2)));
    assert_non_null(framing_early_fault(slice("\0", 1)));
    assert_non_null(framing_early_fault(slice_of("A234567890123456789012345678901234567890")));
}

static void test_the_length_takes_the_line_of_the_coding(void **state)
{
    char head[] = H "A: b\r\nTransfer-Encoding:chunked\r\nC: d\r\n\r\n";
    (void)state;
    framing_t framing = framing_check(head, sizeof head - 1);
    framing_set_length(head, &framing, 4294967295u);
    assert_string_equal(head, H "A: b\r\nContent-Length:4294967295\r\nC: d\r\n\r\n");
    framing_set_length(head, &framing, 7);
    assert_string_equal(head, H "A: b\r\nContent-Length:         7\r\nC: d\r\n\r\n");
}

/* Decodes TEXT in pieces that end at A and B. The decoded bytes go to OUT. */
static chunks_result_t s_decode(const char *text, size_t len, size_t a, size_t b, char *out,
                                size_t *out_len, size_t *end)
{
    const size_t cuts[] = {a, b, len};
    chunks_t chunks = {.state = 0};
    chunks_result_t result = CHUNKS_MORE;
    size_t from = 0;
    *out_len = 0;
    for (size_t i = 0; i < 3 && result == CHUNKS_MORE; i++) {
        char piece[4096];
        size_t decoded, taken;
        memcpy(piece, text + from, cuts[i] - from);
        result = chunks_decode(&chunks, piece, cuts[i] - from, &decoded, &taken);
        assert_true(decoded <= taken && taken <= cuts[i] - from);
        assert_true(result != CHUNKS_MORE || taken == cuts[i] - from);
        memcpy(out + *out_len, piece, decoded);
        *out_len += decoded;
        from += taken;
    }
    *end = from;
    return result;
}

static void s_each_split(const char *text, chunks_result_t expected, const char *body)
{
    size_t len = strlen(text), whole = (size_t)-1;
    for (size_t a = 0; a <= len; a++)
        for (size_t b = a; b <= len; b++) {
            char out[4096];
            size_t out_len, end;
            if (s_decode(text, len, a, b, out, &out_len, &end) != expected)
                fail_msg("at %zu and %zu: %s", a, b, text);
            if (whole == (size_t)-1)
                whole = end;
            assert_int_equal(end, whole);
            if (expected == CHUNKS_DONE)
                assert_true(slice_is(slice(out, out_len), body));
        }
    if (expected == CHUNKS_DONE)
        assert_true(strcmp(text + whole, "") == 0 || strcmp(text + whole, "GET") == 0);
}

static void test_good_chunks_at_every_split(void **state)
{
    (void)state;
    s_each_split("0\r\n\r\nGET", CHUNKS_DONE, "");
    s_each_split("5\r\nhello\r\n0\r\n\r\nGET", CHUNKS_DONE, "hello");
    s_each_split("A\r\n0123456789\r\n00000002;a=\"b\"\r\nab\r\n000\r\n\r\n", CHUNKS_DONE,
                 "0123456789ab");
    s_each_split("3 \t;x\r\na\r\n\r\n1  \r\nb\r\n0\r\nT: v\r\nU: w\r\n\r\nGET", CHUNKS_DONE,
                 "a\r\nb");
}

static void test_bad_chunks_at_every_split(void **state)
{
    static const char *const rows[] = {
        "0x5a\r\n",
        "cZZ\r\n",
        "\r\n",
        " 5\r\nhello\r\n",
        "-1\r\n",
        "+5\r\nhello",
        "5\nhello",
        "5\rhello",
        "5 5\r\nhello",
        "5\r\nhello0\r\n",
        "5\r\nhello\n0",
        "5\r\nhello\r\r\n0",
        "5\r\nhellox\r\n",
        "000000005\r\nhello",
        "fffffffff\r\n",
        "g\r\n",
        "5;a\nb\r\nhello",
        "5;a\rb\r\n",
        "5;\x01\r\n",
        "0\r\nT: v\n\r\n",
        "0\r\n\n",
        "0\r\n\r\r\n",
        "0\r\nT: \x7f",
        "0\r\nT: v\r\r\n\r\n",
        "0\n\n",
        "5,5\r\nhello",
        "0\r\nT\r\nU\n\n",
        "5\t\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        s_each_split(rows[i], CHUNKS_BAD, NULL);
}

static void test_lines_that_are_dropped_have_a_bound(void **state)
{
    static char text[2 * CHUNKS_TRAILER];
    size_t decoded, taken;
    (void)state;
    memset(text, 'a', sizeof text);
    memcpy(text, "5;", 2);
    chunks_t chunks = {.state = 0};
    assert_int_equal(chunks_decode(&chunks, text, sizeof text, &decoded, &taken), CHUNKS_BAD);
    memset(text, 'a', sizeof text);
    memcpy(text, "0\r\n", 3);
    for (size_t i = 100; i < sizeof text; i += 100)
        memcpy(text + i, "\r\n", 2);
    chunks = (chunks_t){.state = 0};
    assert_int_equal(chunks_decode(&chunks, text, sizeof text, &decoded, &taken), CHUNKS_BAD);
    memset(text, ' ', sizeof text);
    *text = '5';
    chunks = (chunks_t){.state = 0};
    assert_int_equal(chunks_decode(&chunks, text, sizeof text, &decoded, &taken), CHUNKS_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_white_space_and_expect),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_a_huge_length),
        cmocka_unit_test(test_the_end_at_every_split),
        cmocka_unit_test(test_early_faults),
        cmocka_unit_test(test_the_length_takes_the_line_of_the_coding),
        cmocka_unit_test(test_good_chunks_at_every_split),
        cmocka_unit_test(test_bad_chunks_at_every_split),
        cmocka_unit_test(test_lines_that_are_dropped_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
