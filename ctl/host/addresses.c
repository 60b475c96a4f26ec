#include "ctl/host/addresses.h"

#include "common/base/address.h"
#include "common/base/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
static int s_check_distinct(const fleet_t *fleet, unsigned i, const char *listen, char *err,
                            size_t err_size)
{
    const station_t *station = fleet_at(fleet, i);
    const char *other = strcmp(station->monitor, listen) == 0 ? "gateway.listen" : NULL;
    for (unsigned j = 0; j < i && !other; j++)
        if (strcmp(station->monitor, fleet_at(fleet, j)->monitor) == 0)
            other = fleet_at(fleet, j)->name;
    if (!other)
        return 0;
    snprintf(err, err_size,
             "%s's monitor would be at %s, where %s listens: set %s.monitor to another port, or "
             "use --port, which lays all monitors side by side",
             station->name, station->monitor, other, station->section);
    return -1;
}

int addresses_check(const fleet_t *fleet, const conf_t *conf, bool listen_here, bool laid,
                    char *err, size_t err_size)
{
    char listen[288], admin[288];
    conf_address(conf, SET_gateway_listen, 0, listen, sizeof listen);
    conf_address(conf, SET_admin_listen, 0, admin, sizeof admin);
    if ((listen_here && s_check(listen, "gateway.listen", "", false, err, err_size) != 0) ||
        (*admin && s_check(admin, "admin.listen", "", !laid, err, err_size) != 0))
        return -1;
    for (unsigned i = 0; i < fleet_len(fleet); i++) {
        char setting[32];
        const station_t *station = fleet_at(fleet, i);
        snprintf(setting, sizeof setting, "%s.monitor", station->section);
        if (s_check_distinct(fleet, i, listen, err, err_size) != 0 ||
            s_check(station->monitor, setting, station->name, !laid, err, err_size) != 0)
            return -1;
    }
    return 0;
}
