#include "tests/unit/desk.h"

#include "common/base/clock.h"

#define BOB "bob@example.org"

static json_t *s_token(desk_t *self, const char *user)
{
    return desk_do(self, OP_token_create, user, "");
}

static void s_use(desk_t *self, const json_t *token)
{
    uuid_t7 id;
    assert_int_equal(uuid_parse(desk_text(token, "id"), UUID_TEXT - 1, &id), 0);
    token_use_t use = {.last_ms = (uint64_t)clock_wall_ms(),
                       .count = 1,
                       .address = slice_of("10.0.0.9"),
                       .target = slice_of("general")};
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_used(view, &id, &use));
    YARD_DONE(view);
}

static void roles_are_given_and_the_last_owner_stays(void **state)
{
    desk_t *self = *state;
    json_t *ann = desk_do(self, OP_user_create, "", "{\"email\":\"" ANN "\",\"role\":\"owner\"}");
    json_t *bob = desk_do(self, OP_user_create, "", "{\"email\":\"" BOB "\"}");
    assert_string_equal(desk_text(ann, "role"), "owner");
    assert_string_equal(desk_text(bob, "role"), "member");
    assert_int_equal(desk_code(self, OP_user_edit, ANN, "{\"role\":\"admin\"}"), ERROR_conflict);
    assert_int_equal(desk_code(self, OP_user_delete, ANN, ""), ERROR_conflict);
    assert_int_equal(desk_code(self, OP_user_edit, BOB, "{\"role\":\"king\"}"),
                     ERROR_invalid_param);
    desk_done(self, OP_user_edit, BOB, "{\"role\":\"owner\"}");
    json_t *less = desk_do(self, OP_user_edit, ANN, "{\"role\":\"member\"}");
    assert_string_equal(desk_text(less, "role"), "member");
    desk_done(self, OP_user_delete, ANN, "");
    json_decref(ann);
    json_decref(bob);
    json_decref(less);
}

static void a_new_name_is_its_tokens_too(void **state)
{
    desk_t *self = *state;
    uint8_t hash[TOKEN_HASH];
    token_t token;
    desk_done(self, OP_user_create, "", desk_ann);
    json_t *made = s_token(self, ANN);
    desk_done(self, OP_user_edit, ANN, "{\"name\":\"Ann the Second\"}");
    token_hash(desk_text(made, "token"), TOKEN_LEN, hash);
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_get(view, hash, &token));
    assert_true(slice_is(token.display, "Ann the Second"));
    view_abort(&view);
    json_decref(made);
}

