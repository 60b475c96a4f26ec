/* The commands. Those about this host's processes and stores are in commands_host.def; what stands
 * around all is in command_groups.c. */
#include "ctl/command.h"

#include "common/base/ops.h"
#include "common/wire/handler.h"
#include "ctl/operation.h"
#include "ctl/outlet_commands.h"
#include "ctl/sender_options.h"

#include <stdio.h>

enum {
    RATE_MAX = 1000000,
    BURST_MAX = 10000000,
    BODY_MAX = 16 << 20,
    OVERLAP_MAX = 7 * 86400,
    BOUND_MAX = 120 * 3600,
    INVITATION_MAX = 30 * 86400,
    EXPIRES_MAX = 10 * 366 * 86400
};

/* What a row leaves out it has not. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* clang-format off */
#define TARGET {NULL, PARAM_TARGET}
#define TEXT(field) {field, PARAM_TEXT}
#define NUMBER(field, min, max) {field, PARAM_NUMBER, min, max}
#define SECONDS(field, max) {field, PARAM_SECONDS, 0, max}
#define NAMES(field) {field, PARAM_NAMES}
#define FLAG(field, value) {field, (value) ? PARAM_TRUE : PARAM_FALSE}
#define RATE(field) NUMBER(field, 0, RATE_MAX)
#define BURST(field) NUMBER(field, 1, BURST_MAX)

#define PAGE {"--limit", "N", "most rows; without it, all"}, {"--after", "NEXT", "go on after an earlier page"}
#define FIND {"--q", "TEXT", "of these those with TEXT in their name or address", TEXT("q")}
#define ENVIRONMENT {APP, {"environment", PARAM_TEXT, .fallback = "sandbox"}}

#define ROLE {"--role", "ROLE", "member, admin or owner", TEXT("role")}
#define FORMATS {"--formats", "DIR", "a directory of formats, whose names win over those that are built in"}
#define INSTALLED {"--installed", NULL, "those that were added (format add), which authd has"}
#define REASON {"--reason", "TEXT", "what senders are told, at most 200 bytes", TEXT("reason")}
#define IF_MATCH {"--if-match", "ETAG", "only when it is still as it was shown", TEXT("if_match")}
#define CHANGES IF_MATCH, {"--name", "NAME", "a new name; senders to the old one get 404", TEXT("name")}, \
                {"--owner", "USER", "email or id", TEXT("owner")}, \
                {"--display-name", "NAME", "how pages show it; '' for none", TEXT("display_name")}, \
                {"--description", "TEXT", "likewise", TEXT("description")}, {"--picture", "URL", "likewise, https", TEXT("picture")}, \
                {"--take-back", NULL, "in use again", FLAG("archived", false)}
#define METHODS {"--methods", "METHOD,…", "which make events, as POST,PUT; others get 405; all: GET,HEAD,POST,PUT,DELETE", {"methods", PARAM_METHODS}}
#define HANDLER {"--concurrency", "N", "calls at once, 1 to 256; 8 without it", NUMBER("concurrency", 1, HANDLER_CONCURRENCY_MOST)}, \
                {"--ordered", NULL, "one event after another", FLAG("ordered", true)}, \
                {"--unordered", NULL, "no longer so", FLAG("ordered", false)}, \
                {"--bound", "TIME", "how long an ordered event is tried, up to 120h; 1h without it", SECONDS("bound_s", BOUND_MAX)}, \
                {"--wait", "SECONDS", "how long callers wait for its answer, up to 8; 0: not at all, as at first", NUMBER("wait_s", 0, HANDLER_WAIT_S)}, \
                {"--rsa-key", "FILE", "sign X-Cliq-Signature, too, with this private key (PEM)"}, \
                {"--no-rsa-key", NULL, "no longer so"}
#define SOURCE {"--name", "NAME", "what it is for", TEXT("name")}, \
               {"--for-token", "TOKEN-ID", "it is for this token alone, and has an address without one; '': for any", TEXT("for_token")}, \
               {"--format", "FORMAT", "what makes a message of it; '': what it looks like", TEXT("format")}, \
               {"--optional", NULL, "what is not signed passes, too", FLAG("required", false)}, \
               {"--only", "GLOB,…", "these events alone, as 'push,issues.*'", NAMES("only")}, \
               {"--except", "GLOB,…", "not these events", NAMES("except")}, \
               {"--branch", "GLOB,…", "of pushes these branches alone", NAMES("branch")}, \
               {"--on-unknown", "WHAT", "events that the format does not know: summary (as at first) or drop", TEXT("on_unknown")}, \
               {"--keep-raw", NULL, "keep a channel's events as they came, beside their messages", FLAG("keep_raw", true)}, {"--no-keep-raw", NULL, "no longer so", FLAG("keep_raw", false)}, \
               {"--verify-token-file", "FILE", "the verify token of a subscription (Meta); empty: none"}
