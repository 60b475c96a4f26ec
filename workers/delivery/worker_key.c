#include "workers/delivery/worker_key.h"

#include "common/base/secret.h"
#include "common/log/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY = crypto_secretbox_KEYBYTES, HEX = 2 * KEY, PATH = 4400 };
static_assert(WORKER_KEY_OVERHEAD == crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES,
              "what secretbox adds");

struct worker_key {
    uint8_t bytes[KEY];
};

static int s_say(char *err, size_t err_size, const char *path, const char *what)
{
    snprintf(err, err_size, "key of the worker %s: %s", path, what);
    return -1;
}

static int s_read(worker_key_t *self, int fd, const char *path, char *err, size_t err_size)
{
    struct stat is;
    char text[HEX + 2];
    size_t made = 0;
    if (fstat(fd, &is) != 0)
        return s_say(err, err_size, path, strerror(errno));
    if (!S_ISREG(is.st_mode) || (is.st_mode & 077) != 0)
        return s_say(err, err_size, path, "others may read it: chmod 600 it");
    ssize_t len = read(fd, text, sizeof text);
    bool good = len == HEX + 1 && text[HEX] == '\n' &&
                sodium_hex2bin(self->bytes, KEY, text, HEX, NULL, &made, NULL) == 0 && made == KEY;
    secret_wipe(text, sizeof text);
    return good ? 0
                : s_say(err, err_size, path,
                        "does not hold 64 hex digits; restore it, or remove it for a new one: then "
                        "authd tells the handlers again");
}

static bool s_sync_directory(const char *path)
{
    char copy[PATH];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

static int s_made(const char *path)
{
    log_info("worker_key.made", "path=%s", LOG_Q(path));
    return 0;
}

/* Takes the descriptor. */
static bool s_write(worker_key_t *self, int fd)
{
    char text[HEX + 1];
    randombytes_buf(self->bytes, KEY);
    sodium_bin2hex(text, sizeof text, self->bytes, KEY);
    text[HEX] = '\n';
    bool good = write(fd, text, sizeof text) == (ssize_t)sizeof text && fsync(fd) == 0;
    secret_wipe(text, sizeof text);
    close(fd);
    return good;
}

/* Under another name first: half a key would be refused at the next start. */
static int s_make(worker_key_t *self, const char *path, char *err, size_t err_size)
{
    char part[PATH];
    snprintf(part, sizeof part, "%s.part", path);
    unlink(part);
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return s_say(err, err_size, path, strerror(errno));
    if (!s_write(self, fd) || rename(part, path) != 0 || !s_sync_directory(path)) {
        unlink(part);
        return s_say(err, err_size, path, "cannot be written");
    }
    return s_made(path);
}

/* Into the empty file that root has made for us, where the directory is root's (prepare.h). */
static int s_fill(worker_key_t *self, const char *path, char *err, size_t err_size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return s_say(err, err_size, path, strerror(errno));
    return s_write(self, fd) ? s_made(path) : s_say(err, err_size, path, "cannot be written");
}

static bool s_is_empty(int fd)
{
    struct stat is;
    return fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && (is.st_mode & 077) == 0 && is.st_size == 0;
}

worker_key_t *worker_key_load(const char *path, char *err, size_t err_size)
{
    int rc = sodium_init();
    assert(rc >= 0 && strlen(path) < PATH - 8);
    worker_key_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        rc = s_is_empty(fd) ? s_fill(self, path, err, err_size)
                            : s_read(self, fd, path, err, err_size);
        close(fd);
    } else if (errno == ENOENT) {
        rc = s_make(self, path, err, err_size);
    } else {
        rc = s_say(err, err_size, path, strerror(errno));
    }
    if (rc != 0)
        worker_key_destroy(&self);
    return self;
}

void worker_key_destroy(worker_key_t **self_p)
{
    if (!*self_p)
        return;
    secret_wipe(*self_p, sizeof **self_p);
    free(*self_p);
    *self_p = NULL;
}

void worker_key_seal(const worker_key_t *self, slice_t plain, char *sealed)
{
    uint8_t *out = (uint8_t *)sealed;
    randombytes_buf(out, crypto_secretbox_NONCEBYTES);
    int rc = crypto_secretbox_easy(out + crypto_secretbox_NONCEBYTES, (const uint8_t *)plain.data,
                                   plain.len, out, self->bytes);
    assert(rc == 0);
}

int worker_key_open(const worker_key_t *self, slice_t sealed, char *plain)
{
    if (sealed.len < WORKER_KEY_OVERHEAD)
        return -1;
    const uint8_t *nonce = (const uint8_t *)sealed.data;
    return crypto_secretbox_open_easy((uint8_t *)plain, nonce + crypto_secretbox_NONCEBYTES,
                                      sealed.len - crypto_secretbox_NONCEBYTES, nonce, self->bytes);
}
