#include "common/base/cursor.h"
#include "tests/unit/desk.h"

#include "authd/directory/audit.h"

static void a_user_is_made_shown_listed_and_deleted(void **state)
{
    desk_t *self = *state;
    json_t *made = desk_do(self, OP_user_create, "", desk_ann);
    assert_string_equal(desk_text(made, "name"), "Ann");
    assert_int_equal(strlen(desk_text(made, "created")), 24);
    json_t *shown = desk_do(self, OP_user_show, "ann@example.org", "");
    assert_true(json_equal(made, shown));
    assert_int_equal(desk_code(self, OP_user_create, "", desk_ann), ERROR_conflict);
    json_t *list = desk_do(self, OP_user_list, "", "{}");
    assert_int_equal(json_array_size(json_object_get(list, "users")), 1);
    assert_true(json_is_null(json_object_get(list, "next")));
    desk_done(self, OP_user_delete, desk_text(made, "id"), "");
    assert_int_equal(desk_code(self, OP_user_show, desk_text(made, "id"), ""), ERROR_unknown_user);
    json_decref(made);
    json_decref(shown);
    json_decref(list);
}

static void a_body_must_be_an_object_with_known_fields(void **state)
{
    desk_t *self = *state;
    const struct {
        const char *body, *says;
        error_code_t code;
    } cases[] = {
        {"{", "line 1", ERROR_invalid_json},
        {"[]", "object", ERROR_invalid_json},
        {"nonsense-that-is-secret", "line 1", ERROR_invalid_json},
        {"{\"email\":\"a@b.c\",\"email\":\"d@e.f\"}", "twice", ERROR_invalid_json},
        {"{\"email\":\"a@b.c\",\"color\":1}", "color", ERROR_invalid_param},
        {"{\"email\":1}", "email", ERROR_invalid_param},
        {"{}", "email", ERROR_invalid_param},
        {"{\"email\":null}", "email", ERROR_invalid_param},
        {"{\"email\":\"a@b.c\",\"name\":\"\"}", "name", ERROR_invalid_param},
        {"{\"email\":\"a@b.c\",\"name\":\"a\\nb\"}", "name", ERROR_invalid_param},
        {"{\"email\":\"a@b.c\",\"name\":\"a\\u0000b\"}", "JSON", ERROR_invalid_json},
        {"{\"email\":\"a@b.c\",\"name\":\"\xff\"}", "JSON", ERROR_invalid_json},
        {"{\"email\":\"nobody\"}", "email", ERROR_invalid_param},
        {"{\"email\":\"@b.c\"}", "email", ERROR_invalid_param},
        {"{\"email\":\"a@b\"}", "email", ERROR_invalid_param},
        {"{\"email\":\"a@b.\"}", "email", ERROR_invalid_param},
        {"{\"email\":\"a@b@c.d\"}", "email", ERROR_invalid_param},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(desk_code(self, OP_user_create, "", cases[i].body), cases[i].code);
        assert_non_null(strstr(self->message, cases[i].says));
        assert_null(strstr(self->message, "secret"));
    }
    json_t *list = desk_do(self, OP_user_list, "", "");
    assert_int_equal(json_array_size(json_object_get(list, "users")), 0);
    json_decref(list);
}

static void only_management_is_carried_out(void **state)
{
    desk_t *self = *state;
    assert_int_equal(desk_code(self, OP_channel_message, "general", "{}"), ERROR_not_allowed);
    assert_int_equal(desk_code(self, 99, "", "{}"), ERROR_unavailable);
    assert_int_equal(desk_code(self, OP_user_show, "", "{}"), ERROR_invalid_param);
}

static void every_management_operation_has_its_row(void **state)
{
    desk_t *self = *state;
    for (size_t i = 0; i < op_table_len; i++)
        if (op_table[i].credentials == CRED_ADMIN || op_table[i].credentials == CRED_OPEN)
            assert_int_not_equal(desk_code(self, op_table[i].number, "x", "{"), ERROR_unavailable);
}

