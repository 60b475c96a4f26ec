/* The call that a message becomes: method, URL, headers and body by the templates of its outlet's
 * kind.
 *
 * The templates see the message as reading it back has it (docs/API.md), and beside that text, what
 * it says as one text in the channel's markup (of its card and its slides, too), channel, the
 * channel's name, outlet.url, outlet.to and outlet.token, and hops, through how many outlets it has
 * come with this one: what goes from one Postern to another and on has it as the message's field
 * postern_hops.
 *
 * Threading: a renderer belongs to one thread at a time. Running out of memory aborts. */
#ifndef POSTERN_WORKERS_OUTLET_RENDER_H
#define POSTERN_WORKERS_OUTLET_RENDER_H

#include "workers/format/room.h"
#include "workers/format/value.h"
#include "workers/outlet/kinds.h"

enum { OUTLET_HOPS = 4 /* a message that has come through so many goes no further */ };

typedef struct {
    slice_t name, value; /* the value without control characters */
} outlet_header_t;

typedef struct {
    const char *method;
    slice_t url, body;
    unsigned headers;
    outlet_header_t header[OUTLET_HEADERS];
} outlet_call_t;

typedef struct outlet_renderer outlet_renderer_t;
outlet_renderer_t *outlet_renderer_new(void);
void outlet_renderer_destroy(outlet_renderer_t **self_p);

/* What becomes of a message. */
typedef enum {
    OUTLET_CALLED,
    OUTLET_SKIPPED, /* it is not for an outlet: it was deleted, has no message object, is for
                       some readers alone, or has come through OUTLET_HOPS */
    OUTLET_FAILED,  /* ROW is no such message, or what comes out is no call */
} outlet_outcome_t;

/* MESSAGE: the object of one message, JSON. What CALL points to is valid until the next call. */
outlet_outcome_t outlet_render(outlet_renderer_t *self, const outlet_kind_t *kind,
                               const outlet_settings_t *settings, slice_t channel, slice_t message,
                               outlet_call_t *call);

/* text.c: adds what a message object says, in the channel's markup. */
void outlet_text(room_t *room, const value_t *message, text_t *out);

#endif
