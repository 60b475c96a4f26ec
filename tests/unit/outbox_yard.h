/* A journal of a bot in a scratch place, with short ways to store events and to note how their
 * deliveries went. */
#ifndef POSTERN_TEST_OUTBOX_YARD_H
#define POSTERN_TEST_OUTBOX_YARD_H

#include "checkpoint.h"
#include "scratch.h"
#include "workers/journal/outbox.h"

#include <stdio.h>

enum { START = 1000000, DAY = 86400000 };

static char s_path[SCRATCH], s_dir[SCRATCH + 32], s_err[512];
static int64_t s_now;

static journal_t *s_open_at(const char *path, unsigned shard, unsigned shards)
{
    journal_options_t options = {
        .path = path,
        .kind = "bot",
        .shard = shard,
        .shards = shards,
        .room_bytes = 64 << 20,
        .keys = 1000,
        .retention_ms = 30ull * DAY,
        .delivery_retention_ms = 7ull * DAY,
    };
    journal_t *journal = journal_open(&options, s_now, s_err, sizeof s_err);
    if (!journal)
        fail_msg("%s", s_err);
    return journal;
}

static journal_t *s_open(void)
{
    return s_open_at(s_dir, 0, 1);
}

static uuid_t7 s_uuid(unsigned number)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

static inline void s_store(journal_t *journal, unsigned target, unsigned id, unsigned flags)
{
    journal_entry_t entry = {.record = {.op = 3,
                                        .flags = RECORD_EVENT | flags,
                                        .time_ms = 1700000000000 + id,
                                        .id = s_uuid(id),
                                        .target = s_uuid(target),
                                        .body = slice_of("{}")}};
    journal_entry_t *entries[] = {&entry};
    assert_int_equal(journal_append(journal, entries, 1, s_now), 1);
}

/* All that was stored and noted is committed. */
static void s_commit(journal_t *journal)
{
    journal_tend(journal, s_now);
    s_now += JOURNAL_CHECKPOINT_MS;
    checkpoint(journal, s_now);
    assert_true(journal_is_saved(journal));
    assert_false(journal_has_notes(journal));
}

static outbox_due_t s_due[64];
static unsigned s_due_len;

static bool s_each_due(void *arg, const outbox_due_t *due)
{
    (void)arg;
    s_due[s_due_len++] = *due;
    return s_due_len < 64;
}

static inline unsigned s_list(journal_t *journal)
{
    outbox_place_t from = {0};
    s_due_len = 0;
    journal_due(journal_reader(journal), &from, s_each_due, NULL);
    return s_due_len;
}

static outbox_item_t s_items[64];
static unsigned s_items_len;

static bool s_each_item(void *arg, const outbox_item_t *item)
{
    (void)arg;
    s_items[s_items_len++] = *item;
    return s_items_len < 64;
}

static inline unsigned s_list_items(journal_t *journal, unsigned target, bool dead)
{
    uuid_t7 id = s_uuid(target);
    s_items_len = 0;
    journal_items(journal_reader(journal), &id, UINT64_MAX, dead, s_each_item, NULL);
    return s_items_len;
}

static journal_note_t s_failed(journal_t *journal, unsigned target, uint64_t log, uint64_t in_ms)
{
    uint64_t now_ms = journal_running_ms(journal, s_now);
    return (journal_note_t){
        .kind = NOTE_OUTCOME,
        .target = s_uuid(target),
        .log = log,
        .state = OUTBOX_PENDING,
        .now_ms = now_ms,
        .due_ms = now_ms + in_ms,
        .attempted = true,
        .attempt = {.time_ms = 1, .duration_us = 250, .status = 503, .answer = slice_of("no")}};
}

static inline journal_note_t s_ended(journal_t *journal, unsigned target, uint64_t log,
                                     outbox_state_t state)
{
    journal_note_t note = s_failed(journal, target, log, 0);
    note.state = state;
    return note;
}

static int s_setup(void **state)
{
    (void)state;
    s_now = START;
    scratch_make(s_path);
    snprintf(s_dir, sizeof s_dir, "%s/bot-0", s_path);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_path);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

#endif
