/* A journal in a scratch directory, and messages for it: what the tests of its write-ahead file
 * stand on. */
#ifndef POSTERN_JOURNAL_YARD_H
#define POSTERN_JOURNAL_YARD_H

#include "scratch.h"
#include "workers/journal.h"

#include <stdio.h>
#include <string.h>

enum { START = 1000000, WALL = 1700000000, MAP = 64 << 20 };

static char s_path[SCRATCH], s_err[1024];
static int64_t s_now;

static journal_options_t s_options(void)
{
    return (journal_options_t){.path = s_path,
                               .kind = "channel",
                               .shards = 2,
                               .map_bytes = MAP,
                               .keys = 1000,
                               .retention_ms = 86400000};
}

static journal_t *s_open(void)
{
    journal_options_t options = s_options();
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

static uuid_t7 s_uuid(unsigned number)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

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

static unsigned s_read(journal_t *journal, unsigned target)
{
    unsigned count = 0;
    journal_range_t range;
    uuid_t7 id = s_uuid(target);
    journal_read(journal, &id, 0, &range, s_count, &count);
    assert_int_equal(range.last, count);
    return count;
}

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_path);
    s_now = START;
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_path);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, s_setup, s_teardown)

#endif
