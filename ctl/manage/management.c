/* Commands for management tokens, and who one is. */
#include "ctl/command.h"

#include "common/base/ops.h"

#include <stdio.h>

enum { EXPIRES_MAX = 10 * 366 * 86400 };

int management_token_create_run(ctl_t *ctl)
{
    json_t *body = json_object();
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    if (ctl_option(ctl, "--expires"))
        json_object_set_new(
            body, "expires_in",
            json_integer((json_int_t)ctl_seconds(ctl, "--expires", 0, EXPIRES_MAX)));
    json_t *reply = ctl_call(ctl, OP_management_token_create, ctl_argument(ctl, 0), body);
    if (!reply)
        return CTL_REFUSED;
    bool json = ctl_json(ctl);
    ctl_show(ctl, reply);
    if (!json)
        puts("\nThe token is shown this once: store it now.");
    return CTL_OK;
}

int management_token_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_management_token_list, ctl_argument(ctl, 0), "tokens",
                       "id name last4 state created expires last_used");
}

int management_token_delete_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_management_token_delete, ctl_argument(ctl, 0), NULL,
                  "Management token deleted: requests with it are refused from now on.");
}

int me_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_me_show, "", NULL, NULL);
}
