/* Threads whose messages retention removes one after the other: the thread of a message is known by
 * the sequence of its first record, whether that is still there or not. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "checkpoint.h"
#include "journal_yard.h"
#include "workers/journal/messages.h"
#include "workers/journal/revisions.h"

#include <stdlib.h>

enum { ANN = 77, BOB, RETENTION_MS = 10 * 60000 };

static unsigned s_ids;

static journal_t *s_open_short(void)
{
    journal_options_t options = s_options();
    options.retention_ms = RETENTION_MS;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

/* KEY 0: none. ABOUT: NULL or what its thread is about. */
static journal_name_t s_post(journal_t *journal, unsigned user, char key,
                             const journal_name_t *about, const char *body)
{
    unsigned id = ++s_ids;
    journal_entry_t entry = {.record = {.op = 1,
                                        .flags = RECORD_MESSAGE,
                                        .time_ms = WALL + id,
                                        .id = s_uuid(id),
                                        .user = s_uuid(user),
                                        .target = s_uuid(0),
                                        .name = slice_of("Ann"),
                                        .body = slice_of(body)},
                             .change = key ? CHANGE_KEYED : CHANGE_NONE,
                             .about = about ? *about : (journal_name_t){0},
                             .answer = {.answer = 1}},
                    *list = &entry;
    entry.record.key[0] = (uint8_t)key;
    assert_int_equal(journal_append(journal, &list, 1, s_now), 1);
    revisions_forget(&entry);
    const journal_answer_t *is = &entry.answer;
    return is->revision ? (journal_name_t){is->root_number, is->root_ms}
                        : (journal_name_t){journal_number(is->log, 0, 2), is->time_ms};
}

static bool s_take(void *arg, uint64_t log, const record_t *record)
{
    char *page = arg;
    size_t len = strlen(page);
    (void)log;
    snprintf(page + len, 256 - len, "%s%.*s", len ? " " : "", SLICE_ARG(record->body));
    return true;
}

static void s_reads(journal_t *journal, journal_view_t view, uint64_t from, const char *want)
{
    journal_range_t range;
    uuid_t7 target = s_uuid(0);
    char page[256] = "";
    journal_read_messages(journal_reader(journal), &target, from, &view, &range, s_take, page);
    assert_string_equal(page, want);
}

static uint64_t s_root(journal_t *journal, const journal_name_t *name)
{
    uuid_t7 target = s_uuid(0);
    return journal_find_root(journal_reader(journal), &target, name);
}

static void s_tend(journal_t *journal, int64_t ms)
{
    s_now += ms;
    while (journal_tend(journal, s_now))
        ;
}

static void test_a_thread_outlives_the_first_record_of_its_message(void **state)
{
    (void)state;
    journal_t *journal = s_open_short();
    journal_name_t board = s_post(journal, ANN, 'k', NULL, "board-0");
    uint64_t root = s_root(journal, &board);
    s_post(journal, BOB, 0, &board, "early");
    s_post(journal, ANN, 0, NULL, "aside");
    s_post(journal, BOB, 'r', &board, "reply-0");
    s_tend(journal, RETENTION_MS / 2 + 1);
    s_post(journal, BOB, 0, &board, "before");
    s_post(journal, BOB, 'r', NULL, "reply"); /* stays in the thread, whatever it says */
    s_post(journal, ANN, 'k', NULL, "board");
    const journal_view_t thread = {.thread = root};
    s_reads(journal, thread, 0, "board early reply before");
    s_tend(journal, RETENTION_MS / 2);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_tend(journal, 1);
    s_reads(journal, (journal_view_t){0}, 0, "before reply board");
    assert_int_equal(s_root(journal, &board), root);
    for (unsigned committed = 0; committed < 2; committed++) {
        s_reads(journal, thread, 0, committed ? "before reply board late" : "before reply board");
        s_reads(journal, (journal_view_t){.no_threads = true}, 0, "board");
        if (!committed)
            s_post(journal, ANN, 0, &board, "late");
        s_reads(journal, thread, 0, "before reply board late");
        s_reads(journal, thread, 7, "board late");
        checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    }
    journal_close(&journal);
}

/* Who is in the thread can go on with it by any of its messages, not by the one that is gone. */
static void test_a_thread_whose_message_is_gone(void **state)
{
    (void)state;
    journal_t *journal = s_open_short();
    journal_name_t gone = s_post(journal, ANN, 0, NULL, "gone");
    uint64_t root = s_root(journal, &gone);
    s_tend(journal, RETENTION_MS / 2 + 1);
    journal_name_t reply = s_post(journal, BOB, 0, &gone, "reply");
    s_tend(journal, RETENTION_MS / 2);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_tend(journal, 1);
    assert_int_equal(s_root(journal, &gone), 0);
    s_post(journal, ANN, 0, &reply, "goes on");
    s_reads(journal, (journal_view_t){.thread = root}, 0, "reply goes on");
    s_reads(journal, (journal_view_t){.no_threads = true}, 0, "");
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_outlives_the_first_record_of_its_message),
        TEST(a_thread_whose_message_is_gone),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
