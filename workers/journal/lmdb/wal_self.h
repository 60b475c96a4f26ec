/* What the files of the write-ahead file share: wal.c writes it, wal_read.c reads it, wal_old.c
 * reads the layout of schema 5 and before. Nobody else but their test includes it. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_WAL_SELF_H
#define POSTERN_WORKERS_JOURNAL_LMDB_WAL_SELF_H

#include "workers/journal/lmdb/wal.h"

#include <sys/types.h>

enum { WAL_MAGIC = 0x5057414c, WAL_LENGTH = 4, WAL_FRAMES = 1 << 16 };

/* At the start of a frame. */
typedef struct __attribute__((packed)) {
    uint32_t magic, bytes; /* of the entries */
    uint64_t generation;
    uint32_t number, entries;
    uint64_t running_ms, first_log;
} wal_head_t;

/* At the end of each sector. */
typedef struct __attribute__((packed)) {
    uint64_t id;    /* wal_id of the frame that wrote it; 0: none has */
    uint64_t check; /* XXH3 of the sector before it, with its place */
} wal_seal_t;

enum {
    WAL_SECTOR = 512,
    WAL_SEALED = WAL_SECTOR - sizeof(wal_seal_t),
    WAL_TAILS = WAL_SEALED / sizeof(wal_seal_t), /* in a sector that keeps tails of others */
};

/* What is found where a frame may begin. */
typedef enum {
    FRAME_WHOLE,
    FRAME_NONE,    /* nothing of it was written */
    FRAME_TORN,    /* a part of it: its write was never confirmed */
    FRAME_DAMAGED, /* what lies there was written by nobody */
    FRAME_UNREAD,  /* errno: the disk does not give it */
} wal_verdict_t;

/* Reads the frame that may begin AT bytes into the half of GENERATION, the entries into
 * self->frame. NUMBER: the one that is expected; WAL_ANY: any. *whole: its bytes in the file. */
enum { WAL_ANY = -1 };
typedef wal_verdict_t (*wal_read_fn)(wal_t *self, uint64_t generation, int64_t number, size_t at,
                                     wal_frame_t *frame, size_t *whole);

struct wal {
    unsigned magic;
    int fd;  /* for reading, by way of the page cache */
    int out; /* for writing; -1 until wal_begin */
    char path[1100];
    size_t size;   /* of the file: as found, and from wal_begin on as wanted */
    size_t wanted; /* a multiple of two blocks */
    uint64_t seed;
    wal_read_fn read;
    size_t head_size; /* before the entries, as read */
    uint64_t generation;
    uint32_t number;  /* of the next frame */
    size_t half;      /* where its half begins */
    size_t at;        /* where it goes, from there */
    size_t former_at; /* the same of the generation before, which is complete */
    char *frame;      /* WAL_HALF bytes: the head and the entries of the one in the making */
    size_t len;       /* of it so far, with its head */
    uint32_t entries;
    bool too_large;
    bool soiled; /* a write was refused: nothing goes behind what it may have left */
};

/* wal.c */
size_t wal_half(const wal_t *self, uint64_t generation);
size_t wal_blocks(size_t bytes);
size_t wal_whole(size_t len); /* bytes in the file of a frame of LEN bytes with its head */
static inline uint64_t wal_id(uint64_t generation, uint32_t number)
{
    return generation * WAL_FRAMES + number;
}
/* Puts seals into a frame of LEN bytes in WHOLE, which lies AT in the file; and takes them out. */
void wal_seal(const wal_t *self, char *frame, size_t len, size_t whole, uint64_t id, size_t at);
void wal_unseal(char *frame, size_t len);
/* Whether the seal of the sector AT in the file is good; *id: who wrote it. */
bool wal_is_sealed(const wal_t *self, const char *sector, size_t at, uint64_t *id);

/* wal_read.c, wal_old.c */
wal_verdict_t wal_read_frame(wal_t *self, uint64_t generation, int64_t number, size_t at,
                             wal_frame_t *frame, size_t *whole);
wal_verdict_t wal_old_read_frame(wal_t *self, uint64_t generation, int64_t number, size_t at,
                                 wal_frame_t *frame, size_t *whole);
/* The generation of the frame at PLACE; 0: there is none. */
uint64_t wal_old_peek(wal_t *self, size_t place, bool *unread);

#endif
