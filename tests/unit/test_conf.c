/* Configuration: file, environment, overrides, and each way to be refused. */
#include "child.h"
#include "common/conf/conf.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char s_scratch[SCRATCH], s_path[SCRATCH + 16], s_err[8192];

static int s_setup(void **state)
{
    (void)state;
    scratch_make(s_scratch);
    snprintf(s_path, sizeof s_path, "%s/file.conf", s_scratch);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    scratch_remove(s_scratch);
    return 0;
}

static conf_t *s_load(const char *text)
{
    scratch_write(s_path, text);
    s_err[0] = '\0';
    return conf_load(s_path, s_err, sizeof s_err);
}

/* The whole of the file is refused, and the reason ends the message. */
static void s_refuses(const char *text, const char *reason)
{
    conf_t *conf = s_load(text);
    if (conf)
        fail_msg("taken: %s", text);
    if (!strstr(s_err, reason))
        fail_msg("said \"%s\", not \"%s\"", s_err, reason);
    assert_int_equal(strncmp(s_err, s_path, strlen(s_path)), 0);
    assert_null(strchr(s_err, '\n'));
}

static void test_defaults(void **state)
{
    (void)state;
    conf_t *conf = s_load("");
    assert_non_null(conf);
    assert_int_equal(conf_uint(conf, SET_gateway_threads), 1);
    assert_string_equal(conf_text(conf, SET_log_level), "info");
    assert_string_equal(conf_text(conf, SET_gateway_listen), "127.0.0.1:8080");
    assert_string_equal(conf_text(conf, SET_process_user), "");
    conf_destroy(&conf);
    assert_null(conf);
    conf_destroy(&conf);
}

static void test_file(void **state)
{
    (void)state;
    conf_t *conf = s_load("#   a comment\n"
                          "gateway\n"
                          "    threads = 4      #  another\n"
                          "    listen = \"[::1]:81\"\n"
                          "public\n"
                          "    url = \"https://hooks.example.org\"\n");
    assert_non_null(conf);
    assert_int_equal(conf_uint(conf, SET_gateway_threads), 4);
    assert_string_equal(conf_text(conf, SET_gateway_listen), "[::1]:81");
    assert_string_equal(conf_text(conf, SET_public_url), "https://hooks.example.org");
    conf_destroy(&conf);
}

static void test_a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    conf_t *conf = s_load("\xef\xbb\xbfgateway\n    threads = 4\n");
    if (!conf)
        fail_msg("%s", s_err);
    assert_int_equal(conf_uint(conf, SET_gateway_threads), 4);
    conf_destroy(&conf);
}

static void test_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"abc",
                                      "0",
                                      "65",
                                      "-1",
                                      "+2",
                                      "0x2",
                                      "2 ",
                                      "1e1",
                                      "1.0",
                                      "18446744073709551617",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128], reason[128];
        snprintf(text, sizeof text, "gateway\n    threads = \"%s\"\n", bad[i]);
        snprintf(reason, sizeof reason,
                 "file.conf: gateway.threads: \"%s\" is not a number from 1 to 64", bad[i]);
        s_refuses(text, reason);
    }
    s_refuses("gateway\n    threads = \"\"\n", "is not a number from 1 to 64");
    conf_t *conf = s_load("gateway\n    threads = 64\nworker\n    map_bytes = 17592186044416\n");
    assert_non_null(conf);
    assert_int_equal(conf_uint(conf, SET_gateway_threads), 64);
    assert_int_equal(conf_uint(conf, SET_worker_map_bytes), 17592186044416);
    conf_destroy(&conf);
}

static void test_unknown_names(void **state)
{
    (void)state;
    s_refuses("gateway\n    thread = 2\n", "gateway.thread: there is no such setting");
    s_refuses("gatewy\n    threads = 2\n", "there is no section \"gatewy\"");
    s_refuses("threads = 2\n", "there is no section \"threads\"");
}

/* What the file says and nobody would read is refused as well. */
static void test_misplaced_lines(void **state)
{
    (void)state;
    s_refuses("gateway = 2\n", "gateway");
    s_refuses("gateway\n    threads = 2\n        deep = 3\n", "gateway.threads");
    s_refuses("gateway\n    threads = 2\n    threads = 3\n", "gateway.threads: is there twice");
    s_refuses("gateway\n    threads = 2\nlog\n    level = warn\ngateway\n    threads = 3\n",
              "gateway.threads: is there twice");
}

