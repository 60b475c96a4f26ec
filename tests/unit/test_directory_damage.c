/* What has changed in the directory's data.mdb since it was written is an error of who reads it. */
#include "authd/directory/audit.h"
#include "authd/directory/table.h"
#include "child.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "common/store/store.h"
#include "common/store/store_copy.h"
#include "spoil.h"
#include "tests/unit/yard.h"

enum { PEOPLE = 40 };

static spoil_t s_spoil;

static void s_token_text(unsigned i, char text[64])
{
    snprintf(text, 64, "%032u", i);
}

static void s_hash(unsigned i, uint8_t hash[TOKEN_HASH])
{
    char text[64];
    s_token_text(i, text);
    token_hash(text, strlen(text), hash);
}

/* Changes a byte of the row of token I: of its key, then of its record. */
static void s_spoil_token(unsigned i, unsigned offset)
{
    uint8_t row[TOKEN_HASH + 1];
    s_hash(i, row);
    row[TOKEN_HASH] = 0x8b; /* its record is a map of 11 */
    assert_true(spoil_all(&s_spoil, row, sizeof row, offset) > 0);
}

static void s_fill(yard_t *yard)
{
    char text[64];
    for (unsigned i = 0; i < PEOPLE; i++) {
        snprintf(text, sizeof text, "person%u@example.org", i);
        uuid_t7 user = yard_user(yard, text);
        s_token_text(i, text);
        yard_token(yard, &user, text);
    }
    directory_close(&yard->directory);
    assert_true(yard_open(yard));
    spoil_take(&s_spoil, yard->store);
}

/* 1: found, 0: not there, -1: damaged. */
static int s_judge(view_t *view, unsigned i)
{
    uint8_t hash[TOKEN_HASH];
    token_t token;
    s_hash(i, hash);
    view_renew(view);
    bool found = tokens_judge(view, hash, &token);
    assert_false(found && token.rate != TOKEN_DEFAULT);
    return view_take_damage(view) ? -1 : found;
}

static view_t *s_view(const yard_t *yard, bool remembers)
{
    view_t *view = view_new(yard->directory);
    if (remembers)
        view_remember(view);
    return view;
}

static void s_spoil_tokens(yard_t *yard, bool remembers)
{
    s_fill(yard);
    view_t *view = s_view(yard, remembers);
    assert_int_equal(s_judge(view, 7), 1);
    int64_t before = metric_get(METRIC_damaged_reads_total);
    s_spoil_token(7, TOKEN_HASH + 30);
    assert_int_equal(s_judge(view, 7), -1);
    assert_int_equal(metric_get(METRIC_damaged_reads_total), before + 1);
    for (unsigned i = 0; i < PEOPLE; i++)
        assert_int_equal(s_judge(view, i) == 1, i != 7);
    spoil_undo(&s_spoil);
    assert_int_equal(s_judge(view, 7), 1);
    view_destroy(&view);
}

static void a_damaged_token_is_not_one_that_is_not_there(void **state)
{
    s_spoil_tokens(*state, false);
}

static void also_where_its_place_was_remembered(void **state)
{
    s_spoil_tokens(*state, true);
}

/* A key that has changed, and whom a search for others goes past. */
static void a_damaged_key_is_not_one_that_is_not_there(void **state)
{
    yard_t *yard = *state;
    s_fill(yard);
    view_t *view = s_view(yard, false);
    assert_int_equal(s_judge(view, 1000), 0);
    for (unsigned offset = 0; offset < TOKEN_HASH; offset++) {
        s_spoil_token(7, offset);
        assert_int_equal(s_judge(view, 7), -1);
        for (unsigned i = 0; i < PEOPLE; i++)
            assert_int_not_equal(s_judge(view, i), i == 7 ? 1 : 0);
        spoil_undo(&s_spoil);
    }
    view_destroy(&view);
}

static void s_print_damage(void *arg)
{
    yard_t *yard = arg;
    assert_true(yard_open(yard));
    view_t *view = s_view(yard, false);
    s_spoil_token(7, TOKEN_HASH + 30);
    spoil_all(&s_spoil, "Some One", 8, 3);
    s_judge(view, 7);
    s_judge(view, 7);
    view_renew(view);
    user_t user;
    users_next(view, NULL, &user);
    _exit(0);
}

