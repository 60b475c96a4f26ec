/* Calls under way, shared out among the owners of handlers. */
#include "workers/delivery/lane.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

enum { CALLS = 1024, SMALL = 100 };

static owner_t *s_owner(owners_t *owners, unsigned number)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes + 8, &number, sizeof number);
    return owners_find(owners, &id);
}

static unsigned s_begin_all(owners_t *owners, unsigned number, size_t bytes)
{
    owner_t *owner = s_owner(owners, number);
    for (; owner_has_room(owners, owner); owner_began(owners, owner, bytes))
        ;
    return owner->calls;
}

static void an_owner_leaves_room(void **state)
{
    static const unsigned shares[] = {448, 224, 112, 56, 28};
    owners_t owners = {.most = CALLS};
    (void)state;
    for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++) {
        assert_int_equal(s_begin_all(&owners, i, SMALL), shares[i]);
        assert_false(owner_has_room(&owners, s_owner(&owners, 0)));
    }
    for (unsigned i = 10; i < 10 + CALLS / 8; i++)
        assert_true(s_begin_all(&owners, i, SMALL) > 0);
    owner_ended(&owners, s_owner(&owners, 0), SMALL);
    assert_int_equal(s_owner(&owners, 0)->calls, 447);
    owners_close(&owners);
}

static void bytes_are_shared_as_well(void **state)
{
    enum { LARGE = DELIVERY_BYTES / 64 };
    owners_t owners = {.most = CALLS};
    (void)state;
    assert_int_equal(s_begin_all(&owners, 1, LARGE), 28);
    assert_int_equal(s_begin_all(&owners, 2, LARGE), 14);
    assert_true(owners_have_room(&owners));
    owners_close(&owners);
}

/* Whatever the setting is, one owner alone is served, and when all has ended nothing is held. */
static void few_calls_serve_everybody(void **state)
{
    (void)state;
    for (unsigned most = 1; most < 20; most++) {
        owners_t owners = {.most = most};
        for (unsigned i = 0; i < 2; i++) {
            unsigned begun = s_begin_all(&owners, i, DELIVERY_BYTES / 2);
            assert_true(begun >= 1 || !owners_have_room(&owners));
            while (begun-- > 0)
                owner_ended(&owners, s_owner(&owners, i), DELIVERY_BYTES / 2);
            assert_true(owners.calls == 0 && owners.bytes == 0);
        }
        owners_close(&owners);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_leaves_room),
        cmocka_unit_test(bytes_are_shared_as_well),
        cmocka_unit_test(few_calls_serve_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
