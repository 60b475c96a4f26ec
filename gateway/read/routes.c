#include "gateway/read/routes.h"

#include "common/base/percent.h"
#include "common/base/utf8.h"

#include <assert.h>
#include <stdlib.h>

enum { SEGMENTS = 4, ROWS = 192, METHODS = 5 };

typedef enum {
    LITERAL,
    PLURAL /* an s may follow */,
    TARGET,
    FORMAT,
    MESSAGE,
    NUMBER
} segment_kind_t;
typedef struct {
    segment_kind_t kind;
    slice_t text; /* of a literal */
} segment_t;

typedef struct {
    const op_t *op;
    segment_t segment[SEGMENTS];
    unsigned segments;
} row_t;

struct routes {
    row_t row[ROWS];
    unsigned rows;
    char allow[1 << METHODS][40]; /* by method bits */
};

/* Cuts the next segment off a path that begins with '/'. False at its end. */
static bool s_segment(slice_t *path, slice_t *segment)
{
    if (path->len == 0 || *path->data != '/')
        return false;
    const char *from = path->data + 1;
    const char *slash = memchr(from, '/', path->len - 1);
    size_t len = slash ? (size_t)(slash - from) : path->len - 1;
    *segment = slice(from, len);
    *path = slice(from + len, path->len - 1 - len);
    return true;
}

static void s_compile(row_t *row, const op_t *op)
{
    slice_t path = slice_of(op->path), text;
    row->op = op;
    while (s_segment(&path, &text)) {
        assert(row->segments < SEGMENTS);
        segment_t *segment = &row->segment[row->segments++];
        bool plural = text.len > 3 && memcmp(text.data + text.len - 3, "(s)", 3) == 0;
        segment->kind = slice_is(text, "{target}")    ? TARGET
                        : slice_is(text, "{format}")  ? FORMAT
                        : slice_is(text, "{message}") ? MESSAGE
                        : slice_is(text, "{number}")  ? NUMBER
                        : plural                      ? PLURAL
                                                      : LITERAL;
        segment->text = slice(text.data, text.len - (plural ? 3 : 0));
        assert(segment->text.len &&
               (segment->kind >= TARGET || !memchr(segment->text.data, '{', segment->text.len)));
    }
}

static void s_render_allow(char *out, unsigned methods)
{
    for (unsigned bit = 1; bit < 1 << METHODS; bit <<= 1) {
        if (!(methods & bit))
            continue;
        if (*out)
            strcat(out, ", ");
        strcat(out, op_method_name(bit));
    }
}

routes_t *routes_new(routes_for_t listener)
{
    routes_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        if (listener == ROUTES_ADMIN ? !op_is_admin(op) : op->credentials >= CRED_ADMIN)
            continue;
        assert(self->rows < ROWS);
        s_compile(&self->row[self->rows++], &op_table[i]);
    }
    for (unsigned methods = 0; methods < 1 << METHODS; methods++)
        s_render_allow(self->allow[methods], methods);
    return self;
}

