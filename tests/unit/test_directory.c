#include "authd/directory/extensions.h"
#include "tests/unit/schema_2.h"
#include "tests/unit/yard.h"

#include "authd/directory/audit.h"
#include "authd/directory/table.h"
#include "common/store/store.h"

#include <sys/stat.h>

static void s_reopen(yard_t *yard)
{
    directory_close(&yard->directory);
    assert_true(yard_open(yard));
}

static void users_are_found_after_reopening(void **state)
{
    yard_t *yard = *state;
    char text[UUID_TEXT];
    user_t user;
    uuid_t7 id = yard_user(yard, "Ann@Example.org");
    s_reopen(yard);
    view_t *view = view_new(yard->directory);
    view_renew(view);
    assert_true(users_find(view, slice_of("ann@example.ORG"), &user));
    assert_true(uuid_eq(&user.id, &id));
    assert_true(slice_is(user.email, "Ann@Example.org"));
    assert_true(slice_is(user.name, "Some One"));
    uuid_text(&id, text);
    assert_true(users_find(view, slice_of(text), &user));
    assert_false(users_find(view, slice_of("bob@example.org"), &user));
    assert_false(users_find(view, slice_of(""), &user));
    view_destroy(&view);
}

static void an_email_is_unique_until_its_user_is_gone(void **state)
{
    yard_t *yard = *state;
    user_t user = {.name = slice_of("x"), .email = slice_of("ANN@example.org")};
    uuid_t7 id = yard_user(yard, "ann@example.org");
    uuid_new(&user.id);
    YARD_CHANGE(yard, view);
    assert_int_equal(users_add(view, &user), -1);
    users_deactivate(view, &id, 7);
    assert_int_equal(users_add(view, &user), 0);
    user_t old;
    assert_true(users_get(view, &id, &old));
    assert_int_equal(old.deleted_ms, 7);
    YARD_DONE(view);
}

static void a_reader_sees_a_change_after_renewal_only(void **state)
{
    yard_t *yard = *state;
    user_t user;
    view_t *view = view_new(yard->directory);
    view_renew(view);
    yard_user(yard, "ann@example.org");
    assert_false(users_find(view, slice_of("ann@example.org"), &user));
    view_renew(view);
    assert_true(users_find(view, slice_of("ann@example.org"), &user));
    view_destroy(&view);
}

static void an_aborted_change_leaves_nothing(void **state)
{
    yard_t *yard = *state;
    user_t user = {.name = slice_of("x"), .email = slice_of("ann@example.org")};
    uuid_new(&user.id);
    YARD_CHANGE(yard, view);
    assert_int_equal(users_add(view, &user), 0);
    view_abort(&view);
    YARD_CHANGE(yard, again);
    assert_false(users_find(again, slice_of("ann@example.org"), &user));
    view_abort(&again);
}

static void a_name_stays_taken_when_archived(void **state)
{
    yard_t *yard = *state;
    place_t place;
    uuid_t7 owner = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_place(yard, PLACE_CHANNEL, "general", &owner);
    yard_place(yard, PLACE_BOT, "general", &owner);
    YARD_CHANGE(yard, view);
    places_archive(view, PLACE_CHANNEL, &id, 9, slice_of("moved"));
    place = (place_t){.name = slice_of("general"), .owner = owner};
    uuid_new(&place.id);
    assert_int_equal(places_add(view, PLACE_CHANNEL, &place), -1);
    YARD_DONE(view);
    s_reopen(yard);
    YARD_CHANGE(yard, again);
    assert_true(places_named(again, PLACE_CHANNEL, slice_of("general"), &place));
    assert_int_equal(place.archived_ms, 9);
    assert_true(uuid_eq(&place.owner, &owner));
    assert_true(places_named(again, PLACE_BOT, slice_of("general"), &place));
    assert_int_equal(place.archived_ms, 0);
    view_abort(&again);
}

