#include "workers/message/json_out.h"

#include "common/base/utf8.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

void json_reset(json_out_t *self)
{
    self->len = 0;
}

void json_free(json_out_t *self)
{
    free(self->data);
    *self = (json_out_t){0};
}

char *json_room(json_out_t *self, size_t len)
{
    if (self->cap - self->len < len) {
        size_t cap = self->cap ? self->cap : 256;
        while (cap - self->len < len)
            cap *= 2;
        self->data = realloc(self->data, cap);
        if (!self->data)
            abort();
        self->cap = cap;
    }
    return self->data + self->len;
}

void json_raw(json_out_t *self, slice_t text)
{
    if (text.len == 0)
        return;
    memcpy(json_room(self, text.len), text.data, text.len);
    self->len += text.len;
}

void json_lit(json_out_t *self, const char *text)
{
    json_raw(self, slice_of(text));
}

static void s_escape(json_out_t *self, unsigned char c)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *form = short_forms; *form; form += 2)
        if ((unsigned char)form[0] == c) {
            json_raw(self, slice((char[]){'\\', form[1]}, 2));
            return;
        }
    char text[8];
    snprintf(text, sizeof text, "\\u%04x", c);
    json_raw(self, slice(text, 6));
}

/* Whether one of eight bytes is not ASCII or has to be escaped: each is looked for in all of them
 * at once. A borrow may tell of a byte behind one that is found, and of no other. */
static bool s_has_special(const unsigned char *bytes)
{
    const uint64_t ones = 0x0101010101010101, high = 0x80 * ones;
    uint64_t eight;
    memcpy(&eight, bytes, sizeof eight);
    uint64_t quote = eight ^ ('"' * ones), backslash = eight ^ ('\\' * ones);
    return (eight | (eight - 0x20 * ones) | (quote - ones) | (backslash - ones)) & high;
}

/* How many bytes of TEXT from FROM on may stand in a string as they are, to a step of eight. */
static size_t s_plain(const unsigned char *data, size_t from, size_t len)
{
    size_t at = from;
    while (len - at >= 8 && !s_has_special(data + at))
        at += 8;
    return at - from;
}

void json_chars(json_out_t *self, slice_t text)
{
    const unsigned char *data = (const unsigned char *)text.data;
    size_t from = 0, i = 0;
    if (text.len == 0)
        return; /* its data may be NULL, to which not even 0 may be added */
    while ((i += s_plain(data, i, text.len)) < text.len) {
        unsigned char c = data[i];
        size_t len = c < 0x80 ? 1 : utf8_length(slice(data + i, text.len - i));
        if (c >= 0x20 && c != '"' && c != '\\' && len > 0) {
            i += len;
            continue;
        }
        json_raw(self, slice(text.data + from, i - from));
        len == 0 ? json_lit(self, "\xef\xbf\xbd") : s_escape(self, c);
        from = ++i;
    }
    json_raw(self, slice(text.data + from, i - from));
}

void json_quote(json_out_t *self, slice_t text)
{
    json_lit(self, "\"");
    json_chars(self, text);
    json_lit(self, "\"");
}

void json_uint(json_out_t *self, uint64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    json_raw(self, slice(text, (size_t)len));
}

void json_base64(json_out_t *self, slice_t bytes)
{
    size_t size = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    json_lit(self, "\"");
    char *text = json_room(self, size);
    sodium_bin2base64(text, size, (const unsigned char *)bytes.data, bytes.len,
                      sodium_base64_VARIANT_ORIGINAL);
    self->len += size - 1;
    json_lit(self, "\"");
}

void json_bytes(json_out_t *self, slice_t bytes)
{
    if (utf8_valid(bytes)) {
        json_quote(self, bytes);
        return;
    }
    json_lit(self, "{\"base64\":");
    json_base64(self, bytes);
    json_lit(self, "}");
}
