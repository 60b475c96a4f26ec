/* The processes of a configuration, and where their monitors are: gateways, authds, routers, a
 * worker a shard; of one host of several, those that it has. Read-only once made: any thread. */
#ifndef POSTERN_HEALTH_FLEET_H
#define POSTERN_HEALTH_FLEET_H

#include "common/conf/conf.h"

typedef struct {
    char name[32];       /* "gateway-0" */
    const char *section; /* "gateway" */
    unsigned index;      /* from CONF_ANY on: a worker of any shard */
    bool counted;        /* a setting says how many there are: it is one of them */
    setting_t setting;   /* of its monitor */
    char monitor[288];   /* address:port */
    char serves[288];    /* for people: the public address, or the shard */
} station_t;

/* What one host has. Of several, whose workers of channels share their journals, each has
 * gateways, a router, with directory.engine = postgres an authd, the workers of its share of the
 * channels' shards, and as many of any shard as are its share of those of a host that is lost; the
 * first one also the workers that keep their journals on its disk, and else the one authd. Indexes
 * are unique over all hosts. */
typedef struct {
    unsigned gateways;    /* of each host */
    unsigned host, hosts; /* which one, from 0, and how many; of one host, or 0, it has all */
} fleet_part_t;

typedef struct fleet fleet_t;

/* What is asked for on one host: gateways, one authd, one router, a worker a shard; or PART. */
fleet_t *fleet_new(const conf_t *conf, const fleet_part_t *part);
/* The same of one host with GATEWAYS and with OTHERS of each kind that no setting counts, and with
 * workers of any shard: those that there may be. */
fleet_t *fleet_new_most(const conf_t *conf, unsigned gateways, unsigned others);
void fleet_destroy(fleet_t **self_p);

unsigned fleet_len(const fleet_t *self);
const station_t *fleet_at(const fleet_t *self, unsigned i);

/* How many ports the monitors of the I-th kind's processes have on all hosts, in the fleet's order;
 * *section is its section. 0 past the last kind. */
unsigned fleet_kind(const conf_t *conf, const fleet_part_t *part, unsigned i, const char **section);

#endif
