/* posternctl user … */
#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/table.h"

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
    if (ctl_option(ctl, "--role"))
        json_object_set_new(body, "role", json_string(ctl_option(ctl, "--role")));
    return ctl_do(ctl, OP_user_create, "", body, NULL);
}

int user_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_user_list, "", "users", "email name role id created");
}

int user_show_run(ctl_t *ctl)
{
    return ctl_do(ctl, OP_user_show, ctl_argument(ctl, 0), NULL, NULL);
}

int user_edit_run(ctl_t *ctl)
{
    json_t *body = json_object();
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    if (ctl_option(ctl, "--role"))
        json_object_set_new(body, "role", json_string(ctl_option(ctl, "--role")));
    if (ctl_option(ctl, "--if-match"))
        json_object_set_new(body, "if_match", json_string(ctl_option(ctl, "--if-match")));
    return ctl_do(ctl, OP_user_edit, ctl_argument(ctl, 0), body, NULL);
}

int user_delete_run(ctl_t *ctl)
{
    const char *account = ctl_option(ctl, "--move-to");
    json_t *body = json_object();
    if (account)
        json_object_set_new(body, "move_to", json_string(account));
    json_t *reply =
        ctl_call_confirmed(ctl, OP_user_delete, ctl_argument(ctl, 0), body, "Stop them?");
    if (!reply)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    json_t *tokens = json_object_get(reply, "tokens");
    if (account)
        printf("User deleted; its live tokens are now those of %s:\n", account);
    else
        puts("User deleted, with all tokens.");
    if (json_array_size(tokens))
        table_rows(tokens, "id name last4 state last_used last_target last_address calls_24h");
    json_decref(reply);
    return CTL_OK;
}

int service_create_run(ctl_t *ctl)
{
    json_t *body = json_pack("{s:s}", "account", ctl_argument(ctl, 0));
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    return ctl_do(ctl, OP_service_create, "", body, NULL);
}

int service_list_run(ctl_t *ctl)
{
    return ctl_do_list(ctl, OP_service_list, "", "accounts", "account name id created");
}
