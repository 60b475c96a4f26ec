/* A pair of sockets for the tests of the codec: what a batch sends is caught as frames. */
#ifndef POSTERN_TESTS_WIRE_PAIR_H
#define POSTERN_TESTS_WIRE_PAIR_H

#include "common/base/ops.h"
#include "common/wire/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* cmocka needs the above first */
#include <cmocka.h>

enum { ALL_KINDS = 0xfe };

/* What a batch sends, caught from an inproc pair: frames of one message. */
typedef struct {
    zmq_msg_t frame[8];
    unsigned frames;
} caught_t;

static void *s_context, *s_out, *s_in;

static inline int s_open(void **state)
{
    (void)state;
    s_context = zmq_ctx_new();
    s_out = zmq_socket(s_context, ZMQ_PAIR);
    s_in = zmq_socket(s_context, ZMQ_PAIR);
    assert_int_equal(zmq_bind(s_in, "inproc://wire"), 0);
    assert_int_equal(zmq_connect(s_out, "inproc://wire"), 0);
    return 0;
}

static inline int s_close(void **state)
{
    (void)state;
    zmq_close(s_out);
    zmq_close(s_in);
    zmq_ctx_term(s_context);
    return 0;
}

static inline void s_catch(caught_t *caught)
{
    int more = 1;
    for (caught->frames = 0; more; caught->frames++) {
        assert_true(caught->frames < 8);
        zmq_msg_t *frame = &caught->frame[caught->frames];
        zmq_msg_init(frame);
        assert_true(zmq_msg_recv(frame, s_in, 0) >= 0);
        more = zmq_msg_more(frame);
    }
}

static inline void s_release(caught_t *caught)
{
    for (unsigned i = 0; i < caught->frames; i++)
        zmq_msg_close(&caught->frame[i]);
}

static inline int s_decode(wire_message_t *message, caught_t *caught, unsigned expect)
{
    const char *reason = NULL;
    int rc = wire_message_begin(message, &caught->frame[0], expect, &reason);
    for (unsigned i = 1; rc == 0 && i < caught->frames; i++)
        rc = wire_message_body(message, &caught->frame[i], &reason);
    if (rc == 0)
        rc = wire_message_end(message, &reason);
    if (rc != 0)
        assert_non_null(reason);
    return rc;
}

static inline void s_body(zmq_msg_t *body, const char *text)
{
    zmq_msg_init_size(body, strlen(text));
    memcpy(zmq_msg_data(body), text, strlen(text));
}

static inline wire_request_t s_request(pack_t *params, char dedupe[WIRE_DEDUPE])
{
    wire_request_t request = {.origin = 0xfeedfacecafebeef,
                              .attempt = 3,
                              .time_left_ms = 9500,
                              .op = OP_channel_message,
                              .method = OP_POST,
                              .target = slice_of("general"),
                              .client = slice_of("192.0.2.7"),
                              .token = slice_of("pst_token"),
                              .appkey = slice_of("key="),
                              .has_body = true};
    uuid_new(&request.id);
    wire_pairs_add(params, slice_of("sync_message"), slice_of("true"));
    wire_pairs_add(params, slice_of("x"), slice("\xff\0y", 3));
    request.params = wire_pairs_of(params);
    request.principal.present = true;
    uuid_new(&request.principal.user);
    uuid_new(&request.principal.target);
    request.principal.display_name = slice_of("Zoë");
    memset(dedupe, 7, WIRE_DEDUPE);
    request.principal.dedupe = slice(dedupe, WIRE_DEDUPE);
    request.principal.environment = ENVIRONMENT_SANDBOX;
    return request;
}

/* Decodes LEN bytes as a header; 0 when it is a whole message without bodies. */
static inline int s_decode_bytes(const void *data, size_t len)
{
    caught_t caught = {.frames = 1};
    zmq_msg_init_size(&caught.frame[0], len);
    if (len)
        memcpy(zmq_msg_data(&caught.frame[0]), data, len);
    wire_message_t *message = wire_message_new();
    int rc = s_decode(message, &caught, ALL_KINDS);
    wire_message_destroy(&message);
    s_release(&caught);
    return rc;
}

#endif
