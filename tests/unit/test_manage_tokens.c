#include "tests/unit/desk.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(terms_are_made_shown_and_changed),
        DESK_TEST(bad_terms_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
