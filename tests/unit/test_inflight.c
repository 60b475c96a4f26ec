#include "gateway/ring/inflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE = 10000 };

static uuid_t7 s_id(unsigned n)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes + 12, &n, sizeof n);
    return id;
}

static slot_t *s_add(inflight_t *self, unsigned n, int64_t now)
{
    uuid_t7 id = s_id(n);
    slot_t *slot = inflight_add(self, &id, now);
    if (slot)
        slot->owner = slot;
    return slot;
}

static slot_t *s_find(inflight_t *self, unsigned n)
{
    uuid_t7 id = s_id(n);
    return inflight_find(self, &id);
}

static void test_example(void **state)
{
    inflight_t *self = inflight_new(4, 1, DEADLINE);
    (void)state;
    slot_t *slot = s_add(self, 7, 1000);
    inflight_queue(self, slot, 0);
    assert_ptr_equal(inflight_pending(self, 0), slot);
    inflight_sent(self, slot, 1000);
    assert_null(inflight_pending(self, 0));
    assert_ptr_equal(s_find(self, 7), slot);
    assert_int_equal(slot->attempts, 1);
    inflight_remove(self, slot);
    assert_null(s_find(self, 7));
    assert_int_equal(inflight_len(self), 0);
    inflight_destroy(&self);
}

/* A slot is used again, but a reference of its last request does not reach the next one. */
static void test_generation(void **state)
{
    inflight_t *self = inflight_new(1, 1, DEADLINE);
    (void)state;
    slot_t *first = s_add(self, 1, 0);
    slot_ref_t ref = inflight_ref(self, first);
    assert_ptr_equal(inflight_at(self, ref), first);
    inflight_remove(self, first);
    assert_null(inflight_at(self, ref));
    slot_t *second = s_add(self, 2, 0);
    assert_ptr_equal(second, first);
    assert_null(inflight_at(self, ref));
    assert_ptr_equal(inflight_at(self, inflight_ref(self, second)), second);
    assert_null(inflight_at(self, (slot_ref_t){0, 0}));
    assert_null(inflight_at(self, (slot_ref_t){9, 1}));
    inflight_destroy(&self);
}

static void test_full(void **state)
{
    inflight_t *self = inflight_new(16, 1, DEADLINE);
    (void)state;
    for (unsigned i = 0; i < 16; i++)
        assert_non_null(s_add(self, i + 1, 0));
    assert_null(s_add(self, 99, 0));
    inflight_remove(self, s_find(self, 5));
    assert_non_null(s_add(self, 99, 0));
    assert_null(s_find(self, 5));
    inflight_destroy(&self);
}

/* The resends of 10 s: after 1 s, then every 1.5 s, the last half a second before the end. */
static void test_schedule(void **state)
{
    static const int64_t expected[] = {1000, 2500, 4000, 5500, 7000, 8500, 9500, 0};
    int64_t sent = 0;
    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        int64_t next = inflight_next_resend(i + 1, sent, DEADLINE);
        assert_int_equal(next, expected[i]);
        sent = next;
    }
    assert_int_equal(inflight_next_resend(1, 0, 1000), 500);
    assert_int_equal(inflight_next_resend(2, 500, 1000), 0);
    assert_int_equal(inflight_next_resend(3, 9700, DEADLINE), 0);
}

typedef struct {
    inflight_t *inflight;
    unsigned expired, resent;
    int64_t now, times[16];
} ticks_t;

static void s_on_expired(void *arg, slot_t *slot)
{
    ticks_t *ticks = arg;
    ticks->expired++;
    inflight_remove(ticks->inflight, slot);
}

static void s_on_resend(void *arg, slot_t *slot)
{
    ticks_t *ticks = arg;
    if (ticks->resent < 16)
        ticks->times[ticks->resent] = ticks->now;
    ticks->resent++;
    inflight_queue(ticks->inflight, slot, 0);
    inflight_sent(ticks->inflight, slot, ticks->now);
}

static const inflight_calls_t s_calls = {.expired = s_on_expired, .resend = s_on_resend};

static void s_tick(ticks_t *ticks, int64_t now)
{
    ticks->now = now;
    inflight_tick(ticks->inflight, now, &s_calls, ticks);
}

static void test_ticks(void **state)
{
    ticks_t ticks = {.inflight = inflight_new(4, 1, DEADLINE)};
    (void)state;
    slot_t *slot = s_add(ticks.inflight, 1, 50000);
    inflight_queue(ticks.inflight, slot, 0);
    inflight_sent(ticks.inflight, slot, 50000);
    for (int64_t now = 50000; now < 60000; now += 100)
        s_tick(&ticks, now);
    assert_int_equal(ticks.resent, 7);
    assert_int_equal(ticks.times[0], 51000);
    assert_int_equal(ticks.times[6], 59500);
    assert_int_equal(ticks.expired, 0);
    s_tick(&ticks, 60000);
    assert_int_equal(ticks.expired, 1);
    assert_int_equal(inflight_len(ticks.inflight), 0);
    inflight_destroy(&ticks.inflight);
}

