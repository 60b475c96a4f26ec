/* posternctl token … */
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/manage/token_urls.h"
#include "ctl/operation.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMPORT_BYTES = 1 << 20 };

/* Adds the URLs that a new token of USER opens, and what is in the way there. */
static void s_add_urls(ctl_t *ctl, json_t *reply, const char *user)
{
    json_t *warnings = json_array(), *urls = token_urls(ctl, reply, user, warnings);
    json_object_set_new(reply, "urls", urls);
    if (json_array_size(warnings))
        json_object_set(reply, "warnings", warnings);
    json_decref(warnings);
}

static void s_print_lines(FILE *out, const char *before, const json_t *lines)
{
    size_t i;
    json_t *line;
    json_array_foreach ((json_t *)lines, i, line) {
        fputs(before, out);
        table_text(out, json_string_value(line));
        fputc('\n', out);
    }
}

int token_create_run(ctl_t *ctl)
{
    int status;
    json_t *reply = operation_call(ctl, &status);
    if (!reply)
        return status;
    if (!ctl_admin_url(ctl)) /* elsewhere nothing tells what public.url is */
        s_add_urls(ctl, reply, ctl_argument(ctl, 0));
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    json_t *urls = json_incref(json_object_get(reply, "urls"));
    json_t *warnings = json_incref(json_object_get(reply, "warnings"));
    json_object_del(reply, "urls");
    json_object_del(reply, "warnings");
    operation_show(ctl, reply);
    if (json_array_size(urls))
        puts("It can post to:");
    s_print_lines(stdout, "  ", urls);
    fflush(stdout);
    s_print_lines(stderr, "posternctl: ", warnings);
    json_decref(urls);
    json_decref(warnings);
    return CTL_OK;
}

/* Everybody's. */
static int s_list_all(ctl_t *ctl)
{
    size_t i;
    int status;
    json_t *row, *more = operation_body(ctl, &status);
    if (!more)
        return status;
    json_t *all = ctl_list(ctl, OP_token_list_all, "", "tokens", more);
    json_decref(more);
    if (!all)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, all);
    json_array_foreach (json_object_get(all, "tokens"), i, row) {
        const json_t *user = json_object_get(row, "user");
        const json_t *email = json_object_get(user, "email");
        json_object_set(row, "user",
                        json_is_string(email) ? (json_t *)email : json_object_get(user, "account"));
    }
    return ctl_rows(ctl, all, "tokens",
                    "user id name last4 state expires last_used last_target calls_24h");
}

int token_list_run(ctl_t *ctl)
{
    bool all = ctl_option(ctl, "--all") || ctl_option(ctl, "--ends-within");
    if (all == (ctl_argument(ctl, 0) != NULL)) {
        ctl_error(ctl, "usage", "token list takes either USER, or --all");
        return CTL_USAGE;
    }
    return all ? s_list_all(ctl) : operation_run(ctl);
}

int token_delete_run(ctl_t *ctl)
{
    int status;
    json_t *reply = operation_call(ctl, &status);
    if (!reply)
        return status;
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    puts("Token deleted: requests with it are refused from now on.");
    table_fields(reply);
    json_decref(reply);
    return CTL_OK;
}

static json_t *s_lines(char *text)
{
    json_t *lines = json_array();
    char *save = NULL;
    for (char *line = strtok_r(text, "\r\n", &save); line; line = strtok_r(NULL, "\r\n", &save))
        json_array_append_new(lines, json_string(line));
    return lines;
}

int token_import_run(ctl_t *ctl)
{
    const char *file = ctl_option(ctl, "--file");
    size_t len;
    char *text = credential_read_file(file ? file : "-", IMPORT_BYTES, &len);
    if (!text) {
        ctl_error(ctl, "failed", "cannot read %s: %s", file ? file : "stdin", strerror(errno));
        return CTL_REFUSED;
    }
    json_t *tokens = s_lines(text);
    secret_wipe(text, len);
    free(text);
    int status;
    json_t *body = operation_body(ctl, &status);
    if (!body) {
        json_decref(tokens);
        return status;
    }
    json_object_set_new(body, "tokens", tokens);
    return operation_send(ctl, body);
}

int token_edit_run(ctl_t *ctl)
{
    int status;
    json_t *body = operation_body(ctl, &status);
    if (!body)
        return status;
    if (json_object_size(body))
        return operation_send(ctl, body);
    json_decref(body);
    fputs("posternctl: name what is to change; see posternctl token edit --help\n", stderr);
    return CTL_USAGE;
}
