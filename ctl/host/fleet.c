#include "ctl/host/fleet.h"

#include "common/base/address.h"
#include "common/base/claim.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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

unsigned fleet_kind(const conf_t *conf, unsigned gateways, unsigned i, const char **section)
{
    if (i >= KINDS)
        return 0;
    *section = s_kinds[i].section;
    if (s_kinds[i].count != SETTING_COUNT)
        return (unsigned)conf_uint(conf, s_kinds[i].count);
    return i == 0 ? gateways : 1;
}

static void s_station(station_t *station, const conf_t *conf, unsigned kind, unsigned index,
                      unsigned count)
{
    station->section = s_kinds[kind].section;
    station->index = index;
    station->setting = s_kinds[kind].monitor;
    snprintf(station->name, sizeof station->name, "%s-%u", station->section, index);
    conf_address(conf, station->setting, index, station->monitor, sizeof station->monitor);
    if (kind == 0)
        conf_address(conf, SET_gateway_listen, 0, station->serves, sizeof station->serves);
    else if (s_kinds[kind].count != SETTING_COUNT)
        snprintf(station->serves, sizeof station->serves, "shard %u of %u", index, count);
    else
        snprintf(station->serves, sizeof station->serves, "-");
}

fleet_t *fleet_new(const conf_t *conf, unsigned gateways)
{
    const char *section;
    fleet_t *self = calloc(1, sizeof *self);
    assert(self);
    unsigned total = 0;
    for (unsigned kind = 0; kind < KINDS; kind++)
        total += fleet_kind(conf, gateways, kind, &section);
    self->stations = calloc(total, sizeof *self->stations);
    assert(self->stations);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        unsigned count = fleet_kind(conf, gateways, kind, &section);
        for (unsigned index = 0; index < count; index++)
            s_station(&self->stations[self->len++], conf, kind, index, count);
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

/* 0 when ADDRESS can be listened on, else errno. Without SO_REUSEPORT, so that a gateway of another
 * installation shows, too. */
static int s_try(const char *address)
{
    struct addrinfo *to;
    if (address_find(address, AI_PASSIVE, &to) != 0)
        return EINVAL;
    int one = 1, rc = 0;
    int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC, to->ai_protocol);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, to->ai_addr, to->ai_addrlen) != 0 || listen(fd, 1) != 0)
        rc = errno;
    if (fd >= 0)
        close(fd);
    freeaddrinfo(to);
    return rc;
}

static bool s_may_come(int error)
{
    return error == EADDRINUSE || error == EADDRNOTAVAIL;
}

/* WAITS: a process waits for the address, and serves meanwhile; a monitor (with NAME) also for what
 * another installation has. */
static int s_check(const char *address, const char *setting, const char *name, bool waits,
                   char *err, size_t err_size)
{
    char holder[256];
    int rc = s_try(address);
    bool known = rc == EADDRINUSE && claim_holder(address, holder, sizeof holder);
    if (rc == 0 || (waits && s_may_come(rc) && (*name || !known)))
        return 0;
    snprintf(err, err_size, "%s %s%s%s%s %s%s%s; choose another with --port", setting, address,
             *name ? " (" : "", name, *name ? ")" : "",
             rc == EADDRINUSE ? "is in use" : "cannot be listened on: ",
             rc != EADDRINUSE ? strerror(rc)
             : known          ? " by "
                              : "",
             known ? holder : "");
    return -1;
}

/* The addresses that monitors of different kinds get may run into each other. */
static int s_check_distinct(const fleet_t *self, unsigned i, const char *listen, char *err,
                            size_t err_size)
{
    const station_t *station = &self->stations[i];
    const char *other = strcmp(station->monitor, listen) == 0 ? "gateway.listen" : NULL;
    for (unsigned j = 0; j < i && !other; j++)
        if (strcmp(station->monitor, self->stations[j].monitor) == 0)
            other = self->stations[j].name;
    if (!other)
        return 0;
    snprintf(err, err_size,
             "%s's monitor would be at %s, where %s listens: set %s.monitor to another port, or "
             "use --port, which lays all monitors side by side",
             station->name, station->monitor, other, station->section);
    return -1;
}

int fleet_check(const fleet_t *self, const conf_t *conf, bool listen_here, bool laid, char *err,
                size_t err_size)
{
    char listen[288], admin[288];
    conf_address(conf, SET_gateway_listen, 0, listen, sizeof listen);
    conf_address(conf, SET_admin_listen, 0, admin, sizeof admin);
    if ((listen_here && s_check(listen, "gateway.listen", "", false, err, err_size) != 0) ||
        (*admin && s_check(admin, "admin.listen", "", !laid, err, err_size) != 0))
        return -1;
    for (unsigned i = 0; i < self->len; i++) {
        char setting[32];
        snprintf(setting, sizeof setting, "%s.monitor", self->stations[i].section);
        if (s_check_distinct(self, i, listen, err, err_size) != 0 ||
            s_check(self->stations[i].monitor, setting, self->stations[i].name, !laid, err,
                    err_size) != 0)
            return -1;
    }
    return 0;
}
