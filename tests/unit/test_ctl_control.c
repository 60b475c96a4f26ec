/* A control connection and an authd of the test's own behind it, over a real socket. */
#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/link/link.h"
#include "ctl/control.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

typedef enum { ANSWER_ECHO, ANSWER_ERROR, ANSWER_TEXT, ANSWER_NONE, ANSWER_OTHER_ID } answer_t;

static char s_dir[] = "/tmp/postern-control-XXXXXX";
static conf_t *s_conf;

typedef struct {
    pthread_t thread;
    atomic_bool stop, up;
    answer_t answer;
    wire_goodbye_t refuse;
    uint64_t instance;
    link_t *link;
    wire_batch_t *batch;
    char target[WIRE_TARGET + 1];
    unsigned op;
} authd_t;

static wire_goodbye_t s_up(void *arg, peer_t *peer, const wire_hello_t *hello)
{
    (void)peer;
    assert_int_equal(hello->role, ROLE_CONTROL);
    return ((authd_t *)arg)->refuse;
}

static void s_answer(authd_t *authd, peer_t *peer, const wire_request_t *request, zmq_msg_t *body)
{
    wire_reply_t reply = {
        .id = request->id, .origin = request->origin, .attempt = 1, .status = 200};
    zmq_msg_t text;
    const char *plain = authd->answer == ANSWER_ERROR ? "no more than 5" : "[1]";
    if (authd->answer == ANSWER_ECHO) {
        zmq_msg_init(&text);
        zmq_msg_move(&text, body);
        reply.content = CONTENT_JSON;
    } else {
        zmq_msg_init_size(&text, strlen(plain));
        memcpy(zmq_msg_data(&text), plain, strlen(plain));
    }
    if (authd->answer == ANSWER_ERROR) {
        reply.status = 409;
        reply.error = ERROR_token_limit;
    }
    if (authd->answer == ANSWER_OTHER_ID)
        uuid_new(&reply.id);
    wire_batch_add_reply(authd->batch, &reply, &text);
    zmq_msg_close(&text);
    link_send_replies(authd->link, peer, authd->batch);
}

static void s_requests(void *arg, peer_t *peer, wire_message_t *message)
{
    authd_t *authd = arg;
    for (unsigned i = 0; i < message->entries; i++) {
        const wire_request_t *request = &message->requests[i];
        snprintf(authd->target, sizeof authd->target, "%.*s", SLICE_ARG(request->target));
        authd->op = request->op;
        if (authd->answer != ANSWER_NONE)
            s_answer(authd, peer, request, &message->bodies[i]);
    }
    link_taken(authd->link, peer, link_batch(message));
}

static void *s_serve(void *arg)
{
    authd_t *authd = arg;
    char err[256];
    wire_hello_t hello = {.role = ROLE_AUTHD,
                          .name = slice_of("authd-0"),
                          .version_min = WIRE_VERSION_MIN,
                          .version_max = WIRE_VERSION};
    link_options_t options = {.endpoint = conf_endpoint(s_conf, SET_authd_control, 0),
                              .bind = true,
                              .hello = &hello,
                              .peer_roles = 1u << ROLE_CONTROL,
                              .self = &authd->instance,
                              .calls = {.requests = s_requests, .up = s_up},
                              .arg = authd};
    authd->instance = uuid_instance();
    authd->link = link_new(&options, err, sizeof err);
    authd->batch = wire_batch_new();
    authd->up = true;
    while (!authd->stop) {
        zmq_pollitem_t item = {.socket = link_socket(authd->link), .events = ZMQ_POLLIN};
        zmq_poll(&item, 1, 20);
        link_drain(authd->link, 64);
        link_tick(authd->link, clock_ms());
    }
    link_destroy(&authd->link);
    wire_batch_destroy(&authd->batch);
    return NULL;
}

static void s_configure(const char *endpoint)
{
    char sockets[128], control[64], err[256];
    snprintf(sockets, sizeof sockets, "data.sockets=%s", s_dir);
    snprintf(control, sizeof control, "authd.control=%s", endpoint);
    char *overrides[] = {sockets, control, NULL};
    conf_destroy(&s_conf);
    s_conf = conf_load_with(NULL, overrides, err, sizeof err);
    assert_non_null(s_conf);
}

/* An endpoint is locked for the life of the process, so each authd has another. */
static void s_begin(authd_t *authd, answer_t answer, wire_goodbye_t refuse)
{
    static unsigned count;
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "ipc://control-%u", count++);
    s_configure(endpoint);
    *authd = (authd_t){.answer = answer, .refuse = refuse};
    assert_int_equal(pthread_create(&authd->thread, NULL, s_serve, authd), 0);
    while (!authd->up)
        usleep(1000);
}

static void s_end(authd_t *authd)
{
    authd->stop = true;
    pthread_join(authd->thread, NULL);
}

