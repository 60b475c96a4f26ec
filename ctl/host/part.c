#include "ctl/host/part.h"

#include <stdio.h>
#include <stdlib.h>

static void s_refuse(const char *why, const char *text)
{
    fprintf(stderr, "posternctl: --hosts %s, not '%s'\n", why, text);
    exit(CTL_USAGE);
}

/* "2/3": the second one of three. */
static void s_read_hosts(const char *text, fleet_part_t *part)
{
    unsigned host, hosts;
    char behind;
    if (sscanf(text, "%3u/%3u%c", &host, &hosts, &behind) != 2 || host < 1 || host > hosts)
        s_refuse("takes I/N, this host's number from 1 on and how many there are, as 2/3", text);
    if (hosts * part->gateways > PART_INDEXES)
        s_refuse("takes no more hosts than all of whose gateways are 256", text);
    part->host = host - 1;
    part->hosts = hosts;
}

void part_read(const ctl_t *ctl, bool noticed, fleet_part_t *part)
{
    const char *hosts = ctl_option(ctl, "--hosts");
    unsigned gateways = noticed ? ctl_gateways(ctl) : 1;
    *part = (fleet_part_t){
        .gateways = (unsigned)ctl_number(ctl, "--gateways", gateways, 1, PART_GATEWAYS_MOST)};
    if (!hosts && noticed)
        hosts = ctl_hosts(ctl);
    if (hosts)
        s_read_hosts(hosts, part);
}
