#include "common/base/egress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static egress_t *s_guard(const char *allow)
{
    char err[200] = "";
    egress_t *guard = egress_new(allow, err, sizeof err);
    if (!guard)
        fail_msg("%s: %s", allow, err);
    return guard;
}

/* By the socket's name, as a connect has it. */
static const char *s_refusal(const egress_t *guard, const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return egress_refusal(guard, (struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return egress_refusal(guard, (struct sockaddr *)&v6);
}

static void test_example(void **state)
{
    (void)state;
    egress_t *guard = s_guard("10.1.0.0/16");
    assert_null(s_refusal(guard, "93.184.216.34"));
    assert_null(s_refusal(guard, "10.1.2.3"));
    assert_string_equal(s_refusal(guard, "10.2.2.3"), "private network");
    assert_string_equal(s_refusal(guard, "127.0.0.1"), "loopback");
    assert_string_equal(s_refusal(guard, "169.254.169.254"), "metadata service");
    egress_destroy(&guard);
    egress_destroy(&guard);
}

/* The first and the last address of each network that must not be reached. */
static const char *const s_refused[] = {
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.0",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.0",
    "192.0.0.255",
    "192.0.2.0",
    "192.0.2.255",
    "192.88.99.0",
    "192.88.99.255",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.0",
    "198.51.100.255",
    "203.0.113.0",
    "203.0.113.255",
    "224.0.0.0",
    "239.255.255.255",
    "240.0.0.0",
    "255.255.255.255",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "::",
    "::1",
    "::2",
    "::ffff:0:0",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::a9fe:a9fe",
    "::fffe:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:0:0:0:1:808:808",
    "64:ff9b:1::8.8.8.8",
    "64:ff9b:1:ffff::",
    "100::",
    "100::ffff:ffff:ffff:ffff",
    "1fff:ffff::",
    "2001::",
    "2001:0:4136:e378::1",
    "2001:10::1",
    "2001:1ff:ffff::1",
    "2001:db8::",
    "2001:db8:ffff::1",
    "2002::",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:a9fe:a9fe::1",
    "2002:808:808::1",
    "2002:ffff:ffff::",
    "3fff::1",
    "3fff:fff::1",
    "4000::",
    "5f00::1",
    "8000::1",
    "fc00::",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fdff:ffff::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "feff::1",
    "ff00::",
    "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

/* Their neighbours. */
static const char *const s_reached[] = {
    "1.0.0.0",         "9.255.255.255",      "11.0.0.0",
    "100.63.255.255",  "100.128.0.0",        "126.255.255.255",
    "128.0.0.0",       "169.253.255.255",    "169.255.0.0",
    "172.15.255.255",  "172.32.0.0",         "191.255.255.255",
    "192.0.1.0",       "192.0.3.0",          "192.88.98.255",
    "192.88.100.0",    "192.167.255.255",    "192.169.0.0",
    "198.17.255.255",  "198.20.0.0",         "198.51.99.255",
    "198.51.101.0",    "203.0.112.255",      "203.0.114.0",
    "223.255.255.255", "168.63.129.15",      "8.8.8.8",
    "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",   "2000::",
    "2001:200::",      "2001:db7:ffff::1",   "2001:db9::",
    "2003::",          "2606:2800:220:1::1", "3ffe:ffff::1",
    "3fff:1000::1",
};

static void test_corpus(void **state)
{
    (void)state;
    egress_t *guard = s_guard("");
    for (size_t i = 0; i < sizeof s_refused / sizeof *s_refused; i++)
        if (!s_refusal(guard, s_refused[i]))
            fail_msg("reached: %s", s_refused[i]);
    for (size_t i = 0; i < sizeof s_reached / sizeof *s_reached; i++)
        if (s_refusal(guard, s_reached[i]))
            fail_msg("%s: %s", s_reached[i], s_refusal(guard, s_reached[i]));
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    assert_non_null(egress_refusal(guard, (struct sockaddr *)&local));
    egress_destroy(&guard);
}

static void test_never(void **state)
{
    static const char *const never[] = {"169.254.169.254",
                                        "169.254.170.2",
                                        "100.100.100.200",
                                        "192.0.0.192",
                                        "168.63.129.16",
                                        "fd00:ec2::254",
                                        "fd20:ce::254",
                                        "0.0.0.0",
                                        "::",
                                        "224.0.0.1",
                                        "255.255.255.255",
                                        "ff02::1",
                                        "::ffff:169.254.169.254",
                                        "::169.254.169.254",
                                        "64:ff9b::169.254.169.254",
                                        "2002:a9fe:a9fe::1",
                                        "64:ff9b:1::1"};
    (void)state;
    egress_t *guard = s_guard("0.0.0.0/0 ::/0");
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (!s_refusal(guard, never[i]))
            fail_msg("reached: %s", never[i]);
    egress_destroy(&guard);
}

static void test_allowed(void **state)
{
    static const struct {
        const char *allow, *address;
        bool reached;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"127.0.0.1", "::1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
        {"10.0.0.0/8", "64:ff9b::10.1.2.3", true},
        {"10.0.0.0/8", "::10.1.2.3", false}, /* of a network that itself is not allowed */
        {"10.0.0.0/8 ::/96", "::10.1.2.3", true},
        {"2002::/16", "2002:0808:0808::1", true},
        {"2002::/16", "2002:0a00:0001::1", false},
        {"fd12::/16", "fd12:3::4", true},
        {"fd12::/16", "fd13::4", false},
        {"fe80::/10", "fe80::1", true},
        {"169.254.0.0/16", "169.254.1.1", true},
        {" 10.0.0.0/8  192.168.1.0/24 ", "192.168.1.255", true},
        {" 10.0.0.0/8  192.168.1.0/24 ", "192.168.2.0", false},
        {"::/0", "10.0.0.1", false}, /* an IPv6 network allows no IPv4 address */
        {"::/0", "::ffff:10.0.0.1", false},
        {"::ffff:10.0.0.0/104", "10.0.0.1", true},
        {"0.0.0.0/0", "fd12::1", false},
        {"240.0.0.0/4", "250.1.1.1", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        egress_t *guard = s_guard(rows[i].allow);
        if ((s_refusal(guard, rows[i].address) == NULL) != rows[i].reached)
            fail_msg("%s with %s", rows[i].address, rows[i].allow);
        egress_destroy(&guard);
    }
}

static void test_bad_networks(void **state)
{
    static const char *const bad[] = {"10.0.0.0/33",  "10/8",   "localhost",
                                      "10.0.0.0/8;x", "::/129", "fe80::1%eth0"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char err[200] = "", text[100];
        snprintf(text, sizeof text, "10.0.0.0/8 %s", bad[i]);
        assert_null(egress_new(text, err, sizeof err));
        assert_non_null(strstr(err, bad[i]));
    }
}

/* A second, slower statement of the rule for IPv4, by ranges as a person reads them. */
static bool s_is_public_v4(uint32_t a)
{
    static const char *const ranges[][2] = {
        {"0.0.0.0", "0.255.255.255"},       {"10.0.0.0", "10.255.255.255"},
        {"100.64.0.0", "100.127.255.255"},  {"127.0.0.0", "127.255.255.255"},
        {"168.63.129.16", "168.63.129.16"}, {"169.254.0.0", "169.254.255.255"},
        {"172.16.0.0", "172.31.255.255"},   {"192.0.0.0", "192.0.0.255"},
        {"192.0.2.0", "192.0.2.255"},       {"192.88.99.0", "192.88.99.255"},
        {"192.168.0.0", "192.168.255.255"}, {"198.18.0.0", "198.19.255.255"},
        {"198.51.100.0", "198.51.100.255"}, {"203.0.113.0", "203.0.113.255"},
        {"224.0.0.0", "255.255.255.255"}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (a >= ntohl(inet_addr(ranges[i][0])) && a <= ntohl(inet_addr(ranges[i][1])))
            return false;
    return true;
}

static uint32_t s_random_v4(void)
{
    uint32_t a = (uint32_t)random() << 16 ^ (uint32_t)random();
    /* Half of them near the edges of some network. */
    if (random() % 2)
        a &= 0xffffffffu << (random() % 32);
    return random() % 4 ? a : a - 1;
}

/* Every way to write an IPv4 address in an IPv6 one is judged as the address itself. */
static void test_property_v4(void **state)
{
    (void)state;
    egress_t *guard = s_guard("");
    srandom(11);
    unsigned refused = 0;
    for (unsigned n = 0; n < 20000; n++) {
        uint32_t a = s_random_v4();
        bool public = s_is_public_v4(a);
        refused += !public;
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(a)};
        assert_int_equal(egress_refusal(guard, (struct sockaddr *)&v4) == NULL, public);
        char text[4][64];
        snprintf(text[0], 64, "::ffff:%x:%x", a >> 16, a & 0xffff);
        snprintf(text[1], 64, "64:ff9b::%x:%x", a >> 16, a & 0xffff);
        snprintf(text[2], 64, "::%x:%x", a >> 16, a & 0xffff);
        snprintf(text[3], 64, "2002:%x:%x::%lx", a >> 16, a & 0xffff,
                 (unsigned long)random() & 0xffff);
        assert_int_equal(s_refusal(guard, text[0]) == NULL, public);
        assert_int_equal(s_refusal(guard, text[1]) == NULL, public);
        assert_non_null(s_refusal(guard, text[2]));
        assert_non_null(s_refusal(guard, text[3]));
    }
    assert_true(refused > 1000 && refused < 19000);
    egress_destroy(&guard);
}

/* Of random IPv6 addresses only those of 2000::/3 are reached, whatever else they hold. */
static void test_property_v6(void **state)
{
    (void)state;
    egress_t *guard = s_guard("");
    srandom(13);
    unsigned reached = 0;
    for (unsigned n = 0; n < 20000; n++) {
        address_t address;
        for (size_t i = 0; i < 16; i++)
            address.bytes[i] = random() % 3 ? (uint8_t)random() : 0;
        if (egress_refusal_of(guard, &address))
            continue;
        reached++;
        if (address.bytes[0] >> 5 != 1) {
            char text[ADDRESS_TEXT];
            address_text(&address, text);
            fail_msg("reached: %s", text);
        }
    }
    assert_true(reached > 1000);
    egress_destroy(&guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),      cmocka_unit_test(test_corpus),
        cmocka_unit_test(test_never),        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_bad_networks), cmocka_unit_test(test_property_v4),
        cmocka_unit_test(test_property_v6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
