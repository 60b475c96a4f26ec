#include "authd/admin/followed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static followed_page_t s_page(uint64_t origin, bool backwards, uint64_t start)
{
    return (followed_page_t){
        .origin = origin, .op = 20, .target = {{7}}, .backwards = backwards, .start = start};
}

static void test_one_row_stands_for_what_follows(void **state)
{
    (void)state;
    followed_t *followed = followed_new();
    followed_page_t page = s_page(1, false, 5);
    assert_false(followed_has(followed, &page, 1000));
    followed_note(followed, &page, 1000);
    assert_true(followed_has(followed, &page, 1000));
    page.start = 900;
    assert_true(followed_has(followed, &page, 1000 + FOLLOWED_MS - 1));
    assert_false(followed_has(followed, &page, 1000 + FOLLOWED_MS));
    page.start = 4; /* what was before it has no row */
    assert_false(followed_has(followed, &page, 1001));
    followed_destroy(&followed);
}

static void test_backwards(void **state)
{
    (void)state;
    followed_t *followed = followed_new();
    followed_page_t page = s_page(1, true, 500);
    followed_note(followed, &page, 0);
    page.start = 3;
    assert_true(followed_has(followed, &page, 1));
    page.start = 501;
    assert_false(followed_has(followed, &page, 1));
    page.backwards = false;
    assert_false(followed_has(followed, &page, 1));
    followed_destroy(&followed);
}

static void test_another_is_another(void **state)
{
    (void)state;
    followed_t *followed = followed_new();
    followed_page_t page = s_page(1, false, 0);
    followed_note(followed, &page, 0);
    followed_page_t others[] = {page, page, page, page};
    others[0].origin = 2;
    others[1].op = 22;
    others[2].environment = 1;
    others[3].target.bytes[0] = 8;
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(followed_has(followed, &others[i], 1));
    assert_true(followed_has(followed, &page, 1));
    followed_destroy(&followed);
}

/* Past the bound the one that was asked for longest ago has to begin anew; nothing else is lost. */
static void test_more_than_are_remembered(void **state)
{
    (void)state;
    followed_t *followed = followed_new();
    for (unsigned i = 1; i <= FOLLOWED_MOST; i++) {
        followed_page_t page = s_page(i, false, 0);
        followed_note(followed, &page, i);
    }
    followed_page_t first = s_page(1, false, 0), second = s_page(2, false, 0),
                    more = s_page(FOLLOWED_MOST + 1, false, 0);
    assert_true(followed_has(followed, &first, 1000));
    followed_note(followed, &more, 1001);
    assert_true(followed_has(followed, &first, 1002));
    assert_true(followed_has(followed, &more, 1002));
    assert_false(followed_has(followed, &second, 1002));
    followed_destroy(&followed);
}

static void test_where_a_page_begins(void **state)
{
    static const struct {
        const char *args;
        bool good, backwards;
        uint64_t start;
    } cases[] = {
        {"{}", true, false, 0},
        {"{\"from\":7}", true, false, 7},
        {"{\"from\":\"7\",\"order\":\"asc\"}", true, false, 7},
        {"{\"order\":\"desc\"}", true, true, UINT64_MAX},
        {"{\"order\":\"desc\",\"before\":\"18446744073709551614\"}", true, true, UINT64_MAX - 1},
        {"{\"after\":7}", true, false, 7},
        {"{\"order\":\"desc\",\"after\":7}", true, true, 7},
        {"{\"q\":\"word\",\"after\":7}", true, false, 0}, /* what lies before it */
        {"{\"from\":-1}", false, false, 0},
        {"{\"from\":\"seven\"}", false, false, 0},
        {"{\"from\":\"\"}", false, false, 0},
        {"{\"from\":\"7x\"}", false, false, 0},
        {"{\"from\":\"99999999999999999999\"}", false, false, 0},
        {"{\"from\":true}", false, false, 0},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        followed_page_t page = {0};
        json_t *args = json_loads(cases[i].args, 0, NULL);
        assert_int_equal(followed_place(args, &page), cases[i].good);
        assert_int_equal(page.backwards, cases[i].backwards);
        if (cases[i].good)
            assert_true(page.start == cases[i].start);
        json_decref(args);
    }
}

static followed_page_t s_asked(const char *text)
{
    followed_page_t page = s_page(1, false, 0);
    json_t *args = json_loads(text, 0, NULL);
    assert_true(followed_place(args, &page));
    json_decref(args);
    return page;
}

/* A row of the last five does not stand for all that lies before them. */
static void test_a_narrower_page_stands_for_no_wider_one(void **state)
{
    (void)state;
    followed_t *followed = followed_new();
    followed_page_t last = s_asked("{\"last\":5,\"follow\":true}"), all = s_asked("{\"from\":1}"),
                    until = s_asked("{\"until\":\"2h\",\"since\":\"7d\"}"),
                    page = s_asked("{\"since\":\"7d\",\"from\":101,\"until\":\"2h\",\"limit\":2}");
    followed_note(followed, &last, 1);
    assert_true(followed_has(followed, &last, 2));
    assert_false(followed_has(followed, &all, 2));
    followed_note(followed, &until, 3);
    assert_true(followed_has(followed, &page, 4));
    assert_false(followed_has(followed, &all, 4));
    followed_destroy(&followed);
}

static void test_a_page_that_asks_for_too_much_has_a_row_of_its_own(void **state)
{
    (void)state;
    followed_page_t page = {0};
    json_t *args = json_object();
    char text[FOLLOWED_TEXT];
    memset(text, 'q', sizeof text);
    json_object_set_new(args, "q", json_stringn(text, sizeof text));
    assert_false(followed_place(args, &page));
    json_object_set_new(args, "q", json_stringn(text, sizeof text - 10));
    assert_true(followed_place(args, &page));
    json_decref(args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_row_stands_for_what_follows),
        cmocka_unit_test(test_backwards),
        cmocka_unit_test(test_another_is_another),
        cmocka_unit_test(test_more_than_are_remembered),
        cmocka_unit_test(test_where_a_page_begins),
        cmocka_unit_test(test_a_narrower_page_stands_for_no_wider_one),
        cmocka_unit_test(test_a_page_that_asks_for_too_much_has_a_row_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
