/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/utf8.h"
#include "workers/message/json_out.h"

static void s_expect(json_out_t *out, const char *text)
{
    assert_int_equal(out->len, strlen(text));
    assert_memory_equal(out->data, text, out->len);
    json_reset(out);
}

static void test_a_document_is_put_together(void **state)
{
    (void)state;
    json_out_t out = {0};
    json_lit(&out, "{\"a\":");
    json_chars(&out, slice(NULL, 0));
    json_quote(&out, slice_of("say \"hi\"\\\n"));
    json_lit(&out, ",\"b\":");
    json_uint(&out, UINT64_MAX);
    json_lit(&out, "}");
    s_expect(&out, "{\"a\":\"say \\\"hi\\\"\\\\\\n\",\"b\":18446744073709551615}");
    json_free(&out);
}

static void test_every_control_character_is_escaped(void **state)
{
    (void)state;
    json_out_t out = {0};
    for (unsigned c = 0; c < 0x20; c++) {
        char byte = (char)c;
        json_quote(&out, slice(&byte, 1));
        assert_true(out.len == 4 || out.len == 8);
        assert_int_equal(out.data[1], '\\');
        json_reset(&out);
    }
    json_quote(&out, slice("a\0b\x1f", 4));
    s_expect(&out, "\"a\\u0000b\\u001f\"");
    json_free(&out);
}

/* Wherever a byte stands in a text that is gone through eight at a time. */
static void test_each_byte_at_each_place(void **state)
{
    enum { PLACES = 19 };
    (void)state;
    json_out_t out = {0}, alone = {0};
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t place = 0; place < PLACES; place++) {
            char text[PLACES];
            memset(text, 'x', sizeof text);
            text[place] = (char)byte;
            json_chars(&alone, slice(&text[place], 1));
            json_chars(&out, slice(text, sizeof text));
            assert_int_equal(out.len, sizeof text - 1 + alone.len);
            assert_memory_equal(out.data + place, alone.data, alone.len);
            assert_int_equal(out.data[out.len - 1],
                             place == PLACES - 1 ? alone.data[alone.len - 1] : 'x');
            json_reset(&out);
            json_reset(&alone);
        }
    json_free(&out);
    json_free(&alone);
}

static void test_utf8_passes_and_other_bytes_are_replaced(void **state)
{
    (void)state;
    json_out_t out = {0};
    json_quote(&out, slice_of("é€😀"));
    s_expect(&out, "\"é€😀\"");
    json_quote(&out, slice_of("a\xff"
                              "b\xc3"));
    s_expect(&out, "\"a\xef\xbf\xbd"
                   "b\xef\xbf\xbd\"");
    json_free(&out);
}

static void test_utf8_is_told_from_what_only_looks_like_it(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80",
                                      "\xff",
                                      "\xc3("};
    for (unsigned before = 0; before < 18; before++) {
        char text[32];
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
            snprintf(text, sizeof text, "%.*s%s", (int)before, "twice eight and 18", good[i]);
            assert_true(utf8_valid(slice_of(text)));
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
            snprintf(text, sizeof text, "%.*s%s", (int)before, "twice eight and 18", bad[i]);
            assert_false(utf8_valid(slice_of(text)));
        }
    }
}

static void test_bytes_are_text_or_base64(void **state)
{
    (void)state;
    json_out_t out = {0};
    json_bytes(&out, slice_of("text"));
    s_expect(&out, "\"text\"");
    json_bytes(&out, slice("\xff\xfe\0z", 4));
    s_expect(&out, "{\"base64\":\"//4Aeg==\"}");
    json_bytes(&out, slice(NULL, 0));
    s_expect(&out, "\"\"");
    json_free(&out);
}

static void test_it_grows(void **state)
{
    (void)state;
    json_out_t out = {0};
    for (int i = 0; i < 100000; i++)
        json_uint(&out, (uint64_t)(i % 10));
    assert_int_equal(out.len, 100000);
    assert_int_equal(out.data[99999], '9');
    json_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_document_is_put_together),
        cmocka_unit_test(test_every_control_character_is_escaped),
        cmocka_unit_test(test_each_byte_at_each_place),
        cmocka_unit_test(test_utf8_passes_and_other_bytes_are_replaced),
        cmocka_unit_test(test_utf8_is_told_from_what_only_looks_like_it),
        cmocka_unit_test(test_bytes_are_text_or_base64),
        cmocka_unit_test(test_it_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
