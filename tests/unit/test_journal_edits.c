/* Messages that are changed: by key, by their id, at once, across deaths, checkpoints, retention
 * and a reshard. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "checkpoint.h"
#include "child.h"
#include "journal_yard.h"
#include "workers/journal/messages.h"
#ifndef JOURNAL_POSTGRES
#include "workers/store/merge.h"
#endif

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANN = 77, BOB = 78, ROWS = 256, RETENTION_MS = 10 * 60000 };

static unsigned s_ids, s_shards = 2;
static char s_bodies[4096][16];

/* An entry of a target, whose body is a number. */
static journal_entry_t s_entry(unsigned target, unsigned user, unsigned body)
{
    unsigned id = ++s_ids;
    char *text = s_bodies[id % 4096];
    snprintf(text, sizeof s_bodies[0], "%u", body);
    return (journal_entry_t){.record = {.op = 1,
                                        .flags = RECORD_MESSAGE,
                                        .time_ms = WALL + id,
                                        .id = s_uuid(id),
                                        .user = s_uuid(user),
                                        .target = s_uuid(target),
                                        .name = slice_of("Ann"),
                                        .body = slice_of(text)},
                             .answer = {.answer = 1}};
}

static journal_entry_t s_keyed(unsigned target, unsigned user, char key, unsigned body)
{
    journal_entry_t entry = s_entry(target, user, body);
    entry.change = CHANGE_KEYED;
    memset(entry.record.key, key, RECORD_KEY);
    entry.record.key[0] = (uint8_t)user;
    return entry;
}

/* What the id of an answer is made of. */
static journal_name_t s_name(const journal_entry_t *entry)
{
    const journal_answer_t *is = &entry->answer;
    return is->revision ? (journal_name_t){is->root_number, is->root_ms}
                        : (journal_name_t){journal_number(is->log, 0, 2), is->time_ms};
}

static journal_entry_t s_change(journal_change_t change, unsigned target, unsigned user,
                                journal_name_t name, unsigned body)
{
    journal_entry_t entry = s_entry(target, user, body);
    entry.change = change;
    entry.named = name;
    if (change == CHANGE_DELETE)
        entry.record.body = slice("", 0);
    return entry;
}

static journal_outcome_t s_append(journal_t *journal, journal_entry_t *entry)
{
    journal_append(journal, &entry, 1, s_now);
    return entry->outcome;
}

/* A page, as lines "sequence number revision flags body". */
typedef struct {
    unsigned len;
    struct {
        uint64_t sequence, number, thread;
        uint32_t revision;
        unsigned flags;
        int body; /* -1: none */
        int64_t time_ms, edited_ms;
    } row[ROWS];
} page_t;

static bool s_take(void *arg, uint64_t log, const record_t *record)
{
    page_t *page = arg;
    char body[16] = "";
    assert_true(page->len < ROWS && record->body.len < sizeof body);
    memcpy(body, record->body.data, record->body.len);
    page->row[page->len].sequence = record->sequence;
    page->row[page->len].number =
        record->number ? record->number : journal_number(log, 0, s_shards);
    page->row[page->len].thread = record->thread;
    page->row[page->len].revision = record->revision;
    page->row[page->len].flags = record->flags;
    page->row[page->len].body = record->body.len ? atoi(body) : -1;
    page->row[page->len].time_ms = record->time_ms;
    page->row[page->len++].edited_ms = record->edited_ms;
    return true;
}

static page_t s_page;

static unsigned s_look(journal_t *journal, unsigned target, journal_view_t view)
{
    journal_range_t range;
    uuid_t7 id = s_uuid(target);
    s_page.len = 0;
    journal_read_messages(journal_reader(journal), &id, 0, &view, &range, s_take, &s_page);
    return s_page.len;
}

static uint64_t s_find(journal_t *journal, unsigned target, journal_name_t name)
{
    uuid_t7 id = s_uuid(target);
    return journal_find(journal_reader(journal), &id, &name);
}

