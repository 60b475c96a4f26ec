/* The codec: round trips, truncation at every byte, counts that lie, limits. */
#include "tests/unit/wire_pair.h"

static void s_send_two(void)
{
    pack_t params = {0};
    char dedupe[WIRE_DEDUPE];
    wire_request_t request = s_request(&params, dedupe);
    wire_batch_t *batch = wire_batch_new();
    zmq_msg_t body;
    s_body(&body, "{\"text\":\"hi\"}");
    wire_batch_add_request(batch, &request, &body);
    request.token = request.appkey = slice("", 0);
    request.principal.present = false;
    wire_batch_add_request(batch, &request, NULL);
    assert_int_equal(wire_batch_entries(batch), 2);
    assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REQUESTS, 11, 22, 5), 0);
    assert_int_equal(wire_batch_entries(batch), 0);
    wire_batch_destroy(&batch);
    pack_free(&params);
}

static void test_requests_come_back_as_they_went(void **state)
{
    (void)state;
    s_send_two();
    caught_t caught;
    s_catch(&caught);
    wire_message_t *message = wire_message_new();
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_int_equal(message->sender, 11);
    assert_int_equal(message->receiver, 22);
    assert_int_equal(message->batch, 5);
    assert_int_equal(message->entries, 2);
    const wire_request_t *first = &message->requests[0];
    assert_true(first->origin == 0xfeedfacecafebeef);
    assert_int_equal(first->attempt, 3);
    assert_int_equal(first->time_left_ms, 9500);
    assert_true(slice_is(first->target, "general"));
    assert_true(slice_is(first->token, "pst_token"));
    assert_true(slice_is(first->appkey, "key="));
    assert_true(slice_is(first->principal.display_name, "Zoë"));
    assert_int_equal(first->principal.dedupe.len, WIRE_DEDUPE);
    assert_int_equal(zmq_msg_size(&message->bodies[0]), 13);
    slice_t value;
    assert_true(wire_pairs_find(first->params, "sync_message", &value));
    assert_true(slice_is(value, "true"));
    assert_true(wire_pairs_find(first->params, "x", &value));
    assert_int_equal(value.len, 3);
    assert_false(message->requests[1].principal.present);
    assert_false(message->requests[1].has_body);
    assert_int_equal(message->requests[1].token.len, 0);
    wire_message_destroy(&message);
    s_release(&caught);
}

/* Headers that may be secrets go to a peer that knows them, and to no other. */
static void test_what_is_shown_to_authd_alone(void **state)
{
    (void)state;
    for (unsigned version = 1; version <= WIRE_VERSION; version++) {
        pack_t params = {0}, shown = {0};
        char dedupe[WIRE_DEDUPE];
        wire_request_t request = s_request(&params, dedupe);
        wire_batch_t *batch = wire_batch_new();
        wire_message_t *message = wire_message_new();
        caught_t caught;
        slice_t value;
        request.has_body = false;
        wire_pairs_add(&shown, slice_of("x-gitlab-token"), slice_of("s3cr3t"));
        request.shown = slice(shown.data, shown.len);
        wire_batch_speak(batch, version);
        wire_batch_add_request(batch, &request, NULL);
        assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REQUESTS, 1, 2, 3), 0);
        s_catch(&caught);
        assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
        const wire_request_t *first = &message->requests[0];
        assert_true(slice_is(first->appkey, "key="));
        assert_true(wire_pairs_find(first->shown, "x-gitlab-token", &value) == (version >= 4));
        s_release(&caught);
        wire_message_destroy(&message);
        wire_batch_destroy(&batch);
        pack_free(&shown);
        pack_free(&params);
    }
}

