/* Deliveries in a journal: what is pending when, what a note changes, and what outlives what. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "full_disk.h"
#include "kept_text.h"
#include "outbox_yard.h"
#include "workers/store/merge.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_what_is_stored_is_pending_once(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, 0);
    s_store(journal, 2, 12, RECORD_DELIVER);
    s_commit(journal);
    assert_int_equal(s_list(journal), 2);
    assert_int_equal(s_due[0].place.log, 1);
    assert_int_equal(s_due[1].place.log, 3);
    assert_int_equal(s_due[0].made, 0);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).pending, 2);
    assert_int_equal(s_list_items(journal, 1, false), 1);
    assert_int_equal(s_items[0].state, OUTBOX_PENDING);
    uuid_t7 id = s_uuid(10);
    assert_true(uuid_eq(&s_items[0].id, &id));
    journal_close(&journal);
}

static void test_a_killed_process_forgets_no_item(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        journal_t *journal = s_open();
        s_store(journal, 1, 10, RECORD_DELIVER);
        _exit(journal_is_saved(journal)); /* only the write-ahead file has it */
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    journal_t *journal = s_open();
    assert_int_equal(s_list(journal), 1);
    assert_int_equal(s_due[0].place.log, 1);
    journal_close(&journal);
}

static unsigned s_attempts;
static outbox_attempt_t s_last;
static char s_answer[OUTBOX_ANSWER + 1];

static void s_each_attempt(void *arg, unsigned number, const outbox_attempt_t *attempt)
{
    (void)arg, (void)number;
    s_attempts++;
    s_last = *attempt;
    snprintf(s_answer, sizeof s_answer, "%.*s", (int)attempt->answer.len, attempt->answer.data);
}

static void test_notes_move_an_item_on(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, RECORD_DELIVER);
    s_commit(journal);
    journal_note_t note = s_failed(journal, 1, 1, 5000);
    uint64_t number = journal_note(journal, &note);
    assert_true(journal_has_notes(journal));
    assert_int_equal(journal_noted(journal), 0);
    s_commit(journal);
    assert_int_equal(journal_noted(journal), number);
    assert_int_equal(s_list(journal), 2);
    assert_int_equal(s_due[0].place.log, 2); /* it is due before the other now */
    assert_int_equal(s_due[1].made, 1);
    assert_int_equal(s_due[1].due_ms, note.due_ms);
    note = s_failed(journal, 1, 2, 60000);
    note.keeps_place = true;
    journal_note(journal, &note);
    s_commit(journal);
    s_list(journal);
    assert_int_equal(s_due[0].place.log, 2);
    note = s_ended(journal, 1, 1, OUTBOX_DELIVERED);
    journal_note(journal, &note);
    note = s_ended(journal, 1, 2, OUTBOX_DEAD);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_list(journal), 0);
    assert_int_equal(s_list_items(journal, 1, false), 2);
    assert_int_equal(s_items[0].log, 2); /* the newest first */
    assert_int_equal(s_items[1].state, OUTBOX_DELIVERED);
    assert_int_equal(s_list_items(journal, 1, true), 1);
    assert_int_equal(s_items[0].log, 2);
    assert_int_equal(s_items[0].attempts, 2);
    s_attempts = 0;
    journal_attempts(journal_reader(journal), 2, s_each_attempt, NULL);
    assert_int_equal(s_attempts, 2);
    assert_int_equal(s_last.status, 503);
    assert_string_equal(s_answer, "no");
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).dead, 1);
    journal_close(&journal);
}

static void test_a_dead_one_is_revived(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    journal_note_t note = s_ended(journal, 1, 1, OUTBOX_DEAD);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_list(journal), 0);
    note.kind = NOTE_REVIVE;
    note.now_ms = journal_running_ms(journal, s_now);
    journal_note(journal, &note);
    note.log = 99; /* none of ours */
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_list(journal), 1);
    assert_int_equal(s_due[0].made, 0);
    assert_int_equal(s_list_items(journal, 1, true), 0);
    assert_int_equal(s_list_items(journal, 1, false), 1);
    assert_int_equal(s_items[0].attempts, 1);
    journal_close(&journal);
}

