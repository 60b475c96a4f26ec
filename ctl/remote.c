#include "ctl/remote.h"

#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "common/base/url.h"
#include "ctl/http.h"
#include "ctl/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void s_add_value(char **url, const char *name, const json_t *value)
{
    char number[32];
    if (json_is_string(value))
        url_add(url, name, json_string_value(value));
    else if (json_is_boolean(value))
        url_add(url, name, json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        url_add(url, name, number);
    }
}

/* The arguments of a GET or DELETE, none of which is a secret. */
static void s_add_query(char **url, const json_t *body)
{
    const char *name;
    json_t *value, *item;
    size_t i;
    json_object_foreach ((json_t *)body, name, value) {
        if (!json_is_array(value))
            s_add_value(url, name, value);
        json_array_foreach (value, i, item)
            s_add_value(url, name, item);
    }
}

static void s_read_error(const http_reply_t *reply, control_error_t *error)
{
    json_t *object = json_read(reply->body, reply->body_len);
    const char *code = json_string_value(json_object_get(object, "code"));
    const char *message = json_string_value(json_object_get(object, "message"));
    error->code = ERROR_internal; /* of a newer version */
    for (unsigned i = 1; code && error_find(i); i++)
        if (strcmp(error_find(i)->name, code) == 0)
            error->code = i;
    snprintf(error->name, sizeof error->name, "%s", code ? code : "unreachable");
    if (message)
        snprintf(error->message, sizeof error->message, "%s", message);
    else
        snprintf(error->message, sizeof error->message,
                 "the answer has status %ld and is not of Postern's admin API: is the URL that of "
                 "an admin listener (http://127.0.0.1:8081)?",
                 reply->status);
    json_decref(object);
}

static json_t *s_read(const char *url, http_reply_t *reply, control_error_t *error)
{
    json_t *object = NULL;
    if (reply->status == 0) {
        error->code = 0;
        snprintf(error->name, sizeof error->name, "unreachable");
        snprintf(error->message, sizeof error->message, "no answer from %s: %s", url, reply->error);
    } else if (reply->status == 204) {
        object = json_object();
    } else if (reply->status == 200) {
        object = json_read(reply->body, reply->body_len);
    }
    if (reply->status && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
        s_read_error(reply, error);
    }
    if (reply->body)
        secret_wipe(reply->body, reply->body_len);
    return object;
}

json_t *remote_call(const char *url, const char *credential, unsigned op, const char *target,
                    const json_t *body, control_error_t *error)
{
    char bearer[512];
    http_reply_t reply;
    unsigned methods = op_find(op)->methods;
    bool in_query = methods == OP_GET || methods == OP_DELETE;
    char *full = url_make(url, op, target), *text = NULL;
    memset(error, 0, sizeof *error);
    if (in_query && body)
        s_add_query(&full, body);
    else if (!in_query)
        text = body ? json_dumps(body, JSON_COMPACT) : strdup("{}");
    snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", credential ? credential : "");
    http_request_t request = {.method = op_method_name(methods),
                              .url = full,
                              .body = text,
                              .body_len = text ? strlen(text) : 0,
                              .timeout_ms = REMOTE_TIMEOUT_MS};
    unsigned headers = 0;
    if (credential)
        request.headers[headers++] = bearer;
    if (text)
        request.headers[headers++] = "Content-Type: application/json";
    http_request(&request, &reply);
    json_t *object = s_read(url, &reply, error);
    http_reply_clear(&reply);
    secret_wipe(bearer, sizeof bearer);
    if (text)
        secret_wipe(text, strlen(text));
    free(text);
    free(full);
    return object;
}
