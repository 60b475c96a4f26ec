/* Fills the journal of a channel worker that does not run:
 *
 *   fill PLACE KNOWN MESSAGES KEYED MAP_BYTES KEYS
 *
 * PLACE and KNOWN are the worker's data.directory and data.known. MESSAGES of 240 bytes to 100
 * targets, the last KEYED of them each with a key. The journal's clock goes as if PER_MS had come
 * in a millisecond: ids expire on the way, as in a journal that has grown by and by, and leave the
 * worker no debt that it would have to remove beside its load. */
#include "common/base/clock.h"
#include "load_entry.h"
#include "workers/journal/lmdb/writing.h"

#include <assert.h>

enum { BATCH = 4096, PER_MS = 5 };

static journal_entry_t s_entries[BATCH], *s_list[BATCH];
static char s_keys[BATCH][32], s_body[LOAD_BODY];

static size_t s_batch(uint64_t first, uint64_t messages, uint64_t keyed)
{
    size_t count = messages - first < BATCH ? (size_t)(messages - first) : BATCH;
    for (size_t i = 0; i < count; i++) {
        journal_entry_t *entry = s_list[i] = &s_entries[i];
        uint64_t number = first + i;
        load_entry(entry, s_body, number);
        memcpy(s_keys[i], &number, sizeof number);
        if (number >= messages - keyed)
            entry->dedupe = slice(s_keys[i], sizeof s_keys[i]);
    }
    return count;
}

int main(int argc, char **argv)
{
    char err[2048];
    if (argc != 7)
        return 2;
    uint64_t messages = strtoull(argv[3], NULL, 10), keyed = strtoull(argv[4], NULL, 10);
    journal_options_t options = {.place = argv[1],
                                 .known = argv[2],
                                 .kind = "channel",
                                 .shards = 1,
                                 .room_bytes = strtoull(argv[5], NULL, 10),
                                 .keys = strtoull(argv[6], NULL, 10),
                                 .retention_ms = UINT64_C(365) * 86400000};
    load_body(s_body);
    int64_t began_ms = clock_ms();
    journal_t *journal = journal_open(&options, began_ms, err, sizeof err);
    if (!journal) {
        fprintf(stderr, "%s\n", err);
        return 1;
    }
    for (uint64_t done = 0; done < messages;) {
        size_t count = s_batch(done, messages, keyed);
        int64_t now_ms = began_ms + (int64_t)(done / PER_MS);
        size_t stored = journal_append(journal, s_list, count, now_ms);
        assert(stored == count);
        done += count;
        if (journal_checkpoint_begin(journal, now_ms))
            journal_checkpoint_end(journal, now_ms);
    }
    journal_close(&journal);
    return 0;
}