static void test_an_encoded_entry_is_patched_in_place(void **state)
{
    (void)state;
    pack_t params = {0}, encoded = {0};
    char dedupe[WIRE_DEDUPE];
    wire_request_t request = s_request(&params, dedupe);
    wire_request_encode(&encoded, &request);
    wire_batch_t *batch = wire_batch_new();
    wire_encoded_t entry = {encoded.data, encoded.len, 0};
    wire_batch_add_encoded(batch, &entry, 9, 77, NULL);
    assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REQUESTS, 1, 2, 3), 0);
    caught_t caught;
    s_catch(&caught);
    wire_message_t *message = wire_message_new();
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_int_equal(message->requests[0].attempt, 9);
    assert_int_equal(message->requests[0].time_left_ms, 77);
    assert_false(message->requests[0].has_body);
    wire_message_destroy(&message);
    wire_batch_destroy(&batch);
    s_release(&caught);
    pack_free(&params);
    pack_free(&encoded);
}

static void test_replies_come_back_as_they_went(void **state)
{
    (void)state;
    wire_reply_t reply = {.origin = 4,
                          .attempt = 1,
                          .status = 429,
                          .error = 28,
                          .retry_after_s = 2,
                          .content = CONTENT_JSON,
                          .facts = 2,
                          .fact = {{FACT_RATE_LIMIT, 1000}, {99, UINT64_MAX}}};
    uuid_new(&reply.id);
    wire_batch_t *batch = wire_batch_new();
    zmq_msg_t body;
    s_body(&body, "slow down");
    wire_batch_add_reply(batch, &reply, &body);
    assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REPLIES, 1, 2, 0), 0);
    caught_t caught;
    s_catch(&caught);
    wire_message_t *message = wire_message_new();
    assert_int_equal(s_decode(message, &caught, 1u << WIRE_REPLIES), 0);
    assert_true(uuid_eq(&message->replies[0].id, &reply.id));
    assert_int_equal(message->replies[0].status, 429);
    assert_int_equal(message->replies[0].facts, 2);
    assert_true(message->replies[0].fact[1].value == UINT64_MAX);
    assert_true(message->replies[0].has_body);
    wire_message_destroy(&message);
    wire_batch_destroy(&batch);
    s_release(&caught);
}

static void test_hello_and_numbers_come_back(void **state)
{
    (void)state;
    wire_hello_t hello = {.role = ROLE_WORKER,
                          .name = slice_of("bot-3"),
                          .version_min = 1,
                          .version_max = 2,
                          .kind = OWNER_BOT,
                          .shard = 3,
                          .shards = 4,
                          .news = 12};
    uuid_new(&hello.journal);
    assert_int_equal(wire_send_hello(s_out, NULL, 7, 0, &hello), 0);
    hello.has_epoch = true;
    hello.epoch = UINT64_MAX;
    assert_int_equal(wire_send_hello(s_out, NULL, 7, 0, &hello), 0);
    assert_int_equal(wire_send_number(s_out, NULL, WIRE_CREDIT, 7, 8, 900), 0);
    assert_int_equal(wire_send_goodbye(s_out, NULL, 7, 8, GOODBYE_SHARDS), 0);
    wire_message_t *message = wire_message_new();
    caught_t caught;
    s_catch(&caught);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_true(slice_is(message->hello.name, "bot-3"));
    assert_true(uuid_eq(&message->hello.journal, &hello.journal));
    assert_int_equal(message->hello.news, 12);
    assert_false(message->hello.has_epoch);
    s_release(&caught);
    s_catch(&caught);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_true(message->hello.has_epoch && message->hello.epoch == UINT64_MAX);
    assert_int_equal(message->version, WIRE_EPOCHS);
    s_release(&caught);
    s_catch(&caught);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_int_equal(message->batch, 900);
    s_release(&caught);
    s_catch(&caught);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_int_equal(message->goodbye, GOODBYE_SHARDS);
    s_release(&caught);
    wire_message_destroy(&message);
}

static void test_a_header_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    s_send_two();
    caught_t caught;
    s_catch(&caught);
    size_t len = zmq_msg_size(&caught.frame[0]);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(s_decode_bytes(zmq_msg_data(&caught.frame[0]), cut), -1);
    char *longer = malloc(len + 1);
    memcpy(longer, zmq_msg_data(&caught.frame[0]), len);
    longer[len] = 0;
    assert_int_equal(s_decode_bytes(longer, len + 1), -1);
    free(longer);
    s_release(&caught);
}