static void test_usage(void **state)
{
    (void)state;
    authd_t authd;
    control_error_t error;
    s_begin(&authd, ANSWER_ECHO, 0);
    control_t *control = control_new(s_conf, false, &error);
    assert_non_null(control);
    json_t *reply = control_call(control, OP_user_list, "", NULL, &error);
    assert_int_equal(json_object_size(reply), 0);
    json_decref(reply);
    for (int i = 0; i < 3; i++) {
        json_t *body = json_pack("{s:i}", "rate", i);
        reply = control_call(control, OP_token_limit, "an-id", body, &error);
        assert_true(json_equal(reply, body));
        json_decref(reply);
        json_decref(body);
    }
    control_destroy(&control);
    assert_null(control);
    control_destroy(&control);
    s_end(&authd); /* the thread's writes are ours to read from here */
    assert_string_equal(authd.target, "an-id");
    assert_int_equal(authd.op, OP_token_limit);
}

/* One call; returns how long it took, with what it ended in. */
static int64_t s_call(answer_t answer, control_error_t *error)
{
    authd_t authd;
    s_begin(&authd, answer, 0);
    control_t *control = control_new(s_conf, false, error);
    assert_non_null(control);
    int64_t began = clock_ms();
    assert_null(control_call(control, OP_token_create, "x", NULL, error));
    int64_t took = clock_ms() - began;
    control_destroy(&control);
    s_end(&authd);
    return took;
}

static void test_a_refusal_has_code_and_text(void **state)
{
    (void)state;
    control_error_t error;
    s_call(ANSWER_ERROR, &error);
    assert_int_equal(error.code, ERROR_token_limit);
    assert_string_equal(error.name, "token_limit");
    assert_string_equal(error.message, "no more than 5");
}

static void test_an_answer_that_is_no_object_is_an_error(void **state)
{
    (void)state;
    control_error_t error;
    s_call(ANSWER_TEXT, &error);
    assert_string_equal(error.name, "unreachable");
    assert_non_null(strstr(error.message, "no JSON object"));
}

static void test_no_answer_is_said_after_the_timeout(void **state)
{
    (void)state;
    control_error_t error;
    int64_t took = s_call(ANSWER_NONE, &error);
    assert_in_range(took, CONTROL_TIMEOUT_MS, CONTROL_TIMEOUT_MS + 2000);
    assert_non_null(strstr(error.message, "may or may not be made"));
}

static void test_an_answer_to_something_else_does_not_count(void **state)
{
    (void)state;
    control_error_t error;
    int64_t took = s_call(ANSWER_OTHER_ID, &error);
    assert_in_range(took, CONTROL_TIMEOUT_MS, CONTROL_TIMEOUT_MS + 2000);
}

static void test_an_authd_that_refuses_us_says_why_at_once(void **state)
{
    (void)state;
    authd_t authd;
    control_error_t error;
    s_begin(&authd, ANSWER_ECHO, GOODBYE_VERSION);
    int64_t began = clock_ms();
    /* The refusal may come a moment after the greeting. */
    control_t *control = control_new(s_conf, false, &error);
    if (control)
        assert_null(control_call(control, OP_user_list, "", NULL, &error));
    control_destroy(&control);
    assert_in_range(clock_ms() - began, 0, 2500);
    assert_non_null(strstr(error.message, wire_goodbye_text(GOODBYE_VERSION)));
    s_end(&authd);
}

/* Closed it is what an authd leaves behind that was killed: a socket that nobody listens on. */
static int s_bind(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", s_dir, name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void test_nobody_there(void **state)
{
    (void)state;
    static const char *const endpoints[] = {"ipc://never", "ipc://left"};
    control_error_t error;
    close(s_bind("left"));
    for (unsigned i = 0; i < 2; i++) {
        s_configure(endpoints[i]);
        for (int patient = 0; patient < 2 - (int)i; patient++) {
            int64_t began = clock_ms(), least = patient ? CONTROL_TIMEOUT_MS : 0;
            assert_null(control_new(s_conf, patient, &error));
            assert_in_range(clock_ms() - began, least, least + 1000);
            assert_non_null(strstr(error.message, "authd is not running at ipc://"));
        }
    }
}

static void test_one_that_waits_itself_is_told_from_none(void **state)
{
    (void)state;
    control_error_t error;
    int fd = s_bind("still");
    assert_int_equal(listen(fd, 4), 0);
    s_configure("ipc://still");
    assert_null(control_new(s_conf, false, &error));
    assert_non_null(strstr(error.message, "is there and does not answer"));
    close(fd);
}

static int s_setup(void **state)
{
    (void)state;
    return mkdtemp(s_dir) ? 0 : -1;
}

static int s_teardown(void **state)
{
    char command[128];
    (void)state;
    conf_destroy(&s_conf);
    snprintf(command, sizeof command, "rm -rf %s", s_dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_a_refusal_has_code_and_text),
        cmocka_unit_test(test_an_answer_that_is_no_object_is_an_error),
        cmocka_unit_test(test_no_answer_is_said_after_the_timeout),
        cmocka_unit_test(test_an_answer_to_something_else_does_not_count),
        cmocka_unit_test(test_an_authd_that_refuses_us_says_why_at_once),
        cmocka_unit_test(test_nobody_there),
        cmocka_unit_test(test_one_that_waits_itself_is_told_from_none),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
