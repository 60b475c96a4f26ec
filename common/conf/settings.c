#include "common/conf/conf.h"

#include "common/base/ops.h"

#include <string.h>

const setting_row_t setting_table[SETTING_COUNT] = {
#define SETTING(section, key, type, fallback, min, max, help)                                      \
    {#section, #key, SETTING_##type, fallback, min, max, help},
#include "common/conf/settings.def"
#undef SETTING
};

setting_t conf_engine_setting(const char *section)
{
    op_owner_t owner;
    bool delivers = op_owner_of(section, strlen(section), &owner) && op_owner_delivers(owner);
    return delivers ? SET_delivery_engine : SET_worker_engine;
}

const char *conf_engine(const conf_t *self, const char *section)
{
    return conf_text(self, conf_engine_setting(section));
}

bool conf_is_shared(const conf_t *self, const char *section)
{
    return strcmp(conf_engine(self, section), "postgres") == 0;
}

void conf_shards(const conf_t *self, unsigned *shards)
{
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++)
        shards[kind] =
            (unsigned)conf_uint(self, conf_setting("shards", op_owner_name((op_owner_t)kind)));
}

setting_t conf_setting(const char *section, const char *key)
{
    unsigned i = 0;
    while (i < SETTING_COUNT && (strcmp(setting_table[i].section, section) != 0 ||
                                 strcmp(setting_table[i].key, key) != 0))
        i++;
    return (setting_t)i;
}