static void s_check_five(journal_t *journal, journal_name_t name)
{
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 1);
    assert_int_equal(s_page.row[0].sequence, 1);
    assert_int_equal(s_page.row[0].number, name.number);
    assert_int_equal(s_page.row[0].time_ms, name.time_ms);
    assert_int_equal(s_page.row[0].revision, 4);
    assert_int_equal(s_page.row[0].body, 4);
    assert_true(s_page.row[0].edited_ms > s_page.row[0].time_ms);
    assert_int_equal(s_look(journal, 0, (journal_view_t){.revisions = true}), 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(s_page.row[i].body, i);
        assert_int_equal(s_page.row[i].revision, i);
        assert_int_equal(s_page.row[i].number, name.number);
    }
    assert_int_equal(s_find(journal, 0, name), 1);
}

static void test_five_posts_with_one_key_are_one_message(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_name_t name = {0};
    journal_entry_t last = {.change = CHANGE_NONE};
    for (unsigned i = 0; i < 5; i++) {
        last = s_keyed(0, ANN, 'k', i);
        assert_int_equal(s_append(journal, &last), JOURNAL_STORED);
        assert_int_equal(last.answer.revision, i);
        if (i == 0)
            name = s_name(&last);
        assert_true(s_name(&last).number == name.number && s_name(&last).time_ms == name.time_ms);
    }
    s_check_five(journal, name); /* from the write-ahead file */
    journal_entry_t again = s_keyed(0, ANN, 'k', 9);
    again.record.id = last.record.id;
    assert_int_equal(s_append(journal, &again), JOURNAL_RESENT);
    assert_int_equal(again.answer.revision, 4);
    assert_int_equal(s_name(&again).number, name.number);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_check_five(journal, name);
    journal_close(&journal);
    journal = s_open();
    s_check_five(journal, name);
    again = s_keyed(0, BOB, 'k', 7); /* another user's key is another key */
    assert_int_equal(s_append(journal, &again), JOURNAL_STORED);
    assert_int_equal(again.answer.revision, 0);
    again = s_keyed(1, ANN, 'k', 7); /* and another target's */
    assert_int_equal(s_append(journal, &again), JOURNAL_STORED);
    assert_int_equal(again.answer.revision, 0);
    journal_close(&journal);
}

static void test_two_at_once_are_judged_in_order(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t entry[4], *list[4];
    for (unsigned i = 0; i < 4; i++) {
        entry[i] = s_keyed(0, ANN, 'k', i);
        list[i] = &entry[i];
    }
    entry[2].record.id = entry[1].record.id; /* a resend on the heels of the first */
    assert_int_equal(journal_append(journal, list, 4, s_now), 3);
    assert_int_equal(entry[0].answer.revision, 0);
    assert_int_equal(entry[1].answer.revision, 1);
    assert_int_equal(entry[2].outcome, JOURNAL_RESENT);
    assert_int_equal(entry[2].answer.revision, 1);
    assert_int_equal(entry[3].answer.revision, 2);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 1);
    assert_int_equal(s_page.row[0].body, 3);
    journal_close(&journal);
}

/* A repeat with the same Idempotency-Key is answered as the first was. */
static void test_a_replay_is_no_revision(void **state)
{
    static const char key[32] = "dedupe";
    (void)state;
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 2; i++) {
        journal_entry_t entry = s_keyed(0, ANN, 'k', i);
        entry.dedupe = i ? slice(key, sizeof key) : slice("", 0);
        assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
    }
    for (unsigned i = 0; i < 2; i++) {
        journal_entry_t entry = s_keyed(0, ANN, 'k', 9);
        entry.dedupe = slice(key, sizeof key);
        assert_int_equal(s_append(journal, &entry), JOURNAL_REPLAYED);
        assert_int_equal(entry.answer.revision, 1);
        assert_int_equal(entry.answer.root_number, 2);
        journal_close(&journal);
        journal = s_open();
    }
    s_now += JOURNAL_KEY_MS;
    while (journal_tend(journal, s_now))
        continue;
    journal_state_t is;
    journal_inspect(journal, &is);
    assert_int_equal(is.keys, 0);
    journal_close(&journal);
}