/* Two entries, of which one tells a handler. */
static void s_send_handler(void)
{
    pack_t params = {0};
    char dedupe[WIRE_DEDUPE];
    wire_request_t request = s_request(&params, dedupe);
    wire_batch_t *batch = wire_batch_new();
    request.has_body = false;
    wire_batch_add_request(batch, &request, NULL);
    request.handler = slice_of("a record");
    wire_batch_add_request(batch, &request, NULL);
    assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REQUESTS, 11, 22, 5), 0);
    wire_batch_destroy(&batch);
    pack_free(&params);
}

static void test_a_handler_makes_a_batch_of_version_2(void **state)
{
    (void)state;
    caught_t caught;
    wire_message_t *message = wire_message_new();
    s_send_two();
    s_catch(&caught);
    assert_int_equal(((const unsigned char *)zmq_msg_data(&caught.frame[0]))[1], 1);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_int_equal(message->requests[0].handler.len, 0);
    s_release(&caught);
    wire_message_clear(message);
    s_send_handler();
    s_catch(&caught);
    size_t len = zmq_msg_size(&caught.frame[0]);
    unsigned char *bytes = malloc(len);
    memcpy(bytes, zmq_msg_data(&caught.frame[0]), len);
    assert_int_equal(bytes[1], 2);
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
    assert_int_equal(message->requests[0].handler.len, 0);
    assert_true(slice_is(message->requests[1].handler, "a record"));
    assert_true(slice_is(message->requests[1].principal.display_name, "Zoë"));
    wire_message_destroy(&message);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(s_decode_bytes(bytes, cut), -1);
    bytes[1] = 1;
    assert_int_equal(s_decode_bytes(bytes, len), -1);
    free(bytes);
    s_release(&caught);
}

static void test_an_encoded_entry_brings_its_handler(void **state)
{
    (void)state;
    pack_t params = {0}, encoded = {0};
    char dedupe[WIRE_DEDUPE];
    wire_request_t request = s_request(&params, dedupe);
    request.handler = slice_of("a record");
    wire_request_encode(&encoded, &request);
    assert_true(encoded.len <= wire_request_size(&request));
    wire_batch_t *batch = wire_batch_new();
    wire_message_t *message = wire_message_new();
    caught_t caught;
    for (unsigned version = 2; version >= 1; version--) {
        wire_encoded_t entry = {encoded.data, encoded.len, 0};
        wire_batch_add_encoded(batch, &entry, 9, 77, NULL);
        assert_int_equal(wire_batch_send(batch, s_out, NULL, WIRE_REQUESTS, 1, 2, 3), 0);
        s_catch(&caught);
        const unsigned char *bytes = zmq_msg_data(&caught.frame[0]);
        assert_int_equal(bytes[1], version);
        assert_int_equal(s_decode(message, &caught, ALL_KINDS), 0);
        assert_true(slice_is(message->requests[0].handler, version == 2 ? "a record" : ""));
        assert_int_equal(message->requests[0].time_left_ms, 77);
        wire_message_clear(message);
        s_release(&caught);
        request.handler = slice("", 0);
        pack_reset(&encoded);
        wire_request_encode(&encoded, &request);
    }
    wire_message_destroy(&message);
    wire_batch_destroy(&batch);
    pack_free(&params);
    pack_free(&encoded);
}

static void test_bodies_must_be_as_many_as_announced(void **state)
{
    (void)state;
    s_send_two();
    caught_t caught;
    s_catch(&caught);
    assert_int_equal(s_decode_bytes(zmq_msg_data(&caught.frame[0]), zmq_msg_size(&caught.frame[0])),
                     -1);
    zmq_msg_init(&caught.frame[caught.frames++]);
    wire_message_t *message = wire_message_new();
    assert_int_equal(s_decode(message, &caught, ALL_KINDS), -1);
    wire_message_destroy(&message);
    s_release(&caught);
}

