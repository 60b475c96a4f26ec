/* A reshard's journals: what was stored, seen, and removed by retention, before and after. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "journal_kept.h"
#include "workers/store/merge.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { TARGETS = 3, AGED = 200, COUNT = 300, RETENTION_MS = 10 * 60000 };

static char s_from[SCRATCH + 8];

static unsigned s_place(const uuid_t7 *target, unsigned shards)
{
    return target->bytes[8] % shards;
}

static journal_t *s_open_shard(unsigned shard, unsigned shards)
{
    char path[SCRATCH + 32];
    snprintf(path, sizeof path, "%s/channel-%u", s_from, shard);
    journal_options_t options = s_options();
    options.path = path;
    options.shard = shard;
    options.shards = shards;
    options.retention_ms = RETENTION_MS;
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

/* Stores ids FROM to END, each in its target's shard. */
static void s_fill(unsigned shards, unsigned from, unsigned end)
{
    for (unsigned shard = 0; shard < shards; shard++) {
        journal_t *journal = s_open_shard(shard, shards);
        for (unsigned id = from; id < end; id++)
            if (id % TARGETS % shards == shard)
                assert_int_equal(s_append(journal, id, 'h'), JOURNAL_STORED);
        journal_close(&journal);
    }
}

/* Lets retention remove what is there; keys stay for a day. The running clocks part. */
static void s_age(unsigned shards)
{
    for (unsigned shard = 0; shard < shards; shard++) {
        journal_t *journal = s_open_shard(shard, shards);
        s_now += (shard + 1) * RETENTION_MS;
        while (journal_tend(journal, s_now))
            continue;
        journal_close(&journal);
    }
}

static void s_merge(unsigned old, unsigned new, uint64_t keys)
{
    char to[SCRATCH + 8];
    census_t census;
    snprintf(to, sizeof to, "%s/to-%u", s_path, new);
    assert_int_equal(mkdir(to, 0700), 0);
    merge_t options = {.kind = "channel",
                       .from = s_from,
                       .to = to,
                       .old_shards = old,
                       .new_shards = new,
                       .place = s_place};
    if (merge_run(&options, &census, s_err, sizeof s_err) != 0)
        fail_msg("%s", s_err);
    assert_int_equal(census.counts[EXPORT_RECORD], COUNT - AGED);
    assert_int_equal(census.counts[EXPORT_TARGET], TARGETS);
    assert_int_equal(census.counts[EXPORT_KEY], keys);
    assert_int_equal(census.ids, COUNT - AGED);
    memcpy(s_from, to, sizeof s_from);
}

typedef struct {
    unsigned next; /* id */
    uint64_t running_ms;
} looking_t;

static bool s_each_kept(void *arg, uint64_t log, const record_t *record)
{
    looking_t *self = arg;
    (void)log;
    uuid_t7 id = s_uuid(self->next);
    assert_true(uuid_eq(&record->id, &id));
    assert_int_equal(record->sequence, self->next / TARGETS + 1);
    assert_int_equal(record->running_ms, self->running_ms); /* as old as before: not at all */
    self->next += TARGETS;
    return true;
}

static void s_look(unsigned shards)
{
    for (unsigned shard = 0; shard < shards; shard++) {
        journal_t *journal = s_open_shard(shard, shards);
        for (unsigned target = shard; target < TARGETS; target += shards) {
            journal_range_t range;
            uuid_t7 name = s_uuid(target);
            unsigned first = AGED + (TARGETS + target - AGED % TARGETS) % TARGETS;
            looking_t looking = {first, journal_running_ms(journal, s_now)};
            journal_read(journal_reader(journal), &name, 0, &range, s_each_kept, &looking);
            assert_int_equal(looking.next, COUNT + target);
            assert_int_equal(range.first, first / TARGETS + 1);
            assert_int_equal(range.last, COUNT / TARGETS);
        }
        for (unsigned id = 0; id < COUNT; id++) {
            /* Whose a key of a removed record is nobody knows: each shard has it. */
            unsigned again = (1u << 16) + id;
            if (id < AGED && id % 2) {
                assert_int_equal(s_append(journal, again, 'h'), JOURNAL_REPLAYED);
                assert_int_equal(s_append(journal, again, 'x'), JOURNAL_REUSED);
            }
            if (id >= AGED && id % TARGETS % shards == shard)
                assert_int_equal(s_append(journal, id, 'h'), JOURNAL_RESENT);
        }
        journal_close(&journal);
    }
}

static void test_what_retention_has_removed_leaves_keys_and_sequences(void **state)
{
    (void)state;
    snprintf(s_from, sizeof s_from, "%s/to-0", s_path);
    assert_int_equal(mkdir(s_from, 0700), 0);
    s_fill(2, 0, AGED);
    s_age(2);
    s_fill(2, AGED, COUNT);
    s_merge(2, 3, (COUNT - AGED) / 2 + 3 * AGED / 2);
    s_look(3);
    s_merge(3, 1, COUNT / 2);
    s_look(1);
}

/* A target without a message goes on with the number after its last. */
static void test_an_empty_target_goes_on(void **state)
{
    census_t census;
    char to[SCRATCH + 8];
    (void)state;
    snprintf(s_from, sizeof s_from, "%s/to-0", s_path);
    snprintf(to, sizeof to, "%s/to", s_path);
    assert_int_equal(mkdir(s_from, 0700), 0);
    assert_int_equal(mkdir(to, 0700), 0);
    s_fill(1, 0, 30);
    s_age(1);
    merge_t options = {.kind = "channel",
                       .from = s_from,
                       .to = to,
                       .old_shards = 1,
                       .new_shards = 2,
                       .place = s_place};
    assert_int_equal(merge_run(&options, &census, s_err, sizeof s_err), 0);
    assert_int_equal(census.counts[EXPORT_RECORD], 0);
    memcpy(s_from, to, sizeof s_from);
    journal_t *journal = s_open_shard(1, 2);
    journal_range_t range;
    uuid_t7 name = s_uuid(1);
    journal_range(journal_reader(journal), &name, &range);
    assert_int_equal(range.first, 11);
    assert_int_equal(range.last, 10);
    assert_int_equal(s_append(journal, 31, 'h'), JOURNAL_STORED);
    journal_range(journal_reader(journal), &name, &range);
    assert_int_equal(range.last, 11);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_retention_has_removed_leaves_keys_and_sequences),
        TEST(an_empty_target_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
