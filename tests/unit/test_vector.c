/* The position of a stream of several targets, as text and back. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "gateway/stream/vector.h"

static void s_comes_back(const char *text)
{
    vector_t vector;
    bytes_t out = {0};
    assert_true(vector_read(slice_of(text), &vector));
    vector_write(&vector, &out);
    bytes_put(&out, "", 1);
    assert_string_equal(out.data, text);
    bytes_free(&out);
    vector_free(&vector);
}

static void test_it_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {
        "~",
        "~c1.0",
        "~c4.73692-1q3fd9k..3965-0000007.12_3kq0d51~b1.77",
        "~b2..5-0000001",
        "~c1.9223372036854775807-3vvvvvv~b1.~e3.1.2.3",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        s_comes_back(texts[i]);
}

static void test_its_places(void **state)
{
    vector_t vector;
    (void)state;
    assert_true(vector_read(slice_of("~c3.5..7_0000002~e1.9-0000003"), &vector));
    assert_int_equal(vector.shards[OWNER_CHANNEL], 3);
    assert_int_equal(vector.shards[OWNER_BOT], 0);
    const vector_place_t *place = vector.place[OWNER_CHANNEL];
    assert_true(place[0].there && place[0].log == 5 && place[0].mark == MARK_NONE);
    assert_false(place[1].there);
    assert_true(place[2].log == 7 && place[2].tag == 2 && place[2].mark == MARK_MOVED);
    place = vector.place[OWNER_EXTENSION];
    assert_true(place[0].log == 9 && place[0].tag == 3 && place[0].mark == MARK_STORED);
    vector_free(&vector);
}

static void test_what_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "c1.0",
                                        "18-0000001",
                                        "~x1.0",
                                        "~c",
                                        "~c0",
                                        "~c257.1",
                                        "~c1.x",
                                        "~c1.1-",
                                        "~c1.1.2",
                                        "~c1.1-000000w",
                                        "~c1.1-0000001x",
                                        "~c1.1~c1.1",
                                        "~c1-0.1",
                                        "~~",
                                        "~c1.1\n",
                                        "~c1.-1",
                                        "~c1.1__1",
                                        "~c99999999999999999999.1"};
    vector_t vector;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(vector_read(slice_of(wrong[i]), &vector));
        vector_free(&vector);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_comes_back_as_it_was),
        cmocka_unit_test(test_its_places),
        cmocka_unit_test(test_what_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
