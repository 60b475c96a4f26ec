/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "source_case.h"

#include <ctype.h>
#include <stdlib.h>

/* A request and what it is answered: "" stands for nothing. */
typedef struct {
    const char *what, *method;
    const char *param[6];  /* names and values */
    const char *header[4]; /* likewise */
    const char *body;
    handshake_t found;
    unsigned status;
    const char *type, *answer;
} row_t;

static void s_open(source_case_t *self, const row_t *row)
{
    case_begin(self, 1767323045);
    case_preset(self, "zoom");
    self->request.method = slice_of(row->method);
    for (unsigned i = 0; i + 1 < 6 && row->param[i]; i += 2)
        case_param(self, row->param[i], row->param[i + 1]);
    for (unsigned i = 0; i + 1 < 4 && row->header[i]; i += 2)
        case_header(self, row->header[i], slice_of(row->header[i + 1]));
    self->request.body = slice_of(row->body);
}

static void s_check(const row_t *row, handshake_answer_t *answer)
{
    source_case_t self;
    s_open(&self, row);
    case_secret(&self, "qwerty");
    handshake_t found = handshake_find(&self.request);
    if (found != row->found)
        fail_msg("%s: %s", row->what, handshake_name(found));
    if (found != HANDSHAKE_none) {
        handshake_answer(found, &self.request, self.keys, self.count, slice_of("meatyhamhock"),
                         answer);
        if (answer->status != row->status || strcmp(answer->type ? answer->type : "", row->type) ||
            !strstr(answer->body, row->answer) || answer->body_len != strlen(answer->body))
            fail_msg("%s: %u %s", row->what, answer->status, answer->body);
    }
    case_end(&self);
}

