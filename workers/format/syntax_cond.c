#include "workers/format/cursor.h"

static cond_t *s_new(cursor_t *self, cond_kind_t kind)
{
    cond_t *cond = room_take(self->syntax->room, sizeof *cond);
    *cond = (cond_t){.kind = kind};
    return cond;
}

static int s_or(cursor_t *self, cond_t **cond);

static int s_list(cursor_t *self, cond_t *cond)
{
    expr_t items[SYNTAX_ARGS];
    if (!cursor_take(self, "["))
        return cursor_fail(self, "in is followed by a list: in ['a', 'b']");
    do {
        if (cond->count == SYNTAX_ARGS)
            return cursor_fail(self, "a list has more than %d items", SYNTAX_ARGS);
        if (cursor_expr(self, &items[cond->count++]) != 0)
            return -1;
    } while (cursor_take(self, ","));
    if (!cursor_take(self, "]"))
        return cursor_fail(self, "a list's closing ] is missing");
    cond->kind = COND_IN;
    cond->right = room_take(self->syntax->room, cond->count * sizeof *items);
    memcpy(cond->right, items, cond->count * sizeof *items);
    return 0;
}

/* The comparison that stands next, if one does. */
static bool s_comparison(cursor_t *self, cond_kind_t *kind)
{
    static const struct {
        const char *sign;
        cond_kind_t kind;
    } rows[] = {{"==", COND_EQUAL},      {"!=", COND_UNEQUAL}, {"<=", COND_LESS_EQUAL},
                {">=", COND_MORE_EQUAL}, {"<", COND_LESS},     {">", COND_MORE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (cursor_take(self, rows[i].sign)) {
            *kind = rows[i].kind;
            return true;
        }
    *kind = COND_LIKE;
    return cursor_take_word(self, "like");
}

/* What may stand behind the left side of a comparison. */
static int s_compare(cursor_t *self, cond_t *cond)
{
    if (cursor_take_word(self, "in"))
        return s_list(self, cond);
    cond_kind_t kind;
    if (!s_comparison(self, &kind))
        return 0;
    cond->kind = kind;
    cond->count = 1;
    cond->right = room_take(self->syntax->room, sizeof *cond->right);
    return cursor_expr(self, cond->right);
}

static int s_parenthesis(cursor_t *self, cond_t **cond)
{
    if (++self->nesting > SYNTAX_NESTING)
        return cursor_fail(self, "parentheses are nested more than %d deep", SYNTAX_NESTING);
    if (s_or(self, cond) != 0)
        return -1;
    self->nesting--;
    if (!cursor_take(self, ")"))
        return cursor_fail(self, "a ) is missing in a condition");
    return (*cond)->kind == COND_TRUE ? s_compare(self, *cond) : 0;
}

static int s_not(cursor_t *self, cond_t **cond)
{
    bool negative = false;
    while (cursor_take_word(self, "not"))
        negative = !negative;
    if (cursor_take(self, "(")) {
        if (s_parenthesis(self, cond) != 0)
            return -1;
    } else {
        *cond = s_new(self, COND_TRUE);
        if (cursor_expr(self, &(*cond)->left) != 0 || s_compare(self, *cond) != 0)
            return -1;
    }
    if (negative) {
        cond_t *outer = s_new(self, COND_NOT);
        outer->a = *cond;
        *cond = outer;
    }
    return 0;
}

static int s_chain(cursor_t *self, cond_kind_t kind, const char *word,
                   int (*inner)(cursor_t *self, cond_t **cond), cond_t **cond)
{
    if (inner(self, cond) != 0)
        return -1;
    while (cursor_take_word(self, word)) {
        cond_t *both = s_new(self, kind);
        both->a = *cond;
        *cond = both;
        if (inner(self, &both->b) != 0)
            return -1;
    }
    return 0;
}

static int s_and(cursor_t *self, cond_t **cond)
{
    return s_chain(self, COND_AND, "and", s_not, cond);
}

static int s_or(cursor_t *self, cond_t **cond)
{
    return s_chain(self, COND_OR, "or", s_and, cond);
}

int cursor_cond(cursor_t *self, cond_t **cond)
{
    return s_or(self, cond);
}

int syntax_cond(syntax_t *self, slice_t text, cond_t **cond)
{
    cursor_t cursor = {self, text.data, text.data + text.len, 0};
    return cursor_cond(&cursor, cond) == 0 ? cursor_end(&cursor) : -1;
}
