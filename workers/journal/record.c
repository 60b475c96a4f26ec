#include "workers/journal/record.h"

#include <assert.h>
#include <endian.h>
#include <stddef.h>

enum { VERSION = 1, VERSION_NUMBERED = 2, VERSION_BESIDE = 3, VERSION_RELATED = 4 };

typedef struct __attribute__((packed)) {
    uint8_t version, flags, method, environment;
    uint16_t op, name_len, access_len, reserved;
    uint32_t params_len, headers_len, body_len;
    uint64_t sequence, previous, time_ms, running_ms;
    uint8_t id[UUID_BYTES], user[UUID_BYTES], target[UUID_BYTES];
} head_t;

/* Behind the head, of a version that has it. */
typedef struct __attribute__((packed)) {
    uint64_t number;
    uint32_t message_len; /* from VERSION_BESIDE on */
    uint64_t thread;      /* VERSION_RELATED from here on */
    uint64_t root, root_number, root_ms;
    uint32_t revision, more;
    uint8_t key[RECORD_KEY];
} more_t;

/* Behind these, of one that is narrowed, in the place of its message. */
typedef struct __attribute__((packed)) {
    uint32_t audience_len, body_len;
} narrowed_t;

/* In more_t.more: flags of a narrowed one, whose own say that it was erased. */
enum { MORE_MESSAGE = 4, MORE_ERASED = 8, MORE_HIDDEN = MORE_MESSAGE | MORE_ERASED };

static bool s_is_narrowed(const record_t *self)
{
    return (self->more & RECORD_NARROWED) != 0;
}

static uint8_t s_version(const record_t *self)
{
    return record_is_related(self) || s_is_narrowed(self) ? VERSION_RELATED
           : self->message.len                            ? VERSION_BESIDE
           : self->number                                 ? VERSION_NUMBERED
                                                          : VERSION;
}

static size_t s_more(uint8_t version)
{
    return version == VERSION_RELATED    ? sizeof(more_t)
           : version == VERSION_BESIDE   ? offsetof(more_t, thread)
           : version == VERSION_NUMBERED ? sizeof(uint64_t)
                                         : 0;
}

uint64_t record_stored_ms(slice_t bytes)
{
    head_t head;
    _Static_assert(sizeof head == RECORD_HEAD, "");
    if (bytes.len < sizeof head)
        return 0;
    memcpy(&head, bytes.data, sizeof head);
    return le64toh(head.running_ms);
}

unsigned record_op(slice_t bytes)
{
    head_t head;
    if (bytes.len < sizeof head)
        return 0;
    memcpy(&head, bytes.data, sizeof head);
    return le16toh(head.op);
}

size_t record_size(const record_t *self)
{
    return sizeof(head_t) + s_more(s_version(self)) + self->name.len + self->access.len +
           self->params.len + self->headers.len + self->body.len + self->message.len +
           (s_is_narrowed(self) ? sizeof(narrowed_t) + self->audience.len : 0);
}

static char *s_put(char *to, slice_t part)
{
    if (part.len)
        memcpy(to, part.data, part.len);
    return to + part.len;
}

static head_t s_head(const record_t *self)
{
    bool narrowed = s_is_narrowed(self);
    head_t head = {
        .version = s_version(self),
        .flags = (uint8_t)(narrowed ? (self->flags | RECORD_ERASED) & ~(unsigned)RECORD_MESSAGE
                                    : self->flags),
        .method = (uint8_t)self->method,
        .environment = (uint8_t)self->environment,
        .op = htole16((uint16_t)self->op),
        .name_len = htole16((uint16_t)self->name.len),
        .access_len = htole16((uint16_t)self->access.len),
        .params_len = htole32((uint32_t)self->params.len),
        .headers_len = htole32((uint32_t)self->headers.len),
        .body_len = htole32(narrowed ? 0 : (uint32_t)self->body.len),
        .sequence = htole64(self->sequence),
        .previous = htole64(self->previous),
        .time_ms = htole64((uint64_t)self->time_ms),
        .running_ms = htole64((uint64_t)self->running_ms),
    };
    memcpy(head.id, self->id.bytes, UUID_BYTES);
    memcpy(head.user, self->user.bytes, UUID_BYTES);
    memcpy(head.target, self->target.bytes, UUID_BYTES);
    return head;
}

/* What MORE says of a narrowed one's flags. */
static uint32_t s_hide_flags(const record_t *self)
{
    return (self->flags & RECORD_MESSAGE ? MORE_MESSAGE : 0u) |
           (self->flags & RECORD_ERASED ? MORE_ERASED : 0u);
}

static more_t s_fields(const record_t *self)
{
    bool narrowed = s_is_narrowed(self);
    size_t hidden = narrowed ? sizeof(narrowed_t) + self->audience.len + self->body.len : 0;
    more_t more = {.number = htole64(self->number),
                   .message_len = htole32((uint32_t)(hidden + self->message.len)),
                   .thread = htole64(self->thread),
                   .root = htole64(self->root),
                   .root_number = htole64(self->root_number),
                   .root_ms = htole64((uint64_t)self->root_ms),
                   .revision = htole32(self->revision),
                   .more = htole32(self->more | (narrowed ? s_hide_flags(self) : 0))};
    memcpy(more.key, self->key, RECORD_KEY);
    return more;
}

