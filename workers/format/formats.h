/* The set of formats: those that are built in (the folders of formats/), and an operator's own.
 *
 * Threading: an object belongs to one thread at a time. Running out of memory aborts. */
#ifndef POSTERN_WORKERS_FORMAT_FORMATS_H
#define POSTERN_WORKERS_FORMAT_FORMATS_H

#include "workers/format/format.h"

enum {
    FORMATS_MOST = 256, /* of an operator's directory */
    FORMATS_FAULT = 1024,
};

typedef struct formats formats_t;

/* One of the set; the texts live as long as the set holds it. */
typedef struct {
    slice_t name;
    const format_t *format;
    slice_t text, readme; /* format.json, and README.md, which may be empty */
    bool is_own;          /* of the operator's directory, or of the installation */
    bool is_kept;         /* of the installation */
} formats_row_t;

/* With the formats that are built in; each is read when it is first asked for. */
formats_t *formats_new(void);
void formats_destroy(formats_t **self_p);

/* Reads the formats of DIRECTORY (NAME/format.json in it), in place of those that were read before;
 * their names win over the built-in ones. 0; or -1 with "FILE:LINE: PATH: TEXT" in FAULT, which has
 * FORMATS_FAULT bytes, and the set as it was. Formats that were found before are gone, unless it
 * fails. */
int formats_load(formats_t *self, const char *directory, char *fault);

/* Takes the formats of the installation, encoded pairs of name and text, in place of those that
 * were taken before. Their names win over the built-in ones, and those of the operator's directory
 * over theirs: who has the host has the last word. Returns how many cannot be read and are left
 * out; FAULT, of FORMATS_FAULT bytes, has the first one's. */
size_t formats_keep(formats_t *self, slice_t pairs, char *fault);

/* The formats in the order of their names. */
size_t formats_count(const formats_t *self);
const formats_row_t *formats_row(formats_t *self, size_t number);

/* NULL: there is none of this name. */
const formats_row_t *formats_find(formats_t *self, slice_t name);

/* The format whose "detect" is the surest of the event that RENDERER has begun with; among equals
 * the first by name. NULL: none. */
const formats_row_t *formats_detect(formats_t *self, renderer_t *renderer);

/* Reads format.json and README.md of the folder PATH as a row of its own, which formats_row_free
 * frees; its name is the folder's. As formats_load fails. */
int formats_read(const char *path, formats_row_t *row, char *fault);
void formats_row_free(formats_row_t *row);

#endif
