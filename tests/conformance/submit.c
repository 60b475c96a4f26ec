#include "tests/conformance/submit.h"

#include "tests/conformance/check.h"

#include <poll.h>

enum { WAIT_MS = 60000 };

atomic_int_fast64_t subject_now_ms = 1000000;

int64_t subject_clock(void)
{
    return subject_now_ms;
}

size_t submit_all(journal_t *journal, journal_entry_t **entries, size_t count)
{
    size_t stored = 0;
    struct pollfd fd = {.fd = journal_submit_fd(journal), .events = POLLIN};
    CHECK(journal_is_idle(journal), "not idle");
    journal_submit(journal, entries, count);
    CHECK(!journal_is_idle(journal), "idle");
    CHECK(poll(&fd, 1, WAIT_MS) == 1, "nothing comes of what was submitted");
    CHECK(journal_finished(journal), "not finished");
    CHECK(!journal_finished(journal) && journal_is_idle(journal), "finished twice");
    for (size_t i = 0; i < count; i++)
        stored += entries[i]->outcome == JOURNAL_STORED;
    return stored;
}
