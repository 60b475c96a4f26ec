#include "gateway/read/blank.h"

#include "common/base/percent.h"
#include "common/base/secret.h"
#include "common/wire/wire.h"

typedef size_t spell_fn(char c, char out[3]);

static size_t s_percent(char c, const char *digits, char out[3])
{
    out[0] = c;
    if (percent_is_unreserved(c))
        return 1;
    percent_escape(c, digits, out);
    return PERCENT_ESCAPE;
}

static size_t s_upper(char c, char out[3])
{
    return s_percent(c, HEX_UPPER, out);
}

static size_t s_lower(char c, char out[3])
{
    return s_percent(c, HEX_LOWER, out);
}

static size_t s_escape(char c, const char *escaped, char out[3])
{
    bool escapes = strchr(escaped, c);
    out[0] = escapes ? '\\' : c;
    out[1] = c;
    return escapes ? 2 : 1;
}

static size_t s_json(char c, char out[3])
{
    return s_escape(c, "\"\\", out);
}

static size_t s_json_with_slash(char c, char out[3])
{
    return s_escape(c, "\"\\/", out);
}

/* In a short text, less than memmem needs to prepare. */
static char *s_find(char *at, size_t left, const char *needle, size_t len)
{
    enum { SHORT = 512 };
    if (left > SHORT)
        return memmem(at, left, needle, len);
    for (char *end = at + left; (size_t)(end - at) >= len; at++) {
        at = memchr(at, *needle, (size_t)(end - at) - len + 1);
        if (!at || memcmp(at, needle, len) == 0)
            return at;
    }
    return NULL;
}

static void s_overwrite(slice_t text, const char *needle, size_t len)
{
    char *at = (char *)text.data, *end = at + text.len;
    while ((at = s_find(at, (size_t)(end - at), needle, len))) {
        memset(at, '*', len);
        at += len;
    }
}

/* As SPELL writes it, where that is another text. */
static void s_blank_spelled(slice_t text, slice_t secret, spell_fn *spell)
{
    char spelled[3 * WIRE_TEXT];
    size_t len = 0;
    for (size_t i = 0; i < secret.len; i++)
        len += spell(secret.data[i], spelled + len);
    if (len > secret.len)
        s_overwrite(text, spelled, len);
    secret_wipe(spelled, len);
}

/* Whether a secret may be spelled in TEXT in other characters than its own. */
static bool s_has_escapes(slice_t text)
{
    return memchr(text.data, '%', text.len) || memchr(text.data, '\\', text.len);
}

void blank(slice_t text, slice_t secret)
{
    static spell_fn *const spells[] = {s_upper, s_lower, s_json, s_json_with_slash};
    if (secret.len < BLANK_LEAST || secret.len > WIRE_TEXT || text.len < secret.len)
        return;
    s_overwrite(text, secret.data, secret.len);
    if (!s_has_escapes(text))
        return;
    size_t plain = 0;
    while (plain < secret.len && percent_is_unreserved(secret.data[plain]))
        plain++;
    for (size_t i = 0; plain < secret.len && i < sizeof spells / sizeof *spells; i++)
        s_blank_spelled(text, secret, spells[i]);
}

void blank_pairs(slice_t pairs, slice_t secret)
{
    slice_t name, value;
    for (wire_pairs_t each = wire_pairs_begin(pairs); wire_pairs_next(&each, &name, &value);) {
        blank(name, secret);
        blank(value, secret);
    }
}