/* What waits for credit is not queued again, what is stored is not sent again, and both expire. */
/* News makes a young one due although nothing of its age is. */
static void test_hurry(void **state)
{
    ticks_t ticks = {.inflight = inflight_new(4, 1, DEADLINE)};
    (void)state;
    slot_t *slot = s_add(ticks.inflight, 1, 50000);
    slot_t *other = s_add(ticks.inflight, 2, 50010);
    inflight_queue(ticks.inflight, slot, 0);
    inflight_sent(ticks.inflight, slot, 50000);
    inflight_queue(ticks.inflight, other, 0);
    inflight_sent(ticks.inflight, other, 50010);
    inflight_hurry(ticks.inflight, other, 50210);
    s_tick(&ticks, 50200);
    assert_int_equal(ticks.resent, 0);
    s_tick(&ticks, 50300);
    assert_int_equal(ticks.resent, 1);
    s_tick(&ticks, 50400);
    assert_int_equal(ticks.resent, 1);
    s_tick(&ticks, 51000);
    assert_int_equal(ticks.resent, 2);
    inflight_destroy(&ticks.inflight);
}

static void test_pending_and_held(void **state)
{
    ticks_t ticks = {.inflight = inflight_new(4, 1, DEADLINE)};
    (void)state;
    inflight_queue(ticks.inflight, s_add(ticks.inflight, 1, 0), 0);
    slot_t *held = s_add(ticks.inflight, 2, 0);
    inflight_queue(ticks.inflight, held, 0);
    inflight_sent(ticks.inflight, held, 0);
    inflight_hold(held);
    s_tick(&ticks, 5000);
    assert_int_equal(ticks.resent, 0);
    /* News of another process may send it once more, which starts no new schedule. */
    inflight_queue(ticks.inflight, held, 0);
    inflight_sent(ticks.inflight, held, 5000);
    assert_int_equal(held->resend_ms, 0);
    s_tick(&ticks, 7000);
    assert_int_equal(ticks.resent, 0);
    /* Unless the one that held it may be gone. */
    inflight_release(held, 7000);
    inflight_queue(ticks.inflight, held, 0);
    inflight_sent(ticks.inflight, held, 7000);
    assert_int_equal(held->resend_ms, 7000 + RESEND_NEXT_MS);
    inflight_hold(held);
    s_tick(&ticks, 9999);
    assert_int_equal(ticks.resent, 0);
    assert_int_equal(ticks.expired, 0);
    s_tick(&ticks, 10000);
    assert_int_equal(ticks.expired, 2);
    assert_int_equal(inflight_pending_len(ticks.inflight), 0);
    assert_int_equal(inflight_pending_bytes(ticks.inflight), 0);
    inflight_destroy(&ticks.inflight);
}

/* A clock that does not move fires nothing; the deadlines of later requests come later. */
static void test_order_of_deadlines(void **state)
{
    ticks_t ticks = {.inflight = inflight_new(8, 1, DEADLINE)};
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        s_add(ticks.inflight, i + 1, i * 100);
    for (unsigned i = 0; i < 10; i++)
        s_tick(&ticks, 400);
    assert_int_equal(ticks.expired, 0);
    s_tick(&ticks, 10200);
    assert_int_equal(ticks.expired, 3);
    assert_null(s_find(ticks.inflight, 3));
    assert_non_null(s_find(ticks.inflight, 4));
    inflight_destroy(&ticks.inflight);
}

static void test_short_deadline(void **state)
{
    ticks_t ticks = {.inflight = inflight_new(2, 1, 1000)};
    (void)state;
    slot_t *slot = s_add(ticks.inflight, 1, 0);
    inflight_queue(ticks.inflight, slot, 0);
    inflight_sent(ticks.inflight, slot, 0);
    s_tick(&ticks, 499);
    assert_int_equal(ticks.resent, 0);
    s_tick(&ticks, 500);
    assert_int_equal(ticks.resent, 1);
    s_tick(&ticks, 1000);
    assert_int_equal(ticks.expired, 1);
    inflight_destroy(&ticks.inflight);
}

static void test_reroute(void **state)
{
    inflight_t *self = inflight_new(8, 3, DEADLINE);
    (void)state;
    for (unsigned i = 1; i <= 4; i++)
        inflight_queue(self, s_add(self, i, 0), i == 4 ? 2 : 1);
    inflight_queue(self, s_find(self, 2), 0); /* pending already: stays */
    inflight_reroute(self, 1, 2);
    assert_null(inflight_pending(self, 1));
    static const unsigned order[] = {4, 1, 2, 3};
    for (unsigned i = 0; i < 4; i++) {
        slot_t *slot = inflight_pending(self, 2);
        assert_ptr_equal(slot, s_find(self, order[i]));
        inflight_unqueue(self, slot);
    }
    assert_int_equal(inflight_pending_len(self), 0);
    inflight_destroy(&self);
}

/* Against a plain array: ids that collide in the table, taken out in any order. */
static void test_table(void **state)
{
    enum { COUNT = 1024 };
    inflight_t *self = inflight_new(COUNT, 1, DEADLINE);
    bool there[4 * COUNT] = {false};
    unsigned len = 0;
    (void)state;
    srand(7);
    for (unsigned step = 0; step < 20000; step++) {
        unsigned n = (unsigned)rand() % (4 * COUNT);
        unsigned id = (n & 31) | (n >> 5) << 20; /* few homes: long runs */
        slot_t *slot = s_find(self, id);
        assert_int_equal(slot != NULL, there[n]);
        if (slot) {
            inflight_remove(self, slot);
            there[n] = false;
            len--;
        } else if (s_add(self, id, step)) {
            there[n] = true;
            len++;
        }
        assert_int_equal(inflight_len(self), len);
    }
    inflight_destroy(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_generation),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_ticks),
        cmocka_unit_test(test_hurry),
        cmocka_unit_test(test_pending_and_held),
        cmocka_unit_test(test_order_of_deadlines),
        cmocka_unit_test(test_short_deadline),
        cmocka_unit_test(test_reroute),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
