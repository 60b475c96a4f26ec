#include "tests/unit/yard.h"

#include "authd/directory/handlers.h"
#include "authd/directory/sources.h"
#include "authd/directory/table.h"
#include "authd/judge/verdict.h"
#include "common/base/ops.h"
#include "common/source/record.h"
#include "common/store/sealing_key.h"
#include "common/wire/handler.h"

/* What an event brings of the sources of its target, and how it shares its room with the handler.
 */
typedef struct {
    yard_t *yard;
    view_t *view;
    judge_t judge;
    uuid_t7 bot, token_id;
    pack_t headers;
    char token[TOKEN_LEN + 1], credential[TOKEN_MAX + 1]; /* wiped by the judge */
} bench_t;

static int s_setup(void **state)
{
    bench_t *self = calloc(1, sizeof *self);
    assert(self);
    void *yard;
    if (yard_setup(&yard) != 0)
        return -1;
    self->yard = yard;
    self->judge = (judge_t){.limiter = limiter_new(), .rate = 1000, .burst = 2000};
    uuid_t7 ann = yard_user(yard, "ann@example.org");
    token_make(self->token);
    self->token_id = yard_token(yard, &ann, self->token);
    self->bot = yard_place(yard, PLACE_BOT, "builds", &ann);
    self->view = view_new(self->yard->directory);
    *state = self;
    return 0;
}

static int s_teardown(void **state)
{
    bench_t *self = *state;
    void *yard = self->yard;
    view_destroy(&self->view);
    verdict_close(&self->judge);
    limiter_destroy(&self->judge.limiter);
    pack_free(&self->headers);
    yard_teardown(&yard);
    free(self);
    return 0;
}

/* Puts a source of a secret of LEN bytes there, for requests by any token. */
static void s_put_source(bench_t *self, const uuid_t7 *target, op_owner_t kind, size_t len)
{
    char only[SELECTION_LIST];
    assert_true(len <= sizeof only);
    memset(only, 'x', len);
    source_t source = {
        .place = *target, .target = *target, .kind = kind, .version = 1, .only = slice(only, len)};
    uuid_new(&source.id);
    YARD_CHANGE(self->yard, view);
    assert_true(sources_add(view, &source));
    YARD_DONE(view);
}

static void s_put_handler(bench_t *self, size_t key_len)
{
    char key[HANDLER_KEY];
    uint8_t sealed[sizeof key + SEALING_OVERHEAD];
    memset(key, 'k', sizeof key);
    YARD_CHANGE(self->yard, view);
    sealing_key_seal(table_master_key(view), slice(key, key_len), sealed);
    handlers_put(view, &(handler_t){.target = self->bot,
                                    .kind = OWNER_BOT,
                                    .version = 7,
                                    .url = slice_of("http://h.example/"),
                                    .name = slice_of("builds"),
                                    .access = slice_of("builds"),
                                    .sealed_key = slice(sealed, key_len + SEALING_OVERHEAD),
                                    .concurrency = 8});
    YARD_DONE(view);
}

/* How many sources an event of the bot brings; *VERSION: of the handler that it brings, or 0. */
static int s_brought(bench_t *self, uint64_t *version)
{
    wire_handler_t told;
    slice_t record, list;
    source_record_t records[SOURCE_RECORDS];
    uint8_t hash[1][TOKEN_HASH];
    snprintf(self->credential, sizeof self->credential, "%s", self->token);
    wire_request_t request = {.origin = 1,
                              .attempt = 1,
                              .time_left_ms = 1000,
                              .op = OP_bot_incoming,
                              .target = slice_of("builds"),
                              .token = slice_of(self->credential)};
    view_renew(self->view);
    verdict_expect(self->view, &request, 1, hash);
    assert_int_equal(
        verdict_judge(&self->judge, self->view, &request, hash[0], slice("", 0), 1000, 1000).code,
        ERROR_none);
    assert_true(request.handler.len <= WIRE_HANDLER);
    source_records_split(request.handler, &record, &list);
    *version = record.len && wire_handler_decode(&told, record) == 0 ? told.version : 0;
    return list.len ? source_records_read(list, records) : 0;
}

static void an_event_brings_the_sources_of_its_target(void **state)
{
    bench_t *self = *state;
    uint64_t version;
    assert_int_equal(s_brought(self, &version), 0);
    s_put_source(self, &self->bot, OWNER_BOT, 2000);
    assert_int_equal(s_brought(self, &version), 1);
    assert_int_equal(version, 0);
    s_put_handler(self, 1000);
    assert_int_equal(s_brought(self, &version), 1);
    assert_int_equal(version, 7);
    /* What does not fit goes without the handler, which is told apart. */
    s_put_handler(self, HANDLER_KEY);
    for (unsigned i = 0; i < 4; i++)
        s_put_source(self, &self->bot, OWNER_BOT, 2000);
    assert_int_equal(s_brought(self, &version), 5);
    assert_int_equal(version, 0);
}

