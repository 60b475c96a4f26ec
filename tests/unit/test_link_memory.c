/* Two ends of a link that remember different things: real links, and peers that keep other rules,
 * over a raw socket. */
#include "common/link/link_struct.h"
#include "common/monitor/monitor.h"
#include "link_sides.h"

enum { FORGET_MS = 70000, SILENT_MS = 4000, STUCK_MS = 25000 };

/* Batches in one direction, one by one, each taken over before the next two. */
static void s_flow(side_t *server, side_t *client, side_t *from, unsigned batches)
{
    side_t *to = from == server ? client : server;
    for (unsigned i = 0; i < batches; i++) {
        unsigned came = to->requests;
        for (unsigned ms = 0; !link_can_send(from->link, s_other(from)) && ms < 3000; ms += 10)
            s_turn(server, client, NULL, 0, 10);
        assert_true(link_can_send(from->link, s_other(from)));
        s_send(from, 1);
        s_turn(server, client, &to->requests, came + 1, 2000);
    }
}

static void s_pass_time(side_t *side, int64_t ms)
{
    for (peer_t *peer = side->link->peers.first; peer; peer = peer->next)
        peer->heard_ms -= ms;
    side->link->ticked_ms = 0;
    link_tick(side->link, clock_ms());
}

static void s_end(side_t *server, side_t *client)
{
    link_destroy(&client->link);
    link_destroy(&server->link);
}

/* The network is cut for SERVER_MS and CLIENT_MS, as each side sees it, and heals. */
static void s_outage(int64_t server_ms, int64_t client_ms)
{
    side_t server, client;
    s_meet(&server, &client);
    s_flow(&server, &client, &server, 5);
    s_flow(&server, &client, &client, 5);
    int64_t malformed = metric_get(METRIC_link_malformed_total);
    int64_t lost = metric_get(METRIC_link_lost_batches_total);
    if (client_ms)
        s_pass_time(&client, client_ms);
    if (server_ms)
        s_pass_time(&server, server_ms);
    s_turn(&server, &client, &client.up, 1 + (client_ms > 0), 2000);
    s_turn(&server, &client, &server.up, 1 + (server_ms > 0), 2000);
    s_flow(&server, &client, &server, 5);
    s_flow(&server, &client, &client, 5);
    s_turn(&server, &client, NULL, 0, 1100); /* a heartbeat */
    assert_int_equal(metric_get(METRIC_link_malformed_total), malformed);
    assert_int_equal(metric_get(METRIC_link_lost_batches_total), lost);
    s_end(&server, &client);
}

static void test_a_link_heals_whoever_forgot(void **state)
{
    (void)state;
    s_outage(FORGET_MS, SILENT_MS);
    s_outage(FORGET_MS, 0);
    s_outage(SILENT_MS, FORGET_MS);
    s_outage(0, SILENT_MS);
}

/* A raw ROUTER in the place of a bound link, for one connecting side. */
typedef struct {
    void *socket;
    uint64_t instance;
    side_t side;
} rogue_t;

static slice_t s_route(const rogue_t *rogue)
{
    return slice_of(rogue->side.link->name);
}

static void s_hello(rogue_t *rogue, uint64_t receiver)
{
    slice_t route = s_route(rogue);
    wire_hello_t hello = {
        .role = ROLE_AUTHD, .name = slice_of("authd-0"), .version_min = 1, .version_max = 1};
    assert_int_equal(wire_send_hello(rogue->socket, &route, rogue->instance, receiver, &hello), 0);
}

static void s_say(rogue_t *rogue, wire_kind_t kind, uint64_t number)
{
    slice_t route = s_route(rogue);
    assert_int_equal(wire_send_number(rogue->socket, &route, kind, rogue->instance,
                                      rogue->side.instance, number),
                     0);
}

static void s_goodbye(rogue_t *rogue, wire_goodbye_t reason)
{
    slice_t route = s_route(rogue);
    assert_int_equal(
        wire_send_goodbye(rogue->socket, &route, rogue->instance, rogue->side.instance, reason), 0);
}

