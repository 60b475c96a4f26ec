/* posternctl manual PAGE: manual pages in man(7), made from the tables that the programs read. */
#include "ctl/command.h"

#include "common/base/ops.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    const char *name, *what, *text;
} daemon_t;

static const daemon_t s_daemons[] = {
    {"gateway", "takes HTTP requests of senders and of the admin API",
     "It holds the connections, passes each request on to authd, and answers when the worker's "
     "reply has come. SIGTERM drains it. INDEX tells several of a host apart."},
    {"authd", "judges tokens, and keeps users, channels, bots and extensions",
     "The one with INDEX 0 writes the directory; others read it, on the same host."},
    {"router", "brings each request to the worker that owns its target",
     "It holds requests for a shard that is away until their time is up, and writes to no disk."},
#define WORKER(constant, name, port, handlers, what)                                               \
    {#name, what, "INDEX is the shard. A second process of a shard waits for the journal's lock."},
#include "common/kinds.def"
};

/* TEXT as it stands, on a line of its own or behind something. */
static void s_text(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
}

static void s_section(const char *title)
{
    printf(".SH %s\n", title);
}

static void s_line(const char *text)
{
    s_text(text);
    putchar('\n');
}

/* A term in bold with its value in italics, and its description. */
static void s_term(const char *term, const char *value, const char *text)
{
    fputs(".TP\n\\fB", stdout);
    s_text(term);
    fputs("\\fR", stdout);
    if (value) {
        fputs(" \\fI", stdout);
        s_text(value);
        fputs("\\fR", stdout);
    }
    putchar('\n');
    s_line(text);
}

static void s_head(const char *page, char section, const char *what)
{
    printf(".TH \"%s\" %c \"\" \"postern " POSTERN_VERSION "\"\n", page, section);
    s_section("NAME");
    s_text(page);
    fputs(" \\- ", stdout);
    s_line(what);
}

static void s_see_also(void)
{
    s_section("SEE ALSO");
    s_line("posternctl(1), postern.conf(5), postern-gateway(8), postern-authd(8), "
           "postern-router(8), "
#define WORKER(constant, name, port, handlers, what) "postern-" #name "(8), "
#include "common/kinds.def"
           "postern-store(8); "
           "RUNNING.md, REFERENCE.md, API.md and SECURITY.md in the documentation");
}

static void s_options(const option_t *options)
{
    for (; options->name; options++)
        s_term(options->name, options->value, options->help);
}

static void s_command(const command_t *command)
{
    fputs(".SS \"", stdout);
    s_text(command->name);
    fputs(*command->arguments ? " " : "", stdout);
    s_text(command->arguments);
    puts("\"");
    s_line(command->help);
    s_options(command->options);
}

static void s_posternctl(void)
{
    s_head("posternctl", '1', "runs and manages Postern, the gateway for incoming webhooks");
    s_section("SYNOPSIS");
    puts("\\fBposternctl\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR \\&...");
    s_section("OPTIONS");
    s_options(command_globals);
    s_section("COMMANDS");
    for (size_t i = 0; i < command_table_len; i++)
        s_command(&command_table[i]);
    s_section("ENVIRONMENT");
    s_options(command_variables);
    s_line("Variables named after a setting (POSTERN_PUBLIC_URL for public.url) override it: see "
           "postern.conf(5).");
    s_section("EXIT STATUS");
    s_line("0 done, 1 refused or failed, 2 wrong usage, 78 configuration.");
    s_see_also();
}

static void s_conf(void)
{
    const char *section = "";
    s_head("postern.conf", '5', "configuration of Postern");
    s_section("DESCRIPTION");
    s_line("A section a process, a line a setting: key = \"value\", indented by four blanks. The "
           "environment (POSTERN_GATEWAY_THREADS for gateway.threads) overrides the file, -s "
           "section.key=value overrides both. An unknown key or a value out of range stops the "
           "start. Without -c the file is the first there of " CONF_PLACES ".");
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const setting_row_t *row = &setting_table[i];
        char text[512];
        if (strcmp(section, row->section) != 0)
            printf(".SH %s\n", section = row->section);
        snprintf(text, sizeof text, "%s (default: %s)", row->help,
                 *row->fallback ? row->fallback : "empty");
        s_term(row->key, NULL, text);
    }
    s_see_also();
}

