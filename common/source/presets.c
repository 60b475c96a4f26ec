#include "common/source/presets.h"

/* sizeof counts the bytes of a literal when it is compiled. */
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }
#define PRESET(name, sender, alg, header, separator, item, encoding, key, signed_, id, ts,         \
               ts_form, tolerance, handshake, vector)                                              \
    {name,                                                                                         \
     sender,                                                                                       \
     {{TEXT(alg), TEXT(header), TEXT(separator), TEXT(item), TEXT(encoding), TEXT(key),            \
       TEXT(signed_), TEXT(id), TEXT(ts), TEXT(ts_form), TEXT(tolerance)}},                        \
     HANDSHAKE_##handshake},
const preset_t preset_table[] = {
#include "common/source/presets.def"
};
const size_t preset_table_len = sizeof preset_table / sizeof *preset_table;

const preset_t *preset_find(slice_t name)
{
    for (size_t i = 0; i < preset_table_len; i++)
        if (slice_is(name, preset_table[i].name))
            return &preset_table[i];
    return NULL;
}
