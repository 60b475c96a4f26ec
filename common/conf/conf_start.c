#include "common/conf/conf.h"

#include "common/log/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OVERRIDES = 64, INDEX_MOST = 255 };

static void s_usage(const char *process)
{
    printf(
        "usage: %s [-c FILE] [-i INDEX] [-s section.key=value]... [-t]\n\n"
        "  -c FILE   configuration (ZPL); without it, the first that is there of\n"
        "            " CONF_PLACES ", else defaults\n"
        "  -i INDEX  which of several: a worker's shard, a gateway's number (0 to %d);\n"
        "            any: a worker of whichever shard has none (worker.engine = postgres);\n"
        "            any1, any2 …: further ones of a host\n"
        "  -s K=V    overrides one setting, as -s log.level=debug\n"
        "  -t        checks and prints the configuration, secrets masked, and exits\n"
        "  -P USER   as root: gives this process's directories and files to the user of its kind,\n"
        "            also those that USER had, and exits; the process then runs as that user\n"
        "  -V        prints the version and exits\n",
        process, INDEX_MOST);
}

static void s_refuse(const char *process, const char *reason)
{
    fprintf(stderr, "%s: %s\n", process, reason);
    exit(EXIT_CONFIG);
}

/* Which of a host's workers of any shard: nothing, or a number. */
static unsigned s_any(const char *process, const char *text)
{
    size_t len = strlen(text);
    if (len > 2 || strspn(text, "0123456789") != len || atoi(text) >= CONF_ANYS)
        s_refuse(process, "-i any may have a number from 0 to 63 behind it");
    return (unsigned)atoi(text);
}

static unsigned s_index(const char *process, const char *section, const char *text)
{
    size_t len = strlen(text);
    if (strncmp(text, "any", 3) == 0 && conf_setting("shards", section) != SETTING_COUNT)
        return CONF_ANY + s_any(process, text + 3);
    if (len == 0 || len > 3 || strspn(text, "0123456789") != len || atoi(text) > INDEX_MOST)
        s_refuse(process, "-i takes a number from 0 to 255");
    return (unsigned)atoi(text);
}

void conf_start(conf_start_t *start, const char *process, const char *section, int argc,
                char **argv)
{
    char *overrides[OVERRIDES + 1] = {NULL};
    unsigned count = 0;
    const char *path = NULL;
    bool check = false;
    *start = (conf_start_t){.process = process, .section = section};
    for (int option; (option = getopt(argc, argv, "c:i:s:tP:hV")) != -1;) {
        if (option == 'c') {
            path = optarg;
        } else if (option == 'i') {
            start->index = s_index(process, section, optarg);
        } else if (option == 's' && count < OVERRIDES) {
            overrides[count++] = optarg;
        } else if (option == 't') {
            check = true;
        } else if (option == 'P') {
            start->former = optarg;
        } else if (option == 'V') {
            printf("%s %s\n", process, POSTERN_VERSION);
            exit(0);
        } else {
            s_usage(process);
            exit(option == 'h' ? 0 : EXIT_CONFIG);
        }
    }
    if (optind < argc)
        s_refuse(process, "takes no arguments but options; -h lists them");
    char err[8192];
    start->conf = conf_load_with(path ? path : conf_default_file(), overrides, err, sizeof err);
    if (!start->conf)
        s_refuse(process, err);
    if (check) {
        conf_print(start->conf);
        if (conf_check_files(start->conf, section, err, sizeof err) != 0)
            s_refuse(process, err);
        conf_destroy(&start->conf);
        fflush(stdout);
        fprintf(stderr, "%s: configuration OK\n", process);
        exit(0);
    }
    log_open(process, (log_level_t)log_level_of(conf_text(start->conf, SET_log_level)));
}