static void names_are_checked(void **state)
{
    (void)state;
    char most[82];
    memset(most, 'a', sizeof most);
    assert_true(place_is_name(PLACE_CHANNEL, slice(most, 80)));
    assert_false(place_is_name(PLACE_CHANNEL, slice(most, 81)));
    assert_true(place_is_name(PLACE_BOT, slice(most, 50)));
    assert_false(place_is_name(PLACE_BOT, slice(most, 51)));
    assert_false(place_is_name(PLACE_CHANNEL, slice_of("")));
    assert_false(place_is_name(PLACE_CHANNEL, slice_of("General")));
    assert_false(place_is_name(PLACE_CHANNEL, slice_of("a-b")));
    assert_false(place_is_name(PLACE_CHANNEL, slice("a\0b", 3)));
    assert_true(place_is_name(PLACE_CHANNEL, slice_of("a_0")));
    assert_false(extension_is_name(slice_of("5001")));
}

static void people_come_and_go(void **state)
{
    yard_t *yard = *state;
    uuid_t7 ann = yard_user(yard, "ann@example.org"), bob = yard_user(yard, "bob@example.org");
    uuid_t7 one = yard_place(yard, PLACE_CHANNEL, "one", &ann), seen;
    uuid_t7 two = yard_place(yard, PLACE_CHANNEL, "two", &bob);
    YARD_CHANGE(yard, view);
    assert_false(place_has(view, PLACE_CHANNEL, &one, &bob));
    assert_true(place_add(view, PLACE_CHANNEL, &one, &bob, 1));
    assert_false(place_add(view, PLACE_CHANNEL, &one, &bob, 1));
    unsigned count = 0;
    for (bool more = place_next(view, PLACE_CHANNEL, &one, NULL, &seen); more; count++)
        more = place_next(view, PLACE_CHANNEL, &one, &seen, &seen);
    assert_int_equal(count, 2);
    assert_true(place_remove(view, PLACE_CHANNEL, &one, &bob));
    assert_false(place_remove(view, PLACE_CHANNEL, &one, &bob));
    assert_true(place_has(view, PLACE_CHANNEL, &two, &bob));
    view_abort(&view);
}

