/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/source/selection.h"

#include <stdio.h>

/* Whether lists with commas between take an event. */
static bool s_takes(const char *only, const char *except, const char *branch, const char *event,
                    const char *of_branch)
{
    const selection_t selection = {slice_of(only), slice_of(except), slice_of(branch), ','};
    return selection_takes(&selection, slice_of(event), slice_of(of_branch));
}

static void test_events(void **state)
{
    (void)state;
    assert_true(s_takes("", "", "", "push", ""));
    assert_true(s_takes("", "", "", "", ""));
    assert_true(s_takes("issues, push", "", "", "push", ""));
    assert_true(s_takes("issues", "", "", "issues.opened", ""));
    assert_true(s_takes("customer", "", "", "customer.subscription.created", ""));
    assert_true(s_takes("customer.subscription", "", "", "customer.subscription.created", ""));
    assert_true(s_takes("*.opened", "", "", "issues.opened", ""));
    assert_true(s_takes("pull_reque?t.*", "", "", "pull_request.opened", ""));
    assert_false(s_takes("issue", "", "", "issues.opened", ""));
    assert_false(s_takes("Push", "", "", "push", ""));
    assert_false(s_takes("push.", "", "", "push", ""));
    assert_false(s_takes("push", "", "", "", ""));
    assert_true(s_takes("*", "", "", "", ""));
    assert_false(s_takes("", "issues.*,star", "", "star.created", ""));
    assert_false(s_takes("issues", "issues.labeled", "", "issues.labeled", ""));
    assert_true(s_takes("issues", "issues.labeled", "", "issues.opened", ""));
}

static void test_branches(void **state)
{
    (void)state;
    assert_true(s_takes("", "", "main,release/*", "push", "release/1/2"));
    assert_true(s_takes("", "", "main", "push", ""));
    assert_false(s_takes("", "", "main", "push", "maintenance"));
    assert_false(s_takes("", "", "feature", "push", "feature.x"));
    assert_false(s_takes("", "push", "main", "push", "main"));
}

static void test_lines(void **state)
{
    const selection_t selection = {.only = slice_of("a,b\npush"), .separator = '\n'};
    (void)state;
    assert_true(selection_takes(&selection, slice_of("push"), slice("", 0)));
    assert_true(selection_takes(&selection, slice_of("a,b"), slice("", 0)));
    assert_false(selection_takes(&selection, slice_of("a"), slice("", 0)));
}

/* A list of COUNT globs of LEN bytes. */
static const char *s_fault(unsigned count, unsigned len)
{
    char list[8192];
    size_t at = 0;
    for (unsigned i = 0; i < count; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%0*u", i ? "," : "", (int)len, i);
    return selection_fault(slice(list, at), ',');
}

static void test_faults(void **state)
{
    (void)state;
    assert_null(selection_fault(slice("", 0), ','));
    assert_null(s_fault(SELECTION_GLOBS, SELECTION_GLOB));
    assert_string_equal(s_fault(SELECTION_GLOBS + 1, 2), "has more than 20 globs");
    assert_string_equal(s_fault(1, SELECTION_GLOB + 1), "has a glob of more than 128 bytes");
    assert_string_equal(selection_fault(slice_of("a,"), ','), "has an empty glob");
    assert_string_equal(selection_fault(slice_of("a, ,b"), ','), "has an empty glob");
    assert_string_equal(selection_fault(slice_of("a\nb"), ','), "has a control character");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_branches),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
