#include "gateway/read/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static routes_t *s_routes;

static route_result_t s_find(const char *method, const char *path, route_t *route)
{
    return routes_find(s_routes, slice_of(method), slice_of(path), route);
}

static void test_example(void **state)
{
    route_t route;
    (void)state;
    assert_int_equal(s_find("POST", "/api/v2/channelsbyname/ops/message", &route), ROUTE_FOUND);
    assert_int_equal(route.op->number, OP_channel_message);
    assert_int_equal(route.method, OP_POST);
    assert_true(slice_is(slice(route.target, route.target_len), "ops"));
}

/* Writes the path of a row with "t-1" as its target, the plural as asked. */
static void s_path(const op_t *op, bool plural, char *out)
{
    for (const char *at = op->path; *at;) {
        if (strncmp(at, "{target}", 8) == 0) {
            out = stpcpy(out, "t-1");
            at += 8;
        } else if (strncmp(at, "{format}", 8) == 0) {
            out = stpcpy(out, "f_1");
            at += 8;
        } else if (strncmp(at, "{message}", 9) == 0) {
            out = stpcpy(out, "17_1");
            at += 9;
        } else if (strncmp(at, "{number}", 8) == 0) {
            out = stpcpy(out, "42");
            at += 8;
        } else if (strncmp(at, "(s)", 3) == 0) {
            out = stpcpy(out, plural ? "s" : "");
            at += 3;
        } else {
            *out++ = *at++;
        }
    }
    *out = '\0';
}

static void s_check_row(const op_t *op, unsigned method, const char *path)
{
    static const char *const prefixes[] = {"/api/v2",
                                           "/api/v3",
                                           "/company/123/api/v2",
                                           "/company/org.name/api/v3",
                                           "/network/a-b/api/v2",
                                           "//api/v2",
                                           "///company/1//api//v2/",
                                           "/api/v2//"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        char full[512];
        route_t route;
        snprintf(full, sizeof full, "%s%s%s", prefixes[i], path, i % 2 ? "/" : "");
        assert_int_equal(s_find(op_method_name(method), full, &route), ROUTE_FOUND);
        assert_int_equal(route.op->number, op->number);
        assert_int_equal(route.method, method);
        const char *target = strstr(op->path, "{target}") ? "t-1" : "";
        assert_true(slice_is(slice(route.target, route.target_len), target));
        assert_true(slice_is(route.format, strstr(op->path, "{format}") ? "f_1" : ""));
    }
}

static void test_every_row(void **state)
{
    unsigned rows = 0;
    (void)state;
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        char path[512];
        if (op->credentials >= CRED_ADMIN)
            continue;
        for (unsigned bit = OP_GET; bit <= OP_DELETE; bit <<= 1) {
            if (!(op->methods & bit))
                continue;
            s_path(op, false, path);
            s_check_row(op, bit, path);
            s_path(op, true, path);
            s_check_row(op, bit, path);
            rows++;
        }
    }
    assert_true(rows >= 20);
}

/* The management operations are for the control socket. */
static void test_admin_is_not_here(void **state)
{
    route_t route;
    (void)state;
    assert_int_equal(s_find("GET", "/api/v2/users", &route), ROUTE_NOT_FOUND);
    assert_int_equal(s_find("POST", "/api/v2/users/u/tokens", &route), ROUTE_NOT_FOUND);
    assert_int_equal(s_find("DELETE", "/api/v2/channels/c", &route), ROUTE_NOT_FOUND);
    assert_int_equal(s_find("POST", "/api/v2/channels/c/members", &route), ROUTE_NOT_FOUND);
}

static void test_methods(void **state)
{
    route_t route;
    (void)state;
    assert_int_equal(s_find("DELETE", "/api/v2/channelsbyname/a/message", &route), ROUTE_METHOD);
    assert_true(slice_is(routes_allow(s_routes, route.allow), "POST"));
    assert_int_equal(s_find("PUT", "/api/v2/channelsbyname/a/messages", &route), ROUTE_METHOD);
    assert_true(slice_is(routes_allow(s_routes, route.allow), "GET, HEAD, POST"));
    assert_int_equal(s_find("PATCH", "/api/v2/bots/a/incoming", &route), ROUTE_METHOD);
    assert_true(slice_is(routes_allow(s_routes, route.allow), "GET, HEAD, POST, PUT, DELETE"));
    assert_int_equal(s_find("post", "/api/v2/bots/a/message", &route), ROUTE_METHOD);
    assert_int_equal(s_find("HEAD", "/api/v2/bots/a/incoming", &route), ROUTE_FOUND);
    assert_int_equal(route.method, OP_HEAD); /* a handler is told of it */
    assert_int_equal(s_find("HEAD", "/api/v2/bots/a/message", &route), ROUTE_METHOD);
}

/* HEAD is GET for all but the gateway, wherever there is GET. */
static void test_head(void **state)
{
    routes_t *admin = routes_new(ROUTES_ADMIN);
    char path[256] = "/api/v2";
    (void)state;
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        route_t route;
        if (op->methods != OP_GET || op->credentials == CRED_INTERNAL)
            continue;
        s_path(op, false, path + 7);
        assert_int_equal(routes_find(op_is_admin(op) ? admin : s_routes, slice_of("HEAD"),
                                     slice_of(path), &route),
                         ROUTE_FOUND);
        assert_ptr_equal(route.op, op);
        assert_int_equal(route.method, OP_GET);
    }
    routes_destroy(&admin);
}

