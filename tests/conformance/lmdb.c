/* The LMDB engine, under test. */
#include "tests/conformance/check.h"
#include "tests/unit/full_disk.h"
#include "workers/journal/lmdb/writing.h"

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
