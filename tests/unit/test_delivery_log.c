/* The delivery log as an owner reads it, and what an owner may do. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "common/wire/handler.h"
#include "scratch.h"
#include "workers/delivery/engine.h"
#include "workers/delivery/log.h"
#include "workers/journal/lmdb/writing.h"
#include "workers/journal/outbox.h"
#include "workers/post/answer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MS = 10000, T0 = 1767323045 }; /* 2026-01-02T03:04:05Z */

static char s_path[SCRATCH], s_err[512];
static journal_t *s_journal;
static delivery_engine_t s_engine;
static uuid_t7 s_target = {{1, 2, 3}};
static json_out_t s_out;

/* The event of number I is stored I minutes after T0; its id ends with I. */
static void s_store(unsigned i)
{
    journal_entry_t entry = {.record = {.op = OP_bot_incoming,
                                        .flags = RECORD_EVENT | RECORD_DELIVER,
                                        .time_ms = (T0 + 60ll * i) * 1000,
                                        .id = {{[0] = 1, [15] = (uint8_t)i}},
                                        .target = s_target}};
    journal_entry_t *entries[] = {&entry};
    assert_int_equal(journal_append(s_journal, entries, 1, clock_ms()), 1);
}

static void s_note(uint64_t log, outbox_state_t state)
{
    journal_note_t note = {.kind = NOTE_OUTCOME,
                           .target = s_target,
                           .log = log,
                           .state = state,
                           .now_ms = journal_running_ms(s_journal, clock_ms()),
                           .due_ms = journal_running_ms(s_journal, clock_ms()) + 60500,
                           .attempted = true,
                           .attempt = {.time_ms = T0 * 1000ll,
                                       .duration_us = 2500,
                                       .status = state == OUTBOX_DELIVERED ? 200 : 500,
                                       .answer = slice_of("no \"\xff\"")}};
    journal_note(s_journal, &note);
}

/* A handler that is called, and never reached. */
static void s_set_handler(void)
{
    pack_t record = {0};
    wire_handler_t handler = {.version = 1,
                              .url = slice_of("http://127.0.0.1:1/"),
                              .name = slice_of("bot"),
                              .concurrency = 1,
                              .bound_s = 1,
                              .key = slice("", 0)};
    wire_handler_encode(&record, &handler);
    assert_int_equal(
        handlers_learn(s_engine.handlers, &s_target, slice(record.data, record.len), clock_ms()),
        0);
    pack_free(&record);
}

static void s_commit(void)
{
    int64_t end_ms = clock_ms() + WAIT_MS;
    do {
        journal_tend(s_journal, clock_ms());
        poll(NULL, 0, 5);
    } while ((journal_has_notes(s_journal) || !journal_is_saved(s_journal)) && clock_ms() < end_ms);
    assert_true(journal_is_saved(s_journal));
}

/* "NAME VALUE NAME VALUE" as parameters; the body of the answer or the reason of a refusal. */
static const char *s_ask(verb_fn op, const char *params, error_code_t error)
{
    char copy[256], *rest = copy, *name, *value;
    pack_t pairs = {0};
    snprintf(copy, sizeof copy, "%s", params);
    while ((name = strsep(&rest, " ")) && (value = strsep(&rest, " ")))
        wire_pairs_add(&pairs, slice_of(name), slice_of(value));
    wire_request_t request = {.params = wire_pairs_of(&pairs),
                              .principal = {.present = true, .target = s_target}};
    answering_t with = {.journal = s_journal, .shard = {0, 1}, .engine = &s_engine};
    job_t job = {.request = &request};
    op(NULL, &job);
    reading_t *reading = job.reading;
    json_reset(&s_out);
    if (job.kind == JOB_READ) {
        if (reading->begin)
            reading->begin(reading, &with);
        if (reading->look)
            reading->look(reading, journal_reader(s_journal));
        if (reading->end && !reading->error)
            reading->end(reading, &with);
        json_raw(&s_out, slice(reading->body.data, reading->body.len));
    } else {
        assert_int_equal(job.kind, JOB_REFUSED);
    }
    assert_int_equal(job.error ? job.error : reading->error, error);
    if (error)
        json_lit(&s_out, job.error ? job.reason : reading->reason);
    json_raw(&s_out, slice("", 1));
    reading_destroy(&job.reading);
    free(job.reason);
    free(job.field);
    pack_free(&pairs);
    return s_out.data;
}

