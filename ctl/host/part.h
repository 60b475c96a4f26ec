/* Which processes of an installation this host has: --gateways and --hosts of the command line, or
 * what a running posternctl up was told. Threading: one thread. */
#ifndef POSTERN_CTL_HOST_PART_H
#define POSTERN_CTL_HOST_PART_H

#include "common/health/fleet.h"
#include "ctl/ctl.h"

enum { PART_GATEWAYS_MOST = 64, PART_INDEXES = 256 };

/* Of the command line alone, or of the command line before what up was told (NOTICED). Exits with
 * CTL_USAGE and the reason. */
void part_read(const ctl_t *ctl, bool noticed, fleet_part_t *part);

#endif
