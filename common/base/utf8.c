#include "common/base/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_length(slice_t text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    if (text.len == 0)
        return 0;
    uint8_t lead = at[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0xc2 || lead > 0xf4 || text.len < len)
        return 0;
    for (size_t i = 1; i < len; i++, low = 0x80, high = 0xbf)
        if (at[i] < low || at[i] > high)
            return 0;
    return len;
}

/* How much of ASCII TEXT begins with, in eights. */
static size_t s_ascii(slice_t text)
{
    size_t len = 0;
    for (uint64_t eight; text.len - len >= sizeof eight; len += sizeof eight) {
        memcpy(&eight, text.data + len, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return len;
}

bool utf8_valid(slice_t text)
{
    for (size_t i = s_ascii(text), len; i < text.len; i += len) {
        len = (uint8_t)text.data[i] < 0x80 ? 1 : utf8_length(slice(text.data + i, text.len - i));
        if (len == 0)
            return false;
    }
    return true;
}

slice_t utf8_unmarked(slice_t text)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t len = sizeof mark - 1;
    bool marked = text.len >= len && memcmp(text.data, mark, len) == 0;
    return marked ? slice(text.data + len, text.len - len) : text;
}

bool utf8_is_utf16(slice_t text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    if (text.len < 2)
        return false;
    if ((at[0] == 0xff && at[1] == 0xfe) || (at[0] == 0xfe && at[1] == 0xff))
        return true;
    return text.len >= 4 && (at[0] == 0) != (at[1] == 0) && (at[0] == 0) == (at[2] == 0) &&
           (at[1] == 0) == (at[3] == 0);
}

char *utf8_replaced(slice_t text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    char *copy = malloc(text.len * (sizeof replacement - 1) + 1), *to = copy;
    assert(copy);
    for (size_t i = 0, len; i < text.len; i += len ? len : 1) {
        len = utf8_length(slice(text.data + i, text.len - i));
        to = len ? mempcpy(to, text.data + i, len)
                 : mempcpy(to, replacement, sizeof replacement - 1);
    }
    *to = '\0';
    return copy;
}

size_t utf8_count(slice_t text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.data[i] & 0xc0) != 0x80;
    return count;
}

slice_t utf8_within(slice_t text, size_t most)
{
    if (text.len <= most)
        return text;
    while (most && ((uint8_t)text.data[most] & 0xc0) == 0x80)
        most--;
    return slice(text.data, most);
}

slice_t utf8_head(slice_t text, size_t count)
{
    size_t at = 0;
    for (; count > 0 && at < text.len; count--) {
        size_t len = utf8_length(slice(text.data + at, text.len - at));
        at += len ? len : 1;
    }
    return slice(text.data, at);
}
