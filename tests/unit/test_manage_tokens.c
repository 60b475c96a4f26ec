#include "tests/unit/desk.h"

#include "authd/manage/ending.h"
#include "common/base/clock.h"
#include "common/monitor/monitor.h"

#include <unistd.h>

/* A token of ann, made with BODY; the caller frees. */
static json_t *s_make(desk_t *self, const char *body)
{
    return desk_do(self, OP_token_create, ANN, body);
}

static void s_people(desk_t *self)
{
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_channel_create, "", "{\"name\":\"general\",\"owner\":\"" ANN "\"}");
    desk_done(self, OP_bot_create, "", "{\"name\":\"builds\",\"owner\":\"" ANN "\"}");
    desk_done(self, OP_extension_create, "", "{\"name\":\"shop\",\"owner\":\"" ANN "\"}");
}

/* The first token of a list as compact text; the caller frees. */
static char *s_listed(desk_t *self)
{
    json_t *list = desk_do(self, OP_token_list, ANN, "");
    char *text = json_dumps(json_array_get(json_object_get(list, "tokens"), 0), JSON_COMPACT);
    json_decref(list);
    return text;
}

static void s_has(char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("%s lacks %s", text, part);
    free(text);
}

static void terms_are_made_shown_and_changed(void **state)
{
    desk_t *self = *state;
    s_people(self);
    json_t *made = s_make(self, "{\"channels\":[\"general\"],\"extensions\":[\"5001\"],"
                                "\"post_only\":true,\"networks\":[\"10.0.0.0/8\",\"::1\"],"
                                "\"body_bytes\":1000,\"expires_in\":60}");
    const char *id = desk_text(made, "id");
    s_has(s_listed(self), "\"scope\":{\"channels\":[\"general\"],\"bots\":[],\"extensions\":["
                          "\"shop\"]},\"post_only\":true,\"networks\":[\"10.0.0.0/8\",\"::1/128\"],"
                          "\"body_bytes\":1000,");
    assert_false(json_is_null(json_object_get(made, "expires")));
    desk_done(self, OP_token_edit, id, "{\"bots\":[\"builds\"],\"name\":\"new\"}");
    s_has(s_listed(self),
          "\"scope\":{\"channels\":[],\"bots\":[\"builds\"],\"extensions\":[]},\"post_only\":true");
    desk_done(self, OP_token_edit, id,
              "{\"any\":true,\"post_only\":false,\"networks\":[],\"body_bytes\":0,"
              "\"expires_in\":0}");
    s_has(s_listed(self), "\"scope\":null,\"post_only\":false,\"networks\":[],\"body_bytes\":0");
    s_has(s_listed(self), "\"name\":\"new\"");
    s_has(s_listed(self), "\"expires\":null");
    json_decref(made);
}

static void bad_terms_are_named(void **state)
{
    desk_t *self = *state;
    s_people(self);
    const struct {
        const char *body, *says;
        error_code_t code;
    } cases[] = {
        {"{\"channels\":[\"nowhere\"]}", "channels[0]", ERROR_unknown_channel},
        {"{\"bots\":[\"builds\",\"general\"]}", "bots[1]", ERROR_unknown_bot},
        {"{\"extensions\":[\"1\"]}", "extensions[0]", ERROR_unknown_app},
        {"{\"channels\":[]}", "channels", ERROR_invalid_param},
        {"{\"networks\":[\"10.0.0.0/33\"]}", "networks[0]", ERROR_invalid_param},
        {"{\"networks\":[\"10.0.0.1:80\"]}", "networks[0]", ERROR_invalid_param},
        {"{\"post_only\":1}", "post_only", ERROR_invalid_param},
        {"{\"body_bytes\":-1}", "body_bytes", ERROR_invalid_param},
        {"{\"expires_in\":99999999999}", "expires_in", ERROR_invalid_param},
        {"{\"any\":true}", "any", ERROR_invalid_param},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(desk_code(self, OP_token_create, ANN, cases[i].body), cases[i].code);
        assert_non_null(strstr(self->message, cases[i].says));
    }
    json_t *made = s_make(self, "");
    assert_int_equal(desk_code(self, OP_token_edit, desk_text(made, "id"),
                               "{\"any\":true,\"bots\":[\"builds\"]}"),
                     ERROR_invalid_param);
    s_has(s_listed(self), "\"scope\":null");
    json_decref(made);
}

