/* A journal in a scratch directory, and a clock that only the test moves: what the tests of the
 * journal stand on. */
#ifndef POSTERN_JOURNAL_YARD_H
#define POSTERN_JOURNAL_YARD_H

#include "scratch.h"
#include "workers/journal/writing.h"

#include <stdio.h>
#include <string.h>

#ifdef JOURNAL_POSTGRES
#include "postgres_yard.h"
#define YARD_BEGIN postgres_begin
#define YARD_END postgres_end
#else
#define YARD_BEGIN NULL
#define YARD_END NULL
#define postgres_connection() NULL
#define postgres_clear()
#endif

enum { START = 1000000, WALL = 1700000000, MAP = 64 << 20 };

static char s_path[SCRATCH], s_err[1024];
static int64_t s_now; /* the clock */

static journal_options_t s_options(void)
{
    return (journal_options_t){.path = s_path,
                               .kind = "channel",
                               .shards = 2,
                               .room_bytes = MAP,
                               .keys = 1000,
                               .connection = postgres_connection(),
                               .copies = 1,
                               .retention_ms = 30 * 86400000ull};
}

static inline journal_t *s_open(void)
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

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_path);
    postgres_clear();
    s_now = START;
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_path);
    return 0;
}

#ifndef JOURNAL_POSTGRES
/* Looks for TEXT in the journal's tables. */
static inline bool yard_holds(const char *text)
{
    char path[SCRATCH + 16], page[4096];
    snprintf(path, sizeof path, "%s/data.mdb", s_path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bool found = false;
    while (!found && fread(page, 1, sizeof page, file) == sizeof page)
        found = memmem(page, sizeof page, text, strlen(text)) != NULL;
    fclose(file);
    return found;
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, s_setup, s_teardown)

#endif
