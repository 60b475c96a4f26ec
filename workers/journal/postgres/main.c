/* postern-database: makes what a database needs for the journals of worker.engine = postgres, and
 * says whether one will do, as posternctl runs it. A program of its own because posternctl links no
 * library of a database. */
#include "common/life/confine.h"
#include "common/log/log.h"
#include "workers/journal/postgres/carrier.h"
#include "workers/journal/postgres/report.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OVERRIDES = 72, DONE = 0, REFUSED = 1, USAGE = 2 };

static int s_usage(void)
{
    fputs("usage: postern-database -c FILE [-s section.key=value]... [-j] init ADMIN-FILE "
          "[CLUSTER]|check|list|move KIND/N CLUSTER [LOST [lose-messages]]|carry KIND\n"
          "posternctl db, shard and migrate run it; see their --help.\n",
          stderr);
    return USAGE;
}

static int s_refuse(const char *err)
{
    return fprintf(stderr, "posternctl: %s\n", err) < 0 ? USAGE : REFUSED;
}

static int s_init(const conf_t *conf, const char *admin_file, const char *cluster)
{
    char err[8192];
    return schema_make_as(conf, admin_file, cluster, report_line, err, sizeof err) == 0
               ? DONE
               : s_refuse(err);
}

static int s_check(const conf_t *conf)
{
    char err[8192];
    return schema_check_as(conf, report_found, err, sizeof err) == 0 ? DONE : s_refuse(err);
}

static int s_move(const conf_t *conf, int count, char **words)
{
    char err[8192];
    return shard_move(conf, words[0], words[1], count > 2 ? words[2] : NULL, count > 3, report_line,
                      err, sizeof err) == 0
               ? DONE
               : s_refuse(err);
}

static int s_run(const conf_t *conf, int argc, char **argv)
{
    char err[8192];
    setvbuf(stdout, NULL, _IOLBF, 0); /* a move takes its time */
    if ((argc == 2 || argc == 3) && strcmp(argv[0], "init") == 0)
        return s_init(conf, argv[1], argc == 3 ? argv[2] : NULL);
    if (argc == 1 && strcmp(argv[0], "check") == 0)
        return s_check(conf);
    if (argc == 1 && strcmp(argv[0], "list") == 0)
        return shard_list(conf, report_shard, err, sizeof err) == 0 ? DONE : s_refuse(err);
    if ((argc == 3 || argc == 4 || (argc == 5 && strcmp(argv[4], "lose-messages") == 0)) &&
        strcmp(argv[0], "move") == 0)
        return s_move(conf, argc - 1, argv + 1);
    if (argc == 2 && strcmp(argv[0], "carry") == 0)
        return carrier_start(conf, argv[1]);
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
            report_as_json();
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
    if (status != USAGE)
        report_end();
    conf_destroy(&conf);
    return status;
}
