#include "ctl/send/call.h"

#include "common/base/clock.h"
#include "common/base/moment.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/base/url.h"
#include "ctl/credential.h"
#include "ctl/json_read.h"
#include "ctl/manage/app.h"
#include "ctl/operation.h"
#include "ctl/send/signed_in.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_TIMEOUT_MS = 15000 };

struct call {
    ctl_t *ctl;
    unsigned op;
    char *target;     /* over the control socket; NULL: over HTTP */
    const char *base; /* over HTTP: where, the conf's or an option */
    bool signed_in;   /* BASE is the admin listener's */
    char *url;
    char *authorization; /* header with the token, or the session */
    const char *headers[HTTP_HEADERS - 1];
    unsigned headers_len;
    bool follows;
};

static const char *s_base(ctl_t *ctl)
{
    const char *url = ctl_option(ctl, "--url");
    return url ? url : conf_text(ctl_conf(ctl), SET_public_url);
}

static bool s_has_webhook_token(const ctl_t *ctl)
{
    const char *token = getenv("POSTERN_TOKEN");
    return ctl_option(ctl, "--url") || ctl_option(ctl, "--token-file") || (token && *token);
}

/* Whoever opens the control socket needs no token to read; what is posted is a user's, and a stream
 * and what is gathered is a gateway's. */
static bool s_is_local(ctl_t *ctl, unsigned op)
{
    op_deed_t deed = op_find(op)->deed;
    bool elsewhere = deed == DOES_STREAM || deed == DOES_GATHER;
    bool reads = (op_reads(op_find(op)) && !elsewhere) || deed == DOES_REPEAT;
    return reads && !s_has_webhook_token(ctl) && !ctl_admin_url(ctl);
}

/* The admin listener is asked where one is named and no webhook token is there, or the credential
 * for it is named, too. */
static bool s_is_signed_in(ctl_t *ctl, unsigned op)
{
    bool named = ctl_option(ctl, "--management-token-file") || ctl_option(ctl, "--session-file");
    bool webhook = ctl_option(ctl, "--url") || ctl_option(ctl, "--token-file") ||
                   (s_has_webhook_token(ctl) && !named);
    return !webhook && ctl_admin_url(ctl) && signed_in_op(op) != OP_NONE;
}

static const char *s_environment(const ctl_t *ctl)
{
    const char *environment = ctl_option(ctl, "--environment");
    return environment ? environment : "sandbox";
}

/* Whether TARGET is an extension's name: authd knows app-id and appkey. */
static bool s_is_extension(unsigned op, const char *target)
{
    return op_find(op)->owner == OWNER_EXTENSION && strspn(target, "0123456789") != strlen(target);
}

/* With the app that --environment names; NULL after the error was shown. */
static json_t *s_extension(ctl_t *ctl, const char *name)
{
    json_t *extension = ctl_call(ctl, OP_extension_show, name, NULL);
    if (!extension || app_id_of(extension, s_environment(ctl)))
        return extension;
    ctl_error(ctl, "unknown_app", "%s has no %s app: --environment is sandbox or marketplace", name,
              s_environment(ctl));
    json_decref(extension);
    return NULL;
}

static char *s_url(ctl_t *ctl, unsigned op, const char *target, const json_t *extension)
{
    const char *appkey = getenv("POSTERN_APPKEY");
    if (extension && op == OP_extension_incoming)
        return app_url(s_base(ctl), extension, s_environment(ctl), NULL);
    char *url = url_make(s_base(ctl), op, target);
    if (op == OP_extension_incoming && appkey)
        url_add(&url, "appkey", appkey);
    return url;
}

/* False after the error was shown. */
static bool s_take_credential(call_t *self)
{
    char *token = self->signed_in ? credential_management(self->ctl, self->base)
                                  : credential_token(self->ctl);
    if (token && asprintf(&self->authorization, "Authorization: Bearer %s", token) < 0)
        abort();
    credential_free(&token);
    return self->authorization != NULL;
}

/* The admin listener finds an extension by its name itself. */
static void s_open_signed_in(call_t *self, const char *target)
{
    self->url = url_make(self->base, signed_in_op(self->op), target);
    if (s_is_extension(self->op, target))
        url_add(&self->url, "environment", s_environment(self->ctl));
}

static void s_open(call_t *self, bool local, const char *target)
{
    json_t *extension = NULL;
    if (s_is_extension(self->op, target)) {
        if (!(extension = s_extension(self->ctl, target)))
            return;
        target = app_id_of(extension, s_environment(self->ctl));
    }
    if (local)
        self->target = strdup(target);
    else
        self->url = s_url(self->ctl, self->op, target, extension);
    json_decref(extension);
}

call_t *call_new(ctl_t *ctl)
{
    unsigned op = operation_of(ctl);
    return op ? call_of(ctl, op, operation_target(ctl)) : NULL;
}

