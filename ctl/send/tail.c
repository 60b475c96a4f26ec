/* posternctl tail …: live streams of one target or several, which come back by themselves where
 * they were. */
#include "common/base/clock.h"
#include "common/base/ops.h"
#include "common/base/url.h"
#include "common/base/uuid.h"
#include "common/stream/bytes.h"
#include "ctl/command.h"
#include "ctl/http_lines.h"
#include "ctl/json_read.h"
#include "ctl/operation.h"
#include "ctl/send/call.h"
#include "ctl/send/shown.h"
#include "ctl/table.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TAIL_TARGETS = 16,
    AGAIN_LEAST_MS = 500,
    AGAIN_MOST_MS = 10000,
    TURN_MS = 500,
    WHERE = 256, /* a target in words */
    ID = 8192,   /* of a stream of several targets, over many shards */
};

struct tail;

typedef struct {
    struct tail *tail;
    const char *name;
    bool several;  /* its one stream is of several targets: */
    char *targets; /* as the gateway takes them; NULL: all */
    call_t *call;
    char id[ID];    /* of the last event; "": none has come */
    bool opened;    /* once */
    bool under_way; /* or it begins at AGAIN_MS */
    bool over;      /* it does not come back */
    int64_t again_ms, wait_ms;
} place_t;

typedef struct tail {
    ctl_t *ctl;
    http_lines_t *lines;
    place_t place[TAIL_TARGETS];
    unsigned len;
    bool colours;
    int status;
} tail_t;

static void s_begin(place_t *self)
{
    const char *since = ctl_option(self->tail->ctl, "--since");
    const char *last = ctl_option(self->tail->ctl, "--last");
    char after[ID + 32], *url = strdup(call_url(self->call));
    assert(url);
    const char *headers[] = {"Accept: application/x-ndjson", call_authorization(self->call), NULL,
                             NULL};
    snprintf(after, sizeof after, "Last-Event-ID: %s", self->id);
    if (*self->id)
        headers[2] = after;
    if (self->targets)
        url_add(&url, "targets", self->targets);
    if (!*self->id && since)
        url_add(&url, "since", since);
    if (!*self->id && last)
        url_add(&url, "last", last);
    self->under_way = true;
    http_lines_begin(self->tail->lines, url, headers, self);
    free(url);
}

/* Which of several targets an event is of; else the stream's name. */
static const char *s_which(const place_t *self, const json_t *data, char text[WHERE])
{
    const json_t *target = json_object_get(data, "target");
    const char *kind = json_string_value(json_object_get(target, "kind"));
    const char *name = json_string_value(json_object_get(target, "name"));
    if (!kind || !name)
        return self->name;
    snprintf(text, WHERE, "%s:%s", kind, name);
    return text;
}

/* EVENT: what has become of it. */
static void s_show(place_t *self, const char *event, json_t *message)
{
    char text[WHERE];
    bool many = self->several || self->tail->len > 1;
    const char *where = many ? s_which(self, message, text) : NULL;
    if (!ctl_json(self->tail->ctl)) {
        shown_message(message, where, self->tail->colours);
    } else {
        if (where && !self->several)
            json_object_set_new(message, "target", json_string(where));
        if (*event != 'm')
            json_object_set_new(message, "change", json_string(event));
        table_json_line(message);
    }
    fflush(stdout);
}

static void s_say(const char *which, const char *what)
{
    fputs("posternctl: ", stderr);
    table_text(stderr, which);
    fputs(": ", stderr);
    table_text(stderr, what);
    fputc('\n', stderr);
}

static void s_on_end(place_t *self, const json_t *data)
{
    char text[WHERE];
    const char *code = json_string_value(json_object_get(data, "code"));
    const char *message = json_string_value(json_object_get(data, "message"));
    if (code && strcmp(code, "draining") == 0)
        return;
    if (json_object_get(data, "target")) {
        s_say(s_which(self, data, text), message ? message : "it has ended");
        return;
    }
    self->over = true;
    self->tail->status = CTL_REFUSED;
    ctl_error(self->tail->ctl, code ? code : "failed", "%s: %s", self->name,
              message ? message : "the stream has ended");
}

static void s_on_reset(place_t *self, const json_t *data)
{
    char text[WHERE];
    const char *reason = json_string_value(json_object_get(data, "reason"));
    s_say(s_which(self, data, text),
          reason && strcmp(reason, "expired") == 0
              ? "messages were removed before they could be shown; it goes on behind them"
              : "the messages are others than before; it begins with the oldest");
}

