#include "common/wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* Offsets inside an encoded request: array tag 1, id 2 + 16, origin 9, attempt 5, time left 5. */
enum { REQUEST_FIELDS = 13, REQUEST_HANDLED };
enum { VERSION_HANDLER = 2, VERSION_SMALL, VERSION_SHOWN };
enum {
    AT_ID = 1,
    AT_ORIGIN = AT_ID + 18,
    AT_ATTEMPT = AT_ORIGIN + 9,
    AT_TIME_LEFT = AT_ATTEMPT + 5
};

struct wire_batch {
    pack_t entries; /* encoded, without the array's tag */
    unsigned count;
    size_t body_bytes;
    unsigned bodies;
    unsigned speaks; /* version of the peer */
    unsigned needs;  /* version that the entries need */
    zmq_msg_t body[WIRE_ENTRIES];
};

wire_batch_t *wire_batch_new(void)
{
    wire_batch_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->speaks = self->needs = WIRE_VERSION_MIN;
    return self;
}

void wire_batch_speak(wire_batch_t *self, unsigned version)
{
    assert(self->count == 0);
    self->speaks = version;
}

static void s_clear(wire_batch_t *self, unsigned from)
{
    for (unsigned i = from; i < self->bodies; i++)
        zmq_msg_close(&self->body[i]);
    pack_reset(&self->entries);
    self->count = self->bodies = 0;
    self->needs = WIRE_VERSION_MIN;
    self->body_bytes = 0;
}

void wire_batch_clear(wire_batch_t *self)
{
    s_clear(self, 0);
}

void wire_batch_destroy(wire_batch_t **self_p)
{
    if (*self_p) {
        s_clear(*self_p, 0);
        pack_wipe(&(*self_p)->entries);
        free(*self_p);
        *self_p = NULL;
    }
}

unsigned wire_batch_entries(const wire_batch_t *self)
{
    return self->count;
}

size_t wire_batch_bytes(const wire_batch_t *self)
{
    return self->entries.len + self->body_bytes;
}

bool wire_batch_has_room(const wire_batch_t *self, size_t bytes)
{
    if (self->count == 0)
        return true;
    return self->count < WIRE_ENTRIES && wire_batch_bytes(self) + bytes + 64 <= WIRE_BYTES;
}

size_t wire_request_size(const wire_request_t *request)
{
    return 256 + request->target.len + request->params.len + request->headers.len +
           request->client.len + request->token.len + request->appkey.len + request->shown.len +
           request->principal.display_name.len + request->principal.facts.len +
           request->handler.len;
}

static void s_fix_u64(pack_t *out, uint64_t value)
{
    char bytes[9] = {(char)0xcf};
    for (unsigned i = 0; i < 8; i++)
        bytes[1 + i] = (char)(value >> (56 - 8 * i));
    pack_raw(out, slice(bytes, sizeof bytes));
}

static void s_patch_u32(char *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[1 + i] = (char)(value >> (24 - 8 * i));
}

static void s_pack_principal(pack_t *out, const wire_principal_t *principal)
{
    if (!principal->present) {
        pack_nil(out);
        return;
    }
    pack_array(out, 7);
    pack_id(out, principal->user.bytes);
    pack_id(out, principal->token.bytes);
    pack_id(out, principal->target.bytes);
    pack_str(out, principal->display_name);
    pack_str(out, principal->facts);
    pack_bin(out, principal->dedupe.data, principal->dedupe.len);
    pack_uint(out, principal->environment);
}

wire_request_t wire_request_bare(const uuid_t7 *id, unsigned op, unsigned method)
{
    const slice_t none = slice("", 0);
    return (wire_request_t){
        .id = *id,
        .op = op,
        .method = method,
        .target = none,
        .params = none,
        .headers = none,
        .client = none,
        .token = none,
        .appkey = none,
        .shown = none,
        .principal = {.display_name = none, .facts = none, .dedupe = none},
        .handler = none,
        .small = none,
    };
}

void wire_request_encode(pack_t *out, const wire_request_t *request)
{
    pack_array(out, request->handler.len ? REQUEST_HANDLED : REQUEST_FIELDS);
    pack_id(out, request->id.bytes);
    s_fix_u64(out, request->origin);
    pack_u32(out, request->attempt);
    pack_u32(out, request->time_left_ms);
    pack_uint(out, request->op);
    pack_uint(out, request->method);
    pack_str(out, request->target);
    pack_bin(out, request->params.data, request->params.len);
    pack_bin(out, request->headers.data, request->headers.len);
    pack_str(out, request->client);
    if (request->token.len || request->appkey.len || request->shown.len) {
        pack_array(out, request->shown.len ? 3 : 2);
        pack_str(out, request->token);
        pack_str(out, request->appkey);
        if (request->shown.len)
            pack_bin(out, request->shown.data, request->shown.len);
    } else {
        pack_nil(out);
    }
    s_pack_principal(out, &request->principal);
    if (request->handler.len)
        pack_bin(out, request->handler.data, request->handler.len);
    assert(!request->has_body || request->small.len == 0);
    if (request->small.len)
        pack_bin(out, request->small.data, request->small.len);
    else
        pack_bool(out, request->has_body);
}

