/* libFuzzer target: what a gateway takes from workers and authds for its streams, and they from it.
 * The first byte says which body it is. What is read must be written as bytes that are read as the
 * same, and what comes of a frame must keep to the framing of a stream. */
#include "common/stream/hint.h"
#include "common/stream/outlet.h"
#include "gateway/stream/notice.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

static unsigned s_count(slice_t text, char byte)
{
    unsigned count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == byte;
    return count;
}

/* Its bytes, in one piece. */
static bytes_t s_bytes(notice_t *notice, stream_format_t format)
{
    slice_t parts[NOTICE_PARTS];
    bytes_t bytes = {0};
    for (unsigned i = 0, count = notice_parts(notice, format, parts); i < count; i++)
        bytes_put(&bytes, parts[i].data, parts[i].len);
    s_require(bytes.len == notice_len(notice, format));
    return bytes;
}

/* A line; or a block of up to three and an empty one. */
static void s_check_framing(notice_t *notice, stream_format_t format)
{
    bytes_t bytes = s_bytes(notice, format);
    slice_t text = bytes_slice(&bytes);
    unsigned lines = s_count(text, '\n');
    s_require(text.len > 2 && text.data[text.len - 1] == '\n' && s_count(text, '\r') == 0);
    s_require(format == FORMAT_LINES ? lines == 1 : lines >= 2 && lines <= 4);
    s_require(format == FORMAT_LINES ||
              memmem(text.data, text.len, "\n\n", 2) == (const void *)(text.data + text.len - 2));
    bytes_free(&bytes);
}

static void s_check_frame(const frame_t *frame)
{
    notice_t *message = notice_new(frame);
    for (unsigned format = 0; format < FORMATS && frame->json.len > 0; format++) {
        notice_t *of =
            notice_of(message, format, slice_of("~c1.7"), slice_of("{\"kind\":\"bot\"}"));
        s_check_framing(message, format);
        s_check_framing(of, format);
        notice_drop(&of);
    }
    notice_drop(&message);
}

static void s_check_frames(const found_t *found, bytes_t *again)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    frame_t frame;
    standing_t standing;
    for (uint32_t i = 0; i < found->count; i++) {
        s_require(frame_read(&in, &frame));
        if (found->kind != FOUND_LOG) /* it goes into a page, where line ends are white space */
            s_check_frame(&frame);
        frame_write(&frame, again);
    }
    while (found->kind == FOUND_SPAN && in.left > 0) {
        s_require(standing_read(&in, &standing));
        standing_write(&standing, again);
    }
}

static void s_check_hints(const found_t *found, bytes_t *again)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    hint_t hint;
    for (uint32_t i = 0; i < found->count; i++) {
        s_require(hint_read(&in, &hint));
        for (unsigned format = 0; format < FORMATS; format++) {
            notice_t *notice = notice_hint(format, "directory", hint.json);
            s_check_framing(notice, format);
            notice_drop(&notice);
        }
        hint_write(&hint, again);
    }
}

static void s_check_listed(const found_t *found, bytes_t *again)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    listed_t listed;
    for (uint32_t i = 0; i < found->count; i++) {
        s_require(listed_read(&in, &listed) && s_count(listed.label, '\n') == 0);
        listed_write(&listed, again);
    }
}

static void s_check_refused(const found_t *found, bytes_t *again)
{
    bytes_in_t in = {found->rows.data, found->rows.len, false};
    uint32_t index;
    unsigned error;
    for (uint32_t i = 0; i < found->count; i++) {
        s_require(refused_read(&in, &index, &error));
        refused_write(index, error, again);
    }
}

static void s_check_rows(const found_t *found, bytes_t *again)
{
    if (found->kind == FOUND_REFUSED)
        s_check_refused(found, again);
    else if (found->kind == FOUND_HINTS)
        s_check_hints(found, again);
    else if (found->kind == FOUND_LISTED || found->kind == FOUND_NAMES)
        s_check_listed(found, again);
    else
        s_check_frames(found, again);
}

static bool s_is_same(const found_t *one, const found_t *other)
{
    return one->kind == other->kind && one->more == other->more && one->reset == other->reset &&
           one->generation == other->generation && uuid_eq(&one->journal, &other->journal) &&
           one->shard == other->shard && one->shards == other->shards &&
           one->after == other->after && one->upto == other->upto && one->mark == other->mark &&
           memcmp(&one->position.sequence, &other->position.sequence, 8) == 0 &&
           one->position.tag == other->position.tag &&
           one->position.tagged == other->position.tagged && one->count == other->count &&
           slice_eq(one->rows, other->rows);
}

static void s_found(slice_t body)
{
    found_t found, again;
    bytes_t rows = {0}, whole = {0};
    if (!found_read(body, &found))
        return;
    s_check_rows(&found, &rows);
    found_write(&found, &whole);
    s_require(found_read(bytes_slice(&whole), &again) && s_is_same(&found, &again));
    found.rows = bytes_slice(&rows);
    whole.len = 0;
    found_write(&found, &whole);
    s_require(found_read(bytes_slice(&whole), &again) && again.count == found.count);
    bytes_free(&whole);
    bytes_free(&rows);
}

static void s_ask(slice_t body)
{
    static const uint8_t key[GRANT_KEY];
    ask_t ask, again;
    grant_t grant;
    bytes_t whole = {0};
    if (!ask_read(body, &ask))
        return;
    bytes_in_t in = {ask.rows.data, ask.rows.len, false};
    for (uint32_t i = 0; i < ask.grants; i++) {
        s_require(ask_next_grant(&ask, &in, &grant));
        s_require(grant.client.len <= GRANT_CLIENT && grant.name.len <= GRANT_NAME);
    }
    if (ask.grants > 0)
        s_require(!grant_is_sealed(&grant, key));
    ask_write(&ask, &whole);
    s_require(ask_read(bytes_slice(&whole), &again) && again.kind == ask.kind &&
              again.grants == ask.grants && again.bare == ask.bare && again.after == ask.after &&
              slice_eq(again.rows, ask.rows));
    bytes_free(&whole);
}

static void s_outlet(slice_t body)
{
    outlet_standing_t standing, again;
    bytes_t whole = {0};
    if (!outlet_standing_read(body, &standing))
        return;
    outlet_standing_write(&standing, &whole);
    s_require(outlet_standing_read(bytes_slice(&whole), &again) &&
              again.pending == standing.pending && again.time_ms == standing.time_ms);
    bytes_free(&whole);
}

/* JSON whose line ends are white space becomes one line of the same length. */
static void s_flatten(slice_t body)
{
    char *json = malloc(body.len + 1);
    memcpy(json, body.data, body.len);
    frame_flatten(json, body.len);
    for (size_t i = 0; i < body.len; i++)
        s_require(json[i] == (strchr("\r\n", body.data[i]) && body.data[i] ? ' ' : body.data[i]));
    free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(slice_t) = {s_found, s_ask, s_outlet, s_flatten};
    enum { READERS = sizeof readers / sizeof *readers };
    if (size == 0)
        return 0;
    char *body = malloc(size);
    memcpy(body, data + 1, size - 1);
    readers[(unsigned char)(data[0] - (uint8_t)0x61) % READERS](slice(body, size - 1));
    free(body);
    return 0;
}
