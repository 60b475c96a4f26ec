/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "common/base/ops.h"
#include "scratch.h"
#include "workers/journal/lmdb/writing.h"
#include "workers/post/answer.h"
#include "workers/post/history.h"
#include "workers/post/post.h"

#include <stdlib.h>
#include <string.h>

/* A request as authd hands it on, and its job. */
typedef struct {
    wire_request_t request;
    zmq_msg_t body;
    pack_t params, headers;
    job_t job;
} call_t;

static post_t s_post;
static char s_path[SCRATCH];
static json_out_t s_out;

static void s_begin(call_t *call, unsigned op, slice_t body)
{
    *call = (call_t){.request = {.op = op,
                                 .method = OP_POST,
                                 .target = slice_of("builds"),
                                 .attempt = 1,
                                 .origin = 1,
                                 .principal = {.present = true,
                                               .display_name = slice_of("Ann \"A\""),
                                               .environment = ENVIRONMENT_SANDBOX}}};
    uuid_new(&call->request.id);
    call->request.principal.target.bytes[0] = 7;
    zmq_msg_init_size(&call->body, body.len);
    memcpy(zmq_msg_data(&call->body), body.data ? body.data : "", body.len);
}

static void s_header(call_t *call, const char *name, const char *value)
{
    wire_pairs_add(&call->headers, slice_of(name), slice_of(value));
}

static void s_param(call_t *call, const char *name, const char *value)
{
    wire_pairs_add(&call->params, slice_of(name), slice_of(value));
}

static void s_do(call_t *call, void (*with)(post_t *, job_t *))
{
    call->request.params = wire_pairs_of(&call->params);
    call->request.headers = wire_pairs_of(&call->headers);
    call->job = (job_t){.kind = JOB_REFUSED, .request = &call->request, .body = &call->body};
    with(&s_post, &call->job);
}

static void s_end(call_t *call)
{
    zmq_msg_close(&call->body);
    pack_free(&call->params);
    pack_free(&call->headers);
    free(call->job.reason);
    free(call->job.field);
}

/* Posts and compares the error and, when it is accepted, the body that would be stored. */
static void s_posts(const char *type, const char *body, error_code_t error, const char *stored)
{
    call_t call;
    s_begin(&call, OP_channel_message, slice_of(body));
    if (type)
        s_header(&call, "content-type", type);
    s_do(&call, post_message);
    assert_int_equal(call.job.kind, JOB_STORE);
    if (call.job.error != error)
        fail_msg("%s: error %d, %s", body, call.job.error, call.job.reason);
    assert_int_equal(call.job.entry.refused, error != 0);
    if (stored)
        assert_true(slice_is(call.job.entry.record.body, stored));
    s_end(&call);
}

#define FORM "application/x-www-form-urlencoded"

static void test_forms_of_a_message(void **state)
{
    (void)state;
    const char *json = "{\"text\":\"t\"}";
    s_posts("application/json", json, 0, json);
    s_posts(NULL, json, 0, json);
    s_posts(FORM, json, 0, json); /* curl -d */
    s_posts("text/plain; charset=utf-8", json, 0, json);
    s_posts(FORM, "x=1&text=a+b%21%22%0a&", 0, "{\"text\":\"a b!\\\"\\n\"}");
    s_posts(FORM "; charset=UTF-8", "payload=%7B%22text%22%3A%22t%22%7D", 0, json);
    s_posts("Application/X-WWW-Form-URLencoded", "text=%zz%4", 0, "{\"text\":\"%zz%4\"}");
    s_posts(FORM, "text=%f0%9f%98%80", 0, "{\"text\":\"😀\"}");
}

