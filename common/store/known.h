/* What this host has of an installation, known in a second place (data.known): the UUID of each
 * store, in a file of the store's name. A store that is known and not there was lost, or its disk
 * is not mounted: it is refused, where one that nobody knows is made. What is there and not known
 * yet (of an older version, or brought from another host) is noted by the first who opens it.
 *
 * The second place holds no data and no secret. It serves as long as it does not lie on the same
 * disk as data.directory; without it everything works, after a warning.
 *
 * Threading: no state; by who holds the store's lock. Files: mode 0600, made whole; an empty one,
 * as root makes it where the place is root's (prepare.h), is none. */
#ifndef POSTERN_KNOWN_H
#define POSTERN_KNOWN_H

#include "common/base/uuid.h"

#include <stddef.h>

/* Before STORE ("directory", "channel-0" …) is opened, whose directory is PATH. -1 when it is known
 * and not there, with the reason and what to do in err. */
int known_check(const char *place, const char *store, const char *path, char *err, size_t err_size);

/* When it is open, and durable. -1, likewise, when it is another one than the one that is known. */
int known_note(const char *place, const char *store, const char *path, const uuid_t7 *uuid,
               char *err, size_t err_size);

/* What is there by that name from now on is taken for the right one, and nothing at all for a new
 * one. 1: forgotten; 0: it was not known; -1 (errno). */
int known_forget(const char *place, const char *store);

#endif
