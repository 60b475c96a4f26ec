#include "gateway/blank.h"

#include "common/base/secret.h"
#include "common/wire/wire.h"

typedef size_t spell_fn(char c, char out[3]);

/* RFC 3986 §2.3. A table, since each body's credential is looked through. */
static const bool s_unreserved[256] = {
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true, ['-'] = true,
    ['.'] = true,         ['_'] = true,         ['~'] = true};

static bool s_is_unreserved(char c)
{
    return s_unreserved[(unsigned char)c];
}

static size_t s_percent(char c, const char *hex, char out[3])
{
    out[0] = c;
    if (s_is_unreserved(c))
        return 1;
    out[0] = '%';
    out[1] = hex[(unsigned char)c >> 4];
    out[2] = hex[c & 15];
    return 3;
}

static size_t s_upper(char c, char out[3])
{
    return s_percent(c, "0123456789ABCDEF", out);
}

static size_t s_lower(char c, char out[3])
{
    return s_percent(c, "0123456789abcdef", out);
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

static void s_overwrite(slice_t text, const char *needle, size_t len)
{
    char *at = (char *)text.data, *end = at + text.len;
    while ((at = memmem(at, (size_t)(end - at), needle, len))) {
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

void blank(slice_t text, slice_t secret)
{
    static spell_fn *const spells[] = {s_upper, s_lower, s_json, s_json_with_slash};
    if (secret.len < BLANK_LEAST || secret.len > WIRE_TEXT || text.len < secret.len)
        return;
    s_overwrite(text, secret.data, secret.len);
    size_t plain = 0;
    while (plain < secret.len && s_is_unreserved(secret.data[plain]))
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