/* The same fields as JSON has. */
static void test_fields_of_a_form(void **state)
{
    (void)state;
    s_posts(FORM, "sync_message=true&&text=a&userids=+%2C&x=y", 0,
            "{\"sync_message\":\"true\",\"text\":\"a\",\"userids\":\" ,\"}");
    s_posts(FORM, "te%78t=%7Ba&bot=%7B%22name%22%3A%22CI%22%7D&userids=[]&broadcast=", 0,
            "{\"text\":\"{a\",\"bot\":{\"name\":\"CI\"},\"userids\":[],\"broadcast\":\"\"}");
    s_posts(FORM, "card=%7B%22title%22%3A%22t%22%7D", 0, "{\"card\":{\"title\":\"t\"}}");
    s_posts(FORM, "text=b&sync_message=1&payload=%7B%22text%22%3A%22a%22%7D", 0,
            "{\"text\":\"a\"}");
    s_posts(FORM, "text=hello world 100% sure", 0, "{\"text\":\"hello world 100% sure\"}");
    s_posts(FORM, "text=a&sync_message=maybe", ERROR_invalid_message, NULL);
    s_posts(FORM, "text=a&card=x", ERROR_invalid_message, NULL);
    s_posts(FORM, "text=a&card=%7B", ERROR_invalid_json, NULL);
    s_posts(FORM, "text=a&bot=%7B%7D%2C%22text%22%3A%22b%22", ERROR_invalid_message, NULL);
    s_posts(FORM, "text=a&text=b", ERROR_invalid_message, NULL);
    s_posts(FORM, "payload=%7B%7D&payload=", ERROR_invalid_message, NULL);
    s_posts(FORM, "text=a&bot=%ff", ERROR_invalid_json, NULL);
    s_posts(FORM, "sync_message=true", ERROR_invalid_message, NULL);
}

/* Whom userids name stands in a pair of authd's; without it, as of an older one, the message is not
 * stored for everybody. */
