/* By which route a bound socket reaches a peer. ZeroMQ gives a route to the newest connection that
 * asks for it, before that has said a word, so nobody else may know it: a connecting process asks
 * for its name with a random part, as channel-0.0123456789abcdef, and says both in its HELLO. A
 * peer of an earlier release has its name alone.
 *
 * Private to common/link. Threading: any thread. */
#ifndef POSTERN_LINK_ROUTE_H
#define POSTERN_LINK_ROUTE_H

#include "common/link/link.h"

/* Another one with each call; of NAME up to LINK_NAME bytes. */
void route_new(slice_t name, char route[WIRE_NAME]);

/* A route without its random part. */
slice_t route_name(slice_t route);

#endif
