/* posternctl source create, edit, rotate: what they read from files. */
#include "common/base/secret.h"
#include "common/source/key.h"
#include "common/source/presets.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/operation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEME_FILE = 2048 };

/* The first line of the option's file as FIELD; false after the error was shown. Without the option
 * the field is left out. */
static bool s_add_line(ctl_t *ctl, json_t *body, const char *option, const char *field)
{
    const char *path = ctl_option(ctl, option);
    size_t len = 0;
    if (!path)
        return true;
    char *text = credential_read_file(path, SOURCE_KEY_TEXT + 2, &len);
    if (!text) {
        ctl_error(ctl, "failed", "%s %s: %s", option, path,
                  errno == EFBIG ? "it is longer than 512 bytes" : strerror(errno));
        return false;
    }
    json_t *value = json_stringn(text, strcspn(text, "\r\n"));
    secret_wipe(text, len);
    free(text);
    if (value)
        json_object_set_new(body, field, value);
    else
        ctl_error(ctl, "failed", "%s %s: it is not UTF-8", option, path);
    return value != NULL;
}

/* A preset by its name, or a file, of which authd says whether it holds a scheme. */
static bool s_add_scheme(ctl_t *ctl, json_t *body)
{
    const char *name = ctl_option(ctl, "--scheme");
    size_t len = 0;
    if (!name)
        return true;
    if (preset_find(slice_of(name))) {
        json_object_set_new(body, "scheme", json_string(name));
        return true;
    }
    char *text = credential_read_file(name, SCHEME_FILE, &len);
    json_t *value = text ? json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    char *compact = value ? json_dumps(value, JSON_COMPACT) : NULL;
    if (compact)
        json_object_set_new(body, "scheme", json_string(compact));
    else
        ctl_error(
            ctl, "failed",
            "--scheme %s is no preset (posternctl source presets lists them), and as a file: %s",
            name, text ? "it holds no JSON object" : strerror(errno));
    json_decref(value);
    free(compact);
    free(text);
    return compact != NULL;
}

static int s_send(ctl_t *ctl, bool (*add)(ctl_t *ctl, json_t *body))
{
    int status;
    json_t *body = operation_body(ctl, &status);
    if (!body)
        return status;
    if (add(ctl, body))
        return operation_send(ctl, body);
    json_decref(body);
    return CTL_USAGE;
}

static bool s_add_secret(ctl_t *ctl, json_t *body)
{
    return s_add_line(ctl, body, "--secret-file", "secret");
}

static bool s_add_token(ctl_t *ctl, json_t *body)
{
    return s_add_line(ctl, body, "--verify-token-file", "verify_token");
}

static bool s_add_all(ctl_t *ctl, json_t *body)
{
    return s_add_scheme(ctl, body) && s_add_secret(ctl, body) && s_add_token(ctl, body);
}

int source_create_run(ctl_t *ctl)
{
    return s_send(ctl, s_add_all);
}

int source_edit_run(ctl_t *ctl)
{
    return s_send(ctl, s_add_token);
}

int source_rotate_run(ctl_t *ctl)
{
    return s_send(ctl, s_add_secret);
}
