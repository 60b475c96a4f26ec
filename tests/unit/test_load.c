/* What a lane takes of the outbox in one go. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "outbox_yard.h"
#include "spoil.h"
#include "workers/delivery/load.h"

#include <poll.h>
#include <string.h>

enum { LARGE = 40 << 10, WAIT_MS = 10000 };

static load_t *s_taken;
static bool s_dropped;

static void s_done(load_t *load, bool dropped)
{
    s_taken = load;
    s_dropped = dropped;
}

static void s_store_body(journal_t *journal, unsigned target, unsigned id, slice_t body)
{
    journal_entry_t entry = {.record = {.op = 3,
                                        .flags = RECORD_EVENT | RECORD_DELIVER,
                                        .time_ms = 1700000000000 + id,
                                        .id = s_uuid(id),
                                        .target = s_uuid(target),
                                        .access = slice_of("deploy"),
                                        .body = body}};
    journal_entry_t *entries[] = {&entry};
    assert_int_equal(journal_append(journal, entries, 1, s_now), 1);
}

static load_t *s_new(journal_t *journal)
{
    uuid_t7 target = s_uuid(1);
    load_t *load = load_new(&target);
    load->events = true;
    load->now_ms = journal_running_ms(journal, s_now);
    return load;
}

/* Nothing is read before the loop turns. */
static void s_take(journal_t *journal, load_t *load)
{
    s_taken = NULL;
    assert_true(load_ask(load, journal, s_done));
    assert_null(s_taken);
    while (!s_taken) {
        struct pollfd fd = {.fd = journal_fd(journal), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        journal_turn(journal);
    }
    assert_ptr_equal(s_taken, load);
    assert_false(s_dropped);
}

static void test_due_items_come_with_their_events(void **state)
{
    (void)state;
    record_t event;
    journal_t *journal = s_open();
    s_store(journal, 2, 9, RECORD_DELIVER); /* another lane's */
    for (unsigned i = 0; i < 3; i++)
        s_store_body(journal, 1, 10 + i, slice_of("{\"n\":1}"));
    s_commit(journal);
    journal_note_t note = s_failed(journal, 1, 3, 5000);
    journal_note(journal, &note);
    s_commit(journal);
    load_t *load = s_new(journal);
    s_take(journal, load);
    assert_true(load->len == 2 && !load->more);
    assert_int_equal(load->items[0].due.place.log, 2);
    assert_int_equal(load->items[1].due.place.log, 4);
    assert_int_equal(load->look_ms, note.due_ms);
    assert_int_equal(record_read(&event, slice(load->items[1].event, load->items[1].event_len)), 0);
    uuid_t7 id = s_uuid(12);
    assert_true(uuid_eq(&event.id, &id) && slice_is(event.body, "{\"n\":1}"));
    load_destroy(&load);
    load = s_new(journal);
    load->events = false;
    load->now_ms = UINT64_MAX;
    s_take(journal, load);
    assert_true(load->len == 3 && !load->items[0].event && load->look_ms == UINT64_MAX);
    load_destroy(&load);
    journal_close(&journal);
}

static void test_what_is_known_is_passed_over(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 40; i++)
        s_store(journal, 1, 10 + i, RECORD_DELIVER);
    s_commit(journal);
    load_t *load = s_new(journal);
    for (uint64_t log = 30; log > 0; log--)
        load_pass_over(load, log, false);
    s_take(journal, load);
    assert_int_equal(load->len, 10);
    assert_int_equal(load->items[0].due.place.log, 31);
    load_destroy(&load);
    load = s_new(journal);
    s_take(journal, load);
    assert_true(load->len == LOAD_ITEMS && load->more);
    load_destroy(&load);
    for (unsigned ended = 0; ended < 2; ended++) {
        load = s_new(journal);
        load->ordered = true;
        load_pass_over(load, 1, ended);
        s_take(journal, load);
        assert_int_equal(load->len, ended);
        assert_true(!ended || load->items[0].due.place.log == 2);
        load_destroy(&load);
    }
    journal_close(&journal);
}

static void test_so_many_bytes_and_the_first_in_any_case(void **state)
{
    static char body[3 * LOAD_BYTES];
    (void)state;
    journal_t *journal = s_open();
    memset(body, 'x', sizeof body);
    s_store_body(journal, 1, 10, slice(body, sizeof body));
    for (unsigned i = 0; i < 4; i++)
        s_store_body(journal, 1, 11 + i, slice(body, LARGE));
    s_commit(journal);
    load_t *load = s_new(journal);
    s_take(journal, load);
    assert_true(load->len == 1 && load->more && load->items[0].event_len > sizeof body);
    load_destroy(&load);
    load = s_new(journal);
    load_pass_over(load, 1, false);
    s_take(journal, load);
    assert_true(load->len == 2 && load->more);
    load_destroy(&load);
    journal_close(&journal);
}

/* Its item comes without it. */
static void test_a_damaged_event_stops_no_other(void **state)
{
    spoil_t spoil = {.bytes = NULL};
    (void)state;
    journal_t *journal = s_open();
    s_store_body(journal, 1, 10, slice_of("{\"text\":\"whole\"}"));
    s_store_body(journal, 1, 11, slice_of("{\"text\":\"to be spoilt\"}"));
    s_store_body(journal, 1, 12, slice_of("{\"text\":\"whole\"}"));
    s_commit(journal);
    journal_close(&journal);
    spoil_take(&spoil, s_dir);
    assert_true(spoil_all(&spoil, "to be spoilt", 12, 0) > 0);
    spoil_free(&spoil);
    journal = s_open();
    load_t *load = s_new(journal);
    s_take(journal, load);
    assert_int_equal(load->len, 3);
    assert_true(load->items[0].event && !load->items[1].event && load->items[2].event);
    load_destroy(&load);
    journal_close(&journal);
}

static void test_a_journal_that_stops_drops_it(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    load_t *load = s_new(journal);
    assert_true(load_ask(load, journal, s_done));
    journal_stop(journal);
    assert_true(s_dropped);
    load_destroy(&load);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_due_items_come_with_their_events),
        TEST(test_what_is_known_is_passed_over),
        TEST(test_so_many_bytes_and_the_first_in_any_case),
        TEST(test_a_damaged_event_stops_no_other),
        TEST(test_a_journal_that_stops_drops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
