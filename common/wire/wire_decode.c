#include "common/wire/wire.h"

#include <stdlib.h>

enum {
    SINGLE_BYTES = 32 << 20, /* a batch of one entry may pass WIRE_BYTES up to this */
};

wire_message_t *wire_message_new(void)
{
    wire_message_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    zmq_msg_init(&self->header);
    return self;
}

void wire_message_destroy(wire_message_t **self_p)
{
    wire_message_t *self = *self_p;
    if (self) {
        wire_message_clear(self);
        free(self->requests);
        free(self->replies);
        free(self->bodies);
        zmq_msg_close(&self->header);
        free(self);
        *self_p = NULL;
    }
}

void wire_message_clear(wire_message_t *self)
{
    for (unsigned i = 0; i < self->entries; i++)
        zmq_msg_close(&self->bodies[i]);
    zmq_msg_close(&self->header);
    zmq_msg_init(&self->header);
    self->entries = self->bodies_len = 0;
    self->bytes = 0;
}

/* Room for one more entry; grows by what is really decoded, not by what was declared. */
static void s_grow(wire_message_t *self)
{
    if (self->entries < self->room)
        return;
    unsigned room = self->room ? self->room * 2 : 64;
    self->requests = realloc(self->requests, room * sizeof *self->requests);
    self->replies = realloc(self->replies, room * sizeof *self->replies);
    self->bodies = realloc(self->bodies, room * sizeof *self->bodies);
    if (!self->requests || !self->replies || !self->bodies)
        abort();
    self->room = room;
}

static void s_read_uuid(unpack_t *from, uuid_t7 *id)
{
    const void *bytes = unpack_bin(from, UUID_BYTES);
    if (bytes)
        memcpy(id->bytes, bytes, UUID_BYTES);
}

/* A bin that holds alternating strings: names and values. */
static slice_t s_read_pairs(unpack_t *from)
{
    slice_t pairs = unpack_bytes(from, WIRE_PAIRS_BYTES);
    unpack_t cursor = unpack_begin(pairs);
    unsigned strings = 0;
    while (!cursor.failed && cursor.at < cursor.end && strings <= 2 * WIRE_PAIRS) {
        unpack_bytes(&cursor, WIRE_PAIRS_BYTES);
        strings++;
    }
    if (!unpack_done(&cursor) || strings % 2)
        from->failed = true;
    return pairs;
}

static void s_read_principal(unpack_t *from, wire_principal_t *principal)
{
    *principal = (wire_principal_t){0};
    if (unpack_is_nil(from))
        return;
    if (unpack_array(from, 7) != 7)
        from->failed = true;
    principal->present = true;
    s_read_uuid(from, &principal->user);
    s_read_uuid(from, &principal->token);
    s_read_uuid(from, &principal->target);
    principal->display_name = unpack_str(from, 4 * WIRE_NAME);
    principal->facts = unpack_str(from, WIRE_TEXT);
    principal->dedupe = unpack_bytes(from, WIRE_DEDUPE);
    if (principal->dedupe.len != 0 && principal->dedupe.len != WIRE_DEDUPE)
        from->failed = true;
    principal->environment = (wire_environment_t)unpack_uint(from, ENVIRONMENT_MARKETPLACE);
}

static void s_read_request(unpack_t *from, unsigned version, wire_request_t *request)
{
    const char *begin = from->at;
    uint32_t fields = unpack_array(from, version >= 2 ? 14 : 13);
    if (fields < 13)
        from->failed = true;
    s_read_uuid(from, &request->id);
    request->origin = unpack_uint(from, UINT64_MAX);
    request->attempt = (uint32_t)unpack_uint(from, UINT32_MAX);
    request->time_left_ms = (uint32_t)unpack_uint(from, WIRE_TIME_LEFT);
    request->op = (unsigned)unpack_uint(from, UINT16_MAX);
    request->method = (unsigned)unpack_uint(from, UINT8_MAX);
    request->target = unpack_bytes(from, WIRE_TARGET);
    request->params = s_read_pairs(from);
    request->headers = s_read_pairs(from);
    request->client = unpack_str(from, WIRE_TEXT);
    request->token = request->appkey = request->shown = slice("", 0);
    if (!unpack_is_nil(from)) {
        uint32_t credentials = unpack_array(from, version >= 4 ? 3 : 2);
        if (credentials < 2)
            from->failed = true;
        request->token = unpack_bytes(from, WIRE_TEXT);
        request->appkey = unpack_bytes(from, WIRE_TEXT);
        if (credentials == 3)
            request->shown = s_read_pairs(from);
        if (request->shown.len > WIRE_SHOWN)
            from->failed = true;
    }
    s_read_principal(from, &request->principal);
    request->handler = fields == 14 ? unpack_bytes(from, WIRE_HANDLER) : slice("", 0);
    request->small = slice("", 0);
    request->has_body = false;
    if (version >= 3 && unpack_is_bin(from)) {
        request->small = unpack_bytes(from, WIRE_SMALL);
        if (request->small.len == 0)
            from->failed = true;
    } else {
        request->has_body = unpack_bool(from);
    }
    if (request->attempt == 0 || request->origin == 0)
        from->failed = true;
    request->came = slice(begin, (size_t)(from->at - begin));
}

