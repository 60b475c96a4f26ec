#include "common/conf/conf.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The directory that ENDPOINT's socket lies in has one identity, whatever paths lead to it. */
static size_t s_describe(const char *endpoint, char *text, size_t size, bool *known)
{
    char directory[4200];
    struct stat is;
    const char *path = strncmp(endpoint, "ipc://", 6) == 0 ? endpoint + 6 : NULL;
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (slash) {
        snprintf(directory, sizeof directory, "%.*s", (int)(slash - path) + 1, path);
        if (stat(directory, &is) == 0)
            return (size_t)snprintf(text, size, "%llx:%llx%s", (unsigned long long)is.st_dev,
                                    (unsigned long long)is.st_ino, slash);
        *known = errno == ENOENT;
    }
    return (size_t)snprintf(text, size, "%s", endpoint);
}

bool conf_installation(const conf_t *self, char id[CONF_INSTALLATION])
{
    char text[4300];
    unsigned char sum[crypto_generichash_BYTES_MIN];
    bool known = true;
    size_t len = s_describe(conf_endpoint(self, SET_gateway_admin, 0), text, sizeof text, &known);
    crypto_generichash(sum, sizeof sum, (const unsigned char *)text, len, NULL, 0);
    sodium_bin2hex(id, CONF_INSTALLATION, sum, CONF_INSTALLATION / 2);
    return known;
}
