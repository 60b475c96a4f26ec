/* posternctl user … */
#include "common/base/ops.h"
#include "ctl/command.h"

#include <stdio.h>
#include <string.h>

int user_create_run(ctl_t *ctl)
{
    const char *email = ctl_argument(ctl, 0), *name = ctl_option(ctl, "--name");
    json_t *body = json_pack("{s:s}", "email", email);
    if (name)
        json_object_set_new(body, "name", json_string(name));
    else
        json_object_set_new(body, "name", json_stringn(email, strcspn(email, "@")));
    return ctl_do(ctl, OP_user_create, "", body, NULL);
}

int user_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_user_list, "", "users", "email name id created");
}

int user_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_user_show, ctl_argument(ctl, 0), NULL, NULL);
}

int user_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_user_delete, ctl_argument(ctl, 0), NULL,
                  "User deleted, with all tokens.");
}
