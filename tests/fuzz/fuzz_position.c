/* libFuzzer target: what clients hand back as a place to go on from. The first byte says which kind
 * it is, the rest is the text. What is read must be written as a text that is read as the same. */
#include "common/base/cursor.h"
#include "common/base/moment.h"
#include "common/stream/position.h"
#include "gateway/read/query.h"
#include "gateway/stream/options.h"
#include "gateway/stream/vector.h"
#include "texts.h"
#include "workers/post/history.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WALL_S = 1796000000, PARAMETERS = 50, LAST_MOST = 1000 };

static const int64_t s_wall_ms = WALL_S * INT64_C(1000);

static void s_require(bool holds)
{
    if (!holds)
        abort();
}

/* The first byte of TEXT ends the list's name, and what is behind that is the place, or its text.
 */
static void s_cursor(slice_t text)
{
    uint8_t place[CURSOR_PLACE];
    char written[CURSOR_TEXT];
    uint64_t number;
    size_t cut = text.len ? (unsigned char)text.data[0] % text.len : 0;
    slice_t list = slice(text.data, cut), rest = slice(text.data + cut, text.len - cut);
    size_t len = cursor_read(list, rest, place);
    s_require(len <= CURSOR_PLACE);
    if (cursor_read_number(list, rest, &number))
        s_require(len == sizeof number);
    rest.len = rest.len > CURSOR_PLACE ? CURSOR_PLACE : rest.len;
    if (rest.len == 0)
        return;
    cursor_write(list, rest, written);
    s_require(cursor_read(list, slice_of(written), place) == rest.len &&
              memcmp(place, rest.data, rest.len) == 0);
    s_require(cursor_read(slice_of("another list"), slice_of(written), place) == 0 ||
              slice_is(list, "another list"));
    written[strlen(written) / 2] ^= 1;
    s_require(cursor_read(list, slice_of(written), place) == 0);
}

static bool s_is_same(const position_t *one, const position_t *other)
{
    return one->sequence == other->sequence && one->tagged == other->tagged &&
           (!one->tagged || one->tag == other->tag);
}

static void s_position(slice_t text)
{
    position_t position, again;
    char written[POSITION_TEXT];
    if (!position_read(text, &position))
        return;
    s_require(position.sequence <= INT64_MAX && text.len > 0);
    size_t len = position_text(&position, written);
    s_require(len < POSITION_TEXT && position_read(slice(written, len), &again));
    s_require(s_is_same(&position, &again));
}

static void s_check_places(const vector_t *one, const vector_t *other)
{
    for (unsigned kind = 0; kind < WORKER_KINDS; kind++) {
        s_require(one->shards[kind] == other->shards[kind] && one->shards[kind] <= VECTOR_SHARDS);
        for (unsigned i = 0; i < one->shards[kind]; i++) {
            const vector_place_t *a = &one->place[kind][i], *b = &other->place[kind][i];
            s_require(a->there == b->there && a->log == b->log && a->mark == b->mark &&
                      (a->mark == MARK_NONE || a->tag == b->tag) && a->mark < MARK_KINDS);
        }
    }
}

static void s_vector(slice_t text)
{
    vector_t vector, again;
    bytes_t written = {0};
    if (vector_read(text, &vector)) {
        vector_write(&vector, &written);
        s_require(vector_read(bytes_slice(&written), &again));
        s_check_places(&vector, &again);
        vector_free(&again);
    }
    vector_free(&vector);
    bytes_free(&written);
}

static void s_check_options(const stream_options_t *options)
{
    vector_t vector;
    s_require(options->from >= PAGE_NOW && options->from <= PAGE_MARK && options->time_ms >= 0);
    s_require(options->from != PAGE_LAST || (options->count && options->count <= LAST_MOST));
    s_require(options->from != PAGE_AFTER || !options->several);
    if (options->from != PAGE_MARK)
        return;
    s_require(options->several && vector_read(options->vector, &vector));
    vector_free(&vector);
}

static slice_t s_line(slice_t *text)
{
    const char *end = memchr(text->data, '\n', text->len);
    size_t len = end ? (size_t)(end - text->data) : text->len;
    slice_t line = slice(text->data, len);
    len += end != NULL;
    *text = slice(text->data + len, text->len - len);
    return line;
}

static h2o_header_t s_header(h2o_iovec_t *name, const char *text, slice_t value)
{
    *name = h2o_iovec_init(text, strlen(text));
    return (h2o_header_t){.name = name, .value = h2o_iovec_init(value.data, value.len)};
}

/* Two lines, Last-Event-ID and Accept, and the query. */
static void s_open(slice_t text, unsigned number)
{
    static query_t *query;
    static h2o_req_t req;
    h2o_iovec_t names[2];
    stream_options_t options;
    const char *detail = NULL;
    slice_t id = s_line(&text), accept = s_line(&text);
    h2o_header_t headers[] = {s_header(&names[0], "last-event-id", id),
                              s_header(&names[1], "accept", accept)};
    query = query ? query : query_new();
    req.headers.entries = headers;
    req.headers.size = 2;
    req.input.path = h2o_iovec_init(text.data, text.len);
    if (query_parse(query, text, QUERY_STRICT, PARAMETERS, &detail) != ERROR_none)
        return;
    const op_t *op = op_find(number);
    detail = stream_options_read(&req, wire_pairs_of(&query->params), op, s_wall_ms, &options);
    s_require(!detail || *detail);
    stream_options_t again;
    s_require(stream_options_read(&req, wire_pairs_of(&query->params), op, s_wall_ms, &again) ==
              detail);
    s_require(again.from == options.from && again.time_ms == options.time_ms);
    if (!detail)
        s_check_options(&options);
    query_wipe(query);
}

static void s_one(slice_t text)
{
    s_open(text, OP_channel_stream);
}

static void s_several(slice_t text)
{
    s_open(text, OP_streams);
}

static void s_person(slice_t text)
{
    s_open(text, OP_person_bot_stream);
}

static void s_moment(slice_t text)
{
    journal_name_t name;
    uint64_t number = 0;
    s_require(moment_parse(text, s_wall_ms) >= -1);
    history_name(text, &name);
    s_require(!history_digits(text, LAST_MOST, &number) || (number && number <= LAST_MOST));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(slice_t) = {s_cursor,  s_position, s_vector, s_one,
                                               s_several, s_person,   s_moment};
    enum { READERS = sizeof readers / sizeof *readers };
    texts_read(readers, READERS, data, size);
    return 0;
}
