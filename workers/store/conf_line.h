/* The line of postern.conf that says how many shards a kind has. Threading: one thread. */
#ifndef POSTERN_WORKERS_STORE_CONF_LINE_H
#define POSTERN_WORKERS_STORE_CONF_LINE_H

#include "workers/store/keeper.h"

/* Changes the line where it stands in the section shards, in the plain form that posternctl init
 * writes, and says so; says exactly what to change where it does not, or where the environment or
 * the command line speaks before the file. */
void conf_line_set(const keeper_t *self, const char *kind, unsigned shards);

#endif
