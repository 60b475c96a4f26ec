/* The stores that this host has of an installation, noted in a second place (data.known): the UUID
 * of each store, in a file of the store's name. A store that is known and not there was lost, or
 * its disk is not mounted: its opening is refused, where a store that nobody knows is made. A store
 * that is there and not known yet (of an older version, or brought from another host) is noted by
 * the first process that opens it.
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

/* To be called before STORE ("directory", "channel-0" …) is opened, whose directory is PATH. -1
 * when the store is known and not there, with the reason and what to do in err. */
int known_check(const char *place, const char *store, const char *path, char *err, size_t err_size);

/* To be called when the store is open, and durable: notes its UUID. -1, likewise, when the store
 * that is known by this name has another one. */
int known_note(const char *place, const char *store, const char *path, const uuid_t7 *uuid,
               char *err, size_t err_size);

/* Forgets what is known of STORE: the store that is there from now on is taken for the right one,
 * and where none is, a new one is made. 1: forgotten; 0: STORE was not known; -1 (errno). */
int known_forget(const char *place, const char *store);

#endif
