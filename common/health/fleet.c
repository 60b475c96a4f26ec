#include "common/health/fleet.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct fleet {
    unsigned len;
    station_t *stations;
};

/* The kinds in the order in which they are shown. count: the setting that says how many there are;
 * SETTING_COUNT: it is no setting. */
static const struct {
    const char *section;
    setting_t monitor, count;
} s_kinds[] = {
#define KIND(name) {#name, SET_##name##_monitor, SETTING_COUNT},
#define WORKER(constant, name, port, handlers, what)                                               \
    {#name, SET_##name##_monitor, SET_shards_##name},
#include "common/kinds.def"
};
enum { KINDS = sizeof s_kinds / sizeof *s_kinds };

static unsigned s_count(const conf_t *conf, unsigned gateways, unsigned others, unsigned kind)
{
    if (s_kinds[kind].count != SETTING_COUNT)
        return (unsigned)conf_uint(conf, s_kinds[kind].count);
    return kind == 0 ? gateways : others;
}

unsigned fleet_kind(const conf_t *conf, unsigned gateways, unsigned i, const char **section)
{
    if (i >= KINDS)
        return 0;
    *section = s_kinds[i].section;
    return s_count(conf, gateways, 1, i);
}

static void s_station(station_t *station, const conf_t *conf, unsigned kind, unsigned index,
                      unsigned count)
{
    station->section = s_kinds[kind].section;
    station->index = index;
    station->setting = s_kinds[kind].monitor;
    snprintf(station->name, sizeof station->name, "%s-%u", station->section, index);
    conf_address(conf, station->setting, index, station->monitor, sizeof station->monitor);
    station->counted = s_kinds[kind].count != SETTING_COUNT;
    if (kind == 0)
        conf_address(conf, SET_gateway_listen, 0, station->serves, sizeof station->serves);
    else if (station->counted)
        snprintf(station->serves, sizeof station->serves, "shard %u of %u", index, count);
    else
        snprintf(station->serves, sizeof station->serves, "-");
}

static fleet_t *s_new(const conf_t *conf, unsigned gateways, unsigned others)
{
    fleet_t *self = calloc(1, sizeof *self);
    assert(self);
    unsigned total = 0;
    for (unsigned kind = 0; kind < KINDS; kind++)
        total += s_count(conf, gateways, others, kind);
    self->stations = calloc(total, sizeof *self->stations);
    assert(self->stations);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        unsigned count = s_count(conf, gateways, others, kind);
        for (unsigned index = 0; index < count; index++)
            s_station(&self->stations[self->len++], conf, kind, index, count);
    }
    return self;
}

fleet_t *fleet_new(const conf_t *conf, unsigned gateways)
{
    return s_new(conf, gateways, 1);
}

fleet_t *fleet_new_most(const conf_t *conf, unsigned gateways, unsigned others)
{
    return s_new(conf, gateways, others);
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
