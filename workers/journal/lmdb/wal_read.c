/* Reads the write-ahead file: frame by frame, and what lies behind one that is not whole. */
#include "workers/journal/lmdb/wal_self.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* False when the file does not have these bytes; *unread: the disk does not give them. */
static bool s_bytes(const wal_t *self, void *to, size_t len, size_t at, bool *unread)
{
    ssize_t got = pread(self->fd, to, len, (off_t)at);
    *unread = got < 0;
    return got == (ssize_t)len;
}

static wal_verdict_t s_missing(bool unread)
{
    return unread ? FRAME_UNREAD : FRAME_DAMAGED;
}

/* What its first sector, which is sealed by ID, says of it. */
static wal_verdict_t s_judge_id(uint64_t id, uint64_t generation, int64_t number)
{
    if (id / WAL_FRAMES != generation)
        return FRAME_NONE;
    uint64_t found = id % WAL_FRAMES;
    if (number == WAL_ANY || found == (uint64_t)number)
        return FRAME_WHOLE;
    return found > (uint64_t)number ? FRAME_DAMAGED : FRAME_NONE;
}

/* Each sector of the frame in memory is this write's, or an older one's, or nobody's. */
static wal_verdict_t s_judge_sectors(const wal_t *self, size_t whole, uint64_t id, size_t at)
{
    wal_verdict_t verdict = FRAME_WHOLE;
    for (size_t i = 0; i < whole; i += WAL_SECTOR) {
        uint64_t by;
        if (!wal_is_sealed(self, self->frame + i, at + i, &by))
            return FRAME_DAMAGED;
        if (by != id)
            verdict = FRAME_TORN;
    }
    return verdict;
}

wal_verdict_t wal_read_frame(wal_t *self, uint64_t generation, int64_t number, size_t at,
                             wal_frame_t *frame, size_t *whole)
{
    wal_head_t head;
    uint64_t id;
    bool unread;
    size_t place = wal_half(self, generation) + at;
    if (!s_bytes(self, self->frame, WAL_SECTOR, place, &unread))
        return s_missing(unread);
    if (!wal_is_sealed(self, self->frame, place, &id))
        return FRAME_DAMAGED;
    wal_verdict_t verdict = s_judge_id(id, generation, number);
    if (verdict != FRAME_WHOLE)
        return verdict;
    memcpy(&head, self->frame, sizeof head);
    size_t len = sizeof head + le32toh(head.bytes), left = wal_size(self) - at;
    left = left < WAL_HALF ? left : WAL_HALF; /* the file may have grown, the memory has not */
    *whole = len > left ? 0 : wal_whole(len);
    /* A sector further into a frame. */
    if (*whole == 0 || *whole > left || le64toh(head.generation) != generation ||
        le32toh(head.number) != id % WAL_FRAMES)
        return FRAME_DAMAGED;
    if (!s_bytes(self, self->frame, *whole, place, &unread))
        return s_missing(unread);
    verdict = s_judge_sectors(self, *whole, id, place);
    if (verdict != FRAME_WHOLE)
        return verdict;
    wal_unseal(self->frame, len);
    *frame = (wal_frame_t){generation, le32toh(head.number), le32toh(head.entries),
                           le64toh(head.running_ms), le64toh(head.first_log)};
    return FRAME_WHOLE;
}

/* The generation of what lies at the start of a half; 0: nothing that can be read. */
static uint64_t s_peek(wal_t *self, size_t place, bool *unread)
{
    uint64_t id;
    if (self->read != wal_read_frame)
        return wal_old_peek(self, place, unread);
    if (!s_bytes(self, self->frame, WAL_SECTOR, place, unread))
        return 0;
    return wal_is_sealed(self, self->frame, place, &id) ? id / WAL_FRAMES : 0;
}

