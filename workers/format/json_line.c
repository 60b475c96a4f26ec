#include "workers/format/rules.h"

#include <stdlib.h>

/* A place in JSON that has been parsed already: its grammar is right. */
typedef struct {
    const char *at, *end;
} place_t;

static void s_blanks(place_t *self)
{
    while (self->at < self->end && is_one_of(*self->at, " \t\r\n,:"))
        self->at++;
}

/* The raw text of a string, which is taken. */
static slice_t s_string(place_t *self)
{
    const char *from = ++self->at;
    while (self->at < self->end && *self->at != '"')
        self->at += *self->at == '\\' ? 2 : 1;
    slice_t text = slice(from, (size_t)(self->at - from));
    self->at++;
    return text;
}

static void s_skip(place_t *self)
{
    unsigned open = 0;
    do {
        s_blanks(self);
        if (self->at >= self->end)
            return;
        if (*self->at == '"') {
            s_string(self);
            continue;
        }
        if (is_one_of(*self->at, "[{"))
            open++;
        else if (is_one_of(*self->at, "]}"))
            open--;
        else
            while (self->at + 1 < self->end && !is_one_of(self->at[1], ",]} \t\r\n"))
                self->at++;
        self->at++;
    } while (open > 0);
}

/* Goes to the member NAME, or the one of number INDEX when NAME is empty. */
static bool s_enter(place_t *self, slice_t name, unsigned long index)
{
    bool is_object = *self->at == '{';
    place_t inner = {self->at + 1, self->end};
    for (unsigned long i = 0;; i++) {
        s_blanks(&inner);
        if (inner.at >= inner.end || is_one_of(*inner.at, "]}"))
            return false;
        slice_t key = is_object ? s_string(&inner) : slice("", 0);
        s_blanks(&inner);
        if (name.len ? is_object && slice_eq(key, name) : !is_object && i == index) {
            *self = inner;
            return true;
        }
        s_skip(&inner);
    }
}

/* The next name or index of a spot; false at its end. */
static bool s_next(const char **spot, slice_t *name, unsigned long *index)
{
    if (**spot == '\0')
        return false;
    if (**spot == '[') {
        char *end;
        *name = slice("", 0);
        *index = strtoul(*spot + 1, &end, 10);
        *spot = *end == ']' ? end + 1 : end + strlen(end);
        return true;
    }
    *spot += **spot == '.';
    *name = slice(*spot, strcspn(*spot, ".["));
    *spot += name->len;
    return name->len > 0;
}

unsigned json_line(slice_t text, const char *spot)
{
    place_t place = {text.data, text.data + text.len};
    slice_t name;
    unsigned long index = 0;
    unsigned line = 1;
    s_blanks(&place);
    while (place.at < place.end && is_one_of(*place.at, "[{") && s_next(&spot, &name, &index) &&
           s_enter(&place, name, index))
        ;
    for (const char *c = text.data; c < place.at && c < place.end; c++)
        line += *c == '\n';
    return line;
}