static void the_log_names_the_place_and_no_hash_of_a_token(void **state)
{
    yard_t *yard = *state;
    char text[1 << 14], hex[2 * TOKEN_HASH + 1];
    uint8_t hash[TOKEN_HASH];
    s_fill(yard);
    directory_close(&yard->directory);
    child_run(s_print_damage, yard, text, sizeof text);
    s_hash(7, hash);
    for (unsigned i = 0; i < TOKEN_HASH; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    hex[16] = '\0';
    if (!strstr(text, "event=directory.damaged") || !strstr(text, "table=tokens key=hash:") ||
        !strstr(text, "table=users key=0") || strstr(text, hex))
        fail_msg("said %s", text);
    char *first = strstr(text, "table=tokens");
    if (strstr(first + 1, "table=tokens")) /* a place once */
        fail_msg("said %s", text);
}

static void a_change_that_meets_damage_fails_and_others_go_on(void **state)
{
    yard_t *yard = *state;
    uint8_t hash[TOKEN_HASH];
    uuid_t7 user = yard_user(yard, "ann@example.org");
    s_fill(yard);
    s_hash(7, hash);
    s_spoil_token(7, TOKEN_HASH + 30);
    YARD_CHANGE(yard, view);
    token_t token = {.id = user, .user = user, .display = slice_of(""), .terms = slice_of("")};
    token.name = token.last4 = slice_of("");
    memcpy(token.hash, hash, TOKEN_HASH);
    tokens_edit(view, &token); /* in the damaged one's place */
    assert_true(view_is_damaged(view));
    audit_add(view, &(audit_t){.who = slice_of("x"),
                               .op = slice_of("x"),
                               .object = slice_of(""),
                               .from = slice_of(""),
                               .changes = slice_of("{}")});
    assert_int_equal(view_commit(&view), VIEW_DAMAGED);
    YARD_CHANGE(yard, reads);
    assert_int_equal(audit_last(reads), 0);
    view_abort(&reads);
    yard_user(yard, "bob@example.org");
    view_t *reader = s_view(yard, false);
    assert_int_equal(s_judge(reader, 6), 1);
    view_destroy(&reader);
}

static unsigned s_count_users(view_t *view)
{
    user_t user;
    unsigned count = 0;
    for (bool more = users_next(view, NULL, &user); more; more = users_next(view, &user.id, &user))
        count++;
    return count;
}

static void a_walk_that_tolerates_damage_passes_it_over(void **state)
{
    yard_t *yard = *state;
    s_fill(yard);
    view_t *view = s_view(yard, false);
    view_renew(view);
    assert_int_equal(s_count_users(view), PEOPLE);
    spoil_all(&s_spoil, "\xb3person7@", 9, 3); /* in its record, which has its length before */
    view_renew(view);
    assert_true(s_count_users(view) < PEOPLE);
    assert_true(view_take_damage(view));
    view_tolerate(view, true);
    assert_int_equal(s_count_users(view), PEOPLE - 1);
    assert_false(view_take_damage(view));
    view_destroy(&view);
}

/* A directory that starts in spite of a damaged row says so. */
static void one_damaged_row_does_not_stop_the_start(void **state)
{
    yard_t *yard = *state;
    s_fill(yard);
    directory_close(&yard->directory);
    spoil_all(&s_spoil, "\xb3person7@", 9, 3); /* in its record, which has its length before */
    assert_true(yard_open(yard));
    view_t *view = s_view(yard, false);
    assert_int_equal(s_judge(view, 7), 1);
    view_destroy(&view);
}

/* Takes a row away as no commit of ours does. */
static void s_lose(yard_t *yard, const char *table)
{
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val key, value;
    char err[512];
    store_options_t options = {.path = yard->store,
                               .kind = "directory",
                               .schema = 3,
                               .tables = TABLE_COUNT + 1,
                               .map_bytes = 256u << 20};
    store_t *store = store_open(&options, err, sizeof err);
    assert_non_null(store);
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    assert_int_equal(mdb_cursor_del(cursor, 0), 0);
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), 0);
    store_close(&store);
}

static void a_row_that_is_missing_stops_the_start(void **state)
{
    yard_t *yard = *state;
    s_fill(yard);
    directory_close(&yard->directory);
    s_lose(yard, "users_by_email");
    assert_false(yard_open(yard));
    if (!strstr(yard->err, "/data.mdb: its table 'users_by_email' is damaged"))
        fail_msg("said %s", yard->err);
    assert_false(yard_open_as(yard, true));
}

/* Opens and reads all, in a process of its own: 0 when all was read, 1 when that was refused. */
static void s_look(void *arg)
{
    yard_t *yard = arg;
    char text[64];
    alarm(20);
    if (!yard_open(yard))
        _exit(1);
    view_t *view = s_view(yard, false);
    for (unsigned i = 0; i < PEOPLE; i++) {
        user_t user;
        int found = s_judge(view, i);
        snprintf(text, sizeof text, "person%u@example.org", i);
        if (found == 1 && !users_find(view, slice_of(text), &user))
            found = view_take_damage(view) ? -1 : 0;
        if (found != 1)
            _exit(found == 0 ? 2 : 1);
    }
    view_renew(view);
    _exit(s_count_users(view) == PEOPLE ? 0 : view_take_damage(view) ? 1 : 3);
}

