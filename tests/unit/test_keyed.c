/* Changes by the Idempotency-Key of their callers. */
#include "tests/unit/yard.h"

#include "authd/directory/audit.h"
#include "authd/manage/keyed.h"

#include <stdio.h>

static const uuid_t7 s_ann = {{1}}, s_bob = {{2}};

/* What USER asks for with KEY (NULL: none), of which ARGS is the body. */
static keyed_request_t s_ask(const keyed_t *keyed, const uuid_t7 *user, unsigned op,
                             const char *target, const char *args, const char *key)
{
    keyed_request_t asked;
    pack_t headers = {0};
    http_args_t body = {.body = slice_of(args), .if_match = slice("", 0)};
    wire_request_t request = {.op = op, .target = slice_of(target)};
    uuid_new(&request.id);
    if (key)
        wire_pairs_add(&headers, slice_of("idempotency-key"), slice_of(key));
    request.headers = wire_pairs_of(&headers);
    keyed_read(keyed, user, op_find(op), &request, &body, &asked);
    assert_true(uuid_eq(&asked.request, &request.id));
    pack_free(&headers);
    return asked;
}

static keyed_t *s_new(yard_t *yard)
{
    view_t *view = view_new(yard->directory);
    view_renew(view);
    keyed_t *keyed = keyed_new(view);
    view_destroy(&view);
    return keyed;
}

static bool s_counts(const keyed_t *keyed, unsigned op, const char *key)
{
    keyed_request_t asked = s_ask(keyed, &s_ann, op, "x", "{}", key);
    return !uuid_is_nil(&asked.id);
}

static void a_key_counts_for_a_change_with_a_credential(void **state)
{
    keyed_t *keyed = s_new(*state);
    assert_true(s_counts(keyed, OP_user_create, "k"));
    assert_true(s_counts(keyed, OP_user_delete, "k"));
    assert_false(s_counts(keyed, OP_user_create, NULL));
    assert_false(s_counts(keyed, OP_user_create, ""));
    assert_false(s_counts(keyed, OP_user_list, "k"));
    assert_false(s_counts(keyed, OP_token_check, "k"));
    assert_false(s_counts(keyed, OP_login, "k"));
    keyed_destroy(&keyed);
    assert_null(keyed);
}

static void it_belongs_to_its_user_and_one_thing_asked_for(void **state)
{
    keyed_t *keyed = s_new(*state);
    keyed_request_t first = s_ask(keyed, &s_ann, OP_user_edit, "ab", "{}", "k"),
                    same = s_ask(keyed, &s_ann, OP_user_edit, "ab", "{}", "k"),
                    bobs = s_ask(keyed, &s_bob, OP_user_edit, "ab", "{}", "k"),
                    another = s_ask(keyed, &s_ann, OP_user_edit, "ab", "{}", "kk");
    assert_true(uuid_eq(&first.id, &same.id) && keyed_same(&first, &same));
    assert_false(uuid_eq(&first.id, &bobs.id));
    assert_false(uuid_eq(&first.id, &another.id));
    const keyed_request_t others[] = {
        s_ask(keyed, &s_ann, OP_user_password, "ab", "{}", "k"),
        s_ask(keyed, &s_ann, OP_user_edit, "a", "{}", "k"),
        s_ask(keyed, &s_ann, OP_user_edit, "a", "b{}", "k"), /* no part runs into the next */
        s_ask(keyed, &s_ann, OP_user_edit, "ab", "{ }", "k"),
    };
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(uuid_eq(&first.id, &others[i].id));
        assert_false(keyed_same(&first, &others[i]));
    }
    keyed_destroy(&keyed);
}

/* The hash of a body that has a password is worth nothing to who sees it. */
static void what_is_asked_for_is_hashed_under_a_key_of_the_process(void **state)
{
    keyed_t *one = s_new(*state), *two = s_new(*state);
    keyed_request_t here = s_ask(one, &s_ann, OP_user_password, "x", "{}", "k"),
                    there = s_ask(two, &s_ann, OP_user_password, "x", "{}", "k");
    assert_true(uuid_eq(&here.id, &there.id));
    assert_memory_not_equal(here.said, there.said, KEYED_SAID);
    keyed_destroy(&one);
    keyed_destroy(&two);
}

static void the_newest_are_remembered(void **state)
{
    char key[16];
    keyed_t *keyed = s_new(*state);
    keyed_request_t first = s_ask(keyed, &s_ann, OP_user_create, "", "{}", "first");
    assert_null(keyed_find(keyed, &first.id));
    keyed_add(keyed, &first);
    for (unsigned i = 1; i < KEYED_MOST; i++) {
        snprintf(key, sizeof key, "%u", i);
        keyed_request_t next = s_ask(keyed, &s_ann, OP_user_create, "", "{}", key);
        keyed_add(keyed, &next);
    }
    assert_true(uuid_eq(&keyed_find(keyed, &first.id)->request, &first.request));
    keyed_request_t last = s_ask(keyed, &s_ann, OP_user_create, "", "{}", "last");
    keyed_add(keyed, &last);
    assert_null(keyed_find(keyed, &first.id));
    assert_non_null(keyed_find(keyed, &last.id));
    keyed_destroy(&keyed);
}

static void those_of_the_audit_are_known_after_a_restart(void **state)
{
    yard_t *yard = *state;
    keyed_t *keyed = s_new(yard);
    keyed_request_t made = s_ask(keyed, &s_ann, OP_user_create, "", "{}", "k");
    keyed_destroy(&keyed);
    YARD_CHANGE(yard, view);
    audit_add(view, &(audit_t){.op = slice_of("user_delete")}); /* one without a key */
    audit_add(view,
              &(audit_t){.op = slice_of("user_create"), .request = made.request, .key = made.id});
    YARD_DONE(view);
    keyed = s_new(yard);
    const keyed_request_t *found = keyed_find(keyed, &made.id);
    assert_non_null(found);
    assert_int_equal(found->op, OP_user_create);
    assert_true(uuid_eq(&found->request, &made.request));
    keyed_request_t same = s_ask(keyed, &s_ann, OP_user_create, "", "{}", "k"),
                    other = s_ask(keyed, &s_ann, OP_user_edit, "x", "{}", "k");
    assert_true(keyed_same(found, &same));
    assert_false(keyed_same(found, &other));
    assert_null(keyed_find(keyed, &(uuid_t7){{0}}));
    keyed_destroy(&keyed);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_counts_for_a_change_with_a_credential),
        TEST(it_belongs_to_its_user_and_one_thing_asked_for),
        TEST(what_is_asked_for_is_hashed_under_a_key_of_the_process),
        TEST(the_newest_are_remembered),
        TEST(those_of_the_audit_are_known_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
