#include "common/health/fleet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fleet {
    unsigned len;
    station_t *stations;
};

/* The kinds in the order in which they are shown. count: the setting that says how many there are;
 * SETTING_COUNT: it is no setting. handlers: as in the table; a worker that only STORES may have
 * its journal on a server that all hosts share. */
static const struct {
    const char *section;
    setting_t monitor, count;
    bool worker;
} s_kinds[] = {
#define KIND(name) {#name, SET_##name##_monitor, SETTING_COUNT, false},
#define WORKER(constant, name, port, handlers, what)                                               \
    {#name, SET_##name##_monitor, SET_shards_##name, true},
#include "common/kinds.def"
};
enum { KINDS = sizeof s_kinds / sizeof *s_kinds };
enum { GATEWAY, AUTHD, ROUTER }; /* in s_kinds */

static bool s_is_shared(const conf_t *conf, const fleet_part_t *part, unsigned kind)
{
    return part->hosts > 1 && s_kinds[kind].worker && conf_is_shared(conf, s_kinds[kind].section);
}

/* Whether each of several hosts has one. */
static bool s_is_everywhere(const conf_t *conf, const fleet_part_t *part, unsigned kind)
{
    bool copies = strcmp(conf_text(conf, SET_directory_engine), "postgres") == 0;
    return part->hosts > 1 && (kind == ROUTER || (kind == AUTHD && copies));
}

/* How many there are on all hosts; a host's workers of any shard come behind the shards. */
static unsigned s_count(const conf_t *conf, const fleet_part_t *part, unsigned others,
                        unsigned kind)
{
    unsigned hosts = part->hosts > 1 ? part->hosts : 1;
    if (s_kinds[kind].count != SETTING_COUNT)
        return (unsigned)conf_uint(conf, s_kinds[kind].count);
    if (kind == GATEWAY)
        return part->gateways * hosts;
    return s_is_everywhere(conf, part, kind) ? hosts : others;
}

/* The shards of a host that is lost are shared by the others. */
static unsigned s_spares(const conf_t *conf, const fleet_part_t *part, unsigned kind)
{
    if (!s_is_shared(conf, part, kind))
        return 0;
    unsigned left = part->hosts - 1;
    unsigned share = (s_count(conf, part, 1, kind) + left) / part->hosts;
    return (share + left - 1) / left;
}

/* Whether INDEX of KIND is one of this part's host. */
static bool s_is_here(const conf_t *conf, const fleet_part_t *part, unsigned kind, unsigned index)
{
    if (part->hosts < 2)
        return true;
    if (kind == GATEWAY)
        return index / part->gateways == part->host;
    if (s_is_everywhere(conf, part, kind) || s_is_shared(conf, part, kind))
        return index % part->hosts == part->host;
    return part->host == 0;
}

unsigned fleet_kind(const conf_t *conf, const fleet_part_t *part, unsigned i, const char **section)
{
    if (i >= KINDS)
        return 0;
    *section = s_kinds[i].section;
    return s_count(conf, part, 1, i) + s_spares(conf, part, i);
}

static void s_say_what(station_t *station, const conf_t *conf, unsigned count)
{
    if (strcmp(station->section, "gateway") == 0)
        conf_address(conf, SET_gateway_listen, 0, station->serves, sizeof station->serves);
    else if (station->index >= CONF_ANY)
        snprintf(station->serves, sizeof station->serves, "any shard of %u", count);
    else if (station->counted)
        snprintf(station->serves, sizeof station->serves, "shard %u of %u", station->index, count);
    else
        snprintf(station->serves, sizeof station->serves, "-");
}

/* From index COUNT on: the workers of any shard. */
static void s_station(station_t *station, const conf_t *conf, unsigned kind, unsigned index,
                      unsigned count)
{
    bool any = s_kinds[kind].worker && index >= count;
    station->section = s_kinds[kind].section;
    station->index = any ? CONF_ANY + index - count : index;
    station->setting = s_kinds[kind].monitor;
    if (any && index > count)
        snprintf(station->name, sizeof station->name, "%s-any%u", station->section, index - count);
    else if (any)
        snprintf(station->name, sizeof station->name, "%s-any", station->section);
    else
        snprintf(station->name, sizeof station->name, "%s-%u", station->section, index);
    conf_address(conf, station->setting, index, station->monitor, sizeof station->monitor);
    station->counted = s_kinds[kind].count != SETTING_COUNT && !any;
    s_say_what(station, conf, count);
}

static void s_add_kind(fleet_t *self, const conf_t *conf, const fleet_part_t *part, unsigned others,
                       unsigned spares, unsigned kind)
{
    unsigned count = s_count(conf, part, others, kind);
    self->stations = realloc(self->stations, (self->len + count + spares) * sizeof *self->stations);
    assert(self->stations);
    for (unsigned index = 0; index < count; index++)
        if (s_is_here(conf, part, kind, index))
            s_station(&self->stations[self->len++], conf, kind, index, count);
    for (unsigned index = count; index < count + spares; index++)
        s_station(&self->stations[self->len++], conf, kind, index, count);
}

fleet_t *fleet_new(const conf_t *conf, const fleet_part_t *part)
{
    fleet_t *self = calloc(1, sizeof *self);
    assert(self);
    for (unsigned kind = 0; kind < KINDS; kind++)
        s_add_kind(self, conf, part, 1, s_spares(conf, part, kind), kind);
    return self;
}

fleet_t *fleet_new_most(const conf_t *conf, unsigned gateways, unsigned others)
{
    fleet_t *self = calloc(1, sizeof *self);
    assert(self);
    fleet_part_t part = {.gateways = gateways};
    for (unsigned kind = 0; kind < KINDS; kind++) {
        bool shared = s_kinds[kind].worker && conf_is_shared(conf, s_kinds[kind].section);
        s_add_kind(self, conf, &part, others, shared ? others : 0, kind);
    }
    return self;
}

void fleet_destroy(fleet_t **self_p)
{
    fleet_t *self = *self_p;
    if (!self)
        return;
    free(self->stations);
    free(self);
    *self_p = NULL;
}

unsigned fleet_len(const fleet_t *self)
{
    return self->len;
}

const station_t *fleet_at(const fleet_t *self, unsigned i)
{
    assert(i < self->len);
    return &self->stations[i];
}
