/* What a server can do to the journal in it: refuse it, lose it, keep it waiting, end its
 * connections. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "former_holder.h"
#include "journal_entries.h"
#include "workers/journal/postgres/postgres.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opening is refused, for a reason that has WORDS in it and no password. */
static void s_assert_refused(journal_options_t options, const char *words)
{
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    assert_null(journal);
    if (!strstr(s_err, words))
        fail_msg("\"%s\" does not say \"%s\"", s_err, words);
    assert_null(strstr(s_err, "secret"));
}

/* A file with a connection string to the server. */
static const char *s_write_connection(const char *rest)
{
    static char path[SCRATCH + 32];
    char text[512];
    const char *port = strstr(s_postgres, "port=");
    snprintf(path, sizeof path, "%s/connection", s_path);
    snprintf(text, sizeof text, "host=127.0.0.1 port=%d %s", atoi(port + 5), rest);
    scratch_write(path, text);
    return path;
}

static void test_connection_strings_that_will_not_do(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"dbname=postgres user=postern_journal password='not secret'",
         "password authentication failed"},
        {"dbname=postgres user=nobody_there password=x", "password authentication failed"},
        {"dbname=elsewhere user=postern_journal password='quite secret'", "does not exist"},
        {"user=postern_journal password='quite secret'", "with a dbname"},
        {"secret=very", "no connection string"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        journal_options_t options = s_options();
        options.connection = s_write_connection(cases[i].text);
        s_assert_refused(options, cases[i].words);
    }
    journal_options_t options = s_options();
    options.connection = s_write_connection(cases[0].text);
    chmod(options.connection, 0644);
    s_assert_refused(options, "chmod 600");
    options.connection = "";
    s_assert_refused(options, "names no file");
    options.connection = "/nowhere/at/all";
    s_assert_refused(options, "/nowhere/at/all");
}

static void test_databases_that_will_not_do(void **state)
{
    (void)state;
    journal_options_t options = s_options();
    options.shards = 3;
    s_assert_refused(options, "2 channel shards");
    options.kind = "bot";
    s_assert_refused(options, "2 bot shards");
    options = s_options();
    options.copies = 2;
    s_assert_refused(options, "synchronous_standby_names");
    postgres_do("UPDATE postern.installation SET schema = 2");
    s_assert_refused(s_options(), "run the newer version");
    postgres_do("UPDATE postern.installation SET schema = 1; REVOKE SELECT ON postern.shard FROM "
                "postern_journal");
    s_assert_refused(s_options(), "permission denied");
    postgres_do("GRANT SELECT ON postern.shard TO postern_journal; REVOKE CREATE ON SCHEMA postern "
                "FROM postern_journal");
    journal_t *journal = s_open(); /* what it has can be read */
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_NO_ROOM);
    assert_true(journal_is_full(journal));
    assert_non_null(strstr(journal_trouble(journal), "permission denied"));
    journal_close(&journal);
    postgres_do("DELETE FROM postern.shard");
    s_assert_refused(s_options(), "no row of this shard");
    postgres_do("SET client_min_messages = error; DROP SCHEMA postern CASCADE");
    s_assert_refused(s_options(), "posternctl db init");
}

static void test_another_installation_keeps_its_counts(void **state)
{
    char err[512];
    (void)state;
    assert_int_equal(postgres_make(2, err, sizeof err), 0);
    assert_non_null(strstr(s_postgres_said, "there is installation"));
    assert_null(strstr(s_postgres_said, "secret"));
    assert_int_equal(postgres_make(3, err, sizeof err), -1);
    assert_non_null(strstr(err, "another installation"));
}

static const unsigned s_two[WORKER_KINDS] = {2, 2, 2}, s_three[WORKER_KINDS] = {3, 2, 2};

static void s_hear(const schema_found_t *found)
{
    char line[1024];
    schema_found_line(found, line, sizeof line);
    postgres_hear(line);
}