static void s_read_reply(unpack_t *from, wire_reply_t *reply)
{
    const char *begin = from->at;
    if (unpack_array(from, 9) != 9)
        from->failed = true;
    s_read_uuid(from, &reply->id);
    reply->origin = unpack_uint(from, UINT64_MAX);
    reply->attempt = (uint32_t)unpack_uint(from, UINT32_MAX);
    reply->status = (unsigned)unpack_uint(from, 599);
    reply->error = (unsigned)unpack_uint(from, UINT16_MAX);
    reply->retry_after_s = (uint32_t)unpack_uint(from, 86400);
    reply->content = (wire_content_t)unpack_uint(from, CONTENT_JSON);
    uint32_t facts = unpack_array(from, WIRE_FACTS * 2);
    if (facts % 2)
        from->failed = true;
    reply->facts = facts / 2;
    for (unsigned i = 0; i < reply->facts; i++) {
        reply->fact[i].fact = (unsigned)unpack_uint(from, UINT16_MAX);
        reply->fact[i].value = unpack_uint(from, UINT64_MAX);
    }
    reply->has_body = unpack_bool(from);
    if (reply->status < 100 || reply->attempt == 0)
        from->failed = true;
    reply->came = slice(begin, (size_t)(from->at - begin));
}

static bool s_is_name(slice_t name)
{
    if (name.len == 0 || name.len >= WIRE_NAME)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-')
            return false;
    }
    return true;
}

static void s_read_hello(unpack_t *from, unsigned version, wire_hello_t *hello)
{
    *hello = (wire_hello_t){0};
    uint32_t fields = unpack_array(from, version >= WIRE_EPOCHS ? 10 : 9);
    if (fields < 9)
        from->failed = true;
    hello->role = (wire_role_t)unpack_uint(from, ROLE_CONTROL);
    hello->name = unpack_str(from, WIRE_NAME);
    hello->version_min = (unsigned)unpack_uint(from, UINT16_MAX);
    hello->version_max = (unsigned)unpack_uint(from, UINT16_MAX);
    hello->kind = (unsigned)unpack_uint(from, UINT16_MAX);
    hello->shard = (unsigned)unpack_uint(from, UINT16_MAX);
    hello->shards = (unsigned)unpack_uint(from, UINT16_MAX);
    s_read_uuid(from, &hello->journal);
    hello->news = unpack_uint(from, UINT64_MAX);
    hello->has_epoch = fields == 10;
    if (hello->has_epoch)
        hello->epoch = unpack_uint(from, UINT64_MAX);
    if (hello->role < ROLE_GATEWAY || !s_is_name(hello->name) ||
        hello->version_min > hello->version_max)
        from->failed = true;
}

static void s_read_goodbye(unpack_t *from, wire_message_t *self)
{
    self->hello = (wire_hello_t){0};
    if (unpack_array(from, 3) != 3)
        from->failed = true;
    self->goodbye = (wire_goodbye_t)unpack_uint(from, UINT8_MAX);
    self->hello.version_min = (unsigned)unpack_uint(from, UINT16_MAX);
    self->hello.version_max = (unsigned)unpack_uint(from, UINT16_MAX);
}

static void s_read_entries(unpack_t *from, wire_message_t *self)
{
    uint32_t entries = unpack_array(from, WIRE_ENTRIES);
    if (entries == 0)
        from->failed = true;
    for (uint32_t i = 0; i < entries && !from->failed; i++) {
        s_grow(self);
        if (self->kind == WIRE_REQUESTS)
            s_read_request(from, self->version, &self->requests[i]);
        else
            s_read_reply(from, &self->replies[i]);
        zmq_msg_init(&self->bodies[i]);
        self->entries++;
    }
}

