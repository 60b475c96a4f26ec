/* Places for look-ups of names: one a name, shared out among the owners of handlers. */
#include "workers/caller/lookups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

enum { NOW = 1000 };

static int s_setup(void **state)
{
    lookups_t *self = malloc(sizeof *self);
    assert_non_null(self);
    lookups_open(self);
    *state = self;
    return 0;
}

static int s_teardown(void **state)
{
    lookups_t *self = *state;
    lookups_close(self);
    free(self);
    return 0;
}

static uuid_t7 s_owner(unsigned number)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes, &number, sizeof number);
    return id;
}

/* 0: it waits. */
static uint64_t s_begin(lookups_t *self, unsigned owner, unsigned name, int64_t now_ms)
{
    uint64_t joined;
    const char *why, *before;
    char host[32];
    uuid_t7 id = s_owner(owner);
    snprintf(host, sizeof host, "n%u.test", name);
    before = lookups_why(self, &id, host, now_ms);
    uint64_t number = lookups_begin(self, &id, host, now_ms, &joined, &why);
    assert_ptr_equal(why, before);
    assert_int_equal(joined, 0);
    assert_int_equal(number == 0, why != NULL);
    return number;
}

static unsigned s_begin_all(lookups_t *self, unsigned owner)
{
    unsigned begun = 0;
    while (s_begin(self, owner, 1000 * owner + begun, NOW))
        begun++;
    return begun;
}

static void calls_of_a_name_join_its_look_up(void **state)
{
    lookups_t *self = *state;
    uint64_t joined;
    const char *why;
    uuid_t7 ann = s_owner(1), bob = s_owner(2);
    uint64_t number = lookups_begin(self, &ann, "a.test", NOW, &joined, &why);
    assert_true(number > 0 && lookups_is_under_way(self, number));
    assert_int_equal(lookups_begin(self, &bob, "a.test", NOW, &joined, &why), 0);
    assert_int_equal(joined, number);
    assert_null(why);
    assert_null(lookups_why(self, &bob, "a.test", NOW));
    lookups_end(self, number, false, NOW);
    assert_false(lookups_is_under_way(self, number));
    assert_int_equal(lookups_begin(self, &bob, "a.test", NOW, &joined, &why), number + 1);
}

static void what_was_given_up_keeps_its_place_and_its_name(void **state)
{
    lookups_t *self = *state;
    uint64_t number = s_begin(self, 1, 0, NOW);
    lookups_end(self, number, true, NOW);
    assert_false(lookups_is_under_way(self, number));
    assert_int_equal(s_begin(self, 1, 0, NOW + LOOKUP_LINGER_MS - 1), 0);
    assert_true(s_begin(self, 1, 0, NOW + LOOKUP_LINGER_MS) > number);
}

static void an_owner_takes_no_more_than_it_leaves(void **state)
{
    static const unsigned shares[] = {16, 8, 4, 2, 1, 1, 1};
    enum { OWNERS = sizeof shares / sizeof *shares };
    lookups_t *self = *state;
    for (unsigned i = 0; i < OWNERS; i++) {
        assert_int_equal(s_begin_all(self, i), shares[i]);
        assert_int_equal(s_begin(self, 0, 5000 + i, NOW), 0);
    }
    for (unsigned i = OWNERS; i < OWNERS + LOOKUPS_KEPT - 1; i++)
        assert_int_equal(s_begin_all(self, i), 1);
    assert_int_equal(s_begin(self, 99, 500000, NOW), 0);
}

/* Owners whose names all hang and who come in any order: each newcomer gets a place. */
static void a_newcomer_finds_a_place(void **state)
{
    enum { OWNERS = LOOKUPS / 2, ROUNDS = 20000 };
    lookups_t *self = *state;
    unsigned held[OWNERS] = {0}, name = 0;
    srandom(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned owner = (unsigned)random() % OWNERS;
        bool begun = s_begin(self, owner, name++, NOW) > 0;
        assert_true(begun || held[owner] > 0);
        held[owner] += begun;
    }
}

/* A place that is given back is another's. */
static void a_place_is_free_again(void **state)
{
    lookups_t *self = *state;
    uint64_t last = 0, number;
    for (unsigned i = 0; (number = s_begin(self, 1, i, NOW)); i++)
        last = number;
    assert_int_equal(s_begin(self, 1, 500, NOW), 0);
    lookups_end(self, last, false, NOW);
    assert_true(s_begin(self, 1, 500, NOW) > 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(calls_of_a_name_join_its_look_up),
        CASE(what_was_given_up_keeps_its_place_and_its_name),
        CASE(an_owner_takes_no_more_than_it_leaves),
        CASE(a_newcomer_finds_a_place),
        CASE(a_place_is_free_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