static void s_change_and_die(void *arg)
{
    (void)arg;
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 5; i++) {
        journal_entry_t entry = s_keyed(0, ANN, 'k', i), gone = s_entry(1, ANN, 42);
        if (s_append(journal, &entry) != JOURNAL_STORED ||
            s_append(journal, &gone) != JOURNAL_STORED)
            _exit(1);
        if (i == 2)
            checkpoint(journal, s_now += JOURNAL_LATEST_MS);
        gone = s_change(CHANGE_DELETE, 1, ANN, s_name(&gone), 0);
        if (s_append(journal, &gone) != JOURNAL_STORED)
            _exit(2);
    }
    _exit(0);
}

/* The process dies with changes that only the write-ahead file has. */
static void test_changes_outlive_the_process(void **state)
{
    char text[4096] = "";
    (void)state;
    int status = child_run(s_change_and_die, NULL, text, sizeof text);
    if (status != 0)
        fail_msg("%d: %s", status, text);
    journal_t *journal = s_open();
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 1);
    s_check_five(journal, (journal_name_t){s_page.row[0].number, s_page.row[0].time_ms});
    assert_int_equal(s_look(journal, 1, (journal_view_t){0}), 0);
    assert_int_equal(s_look(journal, 1, (journal_view_t){.revisions = true}), 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(s_page.row[i].body, -1);
        assert_true(s_page.row[i].flags & (i % 2 ? RECORD_DELETE : RECORD_ERASED));
    }
    journal_close(&journal);
}

#ifndef JOURNAL_POSTGRES
static void test_changes_during_a_checkpoint(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t old = s_keyed(0, ANN, 'o', 1), plain = s_entry(0, ANN, 2);
    assert_int_equal(s_append(journal, &old), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &plain), JOURNAL_STORED);
    assert_true(journal_checkpoint_begin(journal, s_now += JOURNAL_LATEST_MS));
    journal_entry_t first = s_keyed(0, ANN, 'n', 3); /* a new one goes on ahead */
    assert_int_equal(s_append(journal, &first), JOURNAL_STORED);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 3);
    journal_checkpoint_end(journal, s_now);
    assert_false(journal_is_saved(journal));
    journal_entry_t second = s_keyed(0, ANN, 'n', 4), third = s_keyed(0, ANN, 'o', 5);
    assert_int_equal(s_append(journal, &second), JOURNAL_STORED);
    assert_int_equal(second.answer.revision, 1);
    assert_int_equal(s_name(&second).number, s_name(&first).number);
    assert_int_equal(s_append(journal, &third), JOURNAL_STORED);
    assert_int_equal(third.answer.revision, 1);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 3);
    assert_int_equal(s_page.row[0].body, 5);
    assert_int_equal(s_page.row[1].body, 2);
    assert_int_equal(s_page.row[2].body, 4);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 3);
    assert_int_equal(s_page.row[2].body, 4);
    journal_close(&journal);
}
#endif