static void test_a_check_says_what_is_lacking(void **state)
{
    char err[512];
    (void)state;
    s_postgres_said[0] = '\0';
    if (schema_check(s_postgres, CLUSTER_MAIN, &(uuid_t7){{0}}, s_two, 1, s_hear, err,
                     sizeof err) != 0)
        fail_msg("%s\n%s", err, s_postgres_said);
    assert_non_null(strstr(s_postgres_said, "ok      fsync: on"));
    assert_int_equal(
        schema_check(s_postgres, CLUSTER_MAIN, &(uuid_t7){{0}}, s_two, 2, s_hear, err, sizeof err),
        -1);
    assert_non_null(strstr(s_postgres_said, "lacking synchronous_standby_names"));
    assert_int_equal(schema_check(s_postgres, CLUSTER_MAIN, &(uuid_t7){{0}}, s_three, 1, s_hear,
                                  err, sizeof err),
                     -1);
    assert_non_null(strstr(s_postgres_said, "lacking channel shards: 2"));
    postgres_do("REVOKE INSERT ON postern.keys FROM postern_journal");
    assert_int_equal(
        schema_check(s_postgres, CLUSTER_MAIN, &(uuid_t7){{0}}, s_two, 1, s_hear, err, sizeof err),
        -1);
    assert_non_null(strstr(s_postgres_said, "lacking rights on tables"));
}

/* The journal's connections end, all of them. */
static void s_cut(void)
{
    postgres_do("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = "
                "'postern_journal'");
}

static void test_a_cut_connection_is_made_again(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'h')), JOURNAL_STORED);
    s_cut();
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_STORED);
    assert_null(journal_trouble(journal));
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    s_cut();
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    s_cut();
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_RESENT);
    assert_int_equal(s_append_one(journal, s_keyed(1, 3, 'k', 'h')), JOURNAL_REPLAYED);
    journal_close(&journal);
}

static void *s_cut_often(void *arg)
{
    atomic_bool *stop = arg;
    while (!atomic_load(stop)) {
        usleep(20000);
        s_cut();
    }
    return NULL;
}

/* Whatever was on its way when the connection was cut is stored once. */
static void test_cuts_lose_and_double_nothing(void **state)
{
    enum { ROUNDS = 300, BATCH = 8 };
    (void)state;
    journal_t *journal = s_open();
    atomic_bool stop = false;
    pthread_t thread;
    pthread_create(&thread, NULL, s_cut_often, &stop);
    for (unsigned i = 0; i < ROUNDS; i++) {
        journal_entry_t entries[BATCH];
        for (unsigned k = 0; k < BATCH; k++)
            entries[k] = s_entry(k % 3, 1 + i * BATCH + k, "{}");
        assert_int_equal(s_append(journal, entries, BATCH), BATCH);
        assert_int_equal(entries[BATCH - 1].answer.log, (i + 1) * BATCH);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    unsigned total = 0;
    for (unsigned target = 0; target < 3; target++)
        total += s_read(journal, target, 0, NULL).count;
    assert_int_equal(total, ROUNDS * BATCH);
    journal_close(&journal);
}

/* A server that answers TCP and nothing else is given up; what was sent to it comes too late. */
static void test_a_server_that_does_not_answer(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_STORED);
    uint64_t epoch = journal->epoch;
    pid_t stopped = PQbackendPID(journal->writing.conn);
    if (kill(stopped, SIGSTOP) != 0)
        skip(); /* needs root */
    journal_entry_t entry = s_entry(1, 2, "{}");
    assert_int_equal(s_append(journal, &entry, 1), 1);
    assert_int_equal(entry.answer.log, 2);
    assert_true(journal->epoch > epoch);
    assert_int_equal(kill(stopped, SIGCONT), 0);
    usleep(300000);
    assert_int_equal(s_append_one(journal, s_entry(1, 3, "{}")), JOURNAL_STORED);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 3);
    journal_close(&journal);
}

static void s_set_standby(const char *names)
{
    char sql[128];
    snprintf(sql, sizeof sql, "ALTER SYSTEM SET synchronous_standby_names = '%s'", names);
    postgres_do(sql);
    postgres_do("SELECT pg_reload_conf()");
    usleep(200000);
}

/* Waits until a commit waits for its copy, ends its connection, and lets commits go on. */
static void *s_break_wait(void *arg)
{
    char pid[POSTGRES_TEXT] = "";
    (void)arg;
    while (!*pid) {
        usleep(10000);
        postgres_ask("SELECT pid FROM pg_stat_activity WHERE usename = 'postern_journal' AND "
                     "wait_event = 'SyncRep'",
                     pid);
    }
    s_cut();
    usleep(300000);
    s_set_standby("");
    return NULL;
}

