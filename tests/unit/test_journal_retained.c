/* What a target keeps by itself: removed from its own front, beside others, across deaths. */
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
#include "workers/journal/lmdb/retained.h"
#include "workers/journal/lmdb/source.h"
#include "workers/journal/messages.h"
#include "workers/journal/retention.h"
#include "workers/store/merge.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { MINUTE = 60000, DAY = 86400000, EACH = 1000 };

/* Everything that is due is done. */
static void s_tend(journal_t *journal)
{
    for (unsigned turn = 0; turn < 3; turn++, s_now += JOURNAL_LATEST_MS + 1)
        while (journal_tend(journal, s_now))
            continue;
}

static retention_told_t s_tell(journal_t *journal, unsigned target, uint64_t version, uint64_t ms,
                               uint64_t messages, uint64_t bytes)
{
    uuid_t7 id = s_uuid(target);
    const retention_t keeps = {version, ms, messages, bytes};
    return journal_retain(journal, &id, &keeps);
}

static void s_retain(journal_t *journal, unsigned target, uint64_t version, uint64_t ms,
                     uint64_t messages, uint64_t bytes)
{
    s_tell(journal, target, version, ms, messages, bytes);
    s_tend(journal);
    assert_int_equal(s_tell(journal, target, version, ms, messages, bytes), RETENTION_KEPT);
}

enum { OP_OWNED = 1, OP_UNOWNED };
static unsigned s_op = OP_OWNED; /* by which records come */

/* A record of about EACH bytes, with its cost. */
static void s_post(journal_t *journal, unsigned target, unsigned id, unsigned flags)
{
    static char body[EACH - JOURNAL_RECORD_COST - 100];
    memset(body, 'x', sizeof body);
    snprintf(body, sizeof body, "%u", id);
    journal_entry_t entry = {.record = {.op = s_op,
                                        .flags = RECORD_MESSAGE | flags,
                                        .time_ms = WALL + id,
                                        .id = s_uuid(id),
                                        .user = s_uuid(77),
                                        .target = s_uuid(target),
                                        .body = slice(body, sizeof body)}};
    journal_entry_t *list = &entry;
    journal_append(journal, &list, 1, s_now);
    assert_int_equal(entry.outcome, JOURNAL_STORED);
}

typedef struct {
    uint64_t first, next, bytes;
} walk_t;

static bool s_each(void *arg, uint64_t log, const record_t *record)
{
    walk_t *walk = arg;
    (void)log;
    if (!walk->first)
        walk->first = walk->next = record->sequence;
    assert_int_equal(record->sequence, walk->next++);
    walk->bytes += record_size(record) + JOURNAL_RECORD_COST;
    return true;
}

/* How many there are, without a gap, up to LAST. */
static uint64_t s_holds(journal_t *journal, unsigned target, uint64_t last, walk_t *walk)
{
    journal_range_t range;
    uuid_t7 id = s_uuid(target);
    *walk = (walk_t){0};
    journal_read(journal_reader(journal), &id, 0, &range, s_each, walk);
    assert_int_equal(range.last, last);
    if (walk->first) {
        assert_int_equal(range.first, walk->first);
        assert_int_equal(walk->next, last + 1);
    }
    return walk->next - walk->first;
}

static uint64_t s_has(journal_t *journal, unsigned target, uint64_t last)
{
    walk_t walk;
    return s_holds(journal, target, last, &walk);
}

/* That an export finds nothing amiss, and how many records there are. */
static uint64_t s_census(void)
{
    census_t census = {0};
    if (census_take(&census, s_path, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    return census.counts[EXPORT_RECORD];
}

static void test_the_newest_messages_stay(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_retain(journal, 1, 5, 0, 10, 0);
    for (unsigned id = 0; id < 300; id++)
        s_post(journal, id % 2, id, 0);
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 150), 150); /* their ids are remembered */
    s_now += JOURNAL_ID_MS;
    s_tend(journal);
    s_now += MINUTE;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 150), 10);
    assert_int_equal(s_has(journal, 0, 150), 150);
    journal_state_t is;
    journal_inspect(journal, &is);
    assert_int_equal(is.records, 160);
    journal_close(&journal);
    assert_int_equal(s_census(), 160);
    journal = s_open();
    assert_int_equal(s_has(journal, 1, 150), 10);
    /* It is still known, and so is that what is older is not news. */
    assert_int_equal(s_tell(journal, 1, 4, 0, 1, 0), RETENTION_KEPT);
    s_post(journal, 1, 1000, 0);
    s_now += JOURNAL_ID_MS;
    s_tend(journal);
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 151), 10);
    /* Taken away. */
    s_retain(journal, 1, 6, 0, 0, 0);
    for (unsigned id = 1001; id < 1021; id++)
        s_post(journal, 1, id, 0);
    s_now += DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 171), 30);
    /* The whole journal's goes on over the holes. */
    s_now += 31ll * DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 171) + s_has(journal, 0, 150), 0);
    s_post(journal, 1, 2000, 0);
    journal_close(&journal);
    assert_int_equal(s_census(), 1);
}