static void a_token_shows_once_and_is_deleted(void **state)
{
    desk_t *self = *state;
    uint8_t hash[TOKEN_HASH];
    token_t found;
    desk_done(self, OP_user_create, "", desk_ann);
    json_t *made =
        desk_do(self, OP_token_create, "ann@example.org", "{\"name\":\"ci\",\"rate\":0}");
    const char *token = desk_text(made, "token");
    assert_int_equal(strlen(token), 40);
    assert_string_equal(desk_text(made, "last4"), token + 36);
    json_t *list = desk_do(self, OP_token_list, "ann@example.org", "");
    json_t *row = json_array_get(json_object_get(list, "tokens"), 0);
    assert_string_equal(desk_text(row, "id"), desk_text(made, "id"));
    assert_null(json_object_get(row, "token"));
    assert_true(json_is_null(json_object_get(row, "last_used")));
    assert_int_equal(json_integer_value(json_object_get(row, "rate")), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "burst")), 2000);
    desk_done(self, OP_token_limit, desk_text(made, "id"), "{\"rate\":7,\"burst\":8}");
    desk_done(self, OP_token_delete, desk_text(made, "id"), "");
    assert_int_equal(desk_code(self, OP_token_delete, desk_text(made, "id"), ""),
                     ERROR_unknown_token);
    assert_int_equal(desk_code(self, OP_token_delete, "ci", ""), ERROR_unknown_token);
    token_hash(token, strlen(token), hash);
    YARD_CHANGE(self->yard, view);
    assert_false(tokens_get(view, hash, &found));
    view_abort(&view);
    json_decref(list);
    json_decref(made);
}

static void the_sixth_token_is_refused(void **state)
{
    desk_t *self = *state;
    desk_done(self, OP_user_create, "", desk_ann);
    for (unsigned i = 0; i < TOKENS_ACTIVE; i++)
        desk_done(self, OP_token_create, "ann@example.org", "");
    assert_int_equal(desk_code(self, OP_token_create, "ann@example.org", ""), ERROR_token_limit);
    assert_non_null(strstr(self->message, "5 active"));
}

#define FOREIGN(n) "\"1001.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcde" n "\""

static void an_import_is_all_or_nothing(void **state)
{
    desk_t *self = *state;
    desk_done(self, OP_user_create, "", desk_ann);
    const char *bad[] = {
        "{\"tokens\":[" FOREIGN("1") ",\"short\"]}",
        "{\"tokens\":[" FOREIGN("1") "," FOREIGN("1") "]}",
        "{\"tokens\":[" FOREIGN("1") ",1]}",
        "{\"tokens\":[]}",
        "{\"tokens\":[\"pst_000000000000000000000000000000000000\"]}",
        "{\"tokens\":[" FOREIGN("1") "," FOREIGN("2") "," FOREIGN("3") "," FOREIGN("4") "," FOREIGN(
            "5") "," FOREIGN("6") "]}",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_not_equal(desk_code(self, OP_token_import, "ann@example.org", bad[i]),
                             ERROR_none);
        assert_null(strstr(self->message, "0123456789abcdef"));
        json_t *list = desk_do(self, OP_token_list, "ann@example.org", "");
        assert_int_equal(json_array_size(json_object_get(list, "tokens")), 0);
        json_decref(list);
    }
    json_t *reply = desk_do(self, OP_token_import, "ann@example.org",
                            "{\"tokens\":[" FOREIGN("1") "," FOREIGN("2") "],\"name\":\"old\"}");
    assert_int_equal(json_integer_value(json_object_get(reply, "imported")), 2);
    json_t *row = json_array_get(json_object_get(reply, "tokens"), 1);
    assert_string_equal(desk_text(row, "last4"), "cde2");
    json_decref(reply);
}

static void a_channel_has_members(void **state)
{
    desk_t *self = *state;
    json_t *ann = desk_do(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_user_create, "", "{\"email\":\"bob@example.org\"}");
    desk_done(self, OP_user_create, "", "{\"email\":\"eve@example.org\"}");
    json_t *made = desk_do(self, OP_channel_create, "",
                           "{\"name\":\"general\",\"owner\":\"ann@example.org\",\"members\":[\"bob@"
                           "example.org\",\"ann@example.org\"]}");
    assert_string_equal(desk_text(made, "owner"), desk_text(ann, "id"));
    assert_int_equal(json_array_size(json_object_get(made, "members")), 2);
    desk_done(self, OP_channel_member_add, "general", "{\"user\":\"eve@example.org\"}");
    desk_done(self, OP_channel_member_remove, "general", "{\"user\":\"bob@example.org\"}");
    assert_int_equal(
        desk_code(self, OP_channel_member_remove, "general", "{\"user\":\"bob@example.org\"}"),
        ERROR_unknown_user);
    json_t *shown = desk_do(self, OP_channel_show, desk_text(made, "id"), "");
    assert_int_equal(json_array_size(json_object_get(shown, "members")), 2);
    assert_int_equal(
        desk_code(self, OP_channel_create, "",
                  "{\"name\":\"other\",\"owner\":\"ann@example.org\",\"members\":[\"no@"
                  "example.org\"]}"),
        ERROR_unknown_user);
    assert_non_null(strstr(self->message, "members[0]"));
    assert_int_equal(desk_code(self, OP_channel_show, "other", ""), ERROR_unknown_channel);
    desk_done(self, OP_channel_delete, "general", "");
    assert_int_equal(desk_code(self, OP_channel_delete, "general", ""), ERROR_archived);
    assert_int_equal(desk_code(self, OP_channel_create, "",
                               "{\"name\":\"general\",\"owner\":\"ann@example.org\"}"),
                     ERROR_conflict);
    assert_int_equal(desk_code(self, OP_channel_create, "",
                               "{\"name\":\"Not_a_name\",\"owner\":\"ann@example.org\"}"),
                     ERROR_invalid_param);
    json_decref(ann);
    json_decref(made);
    json_decref(shown);
}

