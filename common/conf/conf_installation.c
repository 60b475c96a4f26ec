#include "common/conf/conf.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>

bool conf_installation(const conf_t *self, char id[CONF_INSTALLATION])
{
    char text[4300];
    unsigned char sum[crypto_generichash_BYTES_MIN];
    const char *path = conf_text(self, SET_data_directory);
    struct stat is;
    bool there = stat(path, &is) == 0, known = there || errno == ENOENT;
    /* It is one directory, whatever paths lead to it; where there is none, the path is what is
     * left. */
    int len = there ? snprintf(text, sizeof text, "%llx:%llx", (unsigned long long)is.st_dev,
                               (unsigned long long)is.st_ino)
                    : snprintf(text, sizeof text, "%s", path);
    crypto_generichash(sum, sizeof sum, (const unsigned char *)text, (size_t)len, NULL, 0);
    sodium_bin2hex(id, CONF_INSTALLATION, sum, CONF_INSTALLATION / 2);
    return known;
}