static void test_whom_a_message_is_for(void **state)
{
    (void)state;
    static const char ids[] = "+0123456789abcdefFEDCBA9876543210";
    const struct {
        const char *body, *pair;
        error_code_t error;
        size_t audience;
    } cases[] = {
        {"{\"text\":\"t\",\"userids\":[\"a\",\"b\"]}", ids, ERROR_none, 2},
        {"{\"text\":\"t\",\"userids\":[\"a\",\"b\"]}", NULL, ERROR_unavailable, 0},
        {"{\"text\":\"t\",\"user\\u0069ds\":\"a\"}", NULL, ERROR_unavailable, 0},
        {"{\"text\":\"t\",\"userids\":7}", NULL, ERROR_invalid_message, 0},
        {"{\"text\":\"t\",\"user_ids\":\"a\"}", "-no a", ERROR_invalid_message, 0},
        {"{\"text\":\"t\",\"user_ids\":\"a\"}", "+short", ERROR_invalid_message, 0},
        {"{\"text\":\"t\",\"userids\":[\" \",null]}", NULL, ERROR_none, 0},
        {"{\"text\":\"t\"}", ids, ERROR_none, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        call_t call;
        s_begin(&call, OP_channel_message, slice_of(cases[i].body));
        call.request.has_body = true;
        if (cases[i].pair)
            s_header(&call, WIRE_AUDIENCE, cases[i].pair);
        s_do(&call, post_message);
        const record_t *record = &call.job.entry.record;
        assert_int_equal(call.job.error, cases[i].error);
        assert_int_equal(record->audience.len, cases[i].audience * UUID_BYTES);
        assert_int_equal(record->more & RECORD_NARROWED, cases[i].audience ? RECORD_NARROWED : 0);
        s_end(&call);
    }
}

/* Nothing behind an & that was not encoded is lost. */
static void test_a_form_that_is_not_encoded(void **state)
{
    static const char *const bodies[] = {
        "text=a & b",       "text=a&b", "text", "text=a & b = c", "text=fish&chips&text=b",
        "text=a&\xc3\xa9=1"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        call_t call;
        s_begin(&call, OP_channel_message, slice_of(bodies[i]));
        s_header(&call, "content-type", FORM);
        s_do(&call, post_message);
        assert_int_equal(call.job.error, ERROR_invalid_message);
        assert_non_null(strstr(call.job.reason, "%26"));
        s_end(&call);
    }
}

static void test_multipart_is_named(void **state)
{
    (void)state;
    call_t call;
    s_begin(&call, OP_channel_message,
            slice_of("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n"
                     "\r\nhello\r\n--x--\r\n"));
    s_header(&call, "content-type", "multipart/form-data; boundary=x");
    s_do(&call, post_message);
    assert_int_equal(call.job.error, ERROR_unsupported_media);
    assert_non_null(call.job.reason);
    assert_non_null(strstr(call.job.reason, "multipart/form-data"));
    assert_non_null(strstr(call.job.reason, "--data-urlencode"));
    s_end(&call);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    s_posts("application/json", "{\"text\":", ERROR_invalid_json, NULL);
    s_posts("application/json", "hello", ERROR_invalid_json, NULL);
    s_posts("application/json", "", ERROR_invalid_json, NULL);
    s_posts(NULL, "", ERROR_invalid_json, NULL);
    s_posts("application/json", "{\"text\":7}", ERROR_invalid_message, NULL);
    s_posts(FORM, "{\"text\": \"broken", ERROR_invalid_json, NULL);
    s_posts(FORM, "a=b", ERROR_invalid_message, NULL);
    s_posts(FORM, "", ERROR_invalid_message, NULL);
    s_posts(FORM, "text=", ERROR_invalid_message, NULL);
    s_posts(FORM, "text=%ff", ERROR_invalid_json, NULL);
    s_posts(FORM, "payload=%7B", ERROR_invalid_json, NULL);
    s_posts("text/plain", "hello", ERROR_unsupported_media, NULL);
    s_posts("text/plain", "\xff\xfe{", ERROR_invalid_json, NULL); /* UTF-16, which is said */
    s_posts("multipart/form-data; boundary=x", "--x", ERROR_unsupported_media, NULL);
    s_posts("application/x-www-form-urlencodedx", "text=a", ERROR_unsupported_media, NULL);
    call_t call;
    s_begin(&call, OP_channel_message, slice_of("\x1f\x8b"));
    s_header(&call, "content-type", "application/json");
    s_header(&call, "content-encoding", "gzip");
    s_do(&call, post_message);
    assert_int_equal(call.job.error, ERROR_unsupported_media);
    s_end(&call);
}

static void s_syncs(const char *query, const char *body, error_code_t error, answer_t answer)
{
    call_t call;
    s_begin(&call, OP_channel_message, slice_of(body));
    if (query)
        s_param(&call, "sync_message", query);
    s_do(&call, post_message);
    assert_int_equal(call.job.error, error);
    if (!error)
        assert_int_equal(call.job.entry.answer.answer, answer);
    s_end(&call);
}

static void test_the_body_overrides_the_query(void **state)
{
    (void)state;
    s_syncs(NULL, "{\"text\":\"t\"}", 0, ANSWER_EMPTY);
    s_syncs("true", "{\"text\":\"t\"}", 0, ANSWER_ID);
    s_syncs("True", "{\"text\":\"t\"}", 0, ANSWER_ID);
    s_syncs("false", "{\"text\":\"t\"}", 0, ANSWER_EMPTY);
    s_syncs("", "{\"text\":\"t\"}", 0, ANSWER_EMPTY);
    s_syncs("maybe", "{\"text\":\"t\"}", ERROR_invalid_param, ANSWER_EMPTY);
    s_syncs(NULL, "{\"text\":\"t\",\"sync_message\":true}", 0, ANSWER_ID);
    s_syncs("true", "{\"text\":\"t\",\"sync_message\":false}", 0, ANSWER_EMPTY);
    s_syncs("false", "{\"text\":\"t\",\"sync_message\":\"true\"}", 0, ANSWER_ID);
}

static void test_the_hash_covers_body_and_parameters(void **state)
{
    (void)state;
    static const char key[WIRE_DEDUPE] = "k";
    const struct {
        const char *param, *body;
    } rows[] = {{"1", "{\"text\":\"t\"}"}, {"1", "{\"text\":\"u\"}"}, {"2", "{\"text\":\"t\"}"}};
    uint8_t hashes[3][JOURNAL_HASH];
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 3; i++) {
            call_t call;
            s_begin(&call, OP_channel_message, slice_of(rows[i].body));
            s_param(&call, "p", rows[i].param);
            call.request.principal.dedupe = slice(key, sizeof key);
            s_do(&call, post_message);
            assert_int_equal(call.job.entry.dedupe.len, WIRE_DEDUPE);
            if (round == 1)
                assert_memory_equal(hashes[i], call.job.entry.hash, JOURNAL_HASH);
            memcpy(hashes[i], call.job.entry.hash, JOURNAL_HASH);
            s_end(&call);
        }
    assert_memory_not_equal(hashes[0], hashes[1], JOURNAL_HASH);
    assert_memory_not_equal(hashes[0], hashes[2], JOURNAL_HASH);
}