static void bots_and_extensions_are_made(void **state)
{
    desk_t *self = *state;
    desk_done(self, OP_user_create, "", desk_ann);
    const char *body = "{\"name\":\"shop\",\"owner\":\"ann@example.org\"}";
    json_t *bot = desk_do(self, OP_bot_create, "", body);
    assert_int_equal(json_array_size(json_object_get(bot, "subscribers")), 1);
    json_t *made = desk_do(self, OP_extension_create, "", body);
    json_t *sandbox = json_object_get(json_object_get(made, "apps"), "sandbox");
    assert_memory_equal(desk_text(sandbox, "appkey"), "sbx-", 4);
    json_t *shown = desk_do(self, OP_extension_show, desk_text(sandbox, "app_id"), "");
    assert_true(json_equal(made, shown));
    json_t *list = desk_do(self, OP_extension_list, "", "");
    char *text = json_dumps(list, 0);
    assert_non_null(strstr(text, "\"5001\""));
    assert_null(strstr(text, "appkey"));
    assert_int_equal(desk_code(self, OP_extension_create, "", body), ERROR_conflict);
    desk_done(self, OP_extension_delete, "shop", "");
    assert_int_equal(desk_code(self, OP_extension_delete, "shop", ""), ERROR_archived);
    free(text);
    json_decref(bot);
    json_decref(made);
    json_decref(shown);
    json_decref(list);
}

static void a_list_comes_in_pages(void **state)
{
    desk_t *self = *state;
    enum { USERS = 25 };
    char body[96], id[40] = "";
    for (unsigned i = 0; i < USERS; i++) {
        snprintf(body, sizeof body, "{\"email\":\"user%u@example.org\"}", i);
        desk_done(self, OP_user_create, "", body);
    }
    unsigned seen = 0, pages = 0;
    for (bool more = true; more; pages++) {
        snprintf(body, sizeof body, id[0] ? "{\"limit\":10,\"after\":\"%s\"}" : "{\"limit\":10}",
                 id);
        json_t *page = desk_do(self, OP_user_list, "", body);
        seen += (unsigned)json_array_size(json_object_get(page, "users"));
        more = json_is_string(json_object_get(page, "next"));
        if (more)
            snprintf(id, sizeof id, "%s", desk_text(page, "next"));
        json_decref(page);
    }
    assert_int_equal(seen, USERS);
    assert_int_equal(pages, 3);
    assert_int_equal(desk_code(self, OP_user_list, "", "{\"limit\":0}"), ERROR_invalid_param);
    assert_int_equal(
        desk_code(self, OP_user_list, "", "{\"after\":\"000000000000000000000000000000000000\"}"),
        ERROR_invalid_param);
}

static void changes_are_audited_and_refusals_are_not(void **state)
{
    desk_t *self = *state;
    audit_t row;
    desk_done(self, OP_user_create, "", desk_ann);
    assert_int_equal(desk_code(self, OP_user_create, "", desk_ann), ERROR_conflict);
    json_t *made = desk_do(self, OP_token_create, "ann@example.org", "");
    YARD_CHANGE(self->yard, view);
    assert_true(audit_next(view, 0, &row));
    assert_true(slice_is(row.who, "control"));
    assert_true(slice_is(row.op, "user_create"));
    assert_non_null(memmem(row.object.data, row.object.len, "ann@example.org", 15));
    assert_true(audit_next(view, 1, &row));
    assert_true(slice_is(row.op, "token_create"));
    assert_null(memmem(row.object.data, row.object.len, desk_text(made, "token"), 40));
    assert_false(audit_next(view, 2, &row));
    view_abort(&view);
    json_decref(made);
}

