#include "gateway/read/pages.h"

#include "gateway/read/pages_bytes.h"

#define CACHE_ASK "no-cache"
#define CACHE_KEEP "public, max-age=31536000, immutable" /* its name has its content's hash */
#define TYPE(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
#define FILE_OF(at, type, name, cache)                                                             \
    {                                                                                              \
        at, TYPE(type), {(const char *)s_##name, sizeof s_##name}, s_##name##_inflated,            \
            s_##name##_digest, cache                                                               \
    }

/* The console's files are before the invitation's: the first one of a path counts. */
static const page_file_t s_pages[] = {
    CONSOLE_FILES(FILE_OF, CACHE_ASK, CACHE_KEEP)
        FILE_OF("/", "text/html; charset=utf-8", invitation_html, CACHE_ASK),
    FILE_OF("/invitation", "text/html; charset=utf-8", invitation_html, CACHE_ASK),
    FILE_OF("/invitation.css", "text/css; charset=utf-8", invitation_css, CACHE_ASK),
    FILE_OF("/invitation.js", "text/javascript; charset=utf-8", invitation_js, CACHE_ASK),
};

const page_file_t *pages_find(slice_t path)
{
    for (size_t i = 0; i < sizeof s_pages / sizeof *s_pages; i++)
        if (slice_is(path, s_pages[i].path))
            return &s_pages[i];
    return NULL;
}