/* The entry of a post with a key and these parameters, "a=1" each. */
static void s_keyed(call_t *call, const char *const *params)
{
    static const char key[WIRE_DEDUPE] = "k";
    s_begin(call, OP_channel_message, slice_of("{\"text\":\"t\"}"));
    for (; *params; params++)
        wire_pairs_add(&call->params, slice(*params, 1), slice(*params + 2, 1));
    call->request.principal.dedupe = slice(key, sizeof key);
    s_do(call, post_message);
}

static void test_a_key_knows_its_parameters_in_any_order(void **state)
{
    static const char *const orders[][5] = {
        {"a=1", "b=2", "b=3", "c=4"}, {"c=4", "b=2", "a=1", "b=3"}, {"b=2", "b=3", "c=4", "a=1"}};
    static const char *const others[][5] = {
        {"a=1", "b=3", "b=2", "c=4"}, {"a=1", "b=2", "b=3", "d=4"}, {"a=1", "b=2", "c=4"}};
    call_t first, call;
    (void)state;
    s_keyed(&first, orders[0]);
    assert_memory_equal(first.job.entry.hash, first.job.entry.hash_as_came, JOURNAL_HASH);
    for (unsigned i = 1; i < 3; i++) {
        s_keyed(&call, orders[i]);
        assert_memory_equal(call.job.entry.hash, first.job.entry.hash, JOURNAL_HASH);
        assert_memory_not_equal(call.job.entry.hash_as_came, first.job.entry.hash, JOURNAL_HASH);
        s_end(&call);
    }
    for (unsigned i = 0; i < 3; i++) {
        s_keyed(&call, others[i]);
        assert_memory_not_equal(call.job.entry.hash, first.job.entry.hash, JOURNAL_HASH);
        s_end(&call);
    }
    s_end(&first);
}

static void test_any_event_is_kept(void **state)
{
    (void)state;
    const struct {
        slice_t body;
        unsigned flags;
    } rows[] = {
        {{"", 0}, RECORD_EVENT},
        {{"\xff\0x", 3}, RECORD_EVENT},
        {{"{\"alerts\":[]}", 13}, RECORD_EVENT},
        {{" {\"text\":\"t\"}", 13}, RECORD_EVENT | RECORD_MESSAGE},
    };
    for (unsigned i = 0; i < 4; i++) {
        call_t call;
        s_begin(&call, OP_bot_incoming, rows[i].body);
        s_do(&call, post_event);
        assert_int_equal(call.job.kind, JOB_STORE);
        assert_int_equal(call.job.error, 0);
        assert_int_equal(call.job.entry.record.flags, rows[i].flags);
        assert_int_equal(call.job.entry.answer.answer, ANSWER_OBJECT);
        assert_true(slice_eq(call.job.entry.record.body, rows[i].body));
        s_end(&call);
    }
}

static journal_t *s_open(void);

