/* The query of a URL: parameters for the handler, and the two credentials taken out of them.
 *
 * An object is reused from one request to the next and belongs to one thread; what it holds is
 * valid until the next query_parse. */
#ifndef POSTERN_GATEWAY_READ_QUERY_H
#define POSTERN_GATEWAY_READ_QUERY_H

#include "common/base/errors.h"
#include "common/wire/wire.h"
#include "gateway/read/presented.h"

enum {
    QUERY_URL = 64 << 10, /* longest URL */
    QUERY_VALUE = 10000,  /* most characters of a name or a value */
};

typedef struct {
    pack_t params; /* pairs for wire_pairs_of */
    unsigned count;
    presented_t token, appkey; /* zapikey, appkey */
    char *scratch;             /* private: a name and a value */
} query_t;

query_t *query_new(void);
void query_destroy(query_t **self_p);

/* How a name or a value is treated that cannot be decoded: a broken escape, bytes that are not
 * UTF-8, a NUL. */
typedef enum {
    QUERY_STRICT, /* an error */
    QUERY_EVENT,  /* kept as it came; raw bytes that are not UTF-8 as escapes */
} query_for_t;

/* Parses what follows the '?'. At most MOST parameters besides the credentials. ERROR_none, or the
 * error with its detail (constant text). '+' is a space, but stands for itself in a credential. */
error_code_t query_parse(query_t *self, slice_t query, query_for_t what, unsigned most,
                         const char **detail);

/* Overwrites the credentials. */
void query_wipe(query_t *self);

#endif