static void test_a_count_that_lies_costs_nothing(void **state)
{
    (void)state;
    /* [1, REQUESTS, 1, 1, 1, array32 of 2^28] */
    static const unsigned char lie[] = {0x96, 1, 1, 1, 1, 1, 0xdd, 0x10, 0, 0, 0};
    static const unsigned char whole[] = {0xdd, 0x10, 0, 0, 0};
    assert_int_equal(s_decode_bytes(lie, sizeof lie), -1);
    assert_int_equal(s_decode_bytes(whole, sizeof whole), -1);
}

static void test_versions_and_kinds_outside_the_range_are_refused(void **state)
{
    (void)state;
    static const unsigned char newer[] = {0x96, WIRE_VERSION + 1, WIRE_CREDIT, 1, 1, 1, 0x90};
    static const unsigned char kind[] = {0x96, 1, 8, 1, 1, 1, 0x90};
    static const unsigned char nobody[] = {0x96, 1, WIRE_CREDIT, 0, 1, 1, 0x90};
    static const unsigned char fine[] = {0x96, 1, WIRE_CREDIT, 1, 1, 1, 0x90};
    assert_int_equal(s_decode_bytes(newer, sizeof newer), -1);
    assert_int_equal(s_decode_bytes(kind, sizeof kind), -1);
    assert_int_equal(s_decode_bytes(nobody, sizeof nobody), -1);
    assert_int_equal(s_decode_bytes(fine, sizeof fine), 0);
    assert_true(wire_is_foreign(newer, sizeof newer));
    assert_false(wire_is_foreign(fine, sizeof fine) || wire_is_foreign("", 0));
}

/* It is how a process of another version is told so. */
static void test_a_goodbye_is_read_whatever_its_version(void **state)
{
    (void)state;
    static const unsigned char newer[] = {0x96, 9, WIRE_GOODBYE, 1, 0, 0, 0x93, 2, 8, 9};
    static const unsigned char longer[] = {0x96, 9, WIRE_GOODBYE, 1, 0, 0, 0x94, 2, 8, 9, 1};
    assert_int_equal(s_decode_bytes(newer, sizeof newer), 0);
    assert_int_equal(s_decode_bytes(longer, sizeof longer), -1);
    assert_false(wire_is_foreign(newer, sizeof newer) || wire_is_foreign(longer, sizeof longer));
}

static void test_a_batch_ends_at_its_limits(void **state)
{
    (void)state;
    wire_batch_t *batch = wire_batch_new();
    assert_true(wire_batch_has_room(batch, 64 << 20));
    wire_reply_t reply = {.origin = 1, .attempt = 1, .status = 204};
    for (unsigned i = 0; i < WIRE_ENTRIES; i++) {
        assert_true(wire_batch_has_room(batch, 100));
        wire_batch_add_reply(batch, &reply, NULL);
    }
    assert_false(wire_batch_has_room(batch, 1));
    wire_batch_destroy(&batch);
}

static void test_records_are_read_by_key(void **state)
{
    (void)state;
    pack_t record = {0};
    pack_map(&record, 3);
    pack_pair_str(&record, "name", slice_of("general"));
    pack_pair_uint(&record, "rate", 1000);
    pack_pair_bin(&record, "hash", "\0\1", 2);
    slice_t bytes = slice(record.data, record.len);
    assert_int_equal(unpack_find_uint(bytes, "rate", 5), 1000);
    assert_int_equal(unpack_find_uint(bytes, "burst", 5), 5);
    pack_free(&record);
}

static void test_text_must_be_utf8(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe2\x82"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        pack_t text = {0};
        pack_str(&text, slice_of(bad[i]));
        unpack_t cursor = unpack_begin(slice(text.data, text.len));
        unpack_str(&cursor, 100);
        assert_true(cursor.failed);
        cursor = unpack_begin(slice(text.data, text.len));
        unpack_bytes(&cursor, 100);
        assert_true(unpack_done(&cursor));
        pack_free(&text);
    }
}

static void test_nesting_is_capped(void **state)
{
    (void)state;
    char deep[64];
    memset(deep, (char)0x91, sizeof deep);
    deep[63] = 1;
    unpack_t cursor = unpack_begin(slice(deep, sizeof deep));
    unpack_value(&cursor, 8);
    assert_true(cursor.failed);
}

