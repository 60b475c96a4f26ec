/* postern-store: backup, restore, reshard, migrate, forget and salvage, as posternctl runs them. A
 * program of its own because it opens every store, and posternctl none. */
#include "common/life/confine.h"
#include "common/log/log.h"
#include "workers/store/beside.h"
#include "workers/store/verbs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OVERRIDES = 72 };

static int s_usage(void)
{
    fputs(
        "usage: postern-store -c FILE [-s section.key=value]... [-j] backup [-k] DIR\n"
        "       postern-store -c FILE [-s section.key=value]... [-j] restore [-r] DIR\n"
        "       postern-store -c FILE [-s section.key=value]... [-j] reshard KIND N\n"
        "       postern-store -c FILE [-s section.key=value]... [-j] migrate KIND ENGINE\n"
        "       postern-store -c FILE [-s section.key=value]... [-j] forget STORE\n"
        "       postern-store -c FILE [-s section.key=value]... [-j] check\n"
        "       postern-store -c FILE [-s section.key=value]... [-j] salvage JOURNAL\n\n"
        "posternctl backup, restore, reshard, migrate, forget, check and salvage run it; see their "
        "--help.\n",
        stderr);
    return 2;
}

/* With the process of the other engine, which is started before this one is confined. */
static int s_migrate(const keeper_t *keeper, char *const *overrides, char **argv)
{
    beside_t beside;
    beside_start(&beside, keeper->conf_path, overrides, argv[1]);
    confine_process();
    int status = migrate_run(keeper, beside.fd, argv[1], argv[2]);
    beside_end(&beside);
    return status;
}

static int s_run(const keeper_t *keeper, int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "";
    if (strcmp(verb, "backup") == 0 && argc == 2)
        return backup_run(keeper, argv[1]);
    if (strcmp(verb, "restore") == 0 && argc == 2)
        return restore_run(keeper, argv[1]);
    if (strcmp(verb, "reshard") == 0 && argc == 3) {
        int count = atoi(argv[2]);
        return count < 1 || count > 256
                   ? keeper_refuse(keeper, "a kind has 1 to 256 shards, not '%s'", argv[2])
                   : reshard_run(keeper, argv[1], (unsigned)count);
    }
    if (strcmp(verb, "forget") == 0 && argc == 2)
        return forget_run(keeper, argv[1]);
    if (strcmp(verb, "check") == 0 && argc == 1)
        return check_run(keeper);
    if (strcmp(verb, "salvage") == 0 && argc == 2)
        return salvage_run(keeper, argv[1]);
    return s_usage();
}

int main(int argc, char **argv)
{
    char *overrides[OVERRIDES + 1] = {NULL}, err[8192];
    unsigned count = 0;
    keeper_t keeper = {0};
    for (int option; (option = getopt(argc, argv, "c:s:jkrV")) != -1;) {
        if (option == 'c')
            keeper.conf_path = optarg;
        else if (option == 's' && count < OVERRIDES)
            overrides[count++] = optarg;
        else if (option == 'j')
            keeper.json = true;
        else if (option == 'k')
            keeper.with_key = true;
        else if (option == 'r')
            keeper.replace = true;
        else if (option == 'V')
            return puts("postern-store " POSTERN_VERSION) < 0;
        else
            return s_usage();
    }
    umask(077);
    log_open("postern-store", LOG_WARN);
    conf_t *conf = conf_load_with(keeper.conf_path, overrides, err, sizeof err);
    if (!conf) {
        fprintf(stderr, "posternctl: %s\n", err);
        return EXIT_CONFIG;
    }
    keeper.conf = conf;
    keeper.data = conf_text(conf, SET_data_directory);
    keeper.reply = json_object();
    bool migrates = argc - optind == 3 && strcmp(argv[optind], "migrate") == 0;
    if (!migrates)
        confine_process();
    int status = migrates ? s_migrate(&keeper, overrides, argv + optind)
                          : s_run(&keeper, argc - optind, argv + optind);
    if (keeper.json && status == KEEPER_DONE) {
        json_dumpf(keeper.reply, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(keeper.reply);
    conf_destroy(&conf);
    return status;
}
