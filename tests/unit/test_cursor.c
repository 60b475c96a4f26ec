/* Cursors: what is written is read in its list alone, and nothing else is. */
#include "common/base/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static slice_t s_list(void)
{
    return slice_of("channel_list name asc");
}

static void test_longest(void **state)
{
    uint8_t place[CURSOR_PLACE], read[CURSOR_PLACE];
    char text[CURSOR_TEXT];
    (void)state;
    for (size_t i = 0; i < sizeof place; i++)
        place[i] = (uint8_t)(i * 7);
    for (size_t len = 1; len <= sizeof place; len++) {
        cursor_write(s_list(), slice((const char *)place, len), text);
        assert_true(strlen(text) < CURSOR_TEXT);
        assert_int_equal(cursor_read(s_list(), slice_of(text), read), len);
        assert_memory_equal(read, place, len);
    }
}

static void test_number(void **state)
{
    static const uint64_t numbers[] = {0, 1, 255, 256, UINT64_C(0x0102030405060708), UINT64_MAX};
    char text[CURSOR_TEXT];
    uint64_t read;
    (void)state;
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        cursor_write_number(s_list(), numbers[i], text);
        assert_true(cursor_read_number(s_list(), slice_of(text), &read));
        assert_int_equal(read, numbers[i]);
    }
    cursor_write(s_list(), slice_of("short"), text);
    assert_false(cursor_read_number(s_list(), slice_of(text), &read));
}

static void test_other_lists(void **state)
{
    uint8_t read[CURSOR_PLACE];
    char text[CURSOR_TEXT];
    (void)state;
    cursor_write(s_list(), slice_of("place"), text);
    assert_int_equal(cursor_read(slice_of("channel_list name desc"), slice_of(text), read), 0);
    assert_int_equal(cursor_read(slice_of(""), slice_of(text), read), 0);
}

/* Each character changed, and each beginning of it. */
static void test_forged(void **state)
{
    uint8_t read[CURSOR_PLACE];
    char text[CURSOR_TEXT], forged[CURSOR_TEXT + 4];
    (void)state;
    cursor_write(s_list(), slice_of("a place"), text);
    for (size_t i = 0; text[i]; i++) {
        strcpy(forged, text);
        forged[i] = text[i] == 'A' ? 'B' : 'A';
        assert_int_equal(cursor_read(s_list(), slice_of(forged), read), 0);
        assert_int_equal(cursor_read(s_list(), slice(text, i), read), 0);
    }
    strcpy(forged, text);
    strcat(forged, "AAAA");
    assert_int_equal(cursor_read(s_list(), slice_of(forged), read), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_number),
        cmocka_unit_test(test_other_lists),
        cmocka_unit_test(test_forged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
