/* The write-ahead file of a journal: the records that were stored since the engine's last commit,
 * in frames, each durable when its wal_write returns. One write that goes past the page cache and
 * waits for the disk costs a fifth of a commit of the engine, which therefore commits rarely,
 * behind the file.
 *
 * The file has a fixed size, is written over again and again, and never grows: the disk cannot be
 * too full for a frame. Frames belong to a generation; an odd generation begins in the middle of
 * the file, an even one at the start, so that one can be written while the engine still commits the
 * one before. The engine remembers the last generation that its own commit covers: an older frame
 * that still lies in the file is nobody's.
 *
 * What a power cut leaves is told from damage. A disk writes sectors of 512 bytes whole or not at
 * all, so each sector ends with a seal: which frame wrote it, and a checksum. Sectors of the last
 * frame that an older frame wrote, or none, are a torn write, which nobody was answered for. A
 * sector whose seal is broken, a frame of the same generation behind one that is not whole, another
 * size than the file was begun with, and frames that are older than those that the engine has
 * committed are damage: wal_survey finds it. What wal_survey cannot find: an earlier state of the
 * file from after the engine's last commit, put back; and a sector of the last frame that a disk
 * has confirmed and never written.
 *
 * Layout, numbers little-endian: frames on blocks of WAL_BLOCK bytes; a frame is a header
 * (wal_self.h), then entries, each its length (4) and its bytes, then the tails: the last 16 bytes
 * of each sector of header and entries, in whose places stand the seals. Checksums are XXH3 (64
 * bits), with what follows from the journal's UUID and the place. Before schema 6 of the journal a
 * frame had one checksum and no seals, and before 5 every generation began at the start; such a
 * file is read (wal_read_old), never written.
 *
 * Threading: one thread at a time. Files: mode 0600. */
#ifndef POSTERN_WORKERS_JOURNAL_LMDB_WAL_H
#define POSTERN_WORKERS_JOURNAL_LMDB_WAL_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wal wal_t;

enum {
    WAL_BLOCK = 4096,
    WAL_LEAST = 32 << 10, /* bytes of a file */
    WAL_MOST = 32 << 20,
    WAL_HALF = WAL_MOST / 2, /* and so the longest frame, also of a file of an older schema */
};

typedef struct {
    uint64_t generation;
    uint32_t number;                /* of the frame in its generation, from 0 */
    uint32_t entries;               /* from 1 */
    uint64_t running_ms, first_log; /* the engine's: its clock, and where the first entry goes */
} wal_frame_t;

/* What the engine knows of the file. */
typedef struct {
    uint64_t bytes;   /* the size with which the file was begun; 0: it has no frames */
    uint64_t covered; /* generations up to this one are committed */
    uint64_t framed;  /* the last of these generations that had a frame */
} wal_kept_t;

/* Opens PATH, or makes an empty file; reads nothing yet. BYTES: the file's size from wal_begin on.
 * NULL with the reason in err. */
wal_t *wal_open(const char *path, const uuid_t7 *journal, size_t bytes, char *err, size_t err_size);
void wal_close(wal_t **self_p);

/* The file is of schema 5 or before, until wal_begin. */
void wal_read_old(wal_t *self);

/* The first frame of the newest generation in the file: 1, 0 when there is none, or -1 (errno) when
 * the disk does not give it. */
int wal_first(wal_t *self, wal_frame_t *frame);

/* Looks for damage in the two generations after kept->covered. 0 when there is none, 1 with what is
 * damaged and where in TEXT, -1 (errno) when the disk does not give the file. */
int wal_survey(wal_t *self, const wal_kept_t *kept, char *text, size_t text_size);

/* Calls EACH for the entries of a generation, in order, up to its end; ends early with what EACH
 * returned when that is not 0. Returns 0 or what EACH returned, or an errno: of a read that failed,
 * or EBADMSG for damage, when the entries of the whole frames before it have been given. The entry
 * is valid during the call. */
typedef int (*wal_each_fn)(void *arg, const wal_frame_t *frame, slice_t entry);
int wal_replay(wal_t *self, uint64_t generation, wal_each_fn each, void *arg);
/* wal_replay of every frame that is whole, past frames that are not. */
int wal_salvage(wal_t *self, uint64_t generation, wal_each_fn each, void *arg);

/* Makes the file ready for frames. FILL: sets the size, allocates every block and writes it once,
 * whatever was in the file; else the file has been begun before. 0, or -1 with the reason in
 * err. */
int wal_begin(wal_t *self, bool fill, char *err, size_t err_size);

/* Frames from here on are of GENERATION and begin at the start of its half of the file, over older
 * frames. */
void wal_restart(wal_t *self, uint64_t generation);

/* A frame in the making, empty at first: wal_add gives room for LEN bytes of an entry, valid until
 * the next call; NULL when the half has no room for the entry: then wal_write will say WAL_FULL. */
void *wal_add(wal_t *self, size_t len);
void wal_drop(wal_t *self); /* forgets the frame in the making */

typedef enum {
    WAL_OK,     /* durable */
    WAL_FULL,   /* no room for the frame: nothing of it counts */
    WAL_FAILED, /* errno says why; whether the frame is durable is unknown: fail-stop */
} wal_write_t;
/* Writes the frame in the making, which must have an entry, and empties it in any case. */
wal_write_t wal_write(wal_t *self, uint64_t running_ms, uint64_t first_log);

/* Whether a write of this half was refused. The write may have left a part of a frame, which is
 * damage to wal_survey as soon as the next generation has frames: the frames of this half are to be
 * committed before. */
bool wal_is_soiled(const wal_t *self);

/* Whether the file is still at its path. */
bool wal_is_there(const wal_t *self);

/* Bytes of a half, and the bytes of this half that frames of its generation have taken. */
size_t wal_size(const wal_t *self);
size_t wal_used(const wal_t *self);

#endif
