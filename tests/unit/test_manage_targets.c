/* Edits, archiving and the rotation of appkeys. */
#include "tests/unit/desk.h"

#include "authd/directory/retentions.h"
#include "common/base/clock.h"

#define BOB "bob@example.org"

static void s_people(desk_t *self)
{
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_user_create, "", "{\"email\":\"" BOB "\"}");
}

static void a_place_is_renamed_and_given_away(void **state)
{
    desk_t *self = *state;
    s_people(self);
    const struct {
        unsigned create, edit, show;
        const char *people;
        error_code_t unknown;
    } kinds[] = {
        {OP_channel_create, OP_channel_edit, OP_channel_show, "members", ERROR_unknown_channel},
        {OP_bot_create, OP_bot_edit, OP_bot_show, "subscribers", ERROR_unknown_bot},
    };
    for (unsigned i = 0; i < 2; i++) {
        json_t *made =
            desk_do(self, kinds[i].create, "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
        desk_done(self, kinds[i].create, "", "{\"name\":\"two\",\"owner\":\"" ANN "\"}");
        assert_int_equal(desk_code(self, kinds[i].edit, "one", "{\"name\":\"two\"}"),
                         ERROR_conflict);
        assert_int_equal(desk_code(self, kinds[i].edit, "one", "{\"name\":\"No\"}"),
                         ERROR_invalid_param);
        json_t *edited =
            desk_do(self, kinds[i].edit, "one", "{\"name\":\"three\",\"owner\":\"" BOB "\"}");
        assert_string_equal(desk_text(edited, "id"), desk_text(made, "id"));
        assert_string_equal(desk_text(edited, "created"), desk_text(made, "created"));
        assert_string_not_equal(desk_text(edited, "owner"), desk_text(made, "owner"));
        assert_int_equal(json_array_size(json_object_get(edited, kinds[i].people)), 2);
        assert_int_equal(desk_code(self, kinds[i].show, "one", ""), kinds[i].unknown);
        json_t *shown = desk_do(self, kinds[i].show, "three", "");
        assert_true(json_equal(shown, edited));
        const char *url = json_string_value(json_array_get(json_object_get(shown, "urls"), 0));
        assert_string_equal(
            url, i == 0 ? "https://h.example/api/v2/channelsbyname/three/message?zapikey=TOKEN"
                        : "https://h.example/api/v2/bots/three/incoming?zapikey=TOKEN");
        desk_done(self, kinds[i].create, "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
        json_decref(made);
        json_decref(edited);
        json_decref(shown);
    }
}

static void what_is_archived_says_why_and_can_be_taken_back(void **state)
{
    desk_t *self = *state;
    s_people(self);
    const unsigned kinds[][3] = {{OP_channel_create, OP_channel_delete, OP_channel_edit},
                                 {OP_bot_create, OP_bot_delete, OP_bot_edit},
                                 {OP_extension_create, OP_extension_delete, OP_extension_edit}};
    for (unsigned i = 0; i < 3; i++) {
        desk_done(self, kinds[i][0], "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
        json_t *gone = desk_do(self, kinds[i][1], "one", "{\"reason\":\"Use two\"}");
        assert_string_equal(desk_text(gone, "reason"), "Use two");
        assert_int_equal(desk_code(self, kinds[i][1], "one", ""), ERROR_archived);
        assert_int_equal(desk_code(self, kinds[i][2], "one", "{\"owner\":\"" BOB "\"}"),
                         ERROR_archived);
        json_t *back = desk_do(self, kinds[i][2], "one", "{\"archived\":false}");
        assert_true(json_is_null(json_object_get(back, "archived")));
        assert_true(json_is_null(json_object_get(back, "reason")));
        assert_int_equal(desk_code(self, kinds[i][2], "one", "{\"reason\":\"x\"}"),
                         ERROR_invalid_param);
        json_decref(gone);
        json_decref(back);
    }
}

static uint64_t s_version(desk_t *self, const uuid_t7 *target)
{
    kept_retention_t kept;
    YARD_CHANGE(self->yard, view);
    retentions_get(view, target, &kept);
    view_abort(&view);
    return kept.version;
}

static void what_a_target_keeps(void **state)
{
    static const unsigned kinds[][2] = {{OP_channel_create, OP_channel_edit},
                                        {OP_bot_create, OP_bot_edit},
                                        {OP_extension_create, OP_extension_edit}};
    static const char *const wrong[] = {"7",
                                        "{\"days\":0}",
                                        "{\"days\":1.5}",
                                        "{\"weeks\":1}",
                                        "{\"messages\":\"5\"}",
                                        "{\"bytes\":-1}"};
    desk_t *self = *state;
    char body[128];
    s_people(self);
    for (unsigned i = 0; i < 3; i++) {
        json_t *made = desk_do(self, kinds[i][0], "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
        assert_true(json_is_null(json_object_get(made, "retention")));
        for (unsigned k = 0; k < sizeof wrong / sizeof *wrong; k++) {
            snprintf(body, sizeof body, "{\"retention\":%s}", wrong[k]);
            assert_int_equal(desk_code(self, kinds[i][1], "one", body), ERROR_invalid_param);
            assert_int_equal(strncmp(self->message, "retention", 9), 0);
        }
        json_t *edited =
            desk_do(self, kinds[i][1], "one", "{\"retention\":{\"days\":7,\"bytes\":null}}");
        json_t *want = json_pack("{s:i, s:n, s:n}", "days", 7, "messages", "bytes");
        assert_true(json_equal(json_object_get(edited, "retention"), want));
        json_decref(edited);
        edited = desk_do(self, kinds[i][1], "one", "{\"display_name\":\"One\"}");
        assert_true(json_equal(json_object_get(edited, "retention"), want));
        json_decref(edited);
        edited = desk_do(self, kinds[i][1], "one", "{\"retention\":null}");
        assert_true(json_is_null(json_object_get(edited, "retention")));
        json_decref(edited);
        json_decref(want);
        json_decref(made);
    }
}

/* A worker is told what is newer, and what is as it was is not told again. */
static void a_retention_has_a_version(void **state)
{
    desk_t *self = *state;
    s_people(self);
    uuid_t7 id;
    json_t *made = desk_do(self, OP_channel_create, "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
    const char *text = desk_text(made, "id");
    assert_int_equal(uuid_parse(text, strlen(text), &id), 0);
    assert_int_equal(s_version(self, &id), 0);
    desk_done(self, OP_channel_edit, "one", "{\"retention\":{\"messages\":5}}");
    uint64_t first = s_version(self, &id);
    assert_true(first > 0);
    desk_done(self, OP_channel_edit, "one", "{\"retention\":{\"messages\":5}}");
    assert_int_equal(s_version(self, &id), first);
    desk_done(self, OP_channel_edit, "one", "{\"retention\":null}");
    assert_true(s_version(self, &id) > first);
    json_decref(made);
}

/* No more than the settings. */
static void a_retention_within_the_installation_s(void **state)
{
    desk_t *self = *state;
    s_people(self);
    desk_done(self, OP_bot_create, "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
    manage_limits_t limits = desk_limits;
    limits.retention_days = 20;
    limits.retention_bytes = 1000;
    manage_destroy(&self->manage);
    self->manage = manage_new(self->yard->directory, &limits, "https://h.example");
    manage_accounts(self->manage, self->accounts);
    assert_int_equal(desk_code(self, OP_bot_edit, "one", "{\"retention\":{\"days\":21}}"),
                     ERROR_invalid_param);
    assert_non_null(strstr(self->message, "worker.retention_days"));
    assert_int_equal(desk_code(self, OP_bot_edit, "one", "{\"retention\":{\"bytes\":1001}}"),
                     ERROR_invalid_param);
    desk_done(self, OP_bot_edit, "one", "{\"retention\":{\"days\":20,\"bytes\":1000}}");
}

static const char *s_app(const json_t *extension, const char *environment, const char *key)
{
    return desk_text(json_object_get(json_object_get(extension, "apps"), environment), key);
}

static bool s_opens(desk_t *self, const json_t *extension, const char *key, uint64_t now_ms)
{
    app_t app;
    YARD_CHANGE(self->yard, view);
    assert_true(apps_get(view, slice_of(s_app(extension, "sandbox", "app_id")), &app));
    bool opens = app_key_is(view, &app, slice_of(key), now_ms);
    view_abort(&view);
    return opens;
}

static void an_appkey_is_rotated_with_an_overlap(void **state)
{
    desk_t *self = *state;
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    const char *sandbox = "{\"environment\":\"sandbox\",\"overlap\":100}";
    s_people(self);
    json_t *made =
        desk_do(self, OP_extension_create, "", "{\"name\":\"shop\",\"owner\":\"" ANN "\"}");
    json_t *next = desk_do(self, OP_extension_rotate, "shop", sandbox);
    const char *old = s_app(made, "sandbox", "appkey"), *new = s_app(next, "sandbox", "appkey");
    assert_string_not_equal(old, new);
    assert_string_equal(s_app(made, "marketplace", "appkey"), s_app(next, "marketplace", "appkey"));
    assert_int_equal(strlen(s_app(next, "sandbox", "former_appkey_ends")), 24);
    assert_non_null(strstr(desk_text(json_object_get(next, "urls"), "sandbox"), "&zapikey=TOKEN"));
    assert_true(s_opens(self, next, new, now_ms));
    assert_true(s_opens(self, next, old, now_ms + 99000));
    assert_false(s_opens(self, next, old, now_ms + 110000));
    assert_int_equal(desk_code(self, OP_extension_rotate, "shop", sandbox), ERROR_conflict);
    json_t *last =
        desk_do(self, OP_extension_rotate, "shop", "{\"environment\":\"sandbox\",\"overlap\":0}");
    assert_false(s_opens(self, last, old, now_ms));
    assert_false(s_opens(self, last, new, now_ms + 1000));
    assert_true(s_opens(self, last, s_app(last, "sandbox", "appkey"), now_ms));
    assert_int_equal(desk_code(self, OP_extension_rotate, "shop", "{\"environment\":\"x\"}"),
                     ERROR_invalid_param);
    json_decref(made);
    json_decref(next);
    json_decref(last);
}

static void an_edit_of_what_has_changed_is_refused(void **state)
{
    desk_t *self = *state;
    char body[128];
    s_people(self);
    const char *owned = "{\"name\":\"one\",\"owner\":\"" ANN "\"}";
    desk_done(self, OP_channel_create, "", owned);
    desk_done(self, OP_bot_create, "", owned);
    desk_done(self, OP_extension_create, "", owned);
    json_t *token = desk_do(self, OP_token_create, ANN, "");
    const struct {
        unsigned edit;
        const char *target;
    } edits[] = {{OP_channel_edit, "one"},
                 {OP_bot_edit, "one"},
                 {OP_extension_edit, "one"},
                 {OP_user_edit, ANN},
                 {OP_token_edit, desk_text(token, "id")}};
    for (unsigned i = 0; i < sizeof edits / sizeof *edits; i++) {
        json_t *first = desk_do(self, edits[i].edit, edits[i].target, "{}");
        snprintf(body, sizeof body, "{\"name\":\"other%u\",\"if_match\":\"%s\"}", i,
                 desk_text(first, "etag"));
        json_t *second = desk_do(self, edits[i].edit, edits[i].target, body);
        const char *id = desk_text(second, "id");
        assert_string_not_equal(desk_text(first, "etag"), desk_text(second, "etag"));
        assert_int_equal(desk_code(self, edits[i].edit, id, body), ERROR_precondition_failed);
        json_t *third = desk_do(self, edits[i].edit, id, "{}");
        assert_string_equal(desk_text(second, "etag"), desk_text(third, "etag"));
        json_decref(first);
        json_decref(second);
        json_decref(third);
    }
    assert_int_equal(desk_code(self, OP_channel_delete, "other0", "{\"if_match\":\"x\"}"),
                     ERROR_invalid_param);
    assert_int_equal(desk_code(self, OP_channel_edit, "other0", "{\"if_match\":1}"),
                     ERROR_invalid_param);
    json_decref(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_place_is_renamed_and_given_away),
        DESK_TEST(what_is_archived_says_why_and_can_be_taken_back),
        DESK_TEST(what_a_target_keeps),
        DESK_TEST(a_retention_has_a_version),
        DESK_TEST(a_retention_within_the_installation_s),
        DESK_TEST(an_appkey_is_rotated_with_an_overlap),
        DESK_TEST(an_edit_of_what_has_changed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
