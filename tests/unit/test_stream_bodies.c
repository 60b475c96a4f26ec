/* What the gateway, authd and the workers say of streams: written and read, and read from bytes
 * that nobody wrote. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/stream/ask.h"
#include "common/stream/found.h"

enum { GRANTS = 3 };

static uuid_t7 s_id(uint8_t number)
{
    uuid_t7 id = {{0}};
    id.bytes[UUID_BYTES - 1] = number;
    return id;
}

static grant_t s_grant(uint8_t number)
{
    static const uint8_t key[GRANT_KEY] = {1};
    grant_t grant = {.op = 27,
                     .token = s_id(number),
                     .target = s_id((uint8_t)(number + 100)),
                     .client = slice_of("192.0.2.1"),
                     .name = slice_of("general")};
    grant_seal(&grant, key, grant.seal);
    return grant;
}

static void s_write_feed(bytes_t *out)
{
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_FEED, .generation = 7, .journal = s_id(9), .after = 1234567890123};
    for (uint8_t i = 0; i < GRANTS; i++) {
        grant_t grant = s_grant(i);
        grant_write(&grant, &rows);
    }
    ask.grants = GRANTS;
    ask.rows = bytes_slice(&rows);
    ask_write(&ask, out);
    bytes_free(&rows);
}

static void test_an_ask_comes_back_as_it_was(void **state)
{
    bytes_t out = {0};
    ask_t ask;
    grant_t grant;
    (void)state;
    s_write_feed(&out);
    assert_true(ask_read(bytes_slice(&out), &ask));
    assert_int_equal(ask.kind, ASK_FEED);
    assert_int_equal(ask.generation, 7);
    assert_true(ask.after == 1234567890123 && ask.grants == GRANTS && !ask.bare);
    bytes_in_t in = {ask.rows.data, ask.rows.len, false};
    for (uint8_t i = 0; i < GRANTS; i++) {
        grant_t made = s_grant(i);
        assert_true(grant_read(&in, &grant));
        assert_true(uuid_eq(&grant.token, &made.token) && uuid_eq(&grant.target, &made.target));
        assert_true(slice_eq(grant.name, made.name) && slice_eq(grant.client, made.client));
        assert_memory_equal(grant.seal, made.seal, GRANT_SEAL);
    }
    bytes_free(&out);
}

static void s_write_span(bytes_t *out)
{
    bytes_t rows = {0};
    ask_t ask = {.kind = ASK_SPAN, .bare = true, .from = PAGE_NOW, .count = 4, .grants = GRANTS};
    for (uint8_t i = 0; i < GRANTS; i++) {
        span_row_t row = {.grant = s_grant(i),
                          .from = PAGE_AFTER + i % 2,
                          .at = 1000u + i,
                          .tag = i,
                          .mark = (mark_t)i};
        span_row_write(&row, &rows);
    }
    ask.rows = bytes_slice(&rows);
    ask_write(&ask, out);
    bytes_free(&rows);
}

static void test_a_span_comes_back_as_it_was(void **state)
{
    bytes_t out = {0};
    ask_t ask;
    span_row_t row;
    grant_t grant;
    (void)state;
    s_write_span(&out);
    assert_true(ask_read(bytes_slice(&out), &ask));
    assert_true(ask.kind == ASK_SPAN && ask.bare && ask.count == 4 && ask.grants == GRANTS);
    bytes_in_t in = {ask.rows.data, ask.rows.len, false}, again = in;
    for (uint8_t i = 0; i < GRANTS; i++) {
        grant_t made = s_grant(i);
        assert_true(span_row_read(&in, &row));
        assert_true(row.at == 1000u + i && row.tag == i && row.mark == (mark_t)i);
        assert_int_equal(row.from, PAGE_AFTER + i % 2);
        assert_true(ask_next_grant(&ask, &again, &grant));
        assert_true(uuid_eq(&grant.target, &made.target));
    }
    assert_true(in.left == 0 && again.left == 0);
    bytes_free(&out);
}

/* Frames, and behind them where each target stands. */
static void test_what_a_span_found_comes_back(void **state)
{
    bytes_t rows = {0}, out = {0};
    found_t found = {
        .kind = FOUND_SPAN, .upto = 99, .position = {99, 7, true}, .mark = MARK_MOVED, .count = 1};
    frame_t frame = {.sequence = 18, .log = 99 | FRAME_MOVED, .json = slice_of("{}")};
    standing_t standing = {.position = {17, 3, true}, .reset = RESET_EXPIRED}, read;
    (void)state;
    frame_write(&frame, &rows);
    standing_write(&standing, &rows);
    found.rows = bytes_slice(&rows);
    found_write(&found, &out);
    assert_true(found_read(bytes_slice(&out), &found));
    assert_true(found.mark == MARK_MOVED && found.position.tagged && found.position.tag == 7);
    bytes_in_t in = {found.rows.data, found.rows.len, false};
    assert_true(frame_read(&in, &frame) && frame.log == (99 | FRAME_MOVED));
    assert_true(standing_read(&in, &read) && read.reset == RESET_EXPIRED);
    assert_true(read.position.sequence == 17 && read.position.tag == 3 && in.left == 0);
    out.len--; /* a standing that is not whole */
    assert_false(found_read(bytes_slice(&out), &found));
    bytes_free(&rows);
    bytes_free(&out);
}

