/* The processes of a configuration, and where their monitors are: gateways, authds, routers, a
 * worker a shard. Read-only once made: any thread. */
#ifndef POSTERN_HEALTH_FLEET_H
#define POSTERN_HEALTH_FLEET_H

#include "common/conf/conf.h"

typedef struct {
    char name[32];       /* "gateway-0" */
    const char *section; /* "gateway" */
    unsigned index;
    bool counted;      /* a setting says how many there are: it is one of them */
    setting_t setting; /* of its monitor */
    char monitor[288]; /* address:port */
    char serves[288];  /* for people: the public address, or the shard */
} station_t;

typedef struct fleet fleet_t;

/* What is asked for on one host: GATEWAYS, one authd, one router, a worker a shard. */
fleet_t *fleet_new(const conf_t *conf, unsigned gateways);
/* The same with OTHERS of each kind that no setting counts: those that there may be. */
fleet_t *fleet_new_most(const conf_t *conf, unsigned gateways, unsigned others);
void fleet_destroy(fleet_t **self_p);

unsigned fleet_len(const fleet_t *self);
const station_t *fleet_at(const fleet_t *self, unsigned i);

/* How many processes of the I-th kind there are, in the fleet's order; *section is its section. 0
 * past the last kind. */
unsigned fleet_kind(const conf_t *conf, unsigned gateways, unsigned i, const char **section);

#endif
