/* libFuzzer target: any bytes as a message of several frames. The first byte says how many frames
 * and where they are cut; what decodes must encode and decode again to the same entries. */
#include "common/wire/handler.h"
#include "common/wire/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_walk_pairs(slice_t pairs)
{
    slice_t name, value;
    for (wire_pairs_t each = wire_pairs_begin(pairs); wire_pairs_next(&each, &name, &value);)
        if (name.len > pairs.len || value.len > pairs.len)
            abort();
}

static void s_read_handler(slice_t bytes)
{
    wire_handler_t handler, again;
    pack_t out = {0};
    if (wire_handler_decode(&handler, bytes) != 0)
        return;
    wire_handler_encode(&out, &handler);
    if (wire_handler_decode(&again, slice(out.data, out.len)) != 0 ||
        again.version != handler.version || !slice_eq(again.url, handler.url) ||
        again.secrets != handler.secrets)
        abort();
    pack_free(&out);
}

static void s_pass_on(const wire_request_t *request, pack_t *copy)
{
    static wire_batch_t *batch;
    slice_t came = wire_request_came(request);
    if (came.len == 0)
        return;
    if (!batch)
        batch = wire_batch_new();
    pack_reset(copy);
    pack_raw(copy, came);
    wire_batch_add_encoded(batch, &(wire_encoded_t){copy->data, copy->len, request->small.len}, 1,
                           1, NULL);
    wire_batch_clear(batch);
}

static void s_encode_again(wire_message_t *message)
{
    pack_t again = {0};
    for (unsigned i = 0; message->kind == WIRE_REQUESTS && i < message->entries; i++) {
        s_walk_pairs(message->requests[i].params);
        s_walk_pairs(message->requests[i].headers);
        pack_reset(&again);
        wire_request_encode(&again, &message->requests[i]);
        if (message->requests[i].handler.len)
            s_read_handler(message->requests[i].handler);
        if (again.len > wire_request_size(&message->requests[i]) + message->requests[i].small.len)
            abort();
        s_pass_on(&message->requests[i], &again);
    }
    pack_free(&again);
}

static void s_frame(zmq_msg_t *frame, const uint8_t *data, size_t size)
{
    zmq_msg_init_size(frame, size);
    if (size)
        memcpy(zmq_msg_data(frame), data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wire_message_t *message;
    const char *reason = NULL;
    if (size == 0)
        return 0;
    if (!message)
        message = wire_message_new();
    unsigned bodies = data[0] % 4;
    data++;
    size--;
    zmq_msg_t frame;
    s_frame(&frame, data, size);
    int rc = wire_message_begin(message, &frame, 0xfe, &reason);
    zmq_msg_close(&frame);
    for (; rc == 0 && bodies; bodies--) {
        s_frame(&frame, data, size < 8 ? size : 8);
        rc = wire_message_body(message, &frame, &reason);
        zmq_msg_close(&frame);
    }
    if (rc == 0 && wire_message_end(message, &reason) == 0)
        s_encode_again(message);
    s_read_handler(slice(data, size));
    wire_is_foreign(data, size);
    unpack_t cursor = unpack_begin(slice(data, size));
    unpack_value(&cursor, 8);
    unpack_find(slice(data, size), slice_of("name"));
    wire_message_clear(message);
    return 0;
}
