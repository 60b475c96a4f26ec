/* Values, conditions and texts of a format, evaluated for an event.
 *
 * Threading: an object belongs to one thread. */
#ifndef POSTERN_WORKERS_FORMAT_EVAL_H
#define POSTERN_WORKERS_FORMAT_EVAL_H

#include "workers/format/filter.h"

/* The item at hand: the body, or an array's or object's member inside of each. */
typedef struct scope {
    const struct scope *up;
    value_t item;
    slice_t key;    /* its name in an object */
    unsigned index; /* from 1; 0 outside of each */
    unsigned more;  /* items that are left out */
} scope_t;

typedef struct {
    room_t *room;
    const parts_t *parts;
    value_t body;
    slice_t headers, query; /* wire pairs */
    unsigned depth;         /* of texts that are included */
} eval_t;

/* Which field a text is for: how its values are written. */
typedef enum { WRITE_MARKUP, WRITE_FLAT, WRITE_ADDRESS, WRITE_RAW } writing_t;

shown_t eval_expr(eval_t *self, const scope_t *scope, const expr_t *expr);
bool eval_cond(eval_t *self, const scope_t *scope, const cond_t *cond);

/* Adds the text of the nodes. */
void eval_text(eval_t *self, const scope_t *scope, const node_t *nodes, writing_t writing,
               text_t *out);

/* The items of a value, at most MOST: an array's, or an object's by name; a value that is there and
 * is neither is one item. Begin with eval_items, then next until false. */
typedef struct {
    members_t members;
    scope_t scope;
    unsigned left;
    bool is_one;
} items_t;
items_t eval_items(eval_t *self, const scope_t *scope, const expr_t *expr, unsigned most);
bool eval_items_next(eval_t *self, items_t *items);

#endif