static void test_a_full_disk_loses_no_note(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, RECORD_DELIVER);
    s_commit(journal);
    journal_note_t note = s_ended(journal, 1, 1, OUTBOX_DELIVERED);
    journal_note(journal, &note);
    s_store(journal, 1, 12, RECORD_DELIVER); /* in the write-ahead file when the commit fails */
    checkpoint(journal, s_now);
    s_disk_full = true;
    s_now += JOURNAL_CHECKPOINT_MS;
    checkpoint(journal, s_now);
    assert_true(journal_is_full(journal));
    note = s_ended(journal, 1, 2, OUTBOX_DEAD);
    uint64_t last = journal_note(journal, &note);
    s_now += 2000;
    journal_tend(journal, s_now);
    assert_int_equal(journal_noted(journal), 0);
    assert_int_equal(s_list(journal), 2);
    s_disk_full = false;
    s_now += 2000;
    s_commit(journal);
    s_now += 2000;
    s_commit(journal);
    assert_int_equal(journal_noted(journal), last);
    assert_int_equal(s_list(journal), 1);
    assert_int_equal(s_due[0].place.log, 3);
    s_list_items(journal, 1, false);
    assert_int_equal(s_items[1].attempts, 1); /* each note counted once */
    assert_int_equal(s_items[2].attempts, 1);
    journal_close(&journal);
}

/* A note that ends an event's item with a reply. */
static journal_note_t s_replies(journal_t *journal, unsigned event, uint64_t log, record_t *reply)
{
    static char cause[RECORD_CAUSE];
    uuid_t7 id = s_uuid(event);
    *reply = (record_t){.op = 3,
                        .flags = RECORD_MESSAGE | RECORD_REPLY,
                        .id = s_uuid(event + 1000),
                        .target = s_uuid(1),
                        .headers = record_cause_write(log, &id, cause),
                        .body = slice_of("{\"text\":\"built\"}")};
    journal_note_t note = s_ended(journal, 1, log, OUTBOX_DELIVERED);
    note.reply = reply;
    return note;
}

static unsigned s_posted;

static bool s_each_reply(void *arg, uint64_t log, const record_t *record)
{
    uint64_t cause;
    uuid_t7 id;
    (void)arg, (void)log;
    s_posted += record_cause(record, &cause, &id) && slice_is(record->body, "{\"text\":\"built\"}");
    return true;
}

static unsigned s_count_replies(journal_t *journal)
{
    journal_range_t range;
    uuid_t7 target = s_uuid(1);
    s_posted = 0;
    journal_read(journal_reader(journal), &target, 0, &range, s_each_reply, NULL);
    return s_posted;
}

static void test_a_reply_is_stored_once_with_the_end_of_its_item(void **state)
{
    (void)state;
    record_t reply;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, RECORD_DELIVER);
    s_commit(journal);
    journal_note_t note = s_replies(journal, 10, 1, &reply);
    journal_note(journal, &note);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_count_replies(journal), 1);
    assert_int_equal(s_list(journal), 1);
    /* Delivered anew after all that seen remembers is gone. */
    s_now += 2 * DAY;
    journal_note_t again = s_ended(journal, 1, 1, OUTBOX_PENDING);
    again.kind = NOTE_REVIVE;
    journal_note(journal, &again);
    note = s_replies(journal, 10, 1, &reply);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_count_replies(journal), 1);
    /* What names another event than stands there, as after a reshard, is none of its replies. */
    note = s_replies(journal, 99, 2, &reply);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_count_replies(journal), 1);
    journal_close(&journal);
}

