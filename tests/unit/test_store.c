/* The store on a real file system, with faults injected where LMDB calls the kernel: this program's
 * own pwrite, writev, fdatasync, statvfs and statfs stand before the C library's. */
#include "faulty_store.h"

static void test_create_and_open_again(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    assert_int_equal(s_write(store, dbi, 1, 100), STORE_OK);
    store_close(&store);
    assert_null(store);
    store_close(&store);
    store = s_open(&dbi);
    assert_int_equal(s_count(store, dbi), 1);
    store_close(&store);

    struct stat is;
    char file[SCRATCH + 32];
    assert_int_equal(stat(s_path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0700);
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%s/%s", s_path, names[i]);
        assert_int_equal(stat(file, &is), 0);
        assert_int_equal(is.st_mode & 0777, 0600);
    }
}

static void test_a_commit_is_synced(void **state)
{
    (void)state;
    MDB_dbi dbi;
    unsigned flags;
    store_t *store = s_open(&dbi);
    mdb_env_get_flags(store_env(store), &flags);
    assert_int_equal(flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_MAPASYNC | MDB_WRITEMAP), 0);
    assert_int_equal(flags & (MDB_NOTLS | MDB_NORDAHEAD), MDB_NOTLS | MDB_NORDAHEAD);
    unsigned before = s_fault.syncs;
    assert_int_equal(s_write(store, dbi, 1, 100), STORE_OK);
    assert_int_equal(s_fault.syncs, before + 1);
    store_close(&store);
}

/* Every opening syncs what is there and commits, so that a disk that lost writes shows now. */
static void test_opening_probes_the_disk(void **state)
{
    (void)state;
    MDB_dbi dbi;
    MDB_envinfo before, after;
    store_t *store = s_open(&dbi);
    mdb_env_info(store_env(store), &before);
    store_close(&store);
    s_fault.syncs = 0;
    store = s_open(&dbi);
    mdb_env_info(store_env(store), &after);
    assert_true(after.me_last_txnid > before.me_last_txnid);
    assert_true(s_fault.syncs >= 2);
    store_close(&store);
    s_fault.sync_errno = EIO;
    s_refuses("nput/output error");
    s_fault.sync_errno = 0;
    s_fault.page_errno = ENOSPC;
    s_refuses("disk is full");
}

static void test_wrong_kind_and_schema(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    store_close(&store);
    s_options.kind = "directory";
    s_refuses("holds a journal, not a directory");
    s_options.kind = "journal";
    s_options.schema = 1;
    s_refuses("schema 2, which is newer than 1, the newest of this version: upgrade");
    s_options.schema = 3;
    s_refuses("schema 2, which this version cannot migrate to 3");
    s_options.schema = 2;
    store = s_open(&dbi);
    store_close(&store);
}

static int s_migrate(MDB_txn *txn, unsigned from, void *arg)
{
    MDB_dbi dbi;
    *(unsigned *)arg = from;
    return mdb_dbi_open(txn, "migrated", MDB_CREATE, &dbi);
}

static int s_in_vain;

static int s_migrate_in_vain(MDB_txn *txn, unsigned from, void *arg)
{
    s_migrate(txn, from, arg);
    return s_in_vain;
}

static void test_migration(void **state)
{
    (void)state;
    MDB_dbi dbi;
    unsigned from = 0;
    store_t *store = s_open(&dbi);
    store_close(&store);
    s_options.schema = 3;
    s_options.arg = &from;
    s_options.migrate = s_migrate_in_vain;
    s_in_vain = MDB_VERSION_MISMATCH;
    s_refuses("schema 2, which this version cannot migrate to 3");
    assert_int_equal(from, 2);
    s_in_vain = MDB_MAP_FULL;
    s_refuses("has reached its map_bytes: set a larger one");
    s_in_vain = ENOSPC;
    s_refuses("its disk is full: free some room");
    /* Nothing of it stays: the schema is the old one, and the table was not made. */
    s_options.schema = 2;
    s_options.migrate = NULL;
    store = s_open(&dbi);
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "migrated", 0, &dbi), MDB_NOTFOUND);
    mdb_txn_abort(txn);
    store_close(&store);

    s_options.schema = 3;
    s_options.migrate = s_migrate;
    s_options.read_only = 1;
    from = 0;
    s_refuses("older schema");
    assert_int_equal(from, 0);
    s_options.read_only = 0;
    store = s_open(&dbi);
    assert_int_equal(from, 2);
    store_close(&store);
    s_options.schema = 2;
    s_refuses("newer");
}

