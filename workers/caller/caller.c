#include "workers/caller/caller.h"

#include "common/base/clock.h"
#include "common/base/http_url.h"
#include "common/base/wake.h"
#include "workers/caller/authorities.h"
#include "workers/caller/transfer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    MAGIC = 0x43414c4c,
    EVENTS = 256,        /* of one turn */
    PARKED_MS = 100,     /* between two looks at the calls that are parked */
    FORGOTTEN_MS = 1000, /* between two looks at all addresses that libcurl remembers */
    CONNECTIONS = 2,     /* for each call at once: one that is idle for each that is not */
};

typedef STAILQ_HEAD(, call) calls_t;

struct caller {
    unsigned magic;
    pthread_t thread;
    int wake_fd, done_fd;

    /* The owner's. */
    calls_t taken; /* off finished, not yet returned */

    pthread_mutex_t lock; /* for these */
    calls_t started, finished;
    bool stopping;
    bool said; /* done_fd is readable; both change together, under the lock */

    lookups_t lookups; /* has a lock of its own */

    /* The thread's. */
    const egress_t *egress;
    unsigned most, active;
    authorities_t authorities;
    CURLM *multi;
    int epoll;
    int64_t forgot_ms; /* when a call has ended at whose end old addresses are forgotten */
    int64_t due_ms;    /* when libcurl wants to be called, -1: not by time */
    calls_t waiting;   /* for a place among the active */
    calls_t parked;    /* until the look-ups of their names have ended */
    uint64_t ended;    /* look-ups that had when that was looked at */
    int64_t look_ms;   /* when it is looked at in any case: their time may be up */
    calls_t done;      /* of this turn */
    LIST_HEAD(, transfer) transfers, idle;
    unsigned idle_len;
};

static call_t *s_pop(calls_t *list)
{
    call_t *call = STAILQ_FIRST(list);
    if (call)
        STAILQ_REMOVE_HEAD(list, link);
    return call;
}

static void s_destroy_all(calls_t *list)
{
    for (call_t *call; (call = s_pop(list));)
        call_destroy(&call);
}

/* --- What libcurl asks for */

static int s_on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    caller_t *self = arg;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(self->epoll, EPOLL_CTL_DEL, fd, NULL);
        curl_multi_assign(self->multi, fd, NULL);
        return 0;
    }
    struct epoll_event event = {.data.fd = fd};
    event.events = (what & CURL_POLL_IN ? (unsigned)EPOLLIN : 0u) |
                   (what & CURL_POLL_OUT ? (unsigned)EPOLLOUT : 0u);
    int rc = epoll_ctl(self->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (rc != 0)
        rc = epoll_ctl(self->epoll, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
    curl_multi_assign(self->multi, fd, self);
    return rc == 0 ? 0 : -1;
}

static int s_on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    caller_t *self = arg;
    (void)multi;
    self->due_ms = timeout_ms < 0 ? -1 : clock_ms() + timeout_ms;
    return 0;
}

static void s_act(caller_t *self, curl_socket_t fd, int events)
{
    int running;
    CURLMcode code = curl_multi_socket_action(self->multi, fd, events, &running);
    assert(code == CURLM_OK);
}

/* Asks again when the time is not over by libcurl's finer clock: it does not repeat itself. */
static void s_on_due(caller_t *self)
{
    long left_ms;
    s_act(self, CURL_SOCKET_TIMEOUT, 0);
    curl_multi_timeout(self->multi, &left_ms);
    self->due_ms = left_ms < 0 ? -1 : clock_ms() + left_ms;
}

/* --- Calls come and go */

/* The easy handle is kept for another call: as many as one owner may have under way. */
static void s_put_by(caller_t *self, transfer_t *transfer)
{
    if (self->idle_len > self->most / 2) {
        transfer_destroy(&transfer);
        return;
    }
    LIST_INSERT_HEAD(&self->idle, transfer, link);
    self->idle_len++;
}

/* Each call would look at all of them: one does in a second. So the addresses of a name are at most
 * that much older than they may be; until such a call has ended, no other one uses old ones. */
static bool s_forgets(const caller_t *self)
{
    return self->forgot_ms == 0 || clock_ms() - self->forgot_ms >= FORGOTTEN_MS;
}

static void s_begin(caller_t *self, call_t *call)
{
    transfer_t *transfer = LIST_FIRST(&self->idle);
    if (transfer) {
        LIST_REMOVE(transfer, link);
        self->idle_len--;
    } else {
        transfer = transfer_new(self->egress, self->authorities.path, &self->lookups);
    }
    if (!transfer_begin(transfer, call, s_forgets(self))) {
        s_put_by(self, transfer);
        STAILQ_INSERT_TAIL(&self->done, call, link);
        return;
    }
    LIST_INSERT_HEAD(&self->transfers, transfer, link);
    self->active++;
    CURLMcode code = curl_multi_add_handle(self->multi, transfer->easy);
    assert(code == CURLM_OK);
}

