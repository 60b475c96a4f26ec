#include "common/link/curve.h"

#include "common/link/keys.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>

enum { AGAIN_MS = 1000, COMPLAIN_MS = 10000 };

struct curve_watch {
    void *socket, *events;
    link_options_t options;
    char endpoint[CURVE_ADDRESS];
    bool failed;       /* connect anew */
    unsigned failures; /* in a row */
    int64_t again_ms, complained_ms;
};

bool curve_applies(const link_options_t *options)
{
    return options->conf && strncmp(options->endpoint, "tcp://", 6) == 0 &&
           *conf_text(options->conf, SET_curve_secret) != '\0';
}

const char *curve_address(const char *endpoint, char address[CURVE_ADDRESS])
{
    size_t len = strncmp(endpoint, "tcp://", 6) == 0 ? strcspn(endpoint, "@") : strlen(endpoint);
    snprintf(address, CURVE_ADDRESS, "%.*s", (int)len, endpoint);
    return address;
}

static zcert_t *s_load(const char *path, const char *setting, bool secret, char *err,
                       size_t err_size)
{
    static const uint8_t none[32];
    zcert_t *cert = access(path, R_OK) == 0 ? zcert_load(path) : NULL;
    if (cert && (!secret || memcmp(zcert_secret_key(cert), none, sizeof none) != 0))
        return cert;
    snprintf(err, err_size, "%s: %s: not a readable %s certificate; posternctl keys makes them",
             setting, path, secret ? "secret" : "public");
    zcert_destroy(&cert);
    return NULL;
}

static int s_option(void *socket, int option, const void *value, size_t len, char *err,
                    size_t err_size)
{
    if (zmq_setsockopt(socket, option, value, len) == 0)
        return 0;
    snprintf(err, err_size, "cannot use CURVE: %s", zmq_strerror(errno));
    return -1;
}

static int s_apply_own(void *socket, const conf_t *conf, char *err, size_t err_size)
{
    zcert_t *own = s_load(conf_text(conf, SET_curve_secret), "curve.secret", true, err, err_size);
    if (!own)
        return -1;
    int rc = s_option(socket, ZMQ_CURVE_PUBLICKEY, zcert_public_key(own), 32, err, err_size);
    if (rc == 0)
        rc = s_option(socket, ZMQ_CURVE_SECRETKEY, zcert_secret_key(own), 32, err, err_size);
    zcert_destroy(&own);
    return rc;
}

static int s_apply_server(void *socket, const link_options_t *options, char *err, size_t err_size)
{
    char domain[64];
    int on = 1;
    if (allowed_open(conf_text(options->conf, SET_curve_allowed), err, err_size) != 0)
        return -1;
    zap_start();
    snprintf(domain, sizeof domain, ZAP_DOMAIN_PREFIX "%u", key_roles_for(options->peer_roles));
    if (s_option(socket, ZMQ_CURVE_SERVER, &on, sizeof on, err, err_size) != 0)
        return -1;
    return s_option(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain), err, err_size);
}

static int s_apply_client(void *socket, const link_options_t *options, char *err, size_t err_size)
{
    char path[4352];
    const char *name = strchr(options->endpoint, '@');
    if (!name) {
        snprintf(err, err_size, "%s: name the server's certificate: tcp://host:port@NAME",
                 options->endpoint);
        return -1;
    }
    snprintf(path, sizeof path, "%s/%s.pub", conf_text(options->conf, SET_curve_servers), name + 1);
    zcert_t *server = s_load(path, "curve.servers", false, err, err_size);
    if (!server)
        return -1;
    int rc = s_option(socket, ZMQ_CURVE_SERVERKEY, zcert_public_key(server), 32, err, err_size);
    zcert_destroy(&server);
    return rc;
}

int curve_apply(void *socket, const link_options_t *options, char *err, size_t err_size)
{
    if (s_apply_own(socket, options->conf, err, err_size) != 0)
        return -1;
    return options->bind ? s_apply_server(socket, options, err, err_size)
                         : s_apply_client(socket, options, err, err_size);
}

