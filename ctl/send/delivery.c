/* posternctl delivery … and dlq …: how the calls of a bot's or an extension's handler went, over
 * HTTP as its owner. */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/operation.h"
#include "ctl/send/call.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list of all one's targets: none is named. */
static bool s_is_of_all(const ctl_t *ctl)
{
    return !ctl_argument(ctl, 0);
}

/* Carries the operation out with what was typed, and STATE where it is not NULL: the answer's
 * object, or NULL with the exit status in *STATUS after the error was shown. */
static json_t *s_call(ctl_t *ctl, const char *method, const char *state, int *status)
{
    json_t *params = operation_body(ctl, status);
    if (!params)
        return NULL;
    *status = CTL_REFUSED;
    if (state)
        json_object_set_new(params, "state", json_string(state));
    if (ctl_option(ctl, "--dry-run"))
        json_object_set_new(params, "dry_run", json_string("true"));
    call_t *call = s_is_of_all(ctl) ? call_of(ctl, OP_deliveries, "") : call_new(ctl);
    json_t *answer = call ? call_read(call, method, json_incref(params)) : NULL;
    json_decref(params);
    call_destroy(&call);
    return answer;
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

/* Whether it is pending behind the one whose turn it is, in order. */
static bool s_is_behind(const json_t *answer, const json_t *row)
{
    const json_t *turn = json_object_get(answer, "turn");
    const char *state = json_string_value(json_object_get(row, "state"));
    return json_is_integer(turn) && state && strcmp(state, "pending") == 0 &&
           json_integer_value(json_object_get(row, "number")) > json_integer_value(turn);
}

static void s_say_turn(const json_t *answer, json_t *row)
{
    char text[64];
    if (!s_is_behind(answer, row))
        return;
    snprintf(text, sizeof text, "waits for %" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(answer, "turn")));
    json_object_set_new(row, "due_in_s", json_string(text));
}

/* As one word for a table: "bot deploy". */
static void s_name_target(json_t *row)
{
    char text[128];
    const json_t *target = json_object_get(row, "target");
    const char *kind = json_string_value(json_object_get(target, "kind"));
    const char *name = json_string_value(json_object_get(target, "name"));
    const char *where = json_string_value(json_object_get(target, "environment"));
    const char *id = json_string_value(json_object_get(target, "id"));
    bool named = name && *name;
    if (!target)
        return;
    snprintf(text, sizeof text, "%s%s%s%s%s", kind ? kind : "", kind ? " " : "",
             named ? name
             : id  ? id
                   : "",
             where ? " " : "", where ? where : "");
    json_object_set_new(row, "target", json_string(text));
}

/* What is not in the list, on stderr. */
static void s_say_incomplete(const json_t *answer)
{
    const json_t *missing = json_object_get(answer, "incomplete"), *each;
    size_t i;
    json_array_foreach (missing, i, each) {
        const char *kind = json_string_value(json_object_get(each, "kind"));
        const json_t *shard = json_object_get(each, "shard");
        char number[24] = "";
        if (json_is_integer(shard))
            snprintf(number, sizeof number, " %" JSON_INTEGER_FORMAT, json_integer_value(shard));
        ctl_warn("not all is in the list: %s%s: %s", kind ? kind : "targets", number,
                 json_string_value(json_object_get(each, "reason")));
    }
}

static void s_print_next(const json_t *answer)
{
    const json_t *next = json_object_get(answer, "next");
    if (json_is_integer(next))
        printf("more: --after %" JSON_INTEGER_FORMAT "\n", json_integer_value(next));
    else if (json_is_string(next))
        printf("more: --after '%s'\n", json_string_value(next));
}

/* A row a delivery: the last attempt says how it stands. */
static void s_print(const json_t *answer, bool of_all)
{
    json_t *rows = json_object_get(answer, "deliveries"), *row;
    size_t i;
    json_array_foreach (rows, i, row) {
        const json_t *attempts = json_object_get(row, "attempts");
        const json_t *last = json_array_get(attempts, json_array_size(attempts) - 1);
        json_object_set(row, "last", json_object_get(last, "outcome"));
        json_object_set(row, "status", json_object_get(last, "status"));
        s_say_turn(answer, row);
        s_name_target(row);
    }
    table_rows(rows, of_all ? "target number id state time made last status due_in_s"
                            : "number id state time made last status due_in_s");
    s_print_why(answer, "disabled");
    s_print_why(answer, "waits");
    s_print_next(answer);
}

