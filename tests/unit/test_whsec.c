#include "common/base/whsec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_example(void **state)
{
    whsec_t made, read;
    char text[WHSEC_TEXT], err[200];
    (void)state;
    whsec_make(&made);
    assert_int_equal(made.len, 32);
    size_t len = whsec_text(&made, text);
    assert_int_equal(len, 6 + 44);
    assert_true(whsec_parse(slice(text, len), &read, err, sizeof err));
    assert_int_equal(read.len, made.len);
    assert_memory_equal(read.bytes, made.bytes, made.len);
    whsec_wipe(&made);
    assert_int_equal(made.len, 0);
    for (size_t i = 0; i < sizeof made.bytes; i++)
        assert_int_equal(made.bytes[i], 0);
}

static void test_all_lengths(void **state)
{
    (void)state;
    for (size_t len = WHSEC_MIN; len <= WHSEC_MAX; len++) {
        whsec_t secret = {.len = len}, read;
        char text[WHSEC_TEXT], err[200];
        for (size_t i = 0; i < len; i++)
            secret.bytes[i] = (uint8_t)(i * 37 + len);
        size_t text_len = whsec_text(&secret, text);
        assert_true(whsec_parse(slice(text, text_len), &read, err, sizeof err));
        assert_int_equal(read.len, len);
        assert_memory_equal(read.bytes, secret.bytes, len);
        /* Cut anywhere, it is none. */
        for (size_t cut = 0; cut < text_len; cut++)
            if (whsec_parse(slice(text, cut), &read, err, sizeof err))
                assert_true(cut % 4 == 2 && read.len >= WHSEC_MIN); /* "whsec_" and whole groups */
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"", "begins with whsec_"},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
        {"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"},
        {"whsec_", "shorter than 24"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "not base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", "not base64"},
        {"whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "not base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_", "not base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw====", "not base64"},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", "shorter than 24"},
        /* 65 bytes */
        {"whsec_"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAA=",
         "longer than 64"},
        {"whsec_"
         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
         "AAAAAAAAAAAAAAAAAAAAAAAA",
         "longer than 64"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        whsec_t secret = {.len = 3, .bytes = {1, 2, 3}};
        char err[200] = "";
        if (whsec_parse(slice_of(rows[i].text), &secret, err, sizeof err))
            fail_msg("taken: %s", rows[i].text);
        if (!strstr(err, rows[i].reason))
            fail_msg("%s: %s", rows[i].text, err);
        assert_int_equal(secret.len, 0);
        assert_int_equal(secret.bytes[0], 0);
        assert_null(strstr(err, "MfKQ"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_all_lengths),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
