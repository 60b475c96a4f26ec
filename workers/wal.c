#include "workers/wal.h"

#include "common/log/log.h"

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

enum { MAGIC = 0x5057414c, FRAME_MAGIC = 0x314c4157, LENGTH = 4 };

/* As it lies in the file. */
typedef struct __attribute__((packed)) {
    uint32_t magic, bytes; /* of the entries */
    uint64_t checksum;     /* over header and entries, with 0 in its place */
    uint64_t generation;
    uint32_t number, entries;
    uint64_t running_ms, first_log;
} head_t;

struct wal {
    unsigned magic;
    int fd;  /* for reading, by way of the page cache */
    int out; /* for writing; -1 until wal_begin */
    char path[1100];
    size_t size;   /* of the file: as found, and from wal_begin on as wanted */
    size_t wanted; /* a multiple of two blocks */
    uint64_t seed;
    uint64_t generation;
    uint32_t number; /* of the next frame */
    size_t half;     /* where its half begins */
    size_t at;       /* where it goes, from there */
    char *frame;     /* WAL_HALF bytes: the head and the entries of the one in the making */
    size_t len;      /* of it so far, with its head */
    uint32_t entries;
    bool too_large;
};

static int s_say(const wal_t *self, char *err, size_t err_size)
{
    snprintf(err, err_size, "%s: %s%s", self->path, strerror(errno),
             errno == ENOSPC || errno == EDQUOT ? ": free some room on the disk" : "");
    return -1;
}

static size_t s_blocks(size_t bytes)
{
    return (bytes + WAL_BLOCK - 1) / WAL_BLOCK * WAL_BLOCK;
}

