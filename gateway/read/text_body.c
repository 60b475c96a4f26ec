#include "gateway/read/text_body.h"

/* The character of the escape at AT, behind its backslash, and *USED, its bytes; -1: it is none. */
static int s_escape(slice_t at, size_t *used)
{
    static const char shorts[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    static const char hex[] = "0123456789abcdef";
    *used = 1;
    for (const char *form = shorts; at.len > 0 && *form; form += 2)
        if (form[0] == at.data[0])
            return form[1];
    *used = 5;
    if (at.len < 5 || memcmp(at.data, "u00", 3) != 0 || (at.data[3] != '0' && at.data[3] != '1'))
        return -1;
    const char *low = memchr(hex, at.data[4], sizeof hex - 1);
    return low ? (at.data[3] - '0') * 16 + (int)(low - hex) : -1;
}

bool text_body_read(slice_t json, char out[TEXT_BODY_MOST], size_t *len)
{
    *len = 0;
    if (json.len < 3 || json.data[0] != '"' || json.data[json.len - 1] != '"')
        return false;
    for (size_t i = 1, used; i < json.len - 1; i += used) {
        int c = (unsigned char)json.data[i];
        used = 1;
        if (c == '\\') {
            c = s_escape(slice(json.data + i + 1, json.len - 2 - i), &used);
            used++;
        } else if (c == '"' || c < ' ') {
            return false;
        }
        if (c < 0 || *len == TEXT_BODY_MOST)
            return false;
        out[(*len)++] = (char)c;
    }
    return true;
}