static void test_not_a_store(void **state)
{
    (void)state;
    char file[SCRATCH + 32], garbage[3 * PAGE];
    assert_int_equal(mkdir(s_path, 0700), 0);
    snprintf(file, sizeof file, "%s/data.mdb", s_path);
    memset(garbage, 'x', sizeof garbage - 1);
    garbage[sizeof garbage - 1] = '\0';
    scratch_write(file, garbage);
    s_refuses("damaged");
    scratch_write(file, "short");
    s_refuses("damaged");
    assert_int_equal(remove(file), 0);
    assert_int_equal(rmdir(s_path) == 0 || errno == ENOTEMPTY, 1);
}

static void test_somebody_elses_database(void **state)
{
    (void)state;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    assert_int_equal(mkdir(s_path, 0700), 0);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 2), 0);
    assert_int_equal(mdb_env_open(env, s_path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "theirs", MDB_CREATE, &dbi), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    s_refuses("holds no data of Postern's");
    s_options.read_only = 1;
    s_refuses("holds no data of Postern's");
}

static void test_paths_that_cannot_be(void **state)
{
    (void)state;
    snprintf(s_path, sizeof s_path, "%s/missing/x", s_scratch);
    s_refuses("No such file");
    snprintf(s_path, sizeof s_path, "%s/file", s_scratch);
    scratch_write(s_path, "x");
    s_refuses("Not a directory");
}

static void s_open_as_nobody(void *arg)
{
    (void)arg;
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
        return;
    store_t *store = store_open(&s_options, s_err, sizeof s_err);
    puts(store ? "opened" : s_err);
}

static void test_unreadable(void **state)
{
    (void)state;
    char text[2048];
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    store_close(&store);
    assert_int_equal(chmod(s_scratch, 0711), 0);
    if (getuid() != 0)
        assert_int_equal(chmod(s_path, 0), 0);
    assert_int_equal(child_run(s_open_as_nobody, NULL, text, sizeof text), 0);
    assert_non_null(strstr(text, "correct its owner and mode"));
    chmod(s_path, 0700);
}

static void test_file_systems(void **state)
{
    (void)state;
    struct stat is;
    static const long refused[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xff534d42, V9FS_MAGIC};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        s_fault.file_system = refused[i];
        assert_null(store_open(&s_options, s_err, sizeof s_err));
        assert_non_null(strstr(s_err, "local disk"));
        assert_int_equal(stat(s_path, &is), -1);
    }
    MDB_dbi dbi;
    s_fault.file_system = TMPFS_MAGIC;
    store_t *store = s_open(&dbi);
    store_close(&store);
    s_fault.file_system = NFS_SUPER_MAGIC;
    s_refuses("local disk");
}

static void s_open_again_and_again(void *arg)
{
    MDB_dbi dbi;
    (void)arg;
    s_fault.file_system = TMPFS_MAGIC;
    for (unsigned i = 0; i < 5; i++) {
        s_options.read_only = i % 2;
        store_t *store = s_open(&dbi);
        store_close(&store);
    }
}

/* A backup opens the same stores many times in a second. */
static void test_volatile_is_said_once(void **state)
{
    char text[8192];
    (void)state;
    assert_int_equal(child_run(s_open_again_and_again, NULL, text, sizeof text), 0);
    const char *said = strstr(text, "store.volatile");
    assert_non_null(said);
    assert_null(strstr(said + 1, "store.volatile"));
}

