/* The tables of operations and errors: what other processes and old clients rely on. */
#include "common/base/errors.h"
#include "common/base/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_find_by_number(void **state)
{
    (void)state;
    assert_string_equal(op_find(OP_channel_message)->name, "channel_message");
    assert_int_equal(op_find(OP_channel_message)->methods, OP_POST);
    assert_int_equal(op_find(OP_bot_incoming)->owner, OWNER_BOT);
    assert_string_equal(error_find(ERROR_storage_full)->name, "storage_full");
    assert_int_equal(error_find(ERROR_storage_full)->status, 503);
    for (size_t i = 0; i < op_table_len; i++) {
        assert_ptr_equal(op_find(op_table[i].number), &op_table[i]);
        assert_int_equal(op_index(&op_table[i]), i);
    }
}

static void test_unknown_numbers(void **state)
{
    (void)state;
    const unsigned ops[] = {0, 18, 19, 99, 999, 1000, 65535, 0xffffffffu};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        assert_null(op_find(ops[i]));
    assert_null(error_find(0));
    assert_null(error_find((unsigned)error_table_len + 1));
    assert_null(error_find(0xffffffffu));
}

static void test_ops_are_ordered_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        assert_true(op->number >= 1 && op->number <= 999);
        assert_true(op->methods != 0);
        assert_int_equal(op->path[0], '/');
        assert_true(i == 0 || op_table[i - 1].number < op->number);
        assert_true(op->credentials != CRED_ADMIN || op->owner == OWNER_AUTHD);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(op_table[j].name, op->name);
            /* Two rows that match one request would make the answer depend on their order. */
            assert_false(op_is_admin(&op_table[j]) == op_is_admin(op) &&
                         strcmp(op_table[j].path, op->path) == 0 &&
                         (op_table[j].methods & op->methods) != 0);
        }
    }
}

/* Numbers on the wire and in journals: these may never change. */
static void test_ops_keep_their_numbers(void **state)
{
    (void)state;
    static const struct {
        unsigned number;
        const char *name;
    } fixed[] = {{1, "channel_message"}, {2, "channel_id_message"}, {3, "bot_incoming"},
                 {4, "bot_message"},     {5, "extension_incoming"}, {6, "chat_message"},
                 {7, "buddy_message"},   {8, "channel_incoming"},   {20, "channel_history"},
                 {22, "bot_history"},    {23, "extension_history"}, {100, "user_create"},
                 {110, "token_create"},  {112, "token_delete"},     {120, "channel_create"},
                 {140, "bot_create"},    {160, "extension_create"}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        assert_string_equal(op_find(fixed[i].number)->name, fixed[i].name);
    assert_int_equal(OWNER_CHANNEL, 0);
    assert_int_equal(OWNER_BOT, 1);
    assert_int_equal(OWNER_EXTENSION, 2);
}

static void test_errors_are_dense_and_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < error_table_len; i++) {
        const error_row_t *row = &error_table[i];
        assert_int_equal(row->code, i + 1);
        assert_ptr_equal(error_find((unsigned)i + 1), row);
        assert_true(row->status >= 400 && row->status < 600);
        assert_true(strlen(row->message) > 0);
        /* A sender that is told to come back must be told when. */
        assert_true((row->status == 503 || row->status == 429) == (row->retry_after_s > 0));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(error_table[j].name, row->name);
    }
}

static void test_methods(void **state)
{
    (void)state;
    assert_int_equal(op_method_of("GET", 3), OP_GET);
    assert_int_equal(op_method_of("DELETE", 6), OP_DELETE);
    assert_int_equal(op_method_of("get", 3), 0);
    assert_int_equal(op_method_of("GETX", 4), 0);
    assert_int_equal(op_method_of("GE", 2), 0);
    assert_int_equal(op_method_of("", 0), 0);
    assert_int_equal(op_method_of("PATCH", 5), 0);
    assert_string_equal(op_method_name(OP_PUT), "PUT");
    assert_null(op_method_name(OP_GET | OP_HEAD));
    assert_null(op_method_name(0));
    assert_string_equal(op_owner_name(OWNER_EXTENSION), "extension");
    assert_string_equal(op_owner_name(OWNER_AUTHD), "authd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_by_number),
        cmocka_unit_test(test_unknown_numbers),
        cmocka_unit_test(test_ops_are_ordered_and_unique),
        cmocka_unit_test(test_ops_keep_their_numbers),
        cmocka_unit_test(test_errors_are_dense_and_unique),
        cmocka_unit_test(test_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
