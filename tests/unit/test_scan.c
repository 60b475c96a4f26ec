#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/secret.h"
#include "ctl/manage/scan.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned count;
    uint64_t lines[64];
    char token[TOKEN_LEN + 1];
} seen_t;

static void s_see(void *arg, uint64_t line, const char *token)
{
    seen_t *seen = arg;
    assert_true(seen->count < 64);
    seen->lines[seen->count++] = line;
    memcpy(seen->token, token, TOKEN_LEN);
}

static seen_t s_scan(const char *text, size_t len)
{
    seen_t seen = {.count = 0};
    FILE *in = fmemopen((void *)text, len, "r");
    assert_non_null(in);
    assert_int_equal(scan_stream(in, s_see, &seen), 0);
    fclose(in);
    return seen;
}

static void tokens_are_found_between_other_text(void **state)
{
    (void)state;
    char token[TOKEN_LEN + 1], text[512];
    token_make(token);
    static const struct {
        const char *format;
        unsigned count;
        uint64_t line;
    } cases[] = {
        {"%s", 1, 1},
        {"%s\n", 1, 1},
        {"\n\nkey: \"%s\"\n", 1, 3},
        {"x%s", 0, 0},
        {"%sx", 0, 0},
        {"?zapikey=%s&a=1", 1, 1},
        {"_%s_", 1, 1},
        {"pst_%s", 1, 1},
        {"pst_pst_ %s", 1, 1},
        {"\xff%s\xff", 1, 1},
        {"a\nb\n%s,pst_\n", 1, 3},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int len = snprintf(text, sizeof text, cases[i].format, token);
#pragma GCC diagnostic pop
        seen_t seen = s_scan(text, (size_t)len);
        if (seen.count != cases[i].count)
            fail_msg("case %u: %u found", i, seen.count);
        if (seen.count) {
            assert_string_equal(seen.token, token);
            assert_int_equal(seen.lines[0], cases[i].line);
        }
    }
    token[TOKEN_LEN - 1] = token[TOKEN_LEN - 1] == 'A' ? 'B' : 'A';
    assert_int_equal(s_scan(token, TOKEN_LEN).count, 0);
}

/* At every place around the borders of what is read at once. */
static void a_token_is_found_once_wherever_a_piece_ends(void **state)
{
    (void)state;
    enum { SIZE = 3 << 16, PIECE = 1 << 16 };
    char token[TOKEN_LEN + 1], *text = malloc(SIZE);
    assert_non_null(text);
    token_make(token);
    for (size_t at = PIECE - 2 * TOKEN_LEN; at < PIECE + 2 * TOKEN_LEN; at++) {
        memset(text, '\n', SIZE);
        memcpy(text + at, token, TOKEN_LEN);
        memcpy(text + SIZE - TOKEN_LEN, token, TOKEN_LEN);
        seen_t seen = s_scan(text, SIZE);
        assert_int_equal(seen.count, 2);
        assert_int_equal(seen.lines[0], at + 1);
        assert_int_equal(seen.lines[1], SIZE - TOKEN_LEN - TOKEN_LEN + 1);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_found_between_other_text),
        cmocka_unit_test(a_token_is_found_once_wherever_a_piece_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
