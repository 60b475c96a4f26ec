#include "workers/journal/carry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD = 5, SOON = 1 << 18, MOST = 1 << 28 };

typedef struct {
    char *data;
    size_t len, cap;
} bytes_t;

struct carry {
    int fd;
    bool broken;
    bytes_t out, in;
    size_t begin; /* of what of IN is not taken */
};

carry_t *carry_new(int fd)
{
    carry_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->fd = fd;
    return self;
}

void carry_destroy(carry_t **self_p)
{
    carry_t *self = *self_p;
    if (!self)
        return;
    free(self->out.data);
    free(self->in.data);
    free(self);
    *self_p = NULL;
}

/* LEN more bytes, to be written where it returns. */
static char *s_add(bytes_t *self, size_t len)
{
    if (self->len + len > self->cap) {
        self->cap = 2 * (self->len + len);
        self->data = realloc(self->data, self->cap);
        if (!self->data)
            abort();
    }
    self->len += len;
    return self->data + self->len - len;
}

void carry_flush(carry_t *self)
{
    size_t at = 0;
    while (at < self->out.len && !self->broken) {
        ssize_t done = send(self->fd, self->out.data + at, self->out.len - at, MSG_NOSIGNAL);
        self->broken = done < 0 && errno != EINTR;
        at += done > 0 ? (size_t)done : 0;
    }
    self->out.len = 0;
}

bool carry_is_broken(const carry_t *self)
{
    return self->broken;
}

static void s_head(bytes_t *out, size_t at, carry_kind_t kind)
{
    uint32_t len = (uint32_t)(out->len - at - HEAD);
    out->data[at] = (char)kind;
    memcpy(out->data + at + 1, &len, sizeof len);
}

static void s_sent(carry_t *self)
{
    if (self->out.len >= SOON)
        carry_flush(self);
}

void carry_send(carry_t *self, carry_kind_t kind, slice_t bytes)
{
    size_t at = self->out.len;
    s_add(&self->out, HEAD);
    if (bytes.len)
        memcpy(s_add(&self->out, bytes.len), bytes.data, bytes.len);
    s_head(&self->out, at, kind);
    s_sent(self);
}

void carry_fail(carry_t *self, const char *text)
{
    carry_send(self, CARRY_FAILED, slice_of(text));
    carry_flush(self);
}

/* --- An entry: the same walk writes it and reads it */

typedef struct {
    bytes_t *to;      /* writing */
    const char *from; /* reading */
    size_t left;
    bool bad;
} walk_t;

static void s_raw(walk_t *self, void *at, size_t len)
{
    if (self->to) {
        if (len)
            memcpy(s_add(self->to, len), at, len);
        return;
    }
    self->bad |= len > self->left;
    if (self->bad)
        return;
    memcpy(at, self->from, len);
    self->from += len;
    self->left -= len;
}

static void s_slice(walk_t *self, slice_t *at)
{
    uint64_t len = at->len;
    s_raw(self, &len, sizeof len);
    if (self->to) {
        s_raw(self, (void *)at->data, at->len);
        return;
    }
    self->bad |= len > self->left;
    if (self->bad)
        return;
    *at = slice(self->from, len);
    self->from += len;
    self->left -= len;
}

static void s_record(walk_t *self, record_t *record)
{
    uint64_t len = self->to ? record_size(record) : 0;
    s_raw(self, &len, sizeof len);
    if (self->to) {
        record_write(record, s_add(self->to, len));
        return;
    }
    self->bad |= len > self->left || record_read(record, slice(self->from, len)) != 0;
    if (self->bad)
        return;
    self->from += len;
    self->left -= len;
}

static void s_item(walk_t *self, journal_exported_t *entry)
{
    s_raw(self, &entry->replied, sizeof entry->replied);
    s_raw(self, &entry->course, sizeof entry->course);
    s_raw(self, &entry->stored_ms, sizeof entry->stored_ms);
    s_raw(self, &entry->attempts_len, sizeof entry->attempts_len);
    self->bad |= entry->attempts_len > OUTBOX_ATTEMPTS;
    for (unsigned i = 0; !self->bad && i < entry->attempts_len; i++) {
        outbox_attempt_t *attempt = &entry->attempts[i];
        s_raw(self, &entry->numbers[i], sizeof entry->numbers[i]);
        s_raw(self, &attempt->time_ms, sizeof attempt->time_ms);
        s_raw(self, &attempt->duration_us, sizeof attempt->duration_us);
        s_raw(self, &attempt->status, sizeof attempt->status);
        s_raw(self, &attempt->outcome, sizeof attempt->outcome);
        s_slice(self, &attempt->trace);
        s_slice(self, &attempt->answer);
    }
}