static void s_on_event(place_t *self, const char *event, const json_t *row)
{
    json_t *data = json_object_get(row, "data");
    if (strcmp(event, "message") == 0 || strcmp(event, "edit") == 0 || strcmp(event, "delete") == 0)
        s_show(self, event, data);
    else if (strcmp(event, "end") == 0)
        s_on_end(self, data);
    else if (strcmp(event, "reset") == 0)
        s_on_reset(self, data);
}

/* The id is kept after the message was shown: one that breaks off between is shown again. */
static void s_on_line(void *arg, char *line, size_t len)
{
    place_t *self = arg;
    json_t *row = json_read(line, len);
    const char *event = json_string_value(json_object_get(row, "event"));
    const char *id = json_string_value(json_object_get(row, "id"));
    self->opened = true;
    self->wait_ms = 0;
    if (event)
        s_on_event(self, event, row);
    if (id && strlen(id) < ID)
        strcpy(self->id, id);
    json_decref(row);
}

/* What a return would not change. */
static bool s_is_final(const place_t *self, long status)
{
    return (status >= 400 && status < 500 && status != 408 && status != 429) ||
           (!self->opened && status != 429 && status != 503);
}

static void s_on_ended(void *arg, long status, const char *body, const char *error,
                       unsigned retry_s)
{
    place_t *self = arg;
    self->under_way = false;
    if (status != 200 && s_is_final(self, status)) {
        http_reply_t reply = {.status = status, .body = (char *)body, .body_len = strlen(body)};
        snprintf(reply.error, sizeof reply.error, "%s", error);
        self->tail->status = call_failed(self->call, &reply);
        self->over = true;
        return;
    }
    int64_t wait_ms = self->wait_ms ? 2 * self->wait_ms : AGAIN_LEAST_MS;
    self->wait_ms = wait_ms < AGAIN_MOST_MS ? wait_ms : AGAIN_MOST_MS;
    wait_ms = retry_s * INT64_C(1000) > self->wait_ms ? retry_s * INT64_C(1000) : self->wait_ms;
    self->again_ms = clock_ms() + wait_ms + (int64_t)(uuid_instance() % (uint64_t)self->wait_ms);
    if (!self->over && self->wait_ms > AGAIN_LEAST_MS)
        s_say(self->name, *error ? error : "no stream; it is tried again");
}

/* False when all are over. */
static bool s_turn(tail_t *self)
{
    unsigned left = 0;
    for (unsigned i = 0; i < self->len; i++) {
        place_t *place = &self->place[i];
        if (!place->over && !place->under_way && clock_ms() >= place->again_ms)
            s_begin(place);
        left += !place->over || place->under_way;
    }
    if (left > 0)
        http_lines_turn(self->lines, TURN_MS);
    return left > 0;
}

/* False after the error was shown. */
static bool s_open_several(tail_t *self)
{
    place_t *place = &self->place[self->len++];
    bytes_t targets = {0};
    const char *name;
    for (unsigned i = 0; (name = ctl_argument(self->ctl, i)); i++) {
        bytes_put(&targets, ",", i > 0);
        bytes_put(&targets, name, strlen(name));
    }
    *place = (place_t){.tail = self, .several = true, .name = "stream"};
    if (targets.len > 0) {
        bytes_put(&targets, "", 1);
        place->targets = targets.data;
    }
    place->call = call_of(self->ctl, OP_streams, "");
    return place->call;
}

/* False after the error was shown. */
static bool s_open(tail_t *self)
{
    unsigned op = operation_of(self->ctl);
    const char *name;
    if (op == OP_streams)
        return s_open_several(self);
    while (op && (name = ctl_argument(self->ctl, self->len))) {
        place_t *place = &self->place[self->len++];
        *place = (place_t){.tail = self, .name = name, .call = call_of(self->ctl, op, name)};
        if (!place->call)
            return false;
    }
    return op != 0;
}

int tail_run(ctl_t *ctl)
{
    static const http_lines_calls_t calls = {.line = s_on_line, .ended = s_on_ended};
    tail_t self = {.ctl = ctl, .colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    self.lines = http_lines_new(&calls);
    if (!s_open(&self))
        self.status = CTL_REFUSED;
    while (self.len > 0 && self.place[self.len - 1].call && s_turn(&self))
        ;
    for (unsigned i = 0; i < self.len; i++) {
        call_destroy(&self.place[i].call);
        free(self.place[i].targets);
    }
    http_lines_destroy(&self.lines);
    return self.status;
}
