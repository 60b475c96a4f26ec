/* The message that programs store which fill or measure a journal without a ring. */
#ifndef POSTERN_BENCH_LOAD_ENTRY_H
#define POSTERN_BENCH_LOAD_ENTRY_H

#include "common/base/clock.h"
#include "load.h"
#include "workers/journal/journal.h"

enum { LOAD_TARGETS = 100 };

/* The one of NUMBER, to one of the targets in turn; BODY stays the caller's. */
static inline void load_entry(journal_entry_t *entry, const char body[LOAD_BODY], uint64_t number)
{
    *entry = (journal_entry_t){.record = {.op = 1,
                                          .method = 4,
                                          .flags = RECORD_MESSAGE,
                                          .time_ms = clock_wall_ms(),
                                          .name = slice_of("Ann"),
                                          .body = slice(body, LOAD_BODY)},
                               .answer = {.answer = 1}};
    uuid_new(&entry->record.id);
    memset(entry->record.target.bytes, (int)(number % LOAD_TARGETS) + 1, UUID_BYTES);
    memset(entry->record.user.bytes, 1, UUID_BYTES);
}

#endif
