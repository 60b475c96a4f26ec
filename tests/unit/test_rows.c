#include "tests/unit/yard.h"

#include "authd/directory/rows.h"
#include "authd/directory/table.h"

static void a_place_is_found_until_the_version_changes(void **state)
{
    (void)state;
    rows_t *rows = rows_new();
    char long_key[ROWS_KEY + 1] = "x";
    slice_t value, longer = slice(long_key, sizeof long_key);
    rows_renew(rows, 7);
    assert_false(rows_find(rows, 1, slice_of("key"), &value));
    rows_keep(rows, 1, slice_of("key"), slice_of("row"));
    rows_keep(rows, 1, longer, slice_of("row"));
    rows_expect(rows, 1, slice_of("key"), false);
    rows_expect(rows, 1, slice_of("key"), true);
    rows_expect(rows, 1, longer, true);
    assert_true(rows_find(rows, 1, slice_of("key"), &value) && slice_is(value, "row"));
    assert_false(rows_find(rows, 2, slice_of("key"), &value));
    assert_false(rows_find(rows, 1, slice_of("ke"), &value));
    assert_false(rows_find(rows, 1, longer, &value));
    rows_renew(rows, 7);
    assert_true(rows_find(rows, 1, slice_of("key"), &value));
    rows_renew(rows, 8);
    assert_false(rows_find(rows, 1, slice_of("key"), &value));
    rows_renew(rows, 7); /* an older one is another one, too */
    assert_false(rows_find(rows, 1, slice_of("key"), &value));
    rows_destroy(&rows);
    rows_destroy(&rows);
}

static void rows_are_found_in_a_table_that_grows(void **state)
{
    (void)state;
    rows_t *rows = rows_new();
    slice_t value;
    unsigned found = 0, before = 1000;
    for (unsigned i = 0; i < ROWS_MOST; i++) {
        slice_t key = slice(&i, sizeof i);
        rows_keep(rows, 1, key, slice_of("row"));
        assert_true(rows_find(rows, 1, key, &value) && slice_is(value, "row"));
    }
    for (unsigned i = ROWS_MOST - before; i < ROWS_MOST; i++)
        found += rows_find(rows, 1, slice(&i, sizeof i), &value);
    assert_true(found > before * 9 / 10);
    rows_destroy(&rows);
}

enum { TOKENS = 200, STEPS = 700 };

/* A thing that a verdict would read, as a view finds it now. */
static bool s_look(view_t *view, unsigned number, token_t *token)
{
    uint8_t hash[TOKEN_HASH];
    token_hash((const char *)&number, sizeof number, hash);
    return tokens_get(view, hash, token);
}

static void s_add(yard_t *yard, const uuid_t7 *users, unsigned number)
{
    token_t token = {.user = users[number / TOKENS_ACTIVE], .rate = number};
    uuid_new(&token.id);
    token_hash((const char *)&number, sizeof number, token.hash);
    YARD_CHANGE(yard, view);
    tokens_add(view, &token, TOKENS_ACTIVE, 1);
    YARD_DONE(view);
}

/* What is done to the token of a number: it comes, goes, is changed or used, and each view that is
 * renewed afterwards must see it, whatever it remembers. */
static void s_step(yard_t *yard, const uuid_t7 *users, unsigned number, unsigned kind)
{
    token_t token;
    YARD_CHANGE(yard, view);
    bool there = s_look(view, number, &token);
    uuid_t7 id = there ? token.id : (uuid_t7){{0}};
    if (there && kind == 0) {
        tokens_delete(view, &id);
    } else if (there && kind == 1) {
        token.rate += 1000;
        tokens_edit(view, &token);
    } else if (there) {
        tokens_used(view, &id, &(token_use_t){.last_ms = 1, .count = 1});
    }
    YARD_DONE(view);
    if (!there)
        s_add(yard, users, number);
}

static void a_view_that_remembers_sees_every_change(void **state)
{
    yard_t *yard = *state;
    uuid_t7 users[TOKENS / TOKENS_ACTIVE];
    for (unsigned i = 0; i < TOKENS / TOKENS_ACTIVE; i++) {
        char email[32];
        snprintf(email, sizeof email, "user%u@example.org", i);
        users[i] = yard_user(yard, email);
    }
    view_t *plain = view_new(yard->directory), *remembers = view_new(yard->directory);
    view_remember(remembers);
    srand(1);
    unsigned found = 0, missing = 0;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned number = (unsigned)rand() % TOKENS;
        s_step(yard, users, number, (unsigned)rand() % 4);
        view_renew(plain);
        view_renew(remembers);
        for (unsigned i = 0; i < 8; i++, number = (unsigned)rand() % TOKENS) {
            token_t one = {0}, other = {0};
            bool there = s_look(plain, number, &one);
            assert_int_equal(s_look(remembers, number, &other), there);
            if (there)
                assert_true(one.rate == other.rate && uuid_eq(&one.id, &other.id));
            there ? found++ : missing++;
        }
        view_release(plain);
        view_release(remembers);
    }
    assert_true(found > STEPS && missing > STEPS);
    view_destroy(&plain);
    view_destroy(&remembers);
}

/* A use raises no version. */
static void the_place_of_a_use_is_not_remembered(void **state)
{
    yard_t *yard = *state;
    token_t token;
    token_use_t use;
    uuid_t7 user = yard_user(yard, "ann@example.org"), id = yard_token(yard, &user, "one");
    view_t *remembers = view_new(yard->directory);
    view_remember(remembers);
    for (unsigned i = 1; i <= 50; i++) {
        YARD_CHANGE(yard, view);
        tokens_used(view, &id, &(token_use_t){.last_ms = i, .count = 1});
        YARD_DONE(view);
        view_renew(remembers);
        assert_true(tokens_use(remembers, &id, &use));
        assert_int_equal(use.count, i);
        assert_true(tokens_find(remembers, &id, &token));
        assert_false(view_take_damage(remembers));
        view_release(remembers);
    }
    view_destroy(&remembers);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_found_until_the_version_changes),
        cmocka_unit_test(rows_are_found_in_a_table_that_grows),
        TEST(a_view_that_remembers_sees_every_change),
        TEST(the_place_of_a_use_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