static void test_what_is_too_old_goes(void **state)
{
    journal_range_t range;
    uuid_t7 target = s_uuid(1);
    (void)state;
    journal_t *journal = s_open();
    s_retain(journal, 1, 1, DAY, 0, 0);
    for (unsigned id = 0; id < 200; id++, s_now += 10 * MINUTE)
        s_post(journal, id % 2, id, 0);
    s_tend(journal);
    uint64_t left = s_has(journal, 1, 100);
    assert_in_range(left, DAY / (20 * MINUTE) - 1, DAY / (20 * MINUTE) + 1);
    assert_int_equal(s_has(journal, 0, 100), 100);
    s_now += 2 * DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 100), 0);
    journal_range(journal_reader(journal), &target, &range);
    assert_int_equal(range.first, 101);
    assert_int_equal(range.last_log, 200);
    s_post(journal, 1, 500, 0);
    assert_int_equal(s_has(journal, 1, 101), 1);
    journal_close(&journal);
    assert_int_equal(s_census(), 101);
}

/* Set when there are messages already: they are counted first. */
static void test_bytes_are_counted_and_stay_counted(void **state)
{
    walk_t walk;
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 300; id++)
        s_post(journal, id % 2, id, 0);
    s_now += JOURNAL_ID_MS;
    s_retain(journal, 1, 1, 0, 0, 50 * EACH);
    s_tend(journal);
    assert_in_range(s_holds(journal, 1, 150, &walk), 45, 55);
    assert_true(walk.bytes <= 50 * EACH);
    journal_close(&journal);
    journal = s_open();
    for (unsigned id = 300; id < 400; id++)
        s_post(journal, 1, id, 0);
    s_now += JOURNAL_ID_MS;
    s_tend(journal);
    s_now += MINUTE;
    s_tend(journal);
    assert_in_range(s_holds(journal, 1, 250, &walk), 45, 55);
    assert_true(walk.bytes <= 50 * EACH);
    /* Less than one: the newest stays. */
    s_retain(journal, 1, 2, 0, 0, 1);
    s_now += MINUTE;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 250), 1);
    journal_close(&journal);
    assert_int_equal(s_census(), 151);
}

static bool s_is_unowned(unsigned op)
{
    return op == OP_UNOWNED;
}

static journal_t *s_open_unowned(uint64_t age_ms, uint64_t messages, uint64_t bytes)
{
    journal_options_t options = s_options();
    options.unowned = (journal_unowned_t){s_is_unowned, age_ms, messages, bytes};
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

static void s_post_unowned(journal_t *journal, unsigned target, unsigned first, unsigned last)
{
    s_op = OP_UNOWNED;
    for (unsigned id = first; id <= last; id++)
        s_post(journal, target, id, 0);
    s_op = OP_OWNED;
    s_now += JOURNAL_ID_MS;
}

/* Nobody tells what they keep: the options do, as they are now. */
static void test_targets_that_nobody_owns(void **state)
{
    walk_t walk;
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 30; id++)
        s_post(journal, 1, id, 0);
    s_post_unowned(journal, 2, 100, 129);
    s_tend(journal);
    journal_close(&journal);
    /* What is there already, and what comes. */
    journal = s_open_unowned(0, 10, 0);
    s_post_unowned(journal, 3, 200, 219);
    s_tend(journal);
    s_now += MINUTE;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 30), 30);
    assert_int_equal(s_has(journal, 2, 30), 10);
    assert_int_equal(s_has(journal, 3, 20), 10);
    journal_close(&journal);
    assert_int_equal(s_census(), 50);
    /* Less, of another kind; an age that is set while another one was waited for. */
    journal = s_open_unowned(20ull * DAY, 0, 5 * EACH);
    s_tend(journal);
    s_tend(journal);
    assert_in_range(s_holds(journal, 2, 30, &walk), 4, 5);
    assert_true(walk.bytes <= 5 * EACH);
    journal_close(&journal);
    journal = s_open_unowned(DAY, 0, 0);
    s_now += DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 2, 30) + s_has(journal, 3, 20), 0);
    s_post_unowned(journal, 3, 300, 309);
    /* None: what the journal keeps. */
    journal_close(&journal);
    journal = s_open_unowned(0, 0, 0);
    s_now += 25ll * DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 3, 30), 10);
    journal_close(&journal);
    /* One that had been emptied before there was a limit. */
    journal = s_open();
    s_now += 31ll * DAY;
    s_tend(journal);
    s_post_unowned(journal, 4, 400, 400);
    s_now += 31ll * DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 4, 1), 0);
    journal_close(&journal);
    journal = s_open_unowned(0, 3, 0);
    s_tend(journal);
    s_post_unowned(journal, 4, 500, 509);
    s_tend(journal);
    s_tend(journal);
    assert_int_equal(s_has(journal, 4, 11), 3);
    journal_close(&journal);
    s_census();
}

