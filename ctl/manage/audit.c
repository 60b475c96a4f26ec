/* posternctl audit … */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/people.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>

enum { LAST = 50, PAGE = 1000 };

/* One line for people: objects as they are in JSON. */
static void s_flatten(json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach (rows, i, row) {
        json_t *changes = json_object_get(row, "changes");
        char *text = json_is_object(changes) ? json_dumps(changes, JSON_COMPACT) : NULL;
        json_object_set_new(row, "changes", text ? json_string(text) : json_null());
        free(text);
    }
}

int audit_list_run(ctl_t *ctl)
{
    bool after = ctl_option(ctl, "--after") != NULL;
    uint64_t limit = ctl_number(ctl, "--limit", LAST, 1, 1000);
    json_t *body =
        json_pack("{s:I, s:I}", "limit", (json_int_t)limit, after ? "after" : "last",
                  (json_int_t)(after ? ctl_number(ctl, "--after", 0, 0, INT64_MAX) : limit));
    json_t *page = ctl_call(ctl, OP_audit_list, "", body);
    if (!page)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, page);
    json_t *rows = json_object_get(page, "rows"), *next = json_object_get(page, "next");
    s_flatten(rows);
    people_name(ctl, rows);
    table_rows(rows, "number time who from op object changes");
    if (json_is_integer(next))
        printf("There is more: --after %" JSON_INTEGER_FORMAT "\n", json_integer_value(next));
    json_decref(page);
    return CTL_OK;
}

static void s_print(const json_t *rows)
{
    size_t i;
    json_t *row;
    json_array_foreach ((json_t *)rows, i, row)
        table_json_line(row);
}

int audit_export_run(ctl_t *ctl)
{
    json_int_t after = (json_int_t)ctl_number(ctl, "--after", 0, 0, INT64_MAX);
    for (bool more = true; more;) {
        json_t *page = ctl_call(ctl, OP_audit_list, "",
                                json_pack("{s:i, s:I}", "limit", PAGE, "after", after));
        if (!page)
            return CTL_REFUSED;
        s_print(json_object_get(page, "rows"));
        more = json_is_integer(json_object_get(page, "next"));
        after = json_integer_value(json_object_get(page, "next"));
        json_decref(page);
    }
    return fflush(stdout) == 0 ? CTL_OK : CTL_REFUSED;
}
