/* Messages for a journal, to be stored and read back in a line each. */
#ifndef POSTERN_JOURNAL_ENTRIES_H
#define POSTERN_JOURNAL_ENTRIES_H

#include "journal_yard.h"

static inline journal_t *s_open_with(journal_options_t options)
{
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

/* A message to a target; its id is the number. */
static journal_entry_t s_entry(unsigned target, unsigned id, const char *body)
{
    journal_entry_t entry = {
        .record = {.op = 1,
                   .method = 4,
                   .flags = RECORD_MESSAGE,
                   .time_ms = WALL + id,
                   .id = s_uuid(id),
                   .user = s_uuid(77),
                   .target = s_uuid(target),
                   .name = slice_of("Ann"),
                   .access = slice_of("builds"),
                   .params = slice_of("p"),
                   .headers = slice_of("hh"),
                   .body = slice_of(body)},
        .answer = {.answer = 1},
    };
    return entry;
}

/* The same with a key of 32 equal bytes and a hash of 16. */
static inline journal_entry_t s_keyed(unsigned target, unsigned id, char key, char hash)
{
    static char keys[256][32];
    journal_entry_t entry = s_entry(target, id, "{}");
    memset(keys[(unsigned char)key], key, sizeof keys[0]);
    entry.dedupe = slice(keys[(unsigned char)key], sizeof keys[0]);
    memset(entry.hash, hash, sizeof entry.hash);
    return entry;
}

static size_t s_append(journal_t *journal, journal_entry_t *entries, size_t count)
{
    journal_entry_t *list[512];
    assert_true(count <= sizeof list / sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = &entries[i];
    return journal_append(journal, list, count, s_now);
}

static inline journal_outcome_t s_append_one(journal_t *journal, journal_entry_t entry)
{
    s_append(journal, &entry, 1);
    return entry.outcome;
}

typedef struct {
    unsigned count;
    uint64_t first_log, last_log, first_sequence, last_sequence;
    unsigned most;
} seen_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    seen_t *seen = arg;
    if (seen->count == 0) {
        seen->first_log = log;
        seen->first_sequence = record->sequence;
    } else {
        assert_true(log > seen->last_log);
        assert_int_equal(record->sequence, seen->last_sequence + 1);
    }
    assert_true(slice_is(record->name, "Ann") && slice_is(record->access, "builds"));
    assert_true(slice_is(record->params, "p") && slice_is(record->headers, "hh"));
    seen->last_log = log;
    seen->last_sequence = record->sequence;
    return ++seen->count != seen->most;
}

static inline seen_t s_read(journal_t *journal, unsigned target, uint64_t from,
                            journal_range_t *range)
{
    seen_t seen = {0};
    uuid_t7 id = s_uuid(target);
    journal_range_t ignored;
    journal_read(journal_reader(journal), &id, from, range ? range : &ignored, s_each, &seen);
    return seen;
}

#endif
