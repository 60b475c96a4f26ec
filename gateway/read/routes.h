/* Paths of a listener to operations: compiled once from common/ops.def.
 *
 * A path is [/(company|network)/{name}]/api/(v2|v3)<path of the row>. Slashes at the end of the
 * path, and repeated slashes before api, v2 and the row's path do not count; within the row's path,
 * where a target may be missing, they do. Rows of op_is_admin do not exist for the public
 * listener, and no others exist for the admin listener. Threading: read-only after routes_new; any
 * thread. */
#ifndef POSTERN_GATEWAY_READ_ROUTES_H
#define POSTERN_GATEWAY_READ_ROUTES_H

#include "common/base/ops.h"
#include "common/base/slice.h"
#include "common/wire/wire.h"

typedef struct routes routes_t;

typedef enum { ROUTES_PUBLIC, ROUTES_ADMIN } routes_for_t;
routes_t *routes_new(routes_for_t listener);
void routes_destroy(routes_t **self_p);

typedef enum {
    ROUTE_FOUND,
    ROUTE_NOT_FOUND,
    ROUTE_FORMAT,    /* the format in the path cannot be the name of one */
    ROUTE_MESSAGE,   /* the message in the path cannot be the id of one */
    ROUTE_METHOD,    /* the path is known, the method is not one of its own: allow has them */
    ROUTE_MALFORMED, /* a broken percent escape, or a control character, in the target */
} route_result_t;

typedef struct {
    const op_t *op;
    unsigned method;          /* its bit; OP_GET for a HEAD that the row does not say */
    unsigned allow;           /* bits of all methods of this path */
    char target[WIRE_TARGET]; /* decoded */
    size_t target_len;
    slice_t format, message, number; /* of the path, as they stand there; or empty */
} route_t;

/* PATH is the raw path of the request, without the query; METHOD its name. */
route_result_t routes_find(const routes_t *self, slice_t method, slice_t path, route_t *route);

/* The value of an Allow header for method bits. Constant, valid as long as the routes. */
slice_t routes_allow(const routes_t *self, unsigned methods);

#endif
