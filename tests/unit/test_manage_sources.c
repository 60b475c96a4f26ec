/* Sources: made, listed, changed, their secrets turned; what is refused. */
#include "tests/unit/desk.h"

#include "authd/directory/audit.h"
#include "authd/directory/sources.h"
#include "authd/directory/table.h"

enum { MOST = 300 };

static const char *const s_discord =
    "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";

static void s_places(desk_t *self)
{
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_channel_create, "", "{\"name\":\"releases\",\"owner\":\"" ANN "\"}");
    desk_done(self, OP_bot_create, "", "{\"name\":\"buildbot\",\"owner\":\"" ANN "\"}");
    desk_done(self, OP_extension_create, "", "{\"name\":\"shop\",\"owner\":\"" ANN "\"}");
}

/* A source of the channel, with MORE members; its id goes into ID. */
static json_t *s_create(desk_t *self, const char *more, char id[UUID_TEXT])
{
    char body[MOST];
    snprintf(body, sizeof body, "{\"kind\":\"channel\",\"to\":\"releases\"%s}", more);
    json_t *made = desk_do(self, OP_source_create, "", body);
    snprintf(id, UUID_TEXT, "%s", desk_text(made, "id"));
    return made;
}

static size_t s_len(const json_t *reply, const char *list)
{
    return json_array_size(json_object_get(reply, list));
}

/* What lies in the directory of the secret at POSITION, opened. */
static void s_opened(desk_t *self, const char *id, unsigned position, char text[MOST])
{
    uuid_t7 uuid;
    source_t source;
    assert_int_equal(uuid_parse(id, strlen(id), &uuid), 0);
    YARD_CHANGE(self->yard, view);
    assert_true(sources_get(view, &uuid, &source));
    assert_true(position < source.secrets);
    slice_t sealed = source.secret[position].sealed;
    assert_int_equal(sealing_key_open(table_master_key(view), sealed, text), 0);
    text[sealed.len - SEALING_OVERHEAD] = '\0';
    view_abort(&view);
}

static void a_secret_that_is_made_shows_once(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], text[MOST];
    s_places(self);
    json_t *made =
        s_create(self, ",\"scheme\":\"github\",\"format\":\"github\",\"name\":\"ours\"", id);
    assert_string_equal(desk_text(made, "scheme"), "github");
    assert_string_equal(desk_text(made, "to"), "releases");
    assert_true(json_is_true(json_object_get(made, "required")));
    s_opened(self, id, 0, text);
    assert_string_equal(desk_text(made, "secret"), text);
    json_t *shown = desk_do(self, OP_source_show, id, "");
    assert_null(json_object_get(shown, "secret"));
    assert_int_equal(s_len(shown, "secrets"), 1);
    assert_string_equal(desk_text(shown, "etag"), desk_text(made, "etag"));
    json_decref(shown);
    json_decref(made);
}

static void a_secret_that_is_given_is_kept_as_it_is(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], text[MOST];
    s_places(self);
    json_t *made = s_create(self, ",\"scheme\":\"stripe\",\"secret\":\"whsec_abc\"", id);
    assert_null(json_object_get(made, "secret"));
    s_opened(self, id, 0, text);
    assert_string_equal(text, "whsec_abc");
    json_decref(made);
}

/* A secret that is made is one of its scheme: authd reads it back by that before it is kept. */
static void each_scheme_gets_a_secret_of_its_form(void **state)
{
    static const char *const schemes[] = {
        "\"svix\"", "\"microsoft-graph\"",
        "\"{\\\"alg\\\":\\\"hmac-sha1\\\",\\\"header\\\":\\\"x\\\",\\\"key\\\":\\\"hex\\\"}\"",
        ("\"{\\\"alg\\\":\\\"hmac-sha512\\\",\\\"header\\\":\\\"x\\\",\\\"key\\\":\\\"base64\\\"}"
         "\"")};
    desk_t *self = *state;
    s_places(self);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        char id[UUID_TEXT], more[MOST];
        snprintf(more, sizeof more, ",\"scheme\":%s", schemes[i]);
        json_t *made = s_create(self, more, id);
        assert_true(strlen(desk_text(made, "secret")) >= 40);
        assert_true(i < 2 || json_is_object(json_object_get(made, "scheme")));
        json_decref(made);
    }
}