static void test_shards_are_fixed_for_ever(void **state)
{
    (void)state;
    uuid_t7 id = {{0x01, 0x93, 0x5a, 0x11, 0x22, 0x33, 0x74, 0x44, 0x95, 0x55, 0x66, 0x77, 0x88,
                   0x99, 0xaa, 0xbb}};
    unsigned seen[4] = {0};
    assert_int_equal(wire_shard(&id, 1), 0);
    assert_int_equal(wire_shard(&id, 1000003), 887660);
    for (unsigned i = 0; i < 4000; i++) {
        uuid_new(&id);
        seen[wire_shard(&id, 4)]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(seen[i], 800, 1200);
}

static void test_facts_go_through_a_principal(void **state)
{
    (void)state;
    char text[WIRE_FACTS_TEXT];
    wire_reply_t reply = {.facts = 0}, same = {.facts = 0};
    wire_reply_add(&reply, FACT_DEPRECATION, 1764000000);
    wire_reply_add(&reply, FACT_SUNSET, UINT64_MAX);
    size_t len = wire_facts_text(&reply, text);
    assert_string_equal(text, "5=1764000000 6=18446744073709551615");
    wire_reply_repeat(&same, slice(text, len));
    assert_int_equal(same.facts, 2);
    assert_int_equal(same.fact[1].fact, FACT_SUNSET);
    assert_int_equal(same.fact[1].value, UINT64_MAX);
    static const char *const bad[] = {
        "", "5", "5=", "=5", "x=1", "70000=1", "5=18446744073709551616", "5=1;6=2", " 5=1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        wire_reply_t none = {.facts = 0};
        wire_reply_repeat(&none, slice_of(bad[i]));
        assert_int_equal(none.facts, 0);
    }
    wire_reply_repeat(&same, slice_of("1=1 2=2 3=3 4=4 5=5 6=6 7=7 8=8 9=9"));
    assert_int_equal(same.facts, WIRE_FACTS);
}

static void a_session_is_wiped_and_other_facts_are_not(void **state)
{
    (void)state;
    wire_reply_t reply = {.facts = 0};
    wire_reply_add(&reply, FACT_SESSION_S, 60);
    for (uint64_t i = 1; i <= WIRE_SESSION; i++)
        wire_reply_add(&reply, FACT_SESSION, i);
    assert_int_equal(reply.facts, WIRE_SESSION + 1);
    assert_int_equal(reply.fact[WIRE_SESSION].value, WIRE_SESSION);
    wire_reply_wipe(&reply);
    assert_int_equal(reply.fact[0].value, 60);
    for (unsigned i = 1; i <= WIRE_SESSION; i++)
        assert_int_equal(reply.fact[i].value, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_come_back_as_they_went),
        cmocka_unit_test(test_what_is_shown_to_authd_alone),
        cmocka_unit_test(test_an_encoded_entry_is_patched_in_place),
        cmocka_unit_test(test_replies_come_back_as_they_went),
        cmocka_unit_test(test_hello_and_numbers_come_back),
        cmocka_unit_test(test_a_header_cut_at_any_byte_is_refused),
        cmocka_unit_test(test_a_handler_makes_a_batch_of_version_2),
        cmocka_unit_test(test_an_encoded_entry_brings_its_handler),
        cmocka_unit_test(test_bodies_must_be_as_many_as_announced),
        cmocka_unit_test(test_a_count_that_lies_costs_nothing),
        cmocka_unit_test(test_versions_and_kinds_outside_the_range_are_refused),
        cmocka_unit_test(test_a_goodbye_is_read_whatever_its_version),
        cmocka_unit_test(test_a_batch_ends_at_its_limits),
        cmocka_unit_test(test_records_are_read_by_key),
        cmocka_unit_test(test_text_must_be_utf8),
        cmocka_unit_test(test_nesting_is_capped),
        cmocka_unit_test(test_shards_are_fixed_for_ever),
        cmocka_unit_test(test_facts_go_through_a_principal),
        cmocka_unit_test(a_session_is_wiped_and_other_facts_are_not),
    };
    return cmocka_run_group_tests(tests, s_open, s_close);
}
