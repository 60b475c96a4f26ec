/* What a journal has that is not committed, as readers see it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "workers/journal/lmdb/tail.h"

#include <stdio.h>
#include <stdlib.h>

#define TEST(name) cmocka_unit_test_setup(test_##name, s_clear)

static uint64_t s_log;          /* of the next record */
static uint64_t s_last[8];      /* log sequence of a target's last record */
static uint64_t s_sequences[8]; /* its sequence */

static uuid_t7 s_target(unsigned target)
{
    uuid_t7 id = {{0}};
    id.bytes[UUID_BYTES - 1] = (uint8_t)(target + 1);
    return id;
}

static int s_clear(void **state)
{
    (void)state;
    s_log = 1;
    for (unsigned i = 0; i < 8; i++)
        s_last[i] = s_sequences[i] = 0;
    return 0;
}

static void s_stage(tail_t *tail, uint64_t generation, unsigned target)
{
    char text[40];
    record_t record = {
        .target = s_target(target), .sequence = ++s_sequences[target], .previous = s_last[target]};
    int before = snprintf(text, sizeof text, "log %llu: ", (unsigned long long)s_log);
    int len = snprintf(text + before, sizeof text - (size_t)before, "%u.%llu", target,
                       (unsigned long long)record.sequence);
    tail_stage(tail, generation, &record, slice(text, (size_t)(before + len)), (size_t)len);
    s_last[target] = s_log++;
}

/* A frame with COUNT records of the targets in turn. */
static void s_frame(tail_t *tail, uint64_t generation, unsigned count, unsigned targets)
{
    uint64_t first = s_log;
    for (unsigned i = 0; i < count; i++)
        s_stage(tail, generation, (unsigned)(s_log % targets));
    tail_publish(tail, first);
}

/* Reads all from a sequence on; how many there were. */
static unsigned s_read(tail_t *tail, unsigned target, uint64_t from)
{
    uuid_t7 id = s_target(target);
    unsigned count = 0;
    uint64_t log = 0;
    tail_page_t page;
    do {
        tail_read(tail, &id, from + count, &page);
        for (size_t i = 0; i < page.len; i++) {
            char text[32];
            snprintf(text, sizeof text, "%u.%llu", target, (unsigned long long)from + count++);
            assert_true(slice_is(page.rows[i].encoded, text));
            assert_true(page.rows[i].log > log);
            log = page.rows[i].log;
        }
        tail_release(tail, &page);
    } while (page.len > 0);
    return count;
}

static void test_nothing_is_there(void **state)
{
    (void)state;
    tail_t *tail = tail_new();
    assert_int_equal(s_read(tail, 0, 1), 0);
    tail_drop(tail, 7);
    assert_int_equal(tail_drops(tail), 1);
    tail_destroy(&tail);
}

static void test_from_any_sequence(void **state)
{
    (void)state;
    tail_t *tail = tail_new();
    for (unsigned i = 0; i < 100; i++)
        s_frame(tail, 1, 1 + i % 40, 3);
    for (unsigned target = 0; target < 3; target++)
        for (uint64_t from = 1; from <= s_sequences[target] + 1; from++)
            assert_int_equal(s_read(tail, target, from), s_sequences[target] + 1 - from);
    assert_int_equal(s_read(tail, 0, 0), 0);
    assert_int_equal(s_read(tail, 5, 1), 0);
    tail_destroy(&tail);
}

static void test_over_two_generations(void **state)
{
    (void)state;
    tail_t *tail = tail_new();
    s_frame(tail, 1, 100, 3);
    s_frame(tail, 2, 1000, 4);
    for (unsigned target = 0; target < 4; target++)
        for (uint64_t from = 1; from <= s_sequences[target]; from += 5)
            assert_int_equal(s_read(tail, target, from), s_sequences[target] + 1 - from);
    tail_drop(tail, 1);
    assert_int_equal(s_read(tail, 0, 1), 0);  /* is committed */
    assert_int_equal(s_read(tail, 0, 20), 0); /* the same, in a stride of which more is left */
    assert_int_equal(s_read(tail, 0, 100), s_sequences[0] - 99);
    s_frame(tail, 3, 100, 4);
    tail_drop(tail, 3);
    assert_int_equal(s_read(tail, 0, s_sequences[0]), 0);
    tail_destroy(&tail);
}