static void bad_ones_are_refused(void **state)
{
    static const struct {
        const char *body;
        error_code_t code;
        const char *said;
    } rows[] = {
        {"{\"kind\":\"user\",\"to\":\"x\"}", ERROR_invalid_param,
         "kind: must be channel, bot or extension"},
        {"{\"kind\":\"channel\",\"to\":\"x\"}", ERROR_unknown_channel, "channel"},
        {"{\"kind\":\"bot\",\"to\":\"x\"}", ERROR_unknown_bot, "bot"},
        {"{\"kind\":\"extension\",\"to\":\"x\"}", ERROR_unknown_app, "extension"},
        {"{\"kind\":\"extension\",\"to\":\"shop\",\"environment\":\"x\"}", ERROR_invalid_param,
         "environment: must be"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"nope\"}", ERROR_invalid_param,
         "scheme: there is no preset"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":"
         "\"{\\\"alg\\\":\\\"equal\\\",\\\"header\\\":\\\"x-hook\\\"}\"}",
         ERROR_invalid_param, "scheme: header x-hook would be kept"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"twilio\"}", ERROR_invalid_param,
         "for_token: is needed"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"{\"}", ERROR_invalid_param,
         "scheme: it is not valid JSON: line 1"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"{\\\"alg\\\":\\\"md5\\\"}\"}",
         ERROR_invalid_param, "scheme: alg: must be one of"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"github\",\"secret\":\"\"}",
         ERROR_invalid_param, "secret: must be"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"svix\",\"secret\":\"whsec_!\"}",
         ERROR_invalid_param, "secret: the secret is not base64"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"discord\"}", ERROR_invalid_param,
         "secret: is missing: it is the public key"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"scheme\":\"discord\",\"secret\":\"ab\"}",
         ERROR_invalid_param, "secret: a public key of ed25519"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"secret\":\"x\"}", ERROR_invalid_param,
         "secret: needs a scheme"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"required\":true}", ERROR_invalid_param,
         "required: needs a scheme"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"format\":\"../x\"}", ERROR_invalid_param,
         "format: must be of"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"on_unknown\":\"x\"}", ERROR_invalid_param,
         "on_unknown: must be"},
        {"{\"kind\":\"channel\",\"to\":\"releases\",\"for_token\":\"x\"}", ERROR_invalid_param,
         "for_token: there is no token"},
    };
    desk_t *self = *state;
    s_places(self);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        error_code_t code = desk_code(self, OP_source_create, "", rows[i].body);
        if (code != rows[i].code || !strstr(self->message, rows[i].said))
            fail_msg("%s: %d %s", rows[i].body, code, self->message);
    }
    json_t *all = desk_do(self, OP_source_list, "", "");
    assert_int_equal(s_len(all, "sources"), 0);
    json_decref(all);
    assert_int_equal(desk_code(self, OP_source_show, "x", ""), ERROR_unknown_source);
}

static void an_edit_leaves_what_is_not_named(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], text[MOST];
    s_places(self);
    json_decref(s_create(self,
                         ",\"scheme\":\"github\",\"secret\":\"s\",\"only\":[\"push\",\"issues.*\"],"
                         "\"verify_token\":\"v\"",
                         id));
    json_decref(desk_do(self, OP_source_edit, id,
                        "{\"except\":[\"star.*\"],\"on_unknown\":\"drop\",\"required\":false}"));
    json_t *shown = desk_do(self, OP_source_show, id, "");
    assert_int_equal(s_len(shown, "only"), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(shown, "only"), 1)),
                        "issues.*");
    assert_string_equal(json_string_value(json_array_get(json_object_get(shown, "except"), 0)),
                        "star.*");
    assert_string_equal(desk_text(shown, "on_unknown"), "drop");
    assert_true(json_is_true(json_object_get(shown, "verify_token")));
    assert_true(json_is_false(json_object_get(shown, "required")));
    json_decref(shown);
    s_opened(self, id, 0, text);
    assert_string_equal(text, "s");
    shown = desk_do(self, OP_source_edit, id, "{\"only\":[],\"verify_token\":\"\"}");
    assert_int_equal(s_len(shown, "only"), 0);
    assert_true(json_is_false(json_object_get(shown, "verify_token")));
    json_decref(shown);
    assert_int_equal(desk_code(self, OP_source_edit, id, "{\"if_match\":\"x\"}"),
                     ERROR_precondition_failed);
}

