/* The parsed form of a format: what format_parse makes and a renderer reads. Only format.c,
 * parse.c, render.c and summary.c include it.
 *
 * Threading: as format.h. */
#ifndef POSTERN_WORKERS_FORMAT_RULES_H
#define POSTERN_WORKERS_FORMAT_RULES_H

#include "workers/format/format.h"
#include "workers/format/shape.h"

enum { FORMAT_DETECTORS = 8, FORMAT_NAMES = 16, FORMAT_RULES = 256 };

/* What an event is known by; all that is there has to hold. */
typedef struct {
    slice_t header, agent; /* a header's name; a glob of User-Agent */
    unsigned without_count, body_count;
    slice_t without[FORMAT_NAMES]; /* headers that are not there */
    expr_t body[FORMAT_NAMES];     /* values that are there */
    slice_t equal[FORMAT_NAMES];   /* and are this, unless it is empty */
} detector_t;

typedef struct {
    unsigned count;
    slice_t *on; /* globs of the event's name; none: any */
    cond_t *cond;
    shape_t *message; /* NULL: no message is wanted */
} rule_t;

struct format {
    room_t room; /* the memory of all that follows */
    char sender[FORMAT_NAME];
    char *title, *answer;
    unsigned detectors_count;
    detector_t detectors[FORMAT_DETECTORS];
    node_t *event, *id, *branch;
    parts_t parts;
    unsigned rules_count;
    rule_t *rules;
    bool drops; /* an event without a rule */
};

/* The line of TEXT, JSON, on which the value at SPOT stands ("rules[3].message.text"), from 1; that
 * of the innermost value around it that is there. */
unsigned json_line(slice_t text, const char *spot);

/* One line about an event: who, what, where, found by the names that senders use. */
void summary_write(eval_t *eval, const format_t *format, slice_t event, const char *fault,
                   text_t *out);

#endif
