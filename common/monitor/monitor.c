#include "common/monitor/monitor.h"

#include "common/base/clock.h"
#include "common/base/notify.h"
#include "common/base/shed.h"
#include "common/log/log.h"
#include "common/monitor/exposition.h"
#include "common/monitor/port.h"
#include "common/monitor/seats.h"

#include <errno.h>
#include <fcntl.h>
#include <h2o.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* The loop turns at least once a second. Red within 3 s of its last turn, as told by a probe that
 * asks twice a second. */
enum {
    ALIVE_MS = 2500,
    ENTITY_MOST = 1024,
    REQUEST_MS = 5000,
    CONNECTIONS = 2 * SEATS,
    AGAIN_S = 1,
    STARTED_MS = 1000 /* what a process does at its start is done then */
};

static _Atomic int64_t s_tick_ms;
static char s_process[64];
static atomic_uint s_index;
static char s_installation[32];
static _Atomic int s_fd = -1; /* of the listener; -1: not yet */
static atomic_bool s_retired;

/* The thread's state; libh2o's callbacks find it here. */
static struct {
    h2o_globalconf_t conf;
    h2o_context_t context;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    char address[300];
    bool shared;
    int reserve; /* given up for one connection when there are no descriptors left; then -1 */
    unsigned connections; /* with those that have lost their seat and are not closed */
    seats_t *seats;
    double started;
} s_monitor;

void monitor_tick(void)
{
    int64_t now_ms = clock_ms();
    atomic_store_explicit(&s_tick_ms, now_ms, memory_order_relaxed);
    notify_alive(now_ms);
}

static void s_answer(h2o_req_t *req, int status, const char *reason, const char *type, char *text,
                     size_t len)
{
    h2o_generator_t generator = {NULL, NULL};
    req->res.status = status;
    req->res.reason = reason;
    req->res.content_length = len;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-store"));
    h2o_iovec_t body = h2o_strdup(&req->pool, text, len);
    h2o_start_response(req, &generator);
    /* libh2o would send a body to HEAD as well, and the client take it for the next answer. */
    bool head = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    h2o_send(req, &body, len && !head ? 1 : 0, H2O_SEND_STATE_FINAL);
}

static void s_send_file(h2o_req_t *req, int status, const char *type, FILE *file, char **text,
                        size_t *len)
{
    fclose(file);
    s_answer(req, status, status == 200 ? "OK" : "Service Unavailable", type, *text, *len);
    free(*text);
}

static int64_t s_silent_ms(void)
{
    return clock_ms() - atomic_load_explicit(&s_tick_ms, memory_order_relaxed);
}

static void s_healthz(h2o_req_t *req)
{
    int64_t silent_ms = s_silent_ms();
    bool alive = silent_ms <= ALIVE_MS;
    char text[64];
    int len = alive ? snprintf(text, sizeof text, "ok\n")
                    : snprintf(text, sizeof text, "the main loop has been silent for %lld ms\n",
                               (long long)silent_ms);
    s_answer(req, alive ? 200 : 503, alive ? "OK" : "Service Unavailable",
             "text/plain; charset=utf-8", text, (size_t)len);
}

static void s_readyz(h2o_req_t *req)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    bool ready = checks_write(file, s_process, s_index, s_installation);
    s_send_file(req, ready ? 200 : 503, "application/json", file, &text, &len);
}

static void s_metrics(h2o_req_t *req)
{
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    exposition_write(file, s_process, s_index, s_monitor.started, (double)s_silent_ms() / 1e3);
    s_send_file(req, 200, "text/plain; version=0.0.4; charset=utf-8", file, &text, &len);
}