/* Of a small body of LEN bytes. */
static size_t s_small_head(size_t len)
{
    return len > UINT8_MAX ? 3 : 2;
}

/* What is patched, and what a small body is cut off by, lies where wire_request_encode puts it. */
slice_t wire_request_came(const wire_request_t *request)
{
    const uint8_t *at = (const uint8_t *)request->came.data;
    size_t len = request->came.len, small = request->small.len;
    if (len < AT_TIME_LEFT + 5 + small + s_small_head(small) || at[0] >> 4 != 0x9 ||
        at[AT_ID] != 0xc4 || at[AT_ORIGIN] != 0xcf || at[AT_ATTEMPT] != 0xce ||
        at[AT_TIME_LEFT] != 0xce)
        return slice("", 0);
    if (small && at[len - small - s_small_head(small)] != (small > UINT8_MAX ? 0xc5 : 0xc4))
        return slice("", 0);
    return request->came;
}

void wire_body_init(zmq_msg_t *body, slice_t bytes)
{
    if (zmq_msg_init_size(body, bytes.len) != 0)
        abort();
    if (bytes.len)
        memcpy(zmq_msg_data(body), bytes.data, bytes.len);
}

static void s_add_body(wire_batch_t *self, zmq_msg_t *body)
{
    self->count++;
    if (!body)
        return;
    self->body_bytes += zmq_msg_size(body);
    zmq_msg_t *to = &self->body[self->bodies++];
    zmq_msg_init(to);
    zmq_msg_move(to, body);
}

static void s_need(wire_batch_t *self, unsigned version)
{
    if (self->needs < version)
        self->needs = version;
}

static void s_add_copy(wire_batch_t *self, slice_t bytes)
{
    zmq_msg_t body;
    wire_body_init(&body, bytes);
    s_add_body(self, &body);
    zmq_msg_close(&body);
}

void wire_batch_add_request(wire_batch_t *self, const wire_request_t *request, zmq_msg_t *body)
{
    assert(self->count < WIRE_ENTRIES);
    wire_request_t entry = *request;
    bool small = entry.small.len > 0, apart = small && self->speaks < VERSION_SMALL;
    assert(entry.small.len <= WIRE_SMALL && (!small || !body));
    entry.has_body = apart || body != NULL;
    if (apart)
        entry.small = slice("", 0);
    if (self->speaks < VERSION_SHOWN)
        entry.shown = slice("", 0);
    wire_request_encode(&self->entries, &entry);
    s_need(self, entry.shown.len     ? VERSION_SHOWN
                 : entry.small.len   ? VERSION_SMALL
                 : entry.handler.len ? VERSION_HANDLER
                                     : 0);
    if (apart)
        s_add_copy(self, request->small);
    else
        s_add_body(self, body);
}

void wire_batch_add_encoded(wire_batch_t *self, const wire_encoded_t *encoded, uint32_t attempt,
                            uint32_t time_left_ms, zmq_msg_t *body)
{
    char *bytes = encoded->bytes;
    size_t len = encoded->len, small = encoded->small;
    assert(self->count < WIRE_ENTRIES);
    assert(len > AT_TIME_LEFT + 5 + small && (!small || !body));
    s_patch_u32(bytes + AT_ATTEMPT, attempt);
    s_patch_u32(bytes + AT_TIME_LEFT, time_left_ms);
    if ((unsigned char)bytes[0] == (0x90 | REQUEST_HANDLED))
        s_need(self, VERSION_HANDLER);
    if (small && self->speaks < VERSION_SMALL) {
        pack_raw(&self->entries, slice(bytes, len - small - s_small_head(small)));
        pack_bool(&self->entries, true);
        s_add_copy(self, slice(bytes + len - small, small));
        return;
    }
    if (small)
        s_need(self, VERSION_SMALL);
    else
        bytes[len - 1] = (char)(body ? 0xc3 : 0xc2);
    pack_raw(&self->entries, slice(bytes, len));
    s_add_body(self, body);
}

void wire_batch_add_reply(wire_batch_t *self, const wire_reply_t *reply, zmq_msg_t *body)
{
    assert(self->count < WIRE_ENTRIES);
    pack_t *out = &self->entries;
    pack_array(out, 9);
    pack_id(out, reply->id.bytes);
    s_fix_u64(out, reply->origin);
    pack_uint(out, reply->attempt);
    pack_uint(out, reply->status);
    pack_uint(out, reply->error);
    pack_uint(out, reply->retry_after_s);
    pack_uint(out, reply->content);
    pack_array(out, reply->facts * 2);
    for (unsigned i = 0; i < reply->facts; i++) {
        pack_uint(out, reply->fact[i].fact);
        pack_uint(out, reply->fact[i].value);
    }
    pack_bool(out, body != NULL);
    s_add_body(self, body);
}

