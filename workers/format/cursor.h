/* A place in the text of a format that is being parsed. Only syntax*.c include it.
 *
 * Threading: as syntax.h. */
#ifndef POSTERN_WORKERS_FORMAT_CURSOR_H
#define POSTERN_WORKERS_FORMAT_CURSOR_H

#include "workers/format/syntax.h"

typedef struct {
    syntax_t *syntax;
    const char *at, *end;
    unsigned nesting; /* of parentheses and sections */
} cursor_t;

/* Writes the reason; always -1. */
__attribute__((format(printf, 2, 3))) int cursor_fail(cursor_t *self, const char *format, ...);

void cursor_skip_blanks(cursor_t *self);
/* 0 at the end of the text, else -1 with the reason. */
int cursor_end(cursor_t *self);

/* Takes PUNCTUATION, when it stands next. */
bool cursor_take(cursor_t *self, const char *punctuation);

/* Takes WORD, when it stands next as a whole word. */
bool cursor_take_word(cursor_t *self, const char *word);

/* The word that stands next, taken; empty when none does. */
slice_t cursor_word(cursor_t *self);

/* Each parses what stands next: 0, or -1 with the reason. */
int cursor_expr(cursor_t *self, expr_t *expr);
int cursor_cond(cursor_t *self, cond_t **cond);
int cursor_number(cursor_t *self, int64_t *number);

#endif