static void s_assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no %s in %s", part, text);
}

/* Numbers of the deliveries of a page, in their order. */
static const char *s_numbers(const char *params)
{
    static char numbers[512];
    const char *at = s_ask(delivery_log_list, params, ERROR_none);
    numbers[0] = '\0';
    while ((at = strstr(at, "{\"number\":"))) {
        unsigned number;
        at += strlen("{\"number\":");
        assert_int_equal(sscanf(at, "%u,\"id\"", &number), 1);
        size_t len = strlen(numbers);
        if (strncmp(at + strcspn(at, ","), ",\"id\"", 5) == 0)
            snprintf(numbers + len, sizeof numbers - len, "%u ", number);
    }
    return numbers;
}

static void test_it_is_listed(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++)
        s_store(i);
    s_note(1, OUTBOX_DELIVERED);
    s_note(2, OUTBOX_DEAD);
    s_note(3, OUTBOX_PENDING);
    s_commit();
    assert_string_equal(
        s_ask(delivery_log_list, "id 2", ERROR_none),
        "{\"disabled\":null,\"waits\":null,\"turn\":null,\"deliveries\":[{\"number\":2,\"id\":"
        "\"01000000-0000-0000-0000-000000000002\",\"state\":\"dead\",\"time\":"
        "\"2026-01-02T03:06:05.000Z\",\"due_in_s\":null,\"made\":1,\"attempts\":[{\"number\":1,"
        "\"time\":\"2026-01-02T03:04:05.000Z\",\"duration_ms\":2,\"status\":500,\"outcome\":"
        "\"answered\",\"answer\":\"no \\\"\xef\xbf\xbd\\\"\"}]}],\"next\":null,\"scanned\":1}");
    s_assert_has(s_ask(delivery_log_list, "state pending", ERROR_none), "\"due_in_s\":60,");
    assert_string_equal(s_numbers(""), "3 2 1 ");
    assert_string_equal(s_numbers("state dead"), "2 ");
    assert_string_equal(s_numbers("state delivered"), "1 ");
    assert_string_equal(s_numbers("id 01000000-0000-0000-0000-000000000003"), "3 ");
    assert_string_equal(s_numbers("id 01000000-0000-0000-0000-000000000009"), "");
    assert_string_equal(s_numbers("from 2026-01-02T03:06:05Z"), "3 2 ");
    assert_string_equal(s_numbers("from 2026-01-02T03:06:05.001Z"), "3 ");
    assert_string_equal(s_numbers("to 2026-01-02T03:06:05Z"), "1 ");
    assert_string_equal(s_numbers("limit 2"), "3 2 ");
    s_assert_has(s_ask(delivery_log_list, "limit 2", ERROR_none), "\"next\":1,\"scanned\":2}");
    assert_string_equal(s_numbers("limit 2 after 1"), "1 ");
}

static void test_what_is_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const lists[] = {"state ill",
                                        "from yesterday",
                                        "to 2026-01-02",
                                        "from 2026-02-30T00:00:00Z",
                                        "from 2026-04-31T00:00:00Z",
                                        "to 2026-04-30T00:00:60Z",
                                        "to 2026-13-02T03:04:05Z",
                                        "id x",
                                        "limit 0",
                                        "limit 101",
                                        "after x"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        s_ask(delivery_log_list, lists[i], ERROR_invalid_param);
    s_ask(delivery_log_retry, "", ERROR_invalid_param);
    s_ask(delivery_log_retry, "id 77", ERROR_not_found);
    s_ask(delivery_log_replay, "rate 0", ERROR_invalid_param);
    s_ask(delivery_log_replay, "rate 1001", ERROR_invalid_param);
}

static void test_a_dead_one_is_retried(void **state)
{
    (void)state;
    s_store(1);
    s_note(1, OUTBOX_DEAD);
    s_commit();
    s_assert_has(s_ask(delivery_log_retry, "id 1", ERROR_conflict), "no handler");
    s_assert_has(s_ask(delivery_log_replay, "", ERROR_conflict), "no handler");
    s_set_handler();
    assert_string_equal(s_ask(delivery_log_retry, "id 1", ERROR_none), "{\"number\":1}");
    s_commit();
    assert_string_equal(s_numbers("state pending"), "1 ");
}

