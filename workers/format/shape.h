/* The message of a rule: a tree of the message object's shape, whose texts are parsed, and which is
 * written for an event.
 *
 * What comes out is inside the limits of docs/API.md, The message object: texts are cut with …,
 * arrays end. An object's field whose text comes out empty is left out, and with it the object that
 * is nothing without the field, as a button is without its address.
 *
 * Threading: a shape is read-only once it is parsed. */
#ifndef POSTERN_WORKERS_FORMAT_SHAPE_H
#define POSTERN_WORKERS_FORMAT_SHAPE_H

#include "workers/format/eval.h"
#include "workers/message/json_out.h"

typedef struct shape shape_t;

/* Where in a format a value stands: "rules[3].message.text". */
typedef struct {
    char text[160];
    size_t len;
} spot_t;
/* Puts .NAME, or [INDEX] when NAME is empty, behind the spot; returns what it was, for
 * spot_back. */
size_t spot_enter(spot_t *self, slice_t name, size_t index);
void spot_back(spot_t *self, size_t len);

/* Parses a message object of templates. 0, or -1: the reason is the syntax's, and *SPOT is left at
 * what is wrong. */
int shape_parse(syntax_t *syntax, const value_t *json, spot_t *spot, shape_t **shape);

/* The same of an object that is no message: no field means anything, no text has a limit, values
 * are written as they are, and {"json": PATH} is the value itself. */
int shape_parse_plain(syntax_t *syntax, const value_t *json, spot_t *spot, shape_t **shape);

/* Writes the object behind what OUT holds; false: it came out without content, and nothing was
 * written. */
bool shape_write(eval_t *eval, const scope_t *scope, const shape_t *shape, json_out_t *out);

#endif
