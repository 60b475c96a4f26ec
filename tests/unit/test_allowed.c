/* The allow list: roles of a key, and which names its holder may have. */
#include "tests/unit/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

static void s_open(void)
{
    char path[128], err[512];
    snprintf(path, sizeof path, "%s/allowed", keyring_dir);
    assert_int_equal(allowed_open(path, err, sizeof err), 0);
}

static void test_a_key_has_the_roles_of_its_certificates(void **state)
{
    (void)state;
    key_file_t one = keyring_make("gateway-0", "gateway"),
               two = keyring_make("host-b", "bot,authd");
    keyring_copy("gateway-0", "allowed");
    s_open();
    assert_int_equal(allowed_roles(one.text), 1u << ROLE_GATEWAY);
    assert_int_equal(allowed_roles(two.text), 0);
    keyring_copy("host-b", "allowed");
    usleep((ALLOWED_STALE_MS + 50) * 1000); /* what the list says may be so old */
    assert_int_equal(allowed_roles(two.text), key_roles("bot authd"));
}

static void test_what_is_no_certificate_allows_nobody_and_harms_nobody(void **state)
{
    char path[128];
    (void)state;
    key_file_t one = keyring_make("router-0", "router");
    keyring_copy("router-0", "allowed");
    snprintf(path, sizeof path, "%s/allowed/a.pub", keyring_dir);
    FILE *bad = fopen(path, "w");
    fputs("other = \"file\"\n", bad);
    fclose(bad);
    s_open();
    assert_int_equal(allowed_roles(one.text), 1u << ROLE_ROUTER);
    assert_int_equal(allowed_roles(""), 0);
    assert_int_equal(unlink(path), 0);
}

static void test_a_missing_directory_is_named(void **state)
{
    char path[128], err[512];
    (void)state;
    snprintf(path, sizeof path, "%s/nowhere", keyring_dir);
    assert_int_equal(allowed_open(path, err, sizeof err), -1);
    assert_non_null(strstr(err, path));
    assert_non_null(strstr(err, "posternctl keys allow"));
}

static void test_a_name_is_its_certificates(void **state)
{
    (void)state;
    key_file_t own = keyring_make("gateway-1", "gateway"),
               new = keyring_make("gateway-1b", "gateway"),
               other = keyring_make("gateway-2", "gateway"),
               host = keyring_make("hosts", "gateway");
    keyring_copy("gateway-1", "allowed");
    keyring_copy("gateway-2", "allowed");
    keyring_copy("hosts", "allowed");
    s_open();
    assert_true(allowed_name(own.text, slice_of("gateway-1")));
    assert_true(allowed_name(own.text, slice_of("gateway-1.3"))); /* a thread */
    assert_true(allowed_name(own.text, slice_of("gateway-1b.0")));
    assert_false(allowed_name(other.text, slice_of("gateway-1")));
    assert_false(allowed_name(other.text, slice_of("gateway-1b.0")));
    assert_false(allowed_name(host.text, slice_of("gateway-2.0")));
    assert_true(allowed_name(host.text, slice_of("gateway-12.0"))); /* nobody's */
    assert_false(allowed_name(new.text, slice_of("gateway-1.0")));
    keyring_copy("gateway-1b", "allowed"); /* a rotation: both may have it */
    s_open();
    assert_true(allowed_name(new.text, slice_of("gateway-1.0")));
    assert_true(allowed_name(own.text, slice_of("gateway-1.0")));
}

static void test_names_of_one_process(void **state)
{
    static const struct {
        const char *a, *b;
        bool match;
    } rows[] = {
        {"gateway-0", "gateway-0.1", true}, {"gateway-0b", "gateway-0.1", true},
        {"gateway-0-b", "gateway-0", true}, {"gateway-1", "gateway-10", false},
        {"gateway-0", "authd-0", false},    {"gateway", "gateway", false},
        {"gateway-0", "gateway-", false},   {"", "", false},
        {"xgateway-0", "gateway-0", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(key_names_match(slice_of(rows[i].a), slice_of(rows[i].b)), rows[i].match);
        assert_int_equal(key_names_match(slice_of(rows[i].b), slice_of(rows[i].a)), rows[i].match);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_has_the_roles_of_its_certificates),
        cmocka_unit_test(test_what_is_no_certificate_allows_nobody_and_harms_nobody),
        cmocka_unit_test(test_a_missing_directory_is_named),
        cmocka_unit_test(test_a_name_is_its_certificates),
        cmocka_unit_test(test_names_of_one_process),
    };
    keyring_open();
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    keyring_close();
    return rc;
}
