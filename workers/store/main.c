/* postern-store: backup, restore, reshard, forget and salvage, as posternctl runs them. A program
 * of its own because it opens every store, and posternctl none. */
#include "common/life/confine.h"
#include "common/log/log.h"
#include "workers/store/verbs.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OVERRIDES = 72 };

static int s_usage(void)
{
    fputs("usage: postern-store -c FILE [-s section.key=value]... [-j] backup [-k] DIR\n"
          "       postern-store -c FILE [-s section.key=value]... [-j] restore [-r] DIR\n"
          "       postern-store -c FILE [-s section.key=value]... [-j] reshard KIND N\n"
          "       postern-store -c FILE [-s section.key=value]... [-j] forget STORE\n"
          "       postern-store -c FILE [-s section.key=value]... [-j] check\n"
          "       postern-store -c FILE [-s section.key=value]... [-j] salvage JOURNAL\n\n"
          "posternctl backup, restore, reshard, forget, check and salvage run it; see their "
          "--help.\n",
          stderr);
    return 2;
}

static int s_run(const place_t *place, int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "";
    if (strcmp(verb, "backup") == 0 && argc == 2)
        return backup_run(place, argv[1]);
    if (strcmp(verb, "restore") == 0 && argc == 2)
        return restore_run(place, argv[1]);
    if (strcmp(verb, "reshard") == 0 && argc == 3) {
        int count = atoi(argv[2]);
        return count < 1 || count > 256
                   ? place_refuse(place, "a kind has 1 to 256 shards, not '%s'", argv[2])
                   : reshard_run(place, argv[1], (unsigned)count);
    }
    if (strcmp(verb, "forget") == 0 && argc == 2)
        return forget_run(place, argv[1]);
    if (strcmp(verb, "check") == 0 && argc == 1)
        return check_run(place);
    if (strcmp(verb, "salvage") == 0 && argc == 2)
        return salvage_run(place, argv[1]);
    return s_usage();
}

int main(int argc, char **argv)
{
    char *overrides[OVERRIDES + 1] = {NULL}, err[8192];
    unsigned count = 0;
    place_t place = {0};
    for (int option; (option = getopt(argc, argv, "c:s:jkrV")) != -1;) {
        if (option == 'c')
            place.conf_path = optarg;
        else if (option == 's' && count < OVERRIDES)
            overrides[count++] = optarg;
        else if (option == 'j')
            place.json = true;
        else if (option == 'k')
            place.with_key = true;
        else if (option == 'r')
            place.replace = true;
        else if (option == 'V')
            return puts("postern-store " POSTERN_VERSION) < 0;
        else
            return s_usage();
    }
    umask(077);
    log_open("postern-store", LOG_WARN);
    conf_t *conf = conf_load_with(place.conf_path, overrides, err, sizeof err);
    if (!conf) {
        fprintf(stderr, "posternctl: %s\n", err);
        return EXIT_CONFIG;
    }
    place.conf = conf;
    place.data = conf_text(conf, SET_data_directory);
    place.reply = json_object();
    confine_process();
    int status = s_run(&place, argc - optind, argv + optind);
    if (place.json && status == PLACE_DONE) {
        json_dumpf(place.reply, stdout, JSON_INDENT(2));
        putchar('\n');
    }
    json_decref(place.reply);
    conf_destroy(&conf);
    return status;
}