static int s_on_request(h2o_handler_t *handler, h2o_req_t *req)
{
    (void)handler;
    /* What stands behind a body is read by libh2o as it likes: it is not to be a request. */
    if (req->entity.base)
        req->http1_is_persistent = 0;
    static const struct {
        const char *path;
        void (*answer)(h2o_req_t *req);
    } pages[] = {{"/healthz", s_healthz}, {"/readyz", s_readyz}, {"/metrics", s_metrics}};
    bool read = h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
                h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
    for (unsigned i = 0; read && i < sizeof pages / sizeof *pages; i++)
        if (h2o_memis(req->path_normalized.base, req->path_normalized.len, pages[i].path,
                      strlen(pages[i].path))) {
            pages[i].answer(req);
            return 0;
        }
    char text[] = "this monitor has /healthz, /readyz and /metrics\n";
    s_answer(req, 404, "Not Found", "text/plain; charset=utf-8", text, sizeof text - 1);
    return 0;
}

static void s_on_accept(h2o_socket_t *listener, const char *err);

static void s_open_reserve(void)
{
    if (s_monitor.reserve < 0)
        s_monitor.reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* One connection more, so that a process without descriptors can say that it has none. */
static h2o_socket_t *s_accept_by_reserve(h2o_socket_t *listener)
{
    if (s_monitor.reserve < 0)
        return NULL;
    close(s_monitor.reserve);
    s_monitor.reserve = -1;
    return h2o_evloop_socket_accept(listener);
}

static void s_on_close(void *data)
{
    seats_leave(s_monitor.seats, (int)(intptr_t)data);
    s_open_reserve();
    if (s_monitor.connections-- == CONNECTIONS)
        h2o_socket_read_start(s_monitor.listener, s_on_accept);
}

/* Who has sat there in silence leaves for one who comes: libh2o reads the end, and closes. */
static void s_seat(h2o_socket_t *socket)
{
    struct sockaddr_storage name = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof name;
    int fd = h2o_socket_get_fd(socket);
    getpeername(fd, (struct sockaddr *)&name, &len);
    int leaves = seats_take(s_monitor.seats, fd, (struct sockaddr *)&name);
    if (leaves >= 0)
        shutdown(leaves, SHUT_RDWR);
    socket->on_close.cb = s_on_close;
    socket->on_close.data = (void *)(intptr_t)fd;
}

/* libh2o has no bound of its own: past ours, connections wait in the kernel's queue. */
static void s_on_accept(h2o_socket_t *listener, const char *err)
{
    h2o_socket_t *socket = err ? NULL : h2o_evloop_socket_accept(listener);
    if (!socket && !err && (errno == EMFILE || errno == ENFILE))
        socket = s_accept_by_reserve(listener);
    if (!socket) {
        /* Without descriptors the listener stays readable: do not spin until one is free. */
        if (errno == EMFILE || errno == ENFILE)
            usleep(10000);
        else if (errno == EINVAL) /* retired */
            h2o_socket_read_stop(listener);
        return;
    }
    s_seat(socket);
    s_open_reserve();
    if (++s_monitor.connections == CONNECTIONS)
        h2o_socket_read_stop(listener);
    h2o_accept(&s_monitor.accept, socket);
}

/* What an operator has set wrongly is told at once; what is taken, or not there yet, may be had
 * later. */
static int s_listen_first(void)
{
    char err[512];
    int fd = port_listen(s_monitor.address, s_installation, s_monitor.shared, err, sizeof err);
    if (fd >= 0)
        return fd;
    if (errno == EINVAL || errno == EACCES || errno == EAFNOSUPPORT)
        log_fatal(EXIT_CONFIG, "monitor.address", "address=%s err=%s", LOG_Q(s_monitor.address),
                  LOG_Q(err));
    log_warn("monitor.busy",
             "process=%s-%u address=%s err=%s hint=\"this process serves, but cannot be asked for "
             "its health and metrics until it gets the address, which it tries each second: end "
             "what has it, or set another and start this process anew\"",
             s_process, s_index, LOG_Q(s_monitor.address), LOG_Q(err));
    return -1;
}

/* -1: an older process is not to take it any more. */
static int s_listen_later(void)
{
    char err[512];
    int64_t began_ms = clock_ms();
    int fd = -1;
    while (fd < 0 && !atomic_load(&s_retired)) {
        nanosleep(&(struct timespec){.tv_sec = AGAIN_S}, NULL);
        fd = port_listen(s_monitor.address, s_installation, s_monitor.shared, err, sizeof err);
    }
    if (fd >= 0)
        log_info("monitor.listening", "process=%s-%u address=%s after_ms=%lld", s_process, s_index,
                 LOG_Q(s_monitor.address), (long long)(clock_ms() - began_ms));
    return fd;
}

static void s_serve(h2o_evloop_t *loop, int fd)
{
    s_monitor.listener = h2o_evloop_socket_create(loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(s_monitor.listener, s_on_accept);
    atomic_store(&s_fd, fd);
    if (atomic_load(&s_retired))
        shutdown(fd, SHUT_RDWR);
}

static void s_turn(h2o_evloop_t *loop, int32_t most_ms)
{
    if (h2o_evloop_run(loop, most_ms) != 0 && errno != EINTR)
        log_fatal(EXIT_FAULT, "monitor.loop", "err=%s", LOG_Q(strerror(errno)));
}

static void *s_run(void *arg)
{
    h2o_evloop_t *loop = arg;
    int64_t started_ms = clock_ms() + STARTED_MS;
    int fd = atomic_load(&s_fd) < 0 ? s_listen_later() : -1;
    if (fd >= 0)
        s_serve(loop, fd);
    for (int64_t now_ms = clock_ms(); now_ms < started_ms; now_ms = clock_ms())
        s_turn(loop, (int32_t)(started_ms - now_ms));
    shed_pages();
    for (;;)
        s_turn(loop, INT32_MAX);
    return NULL;
}

static void s_start(const char *process, unsigned index, const char *address,
                    const char *installation, bool shared)
{
    snprintf(s_installation, sizeof s_installation, "%s", installation);
    s_index = index;
    snprintf(s_process, sizeof s_process, "%s", process);
    monitor_tick();
    s_monitor.started = process_start_seconds();
    h2o_config_init(&s_monitor.conf);
    s_monitor.conf.server_name = (h2o_iovec_t){(char *)"", 0};
    s_monitor.seats = seats_new();
    s_monitor.conf.http1.upgrade_to_http2 = 0;
    s_monitor.conf.http1.req_timeout = REQUEST_MS;
    s_monitor.conf.max_request_entity_size = ENTITY_MOST;
    h2o_hostconf_t *host =
        h2o_config_register_host(&s_monitor.conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    h2o_handler_t *handler = h2o_create_handler(path, sizeof *handler);
    handler->on_req = s_on_request;
    h2o_evloop_t *loop = h2o_evloop_create();
    h2o_context_init(&s_monitor.context, loop, &s_monitor.conf);
    s_monitor.accept.ctx = &s_monitor.context;
    s_monitor.accept.hosts = s_monitor.conf.hosts;
    s_monitor.reserve = -1;
    s_open_reserve();
    snprintf(s_monitor.address, sizeof s_monitor.address, "%s", address);
    s_monitor.shared = shared;
    int fd = s_listen_first();
    if (fd >= 0)
        s_serve(loop, fd);

    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread, NULL, s_run, loop);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "monitor.thread", "err=%s", LOG_Q(strerror(rc)));
    pthread_detach(thread);
}

void monitor_index(unsigned index)
{
    atomic_store(&s_index, index);
}

void monitor_start(const char *process, unsigned index, const char *address,
                   const char *installation)
{
    s_start(process, index, address, installation, false);
}

void monitor_start_shared(const char *process, unsigned index, const char *address,
                          const char *installation)
{
    s_start(process, index, address, installation, true);
}

void monitor_retire(void)
{
    atomic_store(&s_retired, true);
    int fd = atomic_load(&s_fd);
    /* Ends the listening for every thread; the monitor's next attempt to accept fails. */
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

bool monitor_listens(void)
{
    return atomic_load_explicit(&s_fd, memory_order_relaxed) >= 0;
}
