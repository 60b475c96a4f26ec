/* A copy holds what the original held at one commit, and a sum tells when it does not. */
#include "common/store/store.h"
#include "common/store/store_copy.h"
#include "tests/unit/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

static char s_dir[SCRATCH], s_from[SCRATCH + 8], s_to[SCRATCH + 8], s_err[512];

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_dir);
    snprintf(s_from, sizeof s_from, "%s/from", s_dir);
    snprintf(s_to, sizeof s_to, "%s/to", s_dir);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_dir);
    return 0;
}

static store_t *s_open(void)
{
    store_options_t options = {
        .path = s_from, .kind = "journal", .schema = 8, .tables = 4, .map_bytes = 64u << 20};
    store_t *store = store_open(&options, s_err, sizeof s_err);
    if (!store)
        fail_msg("%s", s_err);
    return store;
}

/* ROWS rows of SIZE bytes from number FIRST on, in TABLE. */
static void s_write(const char *table, unsigned first, unsigned rows, size_t size)
{
    static char value[100000];
    store_t *store = s_open();
    MDB_dbi dbi;
    MDB_txn *txn;
    assert_int_equal(store_table(store, table, &dbi, s_err, sizeof s_err), 0);
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    for (unsigned i = first; i < first + rows; i++) {
        MDB_val key = {sizeof i, &i}, data = {size, value};
        memset(value, (int)i, size);
        assert_int_equal(mdb_put(txn, dbi, &key, &data, 0), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    store_close(&store);
}

static const store_table_sum_t *s_table(const store_sum_t *sum, const char *name)
{
    for (unsigned i = 0; i < sum->tables_len; i++)
        if (strcmp(sum->tables[i].name, name) == 0)
            return &sum->tables[i];
    fail_msg("there is no table %s", name);
    return NULL;
}

static void test_a_copy_has_the_same_rows_and_sums(void **state)
{
    store_sum_t original, taken, copied;
    struct stat is;
    char file[SCRATCH + 32];
    (void)state;
    s_write("log", 0, 1000, 200);
    s_write("seen", 0, 3, 70000); /* overflow pages */
    assert_int_equal(store_sum(s_from, &original, s_err, sizeof s_err), 0);
    if (store_copy(s_from, s_to, &taken, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    assert_int_equal(store_sum(s_to, &copied, s_err, sizeof s_err), 0);
    assert_string_equal(copied.kind, "journal");
    assert_int_equal(copied.schema, 8);
    assert_int_equal(s_table(&copied, "log")->rows, 1000);
    assert_int_equal(s_table(&copied, "seen")->rows, 3);
    assert_int_equal(original.tables_len, copied.tables_len);
    assert_memory_equal(original.tables, taken.tables, sizeof *taken.tables * taken.tables_len);
    assert_memory_equal(copied.tables, taken.tables, sizeof *taken.tables * taken.tables_len);
    assert_int_equal(stat(s_to, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0700);
    snprintf(file, sizeof file, "%s/data.mdb", s_to);
    assert_int_equal(stat(file, &is), 0);
    assert_int_equal(is.st_mode & 0077, 0);
}

static void test_what_was_deleted_does_not_travel(void **state)
{
    static const char secret[] = "\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a\x2a";
    static char content[1 << 22];
    store_sum_t sum;
    char file[SCRATCH + 32];
    (void)state;
    s_write("log", 0x2a, 1, 500); /* 0x2a is what its value repeats */
    store_t *store = s_open();
    MDB_dbi dbi;
    MDB_txn *txn;
    unsigned number = 0x2a;
    MDB_val key = {sizeof number, &number};
    assert_int_equal(store_table(store, "log", &dbi, s_err, sizeof s_err), 0);
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    assert_int_equal(mdb_del(txn, dbi, &key, NULL), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    store_close(&store);
    const char *const paths[] = {s_from, s_to};
    assert_int_equal(store_copy(s_from, s_to, &sum, s_err, sizeof s_err), 0);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/data.mdb", paths[i]);
        FILE *from = fopen(file, "r");
        size_t len = fread(content, 1, sizeof content, from);
        fclose(from);
        bool there = memmem(content, len, secret, sizeof secret - 1) != NULL;
        assert_int_equal(there, i == 0);
    }
    assert_int_equal(s_table(&sum, "log")->rows, 0);
}

static void test_one_bit_changes_the_sums(void **state)
{
    store_sum_t sum;
    uint64_t bytes, same;
    uint8_t before[STORE_SUM], after[STORE_SUM];
    char file[SCRATCH + 32], byte;
    (void)state;
    s_write("log", 0, 10, 300);
    assert_int_equal(store_copy(s_from, s_to, &sum, s_err, sizeof s_err), 0);
    assert_int_equal(store_file_sum(s_to, &bytes, before, s_err, sizeof s_err), 0);
    snprintf(file, sizeof file, "%s/data.mdb", s_to);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, (off_t)bytes - 4000), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)bytes - 4000), 1);
    close(fd);
    assert_int_equal(store_file_sum(s_to, &same, after, s_err, sizeof s_err), 0);
    assert_int_equal(bytes, same);
    assert_memory_not_equal(before, after, STORE_SUM);
}

static void test_what_cannot_be_copied_is_named(void **state)
{
    store_sum_t sum;
    (void)state;
    assert_int_equal(store_copy(s_from, s_to, &sum, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, s_from));
    s_write("log", 0, 1, 1);
    assert_int_equal(mkdir(s_to, 0700), 0);
    assert_int_equal(store_copy(s_from, s_to, &sum, s_err, sizeof s_err), 0);
    assert_int_equal(store_copy(s_from, s_to, &sum, s_err, sizeof s_err), -1);
    assert_non_null(strstr(s_err, s_to));
}

static void test_links_are_not_opened(void **state)
{
    static const char *const names[] = {"lock.mdb", "data.mdb"};
    char file[1024], other[1024];
    store_sum_t sum;
    (void)state;
    s_write("log", 0, 1, 1);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", s_from, names[i]);
        snprintf(other, sizeof other, "%s/other", s_from);
        assert_int_equal(rename(file, other), 0);
        assert_int_equal(symlink("other", file), 0);
        assert_int_equal(store_sum(s_from, &sum, s_err, sizeof s_err), -1);
        assert_non_null(strstr(s_err, "a symbolic link"));
        assert_int_equal(unlink(file), 0);
        assert_int_equal(link(other, file), 0);
        assert_int_equal(store_sum(s_from, &sum, s_err, sizeof s_err), -1);
        assert_non_null(strstr(s_err, "another name"));
        assert_int_equal(unlink(other), 0);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_a_copy_has_the_same_rows_and_sums),
        CASE(test_what_was_deleted_does_not_travel),
        CASE(test_one_bit_changes_the_sums),
        CASE(test_what_cannot_be_copied_is_named),
        CASE(test_links_are_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
