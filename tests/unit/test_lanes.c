/* What the engine of deliveries reads for its lanes, and when. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/wire/handler.h"
#include "scratch.h"
#include "workers/delivery/self.h"
#include "workers/journal/lmdb/writing.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 10000, CALLS = 8, TARGETS = 64, QUIET_TURNS = 50 };

static char s_path[SCRATCH], s_err[512], s_url[64];
static int s_listener; /* takes connections and never answers */
static journal_t *s_journal;
static handlers_t *s_handlers;
static delivery_t *s_delivery;

static uuid_t7 s_target(unsigned i)
{
    return (uuid_t7){{1, 2, 3, [15] = (uint8_t)i}};
}

/* All are of one owner. */
static void s_set_handler(unsigned i)
{
    pack_t record = {0};
    uuid_t7 target = s_target(i);
    wire_handler_t handler = {.version = 1,
                              .url = slice_of(s_url),
                              .name = slice_of("bot"),
                              .concurrency = 1,
                              .bound_s = 60,
                              .owner = s_target(255),
                              .key = slice("", 0)};
    wire_handler_encode(&record, &handler);
    assert_int_equal(
        handlers_learn(s_handlers, &target, slice(record.data, record.len), clock_ms()), 0);
    pack_free(&record);
}

static uint64_t s_store(unsigned i)
{
    journal_entry_t entry = {.record = {.op = OP_bot_incoming,
                                        .flags = RECORD_EVENT | RECORD_DELIVER,
                                        .time_ms = clock_wall_ms(),
                                        .id = {{[0] = 1, [15] = (uint8_t)i}},
                                        .target = s_target(i),
                                        .body = slice_of("{\"text\":\"x\"}")}};
    journal_entry_t *entries[] = {&entry};
    assert_int_equal(journal_append(s_journal, entries, 1, clock_ms()), 1);
    return entry.answer.log;
}

static void s_commit(void)
{
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (!journal_is_saved(s_journal) && clock_ms() < end_ms) {
        journal_tend(s_journal, clock_ms());
        poll(NULL, 0, 5);
    }
    assert_true(journal_is_saved(s_journal));
}

static void s_stir(unsigned i, uint64_t log)
{
    uuid_t7 target = s_target(i);
    delivery_stir(s_delivery, &target, log);
}

static void test_the_loop_asks_and_goes_on(void **state)
{
    (void)state;
    s_set_handler(1);
    uint64_t log = s_store(1);
    s_commit();
    s_stir(1, log);
    delivery_turn(s_delivery, clock_ms(), false);
    assert_int_not_equal(journal_asked(s_journal), 0);
    assert_int_equal(HASH_COUNT(s_delivery->tables.items), 0);
    struct pollfd fd = {.fd = journal_fd(s_journal), .events = POLLIN};
    while (journal_asked(s_journal) > 0 && poll(&fd, 1, WAIT_MS) == 1)
        journal_turn(s_journal);
    delivery_turn(s_delivery, clock_ms(), false);
    assert_int_equal(HASH_COUNT(s_delivery->tables.items), 1);
    assert_false(delivery_is_idle(s_delivery));
}

/* Of an owner whose calls fill its share no more is read than is called. */
static void test_what_cannot_be_called_is_not_read(void **state)
{
    uint64_t logs[TARGETS];
    (void)state;
    for (unsigned i = 0; i < TARGETS; i++) {
        s_set_handler(i);
        logs[i] = s_store(i);
    }
    s_commit();
    for (unsigned i = 0; i < TARGETS; i++)
        s_stir(i, logs[i]);
    for (unsigned quiet = 0; quiet < QUIET_TURNS; quiet++) {
        journal_turn(s_journal);
        delivery_turn(s_delivery, clock_ms(), false);
        if (journal_asked(s_journal) > 0)
            quiet = 0;
        poll(NULL, 0, 1);
    }
    assert_false(delivery_is_idle(s_delivery));
    assert_int_equal(HASH_COUNT(s_delivery->tables.items), s_delivery->owners.calls);
    assert_in_range(s_delivery->owners.calls, 1, CALLS - 1);
}

static void s_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    s_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s_listener, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(s_listener, TARGETS), 0);
    assert_int_equal(getsockname(s_listener, (struct sockaddr *)&address, &len), 0);
    snprintf(s_url, sizeof s_url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
}

static int s_setup(void **state)
{
    (void)state;
    char key[SCRATCH + 8];
    scratch_make(s_path);
    snprintf(key, sizeof key, "%s/key", s_path);
    s_listen();
    journal_options_t options = {.path = s_path,
                                 .kind = "bot",
                                 .shards = 1,
                                 .room_bytes = 64 << 20,
                                 .keys = 1000,
                                 .retention_ms = 86400000,
                                 .delivery_retention_ms = 86400000};
    s_journal = journal_open(&options, clock_ms(), s_err, sizeof s_err);
    assert_non_null(s_journal);
    s_handlers = handlers_new(s_journal, key, NULL, clock_ms(), s_err, sizeof s_err);
    assert_non_null(s_handlers);
    delivery_options_t delivery = {.journal = s_journal,
                                   .handlers = s_handlers,
                                   .shard = {0, 1},
                                   .allow = "127.0.0.0/8",
                                   .authorities = "",
                                   .calls = CALLS,
                                   .timeout_ms = WAIT_MS,
                                   .time_scale = 1};
    s_delivery = delivery_new(&delivery, clock_ms(), s_err, sizeof s_err);
    assert_non_null(s_delivery);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    journal_stop(s_journal);
    delivery_destroy(&s_delivery);
    handlers_destroy(&s_handlers);
    journal_close(&s_journal);
    close(s_listener);
    scratch_remove(s_path);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_loop_asks_and_goes_on),
        TEST(test_what_cannot_be_called_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