static void whatever_changes_nothing_is_left_out(void **state)
{
    yard_t *yard = *state;
    char text[1 << 16], garbage[64];
    unsigned refused = 0;
    s_fill(yard);
    directory_close(&yard->directory);
    spoil_take(&s_spoil, yard->store);
    srandom(7);
    for (unsigned i = 0; i < 150; i++) {
        size_t len = i % 3 ? 1 : sizeof garbage, at = (size_t)random() % (s_spoil.size - len);
        for (size_t k = 0; k < len; k++)
            garbage[k] =
                i % 3 == 1 ? (char)(s_spoil.bytes[at + k] ^ (1 << random() % 8)) : (char)random();
        spoil_put(&s_spoil, at, garbage, len);
        int status = child_run(s_look, yard, text, sizeof text);
        /* 78: the page stopped the process, which says so. */
        if (status != 0 && status != 1 && status != 78)
            fail_msg("status %d after %zu bytes at %zu: %s", status, len, at, text);
        refused += status != 0;
        assert_int_equal(truncate(s_spoil.path, (off_t)s_spoil.size), 0);
        spoil_undo(&s_spoil);
    }
    if (refused < 10)
        fail_msg("only %u of them were met", refused);
    assert_true(yard_open(yard));
}

/* Its pages are gone in the middle of a change. */
static void s_write_what_is_cut(void *arg)
{
    yard_t *yard = arg;
    uuid_t7 id;
    uuid_new(&id);
    assert_true(yard_open(yard));
    view_t *view = view_begin(yard->directory);
    table_put(view, TABLE_users, slice(id.bytes, UUID_BYTES), slice("x", 1));
    assert_int_equal(truncate(s_spoil.path, 0), 0);
    view_commit(&view);
}

static void what_ends_a_write_is_looked_at_by_the_next_start(void **state)
{
    yard_t *yard = *state;
    char text[1 << 14];
    s_fill(yard);
    directory_close(&yard->directory);
    spoil_take(&s_spoil, yard->store);
    if (child_run(s_write_what_is_cut, yard, text, sizeof text) != EXIT_FAULT)
        fail_msg("%s", text);
    assert_non_null(strstr(text, "event=store.page"));
    assert_non_null(strstr(text, "the next start reads all of it"));
    spoil_put(&s_spoil, 0, s_spoil.bytes, s_spoil.size);
    assert_true(yard_open(yard));
}

static void s_lose_digest(const char *path)
{
    char err[512];
    store_options_t options = {.path = path, .kind = "directory", .schema = 3, .tables = 40};
    store_t *store = store_open(&options, err, sizeof err);
    if (!store)
        fail_msg("%s", err);
    MDB_txn *txn;
    MDB_val key = {sizeof "digest" - 1, "digest"};
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    assert_int_equal(mdb_del(txn, store_meta(store), &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    store_close(&store);
}

static void a_directory_without_its_digest_is_not_whole(void **state)
{
    yard_t *yard = *state;
    store_sum_t sum;
    char err[512], copy[SCRATCH + 32];
    snprintf(copy, sizeof copy, "%s/copy", yard->path);
    directory_close(&yard->directory);
    assert_int_equal(store_sum(yard->store, &sum, err, sizeof err), 0);
    assert_true(yard_open(yard));
    s_fill(yard);
    directory_close(&yard->directory);
    assert_int_equal(store_sum(yard->store, &sum, err, sizeof err), 0);
    s_lose_digest(yard->store);
    assert_false(yard_open(yard));
    assert_int_equal(store_sum(yard->store, &sum, err, sizeof err), -1);
    assert_non_null(strstr(err, "damaged"));
    assert_int_equal(store_copy(yard->store, copy, &sum, err, sizeof err), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_log_names_the_place_and_no_hash_of_a_token), /* first: a place is said once */
        TEST(a_damaged_token_is_not_one_that_is_not_there),
        TEST(also_where_its_place_was_remembered),
        TEST(a_damaged_key_is_not_one_that_is_not_there),
        TEST(a_change_that_meets_damage_fails_and_others_go_on),
        TEST(a_walk_that_tolerates_damage_passes_it_over),
        TEST(one_damaged_row_does_not_stop_the_start),
        TEST(a_row_that_is_missing_stops_the_start),
        TEST(whatever_changes_nothing_is_left_out),
        TEST(what_ends_a_write_is_looked_at_by_the_next_start),
        TEST(a_directory_without_its_digest_is_not_whole),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    spoil_free(&s_spoil);
    return failed;
}