static void test_unknown_paths(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "*",
        "api/v2/bots/a/incoming",
        "/api/v2",
        "/api/v4/bots/a/incoming",
        "/api/v2/bots/a",
        "/api/v2/bots/a//incoming",
        "/api/v2/bots//incoming/",
        "/api/v2/",
        "//",
        "/api/v2/bots/a/incoming/x/y/z",
        "/api/v2/bots//incoming",
        "/api/v2/bots/a/incomings",
        "/api/v2/bots/a/messagess",
        "/api/v2/Bots/a/incoming",
        "/company/api/v2/bots/a/incoming",
        "/company//api/v2/bots/a/incoming",
        "/company/1/company/2/api/v2/bots/a/incoming",
        "/network//api/v2/bots/a/incoming",
        "/network/1/company/2/api/v2/bots/a/incoming",
    };
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        route_t route;
        if (s_find("POST", paths[i], &route) != ROUTE_NOT_FOUND)
            fail_msg("%s is known", paths[i]);
    }
}

static void test_targets(void **state)
{
    route_t route;
    char path[1024], name[600] = "";
    (void)state;
    assert_int_equal(s_find("POST", "/api/v2/buddies/a%40b.example/message", &route), ROUTE_FOUND);
    assert_true(slice_is(slice(route.target, route.target_len), "a@b.example"));
    assert_int_equal(s_find("POST", "/api/v2/bots/a%2Fb/message", &route), ROUTE_FOUND);
    assert_true(slice_is(slice(route.target, route.target_len), "a/b"));
    assert_int_equal(s_find("POST", "/api/v2/bots/a+b/message", &route), ROUTE_FOUND);
    assert_true(slice_is(slice(route.target, route.target_len), "a+b"));
    static const char *const broken[] = {"%", "%2", "%zz", "a%0", "a%00b", "%0a", "%ff", "%c0%80"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        snprintf(path, sizeof path, "/api/v2/bots/%s/message", broken[i]);
        assert_int_equal(s_find("POST", path, &route), ROUTE_MALFORMED);
    }
    for (size_t len = WIRE_TARGET; len <= WIRE_TARGET + 1; len++) {
        name[0] = '\0';
        for (size_t i = 0; i < len; i++)
            strcat(name, "%61");
        snprintf(path, sizeof path, "/api/v2/bots/%s/message", name);
        assert_int_equal(s_find("POST", path, &route),
                         len == WIRE_TARGET ? ROUTE_FOUND : ROUTE_NOT_FOUND);
    }
    assert_int_equal(route.target_len, 0);
}

/* What cannot be the name of a format is told from a path that nobody knows. */
static void test_formats(void **state)
{
    static const char *const good[] = {"github", "a", "mine-2_x", "azure-devops/",
                                       "0123456789abcdef0123456789abcdef"};
    static const char *const bad[] = {"GitHub",   "a.b", "a%20b",
                                      "%67ithub", "é",   "0123456789abcdef0123456789abcdef0"};
    char path[256];
    route_t route;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(path, sizeof path, "/api/v2/channelsbyname/ops/incoming/%s", good[i]);
        assert_int_equal(s_find("POST", path, &route), ROUTE_FOUND);
        assert_int_equal(route.op->number, OP_channel_format);
        assert_int_equal(route.format.len, strcspn(good[i], "/"));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, "/api/v2/bots/ops/incoming/%s", bad[i]);
        assert_int_equal(s_find("POST", path, &route), ROUTE_FORMAT);
    }
    assert_int_equal(s_find("POST", "/api/v2/bots/%zz/incoming/github", &route), ROUTE_MALFORMED);
    assert_int_equal(s_find("POST", "/api/v2/bots/ops/message/17_1", &route), ROUTE_METHOD);
    assert_int_equal(s_find("POST", "/api/v2/bots/ops/event/github", &route), ROUTE_NOT_FOUND);
}

static void test_messages(void **state)
{
    static const char *const good[] = {"1_1", "1764338400123_18446744073709551615"};
    static const char *const bad[] = {"1", "a_1", "1_1%20", "%31_1",
                                      "01234567890123456789_01234567890123456789"};
    char path[256];
    route_t route;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(path, sizeof path, "/api/v2/channelsbyname/ops/messages/%s/", good[i]);
        assert_int_equal(s_find("DELETE", path, &route), ROUTE_FOUND);
        assert_int_equal(route.op->number, OP_channel_message_delete);
        assert_true(slice_is(route.message, good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(path, sizeof path, "/api/v2/bots/ops/message/%s", bad[i]);
        assert_int_equal(s_find("PUT", path, &route), ROUTE_MESSAGE);
    }
}

/* The admin listener has the operations of management and of persons, each by its own path, and
 * nothing else. */
static void test_the_admin_listener(void **state)
{
    (void)state;
    routes_t *routes = routes_new(ROUTES_ADMIN);
    route_t route;
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        char path[256] = "/api/v2";
        s_path(op, false, path + strlen(path));
        for (unsigned bit = OP_GET; bit <= OP_DELETE; bit <<= 1) {
            if (!(op->methods & bit))
                continue;
            route_result_t result =
                routes_find(routes, slice_of(op_method_name(bit)), slice_of(path), &route);
            assert_int_equal(result == ROUTE_FOUND && route.op == op, op_is_admin(op));
        }
    }
    routes_destroy(&routes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_admin_is_not_here),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_unknown_paths),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_the_admin_listener),
    };
    s_routes = routes_new(ROUTES_PUBLIC);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    routes_destroy(&s_routes);
    return failed;
}
