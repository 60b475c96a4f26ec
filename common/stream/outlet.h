/* What authd and the worker of an outlet say to each other (docs/PROTOCOL.md, Outlets): the
 * operation outlet_push. Without a body it asks where the outlet stands; the body of the answer is
 * an outlet_standing_t. With a body it brings a message, whose position in the channel is the
 * parameter OUTLET_POSITION.
 *
 * Reading trusts nobody. Threading: no state, any thread. */
#ifndef POSTERN_STREAM_OUTLET_H
#define POSTERN_STREAM_OUTLET_H

#include "common/stream/bytes.h"
#include "common/stream/position.h"

#define OUTLET_POSITION "position"

enum { OUTLET_PENDING = 64 /* messages that may wait for their calls at the worker */ };

typedef struct {
    bool any; /* it has had messages */
    position_t
        position;     /* in the channel, of the newest one that it has; sequence 0: none is kept */
    int64_t time_ms;  /* wall clock of when that came */
    uint32_t pending; /* that wait for their calls; at most OUTLET_PENDING are counted */
} outlet_standing_t;

void outlet_standing_write(const outlet_standing_t *standing, bytes_t *out);
bool outlet_standing_read(slice_t body, outlet_standing_t *standing);

enum { OUTLET_KEY = 32 };
/* The dedupe key of a message of an outlet: what is brought twice is stored once. */
void outlet_key(const uuid_t7 *outlet, const position_t *position, uint8_t key[OUTLET_KEY]);

#endif
