/* Real links over tcp with CURVE: who is let in, under which name. */
#include "common/base/clock.h"
#include "common/link/curve.h"
#include "common/monitor/monitor.h"
#include "tests/unit/keyring.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka needs the above first */
#include <cmocka.h>

/* Stands before libzmq's, as a machine that is busy just then: a handshake may be refused before
 * anybody watches the socket. */
int zmq_socket_monitor(void *socket, const char *address, int events)
{
    static int (*real)(void *, const char *, int);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "zmq_socket_monitor");
    usleep(200000);
    return real(socket, address, events);
}

typedef struct {
    uint64_t instance;
    conf_t *conf;
    link_t *link;
    unsigned up, down, refused;
} side_t;

static wire_goodbye_t s_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    (void)peer;
    (void)hello;
    ((side_t *)arg)->up++;
    return 0;
}

static void s_down(void *arg, peer_t *peer)
{
    (void)peer;
    ((side_t *)arg)->down++;
}

static void s_refused(void *arg, peer_t *peer, wire_goodbye_t reason)
{
    (void)peer;
    assert_int_equal(reason, GOODBYE_ROLE);
    ((side_t *)arg)->refused++;
}

static void s_on_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    (void)arg;
    (void)peer;
    (void)message;
}

static conf_t *s_conf(const char *key)
{
    char secret[160], allowed[160], servers[160], err[512];
    char *overrides[] = {secret, allowed, servers, NULL};
    snprintf(secret, sizeof secret, "curve.secret=%s/keys/%s.secret", keyring_dir, key);
    snprintf(allowed, sizeof allowed, "curve.allowed=%s/allowed", keyring_dir);
    snprintf(servers, sizeof servers, "curve.servers=%s/servers", keyring_dir);
    conf_t *conf = conf_load_with(NULL, overrides, err, sizeof err);
    if (!conf)
        fail_msg("%s", err);
    return conf;
}

static link_options_t s_options(side_t *side, const wire_hello_t *hello, const char *endpoint)
{
    bool bind = hello->role == ROLE_AUTHD;
    return (link_options_t){
        .endpoint = endpoint,
        .bind = bind,
        .hello = hello,
        .peer_roles = 1u << (bind ? ROLE_GATEWAY : ROLE_AUTHD),
        .self = &side->instance,
        .calls = {.up = s_up,
                  .down = s_down,
                  .refused = s_refused,
                  .requests = bind ? s_on_requests : NULL},
        .arg = side,
        .conf = side->conf,
    };
}

static void s_begin(side_t *side, const char *key, const char *name, const char *endpoint)
{
    char err[512];
    wire_hello_t hello = {.role = strncmp(name, "authd", 5) == 0 ? ROLE_AUTHD : ROLE_GATEWAY,
                          .name = slice_of(name)};
    *side = (side_t){.instance = uuid_instance(), .conf = s_conf(key)};
    link_options_t options = s_options(side, &hello, endpoint);
    side->link = link_new(&options, err, sizeof err);
    if (!side->link)
        fail_msg("%s", err);
}

static void s_end(side_t *side)
{
    link_destroy(&side->link);
    conf_destroy(&side->conf);
}

/* Turns the loops until *UNTIL has reached AT_LEAST. */
static void s_turn(side_t *const *sides, const unsigned *until, unsigned at_least)
{
    int64_t end = clock_ms() + 20000;
    while (*until < at_least && clock_ms() < end) {
        for (unsigned i = 0; sides[i]; i++) {
            link_tick(sides[i]->link, clock_ms());
            link_drain(sides[i]->link, 100);
        }
        usleep(1000);
    }
    assert_true(*until >= at_least);
}

static void s_make_keys(void)
{
    static bool made;
    if (made)
        return;
    made = true;
    keyring_make("authd-0", "authd");
    keyring_make("gateway-0", "gateway");
    keyring_make("gateway-1", "gateway");
    keyring_make("gateway-2", "gateway");
    keyring_copy("authd-0", "servers");
    keyring_copy("gateway-0", "allowed");
    keyring_copy("gateway-1", "allowed");
}

static bool s_is_free(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return is;
}

/* A port of this test's own, also beside others of it, which nothing else has: system tests take
 * such ones, too. */
static void s_endpoints(char server[64], char client[64])
{
    enum { PORTS = 16 };
    static unsigned count;
    unsigned port;
    do {
        assert_true(count < PORTS);
        port = 20000 + (unsigned)getpid() % 750 * PORTS + count++;
    } while (!s_is_free(port));
    snprintf(server, 64, "tcp://127.0.0.1:%u", port);
    snprintf(client, 64, "tcp://127.0.0.1:%u@authd-0", port);
}

