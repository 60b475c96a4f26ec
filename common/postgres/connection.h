/* The file of postgres.connection: a connection string of libpq, which may have a password, so that
 * it stands in no configuration, no argument and no log.
 *
 * Threading: no state, any thread. */
#ifndef POSTERN_POSTGRES_CONNECTION_H
#define POSTERN_POSTGRES_CONNECTION_H

#include <stddef.h>
#include <sys/types.h>

enum { CONNECTION_BYTES = 4096 /* most of a file */ };

/* What the file PATH says, without white space at its ends; the caller's (connection_forget). A
 * file that others than its owner may read is refused. NULL with the reason in err. */
char *connection_read(const char *path, char *err, size_t err_size);
void connection_forget(char **connection_p);

/* Makes the file PATH with what ROLE, a name, connects by: ADMIN's server and database, and a
 * password that is drawn now. 1: made, also in the place of an empty one; 0: there is one; -1 with
 * the reason in err. */
int connection_make(const char *path, const char *role, const char *admin, char *err,
                    size_t err_size);

/* Makes the file PATH with the text CONNECTION, for that user alone. 1: made; 0: there is one; -1
 * with the reason in err. */
int connection_copy(const char *path, const char *connection, uid_t user, gid_t group, char *err,
                    size_t err_size);

/* What NAME ("user", "password" …) is in a connection string; NULL where it says nothing of it. The
 * caller's. */
char *connection_value(const char *connection, const char *name);

#endif
