#include "ctl/manage/owned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *owned_split(const char *text)
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

/* --methods, where it is given: a list, or "all". */
static void s_add_methods(ctl_t *ctl, json_t *body)
{
    const char *text = ctl_option(ctl, "--methods");
    if (text)
        json_object_set_new(
            body, "methods",
            owned_split(strcmp(text, "all") == 0 ? "GET,HEAD,POST,PUT,DELETE" : text));
}

json_t *owned_body(ctl_t *ctl, const char *list)
{
    char option[32];
    const char *owner = ctl_option(ctl, "--owner");
    if (!owner) {
        fputs("posternctl: name the owner with --owner USER (email or id)\n", stderr);
        return NULL;
    }
    json_t *body = json_pack("{s:s, s:s}", "name", ctl_argument(ctl, 0), "owner", owner);
    if (!body) {
        fputs("posternctl: a name is text in UTF-8\n", stderr);
        return NULL;
    }
    snprintf(option, sizeof option, "--%s", list ? list : "");
    if (list && ctl_option(ctl, option))
        json_object_set_new(body, list, owned_split(ctl_option(ctl, option)));
    s_add_methods(ctl, body);
    return body;
}

json_t *owned_changes(ctl_t *ctl)
{
    static const char *const fields[] = {"name", "owner", "reason"};
    const char *tag = ctl_option(ctl, "--if-match");
    char option[32];
    json_t *body = json_object();
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++) {
        snprintf(option, sizeof option, "--%s", fields[i]);
        if (ctl_option(ctl, option))
            json_object_set_new(body, fields[i], json_string(ctl_option(ctl, option)));
    }
    if (tag)
        json_object_set_new(body, "if_match", json_string(tag));
    if (ctl_option(ctl, "--take-back"))
        json_object_set_new(body, "archived", json_false());
    s_add_methods(ctl, body);
    return body;
}

int owned_user(ctl_t *ctl, unsigned op, const char *done)
{
    json_t *body = json_pack("{s:s}", "user", ctl_argument(ctl, 1));
    return ctl_do(ctl, op, ctl_argument(ctl, 0), body, done);
}
