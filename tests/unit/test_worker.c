/* A worker process and a router that is this test: what goes in by the wire, and what comes back.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/life/life.h"
#include "common/link/link.h"
#include "scratch.h"
#include "workers/loop/worker.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHARDS = 4, SHARD = 2, WAIT_MS = 10000, REPLIES = 64 };

static char s_path[SCRATCH], s_endpoint[SCRATCH + 16];
/* The second waits for the lock of the first: both are there before libzmq's threads are. */
static pid_t s_pid, s_second;
static link_t *s_link;
static uint64_t s_self;
static uuid_t7 s_target;

/* What came back. */
static wire_hello_t s_hello;
static peer_t *s_worker;
static unsigned s_count, s_gone;
static struct {
    wire_reply_t reply;
    char body[600];
} s_replies[REPLIES];

static const worker_role_t s_role = {.kind = OWNER_CHANNEL};

static void s_serve(void)
{
    static char directory[SCRATCH + 32], routers[SCRATCH + 32], shards[32], err[256];
    /* ThreadSanitizer has no room for the default. */
    static char map[] = "worker.map_bytes=1073741824";
    char *const overrides[] = {directory, routers, shards, map, NULL};
    snprintf(directory, sizeof directory, "data.directory=%s", s_path);
    snprintf(routers, sizeof routers, "worker.routers=%s", s_endpoint);
    snprintf(shards, sizeof shards, "shards.channel=%d", SHARDS);
    conf_t *conf = conf_load_with(NULL, overrides, err, sizeof err);
    if (!conf)
        fail_msg("%s", err);
    life_begin();
    worker_t *worker = worker_new(&s_role, conf, SHARD);
    worker_run(worker);
    worker_destroy(&worker);
    conf_destroy(&conf);
    _exit(0);
}

static pid_t s_start(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        s_serve();
    return pid;
}

static int s_stop(int signal)
{
    int status;
    kill(s_pid, signal);
    waitpid(s_pid, &status, 0);
    return status;
}

static wire_goodbye_t s_on_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    (void)arg;
    s_hello = *hello;
    s_worker = peer;
    return 0;
}

static void s_on_down(void *arg, peer_t *peer)
{
    (void)arg, (void)peer;
    s_gone++;
}

static void s_on_replies(void *arg, peer_t *peer, wire_message_t *message)
{
    (void)arg, (void)peer;
    for (unsigned i = 0; i < message->entries; i++, s_count++) {
        assert_true(s_count < REPLIES);
        s_replies[s_count].reply = message->replies[i];
        snprintf(s_replies[s_count].body, sizeof s_replies[0].body, "%.*s",
                 (int)zmq_msg_size(&message->bodies[i]), (char *)zmq_msg_data(&message->bodies[i]));
    }
}

/* Turns the router's loop until VALUE is AT_LEAST. */
static void s_until(const unsigned *value, unsigned at_least)
{
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (*value < at_least && clock_ms() < end_ms) {
        zmq_pollitem_t item = {.socket = link_socket(s_link), .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 20);
        link_drain(s_link, 100);
        link_tick(s_link, clock_ms());
    }
    assert_true(*value >= at_least);
}

static void s_until_alive(void)
{
    unsigned alive = 0;
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (!alive && clock_ms() < end_ms) {
        zmq_pollitem_t item = {.socket = link_socket(s_link), .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 20);
        link_drain(s_link, 100);
        link_tick(s_link, clock_ms());
        alive = s_worker && peer_alive(s_worker);
    }
    assert_true(alive);
}

static wire_request_t s_request(unsigned op, uint8_t id)
{
    wire_request_t request = {
        .origin = 5,
        .attempt = 1,
        .time_left_ms = 10000,
        .op = op,
        .method = OP_POST,
        .target = slice_of("builds"),
        .client = slice_of("127.0.0.1"),
        .principal = {.present = true,
                      .target = s_target,
                      .display_name = slice_of("Ann"),
                      .facts = slice_of("")},
    };
    request.id.bytes[0] = id;
    return request;
}