static void test_who_may_change_what(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t ours = s_entry(0, ANN, 1), keyed = s_keyed(0, ANN, 'k', 2);
    assert_int_equal(s_append(journal, &ours), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &keyed), JOURNAL_STORED);
    for (unsigned committed = 0; committed < 2; committed++) {
        journal_name_t name = s_name(&ours), other = {name.number, name.time_ms + 1},
                       none = {999, 1};
        journal_entry_t bad[] = {
            s_change(CHANGE_EDIT, 0, BOB, name, 3), s_change(CHANGE_DELETE, 0, BOB, name, 3),
            s_change(CHANGE_EDIT, 0, ANN, other, 3), s_change(CHANGE_EDIT, 1, ANN, name, 3),
            s_change(CHANGE_DELETE, 0, ANN, none, 3)};
        bad[0].any = true; /* deletes at most */
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(s_append(journal, &bad[i]), i < 2 ? JOURNAL_FOREIGN : JOURNAL_UNKNOWN);
        journal_entry_t good = s_change(CHANGE_EDIT, 0, ANN, name, 10 + committed);
        assert_int_equal(s_append(journal, &good), JOURNAL_STORED);
        assert_int_equal(good.answer.revision, committed + 1);
        journal_name_t revision = {journal_number(good.answer.log, 0, 2), good.answer.time_ms};
        good = s_change(CHANGE_EDIT, 0, ANN, revision, 3); /* a revision is no message */
        assert_int_equal(s_append(journal, &good), JOURNAL_UNKNOWN);
        checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    }
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 2);
    assert_int_equal(s_page.row[0].body, 11);
    journal_entry_t gone = s_change(CHANGE_DELETE, 0, BOB, s_name(&keyed), 0);
    gone.any = true; /* the target's owner */
    assert_int_equal(s_append(journal, &gone), JOURNAL_STORED);
    gone = s_change(CHANGE_DELETE, 0, ANN, s_name(&keyed), 0);
    assert_int_equal(s_append(journal, &gone), JOURNAL_UNKNOWN);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 1);
    keyed = s_keyed(0, ANN, 'k', 8); /* the key is free */
    assert_int_equal(s_append(journal, &keyed), JOURNAL_STORED);
    assert_int_equal(keyed.answer.revision, 0);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 2);
    journal_close(&journal);
}

static void test_a_delete_removes_the_content(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_state_t before, after;
    journal_entry_t first = s_keyed(0, ANN, 'k', 0);
    first.record.body = slice_of("SECRET-ONE");
    assert_int_equal(s_append(journal, &first), JOURNAL_STORED);
    journal_entry_t second = s_keyed(0, ANN, 'k', 0);
    second.record.body = slice_of("SECRET-TWO");
    assert_int_equal(s_append(journal, &second), JOURNAL_STORED);
    journal_entry_t gone = s_change(CHANGE_DELETE, 0, ANN, s_name(&first), 0);
    journal_inspect(journal, &before);
    assert_int_equal(s_append(journal, &gone), JOURNAL_STORED);
    assert_int_equal(gone.answer.revision, 2);
    assert_int_equal(s_look(journal, 0, (journal_view_t){.revisions = true}), 3);
    assert_true(s_page.row[0].body == -1 && s_page.row[1].body == -1); /* also before a commit */
    journal_close(&journal);
    assert_false(yard_holds("SECRET-"));
    journal = s_open();
    journal_inspect(journal, &after);
    assert_int_equal(after.records, before.records + 1);
    assert_int_equal(s_look(journal, 0, (journal_view_t){.revisions = true}), 3);
    assert_true(s_page.row[0].flags & RECORD_ERASED && s_page.row[1].flags & RECORD_ERASED);
    journal_close(&journal);
}

/* What is not committed is shown as a checkpoint leaves it. */
static void test_of_many_revisions_the_first_and_the_last_are_kept(void **state)
{
    enum { MANY = 120 };
    (void)state;
    journal_t *journal = s_open();
    for (unsigned target = 0; target < 2; target++) {
        for (unsigned i = 0; i < MANY; i++) {
            journal_entry_t entry = s_keyed(target, ANN, 'k', i);
            assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
            if (target == 0)
                checkpoint(journal, s_now += JOURNAL_LATEST_MS);
            if (i == JOURNAL_REVISIONS) {
                assert_int_equal(s_look(journal, target, (journal_view_t){.revisions = true}),
                                 i + 1);
                assert_int_equal(s_page.row[1].body, 1);
            }
        }
        assert_int_equal(s_look(journal, target, (journal_view_t){.revisions = true}), MANY);
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(s_page.row[i].body, i == 0 || i + JOURNAL_WHOLE > MANY ? (int)i : -1);
        assert_int_equal(s_look(journal, target, (journal_view_t){0}), 1);
        assert_int_equal(s_page.row[0].body, MANY - 1);
    }
    journal_close(&journal);
}

static journal_t *s_open_short(void)
{
    journal_options_t options = s_options();
    options.retention_ms = RETENTION_MS;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    assert_non_null(journal);
    return journal;
}

static void s_tend(journal_t *journal, int64_t ms)
{
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    s_now += ms;
    while (journal_tend(journal, s_now))
        continue;
}

