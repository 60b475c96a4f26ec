#include "common/link/socket.h"

#include "common/life/hop.h"
#include "common/life/life.h"
#include "common/life/trust.h"
#include "common/link/curve.h"
#include "common/link/own_pid.h"
#include "common/link/own_sends.h"
#include "common/link/own_signals.h"
#include "common/link/own_thread.h"
#include "common/link/uid.h"
#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

enum {
    HIGH_WATER = 10000,     /* far above the credit: it must never drop what the window allows */
    FRAME_BYTES = 17 << 20, /* the largest body setting and a header */
    RECONNECT_MS = 20,
    RECONNECT_MOST_MS = 200,
    CONNECT_MS = 2500,   /* the kernel's next look for a host that was away may be a minute off */
    HEARTBEAT_MS = 1000, /* of ZMTP: finds dead hosts; our own find stopped loops */
    HEARTBEAT_DEAD_MS = 4000,
    DISCARD_MOST = 1 << 20,
};

static void *s_context;

/* libzmq makes its threads with the first socket. */
static void s_make_threads(void)
{
    own_thread_making(true);
    void *first = zmq_socket(s_context, ZMQ_PAIR);
    own_thread_making(false);
    if (!first)
        log_fatal(EXIT_FAULT, "link.context", "err=%s", LOG_Q(zmq_strerror(errno)));
    zmq_close(first);
}

static void s_make_context(void)
{
    own_pid_keep();
    own_signals_keep();
    own_sends_keep();
    s_context = zmq_ctx_new();
    if (!s_context)
        log_fatal(EXIT_FAULT, "link.context", "err=%s", LOG_Q(zmq_strerror(errno)));
    s_make_threads();
}

void *link_context(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, s_make_context);
    return s_context;
}

static void s_set(void *socket, int option, int value)
{
    int rc = zmq_setsockopt(socket, option, &value, sizeof value);
    assert(rc == 0);
}

static void s_set_options(void *socket, const link_options_t *options, const char *name)
{
    int64_t most = FRAME_BYTES;
    int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    assert(rc == 0);
    s_set(socket, ZMQ_LINGER, 0);
    s_set(socket, ZMQ_SNDHWM, HIGH_WATER);
    s_set(socket, ZMQ_RCVHWM, HIGH_WATER);
    s_set(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    s_set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_DEAD_MS);
    s_set(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_DEAD_MS);
    s_set(socket, ZMQ_IPV6, 1);
    if (options->bind) {
        s_set(socket, ZMQ_ROUTER_MANDATORY, 1);
        s_set(socket, ZMQ_ROUTER_HANDOVER, 1);
    } else {
        rc = zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name));
        assert(rc == 0);
        s_set(socket, ZMQ_IMMEDIATE, 1);
        s_set(socket, ZMQ_PROBE_ROUTER, 1);
        s_set(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
        s_set(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MOST_MS);
        s_set(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
    }
}

/* An ipc bind steals the name from a process that has it, without an error: take a lock first. */
static int s_bind(void *socket, const char *endpoint)
{
    char address[HOP_PATH];
    const char *path = strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
    if (path && *path != '@') {
        char lock[512];
        snprintf(lock, sizeof lock, "%s.lock", path);
        life_lock(lock, false);
    }
    /* In a directory of its own it gets that one's group, which may connect. */
    mode_t mask = umask(hop_address(endpoint, address) ? 0117 : 0177);
    int rc = zmq_bind(socket, address);
    umask(mask);
    return rc;
}

static int s_connect(void *socket, const char *endpoint)
{
    char address[HOP_PATH];
    hop_address(endpoint, address);
    return zmq_connect(socket, address);
}

/* The section of the process that binds what OPTIONS connect to; NULL: this one binds it. */
static const char *s_binder(const link_options_t *options)
{
    if (options->bind)
        return NULL;
    return options->peer_roles & (1u << ROLE_ROUTER) ? "router" : "authd";
}

void *socket_new(const link_options_t *options, const char *name, char *err, size_t err_size)
{
    void *socket = zmq_socket(link_context(), options->bind ? ZMQ_ROUTER : ZMQ_DEALER);
    if (!socket) {
        snprintf(err, err_size, "no socket: %s", zmq_strerror(errno));
        return NULL;
    }
    s_set_options(socket, options, name);
    if (curve_applies(options) && curve_apply(socket, options, err, err_size) != 0) {
        zmq_close(socket);
        return NULL;
    }
    if (uid_applies(options) && uid_apply(socket, options, err, err_size) != 0) {
        zmq_close(socket);
        return NULL;
    }
    return socket;
}

int socket_open(void *socket, const link_options_t *options, char *err, size_t err_size)
{
    char address[CURVE_ADDRESS];
    curve_address(options->endpoint, address);
    /* ZeroMQ connects again by itself; what was safe once stays so, because only those who are
     * trusted can change it. */
    if (trust_endpoint(options->conf, address, s_binder(options), err, err_size) != 0)
        return -1;
    int rc = options->bind ? s_bind(socket, address) : s_connect(socket, address);
    if (rc != 0)
        snprintf(err, err_size, "cannot %s %s: %s", options->bind ? "bind" : "connect to",
                 options->endpoint, zmq_strerror(errno));
    return rc;
}

int socket_fd(void *socket)
{
    int fd;
    size_t size = sizeof fd;
    int rc = zmq_getsockopt(socket, ZMQ_FD, &fd, &size);
    assert(rc == 0);
    return fd;
}

void socket_discard(void *socket)
{
    for (unsigned i = 0; i < DISCARD_MOST; i++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        int rc = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT);
        zmq_msg_close(&part);
        if (rc < 0)
            break;
    }
}
