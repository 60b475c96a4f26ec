#include "common/base/header_class.h"

#include <stddef.h>

typedef enum { IS, BEGINS, ENDS } match_t;

static const struct {
    match_t match;
    const char *text;
    size_t len;
    header_class_t is;
} s_rows[] = {
#define HEADER(match, name, why) {match, name, sizeof name - 1, HEADER_##why},
#include "common/headers.def"
#undef HEADER
};

header_class_t header_class(slice_t name)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++) {
        size_t len = s_rows[i].len, from = s_rows[i].match == ENDS ? name.len - len : 0;
        if (name.len < len || (s_rows[i].match == IS && name.len != len))
            continue;
        if (memcmp(name.data + from, s_rows[i].text, len) == 0)
            return s_rows[i].is;
    }
    return HEADER_TRAVELS;
}