wal_t *wal_open(const char *path, const uuid_t7 *journal, size_t bytes, char *err, size_t err_size)
{
    struct stat is;
    wal_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    assert(bytes >= WAL_LEAST && bytes <= WAL_MOST && bytes % (2 * WAL_BLOCK) == 0);
    assert(strlen(path) < sizeof self->path);
    self->magic = MAGIC;
    self->wanted = bytes;
    snprintf(self->path, sizeof self->path, "%s", path);
    self->seed = XXH3_64bits(journal->bytes, UUID_BYTES);
    /* Direct writes need its alignment. Room for what an older, larger file may hold. */
    if (posix_memalign((void **)&self->frame, WAL_BLOCK, WAL_HALF) != 0)
        abort();
    self->len = sizeof(head_t);
    self->out = -1;
    self->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    if (self->fd < 0 || fstat(self->fd, &is) != 0) {
        s_say(self, err, err_size);
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
    assert(self->magic == MAGIC);
    if (self->fd >= 0)
        close(self->fd);
    if (self->out >= 0)
        close(self->out);
    free(self->frame);
    self->magic = 0;
    free(self);
    *self_p = NULL;
}

/* Of the frame in memory, whose head has 0 for it. */
static uint64_t s_checksum(const wal_t *self, size_t len)
{
    return htole64(XXH3_64bits_withSeed(self->frame, len, self->seed));
}

/* Reads the frame at AT into memory; its length in the file, 0 when there is none, or -1 (errno)
 * when the disk does not give it. */
static ssize_t s_read(wal_t *self, size_t at, wal_frame_t *frame)
{
    head_t head;
    ssize_t got = pread(self->fd, &head, sizeof head, (off_t)at);
    if (got < 0)
        return -1;
    if (got != sizeof head || le32toh(head.magic) != FRAME_MAGIC ||
        le32toh(head.bytes) > WAL_HALF - sizeof head)
        return 0;
    ssize_t len = (ssize_t)(sizeof head + le32toh(head.bytes));
    got = pread(self->fd, self->frame, (size_t)len, (off_t)at);
    if (got < 0)
        return -1;
    if (got != len)
        return 0;
    uint64_t checksum = head.checksum;
    head.checksum = 0;
    memcpy(self->frame, &head, sizeof head);
    if (s_checksum(self, (size_t)len) != checksum)
        return 0;
    *frame = (wal_frame_t){le64toh(head.generation), le32toh(head.number), le32toh(head.entries),
                           le64toh(head.running_ms), le64toh(head.first_log)};
    return len;
}

int wal_first(wal_t *self, wal_frame_t *frame)
{
    wal_frame_t odd;
    assert(self->entries == 0);
    ssize_t even_len = s_read(self, 0, frame);
    ssize_t odd_len = even_len < 0 ? -1 : s_read(self, wal_size(self), &odd);
    if (odd_len < 0)
        return -1;
    if (odd_len == 0 || odd.number != 0 || (even_len > 0 && odd.generation < frame->generation))
        return even_len > 0;
    *frame = odd;
    return 1;
}

/* The entries of the frame in memory. A checksum that fits makes them what was written. */
static int s_each(wal_t *self, size_t len, const wal_frame_t *frame, wal_each_fn each, void *arg)
{
    size_t at = sizeof(head_t);
    int rc = 0;
    for (uint32_t i = 0; i < frame->entries && rc == 0; i++) {
        uint32_t size;
        assert(len - at >= LENGTH);
        memcpy(&size, self->frame + at, LENGTH);
        size = le32toh(size);
        at += LENGTH;
        assert(len - at >= size);
        rc = each(arg, frame, slice(self->frame + at, size));
        at += size;
    }
    return rc;
}

static size_t s_half(const wal_t *self, uint64_t generation)
{
    return generation & 1 ? wal_size(self) : 0;
}

static bool s_is(const wal_frame_t *frame, uint64_t generation, uint32_t number)
{
    return frame->generation == generation && frame->number == number;
}

int wal_replay(wal_t *self, uint64_t generation, wal_each_fn each, void *arg)
{
    wal_frame_t frame;
    size_t at = s_half(self, generation);
    assert(self->entries == 0);
    ssize_t len = s_read(self, at, &frame);
    /* Before schema 5 of the journal each began at the start. */
    if (at > 0 && (len == 0 || (len > 0 && !s_is(&frame, generation, 0))))
        len = s_read(self, at = 0, &frame);
    for (uint32_t number = 0; len > 0 && s_is(&frame, generation, number); number++) {
        int rc = s_each(self, (size_t)len, &frame, each, arg);
        if (rc != 0)
            return rc;
        at += s_blocks((size_t)len);
        len = s_read(self, at, &frame);
    }
    return len < 0 ? errno : 0;
}

/* A block that was never written would cost the file system a change of its own with the first
 * write of a frame. */
static int s_fill(wal_t *self)
{
    if (self->size == self->wanted)
        return 0;
    self->size = self->wanted;
    if (ftruncate(self->fd, 0) != 0)
        return -1;
    memset(self->frame, 0, WAL_LEAST);
    for (size_t at = 0; at < self->size;) {
        size_t left = self->size - at;
        ssize_t done =
            pwrite(self->fd, self->frame, left < WAL_LEAST ? left : WAL_LEAST, (off_t)at);
        if (done < 0)
            return -1;
        at += (size_t)done;
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

int wal_begin(wal_t *self, char *err, size_t err_size)
{
    assert(self->entries == 0);
    return s_fill(self) == 0 && s_open_out(self) == 0 ? 0 : s_say(self, err, err_size);
}

void wal_restart(wal_t *self, uint64_t generation)
{
    assert(self->entries == 0);
    self->generation = generation;
    self->number = 0;
    self->half = s_half(self, generation);
    self->at = 0;
}

void *wal_add(wal_t *self, size_t len)
{
    size_t left = wal_size(self) - self->at;
    if (self->too_large || left < self->len + LENGTH || left - self->len - LENGTH < len) {
        self->too_large = true;
        return NULL;
    }
    uint32_t length = htole32((uint32_t)len);
    char *to = self->frame + self->len;
    memcpy(to, &length, LENGTH);
    self->len += LENGTH + len;
    self->entries++;
    return to + LENGTH;
}

void wal_drop(wal_t *self)
{
    self->len = sizeof(head_t);
    self->entries = 0;
    self->too_large = false;
}

wal_write_t wal_write(wal_t *self, uint64_t running_ms, uint64_t first_log)
{
    head_t head = {.magic = htole32(FRAME_MAGIC),
                   .bytes = htole32((uint32_t)(self->len - sizeof head)),
                   .generation = htole64(self->generation),
                   .number = htole32(self->number),
                   .entries = htole32(self->entries),
                   .running_ms = htole64(running_ms),
                   .first_log = htole64(first_log)};
    size_t len = self->len, whole = s_blocks(len);
    bool too_large = self->too_large;
    assert(too_large || self->entries > 0);
    wal_drop(self);
    if (too_large)
        return WAL_FULL;
    memcpy(self->frame, &head, sizeof head);
    head.checksum = s_checksum(self, len);
    memcpy(self->frame, &head, sizeof head);
    memset(self->frame + len, 0, whole - len);
    ssize_t done = pwrite(self->out, self->frame, whole, (off_t)(self->half + self->at));
    if (done != (ssize_t)whole) {
        int why = done < 0 ? errno : EIO;
        log_error("wal.write", "path=%s err=%s", LOG_Q(self->path), LOG_Q(strerror(why)));
        errno = why;
        /* Only a file system that moves what is overwritten can say so. */
        return why == ENOSPC || why == EDQUOT ? WAL_FULL : WAL_FAILED;
    }
    self->at += whole;
    self->number++;
    return WAL_OK;
}

size_t wal_size(const wal_t *self)
{
    return self->size / 2;
}

size_t wal_used(const wal_t *self)
{
    return self->at;
}
