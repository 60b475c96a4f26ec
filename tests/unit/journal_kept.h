/* Messages that are all alike: what the tests of what outlives a process or a commit stand on. */
#ifndef POSTERN_JOURNAL_KEPT_H
#define POSTERN_JOURNAL_KEPT_H

#include "checkpoint.h"
#include "journal_yard.h"

/* An odd id has a key of its own, the same for all ids with the same last 16 bits. */
static journal_entry_t s_entry(unsigned id)
{
    static char key[32];
    memset(key, 0, sizeof key);
    journal_entry_t entry = {.record = {.op = 1,
                                        .method = 4,
                                        .flags = RECORD_MESSAGE,
                                        .time_ms = WALL + id,
                                        .id = s_uuid(id),
                                        .user = s_uuid(77),
                                        .target = s_uuid(id % 3),
                                        .name = slice_of("Ann"),
                                        .access = slice_of("builds"),
                                        .body = slice_of("{\"text\":\"kept\"}")},
                             .answer = {.answer = 1}};
    snprintf(key, sizeof key, "key %u", id & 0xffff);
    if (id % 2)
        entry.dedupe = slice(key, sizeof key);
    return entry;
}

static journal_outcome_t s_append(journal_t *journal, unsigned id, char hash)
{
    journal_entry_t entry = s_entry(id), *list = &entry;
    memset(entry.hash, hash, sizeof entry.hash);
    journal_append(journal, &list, 1, s_now);
    return entry.outcome;
}

static bool s_count(void *arg, uint64_t log, const record_t *record)
{
    unsigned *count = arg;
    (void)log;
    assert_true(slice_is(record->body, "{\"text\":\"kept\"}"));
    assert_int_equal(record->sequence, *count + 1);
    ++*count;
    return true;
}

static inline unsigned s_read(journal_t *journal, unsigned target)
{
    unsigned count = 0;
    journal_range_t range;
    uuid_t7 id = s_uuid(target);
    journal_read(journal_reader(journal), &id, 0, &range, s_count, &count);
    assert_int_equal(range.last, count);
    return count;
}

#endif