static void s_add(wire_batch_t *batch, const wire_request_t *request, const char *text)
{
    zmq_msg_t body;
    zmq_msg_init_size(&body, strlen(text));
    memcpy(zmq_msg_data(&body), text, strlen(text));
    wire_batch_add_request(batch, request, &body);
    zmq_msg_close(&body);
}

/* The replies may come before the credit. */
static void s_until_credit(void)
{
    int64_t end_ms = clock_ms() + WAIT_MS;
    while (!link_can_send(s_link, s_worker) && clock_ms() < end_ms) {
        zmq_pollitem_t item = {.socket = link_socket(s_link), .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 20);
        link_drain(s_link, 100);
    }
}

/* Sends one request and waits for its reply. */
static const wire_reply_t *s_ask(const wire_request_t *request, const char *text)
{
    wire_batch_t *batch = wire_batch_new();
    s_count = 0;
    s_add(batch, request, text);
    s_until_credit();
    assert_int_equal(link_send_requests(s_link, s_worker, batch), 0);
    s_until(&s_count, 1);
    wire_batch_destroy(&batch);
    return &s_replies[0].reply;
}

static void test_it_says_what_it_serves(void **state)
{
    (void)state;
    s_until_alive();
    assert_int_equal(s_hello.role, ROLE_WORKER);
    assert_int_equal(s_hello.kind, OWNER_CHANNEL);
    assert_int_equal(s_hello.shard, SHARD);
    assert_int_equal(s_hello.shards, SHARDS);
    assert_false(uuid_is_nil(&s_hello.journal));
    assert_string_equal(peer_name(s_worker), "channel-2");
}

static void test_a_mixed_batch_is_answered_in_its_order(void **state)
{
    (void)state;
    wire_batch_t *batch = wire_batch_new();
    wire_request_t row = s_request(OP_channel_message, 1);
    s_count = 0;
    s_add(batch, &row, "{\"text\":\"one\"}");
    row = s_request(OP_channel_message, 2);
    s_add(batch, &row, "{\"text\":7}");
    row = s_request(OP_channel_message, 1);
    row.attempt = 2;
    s_add(batch, &row, "{\"text\":\"one\"}");
    row = s_request(999, 3);
    s_add(batch, &row, "{}");
    row = s_request(OP_channel_message, 4);
    row.time_left_ms = 0;
    s_add(batch, &row, "{\"text\":\"late\"}");
    row = s_request(OP_channel_message, 5);
    while (wire_shard(&row.principal.target, SHARDS) == SHARD)
        row.principal.target.bytes[15]++;
    s_add(batch, &row, "{\"text\":\"another shard's\"}");
    row = s_request(OP_channel_message, 6);
    row.principal.present = false;
    s_add(batch, &row, "{\"text\":\"nobody's\"}");
    row = s_request(OP_channel_message, 7);
    s_add(batch, &row, "{\"text\":\"sync\",\"sync_message\":true}");
    s_until_credit();
    assert_int_equal(link_send_requests(s_link, s_worker, batch), 0);
    s_until(&s_count, 7);
    wire_batch_destroy(&batch);
    static const struct {
        uint8_t id;
        unsigned status, error;
    } expected[] = {{1, 204, 0},
                    {2, 400, ERROR_invalid_message},
                    {1, 204, 0},
                    {3, 503, ERROR_unavailable},
                    {5, 503, ERROR_unavailable},
                    {6, 503, ERROR_unavailable},
                    {7, 200, 0}};
    for (unsigned i = 0; i < 7; i++) {
        assert_int_equal(s_replies[i].reply.id.bytes[0], expected[i].id);
        assert_int_equal(s_replies[i].reply.status, expected[i].status);
        assert_int_equal(s_replies[i].reply.error, expected[i].error);
        assert_int_equal(s_replies[i].reply.origin, 5);
    }
    assert_int_equal(s_replies[2].reply.attempt, 2);
    assert_string_equal(s_replies[1].body, "text must be a string{\"field\":\"text\"}");
    assert_int_equal(s_replies[1].reply.fact[0].fact, FACT_DETAILS);
    assert_int_equal(s_replies[1].reply.fact[0].value, strlen("{\"field\":\"text\"}"));
    assert_non_null(strstr(s_replies[6].body, "{\"message_id\":\""));
}