static void s_batch(rogue_t *rogue, uint64_t number)
{
    slice_t route = s_route(rogue);
    wire_batch_t *batch = wire_batch_new();
    wire_request_t request = {.origin = 1, .attempt = 1, .time_left_ms = 1000, .op = 1};
    wire_batch_add_request(batch, &request, NULL);
    assert_int_equal(wire_batch_send(batch, rogue->socket, &route, WIRE_REQUESTS, rogue->instance,
                                     rogue->side.instance, number),
                     0);
    wire_batch_destroy(&batch);
}

/* The next message of KIND: its number and its receiver; false when none comes. */
static bool s_hear(rogue_t *rogue, wire_kind_t kind, uint64_t *number, uint64_t *receiver)
{
    unsigned char frame[4096];
    for (int64_t end = clock_ms() + 3000; clock_ms() < end;) {
        s_turn(NULL, &rogue->side, NULL, 0, 2);
        int more = 0, len = zmq_recv(rogue->socket, frame, sizeof frame, ZMQ_DONTWAIT);
        size_t size = sizeof more;
        if (len < 0)
            continue;
        while (zmq_getsockopt(rogue->socket, ZMQ_RCVMORE, &more, &size) == 0 && more)
            len = zmq_recv(rogue->socket, frame, sizeof frame, 0);
        unpack_t from = unpack_begin(slice(frame, (size_t)len));
        unpack_array(&from, 6);
        unpack_uint(&from, 9);
        uint64_t came = unpack_uint(&from, 9);
        unpack_uint(&from, UINT64_MAX);
        *receiver = unpack_uint(&from, UINT64_MAX);
        *number = unpack_uint(&from, UINT64_MAX);
        if (!from.failed && came == kind)
            return true;
    }
    return false;
}

static void s_rogue(rogue_t *rogue)
{
    uint64_t number, receiver;
    int linger = 0;
    static unsigned count;
    *rogue = (rogue_t){.socket = zmq_socket(link_context(), ZMQ_ROUTER), .instance = 77};
    snprintf(s_endpoint, sizeof s_endpoint, "ipc://%s/rogue-%u", s_dir, count++);
    zmq_setsockopt(rogue->socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_bind(rogue->socket, s_endpoint), 0);
    s_begin(&rogue->side, false, "gateway-0.0");
    assert_true(s_hear(rogue, WIRE_HELLO, &number, &receiver));
    s_hello(rogue, rogue->side.instance);
    s_turn(NULL, &rogue->side, &rogue->side.up, 1, 3000);
}

static void s_rogue_end(rogue_t *rogue)
{
    link_destroy(&rogue->side.link);
    zmq_close(rogue->socket);
}

/* Waits until something that was sent before is dealt with. */
static void s_settle(rogue_t *rogue)
{
    uint64_t number, receiver;
    s_hello(rogue, 0);
    assert_true(s_hear(rogue, WIRE_HELLO, &number, &receiver));
}

static void test_credit_of_before_a_goodbye_ends_nobody(void **state)
{
    const wire_goodbye_t reasons[] = {GOODBYE_LEAVING, GOODBYE_JOURNAL, 0};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        rogue_t rogue;
        s_rogue(&rogue);
        rogue.side.hold = true;
        s_batch(&rogue, 500);
        s_turn(NULL, &rogue.side, &rogue.side.requests, 1, 2000);
        link_batch_t old = {rogue.instance, rogue.side.instance, rogue.side.last_batch};
        if (reasons[i])
            s_goodbye(&rogue, reasons[i]);
        else
            s_pass_time(&rogue.side, SILENT_MS);
        s_settle(&rogue);
        link_taken(rogue.side.link, rogue.side.from, old);
        s_batch(&rogue, 1);
        s_turn(NULL, &rogue.side, &rogue.side.requests, 2, 2000);
        link_taken(rogue.side.link, rogue.side.from, old); /* is not credit for the new one */
        uint64_t number = 9, receiver;
        do
            assert_true(s_hear(&rogue, WIRE_CREDIT, &number, &receiver));
        while (number == 500);
        assert_int_equal(number, 0);
        s_rogue_end(&rogue);
    }
}