static void test_a_reply_survives_the_death_that_its_item_does_not_notice(void **state)
{
    (void)state;
    record_t reply;
    pid_t pid = fork();
    if (pid == 0) {
        journal_t *journal = s_open();
        s_store(journal, 1, 10, RECORD_DELIVER);
        journal_note_t note = s_replies(journal, 10, 1, &reply);
        journal_note(journal, &note);
        checkpoint(journal, s_now); /* takes the note, and has nothing to commit yet */
        _exit(journal_has_notes(journal) || journal_is_saved(journal));
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(WEXITSTATUS(status), 0);
    journal_t *journal = s_open();
    assert_int_equal(s_count_replies(journal), 1);
    assert_int_equal(s_list(journal), 1); /* called again, and answered again */
    journal_note_t note = s_replies(journal, 10, 1, &reply);
    journal_note(journal, &note);
    s_commit(journal);
    assert_int_equal(s_count_replies(journal), 1);
    assert_int_equal(s_list(journal), 0);
    journal_close(&journal);
}

static void test_a_reply_waits_for_room_with_all_that_was_noted_after_it(void **state)
{
    (void)state;
    record_t reply;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, RECORD_DELIVER);
    s_commit(journal);
    s_disk_full = true;
    journal_note_t note = s_replies(journal, 10, 1, &reply);
    journal_note(journal, &note);
    note = s_ended(journal, 1, 2, OUTBOX_DEAD);
    journal_note(journal, &note);
    checkpoint(journal, s_now);
    assert_true(journal_has_notes(journal) && journal_is_full(journal));
    assert_int_equal(s_count_replies(journal), 0);
    assert_int_equal(s_list(journal), 2);
    s_disk_full = false;
    s_now += 2000;
    s_commit(journal);
    assert_int_equal(s_count_replies(journal), 1);
    assert_int_equal(s_list(journal), 0);
    journal_close(&journal);
}

static void test_only_so_many_attempts_are_kept(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    for (unsigned i = 0; i < OUTBOX_ATTEMPTS + 8; i++) {
        journal_note_t note = s_failed(journal, 1, 1, 1);
        journal_note(journal, &note);
    }
    s_commit(journal);
    s_attempts = 0;
    journal_attempts(journal_reader(journal), 1, s_each_attempt, NULL);
    assert_int_equal(s_attempts, OUTBOX_ATTEMPTS);
    journal_close(&journal);
}

static void test_retention(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_store(journal, 1, 11, RECORD_DELIVER);
    journal_note_t note = s_ended(journal, 1, 2, OUTBOX_DEAD);
    journal_note(journal, &note);
    s_commit(journal);
    s_now += 8ll * DAY;
    journal_tend(journal, s_now);
    assert_int_equal(s_list_items(journal, 1, false), 1); /* the pending one */
    assert_int_equal(s_items[0].log, 1);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).dead, 0);
    s_attempts = 0;
    journal_attempts(journal_reader(journal), 2, s_each_attempt, NULL);
    assert_int_equal(s_attempts, 0);
    s_now += 30ll * DAY;
    while (journal_tend(journal, s_now))
        ;
    journal_state_t is;
    journal_inspect(journal, &is);
    assert_int_equal(is.records, 2); /* the pending one holds the log */
    note = s_ended(journal, 1, 1, OUTBOX_DELIVERED);
    journal_note(journal, &note);
    s_commit(journal);
    while (journal_tend(journal, s_now))
        ;
    journal_inspect(journal, &is);
    assert_int_equal(is.records, 0);
    assert_int_equal(s_list_items(journal, 1, false), 0);
    journal_close(&journal);
}