#define SOURCES_OF .op = OP_bot_sources, .op_extension = OP_extension_sources, .op_channel = OP_channel_sources, .takes = {{0}, TARGET}
#define MADE_FOR {"--owner", "USER", "email or id (needed)", TEXT("owner"), "name the owner with --owner USER (email or id)"}
#define OWN_PASSWORD {"password", ASK_OWN, "Password (of one's own account; else empty)"}
#define TOKEN_ONCE "The token is shown this once: store it now."
#define YES {"--yes", NULL, "do it without asking", FLAG("confirm", true)}
#define TOKEN_TERMS {"--name", "NAME", "what it is for", TEXT("name")}, \
                    {"--rate", "N", "requests a second; 0: no limit", RATE("rate")}, \
                    {"--burst", "N", "requests at once", BURST("burst")}, \
                    {"--expires", "TIME", "it ends so long from now: 90s, 15m, 24h, 30d; 0: never", SECONDS("expires_in", EXPIRES_MAX)}, \
                    {"--channels", "NAME,…", "it is for these targets only; without any list, all of the user's", NAMES("channels")}, \
                    {"--bots", "NAME,…", "the same", NAMES("bots")}, {"--extensions", "NAME,…", "the same", NAMES("extensions")}, \
                    {"--post-only", NULL, "it may not read messages back", FLAG("post_only", true)}, \
                    {"--from", "NETWORK,…", "it is taken from these networks only, such as 10.0.0.0/8", NAMES("networks")}, \
                    {"--body-bytes", "N", "most bytes of a body; 0: what the gateway takes", NUMBER("body_bytes", 0, BODY_MAX)}

