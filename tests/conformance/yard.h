/* What the tests of single calls stand on: a journal of the engine under test in a scratch place.
 */
#ifndef POSTERN_CONFORMANCE_YARD_H
#define POSTERN_CONFORMANCE_YARD_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/conformance/check.h"
#include "tests/unit/scratch.h"

#include <string.h>

static char s_scratch[SCRATCH], s_place[SCRATCH + 16], s_err[1024];
static const subject_options_t s_usual = {.kind = "bot",
                                          .shards = 2,
                                          .keys = 3,
                                          .retention_ms = UINT64_C(30) * 86400000,
                                          .delivery_retention_ms = UINT64_C(7) * 86400000};

static inline journal_t *s_open(void)
{
    journal_t *journal = subject_open(s_place, &s_usual, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    journal_start(journal, subject_clock);
    return journal;
}

/* An event; with a key where KEY is not 0. */
static inline journal_entry_t s_entry(unsigned target, unsigned id, char key, char hash)
{
    static char keys[256][32];
    journal_entry_t entry = {.record = {.op = 3,
                                        .flags = RECORD_EVENT,
                                        .time_ms = 1000 + id,
                                        .id = check_uuid(id),
                                        .target = check_uuid(target),
                                        .body = slice_of("{}")},
                             .answer = {.answer = 1, .time_ms = 1000 + id}};
    memset(keys[(unsigned char)key], key, sizeof keys[0]);
    memset(entry.hash, hash, sizeof entry.hash);
    if (key)
        entry.dedupe = slice(keys[(unsigned char)key], sizeof keys[0]);
    return entry;
}

static inline size_t s_append(journal_t *journal, journal_entry_t *entries, size_t count)
{
    journal_entry_t *list[64];
    assert_true(count <= sizeof list / sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = &entries[i];
    return submit_all(journal, list, count);
}

static inline journal_outcome_t s_append_one(journal_t *journal, journal_entry_t entry)
{
    s_append(journal, &entry, 1);
    return entry.outcome;
}

static inline int s_setup(void **state)
{
    (void)state;
    scratch_make(s_scratch);
    snprintf(s_place, sizeof s_place, "%s/bot-0", s_scratch);
    return 0;
}

static inline int s_teardown(void **state)
{
    (void)state;
    subject_fill(false);
    scratch_remove(s_scratch);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, s_setup, s_teardown)

#endif