int wal_first(wal_t *self, wal_frame_t *frame)
{
    int found = 0;
    assert(self->entries == 0);
    for (unsigned odd = 0; odd < 2; odd++) {
        bool unread = false;
        wal_frame_t first;
        size_t whole;
        uint64_t generation = s_peek(self, wal_half(self, odd), &unread);
        wal_verdict_t verdict = unread ? FRAME_UNREAD
                                : generation == 0
                                    ? FRAME_NONE
                                    : self->read(self, generation, 0, 0, &first, &whole);
        if (verdict == FRAME_UNREAD)
            return -1;
        if (verdict == FRAME_WHOLE && (!found || first.generation > frame->generation)) {
            *frame = first;
            found = 1;
        }
    }
    return found;
}

/* The entries of the frame in memory, which is what was written. */
static int s_each(wal_t *self, const wal_frame_t *frame, wal_each_fn each, void *arg)
{
    size_t at = self->head_size;
    int rc = 0;
    for (uint32_t i = 0; i < frame->entries && rc == 0; i++) {
        uint32_t size;
        memcpy(&size, self->frame + at, WAL_LENGTH);
        at += WAL_LENGTH;
        rc = each(arg, frame, slice(self->frame + at, le32toh(size)));
        at += le32toh(size);
    }
    return rc;
}

/* A walk over a generation. */
typedef struct {
    wal_t *wal;
    uint64_t generation;
    size_t at, whole;
    int64_t number; /* of the frame there, as is expected */
    wal_verdict_t verdict;
    wal_frame_t frame;
} walk_t;

/* Before schema 5 a generation had the whole file. */
static size_t s_room(const wal_t *self)
{
    return self->read == wal_read_frame ? wal_size(self) : self->size;
}

static void s_read(walk_t *self)
{
    self->verdict = self->at + WAL_BLOCK > s_room(self->wal)
                        ? FRAME_NONE
                        : self->wal->read(self->wal, self->generation, self->number, self->at,
                                          &self->frame, &self->whole);
}

static void s_begin(walk_t *self, wal_t *wal, uint64_t generation)
{
    assert(wal->entries == 0);
    *self = (walk_t){.wal = wal, .generation = generation};
    s_read(self);
}

/* Behind a frame that is whole. */
static void s_next(walk_t *self)
{
    self->at += self->whole;
    self->number = self->frame.number + 1;
    s_read(self);
}

/* Whatever there is, to a later frame of the generation that is whole; false when there is none. */
static bool s_skip(walk_t *self)
{
    int64_t expected = self->number;
    size_t room = s_room(self->wal);
    if (self->verdict == FRAME_UNREAD)
        return false;
    self->number = WAL_ANY;
    for (self->at += WAL_BLOCK; self->at + WAL_BLOCK <= room; self->at += WAL_BLOCK) {
        s_read(self);
        if (self->verdict == FRAME_UNREAD)
            return false;
        if (self->verdict == FRAME_WHOLE && self->frame.number > expected)
            return true;
    }
    return false;
}

static int s_replay(wal_t *self, uint64_t generation, wal_each_fn each, void *arg, bool past)
{
    walk_t walk;
    size_t end = generation == self->generation       ? self->at
                 : generation + 1 == self->generation ? self->former_at
                                                      : 0;
    bool damaged = false;
    s_begin(&walk, self, generation);
    do {
        for (; walk.verdict == FRAME_WHOLE; s_next(&walk)) {
            int rc = s_each(self, &walk.frame, each, arg);
            if (rc != 0)
                return rc;
        }
        damaged |= walk.verdict == FRAME_DAMAGED || walk.at < end;
    } while (past && s_skip(&walk));
    if (walk.verdict == FRAME_UNREAD)
        return errno;
    return damaged && !past ? EBADMSG : 0;
}

int wal_replay(wal_t *self, uint64_t generation, wal_each_fn each, void *arg)
{
    return s_replay(self, generation, each, arg, false);
}

