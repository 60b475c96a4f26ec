/* Which database is a data directory's installation's, as a file in it says (postgres.installation:
 * the installation's id): so that journals which go from the one to the other are of one
 * installation.
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_PAIRED_H
#define POSTERN_PAIRED_H

#include "common/base/uuid.h"

#include <stddef.h>

#define PAIRED_FILE "postgres.installation"

/* What the file in the directory DATA says: 1, with *id; 0: there is none; -1 with the reason in
 * err. */
int paired_read(const char *data, uuid_t7 *id, char *err, size_t err_size);

/* Makes the file, where there is none, for the directory's owner. 1: made; 0: there is one; -1 with
 * the reason in err. */
int paired_note(const char *data, const uuid_t7 *id, char *err, size_t err_size);

#endif
