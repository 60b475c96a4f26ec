#include "common/base/egress.h"

#include <stdlib.h>
#include <string.h>

struct egress {
    networks_t *allowed;
};

/* A network in the bits of an address_t: IPv4 ones stand mapped. */
typedef struct {
    uint8_t base[16];
    uint8_t bits;
    const char *reason;
} row_t;

#define V4(a, b, c, d, bits, reason)                                                               \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (bits), reason                \
    }
/* The first three groups, as many as any row needs. */
#define V6(a, b, c, bits, reason)                                                                  \
    {                                                                                              \
        {(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff, (c) >> 8, (c)&0xff}, bits, reason                 \
    }

static const char s_metadata[] = "metadata service", s_unspecified[] = "unspecified",
                  s_private[] = "private network", s_documentation[] = "documentation",
                  s_multicast[] = "multicast", s_reserved[] = "reserved";

/* Whatever is allowed. The metadata services of AWS (169.254.169 and .170, fd00:ec2::/32), Google
 * (fd20:ce::/32), Alibaba (100.100.100.200), Oracle (192.0.0.192) and Azure's wire server. */
static const row_t s_never[] = {
    V4(169, 254, 169, 0, 24, s_metadata),
    V4(169, 254, 170, 0, 24, s_metadata),
    V4(100, 100, 100, 200, 32, s_metadata),
    V4(192, 0, 0, 192, 32, s_metadata),
    V4(168, 63, 129, 16, 32, s_metadata),
    V6(0xfd00, 0x0ec2, 0, 32, s_metadata),
    V6(0xfd20, 0x00ce, 0, 32, s_metadata),
    V4(0, 0, 0, 0, 8, s_unspecified),
    V6(0, 0, 0, 128, s_unspecified),
    V4(224, 0, 0, 0, 4, s_multicast),
    V6(0xff00, 0, 0, 8, s_multicast),
    V4(255, 255, 255, 255, 32, "broadcast"),
    /* Where in it the IPv4 address stands is each network's own choice (RFC 8215). */
    V6(0x0064, 0xff9b, 1, 48, "NAT64 of a local network"),
};

/* Unless allowed: the special-purpose registries of IANA (RFC 6890), and what is not in use. */
static const row_t s_special[] = {
    V4(10, 0, 0, 0, 8, s_private),
    V4(100, 64, 0, 0, 10, "shared by carriers"),
    V4(127, 0, 0, 0, 8, "loopback"),
    V4(169, 254, 0, 0, 16, "link-local"),
    V4(172, 16, 0, 0, 12, s_private),
    V4(192, 0, 0, 0, 24, s_reserved),
    V4(192, 0, 2, 0, 24, s_documentation),
    V4(192, 88, 99, 0, 24, "6to4 relay"),
    V4(192, 168, 0, 0, 16, s_private),
    V4(198, 18, 0, 0, 15, "benchmarking"),
    V4(198, 51, 100, 0, 24, s_documentation),
    V4(203, 0, 113, 0, 24, s_documentation),
    V4(240, 0, 0, 0, 4, s_reserved),
    {{[15] = 1}, 128, "loopback"},
    V6(0, 0, 0, 96, "IPv4-compatible"),
    V6(0x0100, 0, 0, 64, "discard"),
    V6(0x2001, 0, 0, 23, s_reserved),
    V6(0x2001, 0x0db8, 0, 32, s_documentation),
    V6(0x2002, 0, 0, 16, "6to4"),
    V6(0x3fff, 0, 0, 20, s_documentation),
    V6(0xfc00, 0, 0, 7, s_private),
    V6(0xfe80, 0, 0, 10, "link-local"),
    V6(0xfec0, 0, 0, 10, s_private),
};

/* IPv6 networks with an IPv4 address inside, and at which byte it begins. */
static const struct {
    row_t network;
    unsigned at;
} s_inside[] = {
    {V6(0, 0, 0, 96, ""), 12},
    {V6(0x2002, 0, 0, 16, ""), 2},
    {V6(0x0064, 0xff9b, 0, 96, ""), 12},
};

static const row_t s_mapped = V4(0, 0, 0, 0, 0, ""), s_public = V6(0x2000, 0, 0, 3, ""),
                   s_nat64 = V6(0x0064, 0xff9b, 0, 96, "");

static bool s_in(const row_t *row, const address_t *address)
{
    network_t network = {.bits = row->bits};
    memcpy(network.base.bytes, row->base, sizeof network.base.bytes);
    return network_has(&network, address);
}

static const char *s_listed(const row_t *rows, size_t len, const address_t *address)
{
    for (size_t i = 0; i < len; i++)
        if (s_in(&rows[i], address))
            return rows[i].reason;
    return NULL;
}
#define LISTED(rows, address) s_listed(rows, sizeof(rows) / sizeof *(rows), address)

egress_t *egress_new(const char *allow, char *err, size_t err_size)
{
    egress_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->allowed = networks_new(allow, err, err_size);
    if (!self->allowed)
        egress_destroy(&self);
    return self;
}

void egress_destroy(egress_t **self_p)
{
    if (*self_p) {
        networks_destroy(&(*self_p)->allowed);
        free(*self_p);
        *self_p = NULL;
    }
}

/* An IPv6 network does not allow IPv4 addresses, although they stand in one here: who writes ::/0
 * does not mean 10.0.0.0/8. */
static bool s_is_allowed(const egress_t *self, const address_t *address)
{
    for (size_t i = 0; i < self->allowed->len; i++) {
        const network_t *network = &self->allowed->network[i];
        if (network_has(network, address) &&
            (network->bits >= s_mapped.bits || !s_in(&s_mapped, address)))
            return true;
    }
    return false;
}

/* The refusal of the IPv4 address inside of an IPv6 one. */
static const char *s_inner_refusal(const egress_t *self, const address_t *address)
{
    for (size_t i = 0; i < sizeof s_inside / sizeof *s_inside; i++) {
        if (!s_in(&s_inside[i].network, address))
            continue;
        address_t inner;
        memcpy(inner.bytes, s_mapped.base, sizeof inner.bytes);
        memcpy(inner.bytes + 12, address->bytes + s_inside[i].at, 4);
        const char *refusal = egress_refusal_of(self, &inner);
        if (refusal)
            return refusal;
    }
    return NULL;
}

const char *egress_refusal_of(const egress_t *self, const address_t *address)
{
    static const address_t loopback = {{[15] = 1}};
    const char *never = LISTED(s_never, address);
    if (never)
        return never;
    if (memcmp(address, &loopback, sizeof loopback) != 0) {
        const char *inner = s_inner_refusal(self, address);
        if (inner)
            return inner;
    }
    if (s_is_allowed(self, address))
        return NULL;
    const char *special = LISTED(s_special, address);
    if (special)
        return special;
    bool public = s_in(&s_mapped, address) || s_in(&s_public, address) || s_in(&s_nat64, address);
    return public ? NULL : s_reserved;
}

bool egress_is_never(const address_t *address)
{
    return LISTED(s_never, address) != NULL;
}

const char *egress_refusal(const egress_t *self, const struct sockaddr *name)
{
    address_t address;
    return address_of(name, &address) ? egress_refusal_of(self, &address) : "not an IP address";
}
