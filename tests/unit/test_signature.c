#include "workers/caller/signature.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static whsec_t s_secret(const char *text)
{
    whsec_t secret;
    char err[200];
    assert_true(whsec_parse(slice_of(text), &secret, err, sizeof err));
    return secret;
}

/* The example of the specification's own test suites. */
static void test_example(void **state)
{
    char text[SIGNATURE_TEXT];
    (void)state;
    whsec_t secret = s_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    size_t len = signature_sign(&secret, 1, slice_of("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                                slice_of("{\"test\": 2432232314}"), text);
    assert_string_equal(text, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert_int_equal(len, strlen(text));
}

static void test_several_secrets(void **state)
{
    whsec_t secrets[SIGNATURE_SECRETS];
    char text[SIGNATURE_TEXT];
    (void)state;
    for (size_t count = 1; count <= SIGNATURE_SECRETS; count++) {
        whsec_make(&secrets[count - 1]);
        size_t len = signature_sign(secrets, count, slice_of("m"), INT64_MAX, slice(NULL, 0), text);
        assert_int_equal(len, count * 48 - 1);
        assert_true(len < SIGNATURE_TEXT);
        for (size_t i = 0; i < count; i++) {
            char one[SIGNATURE_TEXT];
            signature_sign(&secrets[i], 1, slice_of("m"), INT64_MAX, slice(NULL, 0), one);
            assert_memory_equal(text + i * 48, one, 47);
            assert_true(text[i * 48 + 47] == (i + 1 < count ? ' ' : '\0'));
        }
    }
}

/* Makes a key by the openssl command, which then verifies what is signed. */
static void s_shell(const char *dir, const char *command)
{
    char text[SCRATCH + 500];
    snprintf(text, sizeof text, "cd '%s' && %s", dir, command);
    if (system(text) != 0)
        fail_msg("failed: %s", text);
}

static slice_t s_read(const char *dir, const char *name, char *text, size_t size)
{
    char path[SCRATCH + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t len = fread(text, 1, size, file);
    fclose(file);
    return slice(text, len);
}

static void s_write(const char *dir, const char *name, slice_t text)
{
    char path[SCRATCH + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.len, file), text.len);
    fclose(file);
}

static void test_openssl_verifies(void **state)
{
    static const char *const makers[] = {
        "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem",
        "openssl genrsa -traditional -out key.pem 2048 2>/dev/null",
        "openssl genrsa -out key.pem 2048 2>/dev/null"};
    char dir[SCRATCH], pem[8192], err[200], text[SIGNATURE_RSA_TEXT];
    static char body[70000];
    (void)state;
    scratch_make(dir);
    memset(body, 'x', sizeof body);
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        s_shell(dir, makers[i]);
        s_shell(dir, "openssl pkey -in key.pem -pubout -out public.pem");
        signature_key_t *key =
            signature_key_new(s_read(dir, "key.pem", pem, sizeof pem), err, sizeof err);
        assert_non_null(key);
        const size_t lengths[] = {0, 1, 240, sizeof body};
        for (size_t n = 0; n < sizeof lengths / sizeof *lengths; n++) {
            size_t len = signature_key_sign(key, slice(body, lengths[n]), text);
            assert_int_equal(len, strlen(text));
            s_write(dir, "body", slice(body, lengths[n]));
            s_write(dir, "signature.b64", slice(text, len));
            s_shell(dir, "openssl base64 -d -A -in signature.b64 -out signature");
            s_shell(dir, "openssl dgst -sha256 -verify public.pem -signature signature body "
                         ">/dev/null");
        }
        signature_key_destroy(&key);
        signature_key_destroy(&key);
    }
    scratch_remove(dir);
}

static void test_bad_keys(void **state)
{
    static const struct {
        const char *maker, *reason;
    } rows[] = {
        {"openssl genpkey -quiet -algorithm ED25519 -out key.pem", "not an RSA key"},
        {"openssl genrsa -out key.pem 1024 2>/dev/null", "2048 to 8192 bits"},
        {"openssl genrsa -aes128 -passout pass:abcdef -out key.pem 2048 2>/dev/null", "passphrase"},
        {"openssl genrsa 2048 2>/dev/null | openssl rsa -pubout -out key.pem 2>/dev/null",
         "not a private key"},
        {"echo nonsense >key.pem", "not a private key"},
        {": >key.pem", "not a private key"},
    };
    char dir[SCRATCH], pem[8192], err[200];
    (void)state;
    scratch_make(dir);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s_shell(dir, rows[i].maker);
        assert_null(signature_key_new(s_read(dir, "key.pem", pem, sizeof pem), err, sizeof err));
        if (!strstr(err, rows[i].reason))
            fail_msg("%s: %s", rows[i].maker, err);
    }
    scratch_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_several_secrets),
        cmocka_unit_test(test_openssl_verifies),
        cmocka_unit_test(test_bad_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