static void test_what_is_staged_is_not_seen(void **state)
{
    (void)state;
    tail_t *tail = tail_new();
    s_stage(tail, 1, 0);
    s_stage(tail, 1, 0);
    assert_int_equal(s_read(tail, 0, 1), 0);
    tail_unstage(tail);
    s_clear(NULL);
    s_frame(tail, 1, 3, 1);
    assert_int_equal(s_read(tail, 0, 1), 3);
    s_stage(tail, 2, 0);
    assert_int_equal(s_read(tail, 0, 1), 3);
    tail_destroy(&tail);
}

static void test_a_page_outlives_its_generation(void **state)
{
    (void)state;
    tail_t *tail = tail_new();
    uuid_t7 id = s_target(0);
    tail_page_t page;
    s_frame(tail, 1, 10, 1);
    tail_read(tail, &id, 1, &page);
    assert_int_equal(page.len, 10);
    tail_drop(tail, 1);
    s_frame(tail, 2, 10, 1);
    s_frame(tail, 3, 10, 1);
    assert_true(slice_is(page.rows[9].encoded, "0.10"));
    tail_release(tail, &page);
    assert_int_equal(s_read(tail, 0, 11), 20);
    tail_destroy(&tail);
}

static uint64_t s_until; /* where it ends */

static int s_expect(void *arg, slice_t entry)
{
    uint64_t *log = arg;
    char text[40];
    int len = snprintf(text, sizeof text, "log %llu: ", (unsigned long long)(*log)++);
    assert_true(entry.len > (size_t)len);
    assert_memory_equal(entry.data, text, len);
    return *log == s_until ? -1 : 0;
}

static void test_entries_of_a_generation(void **state)
{
    (void)state;
    tail_t *tail = tail_new();
    uint64_t log = 1;
    s_until = 90;
    s_frame(tail, 4, 50, 3);
    s_frame(tail, 5, 20, 3);
    s_frame(tail, 5, 30, 3);
    s_stage(tail, 5, 0);
    assert_int_equal(tail_each(tail, 4, s_expect, &log), 0);
    assert_int_equal(log, 51);
    assert_int_equal(tail_each(tail, 5, s_expect, &log), -1); /* ends early */
    log = 51;
    s_until = 0;
    tail_drop(tail, 4);
    assert_int_equal(tail_each(tail, 4, s_expect, &log), 0);
    assert_int_equal(log, 51);
    assert_int_equal(tail_each(tail, 5, s_expect, &log), 0);
    assert_int_equal(log, 101); /* without the staged one */
    tail_destroy(&tail);
}

static void test_a_record_larger_than_a_chunk(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    tail_t *tail = tail_new();
    char *bytes = calloc(1, LARGE);
    uuid_t7 id = s_target(0);
    record_t record = {.target = id, .sequence = 1};
    tail_page_t page;
    assert_non_null(bytes);
    tail_stage(tail, 1, &record, slice(bytes, LARGE), LARGE);
    free(bytes);
    tail_publish(tail, 1);
    tail_read(tail, &id, 1, &page);
    assert_true(page.len == 1 && page.rows[0].encoded.len == LARGE);
    tail_release(tail, &page);
    tail_destroy(&tail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_there),
        TEST(from_any_sequence),
        TEST(over_two_generations),
        TEST(what_is_staged_is_not_seen),
        TEST(a_page_outlives_its_generation),
        TEST(entries_of_a_generation),
        TEST(a_record_larger_than_a_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