static int s_list(ctl_t *ctl, const char *state)
{
    int status;
    if (ctl_argument(ctl, 0) && !ctl_argument(ctl, 1) && ctl_command(ctl)->op_extension) {
        ctl_error(ctl, "usage", "give bot or extension and its name, or neither");
        return CTL_USAGE;
    }
    json_t *answer = s_call(ctl, "GET", state, &status);
    if (!answer)
        return status;
    s_say_incomplete(answer);
    ctl_json(ctl) ? table_json(answer) : s_print(answer, s_is_of_all(ctl));
    json_decref(answer);
    return CTL_OK;
}

int delivery_list_run(ctl_t *ctl)
{
    return s_list(ctl, NULL);
}

int dlq_list_run(ctl_t *ctl)
{
    return s_list(ctl, "dead");
}

/* Over HTTP the path has the number; a webhook-id is looked for in the list. */
static bool s_name(ctl_t *ctl, call_t *call, const json_t *params)
{
    const char *id = json_string_value(json_object_get(params, "id"));
    bool extension = operation_of(ctl) == OP_extension_delivery_show;
    if (!call_url(call) || strspn(id, "0123456789") == strlen(id)) {
        call_number(call, id);
        return true;
    }
    call_t *list = call_of(ctl, extension ? OP_extension_deliveries : OP_bot_deliveries,
                           operation_target(ctl));
    json_t *answer = list ? call_read(list, "GET", json_copy((json_t *)params)) : NULL;
    const json_t *row = json_array_get(json_object_get(answer, "deliveries"), 0);
    char number[24];
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(row, "number")));
    call_number(call, number);
    if (answer && !row)
        ctl_error(ctl, "not_found", "there is no delivery %s, or retention has removed it", id);
    json_decref(answer);
    call_destroy(&list);
    return row != NULL;
}

/* In JSON its event stands in it. */
static void s_print_shown(ctl_t *ctl, const json_t *answer)
{
    json_t *delivery = json_object_get(answer, "delivery");
    if (!ctl_json(ctl)) {
        table_fields(delivery);
        return;
    }
    json_object_set(delivery, "event", json_object_get(answer, "event"));
    table_json(delivery);
}

int delivery_show_run(ctl_t *ctl)
{
    int status;
    json_t *params = operation_body(ctl, &status), *answer = NULL;
    if (!params)
        return status;
    call_t *call = call_new(ctl);
    if (call && s_name(ctl, call, params)) {
        if (call_url(call)) /* which has it */
            json_object_del(params, "id");
        answer = call_read(call, "GET", json_incref(params));
    }
    if (answer)
        s_print_shown(ctl, answer);
    status = answer ? CTL_OK : CTL_REFUSED;
    json_decref(params);
    json_decref(answer);
    call_destroy(&call);
    return status;
}

/* One delivery, or what is dead. */
int delivery_again_run(ctl_t *ctl)
{
    int status;
    json_t *answer = s_call(ctl, "POST", NULL, &status);
    if (!answer)
        return status;
    if (ctl_json(ctl))
        table_json(answer);
    else
        puts(ctl_command(ctl)->done);
    json_decref(answer);
    return CTL_OK;
}

static int s_show(ctl_t *ctl, const char *method)
{
    int status;
    json_t *answer = s_call(ctl, method, NULL, &status);
    if (!answer)
        return status;
    ctl_json(ctl) ? table_json(answer) : table_fields(answer);
    json_decref(answer);
    return CTL_OK;
}

int delivery_test_run(ctl_t *ctl)
{
    return s_show(ctl, "POST");
}

int delivery_replay_run(ctl_t *ctl)
{
    return s_show(ctl, "POST");
}

int delivery_progress_run(ctl_t *ctl)
{
    return s_show(ctl, "GET");
}

int delivery_stop_run(ctl_t *ctl)
{
    return s_show(ctl, "DELETE");
}

int counts_run(ctl_t *ctl)
{
    int status;
    json_t *answer = s_call(ctl, "GET", NULL, &status);
    if (!answer)
        return status;
    if (ctl_json(ctl)) {
        table_json(answer);
    } else {
        table_rows(json_object_get(answer, "hours"), "time messages pending delivered dead");
        s_print_why(answer, "messages_from");
        s_print_why(answer, "deliveries_from");
    }
    json_decref(answer);
    return CTL_OK;
}