static void a_service_account_is_a_user_without_an_address(void **state)
{
    desk_t *self = *state;
    json_t *made = desk_do(self, OP_service_create, "", "{\"account\":\"ci-robot\"}");
    assert_string_equal(desk_text(made, "account"), "ci-robot");
    assert_true(json_is_null(json_object_get(made, "email")));
    json_t *shown = desk_do(self, OP_user_show, "ci-robot", "");
    assert_true(json_equal(made, shown));
    assert_int_equal(desk_code(self, OP_service_create, "", "{\"account\":\"ci-robot\"}"),
                     ERROR_conflict);
    const char *bad[] = {"{\"account\":\"a@b\"}", "{\"account\":\"A\"}", "{\"account\":\"\"}",
                         "{\"account\":\"0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10\"}"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(desk_code(self, OP_service_create, "", bad[i]), ERROR_invalid_param);
    assert_int_equal(desk_code(self, OP_user_edit, "ci-robot", "{\"role\":\"admin\"}"),
                     ERROR_invalid_param);
    for (unsigned i = 0; i < DESK_SERVICE_TOKENS; i++)
        json_decref(s_token(self, "ci-robot"));
    assert_int_equal(desk_code(self, OP_token_create, "ci-robot", ""), ERROR_token_limit);
    json_t *users = desk_do(self, OP_user_list, "", ""),
           *all = desk_do(self, OP_service_list, "", "");
    assert_int_equal(json_array_size(json_object_get(users, "users")), 0);
    assert_int_equal(json_array_size(json_object_get(all, "accounts")), 1);
    json_decref(made);
    json_decref(shown);
    json_decref(users);
    json_decref(all);
}

static void tokens_in_use_are_stopped_with_confirmation_only(void **state)
{
    desk_t *self = *state;
    desk_done(self, OP_user_create, "", desk_ann);
    json_t *made = s_token(self, ANN);
    json_decref(s_token(self, ANN));
    s_use(self, made);
    assert_int_equal(desk_code(self, OP_user_delete, ANN, ""), ERROR_confirm_needed);
    assert_non_null(strstr(self->message, "2 live tokens"));
    assert_non_null(strstr(self->message, "10.0.0.9 on general"));
    json_t *gone = desk_do(self, OP_user_delete, ANN, "{\"confirm\":true}");
    json_t *tokens = json_object_get(gone, "tokens");
    assert_int_equal(json_array_size(tokens), 2);
    /* Of two that were made in the same millisecond either may be the first. */
    json_t *used = json_array_get(tokens, 0);
    if (strcmp(desk_text(used, "id"), desk_text(made, "id")) != 0)
        used = json_array_get(tokens, 1);
    assert_string_equal(desk_text(used, "last_address"), "10.0.0.9");
    assert_int_equal(desk_code(self, OP_token_delete, desk_text(made, "id"), ""),
                     ERROR_unknown_token);
    json_decref(made);
    json_decref(gone);
}

static void tokens_move_to_a_service_account_with_room(void **state)
{
    desk_t *self = *state;
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_user_create, "", "{\"email\":\"" BOB "\"}");
    desk_done(self, OP_service_create, "", "{\"account\":\"robot\"}");
    desk_done(self, OP_channel_create, "", "{\"name\":\"general\",\"owner\":\"" ANN "\"}");
    json_t *one = s_token(self, ANN), *two = s_token(self, ANN);
    s_use(self, one);
    for (unsigned i = 0; i < DESK_SERVICE_TOKENS - 1; i++)
        json_decref(s_token(self, "robot"));
    assert_int_equal(desk_code(self, OP_user_delete, ANN, "{\"move_to\":\"" BOB "\"}"),
                     ERROR_invalid_param);
    assert_int_equal(desk_code(self, OP_user_delete, ANN, "{\"move_to\":\"nobody\"}"),
                     ERROR_unknown_user);
    assert_int_equal(desk_code(self, OP_user_delete, ANN, "{\"move_to\":\"robot\"}"),
                     ERROR_token_limit);
    json_t *list = desk_do(self, OP_token_list, ANN, "");
    assert_int_equal(json_array_size(json_object_get(list, "tokens")), 2);
    json_decref(list);
    desk_done(self, OP_token_delete, desk_text(two, "id"), "");
    json_t *gone = desk_do(self, OP_user_delete, ANN, "{\"move_to\":\"robot\"}");
    assert_string_equal(desk_text(json_object_get(gone, "moved_to"), "account"), "robot");
    list = desk_do(self, OP_token_list, "robot", "");
    assert_int_equal(json_array_size(json_object_get(list, "tokens")), DESK_SERVICE_TOKENS);
    uint8_t hash[TOKEN_HASH];
    token_t token;
    user_t robot;
    place_t place;
    token_hash(desk_text(one, "token"), TOKEN_LEN, hash);
    YARD_CHANGE(self->yard, view);
    assert_true(tokens_get(view, hash, &token));
    assert_true(slice_is(token.display, "robot"));
    assert_true(users_find(view, slice_of("robot"), &robot) && uuid_eq(&token.user, &robot.id));
    assert_true(places_named(view, PLACE_CHANNEL, slice_of("general"), &place));
    assert_true(place_has(view, PLACE_CHANNEL, &place.id, &robot.id));
    view_abort(&view);
    json_decref(one);
    json_decref(two);
    json_decref(gone);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(roles_are_given_and_the_last_owner_stays),
        DESK_TEST(a_new_name_is_its_tokens_too),
        DESK_TEST(a_service_account_is_a_user_without_an_address),
        DESK_TEST(tokens_in_use_are_stopped_with_confirmation_only),
        DESK_TEST(tokens_move_to_a_service_account_with_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
