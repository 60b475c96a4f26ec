#include "common/link/route.h"

#include "common/base/uuid.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { RANDOM = 17 }; /* the dot, and 64 bits in hexadecimal */

static_assert(LINK_NAME + RANDOM < WIRE_NAME, "a route is a name of the wire");

void route_new(slice_t name, char route[WIRE_NAME])
{
    int len = name.len < LINK_NAME ? (int)name.len : LINK_NAME;
    snprintf(route, WIRE_NAME, "%.*s.%016" PRIx64, len, name.data, uuid_instance());
}

static bool s_is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

slice_t route_name(slice_t route)
{
    if (route.len <= RANDOM || route.data[route.len - RANDOM] != '.')
        return route;
    for (size_t i = route.len - RANDOM + 1; i < route.len; i++)
        if (!s_is_hex(route.data[i]))
            return route;
    return slice(route.data, route.len - RANDOM);
}
