/* The handler record: round trip, truncation at every byte, limits. */
#include "common/wire/handler.h"
#include "common/wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

static wire_handler_t s_handler(void)
{
    return (wire_handler_t){
        .version = 1700000000000,
        .url = slice_of("https://h.example/x?y=1"),
        .name = slice_of("buildbot"),
        .concurrency = 256,
        .ordered = true,
        .bound_s = 7200,
        .wait_s = 5,
        .archived = true,
        .owner = {{7, 1, 4}},
        .key = slice_of("-----BEGIN"),
        .secrets = 2,
        .secret = {{slice_of("whsec_new"), 0}, {slice_of("whsec_old"), 86400000}}};
}

static void a_handler_record_comes_back_as_it_went(void **state)
{
    (void)state;
    pack_t out = {0};
    wire_handler_t was = s_handler(), is;
    wire_handler_encode(&out, &was);
    assert_int_equal(wire_handler_decode(&is, slice(out.data, out.len)), 0);
    assert_int_equal(is.version, was.version);
    assert_true(slice_eq(is.url, was.url) && slice_eq(is.name, was.name));
    assert_true(slice_eq(is.key, was.key) && is.ordered);
    assert_int_equal(is.concurrency, 256);
    assert_int_equal(is.bound_s, 7200);
    assert_int_equal(is.wait_s, 5);
    assert_true(is.archived);
    assert_true(uuid_eq(&is.owner, &was.owner));
    assert_int_equal(is.secrets, 2);
    assert_true(slice_is(is.secret[0].text, "whsec_new") && is.secret[0].left_ms == 0);
    assert_true(slice_is(is.secret[1].text, "whsec_old") && is.secret[1].left_ms == 86400000);
    for (size_t cut = 0; cut < out.len; cut++)
        assert_int_equal(wire_handler_decode(&is, slice(out.data, cut)), -1);
    pack_free(&out);
}

/* As an authd tells it that does not know of them. */
static void a_handler_record_may_lack_what_came_later(void **state)
{
    static const char *const later[] = {"wait", "archived", "owner"};
    (void)state;
    pack_t out = {0};
    wire_handler_t was = s_handler(), is;
    wire_handler_encode(&out, &was);
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        char *key = memmem(out.data, out.len, later[i], strlen(later[i]));
        assert_non_null(key);
        *key = 'X';
    }
    assert_int_equal(wire_handler_decode(&is, slice(out.data, out.len)), 0);
    assert_int_equal(is.wait_s, 0);
    assert_false(is.archived);
    assert_true(uuid_is_nil(&is.owner));
    pack_free(&out);
}

static void a_handler_record_past_its_limits_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t version, concurrency, bound_s;
    } rows[] = {{0, 8, 1}, {1, 0, 1}, {1, HANDLER_CONCURRENCY_MOST + 1, 1}, {1, 8, UINT64_MAX}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        pack_t out = {0};
        wire_handler_t handler = s_handler();
        handler.version = rows[i].version;
        handler.concurrency = rows[i].concurrency;
        handler.bound_s = rows[i].bound_s;
        wire_handler_encode(&out, &handler);
        assert_int_equal(wire_handler_decode(&handler, slice(out.data, out.len)), -1);
        pack_free(&out);
    }
}

/* The largest record that authd makes fits into an entry. */
static void the_largest_handler_record_fits(void **state)
{
    (void)state;
    static char text[HANDLER_KEY];
    memset(text, 'x', sizeof text);
    pack_t out = {0};
    wire_handler_t handler = s_handler();
    handler.url = slice(text, HANDLER_URL);
    handler.name = slice(text, HANDLER_NAME);
    handler.key = slice(text, HANDLER_KEY);
    handler.secrets = HANDLER_SECRETS;
    for (unsigned i = 0; i < HANDLER_SECRETS; i++) {
        handler.secret[i].text = slice(text, HANDLER_SECRET);
        handler.secret[i].left_ms = UINT64_MAX;
    }
    wire_handler_encode(&out, &handler);
    assert_true(out.len <= WIRE_HANDLER);
    assert_int_equal(wire_handler_decode(&handler, slice(out.data, out.len)), 0);
    pack_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_record_comes_back_as_it_went),
        cmocka_unit_test(a_handler_record_may_lack_what_came_later),
        cmocka_unit_test(a_handler_record_past_its_limits_is_refused),
        cmocka_unit_test(the_largest_handler_record_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
