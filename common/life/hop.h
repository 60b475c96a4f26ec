/* The connections of the ring: which process binds each, and who may connect.
 *
 * Where each kind of process has a user of its own (kinds.h), the socket of "ipc:///dir/name" lies
 * in a directory of its own, "/dir/name.d", as "s": nobody but the user who binds the socket can
 * make, remove or exchange it, and the group of the directory may connect. Where kinds have no
 * users of their own the socket lies at "/dir/name". Threading: any thread. */
#ifndef POSTERN_HOP_H
#define POSTERN_HOP_H

#include "common/conf/conf.h"

#include <stddef.h>

enum { HOPS = 6, HOP_PATH = 256 };

typedef struct {
    setting_t endpoint;
    const char *binder;   /* section of the process that binds it */
    const char *connects; /* section of those that connect, "worker" for all of them; "": root */
} hop_t;
extern const hop_t hop_table[HOPS];

/* The name of the directory of its own that the socket at PATH may have. */
void hop_directory(const char *path, char text[HOP_PATH]);

/* Where the socket of an endpoint lies, as an endpoint: itself, where it is not ipc or has no
 * directory of its own. True when it has. */
bool hop_address(const char *endpoint, char text[HOP_PATH]);

/* The name that ENDPOINT's socket has in data.sockets; NULL where it lies elsewhere. */
const char *hop_name(const conf_t *conf, const char *endpoint);

#endif