void wire_batch_pass_reply(wire_batch_t *self, const wire_reply_t *reply, zmq_msg_t *body)
{
    assert(self->count < WIRE_ENTRIES && reply->came.len && reply->has_body == (body != NULL));
    pack_raw(&self->entries, reply->came);
    s_add_body(self, body);
}

/* The header up to its entries. */
static void s_pack_head(pack_t *out, unsigned version, wire_kind_t kind, uint64_t sender,
                        uint64_t receiver, uint64_t batch)
{
    pack_array(out, 6);
    pack_uint(out, version);
    pack_uint(out, kind);
    s_fix_u64(out, sender);
    s_fix_u64(out, receiver);
    pack_uint(out, batch);
}

static int s_send_route(void *socket, const slice_t *route)
{
    return route && zmq_send(socket, route->data, route->len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0 ? -1
                                                                                              : 0;
}

int wire_batch_send(wire_batch_t *self, void *socket, const slice_t *route, wire_kind_t kind,
                    uint64_t sender, uint64_t receiver, uint64_t batch)
{
    char head[64];
    pack_t out = {.data = head, .cap = sizeof head};
    s_pack_head(&out, self->needs, kind, sender, receiver, batch);
    pack_array(&out, self->count);
    assert(out.data == head);

    zmq_msg_t header;
    if (zmq_msg_init_size(&header, out.len + self->entries.len) != 0)
        abort();
    memcpy(zmq_msg_data(&header), out.data, out.len);
    if (self->entries.len)
        memcpy((char *)zmq_msg_data(&header) + out.len, self->entries.data, self->entries.len);

    unsigned sent = 0;
    int more = self->bodies ? ZMQ_SNDMORE : 0;
    int rc = s_send_route(socket, route);
    if (rc == 0)
        rc = zmq_msg_send(&header, socket, more | ZMQ_DONTWAIT) < 0 ? -1 : 0;
    /* Once the first part is taken the rest of a message is: a failure here is a broken socket. */
    for (; rc == 0 && sent < self->bodies; sent++) {
        int flag = sent + 1 < self->bodies ? ZMQ_SNDMORE : 0;
        if (zmq_msg_send(&self->body[sent], socket, flag | ZMQ_DONTWAIT) < 0) {
            rc = -1;
            break;
        }
    }
    int error = errno;
    if (rc != 0)
        zmq_msg_close(&header);
    s_clear(self, sent);
    errno = error;
    return rc;
}

static int s_send_packed(void *socket, const slice_t *route, pack_t *out)
{
    int rc = s_send_route(socket, route);
    if (rc == 0)
        rc = zmq_send(socket, out->data, out->len, ZMQ_DONTWAIT) < 0 ? -1 : 0;
    int error = errno;
    pack_free(out);
    errno = error;
    return rc;
}

static void s_pack_hello(pack_t *out, const wire_hello_t *hello)
{
    pack_array(out, hello->has_epoch ? 10 : 9);
    pack_uint(out, hello->role);
    pack_str(out, hello->name);
    pack_uint(out, hello->version_min);
    pack_uint(out, hello->version_max);
    pack_uint(out, hello->kind);
    pack_uint(out, hello->shard);
    pack_uint(out, hello->shards);
    pack_id(out, hello->journal.bytes);
    pack_uint(out, hello->news);
    if (hello->has_epoch)
        pack_uint(out, hello->epoch);
}

int wire_send_hello(void *socket, const slice_t *route, uint64_t sender, uint64_t receiver,
                    const wire_hello_t *hello)
{
    pack_t out = {0};
    unsigned version = hello->has_epoch ? WIRE_EPOCHS : WIRE_VERSION_MIN;
    s_pack_head(&out, version, WIRE_HELLO, sender, receiver, 0);
    s_pack_hello(&out, hello);
    return s_send_packed(socket, route, &out);
}

int wire_send_goodbye(void *socket, const slice_t *route, uint64_t sender, uint64_t receiver,
                      wire_goodbye_t reason)
{
    pack_t out = {0};
    s_pack_head(&out, WIRE_VERSION_MIN, WIRE_GOODBYE, sender, receiver, 0);
    pack_array(&out, 3);
    pack_uint(&out, reason);
    pack_uint(&out, WIRE_VERSION_MIN);
    pack_uint(&out, WIRE_VERSION);
    return s_send_packed(socket, route, &out);
}

int wire_send_number(void *socket, const slice_t *route, wire_kind_t kind, uint64_t sender,
                     uint64_t receiver, uint64_t batch)
{
    assert(kind == WIRE_CREDIT || kind == WIRE_HEARTBEAT);
    pack_t out = {0};
    s_pack_head(&out, WIRE_VERSION_MIN, kind, sender, receiver, batch);
    pack_array(&out, 0);
    return s_send_packed(socket, route, &out);
}

void wire_pairs_add(pack_t *pairs, slice_t name, slice_t value)
{
    pack_str(pairs, name);
    pack_str(pairs, value);
}

slice_t wire_pairs_of(const pack_t *pairs)
{
    return slice(pairs->data, pairs->len);
}