static void test_credit_comes_back(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 10; i++) {
        wire_request_t row = s_request(OP_channel_message, (uint8_t)(10 + i));
        s_ask(&row, "{\"text\":\"t\"}");
        int64_t end_ms = clock_ms() + WAIT_MS;
        while (peer_outstanding(s_worker) > 0 && clock_ms() < end_ms)
            link_drain(s_link, 1);
        assert_int_equal(peer_outstanding(s_worker), 0);
    }
}

static void test_keys_replay_and_refuse(void **state)
{
    (void)state;
    static const char key[WIRE_DEDUPE] = "some key";
    wire_request_t row = s_request(OP_channel_message, 30);
    row.principal.dedupe = slice(key, sizeof key);
    assert_int_equal(s_ask(&row, "{\"text\":\"t\"}")->facts, 0);
    row.id.bytes[0] = 31;
    const wire_reply_t *reply = s_ask(&row, "{\"text\":\"t\"}");
    assert_int_equal(reply->status, 204);
    assert_int_equal(reply->facts, 1);
    assert_int_equal(reply->fact[0].fact, FACT_REPLAYED);
    row.id.bytes[0] = 32;
    assert_int_equal(s_ask(&row, "{\"text\":\"u\"}")->error, ERROR_key_reused);
}

/* Stores COUNT messages of 4 KiB. */
static void s_fill(unsigned count)
{
    wire_batch_t *batch = wire_batch_new();
    char text[4096];
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"text\":\"", 9);
    memcpy(text + sizeof text - 3, "\"}", 3);
    s_count = 0;
    for (unsigned i = 0; i < count; i++) {
        wire_request_t row = s_request(OP_channel_message, (uint8_t)i);
        row.id.bytes[1] = 1;
        s_add(batch, &row, text);
    }
    s_until_credit();
    assert_int_equal(link_send_requests(s_link, s_worker, batch), 0);
    s_until(&s_count, count);
    wire_batch_destroy(&batch);
}

static void s_add_page(wire_batch_t *batch, uint8_t id, uint32_t attempt, slice_t params)
{
    wire_request_t row = s_request(OP_channel_history, id);
    row.attempt = attempt;
    row.params = params;
    wire_batch_add_request(batch, &row, NULL);
}

/* Pages that are asked for before a post come after its answer, with it in them. One that is sent
 * again meanwhile is read once. */
static void test_a_post_waits_for_no_page(void **state)
{
    enum { PAGES = 20, POST = 100, NEWEST, TWICE, REST };
    static const char said[] = "{\"text\":\"behind\"}";
    wire_batch_t *batch = wire_batch_new();
    pack_t all = {0}, newest = {0};
    (void)state;
    s_fill(60);
    wire_pairs_add(&all, slice_of("limit"), slice_of("1000"));
    wire_pairs_add(&newest, slice_of("limit"), slice_of("1"));
    wire_pairs_add(&newest, slice_of("order"), slice_of("desc"));
    s_add_page(batch, NEWEST, 1, wire_pairs_of(&newest));
    for (uint8_t i = 0; i < PAGES; i++)
        s_add_page(batch, REST + i, 1, wire_pairs_of(&all));
    s_add_page(batch, TWICE, 1, wire_pairs_of(&newest));
    s_add_page(batch, TWICE, 2, wire_pairs_of(&newest));
    wire_request_t row = s_request(OP_channel_message, POST);
    s_add(batch, &row, said);
    s_count = 0;
    s_until_credit();
    assert_int_equal(link_send_requests(s_link, s_worker, batch), 0);
    s_until(&s_count, PAGES + 3);
    assert_int_equal(s_replies[0].reply.id.bytes[0], POST);
    for (unsigned i = 1; i < PAGES + 3; i++)
        assert_int_equal(s_replies[i].reply.status, 200);
    assert_int_equal(s_replies[1].reply.id.bytes[0], NEWEST);
    assert_non_null(strstr(s_replies[1].body, said));
    assert_int_equal(s_replies[PAGES + 2].reply.id.bytes[0], TWICE);
    assert_int_equal(s_replies[PAGES + 2].reply.attempt, 2);
    row = s_request(OP_channel_history, REST + PAGES);
    assert_int_equal(s_ask(&row, "")->id.bytes[0], REST + PAGES);
    wire_batch_destroy(&batch);
    pack_free(&all);
    pack_free(&newest);
}

