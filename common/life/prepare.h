/* The places of a process that has a user of its own (kinds.h): root makes them and gives them to
 * that user before the process starts, because the directories that they lie in are root's. So no
 * process can make, remove or exchange what belongs to another.
 *
 *   data.directory, data.known, data.sockets       root's, 0755
 *   the store of authd or of a shard, its lock,
 *   its key, its file in data.known                that process's user's, 0700 and 0600
 *   NAME.d of each socket in data.sockets          who binds it, its group who connects (hop.h)
 *   locks beside the sockets, and the gateway's    who takes them
 *
 * An empty key, or an empty file in data.known, is one that its process is still to make. What a
 * former version has left is given likewise, also while its processes run: a socket moves into its
 * directory, and a link stays for those who know it by its old name.
 *
 * Threading: one thread, as root. Processes that do it at the same time wait for each other. */
#ifndef POSTERN_PREPARE_H
#define POSTERN_PREPARE_H

#include "common/conf/conf.h"

#include <stddef.h>
#include <sys/types.h>

/* Prepares the places that all processes share. FORMER: the user whose they may be beside root (0
 * for nobody else). 0, or -1 with the reason, which says what to do, in ERR (PATH_ERROR bytes at
 * most). */
int prepare_shared(const conf_t *conf, uid_t former, char *err, size_t err_size);

/* prepare_shared, and the places of the process of SECTION and INDEX. */
int prepare_process(const conf_t *conf, const char *section, unsigned index, uid_t former,
                    char *err, size_t err_size);

#endif