const command_t command_table[] = {
#include "ctl/commands_host.def"

    {"user create", operation_run, "EMAIL", 1, 1, "make a user",
     "user create ada@example.org --name 'Ada Lovelace'",
     {{"--name", "NAME", "display name; without it, what stands before the @", TEXT("name")}, ROLE},
     .op = OP_user_create, .takes = {TEXT("email")}},
    {"user list", operation_run, "", 0, 0, "list users", "user list", {PAGE},
     .op = OP_user_list, .rows = "users", .columns = "email name role id created last_login totp active_tokens"},
    {"user show", operation_run, "USER", 1, 1, "show a user (by email or id)",
     "user show ada@example.org",
     .op = OP_user_show},
    {"user edit", operation_run, "USER", 1, 1, "change a user's name or role",
     "user edit ada@example.org --role admin", {IF_MATCH, {"--name", "NAME", "display name", TEXT("name")}, ROLE},
     .op = OP_user_edit},
    {"user delete", user_delete_run, "USER", 1, 1,
     "delete a user (or service account): its tokens are stopped, or go to a service account",
     "user delete ada@example.org\nuser delete ada@example.org --move-to ci-robot",
     {{"--move-to", "ACCOUNT", "the tokens work on, as this service account's", TEXT("move_to")}, YES},
     .op = OP_user_delete, .question = "Stop them?"},

    {"user password", operation_run, "USER", 1, 1,
     "set a user's password, typed or a line of stdin; ends the user's sessions",
     "user password ada@example.org\nuser password ada@example.org < password.txt",
     .op = OP_user_password,
     .asks = {{"password", ASK_NEW, "New password"},
              {"old_password", ASK_OWN, "Old password (of one's own account; else empty)"}},
     .done = "Password set; the user's sessions are ended."},
    {"user invite", operation_run, "EMAIL", 1, 1,
     "make a link, shown once, with which a new user, or one who is there, sets a password",
     "user invite bob@example.org --role admin --expires 2d",
     {{"--name", "NAME", "display name; without it, what stands before the @", TEXT("name")}, ROLE,
      {"--expires", "TIME", "how long it is good, 60s to 30d; 7d without it", SECONDS("expires_in", INVITATION_MAX)}},
     .op = OP_user_invite, .takes = {TEXT("email")},
     .note = "The link is shown this once: give it to the user, and to nobody else."},
    {"user totp begin", operation_run, "USER", 1, 1,
     "make the secret of a second factor; it is shown once", "user totp begin ada@example.org",
     .op = OP_user_totp_begin, .asks = {OWN_PASSWORD},
     .note = "The secret is shown this once. Put it into an authenticator, then pass a code of it to\n"
             "posternctl user totp confirm within 15 minutes."},
    {"user totp confirm", user_totp_codes_run, "USER", 1, 1,
     "put it into effect with a code of it; shows the recovery codes, once",
     "user totp confirm ada@example.org",
     .op = OP_user_totp_confirm, .asks = {{"code", ASK_SECRET, "Code"}}, .done = "From now on a login needs a code."},
    {"user totp show", operation_run, "USER", 1, 1,
     "whether a user has a second factor, and how many recovery codes are left",
     "user totp show ada@example.org",
     .op = OP_user_totp_show},
    {"user totp remove", operation_run, "USER", 1, 1, "take a user's second factor away",
     "user totp remove ada@example.org",
     .op = OP_user_totp_remove, .asks = {OWN_PASSWORD},
     .done = "Second factor removed: the password is enough to log in."},
    {"user totp codes", user_totp_codes_run, "USER", 1, 1,
     "make new recovery codes, shown once, in place of the former",
     "user totp codes ada@example.org",
     .op = OP_user_totp_codes,
     .asks = {OWN_PASSWORD, {"code", ASK_OWN, "Code of the authenticator (the same)"}},
     .done = "The former recovery codes are worth nothing any more."},

    {"invitation list", operation_run, "", 0, 0, "list the invitations that are good",
     "invitation list", {PAGE},
     .op = OP_invitation_list, .rows = "invitations",
     .columns = "id email role user created expires"},
    {"invitation revoke", operation_run, "INVITATION-ID", 1, 1, "make a link worth nothing",
     "invitation revoke 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_invitation_revoke,
     .done = "Invitation revoked: its link is worth nothing any more."},
    {"invitation accept", operation_run, "", 0, 0,
     "set the password that an invitation is for: the link and it are typed, or lines of stdin",
     "invitation accept", {{"--name", "NAME", "display name, in place of the invitation's", TEXT("name")}},
     .op = OP_invitation_accept,
     .asks = {{"invitation", ASK_LINK, "Invitation or link"}, {"password", ASK_NEW, "New password"}}},

    {"login", login_run, "EMAIL", 1, 1,
     "log in: password and code are typed, or lines of stdin; the session is shown once, or kept",
     "login ada@example.org\nlogin ada@example.org --management-url https://admin.example.org --save",
     {{"--save", NULL, "keep the session for the commands that follow with the same --management-url, in place of showing it"}},
     .op = OP_login, .takes = {TEXT("email")}, .asks = {{"password", ASK_SECRET, "Password"}},
     .note = "The session is shown this once: who has it is logged in."},
    {"logout", session_run, "", 0, 0,
     "end the session of $POSTERN_SESSION, the one kept for the URL, or that of a line of stdin",
     "logout\nlogout --management-url https://admin.example.org",
     .op = OP_logout, .done = "Logged out."},
    {"session show", session_run, "", 0, 0,
     "whose session $POSTERN_SESSION, the one kept for the URL, or a line of stdin, is",
     "session show",
     .op = OP_session_show},
    {"session list", operation_run, "USER", 1, 1, "list a user's sessions",
     "session list ada@example.org",
     .op = OP_session_list, .rows = "sessions", .columns = "id from created used expires"},
    {"session revoke", operation_run, "SESSION-ID", 1, 1, "end a session",
     "session revoke 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_session_revoke, .done = "Session ended."},
    {"session end", operation_run, "USER", 1, 1, "end all sessions of a user",
     "session end ada@example.org",
     .op = OP_session_end},

    {"service create", operation_run, "ACCOUNT", 1, 1,
     "make a service account: an owner of tokens that nobody logs in as",
     "service create ci-robot --name 'CI robot'", {{"--name", "NAME", "display name; without it, ACCOUNT", TEXT("name")}},
     .op = OP_service_create, .takes = {TEXT("account")}},
    {"service list", operation_run, "", 0, 0, "list service accounts", "service list", {PAGE},
     .op = OP_service_list, .rows = "accounts", .columns = "account name id created"},

    {"token create", token_create_run, "USER", 1, 1,
     "make a token; it is shown once, with the URLs it opens",
     "token create ada@example.org --name ci\n"
     "token create ada@example.org --channels releases --post-only --from 192.0.2.0/24 --expires 90d",
     {TOKEN_TERMS},
     .op = OP_token_create, .note = TOKEN_ONCE},
    {"token list", token_list_run, "[USER]", 0, 1, "list a user's tokens, or --all (never the secrets)",
     "token list ada@example.org\ntoken list --all --ends-within 14d",
     {PAGE, {"--all", NULL, "everybody's, with whom they belong to"},
      {"--ends-within", "TIME", "of these the active ones that end within TIME and have no successor",
       SECONDS("ends_within", EXPIRES_MAX)}},
     .op = OP_token_list, .rows = "tokens",
     .columns = "id name last4 state created expires last_used last_target last_address calls_24h calls_30d"},
    {"token show", operation_run, "TOKEN-ID", 1, 1, "show a token (never the secret), and whose it is",
     "token show 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_token_show},
    {"token use", operation_run, "TOKEN-ID", 1, 1,
     "show where a token was used, from where and how often: up to 32 targets",
     "token use 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_token_use, .rows = "targets", .columns = "target address last_used count"},
    {"token replace", operation_run, "TOKEN-ID", 1, 1,
     "make a token in place of one, which lives on for an overlap; the new one is shown once",
     "token replace 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10\n"
     "token replace 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --overlap 7d",
     {TOKEN_TERMS, {"--overlap", "TIME", "how long the old one still works, 0 to 7d; 24h without it", SECONDS("overlap", OVERLAP_MAX)}},
     .op = OP_token_replace, .note = TOKEN_ONCE},
    {"token delete", token_delete_run, "TOKEN-ID", 1, 1,
     "revoke a token at once; asks first when it was used in the last 7 days",
     "token delete 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --yes", {YES},
     .op = OP_token_delete, .question = "Delete it?"},
    {"token import", token_import_run, "USER", 1, 1, "take over tokens made elsewhere, one a line",
     "token import ada@example.org --file tokens.txt\ntoken import ada@example.org < tokens.txt",
     {{"--file", "FILE", "read from FILE; without it, stdin (never an argument: others see those)"},
      {"--name", "NAME", "name of each", TEXT("name")}},
     .op = OP_token_import},
    {"token limit", operation_run, "TOKEN-ID RATE BURST", 3, 3,
     "set a token's requests a second and at once; rate 0: no limit",
     "token limit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 50 100",
     .op = OP_token_limit, .takes = {TARGET, RATE("rate"), BURST("burst")}, .done = "Limit set."},

    {"token edit", token_edit_run, "TOKEN-ID", 1, 1,
     "change what a token may do; what is not named stays",
     "token edit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --channels releases,alerts --expires 90d\n"
     "token edit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --any --may-read --from ''",
     {TOKEN_TERMS, IF_MATCH, {"--any", NULL, "all targets of the user again", FLAG("any", true)},
      {"--may-read", NULL, "it may read messages back again", FLAG("post_only", false)}},
     .op = OP_token_edit},
    {"token check", token_check_run, "[FILE…]", 0, 16,
     "look for tokens of this installation in text; exit status 1 when there are any",
     "token check config.yml deploy.log\ntoken check < deploy.log",
     .op = OP_token_check, .takes = {{0}}},

    {"management token create", operation_run, "USER", 1, 1,
     "make a management token, which acts as the user on the admin listener; it is shown once",
     "management token create ada@example.org --name laptop\n"
     "management token create deploy-robot --expires 30d",
     {{"--name", "NAME", "what it is for", TEXT("name")},
      {"--expires", "TIME", "it ends so long from now: 24h, 30d; 0: never; 90d without it", SECONDS("expires_in", EXPIRES_MAX)}},
     .op = OP_management_token_create, .note = TOKEN_ONCE},
    {"management token list", operation_run, "USER", 1, 1,
     "list a user's management tokens (never the secrets)",
     "management token list ada@example.org", {PAGE},
     .op = OP_management_token_list, .rows = "tokens",
     .columns = "id name last4 state created expires last_used"},
    {"management token delete", operation_run, "TOKEN-ID", 1, 1,
     "revoke a management token at once",
     "management token delete 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_management_token_delete,
     .done = "Management token deleted: requests with it are refused from now on."},
    {"me show", operation_run, "", 0, 0, "show who one is, and with which role", "me show",
     .op = OP_me_show},

    {"people list", operation_run, "", 0, 0, "list people by name and address",
     "people list\npeople list --q ada", {PAGE, FIND},
     .op = OP_people_list, .rows = "people", .columns = "email name id"},
    {"about show", operation_run, "", 0, 0, "show the installation's version, URLs and settings",
     "about show",
     .op = OP_about_show},
    {"ring show", operation_run, "", 0, 0,
     "show what is wrong with the ring and how each process stands, as a gateway sees it",
     "ring show --management-url https://admin.example.org",
     .op = OP_ring_show, .rows = "processes",
     .columns = "name host version state since restarts rate queue oldest_s p99_ms reason"},
    {"ring series", operation_run, "", 0, 0,
     "show what a gateway has answered in the last hour, in steps of 10 s",
     "ring series --minutes 5 --management-url https://admin.example.org",
     {{"--minutes", "N", "only the last N minutes, 1 to 60", NUMBER("minutes", 1, 60)}},
     .op = OP_ring_series, .rows = "steps", .columns = "at rate errors p50_ms p99_ms queue"},

    {"channel create", operation_run, "NAME", 1, 1, "make a channel",
     "channel create releases --owner ada@example.org --members bob@example.org,eve@example.org",
     {MADE_FOR, {"--members", "USER,…", "more members", NAMES("members")}},
     .op = OP_channel_create, .takes = {TEXT("name")}},
    {"channel list", operation_run, "", 0, 0, "list channels", "channel list", {PAGE},
     .op = OP_channel_list, .rows = "channels", .columns = "name id owner created urls"},
    {"channel show", operation_run, "CHANNEL", 1, 1, "show a channel (by name or id) and its URL",
     "channel show releases",
     .op = OP_channel_show},
    {"channel edit", operation_run, "CHANNEL", 1, 1,
     "rename a channel, give it another owner, or take it back from the archive",
     "channel edit releases --owner bob@example.org\nchannel edit releases --take-back", {CHANGES},
     .op = OP_channel_edit},
    {"channel delete", operation_run, "CHANNEL", 1, 1, "archive a channel: senders get 410",
     "channel delete releases --reason 'Post to alerts'", {REASON},
     .op = OP_channel_delete, .done = "Channel archived."},
    {"channel member list", operation_run, "CHANNEL", 1, 1, "list all members",
     "channel member list releases\nchannel member list releases --q ada", {PAGE, FIND},
     .op = OP_channel_member_list, .rows = "members", .columns = "email name id"},
    {"channel member add", operation_run, "CHANNEL USER", 2, 2, "let a user post and read",
     "channel member add releases bob@example.org",
     .op = OP_channel_member_add, .takes = {TARGET, TEXT("user")}, .done = "Member added."},
    {"channel member remove", operation_run, "CHANNEL USER", 2, 2, "take a user out",
     "channel member remove releases bob@example.org",
     .op = OP_channel_member_remove, .takes = {TARGET, TEXT("user")}, .done = "Member removed."},

    {"bot create", operation_run, "NAME", 1, 1, "make a bot",
     "bot create buildbot --owner ada@example.org --subscribers bob@example.org",
     {MADE_FOR, {"--subscribers", "USER,…", "subscribers", NAMES("subscribers")}, METHODS},
     .op = OP_bot_create, .takes = {TEXT("name")}},
    {"bot list", operation_run, "", 0, 0, "list bots", "bot list", {PAGE},
     .op = OP_bot_list, .rows = "bots", .columns = "name id owner created urls"},
    {"bot show", operation_run, "BOT", 1, 1, "show a bot (by name or id) and its URLs",
     "bot show buildbot",
     .op = OP_bot_show},
    {"bot edit", operation_run, "BOT", 1, 1,
     "rename a bot, give it another owner, say what makes events, or take it back from the archive",
     "bot edit buildbot --name builds\nbot edit buildbot --methods POST,PUT", {CHANGES, METHODS},
     .op = OP_bot_edit},
    {"bot delete", operation_run, "BOT", 1, 1, "archive a bot: senders get 410",
     "bot delete buildbot --reason 'Moved to builds'", {REASON},
     .op = OP_bot_delete, .done = "Bot archived."},
    {"bot handler set", handler_set_run, "BOT URL", 2, 2,
     "call a URL for each event; the first time a secret is made and shown, once",
     "bot handler set buildbot https://hooks.example.org/buildbot\nbot handler set buildbot "
     "https://hooks.example.org/buildbot --ordered --bound 2h",
     {HANDLER},
     .op = OP_bot_handler_set, .takes = {TARGET, TEXT("url")}},
    {"bot handler show", operation_run, "BOT", 1, 1, "show the handler, without its secrets",
     "bot handler show buildbot", .op = OP_bot_handler_show},
    {"bot handler clear", operation_run, "BOT", 1, 1,
     "call nothing any more; the secrets are forgotten", "bot handler clear buildbot",
     .op = OP_bot_handler_clear, .done = "Handler cleared."},
    {"bot handler rotate", operation_run, "BOT", 1, 1,
     "make a new secret and show it, once; the others sign as well for an overlap",
     "bot handler rotate buildbot --overlap 7d",
     {{"--overlap", "TIME", "how long the others still sign, 0 to 7d; 24h without it", SECONDS("overlap", OVERLAP_MAX)}},
     .op = OP_bot_handler_rotate},
    {"bot subscriber list", operation_run, "BOT", 1, 1, "list all subscribers",
     "bot subscriber list buildbot", {PAGE, FIND},
     .op = OP_bot_subscriber_list, .rows = "subscribers", .columns = "email name id"},
    {"bot subscriber add", operation_run, "BOT USER", 2, 2, "let a user post and read",
     "bot subscriber add buildbot bob@example.org",
     .op = OP_bot_subscriber_add, .takes = {TARGET, TEXT("user")}, .done = "Subscriber added."},
    {"bot subscriber remove", operation_run, "BOT USER", 2, 2, "take a user out",
     "bot subscriber remove buildbot bob@example.org",
     .op = OP_bot_subscriber_remove, .takes = {TARGET, TEXT("user")}, .done = "Subscriber removed."},

    {"extension create", operation_run, "NAME", 1, 1,
     "make an extension with its two apps",
     "extension create shop --owner ada@example.org",
     {MADE_FOR, METHODS},
     .op = OP_extension_create, .takes = {TEXT("name")}},
    {"extension list", operation_run, "", 0, 0, "list extensions", "extension list", {PAGE},
     .op = OP_extension_list, .rows = "extensions", .columns = "name id owner created"},
    {"extension show", operation_run, "EXTENSION", 1, 1,
     "show an extension (by name or id) and both endpoint URLs", "extension show shop",
     .op = OP_extension_show},
    {"extension edit", operation_run, "EXTENSION", 1, 1,
     "rename an extension, give it another owner, say what makes events, or take it back from the archive",
     "extension edit shop --owner bob@example.org\nextension edit shop --methods POST", {CHANGES, METHODS},
     .op = OP_extension_edit},
    {"extension rotate", operation_run, "EXTENSION", 1, 1,
     "make a new appkey; the former one works on for an overlap",
     "extension rotate shop --environment marketplace --overlap 7d",
     {ENVIRONMENT, {"--overlap", "TIME", "how long the former one still works, 0 to 7d; 24h without it", SECONDS("overlap", OVERLAP_MAX)}},
     .op = OP_extension_rotate},
    {"extension handler set", handler_set_run, "EXTENSION URL", 2, 2,
     "call a URL for each event; the first time a secret is made and shown, once",
     "extension handler set shop https://hooks.example.org/shop --environment marketplace\nextension handler set shop "
     "https://hooks.example.org/shop --environment marketplace --ordered --bound 2h",
     {HANDLER, ENVIRONMENT},
     .op = OP_extension_handler_set, .takes = {TARGET, TEXT("url")}},
    {"extension handler show", operation_run, "EXTENSION", 1, 1, "show the handler, without its secrets",
     "extension handler show shop", {ENVIRONMENT},
     .op = OP_extension_handler_show},
    {"extension handler clear", operation_run, "EXTENSION", 1, 1,
     "call nothing any more; the secrets are forgotten", "extension handler clear shop", {ENVIRONMENT},
     .op = OP_extension_handler_clear, .done = "Handler cleared."},
    {"extension handler rotate", operation_run, "EXTENSION", 1, 1,
     "make a new secret and show it, once; the others sign as well for an overlap",
     "extension handler rotate shop --environment marketplace --overlap 7d",
     {{"--overlap", "TIME", "how long the others still sign, 0 to 7d; 24h without it", SECONDS("overlap", OVERLAP_MAX)}, ENVIRONMENT},
     .op = OP_extension_handler_rotate},
    {"extension delete", operation_run, "EXTENSION", 1, 1,
     "archive an extension: senders get 410", "extension delete shop --reason 'No longer sold'",
     {REASON},
     .op = OP_extension_delete, .done = "Extension archived."},

    OUTLET_COMMANDS
    {"format list", format_list_run, "", 0, 0, "list the formats", "format list\nformat list --formats /etc/postern/formats\nformat list --installed", {FORMATS, INSTALLED}},
    {"format show", format_show_run, "FORMAT", 1, 1,
     "show a format (by name or folder): where its sender takes the URL, and the events that it knows",
     "format show github\nformat show ./mine\nformat show github --source", {{"--source", NULL, "print its format.json"}, FORMATS, INSTALLED}},
    {"format add", format_add_run, "FOLDER", 1, 1,
     "give all workers the format of a folder, in place of a built-in one or a former one of its name",
     "format add ./mine", {{0}}},
    {"format delete", operation_run, "NAME", 1, 1, "take a format from the workers that was added", "format delete mine", {{0}}, .op = OP_format_delete, .done = "Format removed."},
    {"format try", format_try_run, "[FORMAT]", 0, 1,
     "show the message of a caught event, its body on stdin; without FORMAT it is detected",
     "format try github -H 'X-GitHub-Event: push' < push.json\nformat try ./mine --headers h.txt < body\nformat try ./mine --last releases",
     {{"--header", "NAME: VALUE", "a header of the event, -H for short; may come again"},
      {"--headers", "FILE", "the event's headers, a line each"}, {"--query", "QUERY", "what stood behind the ? of the URL"},
      {"--only", "GLOB,…", "as a source's: these events alone"}, {"--except", "GLOB,…", "not these"}, {"--branch", "GLOB,…", "these branches alone"},
      {"--last", "CHANNEL", "in place of all of these, the newest event that the channel keeps: its source says so, or a format failed at it"},
      {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE, FORMATS}},
    {"format replay", format_replay_run, "CHANNEL", 1, 1,
     "make messages of a channel's events that a format failed at, once it is mended; exit status 1 when one failed again",
     "format replay releases --since 2h\nformat replay releases --dry-run", {{"--since", "TIME", "of those stored since, as 2h or 2026-01-02T03:04:05Z", TEXT("since")},
      {"--from", "N", "of those from this sequence on", NUMBER("from", 1, INT64_MAX)},
      {"--dry-run", NULL, "store nothing: only say what would come of it"}, {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE}, .op = OP_channel_replay},
    {"format test", format_test_run, "FOLDER…", 1, 16,
     "run the cases of a format's folder, or of all folders in it; exit status 1 when one is not as expected",
     "format test ./mine\nformat test ./formats --accept", {{"--accept", NULL, "write what comes out as what is expected"}, FORMATS}},

    {"send channel", send_run, "NAME [TEXT]", 1, 2, "post a message to a channel; its text by TEXT, FILE or stdin",
     "send channel releases 'Version 2 is out'\nsend channel builds --key build-42 < build.log\nsend channel releases --format github --body event.json", {SEND, SEND_KEY},
     .op = OP_channel_message},
    {"send bot", send_run, "NAME [TEXT]", 1, 2, "call a bot's incoming webhook",
     "send bot buildbot 'Build 42 passed'\nsend bot buildbot --body event.json", {SEND, EVENT_KEY},
     .op = OP_bot_incoming},
    {"send extension", send_run, "NAME [TEXT]", 1, 2,
     "call an extension's incoming webhook; an app-id takes its appkey from $POSTERN_APPKEY",
     "send extension shop 'Order 7'\nsend extension shop --body order.json", {SEND, EVENT_KEY, {APP}},
     .op = OP_extension_incoming},

    {"history channel", history_run, "NAME", 1, 1, "read a channel's messages",
     "history channel releases --last 10 --follow\nhistory channel releases --since 2h\nhistory channel releases --search 'build failed' --sender ci", {HISTORY},
     .op = OP_channel_history},
    {"history bot", history_run, "NAME", 1, 1, "read a bot's messages and events",
     "history bot buildbot --from 100", {HISTORY}, .op = OP_bot_history},
    {"history extension", history_run, "NAME", 1, 1,
     "read an extension's events (by name or app-id)", "history extension shop --follow",
     {HISTORY, {APP}}, .op = OP_extension_history},

    {"export channel", export_run, "NAME", 1, 1, "write a channel's messages as JSON lines, the oldest first",
     "export channel releases > releases.jsonl\nexport channel releases --to releases.jsonl", {EXPORT}, .op = OP_channel_history},
    {"export bot", export_run, "NAME", 1, 1, "write a bot's messages and events as JSON lines",
     "export bot buildbot --since 7d", {EXPORT}, .op = OP_bot_history},
    {"export extension", export_run, "NAME", 1, 1, "write an extension's events as JSON lines (by name or app-id)",
     "export extension shop --to shop.jsonl", {EXPORT, {APP}}, .op = OP_extension_history},
    {"import channel", import_run, "NAME [FILE]", 1, 2,
     "post the messages of an export (FILE, or stdin) to a channel with their time and sender; those that it has are left out",
     "import channel releases releases.jsonl",
     {{"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE},
     .op = OP_channel_import},
    {"tail channel", tail_run, "NAME…", 1, 16, "show a channel's messages as they come; of several, all together",
     "tail channel releases\ntail channel releases alerts --last 10\ntail channel releases --since 2h --json", {TAIL}, .op = OP_channel_stream},
    {"tail bot", tail_run, "NAME…", 1, 16, "show a bot's messages and events as they come",
     "tail bot buildbot", {TAIL}, .op = OP_bot_stream},
    {"tail extension", tail_run, "NAME…", 1, 16, "show an extension's events as they come (by name or app-id)",
     "tail extension shop --since all", {TAIL, {APP}}, .op = OP_extension_stream},
    {"tail targets", tail_run, "KIND:NAME…", 1, 64, "show the messages of targets of any kind as they come, by one stream",
     "tail targets channel:releases bot:buildbot extension:shop\ntail targets channel:releases buddy --since 2h", {TAIL}, .op = OP_streams},
    {"tail all", tail_run, "", 0, 0, "show all that the token may read as it comes, by one stream",
     "tail all\ntail all --last 1 --json", {TAIL}, .op = OP_streams},

    {"delivery list", delivery_list_run, "KIND NAME", 2, 2,
     "list deliveries of a bot or an extension, the newest first",
     "delivery list bot buildbot\ndelivery list extension shop --state pending --limit 10",
     {{"--state", "STATE", "pending, delivered or dead", TEXT("state")}, BETWEEN, ROWS, OWNER},
     .op = OP_bot_deliveries, .op_extension = OP_extension_deliveries, .takes = {{0}, TARGET}},
    {"delivery show", delivery_show_run, "KIND NAME ID", 3, 3,
     "show a delivery with its event and what each attempt sent and got, by its number or webhook-id",
     "delivery show bot buildbot 42", {OWNER},
     .op = OP_bot_delivery_show, .op_extension = OP_extension_delivery_show, .takes = {{0}, TARGET, TEXT("id")}},
    {"delivery retry", delivery_again_run, "KIND NAME ID", 3, 3,
     "call the handler again now, also for what was delivered", "delivery retry bot buildbot 42",
     {OWNER},
     .op = OP_bot_delivery_retry, .op_extension = OP_extension_delivery_retry,
     .takes = {{0}, TARGET, TEXT("id")}, .done = "it is tried again now"},
    {"delivery test", delivery_test_run, "KIND NAME", 2, 2, "call the handler and show how it answers; nothing is kept",
     "delivery test bot buildbot\ndelivery test extension shop --event 42",
     {{"--event", "ID", "a delivery's number or an event's id; without it a sample", TEXT("event")}, OWNER},
     .op = OP_bot_handler_test, .op_extension = OP_extension_handler_test, .takes = {{0}, TARGET}},
    {"dlq list", dlq_list_run, "KIND NAME", 2, 2, "list dead letters, the newest first",
     "dlq list bot buildbot --from 2026-01-02T00:00:00Z", {BETWEEN, ROWS, OWNER},
     .op = OP_bot_deliveries, .op_extension = OP_extension_deliveries, .takes = {{0}, TARGET}},
    {"dlq replay", delivery_again_run, "KIND NAME", 2, 2, "deliver dead letters again, the oldest first",
     "dlq replay bot buildbot --rate 50\ndlq replay bot buildbot --from 2026-01-02T00:00:00Z",
     {BETWEEN, {"--rate", "N", "most a second, 1 to 1000; 10 without it", TEXT("rate")}, OWNER},
     .op = OP_bot_delivery_replay, .op_extension = OP_extension_delivery_replay, .takes = {{0}, TARGET},
     .done = "the dead letters are tried again, the oldest first; dlq list shows what is left"},

    {"counts", counts_run, "KIND NAME", 2, 2, "show how many messages and deliveries a target has had, by the hour",
     "counts channel releases\ncounts bot buildbot --hours 168",
     {{"--hours", "N", "how far back, 1 to 168; 24 without it", TEXT("hours")}, OWNER},
     .op = OP_bot_counts, .op_extension = OP_extension_counts, .op_channel = OP_channel_counts, .takes = {{0}, TARGET}},

    {"source create", source_create_run, "KIND NAME", 2, 2,
     "say how what a sender posts to a channel, a bot or an extension is verified; a secret that is made is shown once",
     "source create channel releases --scheme github --format github\n"
     "source create bot buildbot --scheme stripe --secret-file secret.txt --only 'invoice.*,charge.failed'\n"
     "source create channel cards --scheme trello --secret-file secret.txt --for-token 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     {{"--scheme", "NAME", "a preset (source presets), or a file with a scheme as JSON; without it nothing is verified"},
      {"--secret-file", "FILE", "the secret that the sender shows; without it one is made, to be typed in there, or waited for (notion, asana)"},
      {APP, TEXT("environment")}, SOURCE},
     .op = OP_source_create, .takes = {TEXT("kind"), TEXT("to")}},
    {"source list", operation_run, "", 0, 0, "list sources", "source list", {PAGE},
     .op = OP_source_list, .rows = "sources", .columns = "id name kind to scheme format required created"},
    {"source show", operation_run, "SOURCE-ID", 1, 1, "show a source, without its secrets; but, for an hour, the one that Notion told",
     "source show 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_source_show},
    {"source edit", source_edit_run, "SOURCE-ID", 1, 1, "change a source; what is not named stays",
     "source edit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --except 'star.*' --branch main",
     {SOURCE, {"--required", NULL, "what is not signed is refused again", FLAG("required", true)}, IF_MATCH},
     .op = OP_source_edit},
    {"source rotate", source_rotate_run, "SOURCE-ID", 1, 1,
     "take a new secret, or make one and show it, once; the former one is good for an overlap",
     "source rotate 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --overlap 7d",
     {{"--secret-file", "FILE", "the secret that the sender shows; without it one is made, to be typed in there, or waited for (notion, asana)"},
      {"--overlap", "TIME", "how long the former one is good, 0 to 7d; 24h without it", SECONDS("overlap", OVERLAP_MAX)}},
     .op = OP_source_rotate},
    {"source delete", operation_run, "SOURCE-ID", 1, 1, "delete a source and its secrets",
     "source delete 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10",
     .op = OP_source_delete, .done = "Source deleted."},
    {"source activity", source_activity_run, "KIND NAME", 2, 2,
     "show how many events of each source of a target were let in, filtered or refused since its worker started",
     "source activity channel releases\nsource activity extension shop --environment marketplace", {OWNER}, SOURCES_OF},
    {"source refusals", source_refusals_run, "KIND NAME", 2, 2,
     "show the last refusals of each source of a target: when, whence, why, and which headers came",
     "source refusals channel releases", {OWNER}, SOURCES_OF},
    {"source presets", source_presets_run, "", 0, 0, "list the senders whose signatures are known, and how each signs",
     "source presets\nsource presets --json", {{0}}},
    {"source check", source_check_run, "", 0, 0,
     "say whether a caught request (its body on stdin) was signed with a secret, and if not, why; needs no server",
     "source check --scheme github --secret-file secret.txt --headers h.txt < body.json\n"
     "source check --scheme ./mine.json --secret-file secret.txt --url https://hooks.example.org/x --at 2026-01-02T03:04:05Z --headers h.txt < body",
     {{"--scheme", "NAME", "a preset, or a file with a scheme as JSON (needed)"},
      {"--secret-file", "FILE", "the secret; a second line is the one before it (needed)"},
      {"--headers", "FILE", "the request's headers, a line each (needed)"},
      {"--url", "URL", "as the sender called it, for those who sign it"},
      {"--method", "METHOD", "POST without it"},
      {"--at", "TIME", "when it came, as 2026-01-02T03:04:05Z or in seconds since 1970; now without it"}}},

    {"audit list", audit_list_run, "", 0, 0, "list who changed what in the directory, the newest last",
     "audit list\naudit list --limit 10\naudit list --after 1200",
     {{"--limit", "N", "most rows; 50 without it"}, {"--after", "N", "from the row after number N on"}},
     .op = OP_audit_list},
    {"audit export", audit_export_run, "", 0, 0, "print all of the audit, a JSON object a line",
     "audit export > audit.jsonl\naudit export --after 1200 >> audit.jsonl",
     {{"--after", "N", "from the row after number N on"}},
     .op = OP_audit_list},

    {"keys new", keys_new_run, "NAME", 1, 1, "make a key pair: NAME.secret to keep, NAME.pub to hand out",
     "keys new gateway-0 --role gateway\nkeys new hosts-b --role channel,bot --dir /etc/postern/keys",
     {{"--role", "ROLE,…", "gateway, authd, router, worker, or channel, bot, extension (needed)"},
      {"--dir", "DIR", "where to; without it, keys beside the configuration"}}},
    {"keys list", keys_list_run, "", 0, 0, "list the public keys: one's own, allowed ones, servers'",
     "keys list", {{"--dir", "DIR", "where one's own are; without it, keys beside the configuration"}}},
    {"keys allow", keys_allow_run, "FILE", 1, 1,
     "let the key of a public certificate connect to this host, for its roles (curve.allowed)",
     "keys allow gateway-0.pub", {{0}}},
    {"keys revoke", keys_revoke_run, "NAME", 1, 1,
     "take a key out of curve.allowed; its connections are cut within 2 s",
     "keys revoke gateway-0", {{0}}},
    {"keys trust", keys_trust_run, "FILE", 1, 1,
     "take the public certificate of a server for endpoints tcp://host:port@NAME (curve.servers)",
     "keys trust router-0.pub\nkeys trust new/router-0.pub --replace",
     {{"--replace", NULL, "in place of the server's former key"}}},

    {"config check", config_check_run, "", 0, 0,
     "whether the configuration is good, and the files are there that it names; exit status 78 when not",
     "config check\nconfig check -c /etc/postern/postern.conf", {{0}}},
    {"config show", config_show_run, "", 0, 0,
     "print every setting as it holds, with what a running posternctl up was told; secrets are masked",
     "config show\nconfig show -s log.level=debug", {{0}}},
    {"help", help_run, "[COMMAND…]", 0, 4, "what --help says of a command", "help\nhelp token create", {{0}}},
    {"version", version_run, "", 0, 0, "print the version", "version\nversion --json", {{0}}},
    {"completion", completion_run, "bash|zsh|fish", 1, 16,
     "print shell completion, which offers commands, options and the names of what is there",
     "completion bash > /etc/bash_completion.d/posternctl\n"
     "completion zsh > /usr/share/zsh/vendor-completions/_posternctl\n"
     "completion fish > ~/.config/fish/completions/posternctl.fish",
     {{0}}},
    {"manual", manual_run, "PAGE", 1, 1,
     "print a manual page: posternctl, postern.conf, postern-store or a process such as postern-gateway",
     "manual posternctl | man -l -\nmanual postern.conf | man -l -",
     {{0}}},
};
/* clang-format on */
const size_t command_table_len = sizeof command_table / sizeof *command_table;