/* As a worker writes it that hashes the parameters as they come. */
static void test_a_key_of_another_version_is_known(void **state)
{
    static const char *const params[] = {"b=2", "a=1", NULL}, *const turned[] = {"a=1", "b=2",
                                                                                 NULL};
    journal_t *journal = s_open();
    call_t call;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        s_keyed(&call, i < 2 ? params : turned);
        journal_entry_t *entry = &call.job.entry;
        if (i == 0)
            memcpy(entry->hash, entry->hash_as_came, JOURNAL_HASH);
        journal_append(journal, &entry, 1, 1000);
        assert_int_equal(entry->outcome, i == 0   ? JOURNAL_STORED
                                         : i == 1 ? JOURNAL_REPLAYED
                                                  : JOURNAL_REUSED);
        s_end(&call);
    }
    journal_close(&journal);
    scratch_remove(s_path);
}

static journal_t *s_open(void)
{
    char err[256];
    scratch_make(s_path);
    journal_options_t options = {.path = s_path,
                                 .kind = "bot",
                                 .shard = 1,
                                 .shards = 3,
                                 .room_bytes = 64 << 20,
                                 .keys = 10,
                                 .retention_ms = 1u << 31,
                                 .retention_bytes = 1000};
    journal_t *journal = journal_open(&options, 1, err, sizeof err);
    assert_non_null(journal);
    return journal;
}

static void s_store(journal_t *journal, call_t *call, int64_t now_ms)
{
    journal_entry_t *entry = &call->job.entry;
    entry->record.time_ms = 1700000000123;
    assert_int_equal(journal_append(journal, &entry, 1, now_ms), 1);
}

/* Reads a page; NULL when it is refused. */
static const char *s_page(journal_t *journal, const char *limit, const char *from,
                          error_code_t error)
{
    call_t call;
    s_begin(&call, OP_bot_history, slice_of(""));
    if (limit)
        s_param(&call, "limit", limit);
    if (from)
        s_param(&call, "from", from);
    call.request.params = wire_pairs_of(&call.params);
    call.job = (job_t){.request = &call.request, .body = &call.body};
    history_prepare(&call.job);
    reading_t *reading = call.job.reading;
    reading->shard = (shard_t){1, 3};
    json_reset(&s_out);
    if (!call.job.error) {
        assert_int_equal(call.job.kind, JOB_READ);
        reading->look(reading, journal_reader(journal));
        json_raw(&s_out, slice(reading->body.data, reading->body.len));
        json_raw(&s_out, slice("", 1));
    }
    assert_int_equal(call.job.error ? call.job.error : reading->error, error);
    reading_destroy(&call.job.reading);
    s_end(&call);
    return error ? NULL : s_out.data;
}

static void test_an_event_is_read_back(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    call_t call;
    s_begin(&call, OP_bot_incoming, slice_of("{\"text\":\"t\"}"));
    s_header(&call, "x-a", "1");
    s_header(&call, "x-b", "2");
    s_header(&call, "x-a", "\"3\"");
    s_param(&call, "p", "1");
    s_param(&call, "q", "");
    s_param(&call, "p", "2");
    s_do(&call, post_event);
    s_store(journal, &call, 1);
    assert_string_equal(
        s_page(journal, NULL, NULL, 0),
        "{\"messages\":[{\"id\":\"1700000000123_4\",\"sequence\":1,\"time\":"
        "\"2023-11-14T22:13:20.123Z\",\"sender\":{\"id\":\"00000000-0000-0000-0000-000000000000\","
        "\"name\":\"Ann \\\"A\\\"\"},\"event\":{\"method\":\"POST\",\"headers\":{\"x-a\":\"1, "
        "\\\"3\\\"\",\"x-b\":\"2\"},\"parameters\":{\"p\":[\"1\",\"2\"],\"q\":\"\"},\"body\":"
        "\"{\\\"text\\\":\\\"t\\\"}\",\"environment\":\"sandbox\",\"user\":{\"id\":\"00000000-0000-"
        "0000-0000-000000000000\",\"name\":\"Ann \\\"A\\\"\"},\"access\":\"builds\"},\"message\":"
        "{\"text\":\"t\"}}],\"next\":null}");
    s_end(&call);
    journal_close(&journal);
    scratch_remove(s_path);
}

