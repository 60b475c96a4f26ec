/* What is refused, goes alone, and is not sent again after workers died with it. */
#include "common/base/ops.h"
#include "router/deaths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

static unsigned s_refused;

static void s_refuse(void *arg, const queue_note_t *entry)
{
    assert_ptr_equal(arg, &s_refused);
    assert_int_equal(entry->op, OP_bot_history);
    s_refused++;
}

static queue_note_t s_note(unsigned op)
{
    queue_note_t note = {.origin = 7, .attempt = 1, .op = op};
    uuid_new(&note.id);
    return note;
}

static void s_die(deaths_t *deaths, queue_note_t *note, unsigned len, int64_t now_ms)
{
    queue_notes_t notes = {note, len, len};
    const queue_notes_t *batches[] = {&notes, &notes}; /* twice there is one death */
    deaths_count(deaths, batches, 2, now_ms);
}

static void test_example(void **state)
{
    deaths_t *deaths = deaths_new(s_refuse, &s_refused);
    queue_note_t note[] = {s_note(OP_channel_message), s_note(OP_bot_history),
                           s_note(OP_bot_incoming)};
    (void)state;
    s_refused = 0;
    assert_int_equal(deaths_of(deaths, &note[0].id, 0), DEATHS_NONE);
    s_die(deaths, note, 3, 1000);
    assert_int_equal(s_refused, 0);
    assert_int_equal(deaths_of(deaths, &note[0].id, 1500), DEATHS_NONE);
    assert_int_equal(deaths_of(deaths, &note[1].id, 1500), DEATHS_NONE);
    s_die(deaths, note, 3, 2000);
    assert_int_equal(s_refused, 1);
    assert_int_equal(deaths_of(deaths, &note[1].id, 2500), DEATHS_ENOUGH);
    assert_int_equal(deaths_of(deaths, &note[0].id, 2500), DEATHS_SUSPECT);
    assert_int_equal(deaths_of(deaths, &note[2].id, 2500), DEATHS_SUSPECT); /* GET, too, writes */
    s_die(deaths, note, 1, 3000);
    assert_int_equal(deaths_of(deaths, &note[0].id, 4000), DEATHS_ENOUGH);
    assert_int_equal(deaths_of(deaths, &note[2].id, 4000), DEATHS_SUSPECT);
    assert_int_equal(deaths_of(deaths, &note[2].id, 72000), DEATHS_NONE);
    assert_int_equal(deaths_of(deaths, &note[0].id, 73000), DEATHS_NONE);
    s_die(deaths, note, 1, 74000);
    assert_int_equal(deaths_of(deaths, &note[0].id, 75000), DEATHS_NONE);
    s_die(deaths, note, 1, 76000); /* nobody else was there */
    assert_int_equal(deaths_of(deaths, &note[0].id, 77000), DEATHS_ENOUGH);
    deaths_destroy(&deaths);
}

static void test_so_many_are_remembered(void **state)
{
    enum { COUNT = 20000 };
    deaths_t *deaths = deaths_new(s_refuse, &s_refused);
    queue_note_t *note = calloc(COUNT, sizeof *note);
    unsigned known = 0;
    (void)state;
    for (unsigned i = 0; i < COUNT; i++)
        note[i] = s_note(OP_channel_message);
    s_die(deaths, note, COUNT, 1000);
    s_die(deaths, note, COUNT, 1500);
    for (unsigned i = 0; i < COUNT; i++)
        known += deaths_of(deaths, &note[i].id, 2000) == DEATHS_SUSPECT;
    assert_int_equal(known, 8192);
    s_die(deaths, note + COUNT - 100, 100, 72000); /* the others are old */
    s_die(deaths, note + COUNT - 100, 100, 72500);
    assert_int_equal(deaths_of(deaths, &note[COUNT - 1].id, 73000), DEATHS_SUSPECT);
    free(note);
    deaths_destroy(&deaths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_so_many_are_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