static void test_reader_beside_the_writer(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_options_t writing = s_options;
    s_options.read_only = 1;
    s_refuses("No such file");
    s_options = writing;
    store_t *store = s_open(&dbi);
    assert_int_equal(s_write(store, dbi, 1, 10), STORE_OK);
    store_close(&store);
    s_options.read_only = 1;
    store = s_open(&dbi);
    assert_int_equal(s_count(store, dbi), 1);
    MDB_txn *txn;
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), EACCES);
    MDB_dbi other;
    assert_int_equal(store_table(store, "absent", &other, s_err, sizeof s_err), -1);
    store_close(&store);
}

static void test_map_is_never_smaller_than_the_file(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(s_write(store, dbi, i, 50000), STORE_OK);
    store_close(&store);
    s_options.map_bytes = 1u << 20;
    store = s_open(&dbi);
    MDB_envinfo info;
    mdb_env_info(store_env(store), &info);
    assert_true(info.me_mapsize > 2000000);
    assert_int_equal(s_count(store, dbi), 40);
    store_close(&store);
}

/* Full, then emptied: writing stops in time, removal works, and then there is room again although
 * the file is as large as before. */
static void test_full_map(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_state_t full, emptied;
    store_t *store = s_open(&dbi);
    assert_true(store_has_room(store));
    store_inspect(store, &full);
    assert_in_range(full.room_bytes, full.map_bytes / 2, full.map_bytes);
    unsigned count = 0;
    while (store_has_room(store)) {
        assert_int_equal(s_write(store, dbi, count++, 20000), STORE_OK);
        assert_true(count < 1000);
    }
    store_inspect(store, &full);
    assert_true(full.used_bytes > full.map_bytes / 100 * 90);
    assert_true(full.room_bytes < full.map_bytes / 50); /* pages that have just become free */
    unsigned more = count;
    while (s_write(store, dbi, more, 20000) == STORE_OK)
        more++;
    assert_int_equal(s_write(store, dbi, more, 20000), STORE_FULL);
    assert_int_equal(s_count(store, dbi), more);

    MDB_txn *txn;
    for (unsigned i = 0; i < count / 2; i++) {
        unsigned char key[4] = {0, 0, (unsigned char)(i >> 8), (unsigned char)i};
        MDB_val k = {sizeof key, key};
        assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
        assert_int_equal(mdb_del(txn, dbi, &k, NULL), 0);
        assert_int_equal(store_commit(store, txn), STORE_OK);
    }
    store_inspect(store, &emptied);
    assert_true(emptied.used_bytes < full.used_bytes * 2 / 3);
    assert_true(emptied.room_bytes > full.used_bytes / 3);
    assert_true(store_has_room(store));
    assert_int_equal(s_write(store, dbi, 100000, 20000), STORE_OK);
    store_close(&store);
}

static void test_disk_without_room(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_state_t inspected;
    store_t *store = s_open(&dbi);
    assert_true(store_has_room(store));
    store_inspect(store, &inspected);
    assert_true(inspected.disk_free_bytes > 0);
    s_fault.disk_full = true;
    assert_false(store_has_room(store));
    store_inspect(store, &inspected);
    assert_int_equal(inspected.disk_free_bytes, 0);
    store_close(&store);
}

/* No room while the pages are written: nothing of the batch stays, and the store goes on. */
static void s_no_space_for_pages(int error)
{
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    assert_int_equal(s_write(store, dbi, 1, 100), STORE_OK);
    s_fault.page_errno = error;
    assert_int_equal(s_write(store, dbi, 2, 100), STORE_FULL);
    assert_int_equal(s_count(store, dbi), 1);
    s_fault.page_errno = 0;
    assert_int_equal(s_write(store, dbi, 3, 100), STORE_OK);
    store_close(&store);
    store = s_open(&dbi);
    assert_int_equal(s_count(store, dbi), 2);
    store_close(&store);
}

