#include "common/base/percent.h"

const bool percent_unreserved[256] = {
    ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true, ['-'] = true,
    ['.'] = true,         ['_'] = true,         ['~'] = true};

int percent_byte(slice_t text)
{
    if (text.len < PERCENT_ESCAPE || *text.data != '%')
        return -1;
    int high = hex_digit(text.data[1]), low = hex_digit(text.data[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Most texts hold nothing to decode. */
static bool s_is_plain(slice_t text, bool plus)
{
    return !memchr(text.data, '%', text.len) && !(plus && memchr(text.data, '+', text.len));
}

ssize_t percent_decode(slice_t text, bool plus, char *out)
{
    char *to = out;
    if (text.len && s_is_plain(text, plus)) {
        memcpy(out, text.data, text.len);
        return (ssize_t)text.len;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '%') {
            int byte = percent_byte(slice(text.data + i, text.len - i));
            if (byte < 0)
                return -1;
            c = (char)byte;
            i += PERCENT_ESCAPE - 1;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        *to++ = c;
    }
    return to - out;
}

size_t percent_decode_form(slice_t text, char *out)
{
    char *to = out;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        int byte = c == '%' ? percent_byte(slice(text.data + i, text.len - i)) : -1;
        *to++ = byte >= 0 ? (char)byte : c == '+' ? ' ' : c;
        i += byte >= 0 ? PERCENT_ESCAPE - 1 : 0;
    }
    return (size_t)(to - out);
}

bool percent_piece(slice_t *rest, slice_t *name, slice_t *value)
{
    if (rest->len == 0)
        return false;
    const char *amp = memchr(rest->data, '&', rest->len);
    size_t len = amp ? (size_t)(amp - rest->data) : rest->len;
    const char *equals = memchr(rest->data, '=', len);
    *name = slice(rest->data, equals ? (size_t)(equals - rest->data) : len);
    *value = equals ? slice(equals + 1, len - name->len - 1) : slice(NULL, 0);
    len += amp != NULL;
    *rest = slice(rest->data + len, rest->len - len);
    return true;
}
