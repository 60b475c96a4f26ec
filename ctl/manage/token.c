/* posternctl token … */
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/secret.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/manage/owned.h"
#include "ctl/manage/token_urls.h"
#include "ctl/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IMPORT_BYTES = 1 << 20,
    RATE_MAX = 1000000,
    BURST_MAX = 10000000,
    BODY_MAX = 16 << 20,
    OVERLAP_MAX = 7 * 86400,
    EXPIRES_MAX = 10 * 366 * 86400
};

static void s_number(ctl_t *ctl, json_t *body, const char *option, const char *field, uint64_t min,
                     uint64_t max)
{
    if (ctl_option(ctl, option))
        json_object_set_new(body, field,
                            json_integer((json_int_t)ctl_number(ctl, option, min, min, max)));
}

static void s_seconds(ctl_t *ctl, json_t *body, const char *option, const char *field, uint64_t max)
{
    if (ctl_option(ctl, option))
        json_object_set_new(body, field,
                            json_integer((json_int_t)ctl_seconds(ctl, option, 0, max)));
}

/* What the options say of a token. */
static json_t *s_terms(ctl_t *ctl)
{
    static const char *const lists[][2] = {{"--channels", "channels"},
                                           {"--bots", "bots"},
                                           {"--extensions", "extensions"},
                                           {"--from", "networks"}};
    json_t *body = json_object();
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    s_number(ctl, body, "--rate", "rate", 0, RATE_MAX);
    s_number(ctl, body, "--burst", "burst", 1, BURST_MAX);
    s_number(ctl, body, "--body-bytes", "body_bytes", 0, BODY_MAX);
    s_seconds(ctl, body, "--expires", "expires_in", EXPIRES_MAX);
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++)
        if (ctl_option(ctl, lists[i][0]))
            json_object_set_new(body, lists[i][1], owned_split(ctl_option(ctl, lists[i][0])));
    if (ctl_option(ctl, "--post-only"))
        json_object_set_new(body, "post_only", json_true());
    return body;
}

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
    json_array_foreach((json_t *)lines, i, line)
    {
        fputs(before, out);
        table_text(out, json_string_value(line));
        fputc('\n', out);
    }
}

/* Shows a new token, with the URLs it opens when its user is given. Takes the reply. */
static int s_show_new(ctl_t *ctl, json_t *reply, const char *user)
{
    if (!reply)
        return CTL_REFUSED;
    if (user && !ctl_admin_url(ctl)) /* elsewhere nothing tells what public.url is */
        s_add_urls(ctl, reply, user);
    if (ctl_json(ctl))
        return ctl_show(ctl, reply);
    json_t *urls = json_incref(json_object_get(reply, "urls"));
    json_t *warnings = json_incref(json_object_get(reply, "warnings"));
    json_object_del(reply, "urls");
    json_object_del(reply, "warnings");
    ctl_show(ctl, reply);
    puts("\nThe token is shown this once: store it now.");
    if (json_array_size(urls))
        puts("It can post to:");
    s_print_lines(stdout, "  ", urls);
    fflush(stdout);
    s_print_lines(stderr, "posternctl: ", warnings);
    json_decref(urls);
    json_decref(warnings);
    return CTL_OK;
}

int token_create_run(ctl_t *ctl)
{
    json_t *body = s_terms(ctl);
    return s_show_new(ctl, ctl_call(ctl, OP_token_create, ctl_argument(ctl, 0), body),
                      ctl_argument(ctl, 0));
}

int token_replace_run(ctl_t *ctl)
{
    json_t *body = s_terms(ctl);
    s_seconds(ctl, body, "--overlap", "overlap", OVERLAP_MAX);
    return s_show_new(ctl, ctl_call(ctl, OP_token_replace, ctl_argument(ctl, 0), body), NULL);
}
/* Everybody's. */
static int s_list_all(ctl_t *ctl)
{
    size_t i;
    json_t *row, *more = json_object();
    s_seconds(ctl, more, "--ends-within", "ends_within", EXPIRES_MAX);
    json_t *all = ctl_list_with(ctl, OP_token_list_all, "", "tokens", more);
    json_decref(more);
    if (!all)
        return CTL_REFUSED;
    if (ctl_json(ctl))
        return ctl_show(ctl, all);
    json_array_foreach(json_object_get(all, "tokens"), i, row)
    {
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
    if (all)
        return s_list_all(ctl);
    return ctl_do_list(ctl, OP_token_list, ctl_argument(ctl, 0), "tokens",
                       "id name last4 state created expires last_used last_target last_address "
                       "calls_24h calls_30d");
}

int token_delete_run(ctl_t *ctl)
{
    json_t *reply =
        ctl_call_confirmed(ctl, OP_token_delete, ctl_argument(ctl, 0), NULL, "Delete it?");
    if (!reply)
        return CTL_REFUSED;
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
    json_t *body = json_pack("{s:o}", "tokens", s_lines(text));
    secret_wipe(text, len);
    free(text);
    if (ctl_option(ctl, "--name"))
        json_object_set_new(body, "name", json_string(ctl_option(ctl, "--name")));
    return ctl_do(ctl, OP_token_import, ctl_argument(ctl, 0), body, NULL);
}

int token_limit_run(ctl_t *ctl)
{
    json_int_t rate = (json_int_t)ctl_parse_number("RATE", ctl_argument(ctl, 1), 0, RATE_MAX);
    json_int_t burst = (json_int_t)ctl_parse_number("BURST", ctl_argument(ctl, 2), 1, BURST_MAX);
    json_t *body = json_pack("{s:I, s:I}", "rate", rate, "burst", burst);
    return ctl_do(ctl, OP_token_limit, ctl_argument(ctl, 0), body, "Limit set.");
}

int token_edit_run(ctl_t *ctl)
{
    json_t *body = s_terms(ctl);
    if (ctl_option(ctl, "--any"))
        json_object_set_new(body, "any", json_true());
    if (ctl_option(ctl, "--may-read"))
        json_object_set_new(body, "post_only", json_false());
    if (ctl_option(ctl, "--if-match"))
        json_object_set_new(body, "if_match", json_string(ctl_option(ctl, "--if-match")));
    if (json_object_size(body) == 0) {
        json_decref(body);
        fputs("posternctl: name what is to change; see posternctl token edit --help\n", stderr);
        return CTL_USAGE;
    }
    return ctl_do(ctl, OP_token_edit, ctl_argument(ctl, 0), body, NULL);
}
