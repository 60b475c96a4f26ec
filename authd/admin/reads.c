#include "authd/admin/reads.h"

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/base/wake.h"
#include "common/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

enum { AGAIN_MS = 1000, TARGET = WIRE_TARGET + 1 };

typedef struct read {
    LIST_ENTRY(read) link;
    reads_answer_t answer;
    uuid_t7 id; /* of the entry */
    wire_request_t request;
    char target[TARGET];
    pack_t params;  /* a copy of the encoded pairs */
    pack_t handler; /* and of the handler record, with its secrets */
    int64_t end_ms, next_ms;
} read_t;

typedef LIST_HEAD(, read) read_list_t;

struct reads {
    forward_t *forward;
    const uint64_t *self;
    read_list_t waiting; /* the main thread's */
    int asked_fd, answered_fd;
    atomic_bool news;     /* in asked: spares the main thread a system call a turn */
    pthread_mutex_t lock; /* of what follows */
    read_list_t asked, answered;
    unsigned len; /* under way */
};

static int s_event(void)
{
    int fd = wake_new();
    if (fd < 0)
        log_fatal(EXIT_FAULT, "reads.eventfd", "err=%s", LOG_Q(strerror(errno)));
    return fd;
}

reads_t *reads_new(forward_t *forward, const uint64_t *self_instance)
{
    reads_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->forward = forward;
    self->self = self_instance;
    self->asked_fd = s_event();
    self->answered_fd = s_event();
    pthread_mutex_init(&self->lock, NULL);
    return self;
}

static void s_free(read_t *read)
{
    free(read->answer.body);
    pack_free(&read->params);
    pack_wipe(&read->handler);
    free(read);
}

static void s_free_all(read_list_t *list)
{
    for (read_t *read; (read = LIST_FIRST(list));) {
        LIST_REMOVE(read, link);
        s_free(read);
    }
}

void reads_destroy(reads_t **self_p)
{
    reads_t *self = *self_p;
    if (!self)
        return;
    s_free_all(&self->asked);
    s_free_all(&self->waiting);
    s_free_all(&self->answered);
    pthread_mutex_destroy(&self->lock);
    close(self->asked_fd);
    close(self->answered_fd);
    free(self);
    *self_p = NULL;
}

/* The request as an entry of its own, whose slices are this object's. */
static read_t *s_new(const reads_asker_t *asker, const wire_request_t *request)
{
    read_t *read = calloc(1, sizeof *read);
    if (!read || request->target.len >= TARGET)
        abort();
    read->answer.asker = *asker;
    uuid_new(&read->id);
    memcpy(read->target, request->target.data, request->target.len);
    if (request->params.len)
        pack_raw(&read->params, request->params);
    if (request->handler.len)
        pack_raw(&read->handler, request->handler);
    read->request = wire_request_bare(&read->id, request->op, request->method);
    read->request.target = slice(read->target, request->target.len);
    read->request.params = slice(read->params.data, read->params.len);
    read->request.handler = slice(read->handler.data, read->handler.len);
    read->request.principal.present = true;
    read->request.principal.target = request->principal.target;
    read->request.principal.environment = request->principal.environment;
    return read;
}

bool reads_ask(reads_t *self, const reads_asker_t *asker, const wire_request_t *request)
{
    pthread_mutex_lock(&self->lock);
    bool room = self->len < READS_MOST;
    if (room) {
        self->len++;
        read_t *read = s_new(asker, request);
        LIST_INSERT_HEAD(&self->asked, read, link);
        wake_ring(self->asked_fd); /* first: who sees the news takes the signal, too */
        atomic_store(&self->news, true);
    }
    pthread_mutex_unlock(&self->lock);
    return room;
}

int reads_answered_fd(const reads_t *self)
{
    return self->answered_fd;
}

int reads_asked_fd(const reads_t *self)
{
    return self->asked_fd;
}

bool reads_take(reads_t *self, reads_answer_t *answer)
{
    wake_silence(self->answered_fd);
    pthread_mutex_lock(&self->lock);
    read_t *read = LIST_FIRST(&self->answered);
    if (read) {
        LIST_REMOVE(read, link);
        self->len--;
    }
    pthread_mutex_unlock(&self->lock);
    if (!read)
        return false;
    *answer = read->answer;
    read->answer.body = NULL;
    s_free(read);
    return true;
}

/* From those that wait to those that are answered. */
static void s_done(reads_t *self, read_t *read, const wire_reply_t *reply)
{
    LIST_REMOVE(read, link);
    read->answer.reply = *reply;
    read->answer.reply.id = read->answer.asker.id;
    read->answer.reply.origin = read->answer.asker.origin;
    read->answer.reply.attempt = read->answer.asker.attempt;
    pthread_mutex_lock(&self->lock);
    LIST_INSERT_HEAD(&self->answered, read, link);
    pthread_mutex_unlock(&self->lock);
    wake_ring(self->answered_fd);
}

static void s_take_asked(reads_t *self, int64_t now_ms)
{
    if (!atomic_exchange(&self->news, false))
        return;
    wake_silence(self->asked_fd);
    pthread_mutex_lock(&self->lock);
    for (read_t *asked; (asked = LIST_FIRST(&self->asked));) {
        asked->end_ms = now_ms + READS_MS;
        LIST_REMOVE(asked, link);
        LIST_INSERT_HEAD(&self->waiting, asked, link);
    }
    pthread_mutex_unlock(&self->lock);
}

static void s_send(reads_t *self, read_t *read, int64_t now_ms)
{
    read->next_ms = now_ms + AGAIN_MS;
    read->request.origin = *self->self;
    read->request.attempt++;
    read->request.time_left_ms = (uint32_t)(read->end_ms - now_ms);
    forward_put(self->forward, &read->request, NULL, clock_us());
}

/* A read changes nothing, so what did not come may be asked for anew; of the rest one cannot know.
 */
static void s_give_up(reads_t *self, read_t *read)
{
    bool reads = read->request.method == OP_GET;
    wire_reply_t reply = {.status = 0};
    wire_reply_refuse(&reply, reads ? ERROR_unavailable : ERROR_not_confirmed);
    s_done(self, read, &reply);
}

void reads_tick(reads_t *self, int64_t now_ms)
{
    s_take_asked(self, now_ms);
    for (read_t *read = LIST_FIRST(&self->waiting), *next; read; read = next) {
        next = LIST_NEXT(read, link);
        if (now_ms >= read->end_ms)
            s_give_up(self, read);
        else if (now_ms >= read->next_ms)
            s_send(self, read, now_ms);
    }
}

/* A 503 is what a resend may better. */
static bool s_may_pass(const wire_reply_t *reply)
{
    return reply->error == ERROR_unavailable || reply->error == ERROR_overloaded;
}

void reads_answered(reads_t *self, const wire_reply_t *reply, zmq_msg_t *body)
{
    read_t *read;
    LIST_FOREACH (read, &self->waiting, link) {
        if (uuid_eq(&read->id, &reply->id))
            break;
    }
    if (!read || s_may_pass(reply))
        return;
    read->answer.body_len = zmq_msg_size(body);
    read->answer.body = malloc(read->answer.body_len + 1);
    if (!read->answer.body)
        abort();
    memcpy(read->answer.body, zmq_msg_data(body), read->answer.body_len);
    s_done(self, read, reply);
}