void routes_destroy(routes_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

static bool s_is_number(slice_t text)
{
    enum { LONGEST = 19 }; /* digits of INT64_MAX */
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.len > 0 && text.len <= LONGEST;
}

static bool s_matches(const segment_t *segment, slice_t text)
{
    size_t len = segment->text.len;
    if (segment->kind == NUMBER) /* what is none may be a literal of another row */
        return s_is_number(text);
    if (segment->kind >= TARGET)
        return true;
    if (text.len != len &&
        !(segment->kind == PLURAL && text.len == len + 1 && text.data[len] == 's'))
        return false;
    return memcmp(text.data, segment->text.data, len) == 0;
}

/* The same past empty ones: a base URL that ends in a slash leaves them before a literal. */
static bool s_literal(slice_t *path, slice_t *segment)
{
    bool found;
    do
        found = s_segment(path, segment);
    while (found && segment->len == 0);
    return found;
}

/* Leaves what stands behind [/(company|network)/{name}]/api/(v2|v3), without slashes at its end. */
static bool s_strip(slice_t *path)
{
    slice_t text;
    while (path->len && path->data[path->len - 1] == '/')
        path->len--;
    if (!s_literal(path, &text))
        return false;
    if (slice_is(text, "company") || slice_is(text, "network")) {
        if (!s_segment(path, &text) || text.len == 0 || !s_literal(path, &text))
            return false;
    }
    if (!slice_is(text, "api") || !s_literal(path, &text))
        return false;
    while (path->len > 1 && path->data[1] == '/')
        *path = slice(path->data + 1, path->len - 1);
    return slice_is(text, "v2") || slice_is(text, "v3");
}

static route_result_t s_decode_target(route_t *route, slice_t raw)
{
    char decoded[3 * WIRE_TARGET];
    if (raw.len == 0 || raw.len > sizeof decoded)
        return ROUTE_NOT_FOUND;
    ssize_t len = percent_decode(raw, false, decoded);
    if (len < 0)
        return ROUTE_MALFORMED;
    if (len > WIRE_TARGET)
        return ROUTE_NOT_FOUND;
    for (ssize_t i = 0; i < len; i++)
        if ((unsigned char)decoded[i] < 0x20 || decoded[i] == 0x7f)
            return ROUTE_MALFORMED;
    if (!utf8_valid(slice(decoded, (size_t)len)))
        return ROUTE_MALFORMED;
    memcpy(route->target, decoded, (size_t)len);
    route->target_len = (size_t)len;
    return ROUTE_FOUND;
}

static bool s_is_format(slice_t name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_one_of(name.data[i], "abcdefghijklmnopqrstuvwxyz0123456789-_"))
            return false;
    return name.len > 0 && name.len <= WIRE_FORMAT_NAME;
}

/* "<time>_<number>" */
static bool s_is_message(slice_t id)
{
    enum { LONGEST = 40 };
    bool part = false;
    for (size_t i = 0; i < id.len; i++) {
        part |= id.data[i] == '_';
        if (id.data[i] != '_' && (id.data[i] < '0' || id.data[i] > '9'))
            return false;
    }
    return part && id.len <= LONGEST;
}

static route_result_t s_take(const row_t *row, const slice_t *text, route_t *route)
{
    route_result_t result = ROUTE_FOUND;
    for (unsigned i = 0; i < row->segments && result == ROUTE_FOUND; i++) {
        if (row->segment[i].kind == TARGET)
            result = s_decode_target(route, text[i]);
        else if (row->segment[i].kind == FORMAT)
            result = s_is_format(route->format = text[i]) ? ROUTE_FOUND : ROUTE_FORMAT;
        else if (row->segment[i].kind == MESSAGE)
            result = s_is_message(route->message = text[i]) ? ROUTE_FOUND : ROUTE_MESSAGE;
        else if (row->segment[i].kind == NUMBER)
            route->number = text[i];
    }
    return result;
}

route_result_t routes_find(const routes_t *self, slice_t method, slice_t path, route_t *route)
{
    slice_t text[SEGMENTS];
    unsigned segments = 0;
    *route = (route_t){.method = op_method_of(method.data, method.len)};
    if (!s_strip(&path))
        return ROUTE_NOT_FOUND;
    while (path.len) {
        if (segments == SEGMENTS || !s_segment(&path, &text[segments]))
            return ROUTE_NOT_FOUND;
        segments++;
    }
    for (unsigned i = 0; i < self->rows; i++) {
        const row_t *row = &self->row[i];
        unsigned at = 0;
        while (row->segments == segments && at < segments && s_matches(&row->segment[at], text[at]))
            at++;
        if (at == 0 || at < segments)
            continue;
        route->allow |= op_takes(row->op);
        if (!(op_takes(row->op) & route->method))
            continue;
        route->op = row->op;
        if (!(row->op->methods & route->method))
            route->method = OP_GET; /* for all but the gateway */
        return s_take(row, text, route);
    }
    return route->allow ? ROUTE_METHOD : ROUTE_NOT_FOUND;
}

slice_t routes_allow(const routes_t *self, unsigned methods)
{
    return slice_of(self->allow[methods & ((1 << METHODS) - 1)]);
}