static void s_open_with_little_space(void *arg)
{
    enum { WORDS = 64, LITTLE = 64 << 20 };
    char words[WORDS];
    unsigned long pages = 0;
    (void)arg;
    int fd = open("/proc/self/statm", O_RDONLY);
    if (fd >= 0 && read(fd, words, sizeof words - 1) > 0)
        pages = strtoul(words, NULL, 10);
    struct rlimit limit = {pages * PAGE + LITTLE, pages * PAGE + LITTLE};
    s_options.map_bytes = 1u << 30;
    s_options.setting = "worker.map_bytes";
    if (setrlimit(RLIMIT_AS, &limit) == 0 && !store_open(&s_options, s_err, sizeof s_err))
        printf("%s\n", s_err);
}

static void test_small_address_space(void **state)
{
    char text[2048];
    (void)state;
    assert_int_equal(child_run(s_open_with_little_space, NULL, text, sizeof text), 0);
    if (!strstr(text, "1024 MiB") || !strstr(text, "ulimit -v") ||
        !strstr(text, "worker.map_bytes"))
        fail_msg("said \"%s\"", text);
}

static void test_no_space_for_pages(void **state)
{
    (void)state;
    s_no_space_for_pages(ENOSPC);
}

static void test_no_quota_for_pages(void **state)
{
    (void)state;
    s_no_space_for_pages(EDQUOT);
    s_fault.page_errno = EDQUOT;
    s_refuses("quota");
}

/* A short write is how a full disk shows as well; with room on the disk it is a broken one. */
static void test_short_writes(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    s_fault.short_write = true;
    s_fault.disk_full = true;
    assert_int_equal(s_write(store, dbi, 1, 10000), STORE_FULL);
    s_fault.short_write = false;
    assert_int_equal(s_write(store, dbi, 2, 10000), STORE_OK);
    s_fault.short_write = true;
    s_fault.disk_full = false;
    s_fault.quota_full = true;
    assert_int_equal(s_write(store, dbi, 3, 10000), STORE_FULL);
    s_fault.quota_full = false;
    assert_int_equal(s_write(store, dbi, 3, 10000), STORE_UNKNOWN);
    s_fault.short_write = false;
    assert_int_equal(s_count(store, dbi), 1);
    store_close(&store);
}

/* Once the meta page may be half written nobody knows: LMDB takes no further transaction. */
static void test_no_space_for_the_meta_page(void **state)
{
    (void)state;
    static const int errors[] = {ENOSPC, EIO};
    for (int i = 0; i < 2; i++) {
        MDB_dbi dbi;
        store_t *store = s_open(&dbi);
        s_fault.meta_errno = errors[i];
        assert_int_equal(s_write(store, dbi, 1, 100), STORE_UNKNOWN);
        s_fault.meta_errno = 0;
        store_close(&store);
    }
}

static void test_a_failed_sync_is_unknown(void **state)
{
    (void)state;
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    s_fault.sync_errno = EIO;
    unsigned before = s_fault.syncs;
    assert_int_equal(s_write(store, dbi, 1, 100), STORE_UNKNOWN);
    /* Never tried again on the same descriptor: the kernel would say yes. */
    assert_int_equal(s_fault.syncs, before + 1);
    s_fault.sync_errno = 0;
    store_close(&store);
}

static void test_what_a_put_says(void **state)
{
    (void)state;
    assert_int_equal(store_failure(MDB_MAP_FULL), STORE_FULL);
    assert_int_equal(store_failure(MDB_TXN_FULL), STORE_FULL);
    assert_int_equal(store_failure(ENOSPC), STORE_FULL);
    assert_int_equal(store_failure(EDQUOT), STORE_FULL);
    static const int unknown[] = {EIO, MDB_PANIC, MDB_CORRUPTED, EINVAL, MDB_BAD_TXN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(store_failure(unknown[i]), STORE_UNKNOWN);
}

static void test_reader_lag(void **state)
{
    (void)state;
    MDB_dbi dbi;
    MDB_txn *reader;
    store_state_t inspected;
    store_t *store = s_open(&dbi);
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, MDB_RDONLY, &reader), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(s_write(store, dbi, i, 100), STORE_OK);
    store_inspect(store, &inspected);
    assert_int_equal(inspected.reader_lag, 5);
    mdb_txn_abort(reader);
    store_inspect(store, &inspected);
    assert_int_equal(inspected.reader_lag, 0);
    store_close(&store);
}

