/* posternctl audit … */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/people.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Where a list goes on: a cursor, or a row's number; an authd of a version before knows numbers
 * alone. */
static json_t *s_place(const char *text)
{
    bool number = *text && strlen(text) <= 18 && strspn(text, "0123456789") == strlen(text);
    return number ? json_integer(strtoll(text, NULL, 10)) : json_string(text);
}

static json_t *s_after(const ctl_t *ctl)
{
    const char *after = ctl_option(ctl, "--after");
    return after ? s_place(after) : NULL;
}

int audit_list_run(ctl_t *ctl)
{
    json_t *after = s_after(ctl);
    uint64_t limit = ctl_number(ctl, "--limit", LAST, 1, 1000);
    json_t *body = json_pack("{s:I, s:o}", "limit", (json_int_t)limit, after ? "after" : "last",
                             after ? after : json_integer((json_int_t)limit));
    json_t *page = ctl_call(ctl, OP_audit_list, "", body);
    if (!page)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, page);
    json_t *rows = json_object_get(page, "rows"), *next = json_object_get(page, "next");
    s_flatten(rows);
    people_name(ctl, rows);
    table_rows(rows, "number time who from op object changes");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    if (!json_is_null(next)) /* by its number: people read it */
        printf("There is more: --after %" JSON_INTEGER_FORMAT "\n",
               json_integer_value(json_object_get(last, "number")));
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
    json_t *after = s_after(ctl);
    do {
        json_t *body = json_pack("{s:i, s:o*}", "limit", PAGE, "after", after);
        json_t *page = ctl_call(ctl, OP_audit_list, "", body);
        if (!page)
            return CTL_REFUSED;
        s_print(json_object_get(page, "rows"));
        after = json_incref(json_object_get(page, "next"));
        json_decref(page);
    } while (json_is_string(after) || json_is_integer(after));
    json_decref(after);
    return fflush(stdout) == 0 ? CTL_OK : CTL_REFUSED;
}
