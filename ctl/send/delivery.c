/* posternctl delivery … and dlq …: how the calls of a bot's or an extension's handler went, over
 * HTTP as its owner. */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/send/call.h"
#include "ctl/table.h"

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

/* Calls, and returns the answer's object; NULL, with an error said. Takes PARAMS. */
static json_t *s_call(ctl_t *ctl, unsigned op, const char *method, json_t *params)
{
    call_t *call = op ? call_new_at(ctl, op, 1) : NULL;
    json_t *answer = call ? call_read(call, method, params) : NULL;
    if (!call)
        json_decref(params);
    call_destroy(&call);
    return answer;
}

static json_t *s_params(ctl_t *ctl, const char *state, const char *id)
{
    static const char *const options[] = {"from", "to", "after", "rate", "limit"};
    json_t *params = json_object();
    char option[16];
    if (state)
        json_object_set_new(params, "state", json_string(state));
    if (id)
        json_object_set_new(params, "id", json_string(id));
    for (unsigned i = 0; i < sizeof options / sizeof *options; i++) {
        snprintf(option, sizeof option, "--%s", options[i]);
        if (ctl_option(ctl, option))
            json_object_set_new(params, options[i], json_string(ctl_option(ctl, option)));
    }
    return params;
}

static void s_print_why(const json_t *answer, const char *name)
{
    const json_t *why = json_object_get(answer, name);
    if (!json_is_string(why))
        return;
    printf("%s: ", name);
    table_text(stdout, json_string_value(why));
    putchar('\n');
}

/* A row a delivery: the last attempt says how it stands. */
static void s_print(const json_t *answer)
{
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
    s_print_why(answer, "disabled");
    s_print_why(answer, "waits");
    if (json_is_integer(json_object_get(answer, "next")))
        printf("more: --after %" JSON_INTEGER_FORMAT "\n",
               json_integer_value(json_object_get(answer, "next")));
}

static int s_list(ctl_t *ctl, const char *state)
{
    json_t *answer = s_call(ctl, s_op(ctl, OP_bot_deliveries, OP_extension_deliveries), "GET",
                            s_params(ctl, state, NULL));
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
    json_t *answer = s_call(ctl, s_op(ctl, OP_bot_deliveries, OP_extension_deliveries), "GET",
                            s_params(ctl, NULL, ctl_argument(ctl, 2)));
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
    json_t *answer = s_call(ctl, op, "POST", s_params(ctl, NULL, id));
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
