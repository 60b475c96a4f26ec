/* Bodies that travel inside their entries. */
#include "tests/unit/wire_pair.h"

/* Sends the request to a peer of that version, as it is and as it lies in a queue, and checks what
 * comes. */
static void s_send_small(const wire_request_t *request, unsigned speaks)
{
    slice_t small = request->small;
    pack_t encoded = {0};
    wire_batch_t *batch = wire_batch_new();
    wire_message_t *message = wire_message_new();
    caught_t caught;
    wire_request_encode(&encoded, request);
    wire_batch_speak(batch, speaks);
    wire_batch_add_request(batch, request, NULL);
    wire_encoded_t entry = {encoded.data, encoded.len, small.len};
    wire_batch_add_encoded(batch, &entry, 3, 9500, NULL);
    assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REQUESTS, 1, 2, 3), 0);
    s_catch(&caught);
    assert_int_equal(((const unsigned char *)zmq_msg_data(&caught.frame[0]))[1],
                     speaks >= 3 ? 3 : 1);
    assert_int_equal(caught.frames, speaks >= 3 ? 1 : 3);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(message->requests[i].has_body == (speaks < 3));
        assert_true(slice_eq(wire_request_body(&message->requests[i], &message->bodies[i]), small));
        assert_true(slice_is(message->requests[i].principal.display_name, "Zoë"));
    }
    s_release(&caught);
    wire_message_destroy(&message);
    wire_batch_destroy(&batch);
    pack_free(&encoded);
}

static void test_a_small_body_lies_in_its_entry_where_the_peer_knows_it(void **state)
{
    static const size_t lens[] = {1, 255, 256, WIRE_SMALL};
    (void)state;
    pack_t params = {0};
    char dedupe[WIRE_DEDUPE], body[WIRE_SMALL];
    wire_request_t request = s_request(&params, dedupe);
    request.has_body = false;
    memset(body, '\xc3', sizeof body);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        request.small = slice(body, lens[i]);
        s_send_small(&request, WIRE_VERSION);
        s_send_small(&request, 2);
        s_send_small(&request, 1);
    }
    pack_free(&params);
}

/* A header of that version, up to its one entry. */
static void s_begin_header(pack_t *header, unsigned version)
{
    pack_array(header, 6);
    pack_uint(header, version);
    pack_uint(header, WIRE_REQUESTS);
    for (unsigned i = 0; i < 3; i++)
        pack_uint(header, 1);
    pack_array(header, 1);
}

/* Whether what comes as ENTRY is passed on so, and not encoded anew. */
static bool s_is_passed(slice_t entry)
{
    pack_t header = {0};
    caught_t caught = {.frames = 1};
    wire_message_t *message = wire_message_new();
    s_begin_header(&header, WIRE_VERSION);
    pack_raw(&header, entry);
    wire_body_init(&caught.frame[0], slice(header.data, header.len));
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    slice_t came = wire_request_came(&message->requests[0]);
    bool passed = came.len > 0;
    assert_true(!passed || slice_eq(came, entry));
    wire_message_destroy(&message);
    s_release(&caught);
    pack_free(&header);
    return passed;
}

/* What is patched on the way, and a small body that a peer does not know, are found by their place:
 * a request in another form of msgpack is as good, but goes on in ours. */
static void test_only_the_form_of_ours_is_passed_on(void **state)
{
    enum { AT_ORIGIN = 19, ORIGIN = 9 };
    static const size_t lens[] = {0, 1, 255, 256, WIRE_SMALL};
    (void)state;
    pack_t params = {0}, ours = {0}, other = {0};
    char dedupe[WIRE_DEDUPE], body[WIRE_SMALL] = "x";
    wire_request_t request = s_request(&params, dedupe);
    request.has_body = false;
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        request.small = slice(body, lens[i]);
        pack_reset(&ours);
        wire_request_encode(&ours, &request);
        assert_true(s_is_passed(slice(ours.data, ours.len)));
        pack_reset(&other);
        pack_raw(&other, slice(ours.data, AT_ORIGIN));
        pack_uint(&other, 7);
        pack_raw(&other, slice(ours.data + AT_ORIGIN + ORIGIN, ours.len - AT_ORIGIN - ORIGIN));
        assert_false(s_is_passed(slice(other.data, other.len)));
    }
    request.small = slice("", 0);
    pack_reset(&other);
    wire_request_encode(&other, &request);
    other.len--;
    pack_raw(&other, slice("\xc5\0\1x", 4));
    assert_false(s_is_passed(slice(other.data, other.len)));
    pack_free(&params);
    pack_free(&ours);
    pack_free(&other);
}

/* Its last field given as it is, in a header of that version. */
static int s_decode_last(unsigned version, slice_t last)
{
    pack_t params = {0}, header = {0};
    char dedupe[WIRE_DEDUPE];
    wire_request_t request = s_request(&params, dedupe);
    request.has_body = false;
    s_begin_header(&header, version);
    wire_request_encode(&header, &request);
    header.len--;
    pack_raw(&header, last);
    int rc = s_decode_bytes(header.data, header.len);
    pack_free(&params);
    pack_free(&header);
    return rc;
}

static void test_a_small_body_has_its_limits(void **state)
{
    static const char text[WIRE_SMALL + 1] = "x";
    (void)state;
    pack_t last = {0};
    for (size_t len = 0; len <= WIRE_SMALL + 1; len += len < WIRE_SMALL ? WIRE_SMALL / 2 : 1) {
        pack_reset(&last);
        pack_bin(&last, text, len);
        bool fits = len > 0 && len <= WIRE_SMALL;
        assert_int_equal(s_decode_last(3, slice(last.data, last.len)), fits ? 0 : -1);
        assert_int_equal(s_decode_last(2, slice(last.data, last.len)), -1);
    }
    pack_reset(&last);
    pack_str(&last, slice_of("x"));
    assert_int_equal(s_decode_last(3, slice(last.data, last.len)), -1);
    assert_int_equal(s_decode_last(3, slice("\xc2", 1)), 0);
    assert_int_equal(s_decode_last(1, slice("\xc2", 1)), 0);
    pack_free(&last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_small_body_lies_in_its_entry_where_the_peer_knows_it),
        cmocka_unit_test(test_only_the_form_of_ours_is_passed_on),
        cmocka_unit_test(test_a_small_body_has_its_limits),
    };
    return cmocka_run_group_tests(tests, s_open, s_close);
}