static call_t *s_end(caller_t *self, transfer_t *transfer, CURLcode code)
{
    CURLMcode removed = curl_multi_remove_handle(self->multi, transfer->easy);
    assert(removed == CURLM_OK);
    call_t *call = transfer_end(transfer, code);
    LIST_REMOVE(transfer, link);
    self->active--;
    s_put_by(self, transfer);
    return call;
}

static void s_collect(caller_t *self)
{
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(self->multi, &left))) {
        char *private;
        assert(message->msg == CURLMSG_DONE);
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        transfer_t *transfer = (transfer_t *)(void *)private;
        if (transfer->forgets && code == CURLE_OK)
            self->forgot_ms = clock_ms();
        uint64_t joined = transfer->joined;
        call_t *call = s_end(self, transfer, code);
        call->lookup = joined;
        if (joined && call->parked_ms == 0)
            call->parked_ms = clock_ms();
        STAILQ_INSERT_TAIL(joined ? &self->parked : &self->done, call, link);
    }
}

static void s_end_parked(caller_t *self, call_t *call, int64_t now_ms)
{
    call->outcome = CALL_TIMEOUT;
    call->duration_us = (now_ms - call->parked_ms) * 1000;
    snprintf(call->reason, sizeof call->reason,
             "the name was not looked up in time: its name server does not answer");
    STAILQ_INSERT_TAIL(&self->done, call, link);
}

/* Calls that wait for a look-up: those whose time is up end; where it has ended, they begin again,
 * before what came later. */
static void s_tend_parked(caller_t *self)
{
    calls_t parked = STAILQ_HEAD_INITIALIZER(parked), first = STAILQ_HEAD_INITIALIZER(first);
    int64_t now_ms = clock_ms();
    if (STAILQ_EMPTY(&self->parked) ||
        (self->ended == self->lookups.ended && now_ms < self->look_ms))
        return;
    self->ended = self->lookups.ended;
    self->look_ms = now_ms + PARKED_MS;
    STAILQ_CONCAT(&parked, &self->parked);
    for (call_t *call; (call = s_pop(&parked));) {
        if (now_ms - call->parked_ms >= call->timeout_ms)
            s_end_parked(self, call, now_ms);
        else if (lookups_is_under_way(&self->lookups, call->lookup))
            STAILQ_INSERT_TAIL(&self->parked, call, link);
        else
            STAILQ_INSERT_TAIL(&first, call, link);
    }
    STAILQ_CONCAT(&first, &self->waiting);
    STAILQ_CONCAT(&self->waiting, &first);
}

/* Begins what there is room for, until nothing ends at once. */
static void s_begin_all(caller_t *self)
{
    while (self->active < self->most && !STAILQ_EMPTY(&self->waiting)) {
        while (self->active < self->most && !STAILQ_EMPTY(&self->waiting))
            s_begin(self, s_pop(&self->waiting));
        s_act(self, CURL_SOCKET_TIMEOUT, 0);
        s_collect(self);
    }
}

/* Takes what was started; false when the owner wants it all to end. */
static bool s_take(caller_t *self)
{
    wake_silence(self->wake_fd);
    pthread_mutex_lock(&self->lock);
    STAILQ_CONCAT(&self->waiting, &self->started);
    bool stopping = self->stopping;
    pthread_mutex_unlock(&self->lock);
    return !stopping;
}

static void s_give_back(caller_t *self)
{
    if (STAILQ_EMPTY(&self->done))
        return;
    pthread_mutex_lock(&self->lock);
    STAILQ_CONCAT(&self->finished, &self->done);
    if (!self->said)
        wake_ring(self->done_fd);
    self->said = true;
    pthread_mutex_unlock(&self->lock);
}

static int s_wait_ms(const caller_t *self)
{
    int64_t due_ms = self->due_ms < 0 ? INT32_MAX : self->due_ms - clock_ms();
    int64_t parked_ms = STAILQ_EMPTY(&self->parked)          ? INT32_MAX
                        : self->ended != self->lookups.ended ? 0
                                                             : PARKED_MS;
    int64_t wait_ms = due_ms < parked_ms ? due_ms : parked_ms;
    return wait_ms == INT32_MAX ? -1 : wait_ms > 0 ? (int)wait_ms : 0;
}

