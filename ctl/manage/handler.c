#include "ctl/manage/handler.h"

#include "common/base/secret.h"
#include "common/wire/handler.h"
#include "ctl/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OVERLAP_MAX = 7 * 86400, BOUND_MAX = 120 * 3600 };

json_t *handler_which(ctl_t *ctl)
{
    const char *environment = ctl_option(ctl, "--environment");
    return json_pack("{s:s}", "environment", environment ? environment : "sandbox");
}

static void s_number(json_t *body, const char *name, uint64_t number)
{
    json_object_set_new(body, name, json_integer((json_int_t)number));
}

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

static bool s_add_settings(ctl_t *ctl, json_t *body)
{
    bool ordered = ctl_option(ctl, "--ordered") != NULL;
    if (ordered && ctl_option(ctl, "--unordered")) {
        fputs("posternctl: give one of --ordered and --unordered\n", stderr);
        return false;
    }
    if (ctl_option(ctl, "--concurrency"))
        s_number(body, "concurrency",
                 ctl_number(ctl, "--concurrency", 0, 1, HANDLER_CONCURRENCY_MOST));
    if (ctl_option(ctl, "--bound"))
        s_number(body, "bound_s", ctl_seconds(ctl, "--bound", 0, BOUND_MAX));
    if (ctl_option(ctl, "--wait"))
        s_number(body, "wait_s", ctl_number(ctl, "--wait", 0, 0, HANDLER_WAIT_S));
    if (ordered || ctl_option(ctl, "--unordered"))
        json_object_set_new(body, "ordered", json_boolean(ordered));
    return s_add_key(ctl, body);
}

int handler_set(ctl_t *ctl, unsigned op, bool of_app)
{
    json_t *body = of_app ? handler_which(ctl) : json_object(), *url = NULL;
    if (body && (url = json_string(ctl_argument(ctl, 1))) == NULL)
        fputs("posternctl: a URL is text in ASCII\n", stderr);
    if (!url || !s_add_settings(ctl, body)) {
        json_decref(url);
        json_decref(body);
        return CTL_USAGE;
    }
    json_object_set_new(body, "url", url);
    return ctl_do(ctl, op, ctl_argument(ctl, 0), body, NULL);
}

int handler_rotate(ctl_t *ctl, unsigned op, bool of_app)
{
    json_t *body = of_app ? handler_which(ctl) : json_object();
    if (ctl_option(ctl, "--overlap"))
        s_number(body, "overlap", ctl_seconds(ctl, "--overlap", 0, OVERLAP_MAX));
    return ctl_do(ctl, op, ctl_argument(ctl, 0), body, NULL);
}
