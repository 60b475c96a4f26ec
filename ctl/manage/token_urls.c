#include "ctl/manage/token_urls.h"

#include "common/base/ops.h"
#include "common/base/url.h"
#include "ctl/credential.h"
#include "ctl/manage/app.h"

#include <string.h>

enum { URLS_LOOK = 50 };

/* A list of places to post to, and what its operations and fields are called. */
typedef struct {
    unsigned list, show, endpoint;
    const char *key, *people;
    bool closed; /* only its people post to the endpoint */
} noun_t;

static const noun_t s_nouns[] = {
    {OP_channel_list, OP_channel_show, OP_channel_message, "channels", "members", true},
    {OP_bot_list, OP_bot_show, OP_bot_incoming, "bots", "subscribers", false},
};

enum { NOUNS = sizeof s_nouns / sizeof *s_nouns };

typedef struct {
    ctl_t *ctl;
    const char *base, *token, *user, *id; /* who has the token: as it was named, and its id */
    json_t *urls, *warnings;
} opens_t;

static bool s_is_among(const opens_t *self, const json_t *people)
{
    size_t i;
    json_t *item;
    json_array_foreach ((json_t *)people, i, item) {
        const char *id = json_string_value(json_object_get(item, "id"));
        if (id && strcmp(id, self->id) == 0)
            return true;
    }
    return false;
}

static void s_take(const opens_t *self, char *url)
{
    if (url)
        json_array_append_new(self->urls, json_string(url));
    credential_free(&url);
}

static void s_add(const opens_t *self, unsigned endpoint, const char *name)
{
    char *url = url_make(self->base, endpoint, name);
    url_add(&url, "zapikey", self->token);
    s_take(self, url);
}

/* The places where the user is among the people. A list's rows do not name these, so each is shown;
 * one page must do. False when there are more. */
static bool s_add_all(const opens_t *self, const noun_t *noun)
{
    size_t i;
    json_t *row,
        *page = ctl_call(self->ctl, noun->list, "", json_pack("{s:i}", "limit", URLS_LOOK));
    json_array_foreach (json_object_get(page, noun->key), i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        json_t *full = name ? ctl_call(self->ctl, noun->show, name, NULL) : NULL;
        if (s_is_among(self, json_object_get(full, noun->people)))
            s_add(self, noun->endpoint, name);
        json_decref(full);
    }
    bool all = page && !json_is_string(json_object_get(page, "next"));
    json_decref(page);
    return all;
}

/* Past the people that one answer names nothing is said of who is among them. */
static void s_warn(const opens_t *self, const char *name, const json_t *channel)
{
    if (json_is_true(json_object_get(channel, "more")))
        return;
    json_array_append_new(self->warnings,
                          json_sprintf("%s is no member of %s, and gets 403 there until posternctl "
                                       "channel member add %s %s",
                                       self->user, name, name, self->user));
}

static void s_add_place(const opens_t *self, const noun_t *noun, const char *name)
{
    s_add(self, noun->endpoint, name);
    if (!noun->closed)
        return;
    json_t *full = ctl_call(self->ctl, noun->show, name, NULL);
    if (full && !s_is_among(self, json_object_get(full, noun->people)))
        s_warn(self, name, full);
    json_decref(full);
}

static void s_add_extension(const opens_t *self, const char *name)
{
    static const char *const environments[] = {"sandbox", "marketplace"};
    json_t *extension = ctl_call(self->ctl, OP_extension_show, name, NULL);
    for (unsigned i = 0; extension && i < 2; i++)
        s_take(self, app_url(self->base, extension, environments[i], self->token));
    json_decref(extension);
}

/* The targets that the token is bound to, whoever posts to them. */
static void s_add_bound(const opens_t *self, const json_t *scope)
{
    size_t i;
    json_t *name;
    for (unsigned p = 0; p < NOUNS; p++)
        json_array_foreach (json_object_get(scope, s_nouns[p].key), i, name)
            s_add_place(self, &s_nouns[p], json_string_value(name));
    json_array_foreach (json_object_get(scope, "extensions"), i, name)
        s_add_extension(self, json_string_value(name));
}

static void s_add_unbound(const opens_t *self)
{
    bool all = true;
    for (unsigned p = 0; p < NOUNS; p++)
        all = s_add_all(self, &s_nouns[p]) && all;
    bool templates = !all || json_array_size(self->urls) == 0;
    for (unsigned p = 0; templates && p < NOUNS; p++)
        s_add(self, s_nouns[p].endpoint, "NAME");
}

json_t *token_urls(ctl_t *ctl, const json_t *made, const char *user, json_t *warnings)
{
    const json_t *scope = json_object_get(made, "scope");
    json_t *shown = ctl_call(ctl, OP_user_show, user, NULL);
    opens_t self = {.ctl = ctl,
                    .base = conf_text(ctl_conf(ctl), SET_public_url),
                    .token = json_string_value(json_object_get(made, "token")),
                    .user = user,
                    .id = json_string_value(json_object_get(shown, "id")),
                    .urls = json_array(),
                    .warnings = warnings};
    if (self.id && json_is_object(scope))
        s_add_bound(&self, scope);
    else if (self.id)
        s_add_unbound(&self);
    json_decref(shown);
    return self.urls;
}
