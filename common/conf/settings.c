#include "common/conf/conf.h"

#include <string.h>

const setting_row_t setting_table[SETTING_COUNT] = {
#define SETTING(section, key, type, fallback, min, max, help)                                      \
    {#section, #key, SETTING_##type, fallback, min, max, help},
#include "common/conf/settings.def"
#undef SETTING
};

setting_t conf_setting(const char *section, const char *key)
{
    unsigned i = 0;
    while (i < SETTING_COUNT && (strcmp(setting_table[i].section, section) != 0 ||
                                 strcmp(setting_table[i].key, key) != 0))
        i++;
    return (setting_t)i;
}
