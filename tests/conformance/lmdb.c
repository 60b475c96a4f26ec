/* The LMDB engine, under test. */
#include "tests/conformance/check.h"
#include "tests/conformance/history.h"
#include "tests/unit/full_disk.h"
#include "workers/journal/lmdb/writing.h"
#include "workers/store/migrate.h"

enum { MAP = 8 << 20, TRIES = 200, APART_MS = 2 * JOURNAL_CHECKPOINT_MS };

const unsigned subject_histories = 40;

int subject_begin(void)
{
    return 0;
}

void subject_end(void)
{
}

journal_t *subject_open(const char *place, const subject_options_t *given, char *err,
                        size_t err_size)
{
    journal_options_t options = {.path = place,
                                 .kind = given->kind,
                                 .shard = given->shard,
                                 .shards = given->shards,
                                 .room_bytes = MAP,
                                 .keys = given->keys,
                                 .retention_ms = given->retention_ms,
                                 .retention_bytes = given->retention_bytes,
                                 .unowned = given->unowned,
                                 .delivery_retention_ms = given->delivery_retention_ms};
    return journal_open(&options, subject_now_ms, err, err_size);
}

/* Each try lets the writer begin what is due; the commit may be another thread's. */
void subject_settle(journal_t *journal)
{
    unsigned tries = 0;
    do {
        CHECK(tries++ < TRIES, "what was stored is not committed");
        subject_now_ms += APART_MS;
        submit_all(journal, NULL, 0);
        if (tries > 2)
            usleep(tries * 50);
    } while (!journal_is_saved(journal) || journal_has_notes(journal));
    submit_all(journal, NULL, 0);
}

void subject_fill(bool full)
{
    s_disk_full = full;
}

/* A side of a migration, whose other one is at standard input. */
static int s_carry(const char *place, bool out)
{
    char err[1024] = "";
    subject_options_t history = history_options(place);
    migrate_t options = {.fd = STDIN_FILENO,
                         .kind = history.kind,
                         .shard = history.shard,
                         .shards = history.shards,
                         .delivery_ms = history.delivery_retention_ms,
                         .path = "bot-0"};
    json_t *answer = json_object();
    int rc = chdir(place);
    if (rc == 0)
        rc = out ? migrate_out(&options, answer, err, sizeof err)
                 : migrate_in(&options, answer, err, sizeof err);
    if (rc != 0)
        fprintf(stderr, "%s: %s\n", place, err);
    json_decref(answer);
    return rc ? 1 : 0;
}

/* What test_conformance_postgres has this engine do: leave SEED PLACE, on PLACE, out PLACE,
 * in PLACE. */
int subject_do(int argc, char **argv)
{
    const char *word = argv[0], *place = argv[argc - 1];
    bool good = false;
    if (strcmp(word, "leave") == 0 && argc == 3)
        good = history_begin(strtoull(argv[1], NULL, 10), place);
    else if (strcmp(word, "on") == 0 && argc == 2)
        good = history_go_on(place);
    else if (argc == 2)
        good = s_carry(place, strcmp(word, "out") == 0) == 0;
    return good ? 0 : 1;
}