static void s_die_reading(void *arg)
{
    (void)arg;
    MDB_dbi dbi;
    MDB_txn *reader;
    s_options.read_only = 1;
    store_t *store = s_open(&dbi);
    mdb_txn_begin(store_env(store), NULL, MDB_RDONLY, &reader);
    kill(getpid(), SIGKILL);
}

static int s_count_readers(const char *line, void *arg)
{
    /* The first line names the columns. */
    *(int *)arg += strstr(line, "txnid") == NULL && strstr(line, "no active") == NULL;
    return 0;
}

static void test_dead_readers_are_cleared(void **state)
{
    (void)state;
    char text[2048];
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    store_close(&store);
    assert_int_equal(child_run(s_die_reading, NULL, text, sizeof text), 128 + SIGKILL);
    store = s_open(&dbi);
    int readers = 0;
    mdb_reader_list(store_env(store), s_count_readers, &readers);
    assert_int_equal(readers, 0);
    store_close(&store);
}

static void s_fail(void *arg)
{
    (void)arg;
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    store_fail(store, "commit", EIO);
}

static void test_fail_stops(void **state)
{
    (void)state;
    char text[2048];
    assert_int_equal(child_run(s_fail, NULL, text, sizeof text), 1);
    assert_non_null(strstr(text, "event=store.failed"));
    assert_non_null(strstr(text, "nput/output error"));
}

static void s_die_committing(void *arg)
{
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    for (unsigned i = 0;; i++) {
        if (s_write(store, dbi, i, 1000) == STORE_OK)
            write(STDOUT_FILENO, "+", 1);
        if (i == *(unsigned *)arg)
            kill(getpid(), SIGKILL);
    }
}

/* What was committed is there after a kill, all of it. */
static void test_committed_is_kept(void **state)
{
    (void)state;
    char text[2048];
    unsigned last = 30;
    assert_int_equal(child_run(s_die_committing, &last, text, sizeof text), 128 + SIGKILL);
    unsigned written = 0;
    for (const char *at = text; *at; at++) /* in a container a line of the log is among them */
        written += *at == '+';
    assert_int_equal(written, 31);
    MDB_dbi dbi;
    store_t *store = s_open(&dbi);
    assert_int_equal(s_count(store, dbi), 31);
    store_close(&store);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_volatile_is_said_once), /* before this process has said it */
        CASE(test_create_and_open_again),
        CASE(test_a_commit_is_synced),
        CASE(test_opening_probes_the_disk),
        CASE(test_wrong_kind_and_schema),
        CASE(test_migration),
        CASE(test_not_a_store),
        CASE(test_somebody_elses_database),
        CASE(test_paths_that_cannot_be),
        CASE(test_unreadable),
        CASE(test_file_systems),
        CASE(test_reader_beside_the_writer),
        CASE(test_map_is_never_smaller_than_the_file),
        CASE(test_full_map),
        CASE(test_disk_without_room),
        CASE(test_no_space_for_pages),
        CASE(test_no_quota_for_pages),
        CASE(test_small_address_space),
        CASE(test_short_writes),
        CASE(test_no_space_for_the_meta_page),
        CASE(test_a_failed_sync_is_unknown),
        CASE(test_what_a_put_says),
        CASE(test_reader_lag),
        CASE(test_dead_readers_are_cleared),
        CASE(test_fail_stops),
        CASE(test_committed_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
