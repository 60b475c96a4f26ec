/* Messages for some users alone: who reads them, what is taken over by revisions and threads, and
 * that all of it is the same after a death and a checkpoint. */
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

enum { ANN = 77, BOB, CY, DAN };

static unsigned s_ids;
static uuid_t7 s_cy, s_dan;

static journal_entry_t s_post(unsigned user, const char *body)
{
    unsigned id = ++s_ids;
    return (journal_entry_t){.record = {.op = 1,
                                        .flags = RECORD_MESSAGE,
                                        .time_ms = WALL + id,
                                        .id = s_uuid(id),
                                        .user = s_uuid(user),
                                        .target = s_uuid(0),
                                        .name = slice_of("Ann"),
                                        .body = slice_of(body)},
                             .answer = {.answer = 1}};
}

static journal_entry_t s_keyed(unsigned user, const char *body)
{
    journal_entry_t entry = s_post(user, body);
    entry.change = CHANGE_KEYED;
    entry.record.key[0] = (uint8_t)user;
    return entry;
}

static void s_narrow(journal_entry_t *entry, const uuid_t7 *user)
{
    entry->record.more |= RECORD_NARROWED;
    entry->record.audience = slice(user->bytes, UUID_BYTES);
}

static journal_outcome_t s_append(journal_t *journal, journal_entry_t *entry)
{
    journal_append(journal, &entry, 1, s_now);
    revisions_forget(entry);
    return entry->outcome;
}

static journal_name_t s_name(const journal_entry_t *entry)
{
    return (journal_name_t){journal_number(entry->answer.log, 0, 2), entry->answer.time_ms};
}

static bool s_take(void *arg, uint64_t log, const record_t *record)
{
    (void)log;
    char *page = arg;
    size_t len = strlen(page);
    slice_t text = record->flags & RECORD_DELETE ? slice_of("(gone)") : record->body;
    snprintf(page + len, 256 - len, "%s%.*s", len ? " " : "", SLICE_ARG(text));
    return true;
}

/* What USER reads (0: nobody who is known), as texts. */
static void s_reads(journal_t *journal, unsigned user, journal_view_t view, const char *want)
{
    journal_range_t range;
    uuid_t7 target = s_uuid(0), reader = s_uuid(user);
    char page[256] = "";
    view.reader = user ? &reader : NULL;
    journal_read_messages(journal_reader(journal), &target, 0, &view, &range, s_take, page);
    assert_string_equal(page, want);
}

static void s_check(journal_t *journal)
{
    const journal_view_t each = {.revisions = true};
    s_reads(journal, ANN, (journal_view_t){0}, "all");
    s_reads(journal, BOB, (journal_view_t){0}, "all two about");
    s_reads(journal, CY, (journal_view_t){0}, "all two about");
    s_reads(journal, DAN, (journal_view_t){0}, "all later");
    s_reads(journal, 0, (journal_view_t){0}, "all");
    s_reads(journal, 0, (journal_view_t){.whole = true}, "all two about later");
    s_reads(journal, ANN, each, "all later-0 (gone)");
    s_reads(journal, CY, each, "all one two about later-0 (gone)");
    s_reads(journal, DAN, each, "all later-0 later");
}

/* Another user's is refused to whom it is for, and not there for the others. */
static void s_check_others(journal_t *journal, const journal_entry_t *one)
{
    for (journal_change_t change = CHANGE_EDIT; change <= CHANGE_DELETE; change++) {
        journal_entry_t named = s_post(CY, "mine"), other = s_post(DAN, "mine");
        journal_entry_t owner = s_post(ANN, "mine");
        named.change = other.change = owner.change = change;
        named.named = other.named = owner.named = s_name(one);
        owner.any = change == CHANGE_EDIT;
        assert_int_equal(s_append(journal, &named), JOURNAL_FOREIGN);
        assert_int_equal(s_append(journal, &other), JOURNAL_UNKNOWN);
        assert_int_equal(s_append(journal, &owner), owner.any ? JOURNAL_FOREIGN : JOURNAL_UNKNOWN);
    }
}

static void test_who_reads_what(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t all = s_post(ANN, "all"), one = s_keyed(BOB, "one"), two = s_keyed(BOB, "two");
    journal_entry_t about = s_post(CY, "about"), alien = s_post(DAN, "alien");
    journal_entry_t first = s_keyed(DAN, "later-0"), later = s_keyed(DAN, "later");
    s_narrow(&one, &s_cy);
    s_narrow(&later, &s_dan);
    assert_int_equal(s_append(journal, &all), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &one), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &two), JOURNAL_STORED);
    about.about = alien.about = s_name(&one);
    assert_int_equal(s_append(journal, &about), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &alien), JOURNAL_UNKNOWN);
    s_check_others(journal, &one);
    assert_int_equal(s_append(journal, &first), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &later), JOURNAL_STORED);
    s_check(journal);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_check(journal);
    journal_close(&journal);
    journal = s_open();
    s_check(journal);
    journal_close(&journal);
}

/* What is for everybody from now on was not before; what deletes is for whom it was. */
static void test_a_revision_widens_only_when_it_says_so(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t one = s_post(BOB, "one"), two = s_post(BOB, "two"), gone = s_post(BOB, "");
    s_narrow(&one, &s_cy);
    assert_int_equal(s_append(journal, &one), JOURNAL_STORED);
    two.change = CHANGE_EDIT;
    two.named = s_name(&one);
    two.everybody = true;
    assert_int_equal(s_append(journal, &two), JOURNAL_STORED);
    s_reads(journal, DAN, (journal_view_t){0}, "two");
    s_reads(journal, DAN, (journal_view_t){.revisions = true}, "two");
    s_reads(journal, CY, (journal_view_t){.revisions = true}, "one two");
    gone.change = CHANGE_DELETE;
    gone.named = s_name(&one);
    assert_int_equal(s_append(journal, &gone), JOURNAL_STORED);
    s_reads(journal, CY, (journal_view_t){0}, "");
    journal_close(&journal);
}

int main(void)
{
    s_cy = s_uuid(CY);
    s_dan = s_uuid(DAN);
    const struct CMUnitTest tests[] = {
        TEST(who_reads_what),
        TEST(a_revision_widens_only_when_it_says_so),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