/* A board that is posted to each while does not go with its first record. */
static void test_a_message_outlives_its_first_record(void **state)
{
    (void)state;
    journal_t *journal = s_open_short();
    journal_entry_t entry = s_keyed(0, ANN, 'k', 0);
    assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
    journal_name_t name = s_name(&entry);
    for (unsigned i = 1; i < 6; i++) {
        s_tend(journal, RETENTION_MS / 2);
        entry = s_keyed(0, ANN, 'k', i);
        assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
        assert_int_equal(entry.answer.revision, i);
        assert_int_equal(s_name(&entry).number, name.number);
        assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 1);
        assert_int_equal(s_page.row[0].body, i);
        assert_int_equal(s_page.row[0].number, name.number);
        assert_int_equal(s_page.row[0].time_ms, name.time_ms);
        assert_int_equal(s_find(journal, 0, name), s_page.row[0].sequence);
    }
    assert_true(s_page.row[0].sequence > 1);
    entry = s_change(CHANGE_EDIT, 0, ANN, name, 50);
    assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
    assert_int_equal(entry.answer.revision, 6);
    entry = s_change(CHANGE_EDIT, 0, BOB, name, 51);
    assert_int_equal(s_append(journal, &entry), JOURNAL_FOREIGN);
    s_tend(journal, 2 * RETENTION_MS);
    assert_int_equal(s_look(journal, 0, (journal_view_t){.revisions = true}), 0);
    assert_int_equal(s_find(journal, 0, name), 0);
    entry = s_keyed(0, ANN, 'k', 60); /* all of it is gone, and so is the key */
    assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
    assert_int_equal(entry.answer.revision, 0);
    journal_close(&journal);
}

static journal_entry_t s_reply(unsigned target, journal_name_t about, unsigned body)
{
    journal_entry_t entry = s_entry(target, BOB, body);
    entry.about = about;
    return entry;
}

static void test_threads(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    journal_entry_t root = s_entry(0, ANN, 1), other = s_entry(0, ANN, 2);
    assert_int_equal(s_append(journal, &root), JOURNAL_STORED);
    assert_int_equal(s_append(journal, &other), JOURNAL_STORED);
    journal_entry_t reply = s_reply(0, s_name(&root), 3);
    assert_int_equal(s_append(journal, &reply), JOURNAL_STORED);
    checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    journal_entry_t deep = s_reply(0, s_name(&reply), 4); /* of the same thread */
    deep.record.more = RECORD_IN_PARENT;
    assert_int_equal(s_append(journal, &deep), JOURNAL_STORED);
    journal_entry_t bad = s_reply(0, (journal_name_t){999, 9}, 5);
    assert_int_equal(s_append(journal, &bad), JOURNAL_UNKNOWN);
    bad = s_reply(1, s_name(&root), 5);
    assert_int_equal(s_append(journal, &bad), JOURNAL_UNKNOWN);
    journal_entry_t edit = s_change(CHANGE_EDIT, 0, BOB, s_name(&reply), 33);
    assert_int_equal(s_append(journal, &edit), JOURNAL_STORED);
    for (unsigned committed = 0; committed < 2; committed++) {
        assert_int_equal(s_look(journal, 0, (journal_view_t){.thread = 1}), 3);
        assert_int_equal(s_page.row[0].body, 1);
        assert_int_equal(s_page.row[1].body, 33);
        assert_int_equal(s_page.row[2].body, 4);
        assert_int_equal(s_page.row[2].thread, 1);
        assert_int_equal(s_look(journal, 0, (journal_view_t){0}), 4);
        assert_int_equal(s_look(journal, 0, (journal_view_t){.no_threads = true}), 3);
        assert_int_equal(s_page.row[2].body, 4);
        checkpoint(journal, s_now += JOURNAL_LATEST_MS);
    }
    journal_close(&journal);
}

#ifndef JOURNAL_POSTGRES
static unsigned s_place(const uuid_t7 *target, unsigned shards)
{
    return target->bytes[8] % shards;
}

