#include "workers/loop/program.h"

#include "common/life/engine.h"
#include "workers/journal/journal.h"

#include <stdio.h>

void program_choose(const conf_t *conf, const char *name, const char *kind, char **argv)
{
    const setting_row_t *row = &setting_table[conf_engine_setting(kind)];
    char setting[64];
    snprintf(setting, sizeof setting, "%s.%s", row->section, row->key);
    engine_choose(setting, conf_engine(conf, kind), journal_engine(), name, argv);
}
