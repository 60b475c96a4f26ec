#include "ctl/host/demo.h"

#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/url.h"
#include "ctl/credential.h"
#include "ctl/manage/app.h"
#include "ctl/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEMO_USER "demo@example.org"
#define DEMO_TOKEN "demo"
#define DEMO_LINK_S 900 /* to open the console's link */
#define DEMO_CHANNEL "general"
#define DEMO_BOT "buildbot"
#define DEMO_EXTENSION "shop"

/* Makes the object, or shows the one that has the name already. Takes BODY. */
static json_t *s_ensure(ctl_t *ctl, unsigned create, unsigned show, const char *name, json_t *body)
{
    json_t *made = ctl_call_or(ctl, create, "", body, ERROR_conflict, NULL);
    json_decref(body);
    return made ? made : ctl_call(ctl, show, name, NULL);
}

/* Deletes the tokens that earlier runs made: at most a user's few active ones. */
static int s_delete_tokens(ctl_t *ctl)
{
    json_t *list = ctl_list(ctl, OP_token_list, DEMO_USER, "tokens", NULL);
    if (!list)
        return -1;
    size_t i;
    json_t *token;
    int rc = 0;
    json_array_foreach (json_object_get(list, "tokens"), i, token) {
        const char *name = json_string_value(json_object_get(token, "name"));
        const char *id = json_string_value(json_object_get(token, "id"));
        if (rc != 0 || !name || !id || strcmp(name, DEMO_TOKEN) != 0)
            continue;
        json_t *reply = ctl_call(ctl, OP_token_delete, id, json_pack("{s:b}", "confirm", 1));
        rc = reply ? 0 : -1;
        json_decref(reply);
    }
    json_decref(list);
    return rc;
}

static char *s_token(ctl_t *ctl)
{
    if (s_delete_tokens(ctl) != 0)
        return NULL;
    json_t *body = json_pack("{s:s}", "name", DEMO_TOKEN);
    json_t *reply = ctl_call(ctl, OP_token_create, DEMO_USER, body);
    const char *text = json_string_value(json_object_get(reply, "token"));
    char *token = text ? strdup(text) : NULL;
    json_decref(reply);
    return token;
}

/* Where this host reaches the gateway: public.url may lead to a load balancer, or nowhere yet. With
 * TLS it is public.url all the same, since the certificate is for that name only. */
static void s_base(const conf_t *conf, char *base, size_t size)
{
    char address[300];
    conf_address(conf, SET_gateway_listen, 0, address, sizeof address);
    const char *port = strrchr(address, ':');
    if (*conf_text(conf, SET_gateway_tls_certificate))
        snprintf(base, size, "%s", conf_text(conf, SET_public_url));
    else if (strncmp(address, "0.0.0.0:", 8) == 0)
        snprintf(base, size, "http://127.0.0.1%s", port);
    else if (strncmp(address, "[::]:", 5) == 0)
        snprintf(base, size, "http://[::1]%s", port);
    else
        snprintf(base, size, "http://%s", address);
}

static char *s_url(const char *base, unsigned op, const char *target, const char *token)
{
    char *url = url_make(base, op, target);
    url_add(&url, "zapikey", token);
    return url;
}

/* Whether admin.url leads to this host: a link to the demo's user is for who sits at it. */
static bool s_admin_is_here(const conf_t *conf)
{
    static const char *const here[] = {"://127.", "://localhost:", "://localhost/", "://[::1]"};
    const char *url = conf_text(conf, SET_admin_url);
    for (size_t i = 0; *conf_text(conf, SET_admin_listen) && i < sizeof here / sizeof *here; i++)
        if (strstr(url, here[i]))
            return true;
    return false;
}

/* A link that signs the demo's user in: it is good once, and for a quarter of an hour. NULL: there
 * is none. */
static char *s_console(ctl_t *ctl)
{
    if (!s_admin_is_here(ctl_conf(ctl)))
        return NULL;
    json_t *body =
        json_pack("{s:s, s:b, s:i}", "email", DEMO_USER, "sign_in", 1, "expires_in", DEMO_LINK_S);
    json_t *reply = ctl_call(ctl, OP_user_invite, "", body);
    const char *link = json_string_value(json_object_get(reply, "link"));
    char *kept = link ? strdup(link) : NULL;
    json_decref(reply);
    return kept;
}

