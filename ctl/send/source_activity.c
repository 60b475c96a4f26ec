/* posternctl source activity and source refusals: what came of the sources of a target, as its
 * owner. */
#include "ctl/command.h"
#include "ctl/operation.h"
#include "ctl/send/call.h"
#include "ctl/table.h"

#include <stdio.h>

/* NULL with the exit status in *STATUS after the error was shown. */
static json_t *s_call(ctl_t *ctl, int *status)
{
    json_t *params = operation_body(ctl, status);
    if (!params)
        return NULL;
    *status = CTL_REFUSED;
    call_t *call = call_new(ctl);
    json_t *answer = call ? call_read(call, "GET", json_incref(params)) : NULL;
    json_decref(params);
    call_destroy(&call);
    return answer;
}

static void s_print_since(const json_t *answer)
{
    fputs("since ", stdout);
    table_text(stdout, json_string_value(json_object_get(answer, "since")));
    putchar('\n');
}

int source_activity_run(ctl_t *ctl)
{
    int status;
    json_t *answer = s_call(ctl, &status);
    if (!answer)
        return status;
    if (ctl_json(ctl)) {
        table_json(answer);
    } else {
        table_rows(json_object_get(answer, "sources"), "id accepted filtered failed refused last");
        s_print_since(answer);
    }
    json_decref(answer);
    return CTL_OK;
}

/* The refusals of all sources, each with its source's id. */
static json_t *s_refusals(const json_t *answer)
{
    json_t *rows = json_array(), *source, *refusal;
    size_t i, k;
    json_array_foreach (json_object_get(answer, "sources"), i, source) {
        json_array_foreach (json_object_get(source, "refusals"), k, refusal) {
            json_object_set(refusal, "source", json_object_get(source, "id"));
            json_array_append(rows, refusal);
        }
    }
    return rows;
}

int source_refusals_run(ctl_t *ctl)
{
    int status;
    json_t *answer = s_call(ctl, &status);
    if (!answer)
        return status;
    json_t *rows = s_refusals(answer);
    if (ctl_json(ctl)) {
        json_t *all =
            json_pack("{s:O, s:O}", "since", json_object_get(answer, "since"), "refusals", rows);
        table_json(all);
        json_decref(all);
    } else {
        table_rows(rows, "time source address reason headers");
        s_print_since(answer);
    }
    json_decref(rows);
    json_decref(answer);
    return CTL_OK;
}
