/* Fills the journal of a worker that is not running: for benchmarks of large ones.
 *
 *   record JOURNAL SHARD SHARDS COUNT [BODY-BYTES]
 *
 * stores COUNT messages more like the first record that it has: by its user, in its target. */
#include "common/base/uuid.h"
#include "workers/journal/writing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 4000, BATCH_MS = 400, BODY = 64 << 10 };

static char s_body[BODY], s_name[256], s_access[256];

static bool s_take(void *arg, uint64_t log, const record_t *record)
{
    record_t *first = arg;
    (void)log;
    *first = *record;
    snprintf(s_name, sizeof s_name, "%.*s", (int)record->name.len, record->name.data);
    snprintf(s_access, sizeof s_access, "%.*s", (int)record->access.len, record->access.data);
    first->name = slice_of(s_name);
    first->access = slice_of(s_access);
    first->params = first->headers = first->message = first->audience = slice("", 0);
    return false;
}

static void s_store(journal_t *journal, const record_t *like, unsigned count, int64_t now_ms)
{
    static journal_entry_t entries[BATCH], *list[BATCH];
    for (unsigned i = 0; i < count; i++) {
        entries[i] = (journal_entry_t){.record = *like, .answer = {.answer = 1}};
        uuid_new(&entries[i].record.id);
        list[i] = &entries[i];
    }
    if (journal_append(journal, list, count, now_ms) != count) {
        fprintf(stderr, "record: no room\n");
        exit(1);
    }
    while (journal_tend(journal, now_ms)) {
    }
}

static journal_t *s_open(char **argv)
{
    char err[1024];
    journal_options_t options = {.path = argv[1],
                                 .kind = "channel",
                                 .shard = (unsigned)atoi(argv[2]),
                                 .shards = (unsigned)atoi(argv[3]),
                                 .room_bytes = UINT64_C(64) << 30,
                                 .keys = 1000,
                                 .retention_ms = UINT64_C(30) * 86400000};
    journal_t *journal = journal_open(&options, 1, err, sizeof err);
    if (journal)
        return journal;
    fprintf(stderr, "record: %s\n", err);
    exit(1);
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 2;
    journal_t *journal = s_open(argv);
    record_t like = {0};
    unsigned count = (unsigned)atoi(argv[4]), bytes = argc > 5 ? (unsigned)atoi(argv[5]) : 240;
    journal_scan(journal_reader(journal), 1, s_take, &like);
    int len = snprintf(s_body, sizeof s_body, "{\"text\":\"%0*d\"}", (int)bytes, 0);
    like.body = slice(s_body, (size_t)len);
    int64_t now_ms = 1;
    for (unsigned left = count; left > 0;) {
        unsigned some = left < BATCH ? left : BATCH;
        s_store(journal, &like, some, now_ms += BATCH_MS);
        left -= some;
    }
    journal_close(&journal);
    return 0;
}