static void s_entry(walk_t *self, journal_exported_t *entry)
{
    s_raw(self, &entry->kind, sizeof entry->kind);
    s_raw(self, &entry->placed, sizeof entry->placed);
    s_raw(self, &entry->target, sizeof entry->target);
    s_raw(self, &entry->log, sizeof entry->log);
    s_raw(self, &entry->seen, sizeof entry->seen);
    s_raw(self, &entry->delivers, sizeof entry->delivers);
    if (entry->kind == EXPORT_RECORD)
        s_record(self, &entry->record);
    if (entry->delivers)
        s_item(self, entry);
    if (entry->seen || entry->kind == EXPORT_KEY)
        s_raw(self, &entry->answer, sizeof entry->answer);
    if (entry->kind == EXPORT_KEY) {
        s_slice(self, &entry->name);
        s_raw(self, entry->hash, sizeof entry->hash);
        s_raw(self, &entry->running_ms, sizeof entry->running_ms);
    }
    if (entry->kind == EXPORT_TARGET)
        s_raw(self, &entry->range, sizeof entry->range);
    s_slice(self, &entry->bytes);
}

void carry_entry(carry_t *self, const journal_exported_t *entry)
{
    size_t at = self->out.len;
    walk_t walk = {.to = &self->out};
    s_add(&self->out, HEAD);
    s_entry(&walk, (journal_exported_t *)entry);
    s_head(&self->out, at, CARRY_ENTRY);
    s_sent(self);
}

int carry_read(slice_t bytes, journal_exported_t *entry)
{
    walk_t walk = {.from = bytes.data, .left = bytes.len};
    *entry = (journal_exported_t){.kind = EXPORT_KINDS};
    s_entry(&walk, entry);
    return walk.bad || walk.left > 0 || entry->kind >= EXPORT_KINDS ? -1 : 0;
}

/* --- Frames that come */

/* Until so many bytes are there behind BEGIN. */
static int s_fill(carry_t *self, size_t wanted)
{
    bytes_t *in = &self->in;
    if (self->begin > 0 && in->len - self->begin < wanted) {
        memmove(in->data, in->data + self->begin, in->len - self->begin);
        in->len -= self->begin;
        self->begin = 0;
    }
    while (in->len - self->begin < wanted) {
        size_t room = wanted > SOON ? wanted : SOON;
        ssize_t got = read(self->fd, s_add(in, room), room);
        in->len -= room - (got > 0 ? (size_t)got : 0);
        if (got == 0 || (got < 0 && errno != EINTR))
            return -1;
    }
    return 0;
}

int carry_next(carry_t *self, carry_kind_t *kind, slice_t *bytes, char *err, size_t err_size)
{
    uint32_t len = 0;
    carry_flush(self);
    int rc = s_fill(self, HEAD);
    if (rc == 0)
        memcpy(&len, self->in.data + self->begin + 1, sizeof len);
    if (rc == 0 && (len > MOST || s_fill(self, HEAD + len) != 0))
        rc = -1;
    if (rc != 0) {
        snprintf(err, err_size,
                 "the process at the other engine has ended: its reason stands above, where it "
                 "was not killed");
        return -1;
    }
    *kind = (carry_kind_t)self->in.data[self->begin];
    *bytes = slice(self->in.data + self->begin + HEAD, len);
    self->begin += HEAD + len;
    return 0;
}

int carry_expect(carry_t *self, carry_kind_t kind, void *to, size_t size, char *err,
                 size_t err_size)
{
    carry_kind_t came;
    slice_t bytes;
    if (carry_next(self, &came, &bytes, err, err_size) != 0)
        return -1;
    if (came == CARRY_FAILED)
        snprintf(err, err_size, "%.*s", SLICE_ARG(bytes));
    else if (came != kind || bytes.len != size)
        snprintf(err, err_size, "the process at the other engine is of another version");
    else {
        if (size)
            memcpy(to, bytes.data, size);
        return 0;
    }
    return -1;
}

/* --- What is forgotten */

/* What a target without an owner keeps follows from the settings, by its version. */
static bool s_is_told(slice_t bytes)
{
    uint64_t version = UINT64_MAX;
    if (bytes.len >= sizeof version)
        memcpy(&version, bytes.data, sizeof version);
    return version != UINT64_MAX;
}

static void s_forget(journal_exported_t *entry)
{
    entry->delivers = entry->replied = false;
    entry->course = (outbox_course_t){.made = 0};
    entry->stored_ms = 0;
    entry->attempts_len = 0;
}

bool carry_settle(journal_exported_t *entry, uint64_t running_ms, uint64_t delivery_ms)
{
    outbox_course_t *course = &entry->course;
    if (entry->kind == EXPORT_KEY)
        return running_ms < entry->running_ms + JOURNAL_KEY_MS;
    if (entry->kind == EXPORT_RETENTION)
        return s_is_told(entry->bytes);
    if (entry->kind != EXPORT_RECORD)
        return true;
    entry->seen = entry->seen && running_ms < (uint64_t)entry->record.running_ms + JOURNAL_ID_MS;
    if (!entry->seen)
        entry->answer = (journal_answer_t){0};
    if (course->state == OUTBOX_PENDING)
        course->done_ms = 0;
    else
        course->due_ms = 0;
    if (entry->delivers && course->state != OUTBOX_PENDING &&
        running_ms >= course->done_ms + delivery_ms)
        s_forget(entry);
    return true;
}