static void test_not_a_file(void **state)
{
    (void)state;
    s_refuses("gateway\n  threads = 2\n", "ZPL");
    assert_null(conf_load("/nonexistent/x.conf", s_err, sizeof s_err));
    assert_non_null(strstr(s_err, "/nonexistent/x.conf: No such file"));
    assert_null(conf_load(s_scratch, s_err, sizeof s_err));
    assert_non_null(strstr(s_err, s_scratch));
}

static void test_texts_and_lengths(void **state)
{
    (void)state;
    s_refuses("log\n    level = loud\n", "file.conf: log.level: \"loud\" is not debug, info");
    s_refuses("log\n    level = a\n", "log.level");
    s_refuses("public\n    url = \"http:/\"\n", "public.url");
    s_refuses("data\n    directory = \"\"\n", "data.directory");
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < 4; i++) {
        char text[64];
        snprintf(text, sizeof text, "log\n    level = %s\n", levels[i]);
        conf_t *conf = s_load(text);
        assert_non_null(conf);
        conf_destroy(&conf);
    }
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "8080",     "127.0.0.1", "127.0.0.1:",   "127.0.0.1:0",  "127.0.0.1:65536",
        ":8080",    "::1:8080",  "[::1]",        "[::1:8080",    "1.2.3:80",
        "127.1:80", "host:80",   "127.0.0.1:8o", "[1.2.3.4]:80", "[]:80",
        ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "gateway\n    listen = \"%s\"\n", bad[i]);
        s_refuses(text, "gateway.listen: ");
    }
    static const char *const good[] = {"0.0.0.0:1", "[::]:65535", "192.0.2.1:8080"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char text[128];
        snprintf(text, sizeof text, "gateway\n    listen = \"%s\"\n", good[i]);
        conf_t *conf = s_load(text);
        assert_non_null(conf);
        assert_string_equal(conf_text(conf, SET_gateway_listen), good[i]);
        conf_destroy(&conf);
    }
}

static void test_an_address_may_be_none(void **state)
{
    (void)state;
    char text[64] = "before";
    conf_t *conf = s_load("admin\n    listen = \"\"\n");
    assert_non_null(conf);
    conf_address(conf, SET_admin_listen, 0, text, sizeof text);
    assert_string_equal(text, "");
    conf_destroy(&conf);
    s_refuses("gateway\n    listen = \"\"\n", "gateway.listen: ");
}

static void s_raise_too_far(void *arg)
{
    char text[64];
    conf_address(arg, SET_gateway_monitor, 200, text, sizeof text);
    puts(text);
}

static void test_raised_ports(void **state)
{
    (void)state;
    char text[64], said[1024];
    conf_t *conf = s_load("gateway\n    monitor = \"[::1]:65500\"\n");
    assert_non_null(conf);
    conf_address(conf, SET_gateway_monitor, 0, text, sizeof text);
    assert_string_equal(text, "[::1]:65500");
    conf_address(conf, SET_gateway_monitor, 35, text, sizeof text);
    assert_string_equal(text, "[::1]:65535");
    /* A port that wraps round would open another service's. */
    assert_int_equal(child_run(s_raise_too_far, conf, said, sizeof said), 78);
    assert_non_null(strstr(said, "gateway.monitor"));
    conf_destroy(&conf);
}

static void test_endpoints_resolve(void **state)
{
    (void)state;
    char expected[SCRATCH + 64];
    conf_t *conf = s_load("data\n    sockets = \"run\"\n"
                          "gateway\n    authd = \"ipc://a  ipc:///tmp/b tcp://127.0.0.1:5\"\n");
    assert_non_null(conf);
    snprintf(expected, sizeof expected, "ipc://%s/run/a", s_scratch);
    assert_string_equal(conf_endpoint(conf, SET_gateway_authd, 0), expected);
    assert_string_equal(conf_endpoint(conf, SET_gateway_authd, 1), "ipc:///tmp/b");
    assert_string_equal(conf_endpoint(conf, SET_gateway_authd, 2), "tcp://127.0.0.1:5");
    assert_null(conf_endpoint(conf, SET_gateway_authd, 3));
    assert_null(conf_endpoint(conf, SET_gateway_authd, 1000));
    snprintf(expected, sizeof expected, "ipc://%s/run/control", s_scratch);
    assert_string_equal(conf_endpoint(conf, SET_authd_control, 0), expected);
    assert_string_equal(conf_text(conf, SET_authd_control), expected);
    conf_destroy(&conf);
}