static bool s_lists(const char *label)
{
    bytes_t rows = {0}, out = {0};
    listed_t listed = {.grant = s_grant(1), .label = slice_of(label)};
    found_t found = {.kind = FOUND_LISTED, .count = 1};
    listed_write(&listed, &rows);
    found.rows = bytes_slice(&rows);
    found_write(&found, &out);
    bool read = found_read(bytes_slice(&out), &found);
    bytes_free(&rows);
    bytes_free(&out);
    return read;
}

static void test_a_label_is_one_line_of_braces(void **state)
{
    static const char *const wrong[] = {"", "{", "x", "{\"a\":1", "{\n}", "{\xff}", "{}\r"};
    (void)state;
    assert_true(s_lists("{}"));
    assert_true(s_lists("{\"kind\":\"channel\",\"name\":\"caf\xc3\xa9\"}"));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(s_lists(wrong[i]));
}

/* Cut anywhere, or longer than it says, it is nothing. */
static void test_what_is_not_whole_is_refused(void **state)
{
    bytes_t out = {0};
    ask_t ask;
    found_t found;
    (void)state;
    s_write_feed(&out);
    for (size_t len = 0; len < out.len; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, out.data, len);
        assert_false(ask_read(slice(cut, len), &ask));
        free(cut);
    }
    bytes_number(&out, 0, 1);
    assert_false(ask_read(bytes_slice(&out), &ask));
    assert_false(found_read(bytes_slice(&out), &found));
    bytes_free(&out);
}

static void test_a_seal_is_of_one_right(void **state)
{
    static const uint8_t key[GRANT_KEY] = {1}, other[GRANT_KEY] = {2};
    grant_t grant = s_grant(1);
    (void)state;
    assert_true(grant_is_sealed(&grant, key));
    assert_false(grant_is_sealed(&grant, other));
    grant_t changed[] = {grant, grant, grant, grant, grant, grant};
    changed[0].op = 28;
    changed[1].token = s_id(77);
    changed[2].target = s_id(77);
    changed[3].client = slice_of("192.0.2.2");
    changed[4].name = slice_of("genera");
    changed[5].client = slice_of("192.0.2.1g"); /* the parts are told apart */
    changed[5].name = slice_of("eneral");
    for (size_t i = 0; i < sizeof changed / sizeof *changed; i++)
        assert_false(grant_is_sealed(&changed[i], key));
}

static void s_write_found(bytes_t *out, frame_kind_t kind, const char *json)
{
    bytes_t rows = {0};
    frame_t frame = {.kind = kind,
                     .sequence = 18,
                     .log = 99,
                     .tag = 0xdeadbeef,
                     .target = s_id(5),
                     .json = slice_of(json)};
    found_t found = {.kind = FOUND_FRAMES,
                     .upto = 99,
                     .shards = 2,
                     .position = {18, 0xdeadbeef, true},
                     .count = 1};
    frame_write(&frame, &rows);
    found.rows = bytes_slice(&rows);
    found_write(&found, out);
    bytes_free(&rows);
}

/* To who does not look at it, it is a blank. */
static void test_a_frame_says_what_it_does(void **state)
{
    const char *const plain[FRAME_KINDS] = {"{}", " {}", "  {}"};
    (void)state;
    for (unsigned kind = FRAME_MESSAGE; kind < FRAME_KINDS; kind++) {
        bytes_t out = {0};
        found_t found;
        frame_t frame;
        s_write_found(&out, kind, "{}");
        assert_true(found_read(bytes_slice(&out), &found));
        assert_memory_equal(found.rows.data + found.rows.len - 2 - kind, plain[kind], 2 + kind);
        bytes_in_t in = {found.rows.data, found.rows.len, false};
        assert_true(frame_read(&in, &frame) && frame.kind == kind && slice_is(frame.json, "{}"));
        bytes_free(&out);
    }
}

static void test_what_was_found_comes_back_as_it_was(void **state)
{
    bytes_t out = {0};
    found_t found;
    frame_t frame;
    (void)state;
    s_write_found(&out, FRAME_MESSAGE, "{\"text\":\"x\"}");
    assert_true(found_read(bytes_slice(&out), &found));
    assert_true(found.upto == 99 && found.shards == 2 && found.count == 1);
    assert_true(found.position.tagged && found.position.tag == 0xdeadbeef);
    bytes_in_t in = {found.rows.data, found.rows.len, false};
    assert_true(frame_read(&in, &frame));
    assert_true(frame.sequence == 18 && frame.log == 99 && frame.tag == 0xdeadbeef);
    assert_true(slice_is(frame.json, "{\"text\":\"x\"}"));
    for (size_t len = 0; len < out.len; len++) {
        char *cut = malloc(len + 1);
        memcpy(cut, out.data, len);
        assert_false(found_read(slice(cut, len), &found));
        free(cut);
    }
    bytes_free(&out);
}

