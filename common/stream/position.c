#include "common/stream/position.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TAG = 7, BITS = 5 };

static const char s_digits[] = "0123456789abcdefghijklmnopqrstuv";

uint32_t position_tag(const uuid_t7 *id)
{
    uint32_t tag;
    memcpy(&tag, id->bytes + UUID_BYTES - sizeof tag, sizeof tag);
    return tag;
}

size_t position_text(const position_t *position, char text[POSITION_TEXT])
{
    size_t len = (size_t)snprintf(text, POSITION_TEXT, "%" PRIu64, position->sequence);
    if (!position->tagged)
        return len;
    text[len++] = '-';
    for (unsigned i = TAG; i > 0; i--)
        text[len++] = s_digits[(uint64_t)position->tag >> BITS * (i - 1) & 31];
    text[len] = 0;
    return len;
}

static bool s_read_tag(slice_t text, uint32_t *tag)
{
    uint64_t value = 0;
    if (text.len != TAG)
        return false;
    for (size_t i = 0; i < TAG; i++) {
        const char *digit = text.data[i] ? strchr(s_digits, text.data[i]) : NULL;
        if (!digit)
            return false;
        value = value << BITS | (uint64_t)(digit - s_digits);
    }
    *tag = (uint32_t)value;
    return value <= UINT32_MAX;
}

bool position_read(slice_t text, position_t *position)
{
    size_t at = 0;
    *position = (position_t){0};
    for (; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
        uint64_t digit = (uint64_t)(text.data[at] - '0');
        if (position->sequence > (INT64_MAX - digit) / 10)
            return false;
        position->sequence = position->sequence * 10 + digit;
    }
    if (at == 0 || at == text.len)
        return at > 0;
    position->tagged = true;
    return text.data[at] == '-' &&
           s_read_tag(slice(text.data + at + 1, text.len - at - 1), &position->tag);
}