static void test_pages(void **state)
{
    (void)state;
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 6; i++) {
        call_t call;
        s_begin(&call, OP_bot_message, slice_of("{\"text\":\"t\"}"));
        s_do(&call, post_message);
        s_store(journal, &call, 1);
        s_end(&call);
    }
    const char *page = s_page(journal, "2", NULL, 0);
    assert_non_null(strstr(page, "\"sequence\":2"));
    assert_null(strstr(page, "\"sequence\":3"));
    assert_non_null(strstr(page, "\"next\":3}"));
    assert_null(strstr(page, "\"event\""));
    page = s_page(journal, "2", "5", 0);
    assert_non_null(strstr(page, "\"sequence\":5"));
    assert_non_null(strstr(page, "\"next\":null}"));
    assert_string_equal(s_page(journal, "1", "7", 0), "{\"messages\":[],\"next\":null}");
    assert_non_null(s_page(journal, "1000", "1", 0));
    static const char *const bad[] = {"0", "", "x", "-1", "1 ", "99999999999999999999"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        s_page(journal, bad[i], NULL, ERROR_invalid_param);
        s_page(journal, NULL, bad[i], ERROR_invalid_param);
    }
    s_page(journal, "1001", NULL, ERROR_invalid_param);
    /* retention by size takes the oldest: a cursor to them has expired, no cursor starts behind */
    journal_tend(journal, 1 + JOURNAL_ID_MS);
    s_page(journal, NULL, "1", ERROR_cursor_expired);
    assert_non_null(s_page(journal, NULL, NULL, 0));
    journal_close(&journal);
    scratch_remove(s_path);
}

static void test_a_page_ends_at_its_bytes(void **state)
{
    (void)state;
    static char body[400001];
    journal_t *journal = s_open();
    for (unsigned i = 0; i < 4; i++) {
        call_t call;
        memset(body, i == 3 ? 1 : 'x', sizeof body - 1);
        s_begin(&call, OP_bot_incoming, slice(body, sizeof body - 1));
        s_do(&call, post_event);
        s_store(journal, &call, 1);
        s_end(&call);
    }
    const char *page = s_page(journal, NULL, NULL, 0);
    assert_true(strlen(page) < HISTORY_BYTES + 32);
    assert_non_null(strstr(page, "\"next\":3}"));
    page = s_page(journal, NULL, "3", 0);
    assert_non_null(strstr(page, "\"next\":4}"));
    /* alone past the limit: six characters a byte */
    page = s_page(journal, NULL, "4", 0);
    assert_true(strlen(page) > HISTORY_BYTES);
    assert_non_null(strstr(page, "\"next\":null}"));
    journal_close(&journal);
    scratch_remove(s_path);
}

static int s_setup(void **state)
{
    (void)state;
    post_open(&s_post);
    return 0;
}

static int s_teardown(void **state)
{
    (void)state;
    post_close(&s_post);
    json_free(&s_out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms_of_a_message),
        cmocka_unit_test(test_fields_of_a_form),
        cmocka_unit_test(test_whom_a_message_is_for),
        cmocka_unit_test(test_a_form_that_is_not_encoded),
        cmocka_unit_test(test_multipart_is_named),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_the_body_overrides_the_query),
        cmocka_unit_test(test_the_hash_covers_body_and_parameters),
        cmocka_unit_test(test_a_key_knows_its_parameters_in_any_order),
        cmocka_unit_test(test_a_key_of_another_version_is_known),
        cmocka_unit_test(test_any_event_is_kept),
        cmocka_unit_test(test_an_event_is_read_back),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_a_page_ends_at_its_bytes),
    };
    return cmocka_run_group_tests(tests, s_setup, s_teardown);
}