static void test_endpoints_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"ipc://",      "ipc://@abstract",      "ipc://*",
                                      "ipc://run/x", "tcp://127.0.0.1",      "tcp://127.0.0.1:*",
                                      "tcp://:5",    "udp://127.0.0.1:5",    "inproc://x",
                                      "127.0.0.1:5", "tcp://127.0.0.1:65536"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "authd\n    listen = \"%s\"\n", bad[i]);
        s_refuses(text, "authd.listen: ");
    }
    s_refuses("authd\n    listen = \"\"\n", "authd.listen: ");
    s_refuses("authd\n    listen = \"ipc://a ipc://b\"\n", "authd.listen: ");
    s_refuses("authd\n    control = \"tcp://127.0.0.1:5\"\n", "authd.control: ");
}

static void test_long_socket_paths(void **state)
{
    (void)state;
    char text[256], name[128];
    memset(name, 'n', sizeof name);
    static const char head[] = "/tmp/";
    name[107 - (sizeof head - 1)] = '\0';
    snprintf(text, sizeof text, "authd\n    listen = \"ipc://%s%s\"\n", head, name);
    conf_t *conf = s_load(text);
    assert_non_null(conf);
    conf_destroy(&conf);
    snprintf(text, sizeof text, "authd\n    listen = \"ipc://%sn%s\"\n", head, name);
    s_refuses(text, "107");
    s_refuses("data\n    sockets = "
              "\"/a/directory/whose/name/is/just/short/enough/for/the/setting/itself/aaaaaaaaaa\"\n"
              "gateway\n    authd = \"ipc://authd-with-a-rather-long-name\"\n",
              "gateway.authd: ");
}

static void test_plain_tcp_beyond_loopback(void **state)
{
    (void)state;
    static const char *const hosts[] = {"0.0.0.0",
                                        "*",
                                        "192.0.2.1",
                                        "[::]",
                                        "eth0",
                                        "host.name",
                                        "127.evil.example",
                                        "localhost.x",
                                        "[2001:db8::1]",
                                        "127.0.0.1:1;192.0.2.1",
                                        "126.0.0.1"};
    char text[256];
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        snprintf(text, sizeof text, "authd\n    listen = \"tcp://%s:5555\"\n", hosts[i]);
        s_refuses(text, "authd.listen: plain tcp beyond loopback");
        snprintf(text, sizeof text,
                 "curve\n    secret = s\nauthd\n    listen = \"tcp://%s:5555\"\n", hosts[i]);
        conf_t *conf = s_load(text);
        assert_non_null(conf);
        conf_destroy(&conf);
    }
    static const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "[::1]", "localhost"};
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++) {
        snprintf(text, sizeof text, "authd\n    listen = \"tcp://%s:5555\"\n", loopback[i]);
        conf_t *conf = s_load(text);
        assert_non_null(conf);
        conf_destroy(&conf);
    }
    /* Who connects names the certificate that it believes; an endpoint of one's own has none. */
    s_refuses("gateway\n    authd = \"tcp://192.0.2.1:5@a\"\n", "plain tcp beyond loopback");
    s_refuses("gateway\n    authd = \"tcp://127.0.0.1:5@a\"\n", "curve.secret is not set");
    s_refuses("curve\n    secret = s\ngateway\n    authd = \"tcp://192.0.2.1:5\"\n",
              "name the certificate of the server");
    s_refuses("curve\n    secret = s\ngateway\n    authd = \"tcp://192.0.2.1:5@../x\"\n",
              "is not an endpoint");
    s_refuses("curve\n    secret = s\nauthd\n    listen = \"tcp://192.0.2.1:5@a\"\n",
              "not for the endpoint itself");
    static const char *const bound[] = {"authd\n    listen", "authd\n    admin",
                                        "router\n    requests", "router\n    workers",
                                        "router\n    replies"};
    for (size_t i = 0; i < sizeof bound / sizeof *bound; i++) {
        snprintf(text, sizeof text, "curve\n    secret = s\n%s = \"tcp://0.0.0.0:5\"\n", bound[i]);
        conf_t *conf = s_load(text);
        assert_non_null(conf);
        conf_destroy(&conf);
    }
    conf_t *named = s_load("curve\n    secret = s\ngateway\n    authd = \"tcp://h:5@a-0.b\"\n");
    assert_non_null(named);
    assert_string_equal(conf_endpoint(named, SET_gateway_authd, 0), "tcp://h:5@a-0.b");
    conf_destroy(&named);
    /* One among several is enough. */
    s_refuses("gateway\n    authd = \"ipc://a tcp://192.0.2.1:5\"\n", "plain tcp beyond loopback");
}

