/* What HTTP makes of the arguments of a management operation. */
#include "authd/manage/http_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

/* Texts in turn, a NULL at their end, as params or headers. */
static slice_t s_pairs(pack_t *pairs, const char *const *texts)
{
    pack_reset(pairs);
    for (unsigned i = 0; texts[i]; i += 2)
        wire_pairs_add(pairs, slice_of(texts[i]), slice_of(texts[i + 1]));
    return slice(pairs->data, pairs->len);
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__})

static error_code_t s_read(unsigned op, const char *const *params, const char *const *headers,
                           const char *body, char made[512])
{
    http_args_t args;
    pack_t query = {0}, head = {0};
    wire_request_t request = {
        .params = s_pairs(&query, params),
        .headers = s_pairs(&head, headers),
    };
    error_code_t code = http_args_read(&args, op_find(op), &request, slice_of(body));
    made[0] = '\0';
    if (code == ERROR_none)
        snprintf(made, 512, "%.*s|%.*s", SLICE_ARG(args.body), SLICE_ARG(args.if_match));
    else
        assert_non_null(args.detail);
    http_args_free(&args);
    pack_free(&query);
    pack_free(&head);
    return code;
}

static void a_query_is_read_by_the_fields_of_the_operation(void **state)
{
    (void)state;
    char made[512];
    const char *const none[] = {NULL};
    assert_int_equal(s_read(OP_user_list, none, none, "", made), ERROR_none);
    assert_string_equal(made, "{}|");
    assert_int_equal(s_read(OP_user_list, TEXTS("limit", "20", "after", "7", NULL), none, "", made),
                     ERROR_none);
    /* in one order, so that a repeat of an Idempotency-Key is known in any */
    assert_string_equal(made, "{\"after\":\"7\",\"limit\":20}|");
    assert_int_equal(s_read(OP_token_delete, TEXTS("confirm", "true", NULL), none, "", made),
                     ERROR_none);
    assert_string_equal(made, "{\"confirm\":true}|");
    /* What is of another shape stays a text, which the operation refuses. */
    const char *const odd[] = {"-1", "1.5", "1e3", "", "99999999999999999999", "0x10"};
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) {
        char expected[64];
        assert_int_equal(s_read(OP_user_list, TEXTS("limit", odd[i], NULL), none, "", made),
                         ERROR_none);
        snprintf(expected, sizeof expected, "{\"limit\":\"%s\"}|", odd[i]);
        assert_string_equal(made, expected);
    }
    assert_int_equal(s_read(OP_user_list, TEXTS("limit", "1", "limit", "1", NULL), none, "", made),
                     ERROR_invalid_param);
    assert_int_equal(s_read(OP_user_list, TEXTS("", "1", NULL), none, "", made),
                     ERROR_invalid_param);
    assert_int_equal(s_read(OP_user_list, none, none, "{}", made), ERROR_invalid_request);
}

static void a_body_is_json_and_nothing_else(void **state)
{
    (void)state;
    char made[512];
    const char *const none[] = {NULL};
    const char *const good[] = {"application/json", "Application/JSON",
                                "application/json; charset=utf-8", "application/json ;x"};
    const char *const bad[] = {"", "text/json", "application/jsonx", "application/json+x",
                               "application/x-www-form-urlencoded"};
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(
            s_read(OP_user_create, none, TEXTS("content-type", good[i], NULL), "{\"a\":1}", made),
            ERROR_none);
        assert_string_equal(made, "{\"a\":1}|");
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(
            s_read(OP_user_create, none, TEXTS("content-type", bad[i], NULL), "{}", made),
            ERROR_unsupported_media);
    assert_int_equal(s_read(OP_user_create, none, none, "{}", made), ERROR_unsupported_media);
    assert_int_equal(s_read(OP_extension_rotate, none, none, "", made), ERROR_none);
    assert_int_equal(s_read(OP_user_create, TEXTS("a", "1", NULL), none, "", made),
                     ERROR_invalid_param);
}

static void if_match_is_one_strong_tag_or_any(void **state)
{
    (void)state;
    char made[512];
    const char *const none[] = {NULL};
    const char *const bad[] = {"", "\"", "\"\"", "bare", "W/\"a\"", "\"a\", \"b\"", "\"a", "a\""};
    assert_int_equal(s_read(OP_user_edit, none, TEXTS("if-match", "\"abc\"", NULL), "", made),
                     ERROR_none);
    assert_string_equal(made, "|abc");
    assert_int_equal(s_read(OP_user_edit, none, TEXTS("if-match", "*", NULL), "", made),
                     ERROR_none);
    assert_string_equal(made, "|");
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(s_read(OP_user_edit, none, TEXTS("if-match", bad[i], NULL), "", made),
                         ERROR_invalid_request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_read_by_the_fields_of_the_operation),
        cmocka_unit_test(a_body_is_json_and_nothing_else),
        cmocka_unit_test(if_match_is_one_strong_tag_or_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
