/* Whether the directory of a socket is safe from other users: whoever can make a name in it, or
 * exchange a directory above, can be the peer of every process that connects there.
 *
 * Trusted are root, the user that asks, and, where root asks, the installation's: process.user,
 * else the owner of data.directory. The directories above the configuration file may be anybody's,
 * because their owners choose what the configuration says. Threading: any thread. */
#ifndef POSTERN_TRUST_H
#define POSTERN_TRUST_H

#include "common/conf/conf.h"

/* 0, also where DIRECTORY (absolute) is not there yet; -1 with the reason, which says what to do.
 * CONF: NULL for none, then nobody but root and the user that asks is trusted. */
int trust_check(const conf_t *conf, const char *directory, char *err, size_t err_size);

/* trust_check of the directory in which an endpoint's socket lies; 0 for an endpoint that is not
 * ipc. A socket's directory of its own (hop.h) may also belong to the user of BINDER, the section
 * of the process that binds it. NULL: this process binds it. */
int trust_endpoint(const conf_t *conf, const char *endpoint, const char *binder, char *err,
                   size_t err_size);

#endif
