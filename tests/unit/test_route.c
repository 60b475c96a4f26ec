/* A peer's route: nobody but the peer knows it, so nobody else gets what is for the peer. */
#include "common/link/link_struct.h"
#include "common/link/route.h"
#include "link_sides.h"

#include <string.h>
#include <zmq.h>

static void test_a_route_is_a_name_and_something_random(void **state)
{
    char route[WIRE_NAME], other[WIRE_NAME];
    (void)state;
    route_new(slice_of("channel-0"), route);
    route_new(slice_of("channel-0"), other);
    assert_int_equal(strlen(route), strlen("channel-0.0123456789abcdef"));
    assert_string_not_equal(route, other);
    assert_true(slice_is(route_name(slice_of(route)), "channel-0"));
}

static void test_a_name_that_is_too_long_is_cut(void **state)
{
    char name[WIRE_NAME] = "", route[WIRE_NAME];
    (void)state;
    memset(name, 'a', WIRE_NAME - 1);
    route_new(slice_of(name), route);
    assert_int_equal(strlen(route), WIRE_NAME - 1);
    assert_int_equal(route_name(slice_of(route)).len, LINK_NAME);
}

static void test_a_name_without_a_random_part_is_itself(void **state)
{
    static const char *const names[] = {"channel-0",
                                        "gateway-0.host.3",
                                        "control-17-0badcafe",
                                        "channel-0.0123456789abcde",
                                        "channel-0.0123456789abcdeg",
                                        "channel-0.0123456789ABCDEF",
                                        "channel-00123456789abcdef",
                                        ".0123456789abcdef",
                                        "a",
                                        ""};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(slice_is(route_name(slice_of(names[i])), names[i]));
}

/* Whether something with an entry has come. */
static bool s_overhears(void *socket)
{
    unsigned char frame[4096];
    bool requests = false;
    for (int len; (len = zmq_recv(socket, frame, sizeof frame, ZMQ_DONTWAIT)) >= 0;)
        requests |= len > 2 && frame[2] == WIRE_REQUESTS;
    return requests;
}

/* ZeroMQ gives the route to a connection that has said nothing yet. */
static void test_a_silent_connection_of_the_name_gets_nothing(void **state)
{
    side_t server, client;
    int linger = 0;
    (void)state;
    s_meet(&server, &client);
    assert_string_equal(peer_name(s_other(&server)), "gateway-0.0");
    void *silent = zmq_socket(link_context(), ZMQ_DEALER);
    zmq_setsockopt(silent, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(silent, ZMQ_ROUTING_ID, "gateway-0.0", strlen("gateway-0.0"));
    assert_int_equal(zmq_connect(silent, s_endpoint), 0);
    bool overheard = false;
    for (unsigned i = 0; i < 20; i++) {
        while (!link_can_send(server.link, s_other(&server)))
            s_turn(&server, &client, NULL, 0, 10);
        s_send(&server, 1);
        s_turn(&server, &client, &client.requests, i + 1, 3000);
        overheard |= s_overhears(silent);
    }
    assert_false(overheard);
    assert_int_equal(server.down, 0);
    zmq_close(silent);
    link_destroy(&client.link);
    link_destroy(&server.link);
}

/* A process that was killed leaves its peer behind; the next one is there at once. */
static void test_the_next_process_of_a_name_does_not_wait_for_the_last(void **state)
{
    side_t server, client, next;
    (void)state;
    s_meet(&server, &client);
    client.link->peer->alive = false; /* it ends without a word */
    link_destroy(&client.link);
    s_begin(&next, false, "gateway-0.0");
    s_turn(&server, &next, &next.up, 1, 1000);
    s_turn(&server, &next, &server.up, 2, 1000);
    s_send(&next, 1);
    s_turn(&server, &next, &server.requests, 1, 1000);
    link_destroy(&next.link);
    link_destroy(&server.link);
}

int main(void)
{
    if (!mkdtemp(s_dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_route_is_a_name_and_something_random),
        cmocka_unit_test(test_a_name_that_is_too_long_is_cut),
        cmocka_unit_test(test_a_name_without_a_random_part_is_itself),
        cmocka_unit_test(test_a_silent_connection_of_the_name_gets_nothing),
        cmocka_unit_test(test_the_next_process_of_a_name_does_not_wait_for_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