/* Its row can be seen, and no copy has it: it counts only after a commit that one has. */
static void test_a_commit_that_lost_its_copy_is_looked_for(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_STORED);
    uint64_t epoch = journal->epoch;
    s_set_standby("nobody");
    pthread_t thread;
    pthread_create(&thread, NULL, s_break_wait, NULL);
    journal_entry_t entry = s_entry(1, 2, "{}");
    assert_int_equal(s_append(journal, &entry, 1), 1);
    pthread_join(thread, NULL);
    assert_int_equal(entry.outcome, JOURNAL_STORED);
    assert_int_equal(entry.answer.log, 2);
    assert_true(journal->epoch > epoch);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    assert_int_equal(s_append_one(journal, s_entry(1, 3, "{}")), JOURNAL_STORED);
    journal_close(&journal);
}

/* Another process takes the shard: the first one stores nothing more, and ends. */
static void test_who_lost_the_shard_ends(void **state)
{
    former_t before;
    (void)state;
    if (former_begin(&before)) {
        journal_t *former = s_open();
        s_append_one(former, s_entry(1, 1, "{}"));
        former_lose(&before);
        s_append_one(former, s_entry(1, 2, "{}"));
        _exit(0);
    }
    former_wait(&before);
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 3, "{}")), JOURNAL_STORED);
    former_end(&before);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 2);
    journal_close(&journal);
}

static void test_a_server_that_is_no_longer_safe(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_STORED);
    postgres_do("ALTER SYSTEM SET full_page_writes = off");
    postgres_do("SELECT pg_reload_conf()");
    usleep(300000);
    keeper_check(journal->keeper);
    assert_true(journal_is_gone(journal));
    assert_non_null(strstr(journal_trouble(journal), "full_page_writes"));
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_NO_ROOM);
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_RESENT);
    postgres_do("ALTER SYSTEM RESET full_page_writes");
    postgres_do("SELECT pg_reload_conf()");
    usleep(300000);
    keeper_check(journal->keeper);
    assert_null(journal_trouble(journal));
    assert_int_equal(s_append_one(journal, s_entry(1, 2, "{}")), JOURNAL_STORED);
    journal_close(&journal);
}

/* Ids of the segment before, within their two minutes; and a drain of several transactions. */
static void test_segments(void **state)
{
    enum { COUNT = POSTGRES_ROWS + 100 };
    static journal_entry_t entries[COUNT];
    static journal_entry_t *list[COUNT];
    (void)state;
    journal_options_t options = s_options();
    options.retention_bytes = 1 << 20;
    journal_t *journal = s_open_with(options);
    for (unsigned i = 0; i < COUNT; i++) {
        entries[i] = s_entry(1, i + 1, "{}");
        list[i] = &entries[i];
    }
    assert_int_equal(journal_append(journal, list, COUNT, s_now), COUNT);
    assert_true(journal->tables.segments_len > 1);
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_RESENT);
    assert_int_equal(s_append_one(journal, s_entry(1, COUNT, "{}")), JOURNAL_RESENT);
    assert_int_equal(s_append_one(journal, s_entry(1, COUNT + 1, "{}")), JOURNAL_STORED);
    s_now += JOURNAL_ID_MS;
    while (journal_tend(journal, s_now))
        ;
    assert_false(journal->tables.segments[0].ids);
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_STORED);
    journal_close(&journal);
    journal = s_open_with(options);
    assert_int_equal(s_append_one(journal, s_entry(1, 1, "{}")), JOURNAL_RESENT);
    journal_close(&journal);
}

/* Beside the first, which has a message, as many as there may be. The last one, which is open, has
 * one of another target. */
