/* Groups of commands, and what every command takes. */
#include "ctl/command.h"

#include <stdio.h>

/* What a row leaves out it has not. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* clang-format off */
const option_t command_globals[] = {
    {"-c", "FILE", "configuration; without it, the first there of " CONF_PLACES},
    {"-s", "SECTION.KEY=VALUE", "override a setting; may come again"},
    {"--json", NULL, "print JSON"},
    {"--management-url", "URL", "manage over HTTP: the admin listener's base URL; without it, $POSTERN_MANAGEMENT_URL, or this machine's control socket"},
    {"--management-token-file", "FILE", "its management token, - for stdin; without it, $POSTERN_MANAGEMENT_TOKEN, or a session"},
    {"--session-file", "FILE", "its session, which login --save keeps there; without it, $POSTERN_SESSION, or the one kept for URL"},
    {"--help", NULL, "this text"},
    {NULL, NULL, NULL},
};

const command_former_t command_formers[] = {
    {{"--url", "URL", NULL}, "--management-url", "is where senders send"},
    {{"--token-file", "FILE", NULL}, "--management-token-file", "names the file of a webhook token"},
    {{NULL, NULL, NULL}, NULL, NULL},
};

const option_t command_variables[] = {
    {"POSTERN_CONF", NULL, "the configuration's file, as -c"},
    {"POSTERN_TOKEN", NULL, "a webhook token: what send, history, tail, delivery and dlq send to senders' URLs; without it they go to $POSTERN_MANAGEMENT_URL, where that is set"},
    {"POSTERN_APPKEY", NULL, "the appkey of an extension that is named by its app-id"},
    {"POSTERN_MANAGEMENT_URL", NULL, "the admin listener's base URL, as --management-url"},
    {"POSTERN_MANAGEMENT_TOKEN", NULL, "a management token: what the admin API takes"},
    {"POSTERN_SESSION", NULL, "a session, in place of a management token"},
    {NULL, NULL, NULL},
};

const command_group_t command_groups[] = {
    {"user", "people: they own tokens, channels, bots and extensions"},
    {"user totp", "the second factor of a user's login"},
    {"invitation", "links with which people set their password"},
    {"session", "who is logged in"},
    {"service", "service accounts: owners of tokens for programs; elsewhere a USER like others"},
    {"token", "webhook tokens: what a sender authenticates with"},
    {"management", "the admin API over HTTP"},
    {"management token", "what the admin API takes; a webhook token opens nothing there"},
    {"me", "who one is to the admin API"},
    {"people", "who there is, by name and address"},
    {"about", "the installation, as whoever is signed in may know it"},
    {"ring", "the processes of the ring, as a gateway sees them: over HTTP, for admins; health and top ask them from this host"},
    {"channel", "channels: members post and read"},
    {"channel member", "who may post to a channel and read it"},
    {"bot", "bots: they take incoming webhooks and messages"},
    {"bot handler", "the URL that is called for a bot's events"},
    {"bot subscriber", "who may post to a bot's feed and read it"},
    {"extension", "extensions: a sandbox app and a marketplace app each"},
    {"extension handler", "the URLs that are called for the events of its apps"},
    {"outlet", "URLs and services that a channel's messages are pushed to"},
    {"source", "senders' signatures and handshakes"},
    {"audit", "what was changed in the directory, by whom, when and from where"},
    {"shard", "shards of journals in PostgreSQL: in which cluster each lives"},
    {"db", "the database of worker.engine = postgres"},
    {"config", "the configuration file"},
    {"keys", "key pairs for processes on several hosts, and who may connect"},
    {"format", "formats: what makes messages of what senders post by themselves; list, show, try and test need no server"},
    {"send", "post a message over HTTP, as a sender would, or as who is logged in"},
    {"history", "read messages back: over HTTP with a webhook token, or at the admin listener with a login or a management token; without either, over the control socket of this machine"},
    {"tail", "live streams over HTTP, with a webhook token, a login or a management token; they come back by themselves, without a gap"},
    {"export", "write messages as JSON lines; reads as history does"},
    {"import", "post the messages of an export, over HTTP, as the owner of the channel"},
    {"delivery", "how the calls of a handler went: over HTTP as the owner of its bot or extension, or as history does"},
    {"dlq", "dead letters: events whose handler did not take them"},
};
/* clang-format on */
const size_t command_groups_len = sizeof command_groups / sizeof *command_groups;
