/* Two real links over ipc, a bound and a connected one, and a rogue socket. */
#include "child.h"
#include "common/monitor/monitor.h"
#include "link_sides.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/syscall.h>

static void test_peers_meet_and_credit_flows(void **state)
{
    (void)state;
    side_t server, client;
    s_meet(&server, &client);
    peer_t *peer = link_peer(client.link);
    assert_string_equal(peer_name(peer), "authd-0");
    server.hold = true;
    s_send(&client, LINK_SMALL - 1);
    s_send(&client, 1);
    assert_false(link_can_send(client.link, peer));
    s_turn(&server, &client, &server.requests, LINK_SMALL, 3000);
    assert_int_equal(peer_outstanding(peer), 2);
    link_taken(server.link, server.from,
               (link_batch_t){client.instance, server.instance, server.last_batch});
    s_turn(&server, &client, &client.credit, 1, 3000);
    assert_int_equal(peer_outstanding(peer), 0);
    link_destroy(&client.link);
    s_turn(&server, NULL, &server.down, 1, 3000); /* it said GOODBYE */
    link_destroy(&server.link);
}

/* More than two batches may be under way while they have few entries, and get CREDIT together. */
static void test_batches_of_few_entries_share_a_credit(void **state)
{
    (void)state;
    side_t server, client;
    s_meet(&server, &client);
    peer_t *peer = link_peer(client.link);
    unsigned credit = client.credit;
    for (unsigned i = 0; i < LINK_SMALL; i++) {
        assert_true(link_can_send(client.link, peer));
        s_send(&client, 1);
    }
    assert_false(link_can_send(client.link, peer));
    while (server.requests < LINK_SMALL)
        link_drain(server.link, 1);
    while (client.credit == credit)
        link_drain(client.link, 1); /* no heartbeat brings it: nothing ticks */
    assert_int_equal(client.credit, credit + 1);
    assert_int_equal(peer_outstanding(peer), 0);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

static void test_a_new_instance_is_seen_at_once(void **state)
{
    (void)state;
    side_t server, client;
    s_meet(&server, &client);
    s_send(&client, 1);
    s_send(&client, 1);
    s_turn(&server, &client, &server.requests, 2, 1000);
    uint64_t before = server.last_batch;
    server.instance = uuid_instance();
    link_restart(server.link);
    s_turn(&server, &client, &client.up, 2, 1000);
    assert_int_equal(client.down, 1);
    assert_int_equal(peer_outstanding(link_peer(client.link)), 0);
    s_turn(&server, &client, &server.up, 2, 1000);
    s_send(&client, 1);
    s_turn(&server, &client, &server.requests, 3, 1000);
    assert_true(server.last_batch > before); /* numbers never go back */
    link_destroy(&client.link);
    link_destroy(&server.link);
}

/* A worker that was stopped commits what it had and starts anew: what it says of the old batches
 * must not mix with the new numbers. */
static void test_what_came_before_a_restart_gives_no_credit(void **state)
{
    side_t server, client;
    (void)state;
    s_begin(&server, true, "authd-0");
    s_begin(&client, false, "gateway-0.0");
    s_turn(&server, &client, &client.up, 1, 2000);
    for (unsigned i = 0; i < 3; i++) {
        s_send(&client, 1);
        s_turn(&server, &client, &client.credit, i + 1, 2000);
    }
    server.hold = true;
    s_send(&client, 1);
    s_turn(&server, &client, &server.requests, 4, 2000);
    link_batch_t old = {client.instance, server.instance, server.last_batch};
    server.instance = uuid_instance();
    link_restart(server.link);
    s_turn(&server, &client, &client.up, 2, 2000);
    s_turn(&server, &client, &server.up, 2, 2000);
    link_taken(server.link, server.from, old);
    server.hold = false;
    for (unsigned i = 0; i < 4; i++) {
        unsigned credit = client.credit;
        assert_true(link_can_send(client.link, link_peer(client.link)));
        s_send(&client, 1);
        s_turn(&server, &client, &client.credit, credit + 1, 2000);
    }
    assert_int_equal(peer_outstanding(link_peer(client.link)), 0);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

static void test_a_refused_peer_learns_why(void **state)
{
    (void)state;
    side_t server, client;
    s_begin(&server, true, "authd-0");
    server.answer = GOODBYE_SHARDS;
    s_begin(&client, false, "gateway-0.0");
    s_turn(&server, &client, &client.refused, 1, 3000);
    assert_false(peer_alive(link_peer(client.link)));
    server.answer = 0;
    server.up = 0;
    s_turn(&server, &client, &server.up, 1, 3000); /* it asks again */
    link_destroy(&client.link);
    link_destroy(&server.link);
}

static void test_silence_makes_a_peer_gone_and_a_frame_brings_it_back(void **state)
{
    (void)state;
    side_t server, client;
    s_meet(&server, &client);
    s_turn(&server, NULL, &server.down, 1, 6000); /* the client's loop stands still */
    unsigned before = server.up;
    s_turn(&server, &client, &server.up, before + 1, 3000);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

/* KNOWN: one batch has come before. */
static void s_lose_two(bool known)
{
    side_t server, client;
    s_meet(&server, &client);
    peer_t *peer = link_peer(client.link);
    if (known) {
        s_send(&client, 1);
        s_turn(&server, &client, &server.requests, 1, 1000);
        s_turn(&server, &client, &client.credit, 1, 3000);
    }
    unsigned credit = client.credit;
    s_send(&client, 1);
    s_send(&client, 1);
    char part[4096];
    s_turn(NULL, &client, NULL, 0, 100);
    /* throw away what waits at the server, as a broken connection would */
    while (zmq_recv(link_socket(server.link), part, sizeof part, ZMQ_DONTWAIT) >= 0)
        ;
    assert_int_equal(peer_outstanding(peer), 2);
    int64_t lost = metric_get(METRIC_link_lost_batches_total);
    s_turn(&server, &client, &client.credit, credit + 1, 3000);
    for (int i = 0; i < 100 && peer_outstanding(peer); i++)
        s_turn(&server, &client, NULL, 0, 50);
    assert_int_equal(peer_outstanding(peer), 0);
    assert_int_equal(metric_get(METRIC_link_lost_batches_total), lost + (known ? 2 : 0));
    link_destroy(&client.link);
    link_destroy(&server.link);
}

/* Of a peer's first batches nobody can tell how many they were. */
static void test_a_lost_batch_leaks_no_credit(void **state)
{
    (void)state;
    s_lose_two(true);
    s_lose_two(false);
}

static void test_garbage_is_counted_and_harms_nobody(void **state)
{
    (void)state;
    side_t server, client;
    s_begin(&server, true, "authd-0");
    s_begin(&client, false, "gateway-0.0");
    s_turn(&server, &client, &client.up, 1, 3000);
    void *rogue = zmq_socket(link_context(), ZMQ_DEALER);
    int linger = 0;
    zmq_setsockopt(rogue, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(rogue, s_endpoint), 0);
    int64_t before = metric_get(METRIC_link_malformed_total);
    srand(7);
    for (unsigned i = 0; i < 2000; i++) {
        unsigned char bytes[64];
        size_t len = (size_t)rand() % sizeof bytes;
        for (size_t j = 0; j < len; j++)
            bytes[j] = (unsigned char)rand();
        if (i % 3 == 0 && len > 2) {
            bytes[0] = 0x96;
            bytes[1] = 1;
            bytes[2] = (unsigned char)(rand() % 9);
        }
        zmq_send(rogue, bytes, len, i % 5 == 0 ? ZMQ_SNDMORE : 0);
    }
    zmq_send(rogue, "", 0, 0);
    s_turn(&server, &client, NULL, 0, 500);
    assert_true(metric_get(METRIC_link_malformed_total) > before + 1000);
    s_send(&client, 2);
    s_turn(&server, &client, &server.requests, 2, 1000);
    zmq_close(rogue);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

static void test_waking_from_silence_draws_a_new_instance(void **state)
{
    (void)state;
    uint64_t self = 5;
    int64_t last_ms = 0;
    assert_false(link_woke(&self, &last_ms, 1000));
    assert_false(link_woke(&self, &last_ms, 1000 + LINK_SILENCE_MS));
    assert_int_equal(self, 5);
    assert_true(link_woke(&self, &last_ms, 5000 + 2 * LINK_SILENCE_MS));
    assert_true(self != 5 && self != 0);
}

enum { BATCHES = 4000, LONG_MS = 1000 };

/* A loop without ticks: only input ends its waits. Counts those that nothing ended. Batches of one
 * get CREDIT when LINK_SMALL of them have been taken over. */
static unsigned s_loop(side_t *side, unsigned batches, bool sends)
{
    unsigned slept = 0, sent = 0;
    const peer_t *peer = sends ? link_peer(side->link) : NULL;
    while (sends ? sent < batches || side->credit < batches / LINK_SMALL
                 : side->requests < batches) {
        for (; sends && sent < batches && link_can_send(side->link, peer); sent++)
            s_send(side, 1);
        int64_t began_ms = clock_ms();
        link_wait(&side->link, 1, NULL, 0, LONG_MS);
        slept += clock_ms() - began_ms >= LONG_MS;
        link_drain_ready(side->link, 1); /* less than may be there */
    }
    return slept;
}

static void *s_serve(void *arg)
{
    return (void *)(uintptr_t)s_loop(arg, BATCHES, false);
}

static void test_no_input_is_slept_through(void **state)
{
    (void)state;
    side_t server, client;
    pthread_t thread;
    void *slept;
    s_meet(&server, &client);
    assert_int_equal(pthread_create(&thread, NULL, s_serve, &server), 0);
    assert_int_equal(s_loop(&client, BATCHES, true), 0);
    pthread_join(thread, &slept);
    assert_null(slept);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

/* Whether LONG_MS were waited. */
static bool s_sleeps(side_t *side, const int *fds, unsigned fds_len)
{
    int64_t began_ms = clock_ms();
    link_wait(&side->link, 1, fds, fds_len, LONG_MS);
    return clock_ms() - began_ms >= LONG_MS;
}

static void test_what_a_send_takes_in_ends_a_wait(void **state)
{
    (void)state;
    side_t server, client;
    int fds[2];
    s_meet(&server, &client);
    s_turn(&server, &client, NULL, 0, 100);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_true(s_sleeps(&client, NULL, 0));
    assert_false(s_sleeps(&client, fds, 1));
    assert_int_equal(link_drain_ready(client.link, 100), 0);
    /* Its news come; sending the next batch reads the signal that tells of them. */
    link_set_news(server.link, 1);
    usleep(20000);
    s_send(&client, 1);
    assert_false(s_sleeps(&client, NULL, 0));
    assert_int_equal(link_drain_ready(client.link, 100), 1);
    close(fds[0]);
    close(fds[1]);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

/* A listener on loopback that drops each connection that begins, as does the network of a host that
 * is away: its queue is full of FILLED. */
static int s_silent(int *filled, struct sockaddr_in *at)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(listener, (struct sockaddr *)at, len), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)at, &len), 0);
    *filled = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*filled, (struct sockaddr *)at, len), 0);
    return listener;
}

