/* A directory of schema 2, whose rows have no checksums, is migrated whole or not at all. */
#include "authd/directory/audit.h"
#include "authd/directory/table.h"
#include "common/store/row.h"
#include "tests/unit/schema_2.h"
#include "tests/unit/yard.h"

enum { PEOPLE = 300 };

static void s_fill(yard_t *yard)
{
    char text[64];
    uuid_t7 user = {{0}};
    for (unsigned i = 0; i < PEOPLE; i++) {
        snprintf(text, sizeof text, "person%u@example.org", i);
        user = yard_user(yard, text);
        snprintf(text, sizeof text, "%032u", i);
        yard_token(yard, &user, text);
    }
    yard_extension(yard, "shop", &user);
    YARD_CHANGE(yard, view);
    audit_add(view, &(audit_t){.who = slice_of("x"),
                               .op = slice_of("x"),
                               .object = slice_of(""),
                               .from = slice_of(""),
                               .changes = slice_of("{}")});
    YARD_DONE(view);
    directory_close(&yard->directory);
}

/* All rows, as one sum; *rows: how many. */
static uint64_t s_sum(yard_t *yard, unsigned *rows)
{
    uint64_t sum = 0;
    view_t *view = view_new(yard->directory);
    view_renew(view);
    *rows = 0;
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        slice_t key = slice("", 0), value;
        while (table_next(view, (table_t)i, slice("", 0), key, &key, &value)) {
            MDB_val k = {key.len, (void *)key.data};
            sum ^= row_sum(row_salt(table_names[i]), &k, value.data, value.len);
            ++*rows;
        }
    }
    assert_false(view_take_damage(view));
    view_destroy(&view);
    return sum;
}

static void what_schema_2_wrote_is_all_there(void **state)
{
    yard_t *yard = *state;
    unsigned rows, again;
    s_fill(yard);
    assert_true(yard_open(yard));
    uint64_t sum = s_sum(yard, &rows);
    directory_close(&yard->directory);
    assert_true(rows > 4 * PEOPLE);
    schema_2_make(yard);
    assert_false(yard_open_as(yard, true)); /* who only reads migrates nothing */
    assert_non_null(strstr(yard->err, "older schema"));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(yard_open(yard));
        assert_true(s_sum(yard, &again) == sum && again == rows);
        directory_close(&yard->directory);
    }
    assert_true(yard_open(yard));
    extension_t extension = yard_extension(yard, "other", &(uuid_t7){{1}});
    assert_int_equal(extension.number, 5002); /* the next number is a fact that moved along */
}

static void a_migration_without_room_changes_nothing(void **state)
{
    yard_t *yard = *state;
    char file[1100];
    struct stat is;
    s_fill(yard);
    schema_2_make(yard);
    snprintf(file, sizeof file, "%s/data.mdb", yard->store);
    assert_int_equal(stat(file, &is), 0);
    directory_options_t small = {
        .path = yard->store, .key_path = yard->key, .map_bytes = (uint64_t)is.st_size};
    yard->directory = directory_open(&small, yard->err, sizeof yard->err);
    if (yard->directory || !strstr(yard->err, "map_bytes"))
        fail_msg("said %s", yard->err);
    store_t *store = schema_2_open(yard, 2);
    store_close(&store);
    assert_true(yard_open(yard));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_schema_2_wrote_is_all_there),
        TEST(a_migration_without_room_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
