/* Pairs of names and values as an entry carries them: parameters and headers.
 *
 * Threading: an object belongs to one thread. */
#ifndef POSTERN_WIRE_PAIRS_H
#define POSTERN_WIRE_PAIRS_H

#include "common/wire/pack.h"

#include <stdbool.h>

/* Build: start with an empty pack_t, add pairs, take wire_pairs_of. Read: begin with
 * wire_pairs_begin, then next until false. */
void wire_pairs_add(pack_t *pairs, slice_t name, slice_t value);
slice_t wire_pairs_of(const pack_t *pairs);
typedef struct {
    unpack_t cursor;
} wire_pairs_t;
wire_pairs_t wire_pairs_begin(slice_t pairs);
bool wire_pairs_next(wire_pairs_t *self, slice_t *name, slice_t *value);
/* The first value of NAME (exact); false when there is none. */
bool wire_pairs_find(slice_t pairs, const char *name, slice_t *value);

/* The name of the pair, the first of an entry's headers, that says which format the path names; no
 * header of HTTP can have it. */
#define WIRE_FORMAT ":format"
/* Likewise which message the path names: its id. */
#define WIRE_MESSAGE ":message"
/* Likewise the number of a delivery. */
#define WIRE_NUMBER ":number"
/* Likewise what was called of the URL, path and query as they came, where a source's signature is
 * the credential (CRED_SIGNATURE); authd takes it out. */
#define WIRE_URL ":url"
/* In the place of the handler record of a request that changes a message: the target's owner asks.
 */
#define WIRE_OWNER "owner"
/* Of a message with userids, by authd, whom these name: WIRE_AUDIENCE those of the body,
 * WIRE_AUDIENCE_PARAM those of the query. The value is WIRE_AUDIENCE_IDS and their ids, or
 * WIRE_AUDIENCE_FAULT and why they cannot be taken, a text for the sender. */
#define WIRE_AUDIENCE ":audience"
#define WIRE_AUDIENCE_PARAM ":audience-param"
enum { WIRE_AUDIENCE_IDS = '+', WIRE_AUDIENCE_FAULT = '-' };
enum {
    WIRE_FORMAT_NAME = 32, /* longest name of a format: a-z, 0-9, - and _ */
    WIRE_URL_MOST = 2048,  /* of path and query */
};

#endif