/* What is printed, as a person reads it or as JSON does. */
typedef struct {
    char *channel, *bot, *extension, *history, *stream;
    char *console; /* NULL: none */
} urls_t;

static void s_print(const urls_t *urls)
{
    static const char post[] = "curl -i -H 'Content-Type: application/json' -d";
    if (urls->console)
        printf("\nOpen the console in a browser (good once, for %d minutes; it signs you in "
               "as " DEMO_USER "):\n%s\n",
               DEMO_LINK_S / 60, urls->console);
    printf("\nWatch a channel, in a second terminal (the token is made anew at each start):\n"
           "curl -N '%s'\n",
           urls->stream);
    puts("\nSend to it, and to others:");
    printf("\n# to a channel: 204\n%s '{\"text\":\"Hello from curl\"}' '%s'\n", post,
           urls->channel);
    printf("\n# to a bot: 200\n%s '{\"text\":\"Build 42 passed\"}' '%s'\n", post, urls->bot);
    printf("\n# to an extension: 200\n%s '{\"order\":7,\"state\":\"paid\"}' '%s'\n", post,
           urls->extension);
    printf("\n# read the channel back\ncurl -s '%s'\n", urls->history);
}

static void s_print_json(const urls_t *urls, const char *token)
{
    json_t *all =
        json_pack("{s:{s:s, s:s*, s:{s:s, s:s, s:s, s:s, s:s}}}", "demo", "token", token, "console",
                  urls->console, "urls", "channel", urls->channel, "bot", urls->bot, "extension",
                  urls->extension, "history", urls->history, "stream", urls->stream);
    table_json(all);
    json_decref(all);
}

static int s_show(ctl_t *ctl, const json_t *extension, const char *token)
{
    char base[320];
    s_base(ctl_conf(ctl), base, sizeof base);
    urls_t urls = {.channel = s_url(base, OP_channel_message, DEMO_CHANNEL, token),
                   .bot = s_url(base, OP_bot_incoming, DEMO_BOT, token),
                   .extension = app_url(base, extension, "sandbox", token),
                   .history = s_url(base, OP_channel_history, DEMO_CHANNEL, token),
                   .stream = s_url(base, OP_channel_stream, DEMO_CHANNEL, token)};
    int status = urls.extension ? CTL_OK : CTL_REFUSED;
    if (urls.extension)
        urls.console = s_console(ctl);
    if (urls.extension && ctl_json(ctl))
        s_print_json(&urls, token);
    else if (urls.extension)
        s_print(&urls);
    credential_free(&urls.channel);
    credential_free(&urls.bot);
    credential_free(&urls.extension);
    credential_free(&urls.history);
    credential_free(&urls.stream);
    credential_free(&urls.console);
    return status;
}

int demo_run(ctl_t *ctl)
{
    json_t *user =
        s_ensure(ctl, OP_user_create, OP_user_show, DEMO_USER,
                 json_pack("{s:s, s:s, s:s}", "name", "Demo", "email", DEMO_USER, "role", "owner"));
    json_t *channel = s_ensure(ctl, OP_channel_create, OP_channel_show, DEMO_CHANNEL,
                               json_pack("{s:s, s:s}", "name", DEMO_CHANNEL, "owner", DEMO_USER));
    json_t *bot = s_ensure(ctl, OP_bot_create, OP_bot_show, DEMO_BOT,
                           json_pack("{s:s, s:s}", "name", DEMO_BOT, "owner", DEMO_USER));
    json_t *extension =
        s_ensure(ctl, OP_extension_create, OP_extension_show, DEMO_EXTENSION,
                 json_pack("{s:s, s:s}", "name", DEMO_EXTENSION, "owner", DEMO_USER));
    char *token = user && channel && bot && extension ? s_token(ctl) : NULL;
    int status = token ? s_show(ctl, extension, token) : CTL_REFUSED;
    credential_free(&token);
    json_decref(user);
    json_decref(channel);
    json_decref(bot);
    json_decref(extension);
    return status;
}