call_t *call_of(ctl_t *ctl, unsigned op, const char *target)
{
    call_t *self = calloc(1, sizeof *self);
    assert(self);
    self->ctl = ctl;
    self->op = op;
    bool local = s_is_local(ctl, op);
    self->signed_in = !local && s_is_signed_in(ctl, op);
    self->base = self->signed_in ? ctl_admin_url(ctl) : s_base(ctl);
    if (self->signed_in && s_take_credential(self))
        s_open_signed_in(self, target);
    else if (!self->signed_in && (local || s_take_credential(self)))
        s_open(self, local, target);
    if (!self->target && !self->url)
        call_destroy(&self);
    return self;
}

/* Of targets whose path has nothing but their name. */
call_t *call_also(const call_t *self, unsigned op)
{
    call_t *other = calloc(1, sizeof *other);
    assert(other && self->authorization);
    other->ctl = self->ctl;
    other->op = op;
    other->base = self->base;
    other->signed_in = self->signed_in;
    unsigned door = self->signed_in ? signed_in_op(op) : op;
    assert(door != OP_NONE);
    other->url = url_make(self->base, door, operation_target(self->ctl));
    other->authorization = strdup(self->authorization);
    return other;
}

void call_destroy(call_t **self_p)
{
    call_t *self = *self_p;
    if (!self)
        return;
    free(self->target);
    credential_free(&self->url); /* it may hold an appkey */
    credential_free(&self->authorization);
    free(self);
    *self_p = NULL;
}

void call_number(call_t *self, const char *number)
{
    static const char place[] = "{number}";
    char *url, *at = self->url ? strstr(self->url, place) : NULL;
    if (!at)
        return;
    if (asprintf(&url, "%.*s%s%s", (int)(at - self->url), self->url, number,
                 at + sizeof place - 1) < 0)
        abort();
    credential_free(&self->url);
    self->url = url;
}

const char *call_url(const call_t *self)
{
    return self->url;
}

const char *call_authorization(const call_t *self)
{
    return self->authorization;
}

void call_header(call_t *self, const char *header)
{
    assert(self->headers_len < HTTP_HEADERS - 1);
    self->headers[self->headers_len++] = header;
}

void call_follow(call_t *self)
{
    self->follows = true;
}

void call_send(call_t *self, const char *method, const char *query, const char *body, size_t len,
               http_reply_t *reply)
{
    char *url = NULL;
    const char *separator = strchr(self->url, '?') ? "&" : "?";
    if (asprintf(&url, "%s%s%s", self->url, *query ? separator : "", query) < 0)
        abort();
    http_request_t request = {.method = method,
                              .url = url,
                              .body = body,
                              .body_len = len,
                              .headers = {self->authorization},
                              .timeout_ms = CALL_TIMEOUT_MS};
    for (unsigned i = 0; i < self->headers_len; i++)
        request.headers[i + 1] = self->headers[i];
    http_request(&request, reply);
    credential_free(&url);
}

/* "limit=10&from=…", the caller's. */
static char *s_query(const json_t *params)
{
    char *query = strdup(""), number[24];
    const char *name;
    json_t *value;
    assert(query);
    json_object_foreach ((json_t *)params, name, value) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        url_add(&query, name, json_is_string(value) ? json_string_value(value) : number);
    }
    if (*query)
        memmove(query, query + 1, strlen(query)); /* what url_add begins with */
    return query;
}

void call_time(const ctl_t *ctl, const char *option, const char *param, json_t *params)
{
    const char *text = ctl_option(ctl, option);
    if (!text)
        return;
    int64_t time_ms = moment_parse(slice_of(text), clock_wall_ms());
    if (time_ms < 0) {
        ctl_error(ctl, "usage", "%s must be " MOMENT_FORMS ", not %s", option, text);
        exit(CTL_USAGE);
    }
    char time[CLOCK_TEXT];
    clock_text(time_ms, time);
    json_object_set_new(params, param, json_string(time));
}

json_t *call_read(call_t *self, const char *method, json_t *params)
{
    http_reply_t reply;
    if (self->target && self->follows)
        json_object_set_new(params, "follow", json_true());
    if (self->target)
        return ctl_call(self->ctl, self->op, self->target, params);
    char *query = s_query(params);
    json_decref(params);
    call_send(self, method, query, NULL, 0, &reply);
    free(query);
    json_t *answer = reply.status == 200 ? json_read(reply.body, reply.body_len) : NULL;
    if (!json_is_object(answer)) {
        call_failed(self, &reply);
        json_decref(answer);
        answer = NULL;
    }
    http_reply_clear(&reply);
    return answer;
}

int call_failed(const call_t *self, const http_reply_t *reply)
{
    if (reply->status == 0) {
        ctl_error(self->ctl, "unreachable", "no answer from %s: %s", self->base, reply->error);
        return CTL_REFUSED;
    }
    json_t *error = json_read(reply->body, reply->body_len);
    const char *code = json_string_value(json_object_get(error, "code"));
    const char *message = json_string_value(json_object_get(error, "message"));
    if (self->signed_in && code && strcmp(code, "invalid_session") == 0)
        message = "the session has ended: log in again with posternctl login EMAIL --save";
    ctl_error(self->ctl, code ? code : "failed", "%ld %s: %s", reply->status, code ? code : "",
              message                ? message
              : reply->status == 200 ? "the answer is no JSON: is the URL that of a gateway?"
                                     : "the answer says no more");
    json_decref(error);
    return CTL_REFUSED;
}