static void a_replacement_inherits_and_is_told(void **state)
{
    desk_t *self = *state;
    s_people(self);
    json_t *made = s_make(self, "{\"name\":\"ci\",\"channels\":[\"general\"],\"rate\":7,"
                                "\"networks\":[\"10.0.0.0/8\"]}");
    const char *id = desk_text(made, "id");
    json_t *next = desk_do(self, OP_token_replace, id, "");
    assert_string_not_equal(desk_text(next, "token"), desk_text(made, "token"));
    assert_string_equal(desk_text(next, "name"), "ci");
    assert_true(json_equal(json_object_get(next, "scope"), json_object_get(made, "scope")));
    assert_true(json_equal(json_object_get(next, "networks"), json_object_get(made, "networks")));
    assert_int_equal(json_integer_value(json_object_get(next, "rate")), 7);
    assert_true(json_is_null(json_object_get(next, "expires")));
    json_t *old = json_object_get(next, "replaces");
    assert_string_equal(desk_text(old, "id"), id);
    assert_string_equal(desk_text(old, "state"), "replaced");
    assert_string_equal(desk_text(old, "successor"), desk_text(next, "id"));
    assert_null(json_object_get(old, "token"));
    assert_int_equal(desk_code(self, OP_token_replace, id, ""), ERROR_conflict);
    assert_non_null(strstr(self->message, desk_text(next, "id")));
    assert_int_equal(desk_code(self, OP_token_edit, id, "{\"expires_in\":0}"), ERROR_conflict);
    assert_int_equal(
        desk_code(self, OP_token_replace, desk_text(next, "id"), "{\"overlap\":604801}"),
        ERROR_invalid_param);
    json_t *last = desk_do(self, OP_token_replace, desk_text(next, "id"),
                           "{\"overlap\":0,\"any\":true,\"name\":\"cd\"}");
    assert_string_equal(desk_text(json_object_get(last, "replaces"), "state"), "ended");
    assert_true(json_is_null(json_object_get(last, "scope")));
    assert_string_equal(desk_text(last, "name"), "cd");
    json_decref(made);
    json_decref(next);
    json_decref(last);
}

static void five_active_ones_can_all_be_replaced(void **state)
{
    desk_t *self = *state;
    s_people(self);
    for (unsigned i = 0; i < TOKENS_ACTIVE; i++) {
        json_t *made = s_make(self, "");
        desk_done(self, OP_token_replace, desk_text(made, "id"), "{\"overlap\":100}");
        json_decref(made);
    }
    assert_int_equal(desk_code(self, OP_token_create, ANN, ""), ERROR_token_limit);
    json_t *list = desk_do(self, OP_token_list, ANN, "");
    assert_int_equal(json_array_size(json_object_get(list, "tokens")), 2 * TOKENS_ACTIVE);
    json_decref(list);
}

static void s_use(desk_t *self, const char *id_text, uint64_t at_ms)
{
    uuid_t7 id;
    assert_int_equal(uuid_parse(id_text, strlen(id_text), &id), 0);
    token_use_t use = {.last_ms = at_ms,
                       .count = 3,
                       .address = slice_of("10.0.0.9"),
                       .target = slice_of("general")};
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_used(view, &id, &use));
    YARD_DONE(view);
}