/* A sender whose numbers have gone back loses one batch, not the link. */
static void test_numbers_that_go_back_are_taken_up_again(void **state)
{
    rogue_t rogue;
    uint64_t number, receiver;
    (void)state;
    s_rogue(&rogue);
    for (uint64_t n = 100; n < 105; n++)
        s_batch(&rogue, n);
    s_turn(NULL, &rogue.side, &rogue.side.requests, 5, 2000);
    for (uint64_t n = 1; n < 5; n++)
        s_batch(&rogue, n);
    s_turn(NULL, &rogue.side, &rogue.side.requests, 8, 2000);
    do
        assert_true(s_hear(&rogue, WIRE_CREDIT, &number, &receiver));
    while (number != 4);
    s_rogue_end(&rogue);
}

/* What a peer of the version before sees: numbers that begin high, and no heartbeat that would make
 * it count those below as lost. It forgets, and begins with 1 again. */
static void test_a_peer_that_numbers_from_one_is_served(void **state)
{
    rogue_t rogue;
    uint64_t number, receiver, last = 0;
    (void)state;
    s_rogue(&rogue);
    assert_true(s_hear(&rogue, WIRE_HEARTBEAT, &number, &receiver));
    assert_int_equal(number, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(link_can_send(rogue.side.link, link_peer(rogue.side.link)));
        s_send(&rogue.side, 1);
        assert_true(s_hear(&rogue, WIRE_REQUESTS, &number, &receiver));
        assert_true(number > last);
        last = number;
        s_say(&rogue, WIRE_CREDIT, number);
        s_turn(NULL, &rogue.side, &rogue.side.credit, i + 1, 2000);
    }
    assert_true(s_hear(&rogue, WIRE_HEARTBEAT, &number, &receiver));
    assert_int_equal(number, last);
    for (unsigned round = 0; round < 2; round++) {
        s_batch(&rogue, 1);
        s_batch(&rogue, 2);
        do
            assert_true(s_hear(&rogue, WIRE_CREDIT, &number, &receiver));
        while (number != 2);
        s_pass_time(&rogue.side, SILENT_MS);
        s_settle(&rogue);
    }
    s_rogue_end(&rogue);
}

/* It lives and takes nothing over: it is greeted anew, and gets numbers that it cannot have seen.
 */
static void test_a_peer_without_credit_is_met_anew(void **state)
{
    rogue_t rogue;
    uint64_t number, receiver, last;
    (void)state;
    s_rogue(&rogue);
    s_send(&rogue.side, 1);
    s_send(&rogue.side, 1);
    assert_false(link_can_send(rogue.side.link, link_peer(rogue.side.link))); /* of version 1 */
    while (s_hear(&rogue, WIRE_REQUESTS, &last, &receiver) && last == 0)
        ;
    int64_t now_ms = clock_ms();
    peer_t *peer = link_peer(rogue.side.link);
    for (int64_t ms = 0; ms <= STUCK_MS && rogue.side.down == 0; ms += 1000) {
        peer->heard_ms = now_ms + ms; /* it goes on beating */
        link_tick(rogue.side.link, now_ms + ms);
    }
    assert_int_equal(rogue.side.down, 1);
    rogue.side.link->ticked_ms = 0;
    do
        assert_true(s_hear(&rogue, WIRE_HELLO, &number, &receiver));
    while (receiver != 0);
    s_hello(&rogue, rogue.side.instance);
    s_turn(NULL, &rogue.side, &rogue.side.up, 2, 2000);
    assert_true(link_can_send(rogue.side.link, peer));
    s_send(&rogue.side, 1);
    assert_true(s_hear(&rogue, WIRE_REQUESTS, &number, &receiver) && number > last + LINK_WINDOW);
    s_rogue_end(&rogue);
}