static journal_note_t s_ended(unsigned target, uint64_t log, uint64_t now_ms)
{
    return (journal_note_t){.kind = NOTE_OUTCOME,
                            .target = s_uuid(target),
                            .log = log,
                            .state = OUTBOX_DELIVERED,
                            .now_ms = now_ms};
}

static void test_what_is_to_be_delivered_stays(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    s_retain(journal, 1, 1, 0, 2, 0);
    for (unsigned id = 0; id < 10; id++)
        s_post(journal, 1, id, id == 4 ? RECORD_DELIVER : 0);
    s_now += DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 10), 6);
    assert_int_equal(journal_outbox_counts(journal_reader(journal)).pending, 1);
    journal_note_t note = s_ended(1, 5, journal_running_ms(journal, s_now));
    journal_note(journal, &note);
    s_tend(journal);
    s_now += MINUTE;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 10), 2);
    journal_close(&journal);
    assert_int_equal(s_census(), 2);
}

/* A message whose first record is gone stands at its oldest revision. */
static void test_revisions(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    uint8_t key[RECORD_KEY] = "build-42";
    s_retain(journal, 1, 1, 0, 3, 30 * EACH);
    for (unsigned id = 0; id < 8; id++) {
        journal_entry_t entry = {.record = {.op = 1,
                                            .flags = RECORD_MESSAGE,
                                            .time_ms = WALL,
                                            .id = s_uuid(id),
                                            .user = s_uuid(77),
                                            .target = s_uuid(1),
                                            .body = slice_of("{}")},
                                 .change = CHANGE_KEYED};
        journal_entry_t *list = &entry;
        memcpy(entry.record.key, key, sizeof key);
        journal_append(journal, &list, 1, s_now);
        assert_int_equal(entry.outcome, JOURNAL_STORED);
        assert_int_equal(entry.answer.revision, id);
    }
    s_now += DAY;
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 8), 3);
    journal_close(&journal);
    assert_int_equal(s_census(), 3);
}

/* --- Deaths */

enum { STEPS = 20, LIMIT = 20 * EACH };

static unsigned s_steps;

/* Dies with what it has not committed. */
static void s_work(void *arg)
{
    journal_t *journal = s_open();
    unsigned *id = arg;
    for (unsigned step = 0; step < s_steps; step++) {
        if (step % 6 == 0)
            s_now += JOURNAL_ID_MS;
        if (step % 4 == 3)
            s_tend(journal);
        for (unsigned i = 0; i < 7; i++, ++*id)
            s_post(journal, *id % 2, *id, 0);
    }
    _exit(0);
}

static uint64_t s_counted(unsigned target, uint64_t *bytes)
{
    source_t source;
    retained_row_t row;
    uuid_t7 id = s_uuid(target);
    assert_int_equal(source_open(&source, s_path, s_err, sizeof s_err), 0);
    assert_int_equal(row_read(source.txn, source.table[TABLE_RETAINED], slice(id.bytes, UUID_BYTES),
                              &row, sizeof row),
                     0);
    source_close(&source);
    *bytes = le64toh(row.bytes_kept);
    return le64toh(row.counted);
}

static void test_deaths(void **state)
{
    char text[4096];
    (void)state;
    for (s_steps = 1; s_steps <= STEPS; s_steps += 4) {
        unsigned id = 0, all = s_steps * 7;
        walk_t walk;
        scratch_remove(s_path);
        scratch_make(s_path);
        s_now = START;
        journal_t *journal = s_open();
        s_retain(journal, 1, 1, 0, 0, LIMIT);
        journal_close(&journal);
        if (child_run(s_work, &id, text, sizeof text) != 0)
            fail_msg("%s", text);
        uint64_t last = all / 2, bytes;
        journal = s_open();
        assert_int_equal(s_has(journal, 0, all - last), all - last);
        s_has(journal, 1, last);
        s_now += DAY;
        s_tend(journal);
        s_holds(journal, 1, last, &walk);
        assert_true(walk.bytes <= LIMIT);
        assert_true(last < 20 || walk.bytes > LIMIT - 2 * EACH);
        journal_close(&journal);
        s_census();
        assert_int_equal(s_counted(1, &bytes), last);
        assert_int_equal(bytes, walk.bytes);
    }
}

