#include "common/source/selection.h"

#include "common/base/glob.h"

#include <string.h>

/* Takes the next glob off REST; false at the end. Behind the last separator there is one, too. */
static bool s_next(slice_t *rest, char separator, slice_t *glob)
{
    if (!rest->data)
        return false;
    const char *end = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    *glob = slice_trim(slice(rest->data, len), OWS);
    *rest = end ? slice(end + 1, rest->len - len - 1) : (slice_t){NULL, 0};
    return true;
}

/* As GLOB, or as GLOB and a point behind it. */
static bool s_is_named(slice_t event, slice_t glob)
{
    char under[SELECTION_GLOB + 2];
    if (glob_like(event, glob))
        return true;
    if (glob.len > SELECTION_GLOB || event.len == 0)
        return false;
    memcpy(under, glob.data, glob.len);
    memcpy(under + glob.len, ".*", 2);
    return glob_like(event, slice(under, glob.len + 2));
}

static bool s_has(slice_t list, char separator, slice_t name,
                  bool (*is)(slice_t name, slice_t glob))
{
    slice_t glob;
    while (s_next(&list, separator, &glob))
        if (is(name, glob))
            return true;
    return false;
}

bool selection_takes(const selection_t *self, slice_t event, slice_t branch)
{
    if (self->only.len && !s_has(self->only, self->separator, event, s_is_named))
        return false;
    if (self->except.len && s_has(self->except, self->separator, event, s_is_named))
        return false;
    return !self->branch.len || !branch.len ||
           s_has(self->branch, self->separator, branch, glob_like);
}

const char *selection_fault(slice_t list, char separator)
{
    slice_t glob;
    if (list.len == 0)
        return NULL;
    for (unsigned count = 1; s_next(&list, separator, &glob); count++) {
        if (count > SELECTION_GLOBS)
            return "has more than 20 globs";
        if (glob.len == 0)
            return "has an empty glob";
        if (glob.len > SELECTION_GLOB)
            return "has a glob of more than 128 bytes";
        for (size_t i = 0; i < glob.len; i++)
            if ((unsigned char)glob.data[i] < ' ' || glob.data[i] == 0x7f)
                return "has a control character";
    }
    return NULL;
}
_Static_assert(SELECTION_GLOBS == 20 && SELECTION_GLOB == 128, "the texts say so");
