/* The parsed form of a format's texts and conditions: a tree in the format's own memory.
 *
 * Threading: read-only once it is parsed; any thread. */
#ifndef POSTERN_WORKERS_FORMAT_SYNTAX_H
#define POSTERN_WORKERS_FORMAT_SYNTAX_H

#include "workers/format/room.h"
#include "workers/format/value.h"

#include <stdint.h>

enum {
    SYNTAX_NESTING = 8,   /* deepest nesting of sections, parentheses, arrays' items */
    SYNTAX_SEGMENTS = 16, /* most names of a path */
    SYNTAX_FILTERS = 12,  /* most filters of a value */
    SYNTAX_ARGS = 64,     /* most arguments of a filter, items of a list */
    SYNTAX_MOST = 100,    /* most items of an array that are gone through */
    SYNTAX_PARTS = 32,
    SYNTAX_REASON = 256,
};

/* Where a path begins. */
typedef enum {
    FROM_ITEM, /* the item at hand: the body outside of each */
    FROM_UP,   /* the item around it */
    FROM_BODY,
    FROM_HEADER, /* the segment is a header's name, in lower case */
    FROM_QUERY,
    FROM_INDEX, /* the item's place, from 1 */
    FROM_KEY,   /* its name, in an object */
    FROM_MORE,  /* how many items are left out */
} from_t;

typedef struct {
    slice_t name;  /* of an object's member, or */
    int64_t index; /* an array's place, from the end when negative */
    bool is_index;
} segment_t;

typedef struct {
    from_t from;
    unsigned up; /* FROM_UP: how many items outwards */
    unsigned count;
    segment_t *segments;
} path_t;

typedef enum { OPERAND_PATH, OPERAND_TEXT, OPERAND_NUMBER } operand_kind_t;
typedef struct {
    operand_kind_t kind;
    path_t path;
    value_t value; /* of TEXT and NUMBER */
} operand_t;

struct filter_row;
typedef struct {
    const struct filter_row *row;
    unsigned count;
    operand_t *args;
} filter_call_t;

typedef struct {
    operand_t operand;
    unsigned count;
    filter_call_t *calls;
} expr_t;

typedef enum {
    COND_TRUE, /* left is neither missing nor empty */
    COND_AND,
    COND_OR,
    COND_NOT,
    COND_EQUAL,
    COND_UNEQUAL,
    COND_LESS,
    COND_LESS_EQUAL,
    COND_MORE,
    COND_MORE_EQUAL,
    COND_IN,
    COND_LIKE, /* the right side is a glob with * and ? */
} cond_kind_t;

typedef struct cond {
    cond_kind_t kind;
    struct cond *a, *b; /* AND, OR; NOT has a */
    expr_t left;
    unsigned count;
    expr_t *right; /* COUNT of them for IN, else one */
} cond_t;

typedef enum { NODE_LITERAL, NODE_VALUE, NODE_IF, NODE_EACH, NODE_INCLUDE } node_kind_t;

typedef struct node {
    node_kind_t kind;
    slice_t literal;
    expr_t expr;   /* VALUE; EACH: what is gone through */
    cond_t *cond;  /* IF */
    unsigned most; /* EACH */
    unsigned part; /* INCLUDE: the part's number */
    struct node *then, *otherwise;
    struct node *next;
} node_t;

/* The shared texts of a format, by name; their nodes stand in the order of the names. */
typedef struct {
    unsigned count;
    slice_t names[SYNTAX_PARTS];
    node_t *nodes[SYNTAX_PARTS];
} parts_t;

/* What the parsers need, and where they say what is wrong. */
typedef struct {
    room_t *room;         /* the format's memory */
    const parts_t *parts; /* that texts may include: those before PARTS_MOST */
    unsigned parts_most;
    char *reason; /* SYNTAX_REASON bytes */
} syntax_t;

/* Parses a text with values and sections; an empty text gives no node. Returns 0, or -1 with the
 * reason. */
int syntax_text(syntax_t *self, slice_t text, node_t **first);

/* Parses a condition. */
int syntax_cond(syntax_t *self, slice_t text, cond_t **cond);

/* Parses a value without braces, as an array's each has it. */
int syntax_expr(syntax_t *self, slice_t text, expr_t *expr);

#endif