curve_watch_t *curve_watch_new(void *socket, const link_options_t *options)
{
    char address[64];
    curve_watch_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->socket = socket;
    self->options = *options;
    snprintf(self->endpoint, sizeof self->endpoint, "%s", options->endpoint);
    self->options.endpoint = self->endpoint;
    self->options.hello = NULL;
    self->complained_ms = -COMPLAIN_MS;
    snprintf(address, sizeof address, "inproc://handshakes-%p", socket);
    self->events = zmq_socket(link_context(), ZMQ_PAIR);
    if (!self->events ||
        zmq_socket_monitor(socket, address,
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                               ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) != 0 ||
        zmq_connect(self->events, address) != 0)
        log_fatal(EXIT_FAULT, "link.handshakes", "err=%s", LOG_Q(zmq_strerror(errno)));
    return self;
}

void curve_watch_destroy(curve_watch_t **self_p)
{
    curve_watch_t *self = *self_p;
    if (!self)
        return;
    zmq_socket_monitor(self->socket, NULL, 0);
    zmq_close(self->events);
    free(self);
    *self_p = NULL;
}

void curve_watch_refused(curve_watch_t *self)
{
    self->failed = true;
}

/* The next event, 0 when none waits. */
static unsigned s_next(curve_watch_t *self)
{
    uint8_t data[6];
    uint16_t event = 0;
    if (zmq_recv(self->events, data, sizeof data, ZMQ_DONTWAIT) < (int)sizeof data)
        return 0;
    memcpy(&event, data, sizeof event);
    int more = 1;
    size_t size = sizeof more;
    char rest[CURVE_ADDRESS];
    while (zmq_getsockopt(self->events, ZMQ_RCVMORE, &more, &size) == 0 && more)
        if (zmq_recv(self->events, rest, sizeof rest, ZMQ_DONTWAIT) < 0)
            break;
    return event;
}

static const char *s_advice(const curve_watch_t *self, unsigned event)
{
    if (self->options.bind)
        return "somebody connects without CURVE or with another public key of this server: compare "
               "its curve.servers with this one's .pub";
    if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
        return "the server does not allow our key for this endpoint: there, run posternctl keys "
               "allow with our .pub";
    return "the server has another key than the one that this endpoint names, or none: compare its "
           ".pub with ours in curve.servers";
}

static void s_on_event(curve_watch_t *self, unsigned event, int64_t now_ms)
{
    bool denied = event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (self->options.bind && denied)
        return; /* the allow list's own words say more */
    self->failed = true;
    self->failures++;
    metric_add(METRIC_link_refused_total, 1);
    /* One that breaks off without a reason may be a server that is just ending. */
    if (now_ms - self->complained_ms < COMPLAIN_MS ||
        (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL && self->failures < 3))
        return;
    self->complained_ms = now_ms;
    log_warn("link.handshake_failed", "endpoint=%s err=%s", self->endpoint,
             LOG_Q(s_advice(self, event)));
}

static void s_connect_again(curve_watch_t *self)
{
    char address[CURVE_ADDRESS], err[512];
    if (curve_apply(self->socket, &self->options, err, sizeof err) != 0)
        log_warn("link.certificate", "endpoint=%s err=%s", self->endpoint, LOG_Q(err));
    curve_address(self->endpoint, address);
    zmq_disconnect(self->socket, address);
    if (zmq_connect(self->socket, address) != 0)
        log_error("link.connect", "endpoint=%s err=%s", self->endpoint, LOG_Q(zmq_strerror(errno)));
}

void curve_watch_tick(curve_watch_t *self, bool linked, int64_t now_ms)
{
    for (unsigned event; (event = s_next(self));)
        s_on_event(self, event, now_ms);
    if (linked)
        self->failures = 0;
    if (self->options.bind || linked || !self->failed || now_ms - self->again_ms < AGAIN_MS)
        return;
    self->failed = false;
    self->again_ms = now_ms;
    s_connect_again(self);
}