/* The clock that was told when it ended goes on from there. */
static void test_what_ends_before_a_close_is_kept_for_its_time(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_store(journal, 1, 10, RECORD_DELIVER);
    s_commit(journal);
    s_now += 30000;
    journal_note_t note = s_ended(journal, 1, 1, OUTBOX_DEAD);
    uint64_t told_ms = journal_running_ms(journal, s_now);
    journal_note(journal, &note);
    journal_close(&journal);
    journal = s_open();
    assert_true(journal_running_ms(journal, s_now) >= told_ms);
    journal_tend(journal, s_now);
    s_commit(journal);
    assert_int_equal(s_list_items(journal, 1, true), 1);
    journal_close(&journal);
}

static void test_what_is_kept_of_handlers(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_note_t note = {.kind = NOTE_HANDLER, .target = s_uuid(1), .bytes = slice_of("one")};
    journal_note(journal, &note);
    note.target = s_uuid(2);
    journal_note(journal, &note);
    note.bytes = slice_of("two");
    journal_note(journal, &note);
    journal_close(&journal); /* takes them along */
    journal = s_open();
    assert_string_equal(kept_text(journal, journal_handlers), "1=one 2=two ");
    note.bytes = slice_of("");
    journal_note(journal, &note);
    s_commit(journal);
    assert_string_equal(kept_text(journal, journal_handlers), "1=one ");
    assert_string_equal(kept_text(journal, journal_health), "");
    journal_close(&journal);
}

static unsigned s_place(const uuid_t7 *target, unsigned shards)
{
    return target->bytes[8] % shards;
}

static void test_a_reshard_carries_all(void **state)
{
    (void)state;
    char to[SCRATCH + 32], path[SCRATCH + 48];
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 12; i++)
        s_store(journal, i % 4, 10 + i, RECORD_DELIVER);
    journal_note_t note = s_ended(journal, 0, 1, OUTBOX_DEAD);
    journal_note(journal, &note);
    note = s_ended(journal, 1, 2, OUTBOX_DELIVERED);
    journal_note(journal, &note);
    note = s_failed(journal, 2, 3, 5000);
    journal_note(journal, &note);
    note = (journal_note_t){.kind = NOTE_HANDLER, .target = s_uuid(3), .bytes = slice_of("key")};
    journal_note(journal, &note);
    journal_close(&journal);
    snprintf(to, sizeof to, "%s/to", s_path);
    mkdir(to, 0700);
    merge_t options = {.kind = "bot",
                       .from = s_path,
                       .to = to,
                       .old_shards = 1,
                       .new_shards = 2,
                       .place = s_place};
    census_t census;
    if (merge_run(&options, &census, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    assert_int_equal(census.deliveries, 12);
    assert_int_equal(census.attempts, 3);
    assert_int_equal(census.counts[EXPORT_HANDLER], 1);
    snprintf(path, sizeof path, "%s/bot-0", to);
    journal = s_open_at(path, 0, 2);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).pending, 5);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).dead, 1);
    s_list_items(journal, 2, false);
    s_attempts = 0;
    journal_attempts(journal_reader(journal), s_items[2].log, s_each_attempt, NULL);
    assert_int_equal(s_attempts, 1);
    journal_close(&journal);
    snprintf(path, sizeof path, "%s/bot-1", to);
    journal = s_open_at(path, 1, 2);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).pending, 5);
    assert_string_equal(kept_text(journal, journal_handlers), "3=key ");
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_stored_is_pending_once),
        TEST(test_a_killed_process_forgets_no_item),
        TEST(test_notes_move_an_item_on),
        TEST(test_a_dead_one_is_revived),
        TEST(test_a_full_disk_loses_no_note),
        TEST(test_a_reply_is_stored_once_with_the_end_of_its_item),
        TEST(test_a_reply_survives_the_death_that_its_item_does_not_notice),
        TEST(test_a_reply_waits_for_room_with_all_that_was_noted_after_it),
        TEST(test_only_so_many_attempts_are_kept),
        TEST(test_retention),
        TEST(test_what_ends_before_a_close_is_kept_for_its_time),
        TEST(test_what_is_kept_of_handlers),
        TEST(test_a_reshard_carries_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
