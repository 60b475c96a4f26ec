#include "tests/unit/yard.h"

#include "authd/directory/table.h"

#include <inttypes.h>

static void numbers_count_up_and_apps_are_found(void **state)
{
    yard_t *yard = *state;
    app_t app;
    extension_t found;
    char id[APP_ID_TEXT];
    uuid_t7 owner = yard_user(yard, "ann@example.org");
    extension_t one = yard_extension(yard, "one", &owner),
                two = yard_extension(yard, "two", &owner);
    assert_int_equal(one.number, 5001);
    assert_int_equal(two.number, 5002);
    extension_app_id(&two, ENVIRONMENT_MARKETPLACE, id);
    assert_string_equal(id, "5002");
    extension_app_id(&two, ENVIRONMENT_SANDBOX, id);
    assert_string_equal(id, "2305843009213698954"); /* 2^61 + 5002 */
    YARD_CHANGE(yard, view);
    assert_true(apps_get(view, slice_of(id), &app));
    assert_int_equal(app.environment, ENVIRONMENT_SANDBOX);
    assert_true(uuid_eq(&app.extension, &two.id));
    assert_false(uuid_eq(&app.target, &two.id));
    assert_true(extensions_find(view, slice_of("one"), &found));
    assert_true(uuid_eq(&found.id, &one.id));
    assert_true(extensions_find(view, slice_of("5002"), &found));
    assert_true(uuid_eq(&found.id, &two.id));
    assert_false(extensions_find(view, slice_of("three"), &found));
    one.id.bytes[0] ^= 1;
    assert_int_equal(extensions_add(view, &one), -1);
    view_abort(&view);
}

static bool s_file_holds(const char *directory, const char *text, size_t len)
{
    char path[SCRATCH + 64];
    snprintf(path, sizeof path, "%s/data.mdb", directory);
    FILE *from = fopen(path, "r");
    assert_non_null(from);
    assert_int_equal(fseek(from, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(from);
    rewind(from);
    char *all = malloc(size);
    assert_non_null(all);
    assert_int_equal(fread(all, 1, size, from), size);
    fclose(from);
    bool holds = memmem(all, size, text, len) != NULL;
    free(all);
    return holds;
}

static void appkeys_are_readable_and_not_in_the_file(void **state)
{
    static const wire_environment_t environments[] = {ENVIRONMENT_SANDBOX, ENVIRONMENT_MARKETPLACE};
    yard_t *yard = *state;
    char keys[2][APPKEY_MOST];
    uuid_t7 owner = yard_user(yard, "ann@example.org");
    extension_t extension = yard_extension(yard, "the_extension", &owner);
    for (unsigned i = 0; i < 2; i++) {
        app_t app;
        char id[APP_ID_TEXT];
        extension_app_id(&extension, environments[i], id);
        YARD_CHANGE(yard, view);
        assert_true(apps_get(view, slice_of(id), &app));
        size_t len = app_key(view, &app, keys[i]);
        assert_true(len > 40 && keys[i][len] == '\0');
        assert_true(app_key_is(view, &app, slice(keys[i], len), 1));
        assert_false(app_key_is(view, &app, slice(keys[i], len - 1), 1));
        assert_false(app_key_is(view, &app, slice("", 0), 1));
        view_abort(&view);
    }
    assert_memory_equal(keys[0], "sbx-", 4);
    assert_memory_not_equal(keys[1], "sbx-", 4);
    assert_memory_equal(keys[1], "NTAwMS", 6); /* "5001-" in base64, but for its last bits */
    directory_close(&yard->directory);
    assert_true(s_file_holds(yard->store, "the_extension", 13));
    for (unsigned i = 0; i < 2; i++)
        assert_false(s_file_holds(yard->store, keys[i] + 12, 20));
    assert_true(yard_open(yard));
}

/* The directory refuses another key at the start; were it opened all the same, it would show
 * nothing, and no appkey would not be one. */
static void another_key_opens_nothing(void **state)
{
    yard_t *yard = *state;
    app_t app;
    char key[APPKEY_MOST];
    uuid_t7 owner = yard_user(yard, "ann@example.org");
    yard_extension(yard, "one", &owner);
    view_t *change = view_begin(yard->directory);
    assert_true(table_delete(change, TABLE_facts, slice_of("key")));
    assert_int_equal(view_commit(&change), 0);
    directory_close(&yard->directory);
    scratch_write(yard->key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    assert_true(yard_open(yard));
    YARD_CHANGE(yard, view);
    assert_true(apps_get(view, slice_of("5001"), &app));
    assert_int_equal(app_key(view, &app, key), 0);
    assert_false(app_key_is(view, &app, slice("", 0), 1));
    view_abort(&view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_count_up_and_apps_are_found),
        TEST(appkeys_are_readable_and_not_in_the_file),
        TEST(another_key_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
