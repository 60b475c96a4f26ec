#include "ctl/control.h"

#include "common/base/clock.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/life/hop.h"
#include "common/life/path.h"
#include "common/life/trust.h"
#include "common/link/link.h"
#include "ctl/json_read.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct control {
    const char *endpoint;
    link_t *link;
    uint64_t self; /* our instance */
    wire_batch_t *batch;
    uuid_t7 waiting; /* id of the request without a reply; nil: none */
    bool answered;
    wire_goodbye_t refused; /* authd's reason for not talking to us */
    json_t *reply;
    control_error_t *error; /* of the request that waits */
};

static void s_fail(control_error_t *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void s_fail(control_error_t *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->code = 0;
    snprintf(error->name, sizeof error->name, "unreachable");
    vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
}

/* 0 when somebody serves an ipc endpoint, else errno. ZeroMQ itself would only try again. */
static int s_probe(const char *endpoint)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char socket_address[HOP_PATH];
    if (strncmp(endpoint, "ipc://", 6) != 0)
        return 0;
    hop_address(endpoint, socket_address);
    if (strlen(socket_address + 6) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    strcpy(address.sun_path, socket_address + 6);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int rc = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

static void s_error_reply(control_t *self, const wire_reply_t *reply, slice_t body)
{
    const error_row_t *row = error_find(reply->error);
    control_error_t *error = self->error;
    wire_reply_details(reply, &body);
    error->code = reply->error;
    snprintf(error->name, sizeof error->name, "%s", row ? row->name : "unknown");
    if (body.len > 0)
        snprintf(error->message, sizeof error->message, "%.*s", SLICE_ARG(body));
    else
        snprintf(error->message, sizeof error->message, "%s",
                 row ? row->message : "authd refused for a reason that this version does not know");
}

static void s_reply(control_t *self, const wire_reply_t *reply, zmq_msg_t *body)
{
    slice_t text = slice(zmq_msg_data(body), zmq_msg_size(body));
    self->answered = true;
    if (reply->error != 0 || reply->status >= 300) {
        s_error_reply(self, reply, text);
        return;
    }
    self->reply = text.len == 0 ? json_object() : json_read(text.data, text.len);
    if (!json_is_object(self->reply)) {
        json_decref(self->reply);
        self->reply = NULL;
        s_fail(self->error, "authd's answer is no JSON object: are both of one version?");
    }
    if (text.len > 0)
        secret_wipe(zmq_msg_data(body), text.len);
}

static void s_on_replies(void *arg, peer_t *peer, wire_message_t *message)
{
    control_t *self = arg;
    (void)peer;
    for (unsigned i = 0; i < message->entries; i++)
        if (!self->answered && uuid_eq(&message->replies[i].id, &self->waiting))
            s_reply(self, &message->replies[i], &message->bodies[i]);
}

static void s_on_refused(void *arg, peer_t *peer, wire_goodbye_t reason)
{
    control_t *self = arg;
    (void)peer;
    self->refused = reason;
}

static bool s_is_refused(const control_t *self)
{
    return self->refused && self->refused != GOODBYE_LEAVING;
}

/* Turns the loop until DONE says so; false when the time is up or authd has refused us. */
static bool s_wait(control_t *self, bool (*done)(const control_t *self), int64_t deadline)
{
    while (!done(self)) {
        int64_t now = clock_ms();
        if (now >= deadline || s_is_refused(self))
            return false;
        link_wait(&self->link, 1, NULL, 0, deadline - now < 100 ? (int)(deadline - now) : 100);
        link_drain_ready(self->link, 64);
        link_tick(self->link, clock_ms());
    }
    return true;
}

static bool s_ready(const control_t *self)
{
    return link_can_send(self->link, link_peer(self->link));
}

static bool s_answered(const control_t *self)
{
    return self->answered;
}

static void s_not_there(const control_t *self, control_error_t *error)
{
    if (s_is_refused(self))
        s_fail(error, "authd at %s does not talk to this posternctl: %s", self->endpoint,
               wire_goodbye_text(self->refused));
    else if (strncmp(self->endpoint, "ipc://", 6) == 0 && s_probe(self->endpoint) == 0)
        s_fail(
            error,
            "authd at %s is there and does not answer: a change waits for its disk, or for "
            "PostgreSQL with directory.engine = postgres. Try again; posternctl health says more",
            self->endpoint);
    else
        s_fail(error, "authd is not running at %s: start it with posternctl up", self->endpoint);
}

static int s_check(const conf_t *conf, const char *endpoint, bool patient, control_error_t *error)
{
    char err[PATH_ERROR];
    if (trust_endpoint(conf, endpoint, "authd", err, sizeof err) != 0) {
        s_fail(error, "authd's control socket is not safe: %s", err);
        return -1;
    }
    int rc = s_probe(endpoint);
    if (rc == 0 || (patient && (rc == ENOENT || rc == ECONNREFUSED)))
        return 0;
    if (rc == ENOENT || rc == ECONNREFUSED)
        s_fail(error, "authd is not running at %s: start it with posternctl up", endpoint);
    else
        s_fail(error, "cannot open authd's control socket %s: %s%s", endpoint, strerror(rc),
               rc == EACCES
                   ? " (run posternctl as root or as the user that authd runs as, or give a token)"
                   : "");
    return -1;
}

static link_t *s_link_new(control_t *self, const conf_t *conf, char *err, size_t err_size)
{
    char name[WIRE_NAME];
    snprintf(name, sizeof name, "control-%ld-%08x", (long)getpid(), (unsigned)self->self);
    wire_hello_t hello = {.role = ROLE_CONTROL,
                          .name = slice_of(name),
                          .version_min = WIRE_VERSION_MIN,
                          .version_max = WIRE_VERSION};
    link_options_t options = {
        .endpoint = self->endpoint,
        .hello = &hello,
        .peer_roles = 1u << ROLE_AUTHD,
        .self = &self->self,
        .calls = {.replies = s_on_replies, .refused = s_on_refused},
        .arg = self,
        .conf = conf,
    };
    return link_new(&options, err, err_size);
}

control_t *control_new(const conf_t *conf, bool patient, control_error_t *error)
{
    const char *endpoint = conf_endpoint(conf, SET_authd_control, 0);
    if (s_check(conf, endpoint, patient, error) != 0)
        return NULL;
    control_t *self = calloc(1, sizeof *self);
    assert(self);
    self->endpoint = endpoint;
    self->self = uuid_instance();
    self->batch = wire_batch_new();
    char err[256] = "";
    self->link = s_link_new(self, conf, err, sizeof err);
    if (!self->link) {
        s_fail(error, "cannot connect to authd at %s: %s", endpoint, err);
        control_destroy(&self);
        return NULL;
    }
    if (!s_wait(self, s_ready, clock_ms() + CONTROL_TIMEOUT_MS)) {
        s_not_there(self, error);
        control_destroy(&self);
    }
    return self;
}

void control_destroy(control_t **self_p)
{
    control_t *self = *self_p;
    if (!self)
        return;
    link_destroy(&self->link);
    wire_batch_destroy(&self->batch);
    json_decref(self->reply);
    free(self);
    *self_p = NULL;
}

/* Moves BODY's text into a frame, wiping our copy: it may hold tokens to import. */
static void s_body(zmq_msg_t *frame, const json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    size_t len = text ? strlen(text) : 0;
    wire_body_init(frame, slice(text, len));
    if (len > 0)
        secret_wipe(text, len);
    free(text);
}

static void s_send(control_t *self, unsigned op, const char *target, const json_t *body)
{
    wire_request_t request = {.origin = self->self,
                              .attempt = 1,
                              .time_left_ms = CONTROL_TIMEOUT_MS,
                              .op = op,
                              .method = op_find(op)->methods,
                              .target = slice_of(target),
                              .client = slice_of("control"),
                              .has_body = body != NULL};
    uuid_new(&request.id);
    self->waiting = request.id;
    zmq_msg_t frame;
    s_body(&frame, body);
    wire_batch_add_request(self->batch, &request, body ? &frame : NULL);
    zmq_msg_close(&frame);
    /* A send that fails shows as a reply that does not come. */
    link_send_requests(self->link, link_peer(self->link), self->batch);
}

json_t *control_call(control_t *self, unsigned op, const char *target, const json_t *body,
                     control_error_t *error)
{
    memset(error, 0, sizeof *error);
    if (strlen(target) > WIRE_TARGET) {
        s_fail(error, "a name or id has at most %d characters", WIRE_TARGET);
        return NULL;
    }
    self->error = error;
    self->answered = false;
    int64_t deadline = clock_ms() + CONTROL_TIMEOUT_MS;
    if (!s_wait(self, s_ready, deadline)) {
        s_not_there(self, error);
        return NULL;
    }
    s_send(self, op, target, body);
    if (!s_wait(self, s_answered, deadline)) {
        if (s_is_refused(self))
            s_not_there(self, error);
        else
            s_fail(error,
                   "authd at %s did not answer within %d s: the change may or may not be made",
                   self->endpoint, CONTROL_TIMEOUT_MS / 1000);
    }
    json_t *reply = self->reply;
    self->reply = NULL;
    return reply;
}
