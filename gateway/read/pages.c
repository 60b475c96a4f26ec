#include "gateway/read/pages.h"

#include "gateway/read/pages_bytes.h"

#define BYTES(array)                                                                               \
    {                                                                                              \
        (const char *)(array), sizeof(array)                                                       \
    }
#define TYPE(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static const page_file_t s_pages[] = {
    {"/", TYPE("text/html; charset=utf-8"), BYTES(s_invitation_html)},
    {"/invitation.css", TYPE("text/css; charset=utf-8"), BYTES(s_invitation_css)},
    {"/invitation.js", TYPE("text/javascript; charset=utf-8"), BYTES(s_invitation_js)},
};

const page_file_t *pages_find(slice_t path)
{
    for (size_t i = 0; i < sizeof s_pages / sizeof *s_pages; i++)
        if (slice_is(path, s_pages[i].path))
            return &s_pages[i];
    return NULL;
}
