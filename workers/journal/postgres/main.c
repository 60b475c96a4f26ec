/* postern-database: makes what a database needs for the journals of worker.engine = postgres, and
 * says whether one will do, as posternctl runs it. A program of its own because posternctl links no
 * library of a database. */
#include "common/conf/conf.h"
#include "common/life/confine.h"
#include "common/log/log.h"
#include "common/postgres/connection.h"
#include "workers/journal/postgres/connections.h"
#include "workers/journal/postgres/schema.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OVERRIDES = 72, DONE = 0, REFUSED = 1, USAGE = 2 };
static json_t *s_steps; /* what was said, where it is to be JSON */

static void s_say(const char *line)
{
    if (s_steps)
        json_array_append_new(s_steps, json_string(line));
    else
        puts(line);
}

static int s_usage(void)
{
    fputs("usage: postern-database -c FILE [-s section.key=value]... [-j] init ADMIN-FILE|check\n"
          "posternctl db init and db check run it; see their --help.\n",
          stderr);
    return USAGE;
}

static int s_refuse(const char *err)
{
    return fprintf(stderr, "posternctl: %s\n", err) < 0 ? USAGE : REFUSED;
}

static int s_init(const conf_t *conf, const char *admin_file)
{
    char err[8192];
    const char *path = conf_text(conf, SET_postgres_connection);
    char *admin = connection_read(admin_file, err, sizeof err), *worker = NULL;
    int made = admin ? connection_make(path, admin, err, sizeof err) : -1;
    if (made >= 0)
        worker = connection_read(path, err, sizeof err);
    schema_options_t options = {.admin = admin, .worker = worker, .drawn = made > 0, .said = s_say};
    conf_shards(conf, options.shards);
    int rc = worker ? schema_make(&options, err, sizeof err) : -1;
    if (made > 0 && rc == 0)
        s_say("made the file of postgres.connection, with the password");
    else if (made > 0)
        unlink(path); /* of a role that may not be there */
    rc = rc == 0 ? connections_share(conf, worker, s_say, err, sizeof err) : rc;
    connection_forget(&admin);
    connection_forget(&worker);
    return rc == 0 ? DONE : s_refuse(err);
}

static int s_check(const conf_t *conf)
{
    char err[8192];
    char *worker = connection_read(conf_text(conf, SET_postgres_connection), err, sizeof err);
    unsigned shards[WORKER_KINDS];
    conf_shards(conf, shards);
    int rc = worker ? schema_check(worker, shards, (unsigned)conf_uint(conf, SET_postgres_copies),
                                   s_say, err, sizeof err)
                    : -1;
    connection_forget(&worker);
    return rc == 0 ? DONE : s_refuse(err);
}

static int s_run(const conf_t *conf, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[0], "init") == 0)
        return s_init(conf, argv[1]);
    if (argc == 1 && strcmp(argv[0], "check") == 0)
        return s_check(conf);
    return s_usage();
}

int main(int argc, char **argv)
{
    char *overrides[OVERRIDES + 1] = {NULL}, err[8192];
    const char *path = NULL;
    unsigned count = 0;
    for (int option; (option = getopt(argc, argv, "c:s:jV")) != -1;) {
        if (option == 'c')
            path = optarg;
        else if (option == 's' && count < OVERRIDES)
            overrides[count++] = optarg;
        else if (option == 'j')
            s_steps = json_array();
        else if (option == 'V')
            return puts("postern-database " POSTERN_VERSION) < 0;
        else
            return s_usage();
    }
    umask(077);
    log_open("postern-database", LOG_WARN);
    conf_t *conf = conf_load_with(path, overrides, err, sizeof err);
    if (!conf) {
        fprintf(stderr, "posternctl: %s\n", err);
        return EXIT_CONFIG;
    }
    confine_process();
    int status = s_run(conf, argc - optind, argv + optind);
    if (s_steps && status != USAGE) {
        json_t *reply = json_pack("{s:o}", "steps", s_steps);
        json_dumpf(reply, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(reply);
    }
    conf_destroy(&conf);
    return status;
}
