#include "common/life/engine.h"

#include "common/base/ops.h"
#include "common/log/log.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const s_engines[] = {"lmdb", "postgres"};

static void s_become(const char *setting, const char *engine, const char *name, char **argv)
{
    char path[PATH_MAX + 64], hint[128];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        snprintf(slash, sizeof path - (size_t)(slash - path), "/%s%s", name,
                 strcmp(engine, "postgres") == 0 ? "-postgres" : "");
    execv(path, argv);
    snprintf(hint, sizeof hint, "%s = postgres needs the package postern-postgres", setting);
    log_fatal(EXIT_CONFIG, setting, "program=%s err=%s hint=%s", LOG_Q(path),
              LOG_Q(strerror(errno)), LOG_Q(hint));
}

void engine_choose(const char *setting, const char *engine, const char *linked, const char *name,
                   char **argv)
{
    char text[128];
    bool known = false;
    for (size_t i = 0; i < sizeof s_engines / sizeof *s_engines; i++)
        known |= strcmp(engine, s_engines[i]) == 0;
    snprintf(text, sizeof text, "%s is lmdb or postgres", setting);
    if (!known)
        log_fatal(EXIT_CONFIG, setting, "err=%s", LOG_Q(text));
    if (strcmp(engine, linked) != 0)
        s_become(setting, engine, name, argv);
}

int engine_check_former(const char *place, const char *kind, unsigned shard, char *err,
                        size_t err_size)
{
    char path[PATH_MAX + 64];
    struct stat is;
    snprintf(path, sizeof path, "%s/%s-%u/data.mdb", place, kind, shard);
    if (stat(path, &is) != 0)
        return 0;
    snprintf(err, err_size,
             "%s: is a journal of %s.engine = lmdb, and it is postgres: set it back, or "
             "posternctl migrate %s postgres",
             path, setting_table[conf_engine_setting(kind)].section, kind);
    return -1;
}

int engine_check_all(const conf_t *conf, char *err, size_t err_size)
{
    int rc = 0;
    unsigned shards[WORKER_KINDS];
    conf_shards(conf, shards);
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        const char *name = op_owner_name((op_owner_t)kind);
        for (unsigned i = 0; conf_is_shared(conf, name) && i < shards[kind] && rc == 0; i++)
            rc = engine_check_former(conf_text(conf, SET_data_directory), name, i, err, err_size);
    }
    return rc;
}
