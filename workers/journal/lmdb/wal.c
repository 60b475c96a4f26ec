#include "workers/journal/lmdb/wal_self.h"

#include "common/log/log.h"
#include "common/store/store.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { FRAME_MAGIC = 0x324c4157 };

static int s_say(const wal_t *self, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: %s%s", self->path, strerror(errno),
             store_lacks_room(errno) ? ": free some room on the disk" : "");
    return -1;
}

size_t wal_blocks(size_t bytes)
{
    return (bytes + WAL_BLOCK - 1) / WAL_BLOCK * WAL_BLOCK;
}

/* A link would lead elsewhere, and another name into somebody else's hands. */
static int s_open(wal_t *self, struct stat *is, char *err, size_t err_size)
{
    self->fd =
        open(self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (self->fd < 0 && errno == ELOOP) {
        snprintf(err, err_size, "%s: a symbolic link: look where it leads, and remove it",
                 self->path);
        return -1;
    }
    if (self->fd < 0 || fstat(self->fd, is) != 0)
        return s_say(self, err, err_size);
    if (S_ISREG(is->st_mode) && is->st_nlink == 1)
        return 0;
    snprintf(err, err_size, "%s: not a file, or has another name: look at it, and remove that",
             self->path);
    return -1;
}

wal_t *wal_open(const char *path, const uuid_t7 *journal, size_t bytes, char *err, size_t err_size)
{
    struct stat is;
    wal_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    assert(bytes >= WAL_LEAST && bytes <= WAL_MOST && bytes % (2 * WAL_BLOCK) == 0);
    assert(strlen(path) < sizeof self->path);
    self->magic = WAL_MAGIC;
    self->read = wal_read_frame;
    self->head_size = sizeof(wal_head_t);
    self->wanted = bytes;
    snprintf(self->path, sizeof self->path, "%s", path);
    self->seed = XXH3_64bits(journal->bytes, UUID_BYTES);
    /* Direct writes need its alignment. Room for what an older, larger file may hold. */
    if (posix_memalign((void **)&self->frame, WAL_BLOCK, WAL_HALF) != 0)
        abort();
    self->len = sizeof(wal_head_t);
    self->out = -1;
    if (s_open(self, &is, err, err_size) != 0) {
        wal_close(&self);
        return NULL;
    }
    self->size = (size_t)is.st_size;
    return self;
}

void wal_close(wal_t **self_p)
{
    wal_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == WAL_MAGIC);
    if (self->fd >= 0)
        close(self->fd);
    if (self->out >= 0)
        close(self->out);
    free(self->frame);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

size_t wal_half(const wal_t *self, uint64_t generation)
{
    return generation & 1 ? wal_size(self) : 0;
}

static size_t s_sectors(size_t len)
{
    return (len + WAL_SECTOR - 1) / WAL_SECTOR;
}

size_t wal_whole(size_t len)
{
    size_t sectors = s_sectors(len);
    return wal_blocks((sectors + (sectors + WAL_TAILS - 1) / WAL_TAILS) * WAL_SECTOR);
}

static uint64_t s_check(const wal_t *self, const char *sector, size_t at)
{
    uint64_t place = (self->seed + at / WAL_SECTOR) * 0x9e3779b97f4a7c15u;
    return htole64(XXH3_64bits(sector, WAL_SEALED + sizeof(uint64_t)) ^ place);
}

/* Where the tail of the I-th of so many sectors is kept. */
static char *s_tail(char *frame, size_t sectors, size_t i)
{
    return frame + (sectors + i / WAL_TAILS) * WAL_SECTOR + i % WAL_TAILS * sizeof(wal_seal_t);
}

void wal_seal(const wal_t *self, char *frame, size_t len, size_t whole, uint64_t id, size_t at)
{
    size_t sectors = s_sectors(len);
    memset(frame + len, 0, whole - len);
    for (size_t i = 0; i < sectors; i++)
        memcpy(s_tail(frame, sectors, i), frame + i * WAL_SECTOR + WAL_SEALED, sizeof(wal_seal_t));
    for (size_t i = 0; i < whole; i += WAL_SECTOR) {
        wal_seal_t seal = {.id = htole64(id)};
        memcpy(frame + i + WAL_SEALED, &seal.id, sizeof seal.id);
        seal.check = s_check(self, frame + i, at + i);
        memcpy(frame + i + WAL_SEALED, &seal, sizeof seal);
    }
}

void wal_unseal(char *frame, size_t len)
{
    size_t sectors = s_sectors(len);
    for (size_t i = 0; i < sectors; i++)
        memcpy(frame + i * WAL_SECTOR + WAL_SEALED, s_tail(frame, sectors, i), sizeof(wal_seal_t));
}

bool wal_is_sealed(const wal_t *self, const char *sector, size_t at, uint64_t *id)
{
    wal_seal_t seal;
    memcpy(&seal, sector + WAL_SEALED, sizeof seal);
    *id = le64toh(seal.id);
    return seal.check == s_check(self, sector, at);
}

/* A block that was never written would cost the file system a change of its own with the first
 * write of a frame. */
static int s_fill(wal_t *self)
{
    self->size = self->wanted;
    if (ftruncate(self->fd, 0) != 0)
        return -1;
    for (size_t at = 0; at < self->size;) {
        size_t left = self->size - at, len = left < WAL_LEAST ? left : WAL_LEAST;
        wal_seal(self, self->frame, 0, len, 0, at);
        ssize_t done = pwrite(self->fd, self->frame, len, (off_t)at);
        if (done < 0)
            return -1;
        at += (size_t)done / WAL_SECTOR * WAL_SECTOR;
        if (done < WAL_SECTOR) {
            errno = ENOSPC;
            return -1;
        }
    }
    return fsync(self->fd);
}

/* Past the page cache where the file system can; some cannot. */
static int s_open_out(wal_t *self)
{
    int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_DSYNC;
    assert(self->out < 0);
    self->out = open(self->path, flags | O_DIRECT);
    if (self->out < 0 && errno == EINVAL)
        self->out = open(self->path, flags);
    return self->out < 0 ? -1 : 0;
}

int wal_begin(wal_t *self, bool fill, char *err, size_t err_size)
{
    assert(self->entries == 0 && (fill || self->size == self->wanted));
    self->read = wal_read_frame;
    self->head_size = sizeof(wal_head_t);
    return (!fill || s_fill(self) == 0) && s_open_out(self) == 0 ? 0 : s_say(self, err, err_size);
}

void wal_restart(wal_t *self, uint64_t generation)
{
    assert(self->entries == 0);
    self->former_at = self->at;
    self->generation = generation;
    self->number = 0;
    self->half = wal_half(self, generation);
    self->at = 0;
    self->soiled = false;
}

void *wal_add(wal_t *self, size_t len)
{
    size_t left = wal_size(self) - self->at;
    if (self->too_large || self->soiled || len > left ||
        left < wal_whole(self->len + WAL_LENGTH + len)) {
        self->too_large = true;
        return NULL;
    }
    uint32_t length = htole32((uint32_t)len);
    char *to = self->frame + self->len;
    memcpy(to, &length, WAL_LENGTH);
    self->len += WAL_LENGTH + len;
    self->entries++;
    return to + WAL_LENGTH;
}

void wal_drop(wal_t *self)
{
    self->len = sizeof(wal_head_t);
    self->entries = 0;
    self->too_large = false;
}

/* Nothing of it counts, and nothing goes behind it: a part of it may be there. */
static wal_write_t s_failed(wal_t *self, ssize_t done)
{
    int why = done < 0 ? errno : EIO;
    log_error("wal.write", "path=%s err=%s", LOG_Q(self->path), LOG_Q(strerror(why)));
    self->soiled = true;
    errno = why;
    /* Only a file system that moves what is overwritten can say so. */
    return store_lacks_room(why) ? WAL_FULL : WAL_FAILED;
}

wal_write_t wal_write(wal_t *self, uint64_t running_ms, uint64_t first_log)
{
    wal_head_t head = {.magic = htole32(FRAME_MAGIC),
                       .bytes = htole32((uint32_t)(self->len - sizeof head)),
                       .generation = htole64(self->generation),
                       .number = htole32(self->number),
                       .entries = htole32(self->entries),
                       .running_ms = htole64(running_ms),
                       .first_log = htole64(first_log)};
    size_t len = self->len, whole = wal_whole(len), at = self->half + self->at;
    bool too_large = self->too_large;
    assert(too_large || self->entries > 0);
    wal_drop(self);
    if (too_large)
        return WAL_FULL;
    memcpy(self->frame, &head, sizeof head);
    wal_seal(self, self->frame, len, whole, wal_id(self->generation, self->number), at);
    ssize_t done = pwrite(self->out, self->frame, whole, (off_t)at);
    if (done != (ssize_t)whole)
        return s_failed(self, done);
    self->at += whole;
    self->number++;
    return WAL_OK;
}

bool wal_is_soiled(const wal_t *self)
{
    return self->soiled;
}

bool wal_is_there(const wal_t *self)
{
    return store_is_file(self->path, self->fd);
}

size_t wal_size(const wal_t *self)
{
    return self->size / 2;
}

size_t wal_used(const wal_t *self)
{
    return self->at;
}