/* One turn; false when it was the last. */
static bool s_turn(caller_t *self)
{
    struct epoll_event events[EVENTS];
    bool go_on = true;
    int count = epoll_wait(self->epoll, events, EVENTS, s_wait_ms(self));
    assert(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++) {
        unsigned what = events[i].events;
        if (events[i].data.fd == self->wake_fd) {
            go_on = s_take(self);
            continue;
        }
        s_act(self, events[i].data.fd,
              (what & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
                  (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                  (what & EPOLLERR ? CURL_CSELECT_ERR : 0));
        s_collect(self); /* at once: libcurl searches what has ended for each handle that leaves */
    }
    if (self->due_ms >= 0 && clock_ms() >= self->due_ms)
        s_on_due(self);
    s_collect(self);
    s_tend_parked(self);
    s_begin_all(self);
    s_give_back(self);
    return go_on;
}

static void *s_run(void *arg)
{
    caller_t *self = arg;
    assert(self->magic == MAGIC);
    while (s_turn(self))
        ;
    for (transfer_t *transfer; (transfer = LIST_FIRST(&self->transfers));) {
        call_t *call = s_end(self, transfer, CURLE_OPERATION_TIMEDOUT);
        call_destroy(&call);
    }
    for (transfer_t *transfer; (transfer = LIST_FIRST(&self->idle));) {
        LIST_REMOVE(transfer, link);
        transfer_destroy(&transfer);
    }
    curl_multi_cleanup(self->multi);
    return NULL;
}

/* --- The owner's side */

static void s_open_multi(caller_t *self)
{
    self->multi = curl_multi_init();
    if (!self->multi)
        abort();
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETFUNCTION, s_on_socket);
    curl_multi_setopt(self->multi, CURLMOPT_SOCKETDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERFUNCTION, s_on_timer);
    curl_multi_setopt(self->multi, CURLMOPT_TIMERDATA, self);
    curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, (long)self->most * CONNECTIONS);
    curl_multi_setopt(self->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

static void s_open_epoll(caller_t *self)
{
    self->wake_fd = wake_new();
    self->done_fd = wake_new();
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = self->wake_fd};
    if (self->wake_fd < 0 || self->done_fd < 0 || self->epoll < 0 ||
        epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->wake_fd, &event) != 0)
        abort();
}

/* No signal is the thread's: not even SIGPIPE, which OpenSSL's writes could raise. */
static void s_start_thread(caller_t *self)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&self->thread, NULL, s_run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        abort();
}

caller_t *caller_new(const caller_options_t *options, char *err, size_t err_size)
{
    assert(options->egress && options->calls > 0);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    caller_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    if (authorities_open(&self->authorities, options->extra_authorities, err, err_size) != 0) {
        free(self);
        return NULL;
    }
    self->magic = MAGIC;
    self->egress = options->egress;
    self->most = options->calls;
    self->due_ms = -1;
    STAILQ_INIT(&self->taken);
    STAILQ_INIT(&self->started);
    STAILQ_INIT(&self->finished);
    STAILQ_INIT(&self->waiting);
    STAILQ_INIT(&self->parked);
    STAILQ_INIT(&self->done);
    pthread_mutex_init(&self->lock, NULL);
    lookups_open(&self->lookups);
    s_open_epoll(self);
    s_open_multi(self);
    s_start_thread(self);
    return self;
}

void caller_destroy(caller_t **self_p)
{
    caller_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_mutex_unlock(&self->lock);
    wake_ring(self->wake_fd);
    pthread_join(self->thread, NULL);
    s_destroy_all(&self->taken);
    s_destroy_all(&self->started);
    s_destroy_all(&self->finished);
    s_destroy_all(&self->waiting);
    s_destroy_all(&self->parked);
    s_destroy_all(&self->done);
    authorities_close(&self->authorities);
    pthread_mutex_destroy(&self->lock);
    lookups_close(&self->lookups);
    close(self->epoll);
    close(self->wake_fd);
    close(self->done_fd);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

int caller_fd(const caller_t *self)
{
    return self->done_fd;
}

void caller_start(caller_t *self, call_t **call_p)
{
    assert(self->magic == MAGIC && *call_p);
    pthread_mutex_lock(&self->lock);
    bool ring = STAILQ_EMPTY(&self->started);
    STAILQ_INSERT_TAIL(&self->started, *call_p, link);
    pthread_mutex_unlock(&self->lock);
    *call_p = NULL;
    if (ring)
        wake_ring(self->wake_fd);
}

const char *caller_waits_for(caller_t *self, const uuid_t7 *owner, const char *url)
{
    char err[128];
    http_url_t parsed;
    assert(self->magic == MAGIC);
    if (!http_url_parse(slice_of(url), &parsed, err, sizeof err) || parsed.is_address)
        return NULL;
    return lookups_why(&self->lookups, owner, parsed.host, clock_ms());
}

call_t *caller_finished(caller_t *self)
{
    assert(self->magic == MAGIC);
    if (STAILQ_EMPTY(&self->taken)) {
        pthread_mutex_lock(&self->lock);
        STAILQ_CONCAT(&self->taken, &self->finished);
        if (STAILQ_EMPTY(&self->taken) && self->said) {
            wake_silence(self->done_fd);
            self->said = false;
        }
        pthread_mutex_unlock(&self->lock);
    }
    return s_pop(&self->taken);
}
