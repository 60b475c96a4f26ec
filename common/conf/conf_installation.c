#include "common/conf/conf.h"

#include <sodium.h>
#include <string.h>

/* The data themselves are hidden from processes that have no business with them. */
void conf_installation(const conf_t *self, char id[CONF_INSTALLATION])
{
    const char *const parts[] = {conf_place(self), conf_text(self, SET_data_directory)};
    unsigned char sum[crypto_generichash_BYTES_MIN];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof sum);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
        crypto_generichash_update(&state, (const unsigned char *)parts[i], strlen(parts[i]) + 1);
    crypto_generichash_final(&state, sum, sizeof sum);
    sodium_bin2hex(id, CONF_INSTALLATION, sum, CONF_INSTALLATION / 2);
}
