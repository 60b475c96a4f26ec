/* The PostgreSQL engine, under test, on a server of its own. Full is what a trigger says, in the
 * words of a server without room: a disk that is full needs a file system of its own. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/conformance/check.h"
#include "tests/conformance/history.h"
#include "tests/conformance/submit.h"
#include "tests/unit/postgres_yard.h"
#include "workers/journal/postgres/carrier.h"

#include <sys/socket.h>

enum { SETTLE = 12, TRIES = 200, APART_MS = 10 };

const unsigned subject_histories = 8;

int subject_begin(void)
{
    return postgres_begin(NULL);
}

void subject_end(void)
{
    postgres_end(NULL);
}

/* An installation of one shard's journal. */
static void s_install(const subject_options_t *given)
{
    char sql[128];
    op_owner_t kind;
    postgres_clear_of(given->shards);
    if (!op_owner_of(given->kind, strlen(given->kind), &kind))
        fail();
    snprintf(sql, sizeof sql, "DELETE FROM postern.shard WHERE kind <> %u OR shard <> %u",
             (unsigned)kind, given->shard);
    postgres_do(sql);
}

/* A place that is not there yet has an installation of its own. */
static void s_make(const char *place, const subject_options_t *given)
{
    if (mkdir(place, 0700) == 0)
        s_install(given);
}

journal_t *subject_open(const char *place, const subject_options_t *given, char *err,
                        size_t err_size)
{
    journal_options_t options = {.path = place,
                                 .kind = given->kind,
                                 .shard = given->shard,
                                 .shards = given->shards,
                                 .keys = given->keys,
                                 .retention_ms = given->retention_ms,
                                 .retention_bytes = given->retention_bytes,
                                 .unowned = given->unowned,
                                 .delivery_retention_ms = given->delivery_retention_ms,
                                 .connection = postgres_connection(),
                                 .copies = 1};
    s_make(place, given);
    subject_fill(false);
    return journal_open(&options, subject_now_ms, err, err_size);
}

void subject_settle(journal_t *journal)
{
    for (unsigned i = 0; i < SETTLE || (journal_has_notes(journal) && i < TRIES); i++) {
        subject_now_ms += APART_MS;
        submit_all(journal, NULL, 0);
    }
}

void subject_fill(bool full)
{
    static const char drop[] = "SET client_min_messages = error; DROP FUNCTION IF EXISTS "
                               "public.is_full CASCADE";
    static const char make[] =
        "CREATE FUNCTION public.is_full() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE "
        "EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END$$;"
        "DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = "
        "'postern' AND tablename SIMILAR TO '(log|ended|attempt|pending|kept)%' LOOP EXECUTE "
        "'CREATE TRIGGER full_disk BEFORE INSERT "
        "ON "
        "postern.' || t || ' EXECUTE FUNCTION public.is_full()'; END LOOP; END$$";
    postgres_do(drop);
    if (full)
        postgres_do(make);
}

/* --- Histories that go from engine to engine */

enum { WORDS = 5 };

static pid_t s_start(const char *const words[WORDS], int stdin_fd)
{
    static const char program[] = "test_conformance_lmdb";
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - sizeof program);
    CHECK(len > 0, "who is this");
    path[len] = '\0';
    snprintf(strrchr(path, '/') + 1, sizeof program, "%s", program);
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0, "fork");
    if (pid == 0) {
        if (stdin_fd >= 0)
            dup2(stdin_fd, STDIN_FILENO);
        execv(path, (char *const *)words);
        fprintf(stderr, "%s is not there\n", path);
        _exit(127);
    }
    return pid;
}

static bool s_ended_well(pid_t pid)
{
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool s_lmdb(const char *word, const char *seed, const char *place)
{
    const char *const words[WORDS] = {"lmdb", word, seed ? seed : place, seed ? place : NULL};
    return s_ended_well(s_start(words, -1));
}

/* PostgreSQL's side, in this process. WORD: "out" or "in", of the other side. */
static bool s_carry(const char *word, const char *place)
{
    char home[4096];
    int ends[2];
    subject_options_t history = history_options(place);
    snprintf(home, sizeof home, "%s/bot-0", place);
    const cluster_t main = {.name = CLUSTER_MAIN, .connection = s_postgres};
    carrier_options_t options = {.kind = history.kind,
                                 .shards = history.shards,
                                 .clusters = &main,
                                 .clusters_len = 1,
                                 .home = home,
                                 .copies = 1,
                                 .delivery_retention_ms = history.delivery_retention_ms};
    const char *const words[WORDS] = {"lmdb", word, place};
    int rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    CHECK(rc == 0, "socketpair");
    pid_t pid = s_start(words, ends[1]);
    close(ends[1]);
    rc = carrier_run(ends[0], &options);
    close(ends[0]);
    return s_ended_well(pid) && rc == 0;
}

/* From files into tables: what was there of either stays where a failure can be looked at. */
static bool s_out(const char *place)
{
    char from[4096], to[4096];
    subject_options_t history = history_options(place);
    snprintf(from, sizeof from, "%s/bot-0", place);
    snprintf(to, sizeof to, "%s/files.XXXXXX", place);
    subject_fill(false);
    s_install(&history);
    return s_carry("out", place) && mkdtemp(to) && rename(from, to) == 0 && mkdir(from, 0700) == 0;
}

static bool s_migrate(uint64_t seed, const char *place)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    bool good = seed % 2 ? s_lmdb("leave", text, place) && s_out(place) && history_go_on(place)
                         : history_begin(seed, place);
    subject_fill(false);
    return good && s_carry("in", place) && s_lmdb("on", NULL, place) && s_out(place) &&
           history_go_on(place);
}

/* migrate [SEED [COUNT]]: random histories of which both engines have a part, in turn. */
int subject_do(int argc, char **argv)
{
    enum { FIRST = 4, SHORT = 3 };
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : FIRST;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : argc > 1 ? 1 : SHORT;
    for (uint64_t at = seed; at < seed + count; at++) {
        char place[SCRATCH];
        scratch_make(place);
        if (!s_migrate(at, place)) {
            fprintf(stderr, "the history of seed %llu went wrong; what is known of it: %s\n",
                    (unsigned long long)at, place);
            return 1;
        }
        scratch_remove(place);
    }
    printf("%llu histories from seed %llu on went from engine to engine\n",
           (unsigned long long)count, (unsigned long long)seed);
    return 0;
}
