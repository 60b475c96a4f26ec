#include "ctl/json_read.h"

#include "common/base/slice.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Text on its way to a copy that jansson reads. */
typedef struct {
    const char *at, *end;
    char *out; /* has room for two more bytes with each number */
} copy_t;

static void s_put(copy_t *self, const char *text, size_t len)
{
    memcpy(self->out, text, len);
    self->out += len;
}

/* Whether jansson has a place for these LEN bytes, or they are no number at all. */
static bool s_fits(const char *number, size_t len)
{
    char *copy = strndup(number, len), *end;
    if (!copy)
        abort();
    bool fits = isfinite(strtod(copy, &end));
    if (fits && strcspn(copy, ".eE") == len) {
        errno = 0;
        strtoll(copy, NULL, 10);
        fits = errno == 0;
    }
    fits = fits || end != copy + len;
    free(copy);
    return fits;
}

static void s_number(copy_t *self)
{
    const char *from = self->at;
    while (self->at < self->end && is_one_of(*self->at, "+-.eE0123456789"))
        self->at++;
    size_t len = (size_t)(self->at - from);
    bool fits = s_fits(from, len);
    if (!fits)
        s_put(self, "\"", 1);
    s_put(self, from, len);
    if (!fits)
        s_put(self, "\"", 1);
}

/* Whether a colon is next: what stood before was a name. */
static bool s_is_name(const copy_t *self)
{
    const char *at = self->at;
    while (at < self->end && is_one_of(*at, " \t\r\n"))
        at++;
    return at < self->end && *at == ':';
}

/* NULs in the name that begins at FROM, in the copy. */
static void s_replace_nuls(const char *from, char *to, size_t len)
{
    for (size_t i = 0; i + 6 <= len; i++) {
        if (from[i] != '\\')
            continue;
        if (memcmp(from + i, "\\u0000", 6) == 0)
            memcpy(to + i, "\\ufffd", 6);
        i++;
    }
}

static void s_string(copy_t *self)
{
    const char *from = self->at++;
    while (self->at < self->end && *self->at != '"')
        self->at += *self->at == '\\' ? 2 : 1;
    self->at = self->at < self->end ? self->at + 1 : self->end;
    size_t len = (size_t)(self->at - from);
    s_put(self, from, len);
    if (s_is_name(self))
        s_replace_nuls(from, self->out - len, len);
}

static json_t *s_read_copy(const char *text, size_t len)
{
    char *copied = malloc(3 * len);
    if (!copied)
        abort();
    copy_t copy = {text, text + len, copied};
    while (copy.at < copy.end) {
        if (*copy.at == '"')
            s_string(&copy);
        else if (*copy.at == '-' || (*copy.at >= '0' && *copy.at <= '9'))
            s_number(&copy);
        else
            s_put(&copy, copy.at++, 1);
    }
    json_t *value = json_loadb(copied, (size_t)(copy.out - copied), JSON_ALLOW_NUL, NULL);
    free(copied);
    return value;
}

json_t *json_read(const char *text, size_t len)
{
    json_error_t error;
    if (len == 0)
        return NULL;
    json_t *value = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    enum json_error_code code = value ? json_error_unknown : json_error_code(&error);
    if (code == json_error_numeric_overflow || code == json_error_null_byte_in_key)
        value = s_read_copy(text, len);
    return value;
}