/* Posts to a board each third time, with a delete and a thread among the others. */
static journal_name_t s_fill(journal_t *journal, journal_name_t *board)
{
    journal_name_t plain = {0};
    for (unsigned i = 0; i < 150; i++) {
        journal_entry_t entry = i % 3 ? s_entry(0, ANN, 1000 + i) : s_keyed(0, ANN, 'k', i);
        assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
        journal_name_t name = {entry.answer.log, entry.answer.time_ms};
        *board = i == 0 ? name : *board;
        plain = i == 100 ? name : plain;
        if (i == 30 || i == 60)
            s_tend(journal, RETENTION_MS / 2);
        if (i != 101)
            continue;
        journal_entry_t gone = s_change(CHANGE_DELETE, 0, ANN, name, 0);
        journal_entry_t reply = s_reply(0, plain, 77);
        assert_int_equal(s_append(journal, &gone), JOURNAL_STORED);
        assert_int_equal(s_append(journal, &reply), JOURNAL_STORED);
    }
    return plain;
}

static journal_t *s_open_at(const char *path, unsigned shards)
{
    journal_options_t options = s_options();
    options.path = path;
    options.shards = s_shards = shards;
    options.retention_ms = RETENTION_MS;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

static void s_reshard(const char *to)
{
    census_t census;
    merge_t merge = {.kind = "channel",
                     .from = s_path,
                     .to = to,
                     .old_shards = 1,
                     .new_shards = 2,
                     .place = s_place};
    assert_int_equal(mkdir(to, 0700), 0);
    if (merge_run(&merge, &census, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
}

/* Ids, keys, revisions, what is deleted, threads: as they were, and it goes on from there. */
static void test_a_reshard_takes_changes_along(void **state)
{
    char from[SCRATCH + 32], to[SCRATCH + 32], path[SCRATCH + 64];
    static page_t before;
    journal_name_t board;
    unsigned at = 0;
    (void)state;
    snprintf(from, sizeof from, "%s/channel-0", s_path);
    snprintf(to, sizeof to, "%s/to", s_path);
    snprintf(path, sizeof path, "%s/channel-0", to);
    journal_t *journal = s_open_at(from, 1);
    journal_name_t plain = s_fill(journal, &board);
    unsigned count = s_look(journal, 0, (journal_view_t){0});
    before = s_page;
    assert_true(count > 50);
    journal_close(&journal);
    s_reshard(to);
    journal = s_open_at(path, 2);
    assert_int_equal(s_look(journal, 0, (journal_view_t){0}), count);
    for (unsigned i = 0; i < count; i++)
        assert_memory_equal(&s_page.row[i], &before.row[i], sizeof before.row[i]);
    assert_int_equal(s_look(journal, 0, (journal_view_t){.thread = 101}), 2);
    assert_int_equal(s_find(journal, 0, plain), 101);
    while (before.row[at].number != board.number)
        at++;
    assert_true(before.row[at].sequence > 31);
    assert_int_equal(s_find(journal, 0, board), before.row[at].sequence);
    journal_entry_t entry = s_change(CHANGE_EDIT, 0, ANN, plain, 5);
    assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
    assert_int_equal(entry.answer.revision, 1);
    entry = s_keyed(0, ANN, 'k', 9);
    assert_int_equal(s_append(journal, &entry), JOURNAL_STORED);
    assert_int_equal(entry.answer.root_number, board.number);
    assert_int_equal(entry.answer.revision, 50);
    journal_close(&journal);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(five_posts_with_one_key_are_one_message),
        TEST(two_at_once_are_judged_in_order),
        TEST(a_replay_is_no_revision),
        TEST(changes_outlive_the_process),
#ifndef JOURNAL_POSTGRES
        TEST(changes_during_a_checkpoint),
        TEST(a_reshard_takes_changes_along),
#endif
        TEST(who_may_change_what),
        TEST(a_delete_removes_the_content),
        TEST(of_many_revisions_the_first_and_the_last_are_kept),
        TEST(a_message_outlives_its_first_record),
        TEST(threads),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
