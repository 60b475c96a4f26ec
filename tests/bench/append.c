/* Stores as fast as a journal in PostgreSQL takes it, for benchmarks of the engine alone:
 *
 *   append SHARD SHARDS SECONDS BATCH NAME=FILE …
 *
 * by batches of so many messages of 240 bytes, one after the other, to 100 targets. NAME=FILE: the
 * clusters (common/life/clusters.h), main first. Prints the messages, and the microseconds. */
#include "common/base/clock.h"
#include "common/log/log.h"
#include "load_entry.h"
#include "workers/journal/writing.h"

enum { MOST = 4096 };

static journal_entry_t s_entries[MOST], *s_list[MOST];
static char s_body[LOAD_BODY];
static uint64_t s_next;

static void s_make(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s_list[i] = &s_entries[i];
        load_entry(&s_entries[i], s_body, s_next++);
    }
}

static journal_t *s_open(char **argv, int argc)
{
    static clusters_t clusters;
    char err[2048];
    for (int i = 5; i < argc && clusters.len < CLUSTERS; i++, clusters.len++) {
        cluster_file_t *to = &clusters.list[clusters.len];
        int name = (int)strcspn(argv[i], "=");
        snprintf(to->name, sizeof to->name, "%.*s", name, argv[i]);
        snprintf(to->path, sizeof to->path, "%s", argv[i] + name + (argv[i][name] == '='));
    }
    journal_options_t options = {.path = "append",
                                 .kind = "channel",
                                 .shard = (unsigned)atoi(argv[1]),
                                 .shards = (unsigned)atoi(argv[2]),
                                 .room_bytes = UINT64_C(64) << 30,
                                 .keys = 1000,
                                 .retention_ms = UINT64_C(30) * 86400000,
                                 .clusters = &clusters,
                                 .copies = 1};
    journal_t *journal = journal_open(&options, clock_ms(), err, sizeof err);
    if (!journal) {
        fprintf(stderr, "append: %s\n", err);
        exit(1);
    }
    return journal;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    size_t batch = (size_t)atoi(argv[4]);
    load_body(s_body);
    log_open("append", log_level_of("warn"));
    journal_t *journal = s_open(argv, argc);
    int64_t began_us = clock_us(), until_us = began_us + INT64_C(1000000) * atoi(argv[3]);
    uint64_t stored = 0;
    while (batch <= MOST && clock_us() < until_us) {
        s_make(batch);
        size_t did = journal_append(journal, s_list, batch, clock_ms());
        if (did != batch) {
            fprintf(stderr, "append: %zu of %zu are stored\n", did, batch);
            return 1;
        }
        stored += did;
    }
    printf("%" PRIu64 " %" PRId64 "\n", stored, clock_us() - began_us);
    journal_close(&journal);
    return 0;
}
