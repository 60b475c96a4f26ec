/* libFuzzer target: any bytes as a message of several frames. The first byte says how many frames
 * and where they are cut; what decodes must encode and decode again to the same entries. */
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

static void s_encode_again(wire_message_t *message)
{
    pack_t again = {0};
    for (unsigned i = 0; message->kind == WIRE_REQUESTS && i < message->entries; i++) {
        s_walk_pairs(message->requests[i].params);
        s_walk_pairs(message->requests[i].headers);
        pack_reset(&again);
        wire_request_encode(&again, &message->requests[i]);
        if (again.len > wire_request_size(&message->requests[i]))
            abort();
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
    wire_peek_version(data, size);
    unpack_t cursor = unpack_begin(slice(data, size));
    unpack_value(&cursor, 8);
    unpack_find(slice(data, size), "name");
    wire_message_clear(message);
    return 0;
}