static void s_daemon(const daemon_t *daemon)
{
    char page[32];
    snprintf(page, sizeof page, "postern-%s", daemon->name);
    s_head(page, '8', daemon->what);
    s_section("SYNOPSIS");
    printf(
        "\\fBpostern\\-%s\\fR [\\fB\\-c\\fR \\fIFILE\\fR] [\\fB\\-i\\fR \\fIINDEX\\fR] "
        "[\\fB\\-s\\fR \\fISECTION.KEY=VALUE\\fR]... [\\fB\\-t\\fR] [\\fB\\-P\\fR \\fIUSER\\fR]\n",
        daemon->name);
    s_section("DESCRIPTION");
    s_line(daemon->text);
    s_section("OPTIONS");
    s_term("-c", "FILE", "configuration; without it, the first there of " CONF_PLACES);
    s_term("-i", "INDEX", "0 to 255");
    s_term("-s", "SECTION.KEY=VALUE", "override a setting; may come again");
    s_term("-t", NULL, "check the configuration, print it with secrets masked, and end");
    s_term("-P", "USER",
           "as root: make this process's directories and files for the user of its kind, also from "
           "what USER had, and end; for supervisors that start the process as that user");
    s_term("-h", NULL, "a short help");
    s_term("-V", NULL, "the version");
    s_section("EXIT STATUS");
    s_line("0 after an orderly end; 78 for what an operator must change; 1 for a fault, after "
           "which a restart is right.");
    s_see_also();
}

static void s_store(void)
{
    s_head("postern-store", '8', "copies, restores, checks and reshards Postern's stores");
    s_section("DESCRIPTION");
    s_line(
        "posternctl backup, restore, reshard, migrate, forget, check and salvage run it: it opens "
        "every store of this host, and posternctl none. Called without arguments it lists its "
        "verbs.");
    s_see_also();
}

static void s_database(void)
{
    s_head("postern-database", '8', "makes and checks the database of worker.engine = postgres");
    s_section("DESCRIPTION");
    s_line(
        "posternctl db init, db check and migrate run it: it has the library of the database, and "
        "posternctl none. Called without arguments it lists its verbs.");
    s_see_also();
}

/* postern-KIND-postgres; false: there is no such page. */
static bool s_with_postgres(const char *page)
{
    char name[64], what[160], line[256];
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        const char *section = op_owner_name((op_owner_t)kind);
        snprintf(name, sizeof name, "postern-%s-postgres", section);
        if (strcmp(page, name) != 0)
            continue;
        snprintf(what, sizeof what, "the worker postern-%s, whose journal lies in PostgreSQL",
                 section);
        snprintf(line, sizeof line,
                 "What postern-%s becomes where %s.engine is postgres, with the same options: see "
                 "postern-%s(8).",
                 section, op_owner_delivers((op_owner_t)kind) ? "delivery" : "worker", section);
        s_head(name, '8', what);
        s_section("DESCRIPTION");
        s_line(line);
        s_see_also();
        return true;
    }
    return false;
}

static void s_authd_postgres(void)
{
    s_head("postern-authd-postgres", '8', "judges by a copy of a directory in PostgreSQL");
    s_section("DESCRIPTION");
    s_line("What postern-authd becomes where directory.engine is postgres, with the same options: "
           "see postern-authd(8).");
    s_see_also();
}

static const daemon_t *s_daemon_named(const char *page)
{
    for (size_t i = 0; i < sizeof s_daemons / sizeof *s_daemons; i++)
        if (strncmp(page, "postern-", 8) == 0 && strcmp(page + 8, s_daemons[i].name) == 0)
            return &s_daemons[i];
    return NULL;
}

int manual_run(ctl_t *ctl)
{
    const char *page = ctl_argument(ctl, 0);
    const daemon_t *daemon = s_daemon_named(page);
    if (daemon) {
        s_daemon(daemon);
    } else if (strcmp(page, "posternctl") == 0) {
        s_posternctl();
    } else if (strcmp(page, "postern.conf") == 0) {
        s_conf();
    } else if (strcmp(page, "postern-store") == 0) {
        s_store();
    } else if (strcmp(page, "postern-database") == 0) {
        s_database();
    } else if (strcmp(page, "postern-authd-postgres") == 0) {
        s_authd_postgres();
    } else if (!s_with_postgres(page)) {
        fprintf(
            stderr,
            "posternctl: there is no page \"%s\": posternctl, postern.conf, or a process such as "
            "postern-gateway\n",
            page);
        return CTL_USAGE;
    }
    return CTL_OK;
}