/* The HMACs are those of openssl dgst -sha256 -hmac qwerty. */
static const row_t s_rows[] = {
    {"slack",
     "POST",
     {0},
     {0},
     "{\"token\":\"x\",\"challenge\":\"3eZbrw1aBm2r\",\"type\":\"url_verification\"}",
     HANDSHAKE_slack,
     200,
     "text/plain",
     "3eZbrw1aBm2r"},
    {"an event that quotes it",
     "POST",
     {0},
     {0},
     "{\"type\":\"event_callback\",\"text\":\"url_verification\"}",
     HANDSHAKE_none,
     0,
     "",
     ""},
    {"a page",
     "POST",
     {0},
     {0},
     "{\"challenge\":\"<script>\",\"type\":\"url_verification\"}",
     HANDSHAKE_slack,
     400,
     "text/plain",
     "other characters"},
    {"no text",
     "POST",
     {0},
     {0},
     "{\"challenge\":{},\"type\":\"url_verification\"}",
     HANDSHAKE_slack,
     400,
     "text/plain",
     "empty"},
    {"a line end",
     "POST",
     {0},
     {0},
     "{\"challenge\":\"a\\nb\",\"type\":\"url_verification\"}",
     HANDSHAKE_slack,
     400,
     "text/plain",
     "other characters"},
    {"not ASCII",
     "POST",
     {0},
     {0},
     "{\"challenge\":\"\xc3\xa9\",\"type\":\"url_verification\"}",
     HANDSHAKE_slack,
     400,
     "text/plain",
     "other characters"},
    {"cut",
     "POST",
     {0},
     {0},
     "{\"challenge\":\"3eZ\",\"type\":\"url_verification\"",
     HANDSHAKE_none,
     0,
     "",
     ""},
    {"meta",
     "GET",
     {"hub.mode", "subscribe", "hub.challenge", "1158201444", "hub.verify_token", "meatyhamhock"},
     {0},
     "",
     HANDSHAKE_hub,
     200,
     "text/plain",
     "1158201444"},
    {"meta, other token",
     "GET",
     {"hub.mode", "subscribe", "hub.challenge", "1158201444", "hub.verify_token", "meatyhamhocK"},
     {0},
     "",
     HANDSHAKE_hub,
     403,
     "text/plain",
     "is not the source's"},
    {"meta, no token",
     "GET",
     {"hub.mode", "subscribe", "hub.challenge", "1158201444"},
     {0},
     "",
     HANDSHAKE_hub,
     403,
     "text/plain",
     "is not the source's"},
    {"graph",
     "POST",
     {"validationToken", "Validation: Testing client, Request-Id: 522a8e7e"},
     {0},
     "",
     HANDSHAKE_graph,
     200,
     "text/plain",
     "Validation: Testing client, Request-Id: 522a8e7e"},
    {"graph, a page",
     "POST",
     {"validationToken", "<b>"},
     {0},
     "",
     HANDSHAKE_graph,
     400,
     "text/plain",
     "other characters"},
    {"zoom",
     "POST",
     {0},
     {0},
     "{\"payload\":{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\"},\"event\":\"endpoint.url_"
     "validation\"}",
     HANDSHAKE_zoom,
     200,
     "application/json",
     "{\"plainToken\":\"qgg8vlvZRS6UYooatFL8Aw\",\"encryptedToken\":"
     "\"60d3bca0260f0addd7be715c8baf36e89e69a480c1d71dc29ffe76520a5d8a6d\"}"},
    {"zoom signs no event",
     "POST",
     {0},
     {0},
     "{\"payload\":{\"plainToken\":\"v0:1767323045:{}\"},\"event\":\"endpoint.url_validation\"}",
     HANDSHAKE_zoom,
     400,
     "text/plain",
     "other characters than base64"},
    {"x",
     "GET",
     {"crc_token", "challenge"},
     {0},
     "",
     HANDSHAKE_x,
     200,
     "application/json",
     "{\"response_token\":\"sha256="},
    {"x signs no event",
     "GET",
     {"crc_token", "{}"},
     {0},
     "",
     HANDSHAKE_x,
     400,
     "text/plain",
     "other characters than base64"},
    {"notion",
     "POST",
     {0},
     {0},
     "{\"verification_token\":\"secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl\"}",
     HANDSHAKE_notion,
     200,
     "",
     ""},
    {"notion, signed",
     "POST",
     {0},
     {"x-notion-signature", "sha256=00"},
     "{\"verification_token\":\"secret_x\"}",
     HANDSHAKE_none,
     0,
     "",
     ""},
    {"dropbox",
     "GET",
     {"challenge", "abc-123_"},
     {0},
     "",
     HANDSHAKE_challenge,
     200,
     "text/plain",
     "abc-123_"},
    {"trello", "HEAD", {0}, {0}, "", HANDSHAKE_head, 200, "", ""},
    {"asana",
     "POST",
     {0},
     {"x-hook-secret", "b537207f20cbfa02357cf448134da559"},
     "{}",
     HANDSHAKE_asana,
     200,
     "",
     ""},
    {"asana, another header",
     "POST",
     {0},
     {"x-hook-secret", "a\r\nSet-Cookie: b"},
     "{}",
     HANDSHAKE_asana,
     400,
     "text/plain",
     "other characters"},
    {"discord, interaction",
     "POST",
     {0},
     {"x-signature-ed25519", "00"},
     "{\"type\":1}",
     HANDSHAKE_discord,
     200,
     "application/json",
     "{\"type\":1}"},
    {"discord, event",
     "POST",
     {0},
     {"x-signature-ed25519", "00"},
     "{\"version\":1,\"type\":0}",
     HANDSHAKE_discord,
     204,
     "",
     ""},
    {"discord, command",
     "POST",
     {0},
     {"x-signature-ed25519", "00"},
     "{\"type\":2}",
     HANDSHAKE_none,
     0,
     "",
     ""},
    {"an ordinary OPTIONS", "OPTIONS", {0}, {0}, "", HANDSHAKE_none, 0, "", ""},
    {"an ordinary GET", "GET", {"a", "b"}, {0}, "", HANDSHAKE_none, 0, "", ""},
    {"an ordinary POST", "POST", {0}, {0}, "{\"text\":\"x\"}", HANDSHAKE_none, 0, "", ""},
    {"PUT", "PUT", {"validationToken", "x"}, {0}, "", HANDSHAKE_none, 0, "", ""},
};

static void test_table(void **state)
{
    handshake_answer_t answer;
    (void)state;
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++)
        s_check(&s_rows[i], &answer);
}

