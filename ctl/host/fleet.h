/* The processes that a configuration asks for on this host: gateways, one authd, one router, a
 * worker a shard. Read-only once made. */
#ifndef POSTERN_CTL_HOST_FLEET_H
#define POSTERN_CTL_HOST_FLEET_H

#include "common/conf/conf.h"

typedef struct {
    char name[32];       /* "gateway-0" */
    const char *section; /* "gateway" */
    unsigned index;
    setting_t setting; /* of its monitor */
    char monitor[288]; /* address:port */
    char serves[288];  /* for people: the public address, or the shard */
} station_t;

typedef struct fleet fleet_t;

fleet_t *fleet_new(const conf_t *conf, unsigned gateways);
void fleet_destroy(fleet_t **self_p);

unsigned fleet_len(const fleet_t *self);
const station_t *fleet_at(const fleet_t *self, unsigned i);

/* How many processes of the I-th kind there are, in the fleet's order; *section is its section. 0
 * past the last kind. */
unsigned fleet_kind(const conf_t *conf, unsigned gateways, unsigned i, const char **section);

/* Checks that every address of the fleet can be listened on (gateway.listen only with listen_here:
 * else the socket was passed; a monitor's and the admin listener's may be taken, unless LAID: who
 * starts has just chosen it) and that no two are the same. 0, or -1 with a sentence that names the
 * setting and the address. */
int fleet_check(const fleet_t *self, const conf_t *conf, bool listen_here, bool laid, char *err,
                size_t err_size);

#endif
