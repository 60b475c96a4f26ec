/* The LMDB engine, under test. */
#include "tests/conformance/subject.h"
#include "tests/unit/full_disk.h"

#include <assert.h>

enum { MAP = 8 << 20, TRIES = 50, APART_MS = 2 * JOURNAL_CHECKPOINT_MS };

int64_t subject_now_ms = 1000000;

journal_t *subject_open(const char *place, const subject_options_t *given, char *err,
                        size_t err_size)
{
    journal_options_t options = {.path = place,
                                 .kind = given->kind,
                                 .shard = given->shard,
                                 .shards = given->shards,
                                 .map_bytes = MAP,
                                 .keys = given->keys,
                                 .retention_ms = given->retention_ms,
                                 .retention_bytes = given->retention_bytes,
                                 .delivery_retention_ms = given->delivery_retention_ms};
    return journal_open(&options, subject_now_ms, err, err_size);
}

static void s_checkpoint(journal_t *journal)
{
    if (journal_checkpoint_begin(journal, subject_now_ms))
        journal_checkpoint_end(journal, subject_now_ms);
}

size_t subject_append(journal_t *journal, journal_entry_t **entries, size_t count)
{
    size_t stored = journal_append(journal, entries, count, subject_now_ms);
    s_checkpoint(journal);
    return stored;
}

void subject_settle(journal_t *journal)
{
    for (unsigned i = 0; i < TRIES; i++) {
        journal_tend(journal, subject_now_ms);
        subject_now_ms += APART_MS;
        s_checkpoint(journal);
        if (journal_is_saved(journal) && !journal_has_notes(journal))
            return;
    }
    assert(!"what was stored is not committed");
}

void subject_fill(bool full)
{
    s_disk_full = full;
}
