/* Phrases that are looked for in messages. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "workers/message/phrase.h"

#include <ctype.h>
#include <stdlib.h>

static void s_in(const char *text, const char *message, bool expected)
{
    phrase_t *phrase = phrase_new(slice_of(text));
    if (phrase_is_in_message(phrase, slice_of(message)) != expected)
        fail_msg("%s in %s", text, message);
    phrase_destroy(&phrase);
    assert_null(phrase);
}

static void test_in_the_texts_of_a_message(void **state)
{
    static const char message[] =
        "{\"text\":\"Build 42 Failed\",\"bot\":{\"name\":\"robot\"},\"card\":{\"title\":\"The "
        "card\",\"theme\":\"modern-inline\"},\"slides\":[{\"type\":\"table\",\"title\":\"Rows\","
        "\"data\":{\"headers\":[\"Head\"],\"rows\":[{\"Head\":\"cell\"}]}},{\"type\":\"label\","
        "\"data\":[{\"Key\":\"value\"}]},{\"type\":\"text\",\"data\":\"plain\"},3,null]}";
    static const char *const there[] = {"build 42", "FAILED", "42 f",  "the CARD", "rows", "head",
                                        "cell",     "key",    "value", "plain",    "d"};
    static const char *const absent[] = {"robot", "modern",  "table",   "slides",
                                         "title", "text\":", "failed ", "42  f"};
    (void)state;
    for (size_t i = 0; i < sizeof there / sizeof *there; i++)
        s_in(there[i], message, true);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        s_in(absent[i], message, false);
}

static void test_what_is_written_with_escapes(void **state)
{
    (void)state;
    s_in("two\nlines", "{\"text\":\"Two\\nLines\"}", true);
    s_in("a/b \"c\"", "{\"text\":\"a\\/b \\\"C\\\"\"}", true);
    s_in("r\xc3\xa9sum\xc3\xa9", "{\"text\":\"R\\u00e9sum\\u00e9\"}", true);
    s_in("word", "{\"text\":\"\\u0077ord\"}", true);
    s_in("u0077", "{\"text\":\"\\u0077ord\"}", false);
    s_in("word", "{\"te\\u0078t\":\"word\"}", true);
    s_in("\xc3\x89t", "{\"text\":\"\xc3\xa9t\"}", false); /* only ASCII is folded */
    s_in("\xc3\xa9T", "{\"text\":\"\xc3\xa9t\"}", true);
}

/* What an event's message can be, or a damaged one. */
static void test_other_shapes(void **state)
{
    (void)state;
    s_in("x", "", false);
    s_in("x", "{\"text\":5,\"slides\":{\"title\":\"x\"},\"card\":\"x\"}", false);
    s_in("hidden", "no JSON with a Hidden word", true);
    s_in("hidden", "[\"hidden\"]", true);
    s_in("past", "{\"n\":123456789012345678901234567890,\"text\":\"past\"}", true);
}

static bool s_stands(const char *text, size_t len, const char *phrase, size_t phrase_len)
{
    for (size_t at = 0; at + phrase_len <= len; at++) {
        size_t i = 0;
        while (i < phrase_len && tolower(text[at + i]) == tolower(phrase[i]))
            i++;
        if (i == phrase_len)
            return true;
    }
    return false;
}

/* Beside a loop that tries each place; few letters, so that much almost matches. */
static void test_in_any_bytes(void **state)
{
    static const char letters[] = "aAbB c\0\xc3";
    char text[40], words[8];
    unsigned found = 0;
    (void)state;
    srand(7);
    for (unsigned run = 0; run < 20000; run++) {
        size_t len = (size_t)rand() % sizeof text, words_len = 1 + (size_t)rand() % 5;
        for (size_t i = 0; i < len; i++)
            text[i] = letters[(size_t)rand() % (sizeof letters - 1)];
        for (size_t i = 0; i < words_len; i++)
            words[i] = letters[(size_t)rand() % (sizeof letters - 1)];
        phrase_t *phrase = phrase_new(slice(words, words_len));
        bool there = phrase_is_in(phrase, slice(text, len));
        assert_int_equal(there, s_stands(text, len, words, words_len));
        found += there;
        phrase_destroy(&phrase);
    }
    assert_in_range(found, 2000, 18000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_texts_of_a_message),
        cmocka_unit_test(test_what_is_written_with_escapes),
        cmocka_unit_test(test_other_shapes),
        cmocka_unit_test(test_in_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
