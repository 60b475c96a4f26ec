/* Programs of which there is one for each engine of a store, so that one that keeps all on its own
 * host has nothing of a database in its memory, and its package needs none. The one that is started
 * reads the configuration, and becomes the other where that says so.
 *
 * Threading: the main thread, before there are others. */
#ifndef POSTERN_ENGINE_H
#define POSTERN_ENGINE_H

/* Returns where ENGINE, the value of SETTING, is LINKED, this program's; else becomes the other,
 * with the same arguments: it lies beside this one, as NAME or NAME-postgres. Exits with the reason
 * where it cannot. */
void engine_choose(const char *setting, const char *engine, const char *linked, const char *name,
                   char **argv);

#endif