/* To the deliveries of a page their targets are added: there is an object to add them to. */
static void test_a_delivery_is_an_object(void **state)
{
    const char *const json[] = {"", "{", "{}"};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        bytes_t rows = {0}, out = {0};
        found_t found = {.kind = FOUND_LOG, .count = 1};
        frame_write(&(frame_t){.target = s_id(5), .json = slice_of(json[i])}, &rows);
        found.rows = bytes_slice(&rows);
        found_write(&found, &out);
        assert_int_equal(found_read(bytes_slice(&out), &found), i == 2);
        bytes_free(&rows);
        bytes_free(&out);
    }
}

/* Any byte of it may be another one: it is read as something, or refused, within its bounds. */
/* A line end in a frame would begin another event in a stream of who reads it. */
static void test_a_frame_with_a_line_end_is_refused(void **state)
{
    const char *const json[] = {"{\"a\": 1}", "{\"a\":\n1}", "{\"a\":\r1}",
                                "{\"a\":1}\n\nevent: end\n\n"};
    (void)state;
    for (unsigned kind = FOUND_FRAMES; kind <= FOUND_SPAN; kind += FOUND_SPAN - FOUND_FRAMES)
        for (unsigned i = 0; i < 4; i++) {
            bytes_t rows = {0}, out = {0};
            found_t found = {.kind = kind, .count = 1};
            frame_write(&(frame_t){.target = s_id(5), .json = slice_of(json[i])}, &rows);
            found.rows = bytes_slice(&rows);
            found_write(&found, &out);
            assert_int_equal(found_read(bytes_slice(&out), &found), i == 0);
            bytes_free(&rows);
            bytes_free(&out);
        }
}

static void test_bytes_that_nobody_wrote_do_no_harm(void **state)
{
    bytes_t ask_bytes = {0}, found_bytes = {0};
    (void)state;
    s_write_feed(&ask_bytes);
    s_write_found(&found_bytes, FRAME_MESSAGE, "{}");
    bytes_t span_bytes = {0};
    s_write_span(&span_bytes);
    bytes_t *const all[] = {&ask_bytes, &found_bytes, &span_bytes};
    for (unsigned i = 0; i < 3; i++)
        for (size_t at = 0; at < all[i]->len; at++)
            for (unsigned value = 0; value < 256; value += 51) {
                char was = all[i]->data[at];
                ask_t ask;
                found_t found;
                all[i]->data[at] = (char)value;
                ask_read(bytes_slice(all[i]), &ask);
                found_read(bytes_slice(all[i]), &found);
                all[i]->data[at] = was;
            }
    bytes_free(&ask_bytes);
    bytes_free(&found_bytes);
    bytes_free(&span_bytes);
}

static void test_positions(void **state)
{
    static const char *const wrong[] = {
        "",           "-",         "x",         "1-",        "1-000000",
        "1-00000000", "1-000000w", "1-7vvvvvv", "1_0000000", "99999999999999999999",
        "1-000000 ",  " 1",        "1-0000000x"};
    const position_t some[] = {
        {0, 0, false}, {1, 0, true}, {18423, 0xffffffff, true}, {INT64_MAX, 7, true}};
    char text[POSITION_TEXT];
    position_t read;
    (void)state;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        size_t len = position_text(&some[i], text);
        assert_int_equal(len, strlen(text));
        assert_true(position_read(slice_of(text), &read));
        assert_true(read.sequence == some[i].sequence && read.tag == some[i].tag &&
                    read.tagged == some[i].tagged);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(position_read(slice_of(wrong[i]), &read));
    assert_false(position_read(slice("1-\0\0\0\0\0\0\0", 9), &read));
}

static void test_a_frame_is_one_line(void **state)
{
    char text[] = "{\r\n\"a\":\n\"b\\nc\"\r}";
    (void)state;
    frame_flatten(text, sizeof text - 1);
    assert_string_equal(text, "{  \"a\": \"b\\nc\" }");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_ask_comes_back_as_it_was),
        cmocka_unit_test(test_a_span_comes_back_as_it_was),
        cmocka_unit_test(test_what_a_span_found_comes_back),
        cmocka_unit_test(test_a_label_is_one_line_of_braces),
        cmocka_unit_test(test_what_is_not_whole_is_refused),
        cmocka_unit_test(test_a_seal_is_of_one_right),
        cmocka_unit_test(test_what_was_found_comes_back_as_it_was),
        cmocka_unit_test(test_a_delivery_is_an_object),
        cmocka_unit_test(test_bytes_that_nobody_wrote_do_no_harm),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_a_frame_says_what_it_does),
        cmocka_unit_test(test_a_frame_is_one_line),
        cmocka_unit_test(test_a_frame_with_a_line_end_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