/* A frame as a process of another version makes it. */
static void s_say_foreign(const rogue_t *rogue, unsigned version, wire_kind_t kind,
                          uint64_t receiver, unsigned reasons)
{
    pack_t out = {0};
    slice_t route = s_route(rogue);
    pack_array(&out, 6);
    pack_uint(&out, version);
    pack_uint(&out, kind);
    pack_uint(&out, rogue->instance);
    pack_uint(&out, receiver);
    pack_uint(&out, 0);
    pack_array(&out, 2 + reasons);
    for (unsigned i = 0; i < reasons; i++)
        pack_uint(&out, GOODBYE_VERSION);
    pack_uint(&out, version);
    pack_uint(&out, version);
    assert_true(zmq_send(rogue->socket, route.data, route.len, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(rogue->socket, out.data, out.len, 0) >= 0);
    pack_free(&out);
}

/* What it cannot read it answers, naming no instance; that is heard, and answered by nobody. */
static void test_another_version_is_told_and_hears_it(void **state)
{
    rogue_t rogue;
    uint64_t number, receiver;
    (void)state;
    s_rogue(&rogue);
    s_goodbye(&rogue, GOODBYE_JOURNAL); /* its instance is unknown again */
    s_turn(NULL, &rogue.side, &rogue.side.refused, 1, 2000);
    s_say_foreign(&rogue, 9, WIRE_HELLO, 0, 1);
    assert_true(s_hear(&rogue, WIRE_GOODBYE, &number, &receiver));
    assert_int_equal(receiver, 0);
    s_say_foreign(&rogue, 9, WIRE_GOODBYE, 0, 1);
    s_turn(NULL, &rogue.side, &rogue.side.refused, 2, 2000);
    s_say_foreign(&rogue, 9, WIRE_GOODBYE, 0, 2); /* malformed */
    s_hello(&rogue, rogue.side.instance);
    s_turn(NULL, &rogue.side, &rogue.side.up, 2, 2000);
    assert_false(s_hear(&rogue, WIRE_GOODBYE, &number, &receiver));
    s_rogue_end(&rogue);
}

/* It may be about a frame of whoever had our name before. */
static void test_a_goodbye_to_nobody_ends_no_link(void **state)
{
    rogue_t rogue;
    (void)state;
    s_rogue(&rogue);
    int64_t refused = metric_get(METRIC_link_refused_total);
    int64_t stale = metric_get(METRIC_link_stale_total);
    s_say_foreign(&rogue, 2, WIRE_GOODBYE, 0, 1);
    s_settle(&rogue);
    assert_int_equal(metric_get(METRIC_link_refused_total), refused + 1);
    assert_int_equal(metric_get(METRIC_link_stale_total), stale);
    rogue.instance++; /* not of who was met */
    s_say_foreign(&rogue, 2, WIRE_GOODBYE, 0, 1);
    rogue.instance--;
    slice_t route = s_route(&rogue);
    assert_int_equal(wire_send_goodbye(rogue.socket, &route, rogue.instance, 0, GOODBYE_LEAVING),
                     0);
    s_settle(&rogue);
    assert_int_equal(metric_get(METRIC_link_refused_total), refused + 1);
    assert_int_equal(metric_get(METRIC_link_stale_total), stale + 2);
    assert_int_equal(rogue.side.down, 0);
    assert_int_equal(rogue.side.refused, 0);
    s_batch(&rogue, 500);
    s_turn(NULL, &rogue.side, &rogue.side.requests, 1, 2000);
    s_rogue_end(&rogue);
}

/* What a short call of posternctl is to a bound link. True when it was let in, and REASON is what
 * it was refused with. LEAVES: it says so. */
static bool s_visit(side_t *server, unsigned number, bool leaves, uint64_t *reason)
{
    char name[WIRE_NAME];
    unsigned char frame[512];
    int len = -1, linger = 0;
    void *socket = zmq_socket(link_context(), ZMQ_DEALER);
    snprintf(name, sizeof name, "control-%u", number);
    zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name));
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(socket, s_endpoint), 0);
    wire_hello_t hello = {
        .role = ROLE_GATEWAY, .name = slice_of(name), .version_min = 1, .version_max = 3};
    assert_int_equal(wire_send_hello(socket, NULL, number + 1, 0, &hello), 0);
    for (int64_t end = clock_ms() + 3000; len < 0 && clock_ms() < end;) {
        link_drain(server->link, 100);
        len = zmq_recv(socket, frame, sizeof frame, ZMQ_DONTWAIT);
    }
    assert_true(len > 0);
    unpack_t from = unpack_begin(slice(frame, (size_t)len));
    unpack_array(&from, 6);
    unpack_uint(&from, 9);
    bool in = unpack_uint(&from, 9) == WIRE_HELLO;
    unsigned down = server->down;
    if (!in) {
        for (unsigned i = 0; i < 3; i++)
            unpack_uint(&from, UINT64_MAX);
        unpack_array(&from, 3);
        *reason = unpack_uint(&from, 255);
    } else if (leaves) {
        wire_send_goodbye(socket, NULL, number + 1, server->instance, GOODBYE_LEAVING);
        for (int64_t end = clock_ms() + 3000; server->down == down && clock_ms() < end;)
            link_drain(server->link, 100);
    }
    zmq_close(socket);
    return in;
}

