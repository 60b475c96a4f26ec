/* The presets of presets.def: the schemes of senders, by name. Threading: read-only, any thread. */
#ifndef POSTERN_SOURCE_PRESETS_H
#define POSTERN_SOURCE_PRESETS_H

#include "common/source/handshake.h"
#include "common/source/scheme.h"

typedef struct {
    const char *name; /* lower case, with "-" */
    const char *sender;
    scheme_texts_t texts;
    handshake_t handshake;
} preset_t;

extern const preset_t preset_table[];
extern const size_t preset_table_len;

/* NULL: there is none of that name. */
const preset_t *preset_find(slice_t name);

#endif
