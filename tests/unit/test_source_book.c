/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "workers/post/source_book.h"

#include <stdlib.h>
#include <string.h>

static book_key_t s_key(unsigned target, unsigned source)
{
    book_key_t key = {0};
    memcpy(key.target.bytes, &target, sizeof target);
    memcpy(key.source.bytes, &source, sizeof source);
    return key;
}

static unsigned s_occurs(const char *text, const char *what)
{
    unsigned count = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        count++;
    return count;
}

/* What stands there of a target, as a text of its own. */
static char *s_written(const source_book_t *book, unsigned target)
{
    json_out_t out = {0};
    book_key_t key = s_key(target, 0);
    source_book_write(book, &key.target, &out);
    char *text = strndup(out.data, out.len);
    json_free(&out);
    return text;
}

static void test_the_most_silent_is_forgotten(void **state)
{
    source_book_t *book = source_book_new(0);
    (void)state;
    for (unsigned i = 0; i <= BOOK_SOURCES; i++) {
        book_key_t key = s_key(1, i), kept = s_key(1, 0);
        source_book_count(book, &key, BOOK_ACCEPTED, i);
        source_book_count(book, &kept, BOOK_FILTERED, i); /* this one is heard of all the time */
    }
    char *text = s_written(book, 1);
    assert_int_equal(s_occurs(text, "\"id\":"), BOOK_SOURCES);
    assert_non_null(strstr(text, "\"accepted\":1,\"filtered\":1025,"));
    free(text);
    text = s_written(book, 2);
    assert_string_equal(text, "{\"since\":\"1970-01-01T00:00:00.000Z\",\"sources\":[]}");
    free(text);
    source_book_destroy(&book);
    assert_null(book);
}

/* However long and however many. */
static void test_refusals(void **state)
{
    source_book_t *book = source_book_new(0);
    char reason[1000], address[300];
    pack_t headers = {0};
    book_key_t key = s_key(1, 1);
    (void)state;
    memset(reason, 'r', sizeof reason - 1);
    memset(address, 'a', sizeof address);
    reason[sizeof reason - 1] = '\0';
    wire_pairs_add(&headers, slice_of(":format"), slice_of("github"));
    for (unsigned i = 0; i < 100; i++)
        wire_pairs_add(&headers, slice_of("x-name"), slice_of("value"));
    for (unsigned i = 0; i < 2 * BOOK_REFUSALS + 1; i++)
        source_book_refuse(
            book, &key,
            &(book_refusal_t){reason, slice(address, sizeof address), wire_pairs_of(&headers)}, i);
    char *text = s_written(book, 1);
    assert_int_equal(s_occurs(text, "\"reason\":"), BOOK_REFUSALS);
    assert_non_null(strstr(text, "\"refused\":41,\"last\":\"1970-01-01T00:00:00.040Z\""));
    assert_int_equal(s_occurs(text, "1970-01-01T00:00:00.020Z"), 0);
    assert_int_equal(s_occurs(text, "1970-01-01T00:00:00.021Z"), 1);
    assert_null(strstr(text, "value"));
    assert_null(strstr(text, ":format"));
    assert_non_null(strstr(text, "\"headers\":[\"x-name\",\"x-name\""));
    free(text);
    pack_free(&headers);
    source_book_destroy(&book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_silent_is_forgotten),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