static void test_a_peer_that_leaves_is_forgotten_at_once(void **state)
{
    enum { VISITS = LINK_PEERS + 100 };
    side_t server;
    uint64_t reason = 0;
    (void)state;
    s_begin(&server, true, "authd-0");
    for (unsigned i = 0; i < VISITS; i++)
        assert_true(s_visit(&server, i, true, &reason));
    assert_int_equal(server.up, VISITS);
    assert_int_equal(server.down, VISITS);
    assert_int_equal(server.link->peers.count, 0);
    link_destroy(&server.link);
}

/* Those that were killed count for as long as they are alive; then they make room. Who has another
 * in its place does so at once. */
static void test_only_peers_that_live_fill_a_link(void **state)
{
    side_t server;
    uint64_t reason = 0;
    (void)state;
    s_begin(&server, true, "authd-0");
    for (unsigned i = 0; i < LINK_PEERS; i++)
        assert_true(s_visit(&server, i, false, &reason));
    assert_false(s_visit(&server, LINK_PEERS, false, &reason));
    assert_int_equal(reason, GOODBYE_FULL);
    enum { YIELDS = 7 };
    peer_yield(link_peer_of(server.link, YIELDS));
    assert_true(s_visit(&server, LINK_PEERS, false, &reason));
    assert_null(link_peer_of(server.link, YIELDS));
    assert_int_equal(server.down, 1);
    assert_false(s_visit(&server, LINK_PEERS + 1, false, &reason));
    s_pass_time(&server, SILENT_MS);
    for (unsigned i = 1; i < 10; i++)
        assert_true(s_visit(&server, LINK_PEERS + 1 + i, false, &reason));
    assert_int_equal(server.link->peers.count, LINK_PEERS);
    link_destroy(&server.link);
}

int main(void)
{
    if (!mkdtemp(s_dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_link_heals_whoever_forgot),
        cmocka_unit_test(test_numbers_that_go_back_are_taken_up_again),
        cmocka_unit_test(test_a_peer_that_numbers_from_one_is_served),
        cmocka_unit_test(test_a_peer_without_credit_is_met_anew),
        cmocka_unit_test(test_a_peer_that_leaves_is_forgotten_at_once),
        cmocka_unit_test(test_only_peers_that_live_fill_a_link),
        cmocka_unit_test(test_credit_of_before_a_goodbye_ends_nobody),
        cmocka_unit_test(test_another_version_is_told_and_hears_it),
        cmocka_unit_test(test_a_goodbye_to_nobody_ends_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