static void audit_rows_are_numbered(void **state)
{
    yard_t *yard = *state;
    audit_t row;
    YARD_CHANGE(yard, view);
    for (unsigned i = 0; i < 300; i++)
        audit_add(view, &(audit_t){.time_ms = i,
                                   .who = slice_of("control"),
                                   .op = slice_of("user_create"),
                                   .object = slice_of("x")});
    YARD_DONE(view);
    YARD_CHANGE(yard, again);
    uint64_t number = 0;
    while (audit_next(again, number, &row)) {
        assert_int_equal(row.number, number + 1);
        assert_int_equal(row.time_ms, number);
        assert_true(slice_is(row.op, "user_create"));
        number = row.number;
    }
    assert_int_equal(number, 300);
    view_abort(&again);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    yard_t *yard = *state;
    struct stat is;
    assert_int_equal(stat(yard->key, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    directory_close(&yard->directory);
    assert_int_equal(chmod(yard->key, 0640), 0);
    assert_false(yard_open(yard));
    assert_non_null(strstr(yard->err, "chmod 600"));
    assert_int_equal(chmod(yard->key, 0600), 0);
    scratch_write(yard->key, "too short\n");
    assert_false(yard_open(yard));
    assert_non_null(strstr(yard->err, "64 hex digits"));
    /* A lost key is not replaced by another beside an old directory. */
    assert_int_equal(remove(yard->key), 0);
    assert_false(yard_open(yard));
    assert_non_null(strstr(yard->err, "missing"));
}

static void another_key_than_the_directorys_is_refused(void **state)
{
    yard_t *yard = *state;
    s_reopen(yard);
    directory_close(&yard->directory);
    scratch_write(yard->key, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    assert_false(yard_open(yard));
    assert_non_null(strstr(yard->err, "is not the key of"));
}

static void a_store_of_another_kind_or_newer_is_refused(void **state)
{
    yard_t *yard = *state;
    char err[512];
    directory_close(&yard->directory);
    scratch_remove(yard->store);
    store_options_t other = {
        .path = yard->store, .kind = "directory", .schema = 99, .tables = 4, .map_bytes = 1 << 24};
    store_t *store = store_open(&other, err, sizeof err);
    assert_non_null(store);
    store_close(&store);
    assert_false(yard_open(yard));
    assert_non_null(strstr(yard->err, "newer"));
}

static void a_reader_needs_a_directory_that_is_there(void **state)
{
    yard_t *yard = *state;
    directory_close(&yard->directory);
    assert_true(yard_open_as(yard, true));
    directory_close(&yard->directory);
    scratch_remove(yard->store);
    assert_false(yard_open_as(yard, true));
}

/* What schema 1 wrote: records without what came later. */
static void s_put_old_records(yard_t *yard, const uuid_t7 *user, const uuid_t7 *token)
{
    uint8_t hash[TOKEN_HASH];
    token_hash("one", 3, hash);
    YARD_CHANGE(yard, view);
    pack_t *record = table_record(view, 4);
    pack_pair_str(record, "name", slice_of("Ann"));
    pack_pair_uint(record, "deleted", 0);
    pack_pair_str(record, "email", slice_of("ann@example.org"));
    pack_pair_uint(record, "created", 1);
    table_put_record(view, TABLE_users, table_key(user), record);
    record = table_record(view, 11);
    pack_pair_bin(record, "id", token->bytes, UUID_BYTES);
    pack_pair_bin(record, "user", user->bytes, UUID_BYTES);
    pack_pair_str(record, "display", slice_of("Ann"));
    pack_pair_uint(record, "rate", 5);
    pack_pair_uint(record, "burst", 6);
    pack_pair_uint(record, "expires", 0);
    pack_pair_str(record, "scope", slice_of(""));
    pack_pair_str(record, "name", slice_of("ci"));
    pack_pair_str(record, "last4", slice_of("last"));
    pack_pair_uint(record, "created", 1);
    pack_pair_bin(record, "hash", hash, TOKEN_HASH);
    table_put_record(view, TABLE_tokens, slice(hash, TOKEN_HASH), record);
    record = table_record(view, 5);
    pack_pair_bin(record, "hash", hash, TOKEN_HASH);
    pack_pair_uint(record, "last", 7);
    pack_pair_uint(record, "count", 8);
    pack_pair_str(record, "address", slice_of("10.0.0.1"));
    pack_pair_str(record, "target", slice_of("general"));
    table_put_record(view, TABLE_token_usage, table_key(token), record);
    record = table_record(view, 5);
    pack_pair_bin(record, "id", user->bytes, UUID_BYTES);
    pack_pair_str(record, "name", slice_of("old"));
    pack_pair_bin(record, "owner", user->bytes, UUID_BYTES);
    pack_pair_uint(record, "archived", 3);
    pack_pair_uint(record, "created", 1);
    table_put_record(view, TABLE_channels_by_name, slice_of("old"), record);
    record = table_record(view, 6);
    pack_pair_bin(record, "id", user->bytes, UUID_BYTES);
    pack_pair_str(record, "name", slice_of("old"));
    pack_pair_bin(record, "owner", user->bytes, UUID_BYTES);
    pack_pair_uint(record, "archived", 3);
    pack_pair_uint(record, "created", 1);
    pack_pair_str(record, "reason", slice_of("moved"));
    table_put_record(view, TABLE_bots_by_name, slice_of("old"), record);
    record = table_record(view, 6);
    pack_pair_str(record, "name", slice_of("old"));
    pack_pair_bin(record, "owner", user->bytes, UUID_BYTES);
    pack_pair_uint(record, "archived", 0);
    pack_pair_uint(record, "number", 5001);
    pack_pair_uint(record, "created", 1);
    pack_pair_str(record, "reason", slice_of(""));
    table_put_record(view, TABLE_extensions, table_key(user), record);
    YARD_DONE(view);
}

static void an_older_directory_is_migrated_and_read(void **state)
{
    yard_t *yard = *state;
    char err[512];
    uuid_t7 user_id, token_id;
    directory_close(&yard->directory);
    snprintf(yard->store, sizeof yard->store, "%s/older", yard->path);
    store_options_t options = {.path = yard->store,
                               .kind = "directory",
                               .schema = 1,
                               .tables = TABLE_COUNT,
                               .map_bytes = 256u << 20};
    store_t *store = store_open(&options, err, sizeof err);
    assert_non_null(store);
    store_close(&store);
    assert_true(yard_open(yard));
    uuid_new(&user_id);
    uuid_new(&token_id);
    s_put_old_records(yard, &user_id, &token_id);
    s_reopen(yard);
    user_t user;
    token_t token;
    token_use_t use;
    place_t place;
    YARD_CHANGE(yard, view);
    assert_true(users_get(view, &user_id, &user));
    assert_int_equal(user.role, USER_MEMBER);
    assert_false(user.service);
    assert_true(tokens_find(view, &token_id, &token));
    assert_int_equal(token.terms.len, 0);
    assert_true(slice_is(token.name, "ci") && token_is_active(&token, 9));
    assert_true(tokens_use(view, &token_id, &use));
    assert_int_equal(use.count, 8);
    assert_int_equal(calls_of_30_days(&use.calls, 9), 0);
    assert_true(tokens_used(view, &token_id, &(token_use_t){.last_ms = 9, .count = 1}));
    assert_true(tokens_use(view, &token_id, &use));
    assert_int_equal(use.count, 9);
    assert_true(places_named(view, PLACE_CHANNEL, slice_of("old"), &place));
    assert_int_equal(place.archived_ms, 3);
    assert_int_equal(place.reason.len, 0);
    assert_true(places_named(view, PLACE_BOT, slice_of("old"), &place));
    assert_true(place.methods == 0 && slice_is(place.reason, "moved"));
    extension_t extension;
    assert_true(extensions_get(view, &user_id, &extension));
    assert_true(extension.methods == 0 && extension.number == 5001);
    view_abort(&view);
    directory_close(&yard->directory);
    assert_null(store_open(&options, err, sizeof err));
    assert_non_null(strstr(err, "newer"));
    assert_true(yard_open(yard));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

/* A store without room refuses the whole change at its commit, whatever is asked until then. */
static void a_view_that_found_no_room_is_asked_on(void **state)
{
    yard_t *yard = *state;
    char text[32];
    user_t found;
    uuid_t7 id = yard_user(yard, "ann@example.org");
    directory_close(&yard->directory);
    directory_options_t small = {.path = yard->store, .key_path = yard->key, .map_bytes = 2u << 20};
    yard->directory = directory_open(&small, yard->err, sizeof yard->err);
    assert_non_null(yard->directory);
    YARD_CHANGE(yard, view);
    for (unsigned i = 0; i < 10000; i++) {
        user_t user = {.name = slice_of("Some One"), .created_ms = 1};
        snprintf(text, sizeof text, "%u@example.org", i);
        user.email = slice_of(text);
        uuid_new(&user.id);
        users_add(view, &user);
        users_get(view, &id, &found);
    }
    assert_int_equal(view_commit(&view), -1);
    view = view_begin(yard->directory);
    assert_true(users_get(view, &id, &found));
    assert_false(users_find(view, slice_of("0@example.org"), &found));
    view_abort(&view);
}

static unsigned s_seen(yard_t *yard, const uuid_t7 *user)
{
    place_t place;
    unsigned seen = 0;
    view_t *view = view_new(yard->directory);
    view_renew(view);
    for (bool more = places_next_seen(view, PLACE_CHANNEL, user, NULL, &place); more; seen++)
        more = places_next_seen(view, PLACE_CHANNEL, user, &place.id, &place);
    view_destroy(&view);
    return seen;
}

static void a_users_own_are_found_by_the_user(void **state)
{
    yard_t *yard = *state;
    uuid_t7 ann = yard_user(yard, "ann@example.org"), bob = yard_user(yard, "bob@example.org");
    uuid_t7 first = yard_place(yard, PLACE_CHANNEL, "first", &ann);
    uuid_t7 second = yard_place(yard, PLACE_CHANNEL, "second", &bob);
    extension_t shop = yard_extension(yard, "shop", &ann);
    assert_int_equal(s_seen(yard, &ann), 1);
    YARD_CHANGE(yard, view);
    assert_true(place_add(view, PLACE_CHANNEL, &second, &ann, 1));
    assert_false(place_add(view, PLACE_CHANNEL, &second, &ann, 1));
    assert_true(place_remove(view, PLACE_CHANNEL, &first, &ann)); /* she owns it still */
    YARD_DONE(view);
    assert_int_equal(s_seen(yard, &ann), 2);
    YARD_CHANGE(yard, again);
    place_t place;
    char name[16] = "given";
    assert_true(places_get(again, PLACE_CHANNEL, &first, &place));
    place.owner = bob;
    place.name = slice_of(name);
    place.reason = slice("", 0);
    assert_int_equal(places_edit(again, PLACE_CHANNEL, &place), 0);
    shop.owner = bob;
    shop.name = slice_of("shop");
    shop.reason = slice("", 0);
    assert_int_equal(extensions_edit(again, &shop), 0);
    assert_int_equal(places_owned(again, PLACE_CHANNEL, &ann, 9), 0);
    assert_int_equal(places_owned(again, PLACE_CHANNEL, &bob, 9), 2);
    assert_int_equal(places_owned(again, PLACE_CHANNEL, &bob, 1), 1);
    assert_int_equal(extensions_owned(again, &ann, 9), 0);
    assert_int_equal(extensions_owned(again, &bob, 9), 1);
    YARD_DONE(again);
    assert_int_equal(s_seen(yard, &ann), 1);
}

/* As the version before does it, which knows nothing of the indexes. */
static void s_write_as_before(yard_t *yard, const uuid_t7 *place, const uuid_t7 *user)
{
    char err[512];
    MDB_txn *txn;
    MDB_dbi members, meta;
    uint8_t pair[TABLE_PAIR];
    uint64_t version = UINT64_C(1) << 40;
    schema_2_make(yard);
    store_t *store = schema_2_open(yard, 2);
    assert_int_equal(store_table(store, "channel_members", &members, err, sizeof err), 0);
    assert_int_equal(store_table(store, "meta", &meta, err, sizeof err), 0);
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    slice_t row = table_pair(pair, place, user);
    MDB_val key = {row.len, (void *)row.data}, value = {1, "\x80"};
    assert_int_equal(mdb_put(txn, members, &key, &value, 0), 0);
    key = (MDB_val){7, "version"};
    value = (MDB_val){sizeof version, &version};
    assert_int_equal(mdb_put(txn, meta, &key, &value, 0), 0);
    assert_int_equal(store_commit(store, txn), STORE_OK);
    store_close(&store);
}

static void what_another_version_wrote_is_indexed(void **state)
{
    yard_t *yard = *state;
    uuid_t7 ann = yard_user(yard, "ann@example.org"), bob = yard_user(yard, "bob@example.org");
    uuid_t7 place = yard_place(yard, PLACE_CHANNEL, "anns", &ann);
    directory_close(&yard->directory);
    s_write_as_before(yard, &place, &bob);
    assert_true(yard_open(yard));
    assert_int_equal(s_seen(yard, &ann), 1);
    assert_int_equal(s_seen(yard, &bob), 1);
    directory_close(&yard->directory);
    assert_true(yard_open(yard));
    assert_int_equal(s_seen(yard, &bob), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_older_directory_is_migrated_and_read),
        TEST(a_users_own_are_found_by_the_user),
        TEST(what_another_version_wrote_is_indexed),
        TEST(users_are_found_after_reopening),
        TEST(an_email_is_unique_until_its_user_is_gone),
        TEST(a_reader_sees_a_change_after_renewal_only),
        TEST(an_aborted_change_leaves_nothing),
        TEST(a_name_stays_taken_when_archived),
        TEST(names_are_checked),
        TEST(people_come_and_go),
        TEST(audit_rows_are_numbered),
        TEST(a_key_that_others_may_read_is_refused),
        TEST(another_key_than_the_directorys_is_refused),
        TEST(a_store_of_another_kind_or_newer_is_refused),
        TEST(a_reader_needs_a_directory_that_is_there),
        TEST(a_view_that_found_no_room_is_asked_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
