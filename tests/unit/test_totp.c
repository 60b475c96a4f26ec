#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/accounts/totp.h"

#include <stdio.h>
#include <string.h>

/* RFC 6238, appendix B: the last 6 of its 8 digits. */
static const uint8_t s_secret[] = "12345678901234567890";

static void the_vectors_of_the_rfc(void **state)
{
    (void)state;
    static const struct {
        uint64_t s;
        const char *code;
    } vectors[] = {
        {59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
        {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"},
    };
    for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal(totp_step(s_secret, slice_of(vectors[i].code), 0, vectors[i].s * 1000),
                         vectors[i].s / 30);
}

static void a_code_is_good_one_step_around_and_once(void **state)
{
    (void)state;
    const uint64_t step = 1234567890 / 30;
    for (int off = -3; off <= 3; off++) {
        uint64_t wall_ms = (uint64_t)((int64_t)(step * 30) + off * 30) * 1000;
        uint64_t found = totp_step(s_secret, slice_of("005924"), 0, wall_ms);
        assert_int_equal(found, off >= -1 && off <= 1 ? step : 0);
        assert_int_equal(totp_step(s_secret, slice_of("005924"), step, wall_ms), 0);
    }
}

static void what_is_no_code_is_of_no_step(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "00592", "0059240", "005925", "OO5924", " 05924"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(totp_step(s_secret, slice_of(wrong[i]), 0, 1234567890000), 0);
}

static void a_secret_is_base32(void **state)
{
    (void)state;
    char text[TOTP_BASE32];
    totp_base32(s_secret, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
}

static void a_recovery_code_is_taken_as_people_type_it(void **state)
{
    (void)state;
    char code[RECOVERY_TEXT], typed[RECOVERY_TEXT + 4];
    uint8_t hash[RECOVERY_HASH], other[RECOVERY_HASH];
    recovery_make(code);
    assert_int_equal(strlen(code), RECOVERY_TEXT - 1);
    assert_int_equal(recovery_hash(slice_of(code), hash), 0);
    snprintf(typed, sizeof typed, " %s ", code);
    for (char *at = typed; *at; at++)
        *at = *at == '-' ? ' ' : (char)(*at | (*at >= 'A' ? 0x20 : 0));
    assert_int_equal(recovery_hash(slice_of(typed), other), 0);
    assert_memory_equal(hash, other, RECOVERY_HASH);
    typed[1] = typed[1] == 'a' ? 'b' : 'a';
    assert_int_equal(recovery_hash(slice_of(typed), other), 0);
    assert_memory_not_equal(hash, other, RECOVERY_HASH);
    static const char *const wrong[] = {"", "123456", "AAAA-AAAA-AAAA-AAA", "AAAA-AAAA-AAAA-AAAAA",
                                        "AAAA-AAAA-AAAA-AAA0"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(recovery_hash(slice_of(wrong[i]), other), -1);
    assert_int_equal(recovery_hash(slice("AAAA-AAAA-AAAA-AA\0A", 19), other), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc),
        cmocka_unit_test(a_code_is_good_one_step_around_and_once),
        cmocka_unit_test(what_is_no_code_is_of_no_step),
        cmocka_unit_test(a_secret_is_base32),
        cmocka_unit_test(a_recovery_code_is_taken_as_people_type_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
