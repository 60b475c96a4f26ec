/* Real key files in a directory of the test's own. */
#ifndef POSTERN_TEST_KEYRING_H
#define POSTERN_TEST_KEYRING_H

#include "common/link/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char keyring_dir[64];

/* keys/ holds pairs; allowed/ is the allow list, servers/ what clients believe. */
static inline void keyring_open(void)
{
    char path[128];
    const char *names[] = {"keys", "allowed", "servers"};
    snprintf(keyring_dir, sizeof keyring_dir, "/tmp/postern-keys-XXXXXX");
    if (!mkdtemp(keyring_dir))
        abort();
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", keyring_dir, names[i]);
        if (mkdir(path, 0700) != 0)
            abort();
    }
}

static inline key_file_t keyring_make(const char *name, const char *roles)
{
    char path[160], err[256];
    key_file_t key;
    snprintf(path, sizeof path, "%s/keys", keyring_dir);
    if (key_make(path, name, roles, err, sizeof err) != 0)
        abort();
    snprintf(path, sizeof path, "%s/keys/%s.pub", keyring_dir, name);
    if (key_read(path, &key, err, sizeof err) != 0)
        abort();
    return key;
}

/* Copies keys/NAME.pub to allowed/ or servers/. */
static inline void keyring_copy(const char *name, const char *to)
{
    char from[160], path[160], text[4096];
    snprintf(from, sizeof from, "%s/keys/%s.pub", keyring_dir, name);
    snprintf(path, sizeof path, "%s/%s/%s.pub", keyring_dir, to, name);
    FILE *in = fopen(from, "r"), *out = fopen(path, "w");
    if (!in || !out)
        abort();
    fwrite(text, 1, fread(text, 1, sizeof text, in), out);
    fclose(in);
    fclose(out);
}

static inline void keyring_close(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", keyring_dir);
    if (system(command) != 0)
        abort();
}

#endif
