/* UUIDv7: layout, uniqueness, text. */
#include "common/base/clock.h"
#include "common/base/uuid.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int64_t s_time_of(const uuid_t7 *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->bytes[i];
    return ms;
}

static void test_layout(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uuid_t7 id;
        int64_t before = clock_wall_ms();
        uuid_new(&id);
        assert_in_range(s_time_of(&id), before, clock_wall_ms());
        assert_int_equal(id.bytes[6] >> 4, 7);
        assert_int_equal(id.bytes[8] >> 6, 2);
        assert_false(uuid_is_nil(&id));
    }
}

/* Each of the 74 random bits must be seen as 0 and as 1: 2^-200 to fail by chance. */
static void test_every_random_bit_varies(void **state)
{
    (void)state;
    uint8_t ones[UUID_BYTES] = {0}, zeros[UUID_BYTES] = {0};
    for (int i = 0; i < 200; i++) {
        uuid_t7 id;
        uuid_new(&id);
        for (int j = 0; j < UUID_BYTES; j++) {
            ones[j] |= id.bytes[j];
            zeros[j] |= (uint8_t)~id.bytes[j];
        }
    }
    for (int j = 6; j < UUID_BYTES; j++) {
        uint8_t fixed = j == 6 ? 0xf0 : j == 8 ? 0xc0 : 0;
        assert_int_equal((ones[j] | fixed) & 0xff, 0xff);
        assert_int_equal((zeros[j] | fixed) & 0xff, 0xff);
    }
}

enum { THREADS = 4, EACH = 20000 };

static void *s_make(void *arg)
{
    uuid_t7 *ids = arg;
    for (int i = 0; i < EACH; i++)
        uuid_new(&ids[i]);
    return NULL;
}

static int s_compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_BYTES);
}

static void test_unique_across_threads(void **state)
{
    (void)state;
    uuid_t7 *ids = malloc(sizeof *ids * THREADS * EACH);
    assert_non_null(ids);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, s_make, ids + i * EACH), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(ids, THREADS * EACH, sizeof *ids, s_compare);
    for (int i = 1; i < THREADS * EACH; i++)
        assert_false(uuid_eq(&ids[i - 1], &ids[i]));
    free(ids);
}

static void test_text_round_trip(void **state)
{
    (void)state;
    static const char example[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"; /* RFC 9562 A.6 */
    uuid_t7 id, other;
    char text[UUID_TEXT];
    assert_int_equal(uuid_parse(example, strlen(example), &id), 0);
    assert_int_equal(s_time_of(&id), 0x017f22e279b0);
    uuid_text(&id, text);
    assert_string_equal(text, example);
    assert_int_equal(uuid_parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 36, &other), 0);
    assert_true(uuid_eq(&id, &other));
    uuid_new(&id);
    uuid_text(&id, text);
    assert_int_equal(strlen(text), 36);
    assert_int_equal(uuid_parse(text, 36, &other), 0);
    assert_true(uuid_eq(&id, &other));
}

static void test_what_is_no_uuid(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398ff",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2_79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e27-9b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4 dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739\xc3\xa9",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739\x10\x19",
    };
    uuid_t7 id;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(uuid_parse(cases[i], strlen(cases[i]), &id), -1);
}

static void test_nil_and_instances(void **state)
{
    (void)state;
    uuid_t7 id;
    assert_int_equal(uuid_parse("00000000-0000-0000-0000-000000000000", 36, &id), 0);
    assert_true(uuid_is_nil(&id));
    id.bytes[15] = 1;
    assert_false(uuid_is_nil(&id));
    uint64_t seen[64];
    for (int i = 0; i < 64; i++) {
        seen[i] = uuid_instance();
        assert_true(seen[i] != 0);
        for (int j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_every_random_bit_varies),
        cmocka_unit_test(test_unique_across_threads),
        cmocka_unit_test(test_text_round_trip),
        cmocka_unit_test(test_what_is_no_uuid),
        cmocka_unit_test(test_nil_and_instances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
