/* posternctl bot handler set, extension handler set. */
#include "common/wire/handler.h"
#include "common/base/secret.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/operation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* False after the error was shown. */
static bool s_add_key(ctl_t *ctl, json_t *body)
{
    const char *file = ctl_option(ctl, "--rsa-key");
    size_t len = 0;
    if (ctl_option(ctl, "--no-rsa-key"))
        json_object_set_new(body, "rsa_key", json_string(""));
    if (!file)
        return true;
    char *pem = credential_read_file(file, HANDLER_KEY, &len);
    if (!pem) {
        fprintf(stderr, "posternctl: %s: %s\n", file, strerror(errno));
        return false;
    }
    json_t *text = json_stringn(pem, len);
    secret_wipe(pem, len);
    free(pem);
    if (!text) {
        fprintf(stderr, "posternctl: %s: is no PEM, which is text\n", file);
        return false;
    }
    json_object_set_new(body, "rsa_key", text);
    return true;
}

int handler_set_run(ctl_t *ctl)
{
    int status;
    json_t *body = operation_body(ctl, &status);
    if (!body)
        return status;
    bool both = ctl_option(ctl, "--ordered") && ctl_option(ctl, "--unordered");
    if (both)
        fputs("posternctl: give one of --ordered and --unordered\n", stderr);
    if (!both && s_add_key(ctl, body))
        return operation_send(ctl, body);
    json_decref(body);
    return CTL_USAGE;
}