static void test_paths(void **state)
{
    (void)state;
    char expected[SCRATCH + 64];
    conf_t *conf =
        s_load("gateway\n    tls_certificate = \"tls/a.pem\"\n    tls_key = \"/k.pem\"\n");
    assert_non_null(conf);
    snprintf(expected, sizeof expected, "%s/tls/a.pem", s_scratch);
    assert_string_equal(conf_text(conf, SET_gateway_tls_certificate), expected);
    assert_string_equal(conf_text(conf, SET_gateway_tls_key), "/k.pem");
    assert_string_equal(conf_text(conf, SET_curve_secret), "");
    snprintf(expected, sizeof expected, "%s/data/master.key", s_scratch);
    assert_string_equal(conf_text(conf, SET_authd_master_key), expected);
    conf_destroy(&conf);

    char here[SCRATCH];
    assert_non_null(getcwd(here, sizeof here));
    conf = conf_load(NULL, s_err, sizeof s_err);
    assert_non_null(conf);
    snprintf(expected, sizeof expected, "%s/data", here);
    assert_string_equal(conf_text(conf, SET_data_directory), expected);
    conf_destroy(&conf);
}

static void test_environment(void **state)
{
    (void)state;
    static const char text[] = "gateway\n    threads = 2\n    body_bytes = 4096\n";
    setenv("POSTERN_GATEWAY_BODY_BYTES", "8192", 1);
    /* Not settings: names for other uses, and names that start with no section. */
    setenv("POSTERN_READY_FD", "3", 1);
    setenv("POSTERN_TOKEN", "x", 1);
    setenv("POSTERN_CONF", "x", 1);
    setenv("POSTERN_LISTEN_FDS", "x", 1);
    setenv("POSTERN_LOG", "x", 1);
    conf_t *conf = s_load(text);
    assert_non_null(conf);
    assert_int_equal(conf_uint(conf, SET_gateway_threads), 2);
    assert_int_equal(conf_uint(conf, SET_gateway_body_bytes), 8192);
    conf_destroy(&conf);

    setenv("POSTERN_GATEWAY_BODY_BYTES", "7", 1);
    assert_null(conf_load(s_path, s_err, sizeof s_err));
    assert_non_null(strstr(s_err, "POSTERN_GATEWAY_BODY_BYTES"));
    assert_non_null(strstr(s_err, "\"7\" is not a number from 1024 to 16777216"));
    unsetenv("POSTERN_GATEWAY_BODY_BYTES");
    setenv("POSTERN_GATEWAY_BODY_BYTE", "8192", 1);
    assert_null(conf_load(s_path, s_err, sizeof s_err));
    assert_non_null(strstr(s_err, "POSTERN_GATEWAY_BODY_BYTE"));
    unsetenv("POSTERN_GATEWAY_BODY_BYTE");
}

static void test_overrides(void **state)
{
    (void)state;
    scratch_write(s_path, "gateway\n    threads = 2\n");
    setenv("POSTERN_GATEWAY_THREADS", "3", 1);
    char *over[] = {"gateway.threads=4", "authd.master_key=/k?a=b", NULL};
    conf_t *conf = conf_load_with(s_path, over, s_err, sizeof s_err);
    unsetenv("POSTERN_GATEWAY_THREADS");
    assert_non_null(conf);
    assert_int_equal(conf_uint(conf, SET_gateway_threads), 4);
    assert_string_equal(conf_text(conf, SET_authd_master_key), "/k?a=b");
    conf_destroy(&conf);

    /* Two that are right only together, in either order. */
    char *curve[] = {"authd.listen=tcp://0.0.0.0:5", "curve.secret=s", NULL};
    conf = conf_load_with(s_path, curve, s_err, sizeof s_err);
    assert_non_null(conf);
    conf_destroy(&conf);

    static char *const bad[] = {
        "gateway.threads=0", "gateway.threads", "gateway.x=1", "threads=1", "=1", "", ".=1",
        "gateway.=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *one[] = {bad[i], NULL};
        assert_null(conf_load_with(s_path, one, s_err, sizeof s_err));
        assert_int_equal(strncmp(s_err, "-s ", 3), 0);
    }
}

