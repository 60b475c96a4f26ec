#include "workers/format/cursor.h"
#include "workers/format/filter.h"

/* The text around the braces decides how a value behind it has to be written. */
typedef struct {
    bool in_code;    /* an odd count of ` came before */
    bool in_address; /* ]( stands right before */
} around_t;

/* Why a section's nodes ended. */
typedef enum { END_OF_TEXT, END_WORD, END_ELSE, END_ELIF } ending_t;

typedef struct {
    cursor_t cursor;
    around_t around;
} reader_t;

static int s_nodes(reader_t *self, node_t **first, ending_t *ending);

static node_t *s_new(reader_t *self, node_kind_t kind)
{
    node_t *node = room_take(self->cursor.syntax->room, sizeof *node);
    *node = (node_t){.kind = kind};
    return node;
}

static void s_look_around(reader_t *self, slice_t literal)
{
    for (size_t i = 0; i < literal.len; i++)
        self->around.in_code ^= literal.data[i] == '`';
    self->around.in_address =
        literal.len >= 2 && memcmp(literal.data + literal.len - 2, "](", 2) == 0;
}

/* The text up to the next braces, or to the end. */
static node_t *s_literal(reader_t *self)
{
    cursor_t *cursor = &self->cursor;
    const char *from = cursor->at;
    while (cursor->at < cursor->end &&
           !(cursor->end - cursor->at >= 2 && cursor->at[0] == '{' && cursor->at[1] == '{'))
        cursor->at++;
    node_t *node = s_new(self, NODE_LITERAL);
    node->literal = slice(from, (size_t)(cursor->at - from));
    if (node->literal.len > 0)
        s_look_around(self, node->literal);
    return node;
}

static int s_close(reader_t *self)
{
    if (cursor_take(&self->cursor, "}}"))
        return 0;
    size_t left = (size_t)(self->cursor.end - self->cursor.at);
    return cursor_fail(&self->cursor, "}} is expected before \"%.*s\"",
                       (int)(left > 20 ? 20 : left), self->cursor.at);
}

static int s_value(reader_t *self, node_t **node)
{
    *node = s_new(self, NODE_VALUE);
    if (cursor_expr(&self->cursor, &(*node)->expr) != 0)
        return -1;
    if (self->around.in_code)
        return cursor_fail(&self->cursor,
                           "a value between ` needs the filter code in place of them");
    if (self->around.in_address && !filter_ends_in_address(&(*node)->expr))
        return cursor_fail(&self->cursor, "a value behind ]( needs the filter url");
    return s_close(self);
}

static int s_sections(reader_t *self, node_t **first, ending_t *ending)
{
    if (++self->cursor.nesting > SYNTAX_NESTING)
        return cursor_fail(&self->cursor, "sections are nested more than %d deep", SYNTAX_NESTING);
    if (s_nodes(self, first, ending) != 0)
        return -1;
    self->cursor.nesting--;
    return *ending == END_OF_TEXT ? cursor_fail(&self->cursor, "{{ end }} is missing") : 0;
}

static int s_if(reader_t *self, node_t **node)
{
    ending_t ending;
    *node = s_new(self, NODE_IF);
    if (cursor_cond(&self->cursor, &(*node)->cond) != 0 || s_close(self) != 0 ||
        s_sections(self, &(*node)->then, &ending) != 0)
        return -1;
    if (ending == END_ELIF)
        return s_if(self, &(*node)->otherwise);
    if (ending == END_WORD)
        return 0;
    if (s_sections(self, &(*node)->otherwise, &ending) != 0)
        return -1;
    return ending == END_WORD ? 0 : cursor_fail(&self->cursor, "{{ end }} is missing");
}

static int s_each(reader_t *self, node_t **node)
{
    ending_t ending;
    int64_t most = SYNTAX_MOST;
    *node = s_new(self, NODE_EACH);
    if (cursor_expr(&self->cursor, &(*node)->expr) != 0)
        return -1;
    if (cursor_take_word(&self->cursor, "most") && cursor_number(&self->cursor, &most) != 0)
        return -1;
    if (most < 1 || most > SYNTAX_MOST)
        return cursor_fail(&self->cursor, "most is 1 to %d", SYNTAX_MOST);
    (*node)->most = (unsigned)most;
    if (s_close(self) != 0 || s_sections(self, &(*node)->then, &ending) != 0)
        return -1;
    if (ending == END_ELSE && s_sections(self, &(*node)->otherwise, &ending) != 0)
        return -1;
    return ending == END_WORD ? 0 : cursor_fail(&self->cursor, "{{ end }} is missing");
}

static int s_include(reader_t *self, node_t **node)
{
    const syntax_t *syntax = self->cursor.syntax;
    slice_t name = cursor_word(&self->cursor);
    *node = s_new(self, NODE_INCLUDE);
    for (unsigned i = 0; i < syntax->parts_most; i++)
        if (slice_eq(syntax->parts->names[i], name)) {
            (*node)->part = i;
            return s_close(self);
        }
    return cursor_fail(&self->cursor,
                       "no part \"%.*s\" stands before this text: a part may include those before "
                       "it",
                       SLICE_ARG(name));
}

/* What begins with {{, which is taken: a node, or the end of the section. */
static int s_braces(reader_t *self, node_t **node, ending_t *ending)
{
    cursor_t *cursor = &self->cursor;
    *node = NULL;
    if (cursor_take_word(cursor, "if"))
        return s_if(self, node);
    if (cursor_take_word(cursor, "each"))
        return s_each(self, node);
    if (cursor_take_word(cursor, "include"))
        return s_include(self, node);
    if (cursor_take_word(cursor, "elif")) {
        *ending = END_ELIF; /* its condition stands next */
        return 0;
    }
    if (cursor_take_word(cursor, "else") || cursor_take_word(cursor, "end")) {
        *ending = cursor->at[-1] == 'd' ? END_WORD : END_ELSE;
        return s_close(self);
    }
    return s_value(self, node);
}

/* Nodes up to the end of the section at hand. */
static int s_nodes(reader_t *self, node_t **first, ending_t *ending)
{
    *ending = END_OF_TEXT;
    *first = NULL;
    for (node_t **next = first; self->cursor.at < self->cursor.end; next = &(*next)->next) {
        *next = s_literal(self);
        if ((*next)->literal.len > 0)
            continue;
        self->cursor.at += 2;
        if (s_braces(self, next, ending) != 0)
            return -1;
        if (!*next)
            return 0;
        self->around.in_address = false;
    }
    return 0;
}

int syntax_text(syntax_t *self, slice_t text, node_t **first)
{
    reader_t reader = {{self, text.data, text.data + text.len, 0}, {false, false}};
    ending_t ending;
    if (s_nodes(&reader, first, &ending) != 0)
        return -1;
    return ending == END_OF_TEXT
               ? 0
               : cursor_fail(&reader.cursor, "{{ else }}, {{ elif }} or {{ end }} without its "
                                             "{{ if }} or {{ each }}");
}
