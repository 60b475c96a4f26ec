/* Damage that a read of a view meets: a row without its checksum, or a page that LMDB cannot make
 * sense of. It is logged, counted, and remembered by the view. Private to authd/directory.
 * Threading: damage_say any thread, the others the view's. */
#ifndef POSTERN_DAMAGE_H
#define POSTERN_DAMAGE_H

#include "authd/directory/table.h"

#include <lmdb.h>

/* Counts the damage, and logs table and key, a place once; of a key that is a token's hash only a
 * hash. */
void damage_say(directory_t *directory, table_t table, const MDB_val *key, const char *what);

/* A row at KEY: VIEW finds nothing more, unless it passes over such rows. */
void damage_row(view_t *view, table_t table, const MDB_val *key);
/* Whether RC, of a change, says that LMDB came upon damage, and has given the change up. */
bool damage_is(int rc);
/* What LMDB answered, RC, where KEY was looked for: VIEW finds nothing more. */
void damage_page(view_t *view, table_t table, const MDB_val *key, int rc);

#endif
