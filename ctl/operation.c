#include "ctl/operation.h"

#include "common/base/ops.h"
#include "ctl/command.h"
#include "ctl/credential.h"
#include "ctl/prompt.h"
#include "ctl/table.h"

#include <stdio.h>
#include <string.h>

unsigned operation_of(ctl_t *ctl)
{
    const command_t *command = ctl_command(ctl);
    const char *kind = ctl_argument(ctl, 0);
    if (!command->op_extension || strcmp(kind, "bot") == 0)
        return command->op;
    if (strcmp(kind, "extension") == 0)
        return command->op_extension;
    if (command->op_channel && strcmp(kind, "channel") == 0)
        return command->op_channel;
    ctl_error(ctl, "usage", "%s: give %sbot or extension, and then its name", kind,
              command->op_channel ? "channel, " : "");
    return OP_NONE;
}

/* What the I-th argument becomes: the first is the target where the row says nothing of any. */
static param_t s_param(const command_t *command, unsigned i)
{
    static const param_t target = {NULL, PARAM_TARGET, 0, 0, NULL};
    bool silent = !command->takes[0].form && !command->takes[1].form;
    return silent && i == 0 ? target : command->takes[i];
}

const char *operation_target(const ctl_t *ctl)
{
    for (unsigned i = 0; i < COMMAND_ARGUMENTS && ctl_argument(ctl, i); i++)
        if (s_param(ctl_command(ctl), i).form == PARAM_TARGET)
            return ctl_argument(ctl, i);
    return "";
}

/* "A,B,C" as an array of texts. */
static json_t *s_names(const char *text)
{
    json_t *list = json_array();
    while (*text) {
        size_t len = strcspn(text, ",");
        if (len > 0)
            json_array_append_new(list, json_stringn(text, len));
        text += len + (text[len] == ',');
    }
    return list;
}

/* "days=30,bytes=1000" as an object. */
static json_t *s_limits(const char *what, const char *text)
{
    json_t *limits = strcmp(text, "none") == 0 ? json_null() : json_object();
    while (json_is_object(limits) && *text) {
        char name[32], number[32];
        size_t len = strcspn(text, ","), before = strcspn(text, "=,");
        snprintf(name, sizeof name, "%.*s", (int)before, text);
        snprintf(number, sizeof number, "%.*s", before < len ? (int)(len - before - 1) : 0,
                 text + (before < len ? before + 1 : before));
        json_object_set_new(limits, name,
                            json_integer((json_int_t)ctl_parse_number(what, number, 1, INT64_MAX)));
        text += len + (text[len] == ',');
    }
    return limits;
}

/* Of TEXT, which WHAT gives: the name of an option or an argument. NULL: it becomes no field. */
static json_t *s_value(const param_t *param, const char *what, const char *text)
{
    switch (param->form) {
    case PARAM_NONE:
    case PARAM_TARGET:
        return NULL;
    case PARAM_TEXT:
        return json_string(text);
    case PARAM_NUMBER:
        return json_integer((json_int_t)ctl_parse_number(what, text, param->min, param->max));
    case PARAM_SECONDS:
        return json_integer((json_int_t)ctl_parse_seconds(what, text, param->max));
    case PARAM_METHODS:
        return s_names(strcmp(text, "all") == 0 ? "GET,HEAD,POST,PUT,DELETE" : text);
    case PARAM_NAMES:
        return s_names(text);
    case PARAM_LIMITS:
        return s_limits(what, text);
    case PARAM_TRUE:
        return json_true();
    case PARAM_FALSE:
        return json_false();
    }
    return NULL;
}

/* False after the error was shown. */
static bool s_add(json_t *body, const param_t *param, const char *what, const char *text)
{
    json_t *probe = json_string(text);
    bool good = probe || !param->field;
    json_decref(probe);
    if (!good)
        fprintf(stderr, "posternctl: %s takes text in UTF-8\n", what);
    else if (param->field)
        json_object_set_new(body, param->field, s_value(param, what, text));
    return good;
}

