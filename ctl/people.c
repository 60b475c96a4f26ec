#include "ctl/people.h"

#include "common/base/ops.h"
#include "common/base/uuid.h"

#include <string.h>

/* "" where ID is nobody's that can be named; lives as long as KNOWN. */
static const char *s_name(ctl_t *ctl, json_t *known, const char *id)
{
    if (!json_object_get(known, id)) {
        json_t *user = ctl_ask(ctl, OP_user_show, id);
        const char *email = json_string_value(json_object_get(user, "email"));
        const char *account = json_string_value(json_object_get(user, "account"));
        json_object_set_new(known, id, json_string(email ? email : account ? account : ""));
        json_decref(user);
    }
    return json_string_value(json_object_get(known, id));
}

static void s_name_in(ctl_t *ctl, json_t *known, json_t *object)
{
    static const char *const keys[] = {"owner", "user", "by", "who"};
    uuid_t7 parsed;
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *id = json_string_value(json_object_get(object, keys[i]));
        if (!id || uuid_parse(id, strlen(id), &parsed) != 0)
            continue;
        const char *name = s_name(ctl, known, id);
        if (name && *name)
            json_object_set_new(object, keys[i], json_string(name));
    }
}

void people_name(ctl_t *ctl, json_t *value)
{
    size_t i;
    json_t *row, *known = json_object();
    if (json_is_object(value))
        s_name_in(ctl, known, value);
    json_array_foreach (value, i, row)
        s_name_in(ctl, known, row);
    json_decref(known);
}