/* Two are good at once; a third needs one that ends. */
static void secrets_turn(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], text[MOST];
    s_places(self);
    json_decref(s_create(self, ",\"scheme\":\"github\",\"secret\":\"first\"", id));
    json_t *turned = desk_do(self, OP_source_rotate, id, "{\"secret\":\"second\"}");
    assert_int_equal(s_len(turned, "secrets"), 2);
    json_decref(turned);
    s_opened(self, id, 0, text);
    assert_string_equal(text, "first");
    s_opened(self, id, 1, text);
    assert_string_equal(text, "second");
    assert_int_equal(desk_code(self, OP_source_rotate, id, ""), ERROR_conflict);
    assert_int_equal(desk_code(self, OP_source_rotate, id, "{\"overlap\":604801}"),
                     ERROR_invalid_param);
    turned = desk_do(self, OP_source_rotate, id, "{\"overlap\":0}");
    assert_int_equal(s_len(turned, "secrets"), 1);
    s_opened(self, id, 0, text);
    assert_string_equal(desk_text(turned, "secret"), text);
    json_decref(turned);
    json_decref(s_create(self, "", id));
    assert_int_equal(desk_code(self, OP_source_rotate, id, ""), ERROR_conflict);
}

static void a_target_has_so_many(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT];
    s_places(self);
    for (unsigned i = 0; i < SOURCES_MOST; i++)
        json_decref(s_create(self, "", id));
    assert_int_equal(
        desk_code(self, OP_source_create, "", "{\"kind\":\"channel\",\"to\":\"releases\"}"),
        ERROR_conflict);
    desk_done(self, OP_source_delete, id, "");
    assert_int_equal(desk_code(self, OP_source_delete, id, ""), ERROR_unknown_source);
    json_decref(s_create(self, "", id));
    desk_done(self, OP_source_create, "", "{\"kind\":\"bot\",\"to\":\"buildbot\"}");
    char body[MOST];
    snprintf(body, sizeof body,
             "{\"kind\":\"extension\",\"to\":\"shop\",\"environment\":\"marketplace\",\"scheme\":"
             "\"discord\",\"secret\":\"%s\"}",
             s_discord);
    json_t *made = desk_do(self, OP_source_create, "", body);
    assert_string_equal(desk_text(made, "to"), "shop");
    json_decref(made);
    json_t *all = desk_do(self, OP_source_list, "", "{\"limit\":100}");
    assert_int_equal(s_len(all, "sources"), SOURCES_MOST + 2);
    json_decref(all);
}

/* What the audit holds of all rows. */
static bool s_audit_has(desk_t *self, const char *text)
{
    char body[] = "{\"limit\":100}";
    json_t *all = desk_do(self, OP_audit_list, "", body);
    char *dumped = json_dumps(all, JSON_COMPACT);
    bool found = strstr(dumped, text) != NULL;
    free(dumped);
    json_decref(all);
    return found;
}

static void the_audit_holds_no_secret(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT];
    s_places(self);
    json_decref(s_create(
        self, ",\"scheme\":\"github\",\"secret\":\"kept-quiet\",\"verify_token\":\"kept-too\"",
        id));
    desk_done(self, OP_source_rotate, id, "{\"secret\":\"kept-silent\"}");
    desk_done(self, OP_source_edit, id, "{\"only\":[\"push\"],\"verify_token\":\"kept-also\"}");
    assert_true(s_audit_has(self, "source_rotate"));
    assert_true(s_audit_has(self, "push"));
    assert_false(s_audit_has(self, "kept-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_secret_that_is_made_shows_once),
        DESK_TEST(a_secret_that_is_given_is_kept_as_it_is),
        DESK_TEST(each_scheme_gets_a_secret_of_its_form),
        DESK_TEST(bad_ones_are_refused),
        DESK_TEST(an_edit_leaves_what_is_not_named),
        DESK_TEST(secrets_turn),
        DESK_TEST(a_target_has_so_many),
        DESK_TEST(the_audit_holds_no_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