static bool s_add_arguments(const ctl_t *ctl, json_t *body)
{
    char word[COMMAND_WORD];
    bool good = true;
    for (unsigned i = 0; good && i < COMMAND_ARGUMENTS && ctl_argument(ctl, i); i++) {
        param_t param = s_param(ctl_command(ctl), i);
        command_argument(ctl_command(ctl), i, word);
        good = s_add(body, &param, word, ctl_argument(ctl, i));
    }
    return good;
}

static bool s_add_options(const ctl_t *ctl, json_t *body)
{
    bool good = true;
    for (const option_t *option = ctl_command(ctl)->options; good && option->name; option++) {
        const char *text = ctl_option(ctl, option->name);
        if (!text && option->missing)
            fprintf(stderr, "posternctl: %s\n", option->missing);
        if (!text)
            text = option->param.fallback;
        good = text ? s_add(body, &option->param, option->name, text) : !option->missing;
    }
    return good;
}

bool operation_secret(ctl_t *ctl, json_t *body, const char *field, char *secret)
{
    json_t *value = secret ? json_string(secret) : NULL;
    credential_free(&secret);
    if (value)
        json_object_set_new(body, field, value);
    else
        ctl_error(ctl, "failed", "no %s: type it, or pass it as a line of stdin, in UTF-8", field);
    return value != NULL;
}

static char *s_typed(const ask_t *ask)
{
    char *text =
        ask->form == ASK_NEW ? prompt_new_secret(ask->question) : prompt_secret(ask->question);
    char *link = ask->form == ASK_LINK && text ? strrchr(text, '=') : NULL;
    if (link)
        memmove(text, link + 1, strlen(link));
    return text;
}

static bool s_ask(ctl_t *ctl, json_t *body)
{
    for (const ask_t *ask = ctl_command(ctl)->asks; ask->field; ask++) {
        if (ask->form == ASK_OWN && !ctl_admin_url(ctl))
            continue;
        char *secret = s_typed(ask);
        if (ask->form == ASK_OWN && (!secret || !*secret))
            credential_free(&secret);
        else if (!operation_secret(ctl, body, ask->field, secret))
            return false;
    }
    return true;
}

json_t *operation_body(ctl_t *ctl, int *status)
{
    json_t *body = json_object();
    *status = CTL_USAGE;
    bool good = s_add_arguments(ctl, body) && s_add_options(ctl, body);
    if (good) {
        *status = CTL_REFUSED;
        good = s_ask(ctl, body);
    }
    if (good)
        return body;
    json_decref(body);
    return NULL;
}

/* Whether an answer comes in pages. */
static bool s_is_paged(const command_t *command)
{
    return command->rows && command_option(command, "--limit");
}

/* Takes BODY. */
static json_t *s_call(ctl_t *ctl, json_t *body)
{
    const command_t *command = ctl_command(ctl);
    const char *target = operation_target(ctl);
    json_t *reply = NULL;
    if (s_is_paged(command))
        reply = ctl_list(ctl, command->op, target, command->rows, body);
    else if (command->question)
        reply = ctl_call_confirmed(ctl, command->op, target, body, command->question);
    else
        reply =
            ctl_call(ctl, command->op, target, json_object_size(body) ? json_incref(body) : NULL);
    json_decref(body);
    return reply;
}

json_t *operation_call(ctl_t *ctl, int *status)
{
    json_t *body = operation_body(ctl, status);
    return body ? s_call(ctl, body) : NULL;
}

int operation_show(ctl_t *ctl, json_t *reply)
{
    const command_t *command = ctl_command(ctl);
    bool json = ctl_json(ctl);
    if (!reply)
        return CTL_REFUSED;
    if (!json && s_is_paged(command))
        return ctl_rows(ctl, reply, command->rows, command->columns);
    if (json || !(command->columns || command->done))
        ctl_show(ctl, json_incref(reply));
    else if (command->columns)
        table_rows(json_object_get(reply, command->rows), command->columns);
    else
        puts(command->done);
    if (!json && command->note)
        printf("\n%s\n", command->note);
    json_decref(reply);
    return CTL_OK;
}

int operation_send(ctl_t *ctl, json_t *body)
{
    return operation_show(ctl, s_call(ctl, body));
}

int operation_run(ctl_t *ctl)
{
    int status;
    json_t *reply = operation_call(ctl, &status);
    return reply ? operation_show(ctl, reply) : status;
}
