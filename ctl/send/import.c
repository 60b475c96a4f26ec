/* posternctl import …: posts the messages of an export to a channel, with their time and sender. */
#include "common/base/ops.h"
#include "common/base/url.h"
#include "ctl/command.h"
#include "ctl/json_read.h"
#include "ctl/send/call.h"
#include "ctl/send/known.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IMPORT_PAGE = 1000, IMPORT_TRIES = 30, IMPORT_WAIT_MAX_S = 10 };

typedef struct {
    ctl_t *ctl;
    call_t *call;
    known_t *known;
    const char *path;
    FILE *file;
    uint64_t line, posted, skipped, empty;
} import_t;

static int s_bad_line(const import_t *self, const char *why)
{
    ctl_error(self->ctl, "failed", "line %llu of %s: %s", (unsigned long long)self->line,
              self->path, why);
    return CTL_REFUSED;
}

/* What the channel has already, so that an import that is repeated posts nothing twice. */
static int s_read_known(import_t *self)
{
    call_t *call = call_also(self->call, OP_channel_history);
    json_t *page, *row, *next = json_integer(1);
    size_t i;
    bool good = true;
    while (good && json_is_integer(next)) {
        json_t *params = json_pack("{s:i}", "limit", IMPORT_PAGE);
        if (json_integer_value(next) > 1)
            json_object_set(params, "from", next);
        page = call_read(call, "GET", params);
        good = page != NULL;
        json_array_foreach (json_object_get(page, "messages"), i, row)
            known_add(self->known, row);
        json_decref(next);
        next = json_incref(json_object_get(page, "next"));
        json_decref(page);
    }
    json_decref(next);
    call_destroy(&call);
    known_sort(self->known);
    return good ? CTL_OK : CTL_REFUSED;
}

/* It was not stored, and may be at another time. */
static bool s_comes_later(const http_reply_t *reply)
{
    if (reply->status != 503)
        return reply->status == 429;
    json_t *error = json_read(reply->body, reply->body_len);
    const char *code = json_string_value(json_object_get(error, "code"));
    bool later = code && strcmp(code, "not_confirmed") != 0;
    json_decref(error);
    return later;
}

static void s_call(import_t *self, const char *query, const char *body, http_reply_t *reply)
{
    for (unsigned tries = 1;; tries++) {
        call_send(self->call, "POST", query, body, strlen(body), reply);
        if (tries == IMPORT_TRIES || !s_comes_later(reply))
            return;
        unsigned wait_s = reply->retry_after_s ? reply->retry_after_s : 1;
        if (wait_s > IMPORT_WAIT_MAX_S)
            wait_s = IMPORT_WAIT_MAX_S;
        http_reply_clear(reply);
        nanosleep(&(struct timespec){.tv_sec = wait_s}, NULL);
    }
}

static int s_post(import_t *self, const char *time, const char *sender, const json_t *message)
{
    char *query = strdup(""), *body = json_dumps(message, JSON_COMPACT);
    http_reply_t reply;
    if (!query || !body)
        abort();
    url_add(&query, "time", time);
    url_add(&query, "sender", sender);
    s_call(self, query + 1, body, &reply);
    bool stored = reply.status >= 200 && reply.status < 300;
    if (!stored) {
        call_failed(self->call, &reply);
        s_bad_line(self, reply.status == 0 || reply.status >= 500
                             ? "whether this message was stored is not known: wait a minute, and "
                               "the same command goes on from here"
                             : "this message was not stored, and none behind it");
    }
    self->posted += stored;
    http_reply_clear(&reply);
    free(body);
    free(query);
    return stored ? CTL_OK : CTL_REFUSED;
}

static int s_take(import_t *self, const json_t *row)
{
    const char *time = json_string_value(json_object_get(row, "time"));
    const char *sender = json_string_value(json_object_get(json_object_get(row, "sender"), "name"));
    const json_t *message = json_object_get(row, "message");
    if (!time || !sender || !message)
        return s_bad_line(self, "it has no time, sender and message, as a line of an export has");
    if (!json_is_object(message)) {
        self->empty++;
        return CTL_OK;
    }
    if (!known_take(self->known, row))
        return s_post(self, time, sender, message);
    self->skipped++;
    return CTL_OK;
}

static int s_read_lines(import_t *self)
{
    char *line = NULL;
    size_t room = 0;
    int status = CTL_OK;
    for (ssize_t len; status == CTL_OK && (len = getline(&line, &room, self->file)) > 0;) {
        self->line++;
        json_t *row = json_read(line, (size_t)len);
        status = json_is_object(row) ? s_take(self, row) : s_bad_line(self, "it is no JSON object");
        json_decref(row);
    }
    if (status == CTL_OK && ferror(self->file))
        status = s_bad_line(self, strerror(errno));
    free(line);
    return status;
}

static void s_say(const import_t *self)
{
    if (ctl_json(self->ctl))
        printf("{\"imported\":%llu,\"known\":%llu,\"without_message\":%llu}\n",
               (unsigned long long)self->posted, (unsigned long long)self->skipped,
               (unsigned long long)self->empty);
    else
        printf("%llu messages were imported, %llu were there already, %llu have no message\n",
               (unsigned long long)self->posted, (unsigned long long)self->skipped,
               (unsigned long long)self->empty);
}

static int s_import(import_t *self)
{
    self->known = known_new();
    call_header(self->call, "Content-Type: application/json");
    int status = s_read_known(self);
    if (status == CTL_OK) {
        status = s_read_lines(self);
        if (status == CTL_OK || !ctl_json(self->ctl))
            s_say(self);
    }
    known_destroy(&self->known);
    return status;
}

int import_run(ctl_t *ctl)
{
    import_t self = {.ctl = ctl, .path = ctl_argument(ctl, 1)};
    bool by_stdin = !self.path || strcmp(self.path, "-") == 0;
    self.file = by_stdin ? stdin : fopen(self.path, "r");
    if (!self.file) {
        ctl_error(ctl, "failed", "cannot read %s: %s", self.path, strerror(errno));
        return CTL_REFUSED;
    }
    if (by_stdin)
        self.path = "stdin";
    self.call = call_new(ctl);
    int status = self.call ? s_import(&self) : CTL_REFUSED;
    call_destroy(&self.call);
    if (!by_stdin)
        fclose(self.file);
    return status;
}
