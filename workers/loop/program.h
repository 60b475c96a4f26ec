/* Which program a worker is: one for each engine of the journal, so that a worker whose journal
 * lies on its own host has nothing of a database in its memory, and its package needs none. The one
 * that is started reads the configuration, and becomes the other where that says so.
 *
 * Threading: the main thread, before there are others. */
#ifndef POSTERN_WORKERS_LOOP_PROGRAM_H
#define POSTERN_WORKERS_LOOP_PROGRAM_H

#include "common/conf/conf.h"

/* Returns where this is the program of the kind's engine (conf_engine), else becomes that, with the
 * same arguments: it lies beside this one, as NAME or NAME-postgres. KIND names the section. Exits
 * with the reason where it cannot. */
void program_choose(const conf_t *conf, const char *name, const char *kind, char **argv);

#endif
