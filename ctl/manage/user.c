/* posternctl user delete: with the tokens that it is about. */
#include "ctl/command.h"
#include "ctl/operation.h"
#include "ctl/table.h"

#include <stdio.h>

int user_delete_run(ctl_t *ctl)
{
    int status;
    const char *account = ctl_option(ctl, "--move-to");
    json_t *reply = operation_call(ctl, &status);
    if (!reply)
        return status;
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