/* Turns the engine until COUNT are dead; how long that took. */
static int64_t s_until_dead(uint64_t count)
{
    int64_t began_ms = clock_ms();
    while (journal_outbox_counts(journal_reader(s_journal)).dead != count &&
           clock_ms() - began_ms < WAIT_MS) {
        journal_turn(s_journal);
        delivery_turn(s_engine.delivery, clock_ms(), false);
        journal_tend(s_journal, clock_ms());
        poll(NULL, 0, 2);
    }
    assert_int_equal(journal_outbox_counts(journal_reader(s_journal)).dead, count);
    return clock_ms() - began_ms;
}

static void test_dead_ones_are_replayed_at_a_rate(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 30; i++)
        s_store(i);
    for (unsigned i = 1; i <= 30; i++)
        s_note(i, OUTBOX_DEAD);
    s_commit();
    s_set_handler();
    s_assert_has(s_ask(delivery_log_replay, "form 2026-01-02T03:09:05Z", ERROR_invalid_param),
                 "form is no parameter"); /* else all of them would be replayed */
    s_ask(delivery_log_replay, "dry_run yes", ERROR_invalid_param);
    s_assert_has(s_ask(delivery_log_replayed, "", ERROR_none), "\"started\":null");
    s_assert_has(s_ask(delivery_log_replay, "dry_run true to 2026-01-02T03:29:05Z", ERROR_none),
                 "\"matched\":24,\"counted\":true,\"dry_run\":true");
    s_assert_has(s_ask(delivery_log_replayed, "", ERROR_none), "\"started\":null");
    s_ask(delivery_log_replay, "rate 20 from 2026-01-02T03:09:05Z to 2026-01-02T03:29:05Z",
          ERROR_none);
    assert_true(s_until_dead(10) >= 900); /* the first one at once, then 19 at 20 a second */
    assert_string_equal(s_numbers("state dead"), "30 29 28 27 26 25 4 3 2 1 ");
    s_assert_has(s_ask(delivery_log_replayed, "", ERROR_none),
                 "\"total\":20,\"counted\":true,\"done\":20,\"failed\":0,\"rate\":20,\"by\":null,");
    s_assert_has(s_ask(delivery_log_stop, "", ERROR_none), "{\"running\":false,\"total\":20");
    s_ask(delivery_log_stop, "rate 1", ERROR_invalid_param);
}

static int s_setup(void **state)
{
    (void)state;
    char key[SCRATCH + 8];
    scratch_make(s_path);
    snprintf(key, sizeof key, "%s/key", s_path);
    journal_options_t options = {.path = s_path,
                                 .kind = "bot",
                                 .shards = 1,
                                 .room_bytes = 64 << 20,
                                 .keys = 1000,
                                 .retention_ms = 86400000,
                                 .delivery_retention_ms = 86400000};
    s_journal = journal_open(&options, clock_ms(), s_err, sizeof s_err);
    assert_non_null(s_journal);
    s_engine.handlers = handlers_new(s_journal, key, NULL, clock_ms(), s_err, sizeof s_err);
    assert_non_null(s_engine.handlers);
    delivery_options_t delivery = {.journal = s_journal,
                                   .handlers = s_engine.handlers,
                                   .shard = {0, 1},
                                   .allow = "",
                                   .authorities = "",
                                   .calls = 8,
                                   .timeout_ms = 1000,
                                   .time_scale = 1};
    s_engine.delivery = delivery_new(&delivery, clock_ms(), s_err, sizeof s_err);
    assert_non_null(s_engine.delivery);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    delivery_destroy(&s_engine.delivery);
    handlers_destroy(&s_engine.handlers);
    journal_close(&s_journal);
    json_free(&s_out);
    scratch_remove(s_path);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_is_listed),
        TEST(test_what_is_malformed_is_refused),
        TEST(test_a_dead_one_is_retried),
        TEST(test_dead_ones_are_replayed_at_a_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