static void test_a_killed_worker_remembers(void **state)
{
    (void)state;
    wire_request_t row = s_request(OP_channel_message, 40);
    s_ask(&row, "{\"text\":\"kept\",\"sync_message\":true}");
    char first[600];
    memcpy(first, s_replies[0].body, sizeof first);
    uuid_t7 journal = s_hello.journal;
    s_gone = 0;
    assert_int_equal(waitpid(s_second, NULL, WNOHANG), 0);
    assert_true(WIFSIGNALED(s_stop(SIGKILL)));
    s_pid = s_second;
    s_second = 0;
    s_until(&s_gone, 1);
    s_until_alive();
    assert_true(uuid_eq(&journal, &s_hello.journal));
    row.attempt = 2;
    s_ask(&row, "{\"text\":\"kept\",\"sync_message\":true}");
    assert_string_equal(s_replies[0].body, first);
    row = s_request(OP_channel_history, 41);
    s_ask(&row, "");
    assert_int_equal(s_replies[0].reply.status, 200);
    assert_non_null(strstr(s_replies[0].body, "{\"messages\":[{\"id\":"));
}

static void test_sigterm_says_goodbye(void **state)
{
    (void)state;
    s_gone = 0;
    int status = s_stop(SIGTERM);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    s_until(&s_gone, 1);
    s_pid = 0;
}

static int s_setup(void **state)
{
    (void)state;
    char err[256], file[SCRATCH + 32];
    scratch_make(s_path);
    snprintf(s_endpoint, sizeof s_endpoint, "ipc://%s/w", s_path);
    snprintf(file, sizeof file, "%s/channel-2/data.mdb", s_path);
    s_pid = s_start();
    while (access(file, F_OK) != 0 && waitpid(s_pid, NULL, WNOHANG) == 0)
        usleep(1000);
    s_second = s_start();
    s_self = uuid_instance();
    do
        uuid_new(&s_target);
    while (wire_shard(&s_target, SHARDS) != SHARD);
    wire_hello_t hello = {.role = ROLE_ROUTER, .name = slice_of("router-0")};
    link_options_t options = {
        .endpoint = s_endpoint,
        .bind = true,
        .hello = &hello,
        .peer_roles = 1u << ROLE_WORKER,
        .self = &s_self,
        .calls = {.up = s_on_up, .down = s_on_down, .replies = s_on_replies},
    };
    s_link = link_new(&options, err, sizeof err);
    return s_link ? 0 : -1;
}

static int s_teardown(void **state)
{
    (void)state;
    for (; s_pid; s_pid = s_second, s_second = 0)
        s_stop(SIGKILL);
    link_destroy(&s_link);
    scratch_remove(s_path);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_says_what_it_serves),
        cmocka_unit_test(test_a_mixed_batch_is_answered_in_its_order),
        cmocka_unit_test(test_credit_comes_back),
        cmocka_unit_test(test_keys_replay_and_refuse),
        cmocka_unit_test(test_a_post_waits_for_no_page),
        cmocka_unit_test(test_a_killed_worker_remembers),
        cmocka_unit_test(test_sigterm_says_goodbye),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