/* Makes of the journal one as schema 8 left it: without the table, and no count of its records. */
static void s_make_older(void)
{
    MDB_dbi meta, retained;
    MDB_txn *txn;
    char row[sizeof(state_row_t)];
    store_options_t options = {.path = s_path,
                               .kind = "journal",
                               .schema = JOURNAL_SCHEMA,
                               .tables = TABLES,
                               .map_bytes = MAP};
    store_t *store = store_open(&options, s_err, sizeof s_err);
    assert_non_null(store);
    assert_int_equal(store_table(store, "meta", &meta, s_err, sizeof s_err), 0);
    assert_int_equal(store_table(store, "retained", &retained, s_err, sizeof s_err), 0);
    assert_int_equal(mdb_txn_begin(store_env(store), NULL, 0, &txn), 0);
    MDB_val key = {5, "state"}, value = {offsetof(state_row_t, records), row};
    assert_int_equal(row_read(txn, meta, slice_of("state"), row, sizeof row), 0);
    assert_int_equal(row_put(txn, meta, &key, &value, 0), 0);
    assert_int_equal(mdb_drop(txn, retained, 1), 0);
    MDB_val name = {6, "schema"}, older = {1, "8"};
    assert_int_equal(mdb_put(txn, store_meta(store), &name, &older, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    store_close(&store);
}

static void test_a_journal_of_before(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned id = 0; id < 40; id++)
        s_post(journal, id % 2, id, 0);
    s_now += JOURNAL_ID_MS;
    s_tend(journal);
    journal_close(&journal);
    s_make_older();
    journal = s_open();
    s_retain(journal, 1, 1, 0, 5, 0);
    s_tend(journal);
    assert_int_equal(s_has(journal, 1, 20), 5);
    assert_int_equal(s_has(journal, 0, 20), 20);
    journal_close(&journal);
    assert_int_equal(s_census(), 25);
}

static unsigned s_place(const uuid_t7 *target, unsigned shards)
{
    return target->bytes[8] % shards;
}

/* What a target keeps, and what it has, go along. */
static void test_a_reshard(void **state)
{
    char from[SCRATCH + 16], to[SCRATCH + 16], path[SCRATCH + 32];
    census_t census;
    (void)state;
    snprintf(from, sizeof from, "%s/from", s_path);
    snprintf(to, sizeof to, "%s/to", s_path);
    assert_int_equal(mkdir(from, 0700) + mkdir(to, 0700), 0);
    snprintf(path, sizeof path, "%s/channel-0", from);
    journal_options_t options = s_options();
    options.path = path;
    options.shards = 1;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    assert_non_null(journal);
    s_retain(journal, 1, 1, 0, 10, 9 * EACH);
    for (unsigned id = 0; id < 300; id++)
        s_post(journal, id % 3, id, 0);
    s_now += DAY;
    s_tend(journal);
    s_tend(journal);
    assert_in_range(s_has(journal, 1, 100), 8, 10);
    journal_close(&journal);
    merge_t merge = {.kind = "channel",
                     .from = from,
                     .to = to,
                     .old_shards = 1,
                     .new_shards = 2,
                     .place = s_place};
    if (merge_run(&merge, &census, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    assert_int_equal(census.counts[EXPORT_RETENTION], 1);
    snprintf(path, sizeof path, "%s/channel-1", to);
    options.shard = 1;
    options.shards = 2;
    journal = journal_open(&options, s_now, s_err, sizeof s_err);
    assert_non_null(journal);
    assert_int_equal(s_tell(journal, 1, 1, 0, 0, 0), RETENTION_KEPT);
    for (unsigned id = 300; id < 400; id++)
        s_post(journal, 1, id, 0);
    s_now += DAY;
    s_tend(journal);
    s_tend(journal);
    assert_in_range(s_has(journal, 1, 200), 8, 10);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_messages_stay),
        TEST(what_is_too_old_goes),
        TEST(bytes_are_counted_and_stay_counted),
        TEST(what_is_to_be_delivered_stays),
        TEST(revisions),
        TEST(targets_that_nobody_owns),
        TEST(deaths),
        TEST(a_journal_of_before),
        TEST(a_reshard),
    };
    return cmocka_run_group_tests(tests, YARD_BEGIN, YARD_END);
}
