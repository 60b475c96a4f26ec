/* postern-database: makes what a database needs for the journals of worker.engine = postgres, and
 * says whether one will do, as posternctl runs it. A program of its own because posternctl links no
 * library of a database. */
#include "common/conf/conf.h"
#include "common/life/confine.h"
#include "common/life/kinds.h"
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

static bool s_has_directory(const conf_t *conf)
{
    return strcmp(conf_text(conf, SET_directory_engine), "postgres") == 0;
}

/* The file of one role's connection: 1, made now; 0, there; -1 with the reason in err. */
static int s_make_file(const char *path, const char *role, const char *admin, char **connection,
                       char *err, size_t err_size)
{
    int made = connection_make(path, role, admin, err, err_size);
    *connection = made >= 0 ? connection_read(path, err, err_size) : NULL;
    return *connection ? made : -1;
}

/* A file that was made is of a role that may not be there, where this failed. */
static void s_end_file(const char *path, int made, bool good, const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "made the file of %s, with the password", name);
    if (made > 0 && good)
        s_say(line);
    else if (made > 0)
        unlink(path);
}

static int s_init(const conf_t *conf, const char *admin_file)
{
    char err[8192], directory_path[4096 + 16];
    const char *path = conf_text(conf, SET_postgres_connection);
    char *admin = connection_read(admin_file, err, sizeof err), *worker = NULL, *directory = NULL;
    kinds_directory(conf, true, directory_path, sizeof directory_path);
    int made = admin ? s_make_file(path, "postern_journal", admin, &worker, err, sizeof err) : -1;
    int also = 0;
    if (worker && s_has_directory(conf))
        also = s_make_file(directory_path, "postern_directory", admin, &directory, err, sizeof err);
    schema_options_t options = {.admin = admin,
                                .worker = worker,
                                .drawn = made > 0,
                                .directory = directory,
                                .directory_drawn = also > 0,
                                .said = s_say};
    conf_shards(conf, options.shards);
    int rc = worker && also >= 0 ? schema_make(&options, err, sizeof err) : -1;
    s_end_file(path, made, rc == 0, "postgres.connection");
    s_end_file(directory_path, also, rc == 0, "directory.connection");
    rc = rc == 0 ? connections_share(conf, worker, s_say, err, sizeof err) : rc;
    connection_forget(&admin);
    connection_forget(&worker);
    connection_forget(&directory);
    return rc == 0 ? DONE : s_refuse(err);
}

static int s_check_directory(const conf_t *conf, const char *worker, char *err, size_t err_size)
{
    char path[4096 + 16];
    kinds_directory(conf, false, path, sizeof path);
    char *directory = connection_read(path, err, err_size);
    int rc = directory ? schema_check_directory(directory, s_say, err, err_size) : -1;
    schema_check_apart(worker, s_say);
    connection_forget(&directory);
    return rc;
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
    if (rc == 0 && s_has_directory(conf))
        rc = s_check_directory(conf, worker, err, sizeof err);
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
