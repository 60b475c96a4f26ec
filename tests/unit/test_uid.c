/* Who is at the other end of an ipc connection: what ZAP tells, and what a user's roles are. */
#include "common/link/keys.h"
#include "common/link/uid.h"

#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

static void s_proves(const char *address, const char *expected)
{
    char text[32];
    uid_proof(address, text);
    assert_string_equal(text, expected);
}

static void test_the_user_is_read_from_the_address(void **state)
{
    (void)state;
    s_proves(":8:12:4711", "uid:8");
    s_proves("/run/postern/router-workers.d/s:4294967294:12:4711", "uid:4294967294");
    s_proves("/odd:1:2:3/s:8:12:4711", "uid:8");
    s_proves("", "");
    s_proves("8:12:4711", "");
    s_proves("::12:4711", "");
    s_proves(":x:12:4711", "");
    s_proves(":8x:12:4711", "");
    s_proves(":12345678901:12:4711", "");
    s_proves("127.0.0.1", "");
}

static void test_a_key_is_no_proof_of_a_user(void **state)
{
    (void)state;
    assert_true(uid_is_proof("uid:8"));
    assert_false(uid_is_proof(""));
    assert_false(uid_is_proof("uid:8abcdefghijklmnopqrstuvwxyz0123456789AB"));
    assert_false(uid_is_proof("0123456789abcdefghijklmnopqrstuvwxyzABCD"));
}

/* The users that s_apply has named, by the names of Debian's own. */
static void s_proof(const char *user, char text[32])
{
    snprintf(text, 32, "uid:%u", (unsigned)getpwnam(user)->pw_uid);
}

static void s_apply(void)
{
    char err[256];
    char *overrides[] = {"authd.user=man", "channel.user=mail", "bot.user=news",
                         "gateway.user=nobody-like-this", NULL};
    conf_t *conf = conf_load_with(NULL, overrides, err, sizeof err);
    assert_non_null(conf);
    void *socket = zmq_socket(link_context(), ZMQ_ROUTER);
    link_options_t options = {.bind = true, .peer_roles = 1u << ROLE_WORKER, .conf = conf};
    assert_int_equal(uid_apply(socket, &options, err, sizeof err), 0);
    zmq_close(socket);
    conf_destroy(&conf);
}

static void test_a_user_has_the_roles_and_names_of_its_kind(void **state)
{
    (void)state;
    char channel[32], bot[32], authd[32], stranger[32];
    s_apply();
    s_proof("mail", channel);
    s_proof("news", bot);
    s_proof("man", authd);
    s_proof("games", stranger);
    assert_int_equal(uid_roles(channel), key_roles("channel"));
    assert_int_equal(uid_roles(bot), key_roles("bot"));
    assert_int_equal(uid_roles(authd), key_roles("authd") | 1u << ROLE_CONTROL);
    assert_int_equal(uid_roles(stranger), 0);
    unsigned all = key_roles("gateway,authd,router,worker") | 1u << ROLE_CONTROL;
    assert_int_equal(uid_roles("uid:0"), all);
    assert_true(uid_name(channel, slice_of("channel-0")));
    assert_false(uid_name(bot, slice_of("channel-0")));
    assert_false(uid_name(bot, slice_of("gateway-0"))); /* whose user is not there */
    assert_true(uid_name("uid:0", slice_of("channel-0")));
    assert_true(uid_name(authd, slice_of("control-17-0badcafe")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_user_is_read_from_the_address),
        cmocka_unit_test(test_a_key_is_no_proof_of_a_user),
        cmocka_unit_test(test_a_user_has_the_roles_and_names_of_its_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