void record_write(const record_t *self, void *to)
{
    assert(self->name.len <= UINT16_MAX && self->access.len <= UINT16_MAX);
    assert(self->params.len <= UINT32_MAX && self->headers.len <= UINT32_MAX &&
           self->body.len <= UINT32_MAX && self->message.len <= UINT32_MAX);
    head_t head = s_head(self);
    more_t more = s_fields(self);
    narrowed_t narrowed = {htole32((uint32_t)self->audience.len),
                           htole32((uint32_t)self->body.len)};
    char *at = s_put(to, slice(&head, sizeof head));
    at = s_put(at, slice(&more, s_more(head.version)));
    at = s_put(at, self->name);
    at = s_put(at, self->access);
    at = s_put(at, self->params);
    at = s_put(at, self->headers);
    if (s_is_narrowed(self)) {
        at = s_put(at, slice(&narrowed, sizeof narrowed));
        at = s_put(at, self->audience);
    }
    at = s_put(at, self->body);
    s_put(at, self->message);
}

static slice_t s_take(const char **at, size_t len)
{
    slice_t part = slice(*at, len);
    *at += len;
    return part;
}

/* The content of a narrowed one, which stands in the place of its message. */
static int s_unhide(record_t *self)
{
    narrowed_t narrowed;
    slice_t rest = self->message;
    if (rest.len < sizeof narrowed)
        return -1;
    memcpy(&narrowed, rest.data, sizeof narrowed);
    uint64_t audience = le32toh(narrowed.audience_len), body = le32toh(narrowed.body_len);
    rest.len -= sizeof narrowed;
    if (audience % UUID_BYTES || audience + body > rest.len)
        return -1;
    const char *at = rest.data + sizeof narrowed;
    self->audience = s_take(&at, audience);
    self->body = s_take(&at, body);
    self->message = s_take(&at, rest.len - audience - body);
    self->flags &= ~(unsigned)(RECORD_MESSAGE | RECORD_ERASED);
    self->flags |= self->more & MORE_MESSAGE ? RECORD_MESSAGE : 0u;
    self->flags |= self->more & MORE_ERASED ? RECORD_ERASED : 0u;
    self->more &= ~(uint32_t)MORE_HIDDEN;
    return 0;
}

int record_read(record_t *self, slice_t encoded)
{
    head_t head;
    if (encoded.len < sizeof head)
        return -1;
    memcpy(&head, encoded.data, sizeof head);
    uint64_t name = le16toh(head.name_len), access = le16toh(head.access_len),
             params = le32toh(head.params_len), headers = le32toh(head.headers_len),
             body = le32toh(head.body_len);
    more_t more = {0};
    size_t extra = s_more(head.version);
    if (head.version < VERSION || head.version > VERSION_RELATED ||
        encoded.len < sizeof head + extra)
        return -1;
    memcpy(&more, encoded.data + sizeof head, extra);
    uint64_t message = le32toh(more.message_len);
    if (encoded.len != sizeof head + extra + name + access + params + headers + body + message)
        return -1;
    *self = (record_t){
        .flags = head.flags,
        .op = le16toh(head.op),
        .method = head.method,
        .environment = head.environment,
        .sequence = le64toh(head.sequence),
        .previous = le64toh(head.previous),
        .time_ms = (int64_t)le64toh(head.time_ms),
        .running_ms = (int64_t)le64toh(head.running_ms),
        .number = le64toh(more.number),
        .thread = le64toh(more.thread),
        .root = le64toh(more.root),
        .root_number = le64toh(more.root_number),
        .root_ms = (int64_t)le64toh(more.root_ms),
        .revision = le32toh(more.revision),
        .more = le32toh(more.more),
    };
    memcpy(self->key, more.key, RECORD_KEY);
    memcpy(self->id.bytes, head.id, UUID_BYTES);
    memcpy(self->user.bytes, head.user, UUID_BYTES);
    memcpy(self->target.bytes, head.target, UUID_BYTES);
    const char *at = encoded.data + sizeof head + extra;
    self->name = s_take(&at, name);
    self->access = s_take(&at, access);
    self->params = s_take(&at, params);
    self->headers = s_take(&at, headers);
    self->body = s_take(&at, body);
    self->message = s_take(&at, message);
    return s_is_narrowed(self) ? s_unhide(self) : 0;
}

slice_t record_cause_write(uint64_t log, const uuid_t7 *id, char bytes[RECORD_CAUSE])
{
    uint64_t little = htole64(log);
    memcpy(bytes, &little, sizeof little);
    memcpy(bytes + sizeof little, id->bytes, UUID_BYTES);
    return slice(bytes, RECORD_CAUSE);
}

bool record_cause(const record_t *self, uint64_t *log, uuid_t7 *id)
{
    uint64_t little;
    if (!(self->flags & RECORD_REPLY) || self->headers.len != RECORD_CAUSE)
        return false;
    memcpy(&little, self->headers.data, sizeof little);
    memcpy(id->bytes, self->headers.data + sizeof little, UUID_BYTES);
    *log = le64toh(little);
    return true;
}
