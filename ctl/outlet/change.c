/* posternctl outlet create and edit. */
#include "ctl/command.h"
#include "ctl/operation.h"
#include "ctl/outlet/outlet.h"

#include <stdio.h>

int outlet_change_run(ctl_t *ctl)
{
    int status;
    json_t *body = operation_body(ctl, &status);
    if (!body)
        return status;
    char *token = outlet_token(ctl, &status);
    if (status == CTL_OK && ctl_option(ctl, "--pause") && ctl_option(ctl, "--resume")) {
        fputs("posternctl: give one of --pause and --resume\n", stderr);
        status = CTL_USAGE;
    }
    if (status == CTL_OK && (!token || operation_secret(ctl, body, "token", token)))
        return operation_send(ctl, body);
    json_decref(body);
    return status == CTL_OK ? CTL_USAGE : status;
}
