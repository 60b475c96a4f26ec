#include "common/store/sealing_key.h"

#include "common/base/secret.h"
#include "common/log/log.h"
#include "common/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY = crypto_secretbox_KEYBYTES, HEX = 2 * KEY };
static_assert(SEALING_OVERHEAD == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
              "what secretbox adds");

struct sealing_key {
    uint8_t bytes[KEY];
};

/* A load under way. */
typedef struct {
    const sealing_key_file_t *file;
    const char *path;
    const sealing_key_t *former;
    char *err;
    size_t err_size;
} load_t;

static int s_say(const load_t *load, const char *what)
{
    snprintf(load->err, load->err_size, "%s %s: %s", load->file->name, load->path, what);
    return -1;
}

static int s_say_unwritten(const load_t *load)
{
    char what[128];
    snprintf(what, sizeof what, "cannot be written: %s", strerror(errno));
    return s_say(load, what);
}

static bool s_parse(sealing_key_t *self, bool raw, const char *text, size_t len)
{
    size_t made = 0;
    if (raw && len == KEY) {
        memcpy(self->bytes, text, KEY);
        return true;
    }
    bool whole = len == HEX + 1 ? text[HEX] == '\n' : raw && len == HEX;
    return whole && sodium_hex2bin(self->bytes, KEY, text, HEX, NULL, &made, NULL) == 0 &&
           made == KEY;
}

static int s_read(sealing_key_t *self, const load_t *load, int fd)
{
    struct stat is;
    char text[HEX + 2];
    if (fstat(fd, &is) != 0)
        return s_say(load, strerror(errno));
    if (!S_ISREG(is.st_mode) || (is.st_mode & 077) != 0)
        return s_say(load, "others may read it: chmod 600 it");
    ssize_t len = read(fd, text, sizeof text);
    bool good = len > 0 && s_parse(self, load->file->raw, text, (size_t)len);
    secret_wipe(text, sizeof text);
    return good ? 0 : s_say(load, load->file->malformed);
}

/* The former key, or a new one, into the file. */
static bool s_write(sealing_key_t *self, const load_t *load, int fd)
{
    char text[HEX + 1];
    if (load->former)
        *self = *load->former;
    else
        randombytes_buf(self->bytes, KEY);
    sodium_bin2hex(text, sizeof text, self->bytes, KEY);
    text[HEX] = '\n';
    bool good = write(fd, text, sizeof text) == (ssize_t)sizeof text && fsync(fd) == 0;
    secret_wipe(text, sizeof text);
    return good;
}

static int s_made(const load_t *load)
{
    log_info(load->file->made, "path=%s", LOG_Q(load->path));
    return 0;
}

/* EEXIST: there is a file of that name. Some file systems have no such rename. */
static bool s_name(const char *next, const char *path)
{
    if (renameat2(AT_FDCWD, next, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return true;
    return errno == EINVAL && link(next, path) == 0 && unlink(next) == 0;
}

/* Under another name until it is whole on the disk: half a key would stand in the way for ever. 1:
 * another process has made it meanwhile. */
static int s_make(sealing_key_t *self, const load_t *load)
{
    char next[PATH_MAX + 32];
    snprintf(next, sizeof next, "%s.%08x.next", load->path, randombytes_random());
    int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return s_say_unwritten(load);
    bool named = s_write(self, load, fd) && s_name(next, load->path);
    int why = errno;
    close(fd);
    if (named)
        return store_sync_name(load->path) == 0 ? s_made(load) : s_say_unwritten(load);
    unlink(next);
    errno = why;
    return why == EEXIST ? 1 : s_say_unwritten(load);
}

static bool s_is_empty(int fd)
{
    struct stat is;
    return fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && (is.st_mode & 077) == 0 && is.st_size == 0;
}

/* One process at a time: who comes later reads what the first has written. */
static int s_fill(sealing_key_t *self, const load_t *load)
{
    int fd = open(load->path, O_RDWR | O_CLOEXEC | O_NOCTTY);
    int rc;
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        rc = s_say_unwritten(load);
    else if (!s_is_empty(fd))
        rc = s_read(self, load, fd);
    else
        rc = s_write(self, load, fd) ? s_made(load) : s_say_unwritten(load);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int s_load(sealing_key_t *self, const load_t *load)
{
    int fd = open(load->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int rc = 0;
    if (fd < 0 && errno != ENOENT)
        return s_say(load, strerror(errno));
    bool empty = fd >= 0 && s_is_empty(fd);
    if (fd >= 0 && !empty)
        rc = s_read(self, load, fd);
    else if (load->file->missing)
        rc = s_say(load, load->file->missing);
    else
        rc = empty ? s_fill(self, load) : s_make(self, load);
    if (fd >= 0)
        close(fd);
    return rc > 0 ? s_load(self, load) : rc;
}

sealing_key_t *sealing_key_load(const sealing_key_file_t *file, const char *path,
                                const sealing_key_t *former, char *err, size_t err_size)
{
    int rc = sodium_init();
    assert(rc >= 0);
    sealing_key_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    if (s_load(self, &(load_t){file, path, former, err, err_size}) != 0)
        sealing_key_destroy(&self);
    return self;
}

void sealing_key_destroy(sealing_key_t **self_p)
{
    if (!*self_p)
        return;
    secret_wipe(*self_p, sizeof **self_p);
    free(*self_p);
    *self_p = NULL;
}

void sealing_key_seal(const sealing_key_t *self, slice_t plain, void *sealed)
{
    uint8_t *nonce = sealed;
    randombytes_buf(nonce, crypto_secretbox_NONCEBYTES);
    int rc = crypto_secretbox_easy(nonce + crypto_secretbox_NONCEBYTES, (const uint8_t *)plain.data,
                                   plain.len, nonce, self->bytes);
    assert(rc == 0);
}

int sealing_key_open(const sealing_key_t *self, slice_t sealed, char *plain)
{
    if (sealed.len < SEALING_OVERHEAD)
        return -1;
    const uint8_t *nonce = (const uint8_t *)sealed.data;
    return crypto_secretbox_open_easy((uint8_t *)plain, nonce + crypto_secretbox_NONCEBYTES,
                                      sealed.len - crypto_secretbox_NONCEBYTES, nonce, self->bytes);
}

void sealing_key_derive(const sealing_key_t *self, const char *purpose,
                        uint8_t derived[SEALING_DERIVED])
{
    crypto_generichash(derived, SEALING_DERIVED, (const uint8_t *)purpose, strlen(purpose),
                       self->bytes, KEY);
}
