/* How ctl shows what authd answers. */
#include "common/base/errors.h"
#include "ctl/ctl.h"
#include "ctl/people.h"
#include "ctl/table.h"

#include <stdio.h>

enum { PAGE_ROWS = 100 };

int ctl_show(ctl_t *self, json_t *reply)
{
    if (ctl_json(self)) {
        table_json(reply);
    } else {
        people_name(self, reply);
        table_fields(reply);
    }
    json_decref(reply);
    return CTL_OK;
}

json_t *ctl_list(ctl_t *self, unsigned op, const char *target, const char *key, const json_t *more)
{
    const char *after = ctl_option(self, "--after");
    bool one = after || ctl_option(self, "--limit");
    uint64_t limit = ctl_number(self, "--limit", PAGE_ROWS, 1, 1000), left = limit;
    json_t *all = NULL;
    json_t *next = after ? json_string(after) : json_null();
    do {
        json_t *body = json_pack("{s:I, s:o}", "limit", (json_int_t)left, "after", next);
        if (json_is_null(next))
            json_object_del(body, "after");
        if (more)
            json_object_update(body, (json_t *)more);
        json_t *page = ctl_call(self, op, target, body);
        if (!page) {
            json_decref(all);
            return NULL;
        }
        next = json_incref(json_object_get(page, "next"));
        if (all)
            json_array_extend(json_object_get(all, key), json_object_get(page, key));
        else
            all = json_incref(page);
        json_object_set(all, "next", next ? next : json_null());
        json_decref(page);
        if (one)
            left = limit - json_array_size(json_object_get(all, key));
    } while (left > 0 && json_is_string(next)); /* a page may end early */
    json_decref(next);
    return all;
}

int ctl_rows(ctl_t *self, json_t *all, const char *key, const char *columns)
{
    const json_t *next = json_object_get(all, "next");
    people_name(self, json_object_get(all, key));
    table_rows(json_object_get(all, key), columns);
    if (json_is_string(next))
        printf("There is more: --after %s\n", json_string_value(next));
    json_decref(all);
    return CTL_OK;
}
