/* The rows of command.h. */
#include "ctl/command.h"

#include <stdio.h>

/* clang-format off */
#define PAGE {"--limit", "N", "most rows; without it, all"}, {"--after", "NEXT", "go on after an earlier page"}
#define TOKEN_FILE {"--token-file", "FILE", "read the webhook token from FILE, - for stdin; without it, $POSTERN_TOKEN"}
#define SEND {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE, \
             {"--body", "FILE", "send FILE's bytes (- for stdin) in place of TEXT"}, \
             {"--key", "KEY", "Idempotency-Key; without it, a new one"}
#define HISTORY {"--last", "N", "the newest N, oldest first"}, \
                {"--from", "N", "first sequence number"}, {"--limit", "N", "most messages, beginning with the oldest"}, \
                {"--follow", NULL, "go on with what comes, until Ctrl-C"}, \
                {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE
#define BETWEEN {"--from", "TIME", "stored since, as 2026-01-02T03:04:05Z"}, \
    {"--to", "TIME", "stored before"}
#define OWNER {"--url", "URL", "where senders send; without it, public.url"}, TOKEN_FILE, ENVIRONMENT
#define ROWS {"--limit", "N", "most rows, 1 to 100"}, {"--after", "NUMBER", "go on after an earlier page"}
#define ENVIRONMENT {"--environment", "NAME", "sandbox (the default) or marketplace"}

#define ROLE {"--role", "ROLE", "member, admin or owner"}
#define REASON {"--reason", "TEXT", "what senders are told, at most 200 bytes"}
#define IF_MATCH {"--if-match", "ETAG", "only when it is still as it was shown"}
#define CHANGES IF_MATCH, {"--name", "NAME", "a new name; senders to the old one get 404"}, \
                {"--owner", "USER", "email or id"}, {"--take-back", NULL, "in use again"}
#define METHODS {"--methods", "METHOD,…", "which make events, as POST,PUT; others get 405; all: GET,HEAD,POST,PUT,DELETE"}
#define HANDLER {"--concurrency", "N", "calls at once, 1 to 256; 8 without it"}, \
                {"--ordered", NULL, "one event after another"}, {"--unordered", NULL, "no longer so"}, \
                {"--bound", "TIME", "how long an ordered event is tried, up to 120h; 1h without it"}, \
                {"--wait", "SECONDS", "how long callers wait for its answer, up to 8; 0: not at all, as at first"}, \
                {"--rsa-key", "FILE", "sign X-Cliq-Signature, too, with this private key (PEM)"}, \
                {"--no-rsa-key", NULL, "no longer so"}
#define YES {"--yes", NULL, "do it without asking"}
#define TOKEN_TERMS {"--name", "NAME", "what it is for"}, \
                    {"--rate", "N", "requests a second; 0: no limit"}, {"--burst", "N", "requests at once"}, \
                    {"--expires", "TIME", "it ends so long from now: 90s, 15m, 24h, 30d; 0: never"}, \
                    {"--channels", "NAME,…", "it is for these targets only; without any list, all of the user's"}, \
                    {"--bots", "NAME,…", "the same"}, {"--extensions", "NAME,…", "the same"}, \
                    {"--post-only", NULL, "it may not read messages back"}, \
                    {"--from", "NETWORK,…", "it is taken from these networks only, such as 10.0.0.0/8"}, \
                    {"--body-bytes", "N", "most bytes of a body; 0: what the gateway takes"}

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
    {"POSTERN_TOKEN", NULL, "a webhook token: what send, history, delivery and dlq send to senders' URLs"},
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
    {"channel", "channels: members post and read"},
    {"channel member", "who may post to a channel and read it"},
    {"bot", "bots: they take incoming webhooks and messages"},
    {"bot handler", "the URL that is called for a bot's events"},
    {"bot subscriber", "who may post to a bot's feed and read it"},
    {"extension", "extensions: a sandbox app and a marketplace app each"},
    {"extension handler", "the URLs that are called for the events of its apps"},
    {"audit", "what was changed in the directory, by whom, when and from where"},
    {"config", "the configuration file"},
    {"keys", "key pairs for processes on several hosts, and who may connect"},
    {"send", "post a message over HTTP, as a sender would"},
    {"history", "read messages back: with a token over HTTP, without one over the control socket of this machine"},
    {"delivery", "how the calls of a handler went: over HTTP as the owner of its bot or extension, or as history does"},
    {"dlq", "dead letters: events whose handler did not take them"},
};
const size_t command_groups_len = sizeof command_groups / sizeof *command_groups;

