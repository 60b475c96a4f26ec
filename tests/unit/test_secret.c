/* Tokens' shape, and secrets in memory. */
#include "child.h"
#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cmocka.h>

/* The check digits of the format that this one follows, worked out elsewhere. */
static const char s_known[] = "pst_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17";
static const char s_other[] = "pst_qkJaB6MffYVzZXWqmcoF49yrUxP3wf0LsakP";

static void test_known_checksums(void **state)
{
    (void)state;
    assert_int_equal(token_shape(s_known, TOKEN_LEN), TOKEN_OURS);
    assert_int_equal(token_shape(s_other, TOKEN_LEN), TOKEN_OURS);
}

static void test_every_single_mistype_is_seen(void **state)
{
    (void)state;
    for (size_t i = 4; i < TOKEN_LEN; i++) {
        char text[TOKEN_LEN + 1];
        memcpy(text, s_known, sizeof text);
        text[i] = text[i] == 'x' ? 'y' : 'x';
        assert_int_equal(token_shape(text, TOKEN_LEN), TOKEN_MALFORMED);
    }
}

static void test_made_tokens(void **state)
{
    (void)state;
    unsigned seen[128] = {0};
    char last[TOKEN_LEN + 1] = "";
    for (int i = 0; i < 2000; i++) {
        char text[TOKEN_LEN + 1];
        token_make(text);
        assert_int_equal(strlen(text), TOKEN_LEN);
        assert_int_equal(token_shape(text, TOKEN_LEN), TOKEN_OURS);
        assert_string_not_equal(text, last);
        memcpy(last, text, sizeof last);
        for (int j = 4; j < 34; j++)
            seen[(unsigned char)text[j]]++;
    }
    /* 60,000 draws of 62: 968 each; a modulo bias would show as a quarter more. Seven sigma. */
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (const char *c = alphabet; *c; c++)
        assert_in_range(seen[(unsigned char)*c], 968 - 220, 968 + 220);
}

static void test_shapes(void **state)
{
    (void)state;
    char text[TOKEN_MAX + 2];
    memset(text, 'a', sizeof text);
    static const struct {
        size_t len;
        token_shape_t shape;
    } lengths[] = {{0, TOKEN_MALFORMED}, {31, TOKEN_MALFORMED}, {32, TOKEN_FOREIGN},
                   {40, TOKEN_FOREIGN},  {128, TOKEN_FOREIGN},  {129, TOKEN_MALFORMED}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_int_equal(token_shape(text, lengths[i].len), lengths[i].shape);

    static const char bad[] = {' ', '\n', '\0', '\x1f', '\x7f', '\x80', '\xff'};
    for (size_t i = 0; i < sizeof bad; i++) {
        text[20] = bad[i];
        assert_int_equal(token_shape(text, 40), TOKEN_MALFORMED);
    }
    text[20] = '~';
    assert_int_equal(token_shape(text, 40), TOKEN_FOREIGN);
}

static void test_reserved_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        token_shape_t shape;
    } cases[] = {
        {"psm_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", TOKEN_MALFORMED},
        {"psm_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", TOKEN_MALFORMED},
        {"pst_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq1", TOKEN_MALFORMED},
        {"pst_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq177", TOKEN_MALFORMED},
        {"pst_zQWBuTSOoRi4A9spHcVY5ncnsDkxk-0mLq17", TOKEN_MALFORMED},
        {"PST_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", TOKEN_FOREIGN},
        {"psx_zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17", TOKEN_FOREIGN},
        {"pst_", TOKEN_MALFORMED},
        {"p", TOKEN_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(token_shape(cases[i].text, strlen(cases[i].text)), cases[i].shape);
}

static void test_compare_and_wipe(void **state)
{
    (void)state;
    assert_true(secret_eq("abc", 3, "abc", 3));
    assert_false(secret_eq("abc", 3, "abd", 3));
    assert_false(secret_eq("abc", 3, "abc", 2));
    assert_true(secret_eq("", 0, NULL, 0));
    uint8_t data[32];
    memset(data, 0xaa, sizeof data);
    secret_wipe(data, sizeof data - 1);
    for (size_t i = 0; i < sizeof data - 1; i++)
        assert_int_equal(data[i], 0);
    assert_int_equal(data[sizeof data - 1], 0xaa);
}

static void s_protect(void *arg)
{
    (void)arg;
    secret_protect_process();
    struct rlimit core = {1, 1};
    getrlimit(RLIMIT_CORE, &core);
    printf("core=%d dumpable=%d\n", (int)(core.rlim_cur + core.rlim_max), prctl(PR_GET_DUMPABLE));
}

static void test_no_core_dumps(void **state)
{
    (void)state;
    char text[128];
    assert_int_equal(child_run(s_protect, NULL, text, sizeof text), 0);
#ifdef __SANITIZE_ADDRESS__
    assert_non_null(strstr(text, "core=0 "));
#else
    assert_string_equal(text, "core=0 dumpable=0\n");
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_checksums),
        cmocka_unit_test(test_every_single_mistype_is_seen),
        cmocka_unit_test(test_made_tokens),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_reserved_prefixes),
        cmocka_unit_test(test_compare_and_wipe),
        cmocka_unit_test(test_no_core_dumps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