static void s_read_rest(unpack_t *from, wire_message_t *self)
{
    switch (self->kind) {
    case WIRE_REQUESTS:
    case WIRE_REPLIES:
    case WIRE_INTERIM:
        s_read_entries(from, self);
        break;
    case WIRE_CREDIT:
    case WIRE_HEARTBEAT:
        unpack_array(from, 0);
        break;
    case WIRE_HELLO:
        s_read_hello(from, self->version, &self->hello);
        break;
    case WIRE_GOODBYE:
        s_read_goodbye(from, self);
        break;
    }
}

static bool s_is_spoken(uint64_t version)
{
    return version >= WIRE_VERSION_MIN && version <= WIRE_VERSION;
}

int wire_message_begin(wire_message_t *self, zmq_msg_t *header, unsigned expect,
                       const char **reason)
{
    wire_message_clear(self);
    zmq_msg_move(&self->header, header);
    self->bytes = zmq_msg_size(&self->header);
    unpack_t from = unpack_begin(slice(zmq_msg_data(&self->header), self->bytes));
    *reason = "header is not an array of six";
    if (unpack_array(&from, 6) != 6)
        return -1;
    *reason = "unknown version";
    uint64_t version = unpack_uint(&from, UINT16_MAX), kind = unpack_uint(&from, UINT8_MAX);
    if (!s_is_spoken(version) && kind != WIRE_GOODBYE)
        return -1;
    *reason = "unexpected kind";
    if (from.failed || kind < WIRE_REQUESTS || kind > WIRE_GOODBYE || !(expect & 1u << kind))
        return -1;
    self->kind = (wire_kind_t)kind;
    self->version = (unsigned)version;
    self->sender = unpack_uint(&from, UINT64_MAX);
    self->receiver = unpack_uint(&from, UINT64_MAX);
    self->batch = unpack_uint(&from, UINT64_MAX);
    s_read_rest(&from, self);
    *reason = "malformed header";
    return unpack_done(&from) && self->sender != 0 ? 0 : -1;
}

static bool s_wants_body(const wire_message_t *self, unsigned entry)
{
    return self->kind == WIRE_REQUESTS ? self->requests[entry].has_body
                                       : self->replies[entry].has_body;
}

int wire_message_body(wire_message_t *self, zmq_msg_t *body, const char **reason)
{
    while (self->bodies_len < self->entries && !s_wants_body(self, self->bodies_len))
        self->bodies_len++;
    *reason = "more bodies than entries announce";
    if (self->bodies_len == self->entries)
        return -1;
    *reason = "batch too large";
    self->bytes += zmq_msg_size(body);
    if (self->bytes > (self->entries == 1 ? SINGLE_BYTES : WIRE_BYTES))
        return -1;
    zmq_msg_move(&self->bodies[self->bodies_len++], body);
    return 0;
}

int wire_message_end(wire_message_t *self, const char **reason)
{
    *reason = "fewer bodies than entries announce";
    for (; self->bodies_len < self->entries; self->bodies_len++)
        if (s_wants_body(self, self->bodies_len))
            return -1;
    return 0;
}

slice_t wire_request_body(const wire_request_t *request, zmq_msg_t *frame)
{
    if (request->small.len || !request->has_body)
        return request->small;
    return slice(zmq_msg_data(frame), zmq_msg_size(frame));
}

/* Two processes would answer each other's GOODBYE for ever. */
bool wire_is_foreign(const void *data, size_t len)
{
    unpack_t from = unpack_begin(slice(data, len));
    unpack_array(&from, 16);
    uint64_t version = unpack_uint(&from, UINT16_MAX);
    return !from.failed && !s_is_spoken(version) && unpack_uint(&from, UINT16_MAX) != WIRE_GOODBYE;
}

wire_pairs_t wire_pairs_begin(slice_t pairs)
{
    return (wire_pairs_t){unpack_begin(pairs.len ? pairs : slice("", 0))};
}

bool wire_pairs_next(wire_pairs_t *self, slice_t *name, slice_t *value)
{
    if (self->cursor.failed || self->cursor.at == self->cursor.end)
        return false;
    *name = unpack_bytes(&self->cursor, WIRE_PAIRS_BYTES);
    *value = unpack_bytes(&self->cursor, WIRE_PAIRS_BYTES);
    return !self->cursor.failed;
}

bool wire_pairs_find(slice_t pairs, const char *name, slice_t *value)
{
    slice_t key;
    for (wire_pairs_t each = wire_pairs_begin(pairs); wire_pairs_next(&each, &key, value);)
        if (slice_is(key, name))
            return true;
    return false;
}