const command_t command_table[] = {
    {"init", init_run, "[DIR]", 0, 1, "make a configuration, a data directory and a master key",
     "init\ninit /srv/postern --shards channel=4,bot=2 --url https://hooks.example.org",
     {{"--shards", "KIND=N,…", "workers of each kind (channel, bot, extension), 1 to 256; 1 without it"},
      {"--url", "URL", "base of every endpoint URL that is printed (public.url)"},
      {"--owner", "EMAIL", "make this user at the first start, with the role owner"}}},
    {"up", up_run, "", 0, 0, "start and watch all processes on this host",
     "up\nup --demo\nup --port 18080 --gateways 2",
     {{"--demo", NULL, "make demo data where missing, print curl lines that work"},
      {"--port", "N", "public listener on port N, monitors from N+10 on"},
      {"--gateways", "N", "gateway processes, 1 to 64; 1 without it"},
      {"--ready-fd", "FD", "write one byte to this descriptor when all are ready"}}},
    {"restart", restart_run, "[PROCESS|KIND|all]", 0, 1,
     "restart what posternctl up runs, one process after another, while it serves",
     "restart\nrestart gateway\nrestart channel-0", {{0}}},
    {"health", health_run, "[PROCESS]", 0, 1,
     "ask every process's monitor, or one's; exit status 1 when one is red",
     "health\nhealth gateway-0\nhealth --watch --interval 5\nhealth --json",
     {{"--watch", NULL, "again and again, until Ctrl-C; exit status of the last look"},
      {"--interval", "S", "seconds between two looks, 1 to 3600; 2 without it"},
      {"--gateways", "N", "gateway processes, where posternctl up does not run them"}}},
    {"top", top_run, "", 0, 0,
     "requests, batches, queues, times, CPU and memory of each process, again and again",
     "top\ntop --interval 5\ntop --once\ntop --json",
     {{"--once", NULL, "one table, of the first interval; as with --json, or when it is no terminal"},
      {"--interval", "S", "seconds between two looks, 1 to 3600; 2 without it"},
      {"--gateways", "N", "gateway processes, where posternctl up does not run them"}}},

    {"backup", backup_run, "DIR", 1, 1,
     "copy this host's stores into a new directory, running or not, and compare the copies",
     "backup /backup/2026-03-01\nbackup /backup/with-key --with-key",
     {{"--with-key", NULL, "copy the master key, too; without it, keep that elsewhere"}}},
    {"restore", restore_run, "DIR", 1, 1, "put a backup back, while Postern is stopped",
     "restore /backup/2026-03-01\nrestore /backup/2026-03-01 --replace",
     {{"--replace", NULL, "move the stores that are there aside; deletes nothing"}}},
    {"reshard", reshard_run, "KIND N", 2, 2,
     "change the count of shards of a kind (channel, bot, extension), while Postern is stopped",
     "reshard channel 4", {{0}}},
    {"forget", forget_run, "STORE", 1, 1,
     "give up a store (directory, channel-0 …) that is not there any more, or take another for it",
     "forget channel-1", {{0}}},
    {"check", check_run, "", 0, 0,
     "read every row of this host's stores, running or not, and say what is damaged", "check",
     {{0}}},
    {"salvage", salvage_run, "JOURNAL", 1, 1,
     "show what is damaged in a journal's write-ahead file, keep it, and go on without that",
     "salvage channel-0", {{0}}},

    {"user create", user_create_run, "EMAIL", 1, 1, "make a user",
     "user create ada@example.org --name 'Ada Lovelace'",
     {{"--name", "NAME", "display name; without it, what stands before the @"}, ROLE}},
    {"user list", user_list_run, "", 0, 0, "list users", "user list", {PAGE}},
    {"user show", user_show_run, "USER", 1, 1, "show a user (by email or id)",
     "user show ada@example.org", {{0}}},
    {"user edit", user_edit_run, "USER", 1, 1, "change a user's name or role",
     "user edit ada@example.org --role admin", {IF_MATCH, {"--name", "NAME", "display name"}, ROLE}},
    {"user delete", user_delete_run, "USER", 1, 1,
     "delete a user (or service account): its tokens are stopped, or go to a service account",
     "user delete ada@example.org\nuser delete ada@example.org --move-to ci-robot",
     {{"--move-to", "ACCOUNT", "the tokens work on, as this service account's"}, YES}},

    {"user password", user_password_run, "USER", 1, 1,
     "set a user's password, typed or a line of stdin; ends the user's sessions",
     "user password ada@example.org\nuser password ada@example.org < password.txt", {{0}}},
    {"user invite", user_invite_run, "EMAIL", 1, 1,
     "make a link, shown once, with which a new user, or one who is there, sets a password",
     "user invite bob@example.org --role admin --expires 2d",
     {{"--name", "NAME", "display name; without it, what stands before the @"}, ROLE,
      {"--expires", "TIME", "how long it is good, 60s to 30d; 7d without it"}}},
    {"user totp begin", user_totp_begin_run, "USER", 1, 1,
     "make the secret of a second factor; it is shown once", "user totp begin ada@example.org", {{0}}},
    {"user totp confirm", user_totp_confirm_run, "USER", 1, 1,
     "put it into effect with a code of it; shows the recovery codes, once",
     "user totp confirm ada@example.org", {{0}}},
    {"user totp show", user_totp_show_run, "USER", 1, 1,
     "whether a user has a second factor, and how many recovery codes are left",
     "user totp show ada@example.org", {{0}}},
    {"user totp remove", user_totp_remove_run, "USER", 1, 1, "take a user's second factor away",
     "user totp remove ada@example.org", {{0}}},
    {"user totp codes", user_totp_codes_run, "USER", 1, 1,
     "make new recovery codes, shown once, in place of the former",
     "user totp codes ada@example.org", {{0}}},

    {"invitation list", invitation_list_run, "", 0, 0, "list the invitations that are good",
     "invitation list", {PAGE}},
    {"invitation revoke", invitation_revoke_run, "INVITATION-ID", 1, 1, "make a link worth nothing",
     "invitation revoke 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10", {{0}}},
    {"invitation accept", invitation_accept_run, "", 0, 0,
     "set the password that an invitation is for: the link and it are typed, or lines of stdin",
     "invitation accept", {{"--name", "NAME", "display name, in place of the invitation's"}}},

    {"login", login_run, "EMAIL", 1, 1,
     "log in: password and code are typed, or lines of stdin; the session is shown once, or kept",
     "login ada@example.org\nlogin ada@example.org --management-url https://admin.example.org --save",
     {{"--save", NULL, "keep the session for the commands that follow with the same --management-url, in place of showing it"}}},
    {"logout", logout_run, "", 0, 0,
     "end the session of $POSTERN_SESSION, the one kept for the URL, or that of a line of stdin",
     "logout\nlogout --management-url https://admin.example.org", {{0}}},
    {"session show", session_show_run, "", 0, 0,
     "whose session $POSTERN_SESSION, the one kept for the URL, or a line of stdin, is",
     "session show", {{0}}},
    {"session list", session_list_run, "USER", 1, 1, "list a user's sessions",
     "session list ada@example.org", {{0}}},
    {"session revoke", session_revoke_run, "SESSION-ID", 1, 1, "end a session",
     "session revoke 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10", {{0}}},
    {"session end", session_end_run, "USER", 1, 1, "end all sessions of a user",
     "session end ada@example.org", {{0}}},

    {"service create", service_create_run, "ACCOUNT", 1, 1,
     "make a service account: an owner of tokens that nobody logs in as",
     "service create ci-robot --name 'CI robot'", {{"--name", "NAME", "display name; without it, ACCOUNT"}}},
    {"service list", service_list_run, "", 0, 0, "list service accounts", "service list", {PAGE}},

    {"token create", token_create_run, "USER", 1, 1,
     "make a token; it is shown once, with the URLs it opens",
     "token create ada@example.org --name ci\n"
     "token create ada@example.org --channels releases --post-only --from 192.0.2.0/24 --expires 90d",
     {TOKEN_TERMS}},
    {"token list", token_list_run, "[USER]", 0, 1, "list a user's tokens, or --all (never the secrets)",
     "token list ada@example.org\ntoken list --all --ends-within 14d",
     {PAGE, {"--all", NULL, "everybody's, with whom they belong to"},
      {"--ends-within", "TIME", "of these the active ones that end within TIME and have no successor"}}},
    {"token replace", token_replace_run, "TOKEN-ID", 1, 1,
     "make a token in place of one, which lives on for an overlap; the new one is shown once",
     "token replace 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10\n"
     "token replace 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --overlap 7d",
     {TOKEN_TERMS, {"--overlap", "TIME", "how long the old one still works, 0 to 7d; 24h without it"}}},
    {"token delete", token_delete_run, "TOKEN-ID", 1, 1,
     "revoke a token at once; asks first when it was used in the last 7 days",
     "token delete 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --yes", {YES}},
    {"token import", token_import_run, "USER", 1, 1, "take over tokens made elsewhere, one a line",
     "token import ada@example.org --file tokens.txt\ntoken import ada@example.org < tokens.txt",
     {{"--file", "FILE", "read from FILE; without it, stdin (never an argument: others see those)"},
      {"--name", "NAME", "name of each"}}},
    {"token limit", token_limit_run, "TOKEN-ID RATE BURST", 3, 3,
     "set a token's requests a second and at once; rate 0: no limit",
     "token limit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 50 100", {{0}}},

    {"token edit", token_edit_run, "TOKEN-ID", 1, 1,
     "change what a token may do; what is not named stays",
     "token edit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --channels releases,alerts --expires 90d\n"
     "token edit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --any --may-read --from ''",
     {TOKEN_TERMS, IF_MATCH, {"--any", NULL, "all targets of the user again"},
      {"--may-read", NULL, "it may read messages back again"}}},
    {"token check", token_check_run, "[FILE…]", 0, 16,
     "look for tokens of this installation in text; exit status 1 when there are any",
     "token check config.yml deploy.log\ntoken check < deploy.log", {{0}}},

    {"management token create", management_token_create_run, "USER", 1, 1,
     "make a management token, which acts as the user on the admin listener; it is shown once",
     "management token create ada@example.org --name laptop\n"
     "management token create deploy-robot --expires 30d",
     {{"--name", "NAME", "what it is for"},
      {"--expires", "TIME", "it ends so long from now: 24h, 30d; 0: never; 90d without it"}}},
    {"management token list", management_token_list_run, "USER", 1, 1,
     "list a user's management tokens (never the secrets)",
     "management token list ada@example.org", {PAGE}},
    {"management token delete", management_token_delete_run, "TOKEN-ID", 1, 1,
     "revoke a management token at once",
     "management token delete 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10", {{0}}},
    {"me show", me_show_run, "", 0, 0, "show who one is, and with which role", "me show", {{0}}},

    {"channel create", channel_create_run, "NAME", 1, 1, "make a channel",
     "channel create releases --owner ada@example.org --members bob@example.org,eve@example.org",
     {{"--owner", "USER", "email or id (needed)"}, {"--members", "USER,…", "more members"}}},
    {"channel list", channel_list_run, "", 0, 0, "list channels", "channel list", {PAGE}},
    {"channel show", channel_show_run, "CHANNEL", 1, 1, "show a channel (by name or id) and its URL",
     "channel show releases", {{0}}},
    {"channel edit", channel_edit_run, "CHANNEL", 1, 1,
     "rename a channel, give it another owner, or take it back from the archive",
     "channel edit releases --owner bob@example.org\nchannel edit releases --take-back", {CHANGES}},
    {"channel delete", channel_delete_run, "CHANNEL", 1, 1, "archive a channel: senders get 410",
     "channel delete releases --reason 'Post to alerts'", {REASON}},
    {"channel member add", channel_member_add_run, "CHANNEL USER", 2, 2, "let a user post and read",
     "channel member add releases bob@example.org", {{0}}},
    {"channel member remove", channel_member_remove_run, "CHANNEL USER", 2, 2, "take a user out",
     "channel member remove releases bob@example.org", {{0}}},

    {"bot create", bot_create_run, "NAME", 1, 1, "make a bot",
     "bot create buildbot --owner ada@example.org --subscribers bob@example.org",
     {{"--owner", "USER", "email or id (needed)"}, {"--subscribers", "USER,…", "subscribers"}, METHODS}},
    {"bot list", bot_list_run, "", 0, 0, "list bots", "bot list", {PAGE}},
    {"bot show", bot_show_run, "BOT", 1, 1, "show a bot (by name or id) and its URLs",
     "bot show buildbot", {{0}}},
    {"bot edit", bot_edit_run, "BOT", 1, 1,
     "rename a bot, give it another owner, say what makes events, or take it back from the archive",
     "bot edit buildbot --name builds\nbot edit buildbot --methods POST,PUT", {CHANGES, METHODS}},
    {"bot delete", bot_delete_run, "BOT", 1, 1, "archive a bot: senders get 410",
     "bot delete buildbot --reason 'Moved to builds'", {REASON}},
    {"bot handler set", bot_handler_set_run, "BOT URL", 2, 2,
     "call a URL for each event; the first time a secret is made and shown, once",
     "bot handler set buildbot https://hooks.example.org/buildbot\nbot handler set buildbot "
     "https://hooks.example.org/buildbot --ordered --bound 2h",
     {HANDLER}},
    {"bot handler show", bot_handler_show_run, "BOT", 1, 1, "show the handler, without its secrets",
     "bot handler show buildbot", {{0}}},
    {"bot handler clear", bot_handler_clear_run, "BOT", 1, 1,
     "call nothing any more; the secrets are forgotten", "bot handler clear buildbot", {{0}}},
    {"bot handler rotate", bot_handler_rotate_run, "BOT", 1, 1,
     "make a new secret and show it, once; the others sign as well for an overlap",
     "bot handler rotate buildbot --overlap 7d",
     {{"--overlap", "TIME", "how long the others still sign, 0 to 7d; 24h without it"}}},
    {"bot subscriber add", bot_subscriber_add_run, "BOT USER", 2, 2, "let a user post and read",
     "bot subscriber add buildbot bob@example.org", {{0}}},
    {"bot subscriber remove", bot_subscriber_remove_run, "BOT USER", 2, 2, "take a user out",
     "bot subscriber remove buildbot bob@example.org", {{0}}},

    {"extension create", extension_create_run, "NAME", 1, 1,
     "make an extension with its two apps",
     "extension create shop --owner ada@example.org",
     {{"--owner", "USER", "email or id (needed)"}, METHODS}},
    {"extension list", extension_list_run, "", 0, 0, "list extensions", "extension list", {PAGE}},
    {"extension show", extension_show_run, "EXTENSION", 1, 1,
     "show an extension (by name or id) and both endpoint URLs", "extension show shop", {{0}}},
    {"extension edit", extension_edit_run, "EXTENSION", 1, 1,
     "rename an extension, give it another owner, say what makes events, or take it back from the archive",
     "extension edit shop --owner bob@example.org\nextension edit shop --methods POST", {CHANGES, METHODS}},
    {"extension rotate", extension_rotate_run, "EXTENSION", 1, 1,
     "make a new appkey; the former one works on for an overlap",
     "extension rotate shop --environment marketplace --overlap 7d",
     {ENVIRONMENT, {"--overlap", "TIME", "how long the former one still works, 0 to 7d; 24h without it"}}},
    {"extension handler set", extension_handler_set_run, "EXTENSION URL", 2, 2,
     "call a URL for each event; the first time a secret is made and shown, once",
     "extension handler set shop https://hooks.example.org/shop --environment marketplace\nextension handler set shop "
     "https://hooks.example.org/shop --environment marketplace --ordered --bound 2h",
     {HANDLER, ENVIRONMENT}},
    {"extension handler show", extension_handler_show_run, "EXTENSION", 1, 1, "show the handler, without its secrets",
     "extension handler show shop", {ENVIRONMENT}},
    {"extension handler clear", extension_handler_clear_run, "EXTENSION", 1, 1,
     "call nothing any more; the secrets are forgotten", "extension handler clear shop", {ENVIRONMENT}},
    {"extension handler rotate", extension_handler_rotate_run, "EXTENSION", 1, 1,
     "make a new secret and show it, once; the others sign as well for an overlap",
     "extension handler rotate shop --environment marketplace --overlap 7d",
     {{"--overlap", "TIME", "how long the others still sign, 0 to 7d; 24h without it"}, ENVIRONMENT}},
    {"extension delete", extension_delete_run, "EXTENSION", 1, 1,
     "archive an extension: senders get 410", "extension delete shop --reason 'No longer sold'",
     {REASON}},

    {"send channel", send_channel_run, "NAME [TEXT]", 1, 2, "post a message to a channel",
     "send channel releases 'Version 2 is out'\nsend channel releases --body message.json", {SEND}},
    {"send bot", send_bot_run, "NAME [TEXT]", 1, 2, "call a bot's incoming webhook",
     "send bot buildbot 'Build 42 passed'\nsend bot buildbot --body event.json", {SEND}},
    {"send extension", send_extension_run, "NAME [TEXT]", 1, 2,
     "call an extension's incoming webhook; an app-id takes its appkey from $POSTERN_APPKEY",
     "send extension shop 'Order 7'\nsend extension shop --body order.json", {SEND, ENVIRONMENT}},

    {"history channel", history_channel_run, "NAME", 1, 1, "read a channel's messages",
     "history channel releases --last 10\nhistory channel releases --last 10 --follow", {HISTORY}},
    {"history bot", history_bot_run, "NAME", 1, 1, "read a bot's messages and events",
     "history bot buildbot --from 100", {HISTORY}},
    {"history extension", history_extension_run, "NAME", 1, 1,
     "read an extension's events (by name or app-id)", "history extension shop --follow",
     {HISTORY, ENVIRONMENT}},

    {"delivery list", delivery_list_run, "KIND NAME", 2, 2,
     "list deliveries of a bot or an extension, the newest first",
     "delivery list bot buildbot\ndelivery list extension shop --state pending --limit 10",
     {{"--state", "STATE", "pending, delivered or dead"}, BETWEEN, ROWS, OWNER}},
    {"delivery show", delivery_show_run, "KIND NAME ID", 3, 3,
     "show a delivery with its attempts, by its number or webhook-id",
     "delivery show bot buildbot 42", {OWNER}},
    {"delivery retry", delivery_retry_run, "KIND NAME ID", 3, 3,
     "call the handler again now, also for what was delivered", "delivery retry bot buildbot 42",
     {OWNER}},
    {"dlq list", dlq_list_run, "KIND NAME", 2, 2, "list dead letters, the newest first",
     "dlq list bot buildbot --from 2026-01-02T00:00:00Z", {BETWEEN, ROWS, OWNER}},
    {"dlq replay", dlq_replay_run, "KIND NAME", 2, 2, "deliver dead letters again, the oldest first",
     "dlq replay bot buildbot --rate 50\ndlq replay bot buildbot --from 2026-01-02T00:00:00Z",
     {BETWEEN, {"--rate", "N", "most a second, 1 to 1000; 10 without it"}, OWNER}},

    {"audit list", audit_list_run, "", 0, 0, "list who changed what in the directory, the newest last",
     "audit list\naudit list --limit 10\naudit list --after 1200",
     {{"--limit", "N", "most rows; 50 without it"}, {"--after", "N", "from the row after number N on"}}},
    {"audit export", audit_export_run, "", 0, 0, "print all of the audit, a JSON object a line",
     "audit export > audit.jsonl\naudit export --after 1200 >> audit.jsonl",
     {{"--after", "N", "from the row after number N on"}}},

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
