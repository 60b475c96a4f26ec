/* What a kind of outlet is parsed to. Private to workers/outlet. */
#ifndef POSTERN_WORKERS_OUTLET_SELF_H
#define POSTERN_WORKERS_OUTLET_SELF_H

#include "workers/format/shape.h"
#include "workers/outlet/kinds.h"

typedef struct {
    slice_t name;
    node_t *value;
} outlet_head_t;

struct outlet_kind {
    room_t room; /* the memory of all that follows */
    char *name, *title;
    const char *method;
    parts_t parts;
    outlet_field_t field[OUTLET_SETTINGS];
    node_t *url;
    unsigned heads;
    outlet_head_t head[OUTLET_HEADERS];
    shape_t *body;
};

#endif
