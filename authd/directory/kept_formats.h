/* Formats of the installation, which people make over the admin API: a name and the text of a
 * format.json each. Workers get all of them (admin/format_push.h).
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_DIRECTORY_KEPT_FORMATS_H
#define POSTERN_DIRECTORY_KEPT_FORMATS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

enum {
    KEPT_FORMATS_MOST = 48,
    KEPT_FORMAT_TEXT = 64 << 10,    /* longest text: as long as a format may be */
    KEPT_FORMATS_BYTES = 768 << 10, /* of all texts: workers are told them in one entry */
    KEPT_FORMAT_NAME = 32,
};

typedef struct {
    uuid_t7 id;
    uint64_t version, created_ms, changed_ms; /* the version rises with each change */
    slice_t name, text;
} kept_format_t;

/* False when there is none. */
bool kept_formats_get(view_t *view, const uuid_t7 *id, kept_format_t *format);
/* The next by id past AFTER (NULL: the first). */
bool kept_formats_next(view_t *view, const uuid_t7 *after, kept_format_t *format);
/* By its name. */
bool kept_formats_find(view_t *view, slice_t name, kept_format_t *format);
unsigned kept_formats_count(view_t *view);

/* Writes a record, new or changed; FORMAT may hold slices of the record that it replaces. */
void kept_formats_put(view_t *view, const kept_format_t *format);
/* False when there is none. */
bool kept_formats_delete(view_t *view, const uuid_t7 *id);

#endif
