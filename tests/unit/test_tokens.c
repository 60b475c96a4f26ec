#include "tests/unit/yard.h"

#include <pthread.h>
#include <stdatomic.h>

static void a_token_is_found_by_its_hash_and_id(void **state)
{
    yard_t *yard = *state;
    token_t token, same;
    uint8_t hash[TOKEN_HASH];
    uuid_t7 user = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_token(yard, &user, "one");
    token_hash("one", strlen("one"), hash);
    YARD_CHANGE(yard, view);
    assert_true(tokens_get(view, hash, &token));
    assert_true(uuid_eq(&token.id, &id) && uuid_eq(&token.user, &user));
    assert_true(slice_is(token.last4, "last"));
    assert_int_equal(token.rate, TOKEN_DEFAULT);
    assert_true(tokens_find(view, &id, &same));
    assert_memory_equal(same.hash, hash, TOKEN_HASH);
    token_hash("two", strlen("two"), hash);
    assert_false(tokens_get(view, hash, &token));
    view_abort(&view);
}

static void the_sixth_is_refused_until_one_is_deleted(void **state)
{
    yard_t *yard = *state;
    char text[] = "token-0";
    uuid_t7 user = yard_user(yard, "ann@example.org"), first = {{0}};
    token_t sixth = {0};
    for (unsigned i = 0; i < TOKENS_ACTIVE; i++, text[6]++) {
        uuid_t7 id = yard_token(yard, &user, text);
        if (i == 0)
            first = id;
    }
    assert_int_equal(yard_token_as(yard, &user, text, &sixth), TOKENS_LIMIT);
    assert_int_equal(yard_token_as(yard, &user, "token-1", &sixth), TOKENS_TAKEN);
    YARD_CHANGE(yard, view);
    assert_int_equal(tokens_active(view, &user, 1), TOKENS_ACTIVE);
    assert_true(tokens_delete(view, &first));
    assert_false(tokens_delete(view, &first));
    YARD_DONE(view);
    assert_int_equal(yard_token_as(yard, &user, text, &sixth), TOKENS_ADDED);
}

typedef struct {
    yard_t *yard;
    uuid_t7 user;
    unsigned number;
    atomic_uint *added;
} racer_t;

static void *s_race(void *arg)
{
    racer_t *self = arg;
    token_t token = {.user = self->user};
    uuid_new(&token.id);
    token_hash((const char *)&self->number, sizeof self->number, token.hash);
    view_t *view = view_begin(self->yard->directory);
    bool added = tokens_add(view, &token, 1) == TOKENS_ADDED;
    if (view_commit(&view) == 0 && added)
        atomic_fetch_add(self->added, 1);
    return NULL;
}

static void twenty_at_once_leave_five(void **state)
{
    enum { RACERS = 20 };
    yard_t *yard = *state;
    pthread_t threads[RACERS];
    racer_t racers[RACERS];
    atomic_uint added = 0;
    uuid_t7 user = yard_user(yard, "ann@example.org");
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (racer_t){yard, user, i, &added};
        assert_int_equal(pthread_create(&threads[i], NULL, s_race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(added, TOKENS_ACTIVE);
    YARD_CHANGE(yard, view);
    assert_int_equal(tokens_active(view, &user, 1), TOKENS_ACTIVE);
    view_abort(&view);
}

static void a_users_tokens_die_with_it(void **state)
{
    yard_t *yard = *state;
    uint8_t hash[TOKEN_HASH];
    token_t token;
    uuid_t7 ann = yard_user(yard, "ann@example.org"), bob = yard_user(yard, "bob@example.org");
    yard_token(yard, &ann, "one");
    yard_token(yard, &ann, "two");
    yard_token(yard, &bob, "three");
    YARD_CHANGE(yard, view);
    users_deactivate(view, &ann, 5);
    assert_int_equal(tokens_active(view, &ann, 1), 0);
    assert_int_equal(tokens_active(view, &bob, 1), 1);
    token_hash("two", strlen("two"), hash);
    assert_false(tokens_get(view, hash, &token));
    YARD_DONE(view);
}

static void usage_adds_up_and_ignores_the_deleted(void **state)
{
    yard_t *yard = *state;
    token_use_t use = {
        .last_ms = 100, .count = 3, .address = slice_of("10.0.0.1"), .target = slice_of("general")};
    uuid_t7 user = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_token(yard, &user, "one");
    YARD_CHANGE(yard, view);
    assert_true(tokens_used(view, &id, &use));
    use = (token_use_t){
        .last_ms = 200, .count = 4, .address = slice_of("10.0.0.2"), .target = slice_of("builds")};
    assert_true(tokens_used(view, &id, &use));
    assert_true(tokens_use(view, &id, &use));
    assert_int_equal(use.count, 7);
    assert_int_equal(use.last_ms, 200);
    assert_true(slice_is(use.address, "10.0.0.2"));
    assert_true(slice_is(use.target, "builds"));
    /* The row is the index by id, and still is. */
    assert_true(tokens_delete(view, &id));
    assert_false(tokens_used(view, &id, &(token_use_t){.last_ms = 1}));
    assert_false(tokens_use(view, &id, &use));
    YARD_DONE(view);
}

static void a_record_is_changed(void **state)
{
    yard_t *yard = *state;
    token_t token;
    uuid_t7 user = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_token(yard, &user, "one");
    YARD_CHANGE(yard, view);
    assert_true(tokens_find(view, &id, &token));
    token.rate = 0;
    token.burst = 9;
    tokens_edit(view, &token);
    assert_true(tokens_find(view, &id, &token));
    assert_int_equal(token.rate, 0);
    assert_int_equal(token.burst, 9);
    assert_true(slice_is(token.last4, "last"));
    YARD_DONE(view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_found_by_its_hash_and_id),
        TEST(the_sixth_is_refused_until_one_is_deleted),
        TEST(twenty_at_once_leave_five),
        TEST(a_users_tokens_die_with_it),
        TEST(usage_adds_up_and_ignores_the_deleted),
        TEST(a_record_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