static void test_table(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const setting_row_t *row = &setting_table[i];
        assert_int_equal(conf_setting(row->section, row->key), i);
        assert_null(strchr(row->section, '_')); /* else the environment's names are ambiguous */
        assert_true(row->min <= row->max);
        assert_true(strlen(row->help) > 0);
    }
    assert_int_equal(conf_setting("gateway", "nothing"), SETTING_COUNT);
    assert_int_equal(conf_setting("", ""), SETTING_COUNT);
}

typedef struct {
    char *argv[8];
} s_line_t;

static void s_start(void *arg)
{
    s_line_t *line = arg;
    conf_start_t start;
    int argc = 0;
    while (line->argv[argc])
        argc++;
    conf_start(&start, "postern-authd", "authd", argc, line->argv);
    printf("started %s %s %u %lu\n", start.process, start.section, start.index,
           (unsigned long)conf_uint(start.conf, SET_gateway_threads));
}

static void test_start(void **state)
{
    (void)state;
    char text[32768];
    scratch_write(s_path, "gateway\n    threads = 2\n    tls_key = \"private-name.pem\"\n");
    s_line_t line = {{"postern-authd", "-c", s_path, "-i", "7", "-s", "gateway.threads=5"}};
    assert_int_equal(child_run(s_start, &line, text, sizeof text), 0);
    assert_string_equal(text, "started postern-authd authd 7 5\n");

    line = (s_line_t){{"postern-authd", "-c", s_path, "-t"}};
    assert_int_equal(child_run(s_start, &line, text, sizeof text), 0);
    assert_non_null(strstr(text, "configuration OK"));
    assert_non_null(strstr(text, "    threads = \"2\"\n"));
    assert_non_null(strstr(text, "    tls_key = \"***\"\n"));
    assert_null(strstr(text, "private-name"));
    assert_null(strstr(text, "started"));

    line = (s_line_t){{"postern-authd", "-V"}};
    assert_int_equal(child_run(s_start, &line, text, sizeof text), 0);
    assert_int_equal(strncmp(text, "postern-authd " POSTERN_VERSION, 15), 0);
    line = (s_line_t){{"postern-authd", "-h"}};
    assert_int_equal(child_run(s_start, &line, text, sizeof text), 0);
    assert_non_null(strstr(text, "-s "));
}

static void test_start_refuses(void **state)
{
    (void)state;
    static const s_line_t lines[] = {
        {{"p", "-i", "256"}},  {{"p", "-i", "-1"}},
        {{"p", "-i", "x"}},    {{"p", "-i", ""}},
        {{"p", "-x"}},         {{"p", "extra"}},
        {{"p", "-c", "/no/"}}, {{"p", "-s", "log.level"}},
        {{"p", "-c"}},
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char text[8192];
        s_line_t line = lines[i];
        assert_int_equal(child_run(s_start, &line, text, sizeof text), 78);
        assert_true(strlen(text) > 0);
        assert_null(strstr(text, "started"));
    }
}

/* What -t prints can be read back and says the same. */
static void test_print_round_trip(void **state)
{
    (void)state;
    char text[32768], again[32768];
    scratch_write(s_path, "gateway\n    threads = 3\n    authd = \"ipc://a ipc://b\"\n");
    s_line_t line = {{"postern-authd", "-c", s_path, "-t"}};
    assert_int_equal(child_run(s_start, &line, text, sizeof text), 0);
    char *end = strstr(text, "postern-authd: configuration OK");
    assert_non_null(end);
    *end = '\0';
    for (char *masked; (masked = strstr(text, "\"***\"")) != NULL;)
        memcpy(masked, "\"/xx\"", 5);
    scratch_write(s_path, text);
    assert_int_equal(child_run(s_start, &line, again, sizeof again), 0);
    assert_non_null(strstr(again, "    threads = \"3\"\n"));
    assert_non_null(strstr(again, "/data/run/b\"\n"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_defaults),
        CASE(test_file),
        CASE(test_a_byte_order_mark_is_skipped),
        CASE(test_numbers),
        CASE(test_unknown_names),
        CASE(test_misplaced_lines),
        CASE(test_not_a_file),
        CASE(test_texts_and_lengths),
        CASE(test_addresses),
        CASE(test_an_address_may_be_none),
        CASE(test_raised_ports),
        CASE(test_endpoints_resolve),
        CASE(test_endpoints_refused),
        CASE(test_long_socket_paths),
        CASE(test_plain_tcp_beyond_loopback),
        CASE(test_paths),
        CASE(test_environment),
        CASE(test_overrides),
        CASE(test_table),
        CASE(test_start),
        CASE(test_start_refuses),
        CASE(test_print_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
