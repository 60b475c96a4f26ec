/* Outlets: the URLs and services that a channel's messages are pushed to. A channel has at most
 * OUTLETS_MOST. One that is deleted stays as a row without settings and secrets, so that its worker
 * is told that it is gone. URL, token and secrets are kept encrypted under the master key.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_DIRECTORY_OUTLETS_H
#define POSTERN_DIRECTORY_OUTLETS_H

#include "authd/directory/directory.h"
#include "authd/directory/places.h"
#include "authd/directory/sealed.h"
#include "common/base/uuid.h"
#include "common/store/sealing_key.h"
#include "common/wire/handler.h"

enum {
    OUTLETS_MOST = 8, /* of a channel */
    OUTLET_NAME = 80,
};

typedef struct {
    uuid_t7 id, channel;
    uint64_t version, created_ms;
    bool gone;   /* it was deleted */
    bool paused; /* nothing is pushed; it goes on from where it was */
    slice_t kind, name;
    slice_t shown;                    /* of the URL what may be shown */
    slice_t to;                       /* to whom there */
    slice_t sealed_url, sealed_token; /* empty: none */
    uint64_t bound_s;                 /* how long a message is tried */
    unsigned secrets;
    sealed_t secret[HANDLER_SECRETS]; /* oldest first; they sign the calls */
} outlet_t;

/* False when there is none; one that is gone is there. */
bool outlets_get(view_t *view, const uuid_t7 *id, outlet_t *outlet);
/* The next by id past AFTER (NULL: the first), those that are gone, too; the next of a channel that
 * is not. */
bool outlets_next(view_t *view, const uuid_t7 *after, outlet_t *outlet);
bool outlets_next_of(view_t *view, const uuid_t7 *channel, const uuid_t7 *after, outlet_t *outlet);
unsigned outlets_count(view_t *view, const uuid_t7 *channel);

/* Its channel; false when that is not there. */
bool outlet_channel(view_t *view, const outlet_t *outlet, place_t *channel);

/* False when the channel has OUTLETS_MOST. OUTLET holds no slice of the view's. */
bool outlets_add(view_t *view, const outlet_t *outlet);
void outlets_put(view_t *view, const outlet_t *outlet);
/* Takes settings and secrets away. */
void outlets_end(view_t *view, outlet_t *outlet);

/* Gives OUTLET a higher version than any that a worker was told: call this before each put. */
void outlet_raise(outlet_t *outlet, uint64_t now_ms);

/* Appends the handler record of common/wire/handler.h to OUT, secrets in the clear: the caller
 * wipes it. wall_ms: now. */
void outlet_record(view_t *view, const outlet_t *outlet, uint64_t wall_ms, pack_t *out);

#endif
