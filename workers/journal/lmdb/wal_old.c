/* The layout of schema 5 and before, to take over what a process of that version left: a frame has
 * one checksum, so that a torn one looks like a damaged one. */
#include "workers/journal/lmdb/wal_self.h"

#include <endian.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { OLD_MAGIC = 0x314c4157 };

typedef struct __attribute__((packed)) {
    uint32_t magic, bytes; /* of the entries */
    uint64_t checksum;     /* over header and entries, with 0 in its place */
    uint64_t generation;
    uint32_t number, entries;
    uint64_t running_ms, first_log;
} old_head_t;

void wal_read_old(wal_t *self)
{
    self->read = wal_old_read_frame;
    self->head_size = sizeof(old_head_t);
}

static wal_verdict_t s_read(wal_t *self, size_t place, wal_frame_t *frame, size_t *whole)
{
    old_head_t head;
    ssize_t got = pread(self->fd, &head, sizeof head, (off_t)place);
    if (got < 0)
        return FRAME_UNREAD;
    if (got != sizeof head || le32toh(head.magic) != OLD_MAGIC ||
        le32toh(head.bytes) > WAL_HALF - sizeof head)
        return FRAME_NONE;
    ssize_t len = (ssize_t)(sizeof head + le32toh(head.bytes));
    got = pread(self->fd, self->frame, (size_t)len, (off_t)place);
    if (got < 0)
        return FRAME_UNREAD;
    uint64_t checksum = head.checksum;
    head.checksum = 0;
    memcpy(self->frame, &head, sizeof head);
    if (got != len ||
        htole64(XXH3_64bits_withSeed(self->frame, (size_t)len, self->seed)) != checksum)
        return FRAME_NONE;
    *whole = wal_blocks((size_t)len);
    *frame = (wal_frame_t){le64toh(head.generation), le32toh(head.number), le32toh(head.entries),
                           le64toh(head.running_ms), le64toh(head.first_log)};
    return FRAME_WHOLE;
}

static wal_verdict_t s_read_of(wal_t *self, uint64_t generation, int64_t number, size_t place,
                               wal_frame_t *frame, size_t *whole)
{
    wal_verdict_t verdict = s_read(self, place, frame, whole);
    return verdict == FRAME_WHOLE && (frame->generation != generation ||
                                      (number != WAL_ANY && frame->number != number))
               ? FRAME_NONE
               : verdict;
}

uint64_t wal_old_peek(wal_t *self, size_t place, bool *unread)
{
    wal_frame_t frame;
    size_t whole;
    wal_verdict_t verdict = s_read(self, place, &frame, &whole);
    *unread = verdict == FRAME_UNREAD;
    return verdict == FRAME_WHOLE ? frame.generation : 0;
}

wal_verdict_t wal_old_read_frame(wal_t *self, uint64_t generation, int64_t number, size_t at,
                                 wal_frame_t *frame, size_t *whole)
{
    size_t half = wal_half(self, generation);
    wal_verdict_t verdict = s_read_of(self, generation, number, half + at, frame, whole);
    /* Before schema 5 each began at the start. */
    return verdict == FRAME_NONE && half > 0 ? s_read_of(self, generation, number, at, frame, whole)
                                             : verdict;
}
