/* The commands of outlets, rows of the table in ctl/commands.c, whose macros they use. */
#ifndef POSTERN_CTL_OUTLET_COMMANDS_H
#define POSTERN_CTL_OUTLET_COMMANDS_H

/* clang-format off */
#define OUTLET {"--url", "URL", "the address of the service", TEXT("url")}, \
               {"--to", "WHOM", "to whom there: a topic, a room, a chat", TEXT("to")}, \
               {"--secret-file", "FILE", "its token; - for stdin"}, \
               {"--name", "NAME", "what it is for", TEXT("name")}, \
               {"--bound", "TIME", "how long a message is tried, up to 120h; 1h without it", SECONDS("bound_s", BOUND_MAX)}, \
               {"--pause", NULL, "push nothing", FLAG("paused", true)}

#define OUTLET_COMMANDS \
    {"outlet create", outlet_change_run, "CHANNEL KIND", 2, 2, \
     "push each message of a channel to a URL or a service; the secret that signs the calls is shown once", \
     "outlet create alerts ntfy --to ops-phone\noutlet create alerts generic --url https://hooks.example.org/alerts\n" \
     "outlet create alerts telegram --to -1001234 --secret-file bot.token", \
     {OUTLET}, .op = OP_outlet_create, .takes = {TARGET, TEXT("kind")}}, \
    {"outlet list", operation_run, "CHANNEL", 1, 1, "list the outlets of a channel", "outlet list alerts", {PAGE}, \
     .op = OP_outlet_list, .rows = "outlets", .columns = "id kind name url to paused created"}, \
    {"outlet show", operation_run, "OUTLET-ID", 1, 1, "show an outlet, without its secrets", "outlet show 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10", \
     .op = OP_outlet_show}, \
    {"outlet edit", outlet_change_run, "OUTLET-ID", 1, 1, "change an outlet; what is not named stays", \
     "outlet edit 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --pause", \
     {OUTLET, {"--resume", NULL, "push again, from where it was paused", FLAG("paused", false)}, IF_MATCH}, .op = OP_outlet_edit}, \
    {"outlet rotate", operation_run, "OUTLET-ID", 1, 1, "make a new secret and show it, once; the others sign as well for an overlap", \
     "outlet rotate 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --overlap 7d", \
     {{"--overlap", "TIME", "how long the others still sign, 0 to 7d; 24h without it", SECONDS("overlap", OVERLAP_MAX)}}, .op = OP_outlet_rotate}, \
    {"outlet delete", operation_run, "OUTLET-ID", 1, 1, "push nothing any more; its settings and secrets are forgotten", \
     "outlet delete 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10", .op = OP_outlet_delete, .done = "Outlet deleted."}, \
    {"outlet test", delivery_again_run, "OUTLET-ID", 1, 1, "push a message that says that it is a test", \
     "outlet test 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10", {OWNER}, .op = OP_outlet_test, .done = "it is pushed now; outlet deliveries shows what came of it"}, \
    {"outlet deliveries", delivery_list_run, "OUTLET-ID", 1, 1, "list what was pushed, the newest first", \
     "outlet deliveries 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --state dead", \
     {{"--state", "STATE", "pending, delivered or dead", TEXT("state")}, LAST, BETWEEN, ROWS, OWNER}, .op = OP_outlet_deliveries}, \
    {"outlet replay", delivery_again_run, "OUTLET-ID", 1, 1, "push dead letters again, the oldest first", \
     "outlet replay 0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10 --rate 5", \
     {BETWEEN, {"--rate", "N", "most a second, 1 to 1000; 10 without it", TEXT("rate")}, OWNER}, .op = OP_outlet_delivery_replay, \
     .done = "the dead letters are tried again, the oldest first; outlet deliveries --state dead shows what is left"}, \
    {"outlet kinds", outlet_kinds_run, "", 0, 0, "list the kinds of outlets: what a channel's messages are pushed to", "outlet kinds\noutlet kinds --json", {{0}}}, \
    {"outlet try", outlet_try_run, "KIND", 1, 1, "show the call that a message on stdin becomes, without a server; KIND may be a folder with an outlet.json", \
     "outlet try ntfy --to alerts < message.json\noutlet try ./mine --url https://hooks.example.org/x < message.json", \
     {{"--url", "URL", "the address of the service"}, {"--to", "WHOM", "to whom there: a topic, a room, a chat"}, \
      {"--secret-file", "FILE", "its token"}, {"--channel", "NAME", "the channel's name"}}},
/* clang-format on */

#endif
