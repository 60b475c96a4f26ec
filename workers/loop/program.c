#include "workers/loop/program.h"

#include "common/log/log.h"
#include "workers/journal/journal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const s_engines[] = {"lmdb", "postgres"};

static void s_become(const char *name, const char *engine, char **argv)
{
    char path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        snprintf(slash, sizeof path - (size_t)(slash - path), "/%s%s", name,
                 strcmp(engine, "postgres") == 0 ? "-postgres" : "");
    execv(path, argv);
    log_fatal(EXIT_CONFIG, "worker.engine", "program=%s err=%s hint=%s", LOG_Q(path),
              LOG_Q(strerror(errno)),
              LOG_Q("worker.engine = postgres needs the package postern-postgres"));
}

void program_choose(const conf_t *conf, const char *name, bool delivers, char **argv)
{
    const char *engine = delivers ? "lmdb" : conf_text(conf, SET_worker_engine);
    bool known = false;
    for (size_t i = 0; i < sizeof s_engines / sizeof *s_engines; i++)
        known |= strcmp(engine, s_engines[i]) == 0;
    if (!known)
        log_fatal(EXIT_CONFIG, "worker.engine", "err=%s",
                  LOG_Q("worker.engine is lmdb or postgres"));
    if (strcmp(engine, journal_engine()) != 0)
        s_become(name, engine, argv);
}
