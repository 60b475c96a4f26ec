/* posternctl delivery … and dlq …: how the calls of a bot's or an extension's handler went, over
 * HTTP as its owner. */
#include "common/base/ops.h"
#include "ctl/call.h"
#include "ctl/command.h"
#include "ctl/json_read.h"
#include "ctl/table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE = 100 };

/* The operation of the kind that the first argument names; 0, with an error said. */
static unsigned s_op(ctl_t *ctl, unsigned bot, unsigned extension)
{
    const char *kind = ctl_argument(ctl, 0);
    if (strcmp(kind, "bot") == 0)
        return bot;
    if (strcmp(kind, "extension") == 0)
        return extension;
    ctl_error(ctl, "usage", "%s: give bot or extension, and then its name", kind);
    return 0;
}

static void s_add(char **query, const char *name, const char *value)
{
    size_t len = strlen(*query);
    if (!value)
        return;
    char *longer = realloc(*query, len + strlen(name) + 3 * strlen(value) + 3);
    if (!longer)
        abort();
    *query = longer;
    len += (size_t)sprintf(longer + len, "%s%s=", len ? "&" : "", name);
    for (const unsigned char *c = (const unsigned char *)value; *c; c++)
        len += isalnum(*c) ? (size_t)sprintf(longer + len, "%c", *c)
                           : (size_t)sprintf(longer + len, "%%%02X", *c);
}

/* Calls, and returns the answer's object; NULL, with an error said. */
static json_t *s_call(ctl_t *ctl, unsigned op, const char *method, const char *query)
{
    http_reply_t reply;
    call_t *call = op ? call_new_at(ctl, op, 1) : NULL;
    if (!call)
        return NULL;
    call_send(call, method, query, NULL, 0, &reply);
    json_t *answer = reply.status == 200 ? json_read(reply.body, reply.body_len) : NULL;
    if (!answer)
        call_failed(call, &reply);
    http_reply_clear(&reply);
    call_destroy(&call);
    return answer;
}

static char *s_query(ctl_t *ctl, const char *state, const char *id)
{
    char *query = strdup("");
    if (!query)
        abort();
    s_add(&query, "state", state);
    s_add(&query, "id", id);
    s_add(&query, "from", ctl_option(ctl, "--from"));
    s_add(&query, "to", ctl_option(ctl, "--to"));
    s_add(&query, "after", ctl_option(ctl, "--after"));
    s_add(&query, "rate", ctl_option(ctl, "--rate"));
    s_add(&query, "limit", ctl_option(ctl, "--limit"));
    return query;
}

/* A row a delivery: the last attempt says how it stands. */
static void s_print(const json_t *answer)
{
    const json_t *disabled = json_object_get(answer, "disabled");
    json_t *rows = json_object_get(answer, "deliveries"), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        const json_t *attempts = json_object_get(row, "attempts");
        const json_t *last = json_array_get(attempts, json_array_size(attempts) - 1);
        json_object_set(row, "last", json_object_get(last, "outcome"));
        json_object_set(row, "status", json_object_get(last, "status"));
    }
    table_rows(rows, "number id state time made last status due_in_s");
    if (json_is_string(disabled)) {
        fputs("disabled: ", stdout);
        table_text(stdout, json_string_value(disabled));
        putchar('\n');
    }
    if (json_is_integer(json_object_get(answer, "next")))
        printf("more: --after %" JSON_INTEGER_FORMAT "\n",
               json_integer_value(json_object_get(answer, "next")));
}

static int s_list(ctl_t *ctl, const char *state)
{
    char *query = s_query(ctl, state, NULL);
    json_t *answer =
        s_call(ctl, s_op(ctl, OP_bot_deliveries, OP_extension_deliveries), "GET", query);
    free(query);
    if (!answer)
        return CTL_REFUSED;
    ctl_json(ctl) ? table_json(answer) : s_print(answer);
    json_decref(answer);
    return CTL_OK;
}

int delivery_list_run(ctl_t *ctl)
{
    return s_list(ctl, ctl_option(ctl, "--state"));
}

int dlq_list_run(ctl_t *ctl)
{
    return s_list(ctl, "dead");
}

int delivery_show_run(ctl_t *ctl)
{
    char *query = s_query(ctl, NULL, ctl_argument(ctl, 2));
    json_t *answer =
        s_call(ctl, s_op(ctl, OP_bot_deliveries, OP_extension_deliveries), "GET", query);
    free(query);
    if (!answer)
        return CTL_REFUSED;
    const json_t *row = json_array_get(json_object_get(answer, "deliveries"), 0);
    if (!row)
        ctl_error(ctl, "not_found", "there is no delivery %s, or retention has removed it",
                  ctl_argument(ctl, 2));
    else if (ctl_json(ctl))
        table_json(row);
    else
        table_fields(row);
    int status = row ? CTL_OK : CTL_REFUSED;
    json_decref(answer);
    return status;
}

static int s_do(ctl_t *ctl, unsigned op, const char *id, const char *done)
{
    char *query = s_query(ctl, NULL, id);
    json_t *answer = s_call(ctl, op, "POST", query);
    free(query);
    if (!answer)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        table_json(answer);
    else
        puts(done);
    json_decref(answer);
    return CTL_OK;
}

int delivery_retry_run(ctl_t *ctl)
{
    return s_do(ctl, s_op(ctl, OP_bot_delivery_retry, OP_extension_delivery_retry),
                ctl_argument(ctl, 2), "it is tried again now");
}

int dlq_replay_run(ctl_t *ctl)
{
    return s_do(ctl, s_op(ctl, OP_bot_delivery_replay, OP_extension_delivery_replay), NULL,
                "the dead letters are tried again, the oldest first; dlq list shows what is left");
}