/* Judges a request to the address of a source of the bot with these; its code. */
static error_code_t s_call(bench_t *self, const source_t *made, wire_request_t *request)
{
    char id[UUID_TEXT];
    uint8_t hash[1][TOKEN_HASH];
    uuid_text(&made->id, id);
    snprintf(self->credential, sizeof self->credential, "%s", id);
    *request = (wire_request_t){.origin = 1,
                                .attempt = 1,
                                .time_left_ms = 1000,
                                .op = OP_source_incoming,
                                .method = OP_POST,
                                .target = slice_of(self->credential)};
    self->judge.public_url = "https://hooks.example.org/";
    pack_reset(&self->headers);
    wire_pairs_add(&self->headers, slice_of(WIRE_URL), slice_of("/api/v2/x?a=1"));
    wire_pairs_add(&self->headers, slice_of("user-agent"), slice_of("x"));
    request->headers = wire_pairs_of(&self->headers);
    view_renew(self->view);
    verdict_expect(self->view, request, 1, hash);
    return verdict_judge(&self->judge, self->view, request, hash[0], slice("", 0), 1000, 1000).code;
}

static source_t s_made(bench_t *self, const char *scheme, bool required)
{
    source_t source = {.place = self->bot,
                       .target = self->bot,
                       .kind = OWNER_BOT,
                       .version = 1,
                       .scheme = slice_of(scheme),
                       .required = required,
                       .token = self->token_id};
    uuid_new(&source.id);
    YARD_CHANGE(self->yard, view);
    assert_true(sources_add(view, &source));
    YARD_DONE(view);
    return source;
}

static void a_request_to_a_sources_address_is_judged_as_its_token(void **state)
{
    bench_t *self = *state;
    wire_request_t request;
    slice_t url;
    source_record_t records[SOURCE_RECORDS];
    source_t source = s_made(self, "trello", true), other = s_made(self, "trello", false);
    assert_int_equal(s_call(self, &source, &request), ERROR_none);
    assert_int_equal(request.op, OP_bot_signed);
    assert_true(slice_is(request.target, "builds"));
    assert_true(uuid_eq(&request.principal.token, &self->token_id));
    assert_false(wire_pairs_find(request.headers, WIRE_URL, &url));
    assert_true(wire_pairs_find(request.headers, "user-agent", &url));
    assert_int_equal(source_records_read(request.handler, records), 1);
    assert_true(slice_is(records[0].url, "https://hooks.example.org/api/v2/x?a=1"));
    assert_true(records[0].required && uuid_eq(&records[0].id, &source.id));
    assert_int_equal(s_call(self, &other, &request), ERROR_unknown_source);
    source = s_made(self, "", true);
    assert_int_equal(s_call(self, &source, &request), ERROR_unknown_source);
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_delete(view, &self->token_id));
    YARD_DONE(view);
    source = s_made(self, "trello", true);
    assert_int_equal(s_call(self, &source, &request), ERROR_invalid_token);
}

/* What becomes of what Asana tells at WALL_MS to a source with these times. */
static heard_state_t s_heard(bench_t *self, const char *scheme, const char *told, uint64_t waits_ms,
                             uint64_t told_ms, uint64_t wall_ms)
{
    heard_t heard;
    pack_t shown = {0};
    uint8_t sealed[16 + SEALING_OVERHEAD];
    source_t source = {.scheme = slice_of(scheme), .waits_ms = waits_ms, .told_ms = told_ms};
    view_renew(self->view);
    if (told_ms) {
        sealing_key_seal(table_master_key(self->view), slice_of("first"), sealed);
        source.secret[source.secrets++].sealed = slice(sealed, 5 + SEALING_OVERHEAD);
    }
    wire_pairs_add(&shown, slice_of("x-hook-secret"), slice_of(told));
    const wire_request_t request = {.method = OP_POST, .shown = wire_pairs_of(&shown)};
    heard_look(self->view, &source, &request, slice("", 0), wall_ms, &heard);
    view_release(self->view);
    pack_free(&shown);
    return heard.state;
}

/* Past the time in which its source waits, or is answered again, it is an event like any other. */
static void what_is_told_counts_while_its_source_waits(void **state)
{
    bench_t *self = *state;
    enum { AT = 1000, END = AT + SOURCE_WAITS_MS };
    assert_int_equal(s_heard(self, "asana", "abc", END, 0, END - 1), HEARD_NEW);
    assert_int_equal(s_heard(self, "asana", "a c", END, 0, END - 1), HEARD_NOTHING);
    assert_int_equal(s_heard(self, "asana", "abc", END, 0, END), HEARD_NOTHING);
    assert_int_equal(s_heard(self, "github", "abc", END, 0, AT), HEARD_NOTHING);
    assert_int_equal(s_heard(self, "notion", "abc", END, 0, AT), HEARD_NOTHING);
    assert_int_equal(s_heard(self, "asana", "first", 0, AT, END - 1), HEARD_BEFORE);
    assert_int_equal(s_heard(self, "asana", "first", END, AT, END - 1), HEARD_BEFORE);
    assert_int_equal(s_heard(self, "asana", "first", 0, AT, END), HEARD_NOTHING);
    assert_int_equal(s_heard(self, "asana", "second", 0, AT, AT), HEARD_NOTHING);
    assert_int_equal(s_heard(self, "asana", "second", END, AT, AT), HEARD_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_event_brings_the_sources_of_its_target, s_setup,
                                        s_teardown),
        cmocka_unit_test_setup_teardown(a_request_to_a_sources_address_is_judged_as_its_token,
                                        s_setup, s_teardown),
        cmocka_unit_test_setup_teardown(what_is_told_counts_while_its_source_waits, s_setup,
                                        s_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