static void a_token_in_use_is_deleted_with_confirmation_only(void **state)
{
    desk_t *self = *state;
    uint64_t now_ms = (uint64_t)clock_wall_ms(), day_ms = 86400 * 1000;
    s_people(self);
    json_t *lately = s_make(self, ""), *once = s_make(self, "");
    s_use(self, desk_text(lately, "id"), now_ms - 6 * day_ms);
    s_use(self, desk_text(once, "id"), now_ms - 8 * day_ms);
    desk_done(self, OP_token_delete, desk_text(once, "id"), "");
    const char *id = desk_text(lately, "id");
    assert_int_equal(desk_code(self, OP_token_delete, id, ""), ERROR_confirm_needed);
    assert_non_null(strstr(self->message, "from 10.0.0.9 on general"));
    assert_int_equal(desk_code(self, OP_token_delete, id, "{\"confirm\":false}"),
                     ERROR_confirm_needed);
    json_t *gone = desk_do(self, OP_token_delete, id, "{\"confirm\":true}");
    assert_string_equal(desk_text(gone, "last_address"), "10.0.0.9");
    json_decref(gone);
    json_decref(lately);
    json_decref(once);
}

/* Ids of the tokens that token_list_all gives for BODY. */
static size_t s_count_all(desk_t *self, const char *body)
{
    json_t *all = desk_do(self, OP_token_list_all, "", body);
    size_t len = json_array_size(json_object_get(all, "tokens"));
    json_decref(all);
    return len;
}

static void all_tokens_are_listed_and_those_that_end_soon(void **state)
{
    desk_t *self = *state;
    ending_t ending = {.found = 0};
    s_people(self);
    desk_done(self, OP_service_create, "", "{\"account\":\"robot\"}");
    json_t *first = s_make(self, "{\"name\":\"forever\"}");
    usleep(2000); /* ids of one millisecond are in no order */
    json_t *old = s_make(self, "{\"expires_in\":3600}");
    desk_done(self, OP_token_create, "robot", "{\"expires_in\":864000}");
    desk_done(self, OP_token_create, "robot", "{\"expires_in\":8640000}");
    assert_int_equal(s_count_all(self, ""), 4);
    assert_int_equal(s_count_all(self, "{\"ends_within\":864001}"), 2);
    assert_int_equal(s_count_all(self, "{\"ends_within\":60}"), 0);
    json_t *page = desk_do(self, OP_token_list_all, "", "{\"limit\":1}");
    json_t *row = json_array_get(json_object_get(page, "tokens"), 0);
    json_t *own = desk_do(self, OP_token_list, ANN, "{\"limit\":1}");
    assert_string_equal(desk_text(row, "id"), desk_text(first, "id"));
    assert_string_equal(desk_text(json_object_get(row, "user"), "email"), ANN);
    assert_null(json_object_get(row, "token"));
    assert_string_equal(desk_text(row, "etag"),
                        desk_text(json_array_get(json_object_get(own, "tokens"), 0), "etag"));
    assert_true(json_is_string(json_object_get(page, "next")));
    /* One that has a successor is no worry; the metric counts the rest. */
    desk_done(self, OP_token_replace, desk_text(old, "id"), "{\"expires_in\":86400000}");
    assert_int_equal(s_count_all(self, "{\"ends_within\":864001}"), 1);
    view_t *view = view_new(self->yard->directory);
    view_renew(view);
    ending_look(&ending, view, (uint64_t)clock_wall_ms());
    view_destroy(&view);
    assert_int_equal(metric_get(METRIC_tokens_ending), 1);
    json_decref(first);
    json_decref(old);
    json_decref(page);
    json_decref(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(terms_are_made_shown_and_changed),
        DESK_TEST(bad_terms_are_named),
        DESK_TEST(a_replacement_inherits_and_is_told),
        DESK_TEST(five_active_ones_can_all_be_replaced),
        DESK_TEST(a_token_in_use_is_deleted_with_confirmation_only),
        DESK_TEST(all_tokens_are_listed_and_those_that_end_soon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
