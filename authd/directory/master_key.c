#include "authd/directory/master_key.h"

#include "common/base/secret.h"
#include "common/log/log.h"
#include "common/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY = crypto_secretbox_KEYBYTES, HEX = 2 * KEY };
static_assert(MASTER_KEY_OVERHEAD == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
              "what secretbox adds");

struct master_key {
    uint8_t bytes[KEY];
};

static int s_say(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "master key %s: %s", path, what);
    return -1;
}

static int s_parse(master_key_t *self, const char *text, size_t len)
{
    size_t made = 0;
    if (len == KEY) {
        memcpy(self->bytes, text, KEY);
        return 0;
    }
    if (len > HEX && (text[HEX] != '\n' || len > HEX + 1))
        return -1;
    if (len < HEX || sodium_hex2bin(self->bytes, KEY, text, HEX, NULL, &made, NULL) != 0)
        return -1;
    return made == KEY ? 0 : -1;
}

static int s_read(master_key_t *self, int fd, const char *path, char *err, size_t err_size)
{
    struct stat is;
    char text[HEX + 2];
    if (fstat(fd, &is) != 0)
        return s_say(err, err_size, path, strerror(errno));
    if (!S_ISREG(is.st_mode) || (is.st_mode & 077) != 0)
        return s_say(err, err_size, path, "others may read it: chmod 600 it");
    ssize_t len = read(fd, text, sizeof text);
    int rc = len < 0 ? -1 : s_parse(self, text, (size_t)len);
    secret_wipe(text, sizeof text);
    return rc ? s_say(err, err_size, path, "holds neither 32 bytes nor 64 hex digits") : 0;
}

static bool s_write(const master_key_t *self, const char *path, int flags)
{
    char text[HEX + 1];
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return false;
    sodium_bin2hex(text, sizeof text, self->bytes, KEY);
    text[HEX] = '\n';
    bool good = write(fd, text, sizeof text) == (ssize_t)sizeof text && fsync(fd) == 0;
    secret_wipe(text, sizeof text);
    close(fd);
    return good;
}

/* fsync of the directory that holds PATH's name. */
static bool s_sync_name(const char *path)
{
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash)
        slash[slash == parent] = '\0';
    return store_sync_directory(slash ? parent : ".") == 0;
}

static int s_made(const char *path)
{
    log_info("master_key.made", "path=%s", LOG_Q(path));
    return 0;
}

/* Under another name until it is whole on the disk: half a key would stand in the way for ever. */
static int s_make(master_key_t *self, const char *path, char *err, size_t err_size)
{
    char next[PATH_MAX + 8];
    snprintf(next, sizeof next, "%s.next", path);
    unlink(next);
    randombytes_buf(self->bytes, KEY);
    bool good =
        s_write(self, next, O_CREAT | O_EXCL) && rename(next, path) == 0 && s_sync_name(path);
    return good ? s_made(path) : s_say(err, err_size, path, strerror(errno));
}

/* Into the empty file that root has made for us, where the directory is root's (prepare.h). */
static int s_fill(master_key_t *self, const char *path, char *err, size_t err_size)
{
    randombytes_buf(self->bytes, KEY);
    return s_write(self, path, 0) ? s_made(path) : s_say(err, err_size, path, strerror(errno));
}

static bool s_is_empty(int fd)
{
    struct stat is;
    return fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && (is.st_mode & 077) == 0 && is.st_size == 0;
}

static int s_lacking(const char *path, int error, char *err, size_t err_size)
{
    return s_say(err, err_size, path,
                 error == ENOENT ? "missing: restore the one that belongs to this directory"
                                 : strerror(error));
}

master_key_t *master_key_load(const char *path, bool may_make, char *err, size_t err_size)
{
    int rc = sodium_init();
    assert(rc >= 0);
    master_key_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT && may_make)
        rc = s_make(self, path, err, err_size);
    else if (fd < 0)
        rc = s_lacking(path, errno, err, err_size);
    else if (!s_is_empty(fd))
        rc = s_read(self, fd, path, err, err_size);
    else
        rc = may_make ? s_fill(self, path, err, err_size) : s_lacking(path, ENOENT, err, err_size);
    if (fd >= 0)
        close(fd);
    if (rc != 0)
        master_key_destroy(&self);
    return self;
}

void master_key_destroy(master_key_t **self_p)
{
    if (!*self_p)
        return;
    secret_wipe(*self_p, sizeof **self_p);
    free(*self_p);
    *self_p = NULL;
}

void master_key_seal(const master_key_t *self, slice_t plain, uint8_t *sealed)
{
    randombytes_buf(sealed, crypto_secretbox_NONCEBYTES);
    int rc = crypto_secretbox_easy(sealed + crypto_secretbox_NONCEBYTES,
                                   (const uint8_t *)plain.data, plain.len, sealed, self->bytes);
    assert(rc == 0);
}

int master_key_open(const master_key_t *self, slice_t sealed, char *plain)
{
    if (sealed.len < MASTER_KEY_OVERHEAD)
        return -1;
    const uint8_t *nonce = (const uint8_t *)sealed.data;
    return crypto_secretbox_open_easy((uint8_t *)plain, nonce + crypto_secretbox_NONCEBYTES,
                                      sealed.len - crypto_secretbox_NONCEBYTES, nonce, self->bytes);
}