static void s_make_segments(void)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "UPDATE postern.segment SET last_log = 1, last_ms = 0, ids = false; DO $$BEGIN FOR n "
             "IN 2..%d LOOP EXECUTE format('CREATE TABLE postern.log_c0_%%1$s (LIKE "
             "postern.log_c0_1 INCLUDING INDEXES); ALTER TABLE postern.log_c0_%%1$s OWNER TO "
             "postern_journal; INSERT INTO postern.segment VALUES (0, 0, %%1$s, 2, %%2$s, 0, 0, 0, "
             "false)', n, CASE WHEN n < %d THEN '1' ELSE 'NULL' END); END LOOP; END$$; INSERT INTO "
             "postern.log_c0_%d SELECT 2, gen_random_uuid(), 1, NULL, answer, record FROM "
             "postern.log_c0_1",
             SEGMENTS, SEGMENTS, SEGMENTS);
    postgres_do(sql);
}

static void *s_tend(void *arg)
{
    journal_tend(arg, s_now);
    return NULL;
}

static void s_wait_for_lock(void)
{
    char waits[POSTGRES_TEXT] = "0";
    for (unsigned i = 0; i < 1000 && *waits == '0'; i++) {
        usleep(2000);
        postgres_ask("SELECT count(*) FROM pg_locks WHERE NOT granted", waits);
    }
    assert_string_equal(waits, "1");
}

/* The oldest of as many segments as there may be cannot be dropped, and another one was made in its
 * place: both stay. */
static void test_a_segment_that_cannot_be_dropped(void **state)
{
    pthread_t keeper;
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'h')), JOURNAL_STORED);
    journal_close(&journal);
    s_make_segments();
    journal = s_open();
    PGconn *reader = PQconnectdb(s_postgres_admin);
    PQclear(PQexec(reader, "BEGIN; LOCK TABLE postern.log_c0_1 IN ACCESS SHARE MODE"));
    s_now += (int64_t)s_options().retention_ms;
    pthread_create(&keeper, NULL, s_tend, journal);
    s_wait_for_lock();
    assert_int_equal(s_append_one(journal, s_entry(1, 3, "{}")), JOURNAL_STORED);
    postgres_do("UPDATE pg_class SET relowner = 10 WHERE relname = 'log_c0_1'"); /* not its own */
    PQfinish(reader);
    pthread_join(keeper, NULL);
    postgres_do("UPDATE pg_class SET relowner = 'postern_journal'::regrole WHERE relname = "
                "'log_c0_1'");
    assert_int_equal(journal->tables.segments_len, SEGMENTS + 1);
    assert_int_equal(s_append_one(journal, s_keyed(1, 4, 'l', 'h')), JOURNAL_STORED);
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 3);
    journal_close(&journal);
    journal = s_open();
    assert_int_equal(s_read(journal, 1, 0, NULL).count, 3);
    journal_close(&journal);
}

/* They are tried again. */
static void test_keys_that_cannot_be_dropped(void **state)
{
    char left[POSTGRES_TEXT];
    (void)state;
    journal_t *journal = s_open();
    assert_int_equal(s_append_one(journal, s_keyed(1, 1, 'k', 'h')), JOURNAL_STORED);
    s_now += JOURNAL_KEY_MS;
    assert_int_equal(s_append_one(journal, s_keyed(1, 2, 'l', 'h')), JOURNAL_STORED);
    postgres_do("UPDATE pg_class SET relowner = 10 WHERE relname = 'keys_c0_1'"); /* not its own */
    journal_tend(journal, s_now);
    postgres_do("UPDATE pg_class SET relowner = 'postern_journal'::regrole WHERE relname = "
                "'keys_c0_1'");
    assert_int_equal(journal->tables.keys_len, 2);
    journal_tend(journal, s_now);
    assert_int_equal(journal->tables.keys_len, 1);
    postgres_ask("SELECT count(*) FROM pg_class WHERE relname = 'keys_c0_1'", left);
    assert_string_equal(left, "0");
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connection_strings_that_will_not_do),
        TEST(databases_that_will_not_do),
        TEST(another_installation_keeps_its_counts),
        TEST(a_check_says_what_is_lacking),
        TEST(a_cut_connection_is_made_again),
        TEST(cuts_lose_and_double_nothing),
        TEST(a_server_that_does_not_answer),
        TEST(a_commit_that_lost_its_copy_is_looked_for),
        TEST(who_lost_the_shard_ends),
        TEST(a_server_that_is_no_longer_safe),
        TEST(segments),
        TEST(a_segment_that_cannot_be_dropped),
        TEST(keys_that_cannot_be_dropped),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
