#include "workers/loop/program.h"

#include "common/life/engine.h"
#include "workers/journal/journal.h"

void program_choose(const conf_t *conf, const char *name, bool delivers, char **argv)
{
    const char *engine = delivers ? "lmdb" : conf_text(conf, SET_worker_engine);
    engine_choose("worker.engine", engine, journal_engine(), name, argv);
}