static void test_the_holder_of_one_key_cannot_take_another_s_name(void **state)
{
    char bound[64], connected[64];
    side_t server, owner, thief;
    (void)state;
    s_make_keys();
    s_endpoints(bound, connected);
    s_begin(&server, "authd-0", "authd-0", bound);
    s_begin(&owner, "gateway-0", "gateway-0.0", connected);
    s_turn((side_t *[]){&server, &owner, NULL}, &owner.up, 1);
    s_turn((side_t *[]){&server, &owner, NULL}, &server.up, 1);
    s_begin(&thief, "gateway-1", "gateway-0.0", connected);
    s_turn((side_t *[]){&server, &owner, &thief, NULL}, &thief.refused, 1);
    assert_int_equal(server.up, 1);
    assert_int_equal(server.down, 0); /* the owner's route is not its name */
    s_end(&thief);
    s_begin(&thief, "gateway-1", "gateway-1.0", connected); /* its own name is free to it */
    s_turn((side_t *[]){&server, &owner, &thief, NULL}, &thief.up, 1);
    s_end(&thief);
    s_end(&owner);
    s_end(&server);
}

static void test_a_strange_key_gets_no_connection(void **state)
{
    char bound[64], connected[64];
    side_t server, stranger;
    (void)state;
    s_make_keys();
    s_endpoints(bound, connected);
    s_begin(&server, "authd-0", "authd-0", bound);
    int64_t before = metric_get(METRIC_link_refused_total);
    s_begin(&stranger, "gateway-2", "gateway-2.0", connected);
    for (int i = 0; i < 20000 && metric_get(METRIC_link_refused_total) < before + 2; i++) {
        link_tick(server.link, clock_ms());
        link_drain(server.link, 100);
        link_tick(stranger.link, clock_ms());
        link_drain(stranger.link, 100);
        usleep(1000);
    }
    assert_true(metric_get(METRIC_link_refused_total) >= before + 2); /* both sides say so */
    assert_int_equal(server.up, 0);
    keyring_copy("gateway-2", "allowed"); /* allowed while both run: it tries again by itself */
    s_turn((side_t *[]){&server, &stranger, NULL}, &server.up, 1);
    s_end(&stranger);
    s_end(&server);
}

static void test_which_endpoints_are_encrypted_and_how_they_are_written(void **state)
{
    char address[CURVE_ADDRESS];
    (void)state;
    s_make_keys();
    conf_t *conf = s_conf("gateway-0");
    assert_true(curve_applies(&(link_options_t){.endpoint = "tcp://127.0.0.1:1@a", .conf = conf}));
    assert_false(curve_applies(&(link_options_t){.endpoint = "ipc:///tmp/x", .conf = conf}));
    assert_false(curve_applies(&(link_options_t){.endpoint = "tcp://127.0.0.1:1"}));
    assert_string_equal(curve_address("tcp://h:1@authd-0", address), "tcp://h:1");
    assert_string_equal(curve_address("ipc:///tmp/a@b", address), "ipc:///tmp/a@b");
    conf_destroy(&conf);
}

static void test_a_missing_certificate_is_named_with_its_setting(void **state)
{
    char err[512];
    (void)state;
    s_make_keys();
    wire_hello_t hello = {.role = ROLE_GATEWAY, .name = slice_of("gateway-0.0")};
    side_t side = {.instance = 1, .conf = s_conf("nobody")};
    link_options_t options = s_options(&side, &hello, "tcp://127.0.0.1:1@authd-0");
    assert_null(link_new(&options, err, sizeof err));
    assert_non_null(strstr(err, "curve.secret: "));
    assert_non_null(strstr(err, "nobody.secret"));
    conf_destroy(&side.conf);
    side.conf = s_conf("gateway-0");
    options = s_options(&side, &hello, "tcp://127.0.0.1:1@router-9");
    assert_null(link_new(&options, err, sizeof err));
    assert_non_null(strstr(err, "curve.servers: "));
    assert_non_null(strstr(err, "router-9.pub"));
    conf_destroy(&side.conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_endpoints_are_encrypted_and_how_they_are_written),
        cmocka_unit_test(test_a_missing_certificate_is_named_with_its_setting),
        cmocka_unit_test(test_the_holder_of_one_key_cannot_take_another_s_name),
        cmocka_unit_test(test_a_strange_key_gets_no_connection),
    };
    keyring_open();
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    keyring_close();
    return rc;
}