/* The changes of the newest row; the caller frees. */
static char *s_changes(desk_t *self)
{
    json_t *list = desk_do(self, OP_audit_list, "", "{\"last\":1}");
    json_t *row = json_array_get(json_object_get(list, "rows"), 0);
    char *text = json_dumps(json_object_get(row, "changes"), JSON_COMPACT);
    assert_string_equal(desk_text(row, "from"), "local");
    json_decref(list);
    return text;
}

static void the_audit_says_what_changed_and_no_secret(void **state)
{
    desk_t *self = *state;
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_user_edit, ANN, "{\"name\":\"Anna\",\"role\":\"admin\"}");
    char *text = s_changes(self);
    assert_string_equal(text, "{\"given\":{\"name\":\"Anna\",\"role\":\"admin\"},\"was\":{"
                              "\"name\":\"Ann\",\"role\":\"member\"},\"is\":{\"name\":\"Anna\","
                              "\"role\":\"admin\"}}");
    free(text);
    desk_done(self, OP_token_import, ANN, "{\"tokens\":[" FOREIGN("1") "],\"name\":\"old\"}");
    text = s_changes(self);
    assert_string_equal(text, "{\"given\":{\"name\":\"old\"}}");
    free(text);
    desk_done(self, OP_extension_create, "", "{\"name\":\"shop\",\"owner\":\"" ANN "\"}");
    json_t *shown = desk_do(self, OP_extension_rotate, "shop", "{\"environment\":\"sandbox\"}");
    desk_done(self, OP_extension_edit, "shop", "{\"name\":\"store\"}");
    json_t *list = desk_do(self, OP_audit_list, "", "");
    text = json_dumps(list, 0);
    json_t *sandbox = json_object_get(json_object_get(shown, "apps"), "sandbox");
    assert_null(strstr(text, desk_text(sandbox, "appkey")));
    assert_null(strstr(text, "0123456789abcdef"));
    free(text);
    json_decref(list);
    json_decref(shown);
}

static void the_audit_comes_in_pages(void **state)
{
    desk_t *self = *state;
    enum { ROWS = 25 };
    char body[256];
    for (unsigned i = 0; i < ROWS; i++) {
        snprintf(body, sizeof body, "{\"email\":\"user%u@example.org\"}", i);
        desk_done(self, OP_user_create, "", body);
    }
    json_int_t seen = 0;
    char after[CURSOR_TEXT + 2] = "0"; /* at first as the number of a row */
    for (bool more = true; more;) {
        snprintf(body, sizeof body, "{\"limit\":10,\"after\":%s}", after);
        json_t *page = desk_do(self, OP_audit_list, "", body), *row;
        size_t i;
        json_array_foreach (json_object_get(page, "rows"), i, row)
            assert_int_equal(json_integer_value(json_object_get(row, "number")), ++seen);
        more = json_is_string(json_object_get(page, "next"));
        snprintf(after, sizeof after, "\"%s\"", more ? desk_text(page, "next") : "");
        json_decref(page);
    }
    assert_int_equal(seen, ROWS);
    assert_int_equal(desk_code(self, OP_audit_list, "", "{\"last\":1,\"after\":1}"),
                     ERROR_invalid_param);
    json_t *last = desk_do(self, OP_audit_list, "", "{\"last\":3}");
    assert_int_equal(json_array_size(json_object_get(last, "rows")), 3);
    json_decref(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_user_is_made_shown_listed_and_deleted),
        DESK_TEST(a_body_must_be_an_object_with_known_fields),
        DESK_TEST(only_management_is_carried_out),
        DESK_TEST(every_management_operation_has_its_row),
        DESK_TEST(a_token_shows_once_and_is_deleted),
        DESK_TEST(the_sixth_token_is_refused),
        DESK_TEST(an_import_is_all_or_nothing),
        DESK_TEST(a_channel_has_members),
        DESK_TEST(bots_and_extensions_are_made),
        DESK_TEST(a_list_comes_in_pages),
        DESK_TEST(changes_are_audited_and_refusals_are_not),
        DESK_TEST(the_audit_says_what_changed_and_no_secret),
        DESK_TEST(the_audit_comes_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