/* The port from which TABLE of the kernel says that a connection to PORT is being asked for; 0:
 * none. */
static unsigned s_asks_in(const char *table, unsigned port)
{
    enum { SYN_SENT = 2 };
    char line[256];
    unsigned from, to, state, found = 0;
    FILE *connections = fopen(table, "r");
    while (connections && fgets(line, sizeof line, connections))
        if (sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%x %x", &from, &to, &state) == 3 &&
            to == port && state == SYN_SENT)
            found = from;
    if (connections)
        fclose(connections);
    return found;
}

static unsigned s_asks_from(unsigned port)
{
    unsigned from = s_asks_in("/proc/net/tcp", port);
    return from ? from : s_asks_in("/proc/net/tcp6", port);
}

/* The kernel itself asks at ever longer intervals: a host that is back would not be met for as long
 * as it was away. */
static void test_a_silent_host_is_asked_anew(void **state)
{
    (void)state;
    side_t client;
    struct sockaddr_in at;
    int filled, listener = s_silent(&filled, &at);
    unsigned port = ntohs(at.sin_port), first = 0, others = 0;
    snprintf(s_endpoint, sizeof s_endpoint, "tcp://127.0.0.1:%u", port);
    s_begin(&client, false, "gateway-0.0");
    for (int64_t end = clock_ms() + 10000; !others && clock_ms() < end; usleep(20000)) {
        unsigned now = s_asks_from(port);
        first = first ? first : now;
        others += now && now != first;
    }
    assert_true(others);
    link_destroy(&client.link);
    close(filled);
    close(listener);
}

