/* The handler record: how the deliveries of one bot or app are to be made, as authd tells it to the
 * worker that owns the target. The record travels with each event of that target and in an entry of
 * its own after each change. It holds secrets in the clear: who keeps the record encrypts it.
 *
 * A record is a msgpack map with string keys; an unknown key is ignored. Times are durations.
 * Threading: no state, any thread. */
#ifndef POSTERN_HANDLER_H
#define POSTERN_HANDLER_H

#include "common/base/slice.h"
#include "common/base/uuid.h"
#include "common/wire/pack.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HANDLER_URL = 2048,
    HANDLER_NAME = 80,       /* longest name of a bot or an extension */
    HANDLER_SECRETS = 10,    /* most that sign at once */
    HANDLER_SECRET = 128,    /* longest, as "whsec_…" */
    HANDLER_KEY = 8192,      /* longest RSA key, PEM */
    HANDLER_CONCURRENCY = 8, /* unless set */
    HANDLER_CONCURRENCY_MOST = 256,
    HANDLER_WAIT_S = 8,     /* longest that callers wait for its answer */
    HANDLER_BOUND_S = 3600, /* how long an ordered event is tried, unless set */
    HANDLER_OUTLET = 32,    /* longest name of a kind of outlets */
    HANDLER_SETTING = 2048, /* longest text that an outlet is set up with */
};

typedef struct {
    uint64_t version; /* rises with each change; 0 is none */
    slice_t url;      /* empty: the target has no handler any more */
    slice_t name;     /* the target's, for the handler's eyes */
    uint64_t concurrency;
    bool ordered;      /* one after another, each until it succeeds or its bound is reached */
    uint64_t bound_s;  /* of an ordered event */
    bool archived;     /* the target is archived: no call is made; false when the key is missing */
    uuid_t7 owner;     /* the user whose target it is; nil when it is not there */
    uint64_t wait_s;   /* how long callers wait for the answer; 0, or missing: not at all */
    slice_t key;       /* RSA private key in PEM for X-Cliq-Signature; empty: none */
    slice_t outlet;    /* of an outlet its kind, by which the calls are made; empty: it is none */
    slice_t to, token; /* what the outlet is set up with beside its URL */
    unsigned secrets;
    struct {
        slice_t text;          /* "whsec_…" */
        uint64_t left_ms;      /* how long it still signs; 0: without end */
    } secret[HANDLER_SECRETS]; /* newest first */
} wire_handler_t;

/* Appends the record to OUT. */
void wire_handler_encode(pack_t *out, const wire_handler_t *handler);

/* Reads a record; the slices point into ENCODED. 0, or -1 when ENCODED is no record or one outside
 * the limits. */
int wire_handler_decode(wire_handler_t *handler, slice_t encoded);

#endif