int wal_salvage(wal_t *self, uint64_t generation, wal_each_fn each, void *arg)
{
    return s_replay(self, generation, each, arg, true);
}

/* What a survey says. */
typedef struct {
    char *text;
    size_t size, len;
    unsigned found;
} said_t;

static void s_say(said_t *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void s_say(said_t *self, const char *format, ...)
{
    va_list args;
    if (self->found++ && self->len < self->size)
        self->len += (size_t)snprintf(self->text + self->len, self->size - self->len, "; ");
    va_start(args, format);
    if (self->len < self->size)
        self->len +=
            (size_t)vsnprintf(self->text + self->len, self->size - self->len, format, args);
    va_end(args);
}

/* Of a frame that is not whole, what it is and what lies behind it. MUST: it was written whole. */
static int s_look_behind(walk_t *walk, said_t *said, bool must)
{
    wal_verdict_t verdict = walk->verdict;
    size_t place = wal_half(walk->wal, walk->generation) + walk->at;
    int64_t number = walk->number;
    unsigned frames = 0, entries = 0;
    for (; s_skip(walk); walk->at += walk->whole - WAL_BLOCK) {
        frames++;
        entries += walk->frame.entries;
        walk->number = walk->frame.number;
    }
    if (walk->verdict == FRAME_UNREAD)
        return -1;
    if (frames == 0 && verdict != FRAME_DAMAGED && !(must && verdict == FRAME_TORN))
        return 0;
    s_say(said,
          "frame %lld of generation %llu, at byte %zu, is damaged, and %u whole frames with %u "
          "messages lie behind it",
          (long long)number, (unsigned long long)walk->generation, place, frames, entries);
    return 0;
}

/* LATER: a generation after it has frames, so that it is complete. *frames: whether it has any. */
static int s_survey(wal_t *self, uint64_t generation, bool later, said_t *said, bool *frames)
{
    walk_t walk;
    s_begin(&walk, self, generation);
    *frames = walk.verdict == FRAME_WHOLE;
    while (walk.verdict == FRAME_WHOLE)
        s_next(&walk);
    if (walk.verdict == FRAME_UNREAD)
        return -1;
    int rc = s_look_behind(&walk, said, later);
    if (rc == 0 && later && !*frames && said->found == 0)
        s_say(said, "generation %llu has no frames, and the one after it has",
              (unsigned long long)generation);
    return rc;
}

/* The place where the last frames lie that the engine has must have these or newer ones. */
static int s_check_age(wal_t *self, const wal_kept_t *kept, said_t *said)
{
    uint64_t id;
    bool unread;
    size_t place = wal_half(self, kept->framed);
    if (!s_bytes(self, self->frame, WAL_SECTOR, place, &unread))
        return unread ? -1 : 0;
    if (wal_is_sealed(self, self->frame, place, &id) && id / WAL_FRAMES < kept->framed)
        s_say(said,
              "its newest frames there are of generation %llu, and data.mdb has those of %llu: "
              "it is an older file",
              (unsigned long long)(id / WAL_FRAMES), (unsigned long long)kept->framed);
    return 0;
}

int wal_survey(wal_t *self, const wal_kept_t *kept, char *text, size_t text_size)
{
    said_t said = {text, text_size, 0, 0};
    bool sealed = self->read == wal_read_frame, later, frames;
    size_t found = self->size;
    text[0] = '\0';
    if (sealed && kept->bytes == 0)
        return 0;
    if (sealed)
        self->size = kept->bytes;
    if (found != self->size)
        s_say(&said, "its size is %zu bytes, and it was begun with %zu", found, self->size);
    int rc = s_survey(self, kept->covered + 2, false, &said, &later);
    if (rc == 0)
        rc = s_survey(self, kept->covered + 1, later, &said, &frames);
    if (rc == 0 && sealed)
        rc = s_check_age(self, kept, &said);
    return rc ? rc : said.found > 0;
}
