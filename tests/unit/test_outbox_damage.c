/* What becomes of a delivery whose rows are damaged. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "outbox_yard.h"
#include "spoil.h"

/* Changes the rows of an item, behind the state: by the id that ends it. */
static void s_spoil_item(unsigned id)
{
    spoil_t file = {.bytes = NULL};
    uuid_t7 uuid = s_uuid(id);
    spoil_take(&file, s_dir);
    unsigned count = 0;
    for (size_t at = 60; at + UUID_BYTES < file.size; at++) {
        /* 39 bytes of numbers stand between the state, which is pending, and the id. */
        const char *row = file.bytes + at - 55;
        if (memcmp(file.bytes + at, uuid.bytes, UUID_BYTES) != 0 || row[0] != OUTBOX_PENDING)
            continue;
        char byte = file.bytes[at - 4] ^ 1;
        spoil_put(&file, at - 4, &byte, 1);
        count++;
    }
    assert_true(count > 0);
    spoil_free(&file);
}

/* It is made again of what else is known of it, or forgotten; nobody dies of it. */
static void test_a_damaged_item_ends_as_any_other(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, RECORD_DELIVER);
    s_commit(journal);
    journal_note_t note = s_failed(journal, 1, 1, 0);
    journal_note(journal, &note);
    s_commit(journal);
    s_spoil_item(10);
    s_spoil_item(11);
    note = s_ended(journal, 1, 1, OUTBOX_DEAD);
    journal_note(journal, &note);
    note = s_ended(journal, 1, 2, OUTBOX_DELIVERED);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_list(journal), 0);
    assert_int_equal(s_list_items(journal, 1, false), 2);
    uuid_t7 id = s_uuid(10);
    assert_true(uuid_eq(&s_items[1].id, &id));
    assert_int_equal(s_items[1].state, OUTBOX_DEAD);
    assert_int_equal(s_items[1].attempts, 2);
    assert_int_equal(s_items[1].time_ms, 1700000000010);
    assert_int_equal(s_items[0].state, OUTBOX_DELIVERED);
    journal_close(&journal);
    assert_int_equal(s_list_items(journal = s_open(), 1, true), 1);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_damaged_item_ends_as_any_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
