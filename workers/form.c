#include "workers/form.h"

#include "common/base/utf8.h"

static int s_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes behind what OUT holds; what is no escape stays as it is. */
static void s_decode(slice_t text, json_out_t *out)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i] == '+' ? ' ' : text.data[i];
        if (c == '%' && text.len - i > 2 && s_hex(text.data[i + 1]) >= 0 &&
            s_hex(text.data[i + 2]) >= 0) {
            c = (char)(s_hex(text.data[i + 1]) << 4 | s_hex(text.data[i + 2]));
            i += 2;
        }
        json_raw(out, slice(&c, 1));
    }
}

/* The value, still encoded, of the first field of this name. */
static bool s_find(slice_t body, const char *name, slice_t *value)
{
    size_t at = 0;
    while (at < body.len) {
        const char *from = body.data + at;
        const char *amp = memchr(from, '&', body.len - at);
        size_t len = amp ? (size_t)(amp - from) : body.len - at;
        const char *equals = memchr(from, '=', len);
        size_t name_len = equals ? (size_t)(equals - from) : len;
        if (slice_is(slice(from, name_len), name)) {
            *value = equals ? slice(equals + 1, len - name_len - 1) : slice("", 0);
            return true;
        }
        at += len + 1;
    }
    return false;
}

form_outcome_t form_read(slice_t body, json_out_t *out)
{
    slice_t value;
    json_reset(out);
    if (s_find(body, "payload", &value)) {
        s_decode(value, out);
        return FORM_OK;
    }
    if (!s_find(body, "text", &value))
        return FORM_EMPTY;
    json_out_t text = {0};
    s_decode(value, &text);
    slice_t decoded = slice(text.data, text.len);
    bool fits = utf8_valid(decoded);
    if (fits) {
        json_lit(out, "{\"text\":");
        json_string(out, decoded);
        json_lit(out, "}");
    }
    json_free(&text);
    return fits ? FORM_OK : FORM_NOT_UTF8;
}