static void s_compare_ids(void *arg)
{
    (void)arg;
    _exit(getpid() != syscall(SYS_getpid));
}

/* The getpid that libzmq gets remembers, and a fork's child must not be taken for its parent. */
static void test_a_fork_has_an_id_of_its_own(void **state)
{
    (void)state;
    char text[256];
    link_context();
    assert_int_equal(getpid(), syscall(SYS_getpid));
    assert_int_equal(child_run(s_compare_ids, NULL, text, sizeof text), 0);
    assert_int_equal(getpid(), syscall(SYS_getpid));
}

int main(void)
{
    if (!mkdtemp(s_dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_fork_has_an_id_of_its_own),
        cmocka_unit_test(test_peers_meet_and_credit_flows),
        cmocka_unit_test(test_batches_of_few_entries_share_a_credit),
        cmocka_unit_test(test_a_new_instance_is_seen_at_once),
        cmocka_unit_test(test_what_came_before_a_restart_gives_no_credit),
        cmocka_unit_test(test_a_refused_peer_learns_why),
        cmocka_unit_test(test_silence_makes_a_peer_gone_and_a_frame_brings_it_back),
        cmocka_unit_test(test_a_lost_batch_leaks_no_credit),
        cmocka_unit_test(test_garbage_is_counted_and_harms_nobody),
        cmocka_unit_test(test_waking_from_silence_draws_a_new_instance),
        cmocka_unit_test(test_no_input_is_slept_through),
        cmocka_unit_test(test_what_a_send_takes_in_ends_a_wait),
        cmocka_unit_test(test_a_silent_host_is_asked_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