static const row_t *s_row(const char *what)
{
    for (size_t i = 0; i < sizeof s_rows / sizeof *s_rows; i++)
        if (strcmp(s_rows[i].what, what) == 0)
            return &s_rows[i];
    abort();
}

static void test_what_is_learned(void **state)
{
    handshake_answer_t answer;
    (void)state;
    s_check(s_row("notion"), &answer);
    assert_string_equal(answer.learned, "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl");
    s_check(s_row("asana"), &answer);
    assert_string_equal(answer.learned, "b537207f20cbfa02357cf448134da559");
    assert_string_equal(answer.header, "X-Hook-Secret");
    s_check(s_row("asana, another header"), &answer);
    assert_null(answer.header);
    assert_string_equal(answer.learned, "");
}

/* Without a verify token a hub may subscribe, and neither Meta nor anybody who unsubscribes is
 * answered. */
static void test_hub_without_a_token(void **state)
{
    static const struct {
        const char *mode, *token;
        unsigned status;
    } rows[] = {{"subscribe", NULL, 200},
                {"subscribe", "x", 403},
                {"subscribe", "", 403},
                {"unsubscribe", NULL, 403}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        source_case_t self;
        handshake_answer_t answer;
        case_begin(&self, 0);
        case_param(&self, "hub.mode", rows[i].mode);
        case_param(&self, "hub.challenge", "1");
        if (rows[i].token)
            case_param(&self, "hub.verify_token", rows[i].token);
        handshake_answer(HANDSHAKE_hub, &self.request, NULL, 0, slice(NULL, 0), &answer);
        assert_int_equal(answer.status, rows[i].status);
        case_end(&self);
    }
}

/* What is echoed of any byte, and of the longest text. */
static void test_echo(void **state)
{
    static char text[HANDSHAKE_ECHO + 2];
    handshake_answer_t answer;
    (void)state;
    for (unsigned c = 1; c < 256; c++) {
        source_case_t self;
        char value[] = {(char)c, '\0'};
        case_begin(&self, 0);
        case_param(&self, "challenge", value);
        handshake_answer(HANDSHAKE_challenge, &self.request, NULL, 0, slice(NULL, 0), &answer);
        bool plain = c >= ' ' && c <= '~' && !strchr("<>&\"'`\\", (int)c);
        assert_int_equal(answer.status, plain ? 200 : 400);
        assert_string_equal(answer.type, "text/plain");
        case_end(&self);
    }
    memset(text, 'a', sizeof text - 1);
    for (size_t len = HANDSHAKE_ECHO; len <= HANDSHAKE_ECHO + 1; len++) {
        source_case_t self;
        case_begin(&self, 0);
        text[len] = '\0';
        case_param(&self, "challenge", text);
        handshake_answer(HANDSHAKE_challenge, &self.request, NULL, 0, slice(NULL, 0), &answer);
        assert_int_equal(answer.status, len == HANDSHAKE_ECHO ? 200 : 400);
        case_end(&self);
        text[len] = 'a';
    }
}

static void test_no_secret(void **state)
{
    source_case_t self;
    handshake_answer_t answer;
    (void)state;
    case_begin(&self, 0);
    case_param(&self, "crc_token", "abc");
    handshake_answer(HANDSHAKE_x, &self.request, NULL, 0, slice(NULL, 0), &answer);
    assert_int_equal(answer.status, 403);
    case_end(&self);
}

/* A body past what is looked at is an event. */
static void test_large(void **state)
{
    source_case_t self;
    (void)state;
    static char body[HANDSHAKE_BODY + 100];
    int len = snprintf(body, sizeof body, "{\"type\":\"url_verification\",\"challenge\":\"a\"}");
    memset(body + len, ' ', sizeof body - (size_t)len);
    case_begin(&self, 0);
    self.request.body = slice(body, HANDSHAKE_BODY);
    assert_int_equal(handshake_find(&self.request), HANDSHAKE_slack);
    self.request.body = slice(body, HANDSHAKE_BODY + 1);
    assert_int_equal(handshake_find(&self.request), HANDSHAKE_none);
    case_end(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_what_is_learned),
        cmocka_unit_test(test_hub_without_a_token),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_no_secret),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
