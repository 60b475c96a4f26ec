/* Credentials of admin requests, and the tokens behind them. */
#include "tests/unit/desk.h"

#include "authd/directory/mtokens.h"
#include "authd/directory/sessions.h"
#include "authd/manage/credential.h"

#include <stdio.h>

enum { NOW = 1000000, IDLE = 1000 };

static void s_make(desk_t *desk, const char *email, const char *body, char text[TOKEN_LEN + 1],
                   char id[UUID_TEXT])
{
    json_t *made = desk_do(desk, OP_management_token_create, email, body);
    snprintf(text, TOKEN_LEN + 1, "%s", desk_text(made, "token"));
    snprintf(id, UUID_TEXT, "%s", desk_text(made, "id"));
    json_decref(made);
}

static error_code_t s_resolve_with(desk_t *desk, const char *text, const char *appkey, bool reads,
                                   uint64_t now_ms, caller_t *caller)
{
    view_t *view = view_new(desk->yard->directory);
    view_renew(view);
    credential_t credential = {.text = slice_of(text),
                               .from = slice_of("192.0.2.7"),
                               .appkey = slice_of(appkey),
                               .reads = reads};
    error_code_t code = credential_resolve(IDLE, view, &credential, now_ms, caller);
    view_destroy(&view);
    return code;
}

static error_code_t s_resolve(desk_t *desk, const char *text, uint64_t now_ms, caller_t *caller)
{
    return s_resolve_with(desk, text, "", false, now_ms, caller);
}

static void s_user(desk_t *desk, const char *email, const char *role)
{
    char body[160];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"role\":\"%s\"}", email, role);
    desk_done(desk, OP_user_create, "", body);
}

static void a_token_resolves_to_its_user_as_it_is_now(void **state)
{
    desk_t *desk = *state;
    char text[TOKEN_LEN + 1], id[UUID_TEXT];
    caller_t caller;
    s_user(desk, "ada@example.org", "member");
    s_make(desk, "ada@example.org", "{\"name\":\"laptop\"}", text, id);
    assert_int_equal(s_resolve(desk, text, NOW, &caller), ERROR_none);
    assert_int_equal(caller.actor.role, USER_MEMBER);
    assert_string_equal(caller.actor.from, "192.0.2.7");
    json_t *ada = desk_do(desk, OP_user_show, "ada@example.org", "");
    assert_string_equal(caller.actor.who, desk_text(ada, "id"));
    json_decref(ada);
    desk_done(desk, OP_user_edit, "ada@example.org", "{\"role\":\"admin\"}");
    assert_int_equal(s_resolve(desk, text, NOW, &caller), ERROR_none);
    assert_int_equal(caller.actor.role, USER_ADMIN);
}

static void what_is_no_token_is_refused_alike(void **state)
{
    desk_t *desk = *state;
    char text[TOKEN_LEN + 1], id[UUID_TEXT], other[TOKEN_LEN + 1];
    caller_t caller;
    s_user(desk, "ada@example.org", "member");
    s_make(desk, "ada@example.org", "", text, id);
    token_make_management(other);
    assert_int_equal(s_resolve(desk, other, NOW, &caller), ERROR_invalid_token);
    token_make(other);
    assert_int_equal(s_resolve(desk, other, NOW, &caller), ERROR_invalid_token);
    const char *const wrong[] = {"", "psm_", "psm_short", "x"};
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(s_resolve(desk, wrong[i], NOW, &caller), ERROR_invalid_token);
    for (size_t i = 0; i < TOKEN_LEN; i++) {
        memcpy(other, text, sizeof other);
        other[i] = other[i] == 'x' ? 'y' : 'x';
        assert_int_equal(s_resolve(desk, other, NOW, &caller), ERROR_invalid_token);
    }
}

static void a_token_ends(void **state)
{
    desk_t *desk = *state;
    char text[TOKEN_LEN + 1], id[UUID_TEXT];
    mtoken_t token;
    uuid_t7 uuid;
    caller_t caller;
    s_user(desk, "ada@example.org", "member");
    s_make(desk, "ada@example.org", "{\"expires_in\":60}", text, id);
    assert_int_equal(uuid_parse(id, UUID_TEXT - 1, &uuid), 0);
    view_t *view = view_new(desk->yard->directory);
    view_renew(view);
    assert_true(mtokens_get(view, &uuid, &token));
    uint64_t ends = token.expires_ms;
    assert_int_equal(ends - token.created_ms, 60000);
    view_destroy(&view);
    assert_int_equal(s_resolve(desk, text, ends - 1, &caller), ERROR_none);
    assert_int_equal(s_resolve(desk, text, ends, &caller), ERROR_token_expired);
    desk_done(desk, OP_management_token_delete, id, "");
    assert_int_equal(s_resolve(desk, text, ends - 1, &caller), ERROR_invalid_token);
    assert_int_equal(desk_code(desk, OP_management_token_delete, id, ""), ERROR_unknown_token);
    s_make(desk, "ada@example.org", "{\"expires_in\":0}", text, id);
    assert_int_equal(s_resolve(desk, text, UINT64_MAX, &caller), ERROR_none);
}

/* A session of ADA's. */
static void s_begin(desk_t *desk, ticket_t *ticket, uuid_t7 *user, char text[TICKET_TEXT])
{
    *user = yard_user(desk->yard, "ada@example.org");
    ticket_make(ticket);
    ticket_text(ticket, TICKET_SESSION, text);
    session_t session = {
        .id = ticket->id, .user = *user, .used_ms = NOW, .ends_ms = NOW + 10 * IDLE};
    session.from = slice_of("192.0.2.1");
    ticket_hash(ticket, session.hash);
    view_t *view = view_begin(desk->yard->directory);
    sessions_add(view, &session);
    assert_int_equal(view_commit(&view), 0);
}

static void a_session_resolves_until_it_ends(void **state)
{
    desk_t *desk = *state;
    char text[TICKET_TEXT];
    caller_t caller;
    ticket_t ticket;
    uuid_t7 user;
    s_begin(desk, &ticket, &user, text);
    assert_int_equal(s_resolve(desk, text, NOW, &caller), ERROR_none);
    assert_true(uuid_eq(&caller.actor.user, &user) && uuid_eq(&caller.session, &ticket.id));
    assert_false(caller.by_cookie);
    assert_int_equal(s_resolve(desk, text, NOW + IDLE, &caller), ERROR_invalid_session);
    text[sizeof text - 3] ^= 1;
    assert_int_equal(s_resolve(desk, text, NOW, &caller), ERROR_invalid_session);
}

static void a_cookie_changes_nothing_without_its_csrf_token(void **state)
{
    desk_t *desk = *state;
    char text[TICKET_TEXT], csrf[TICKET_CSRF], right[80], other[80], management[TOKEN_LEN + 1];
    caller_t caller;
    ticket_t ticket, another;
    uuid_t7 user;
    s_begin(desk, &ticket, &user, text);
    ticket_csrf(&ticket, csrf);
    snprintf(right, sizeof right, "csrf:%s", csrf);
    ticket_make(&another);
    ticket_csrf(&another, csrf);
    snprintf(other, sizeof other, "csrf:%s", csrf);
    assert_int_equal(s_resolve_with(desk, text, right, false, NOW, &caller), ERROR_none);
    assert_true(caller.by_cookie && uuid_eq(&caller.actor.user, &user));
    const char *const wrong[] = {"csrf:", other, "csrf", "c", right + 5};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        credential_t credential = {
            .text = slice_of(text), .from = slice_of("192.0.2.7"), .appkey = slice_of(wrong[i])};
        assert_int_equal(s_resolve_with(desk, text, wrong[i], false, NOW, &caller),
                         ERROR_csrf_refused);
        assert_int_equal(s_resolve_with(desk, text, wrong[i], true, NOW, &caller), ERROR_none);
        assert_true(caller.by_cookie);
        assert_int_equal(credential_of_session(&credential, &caller), ERROR_csrf_refused);
    }
    /* One that has ended is told first. */
    assert_int_equal(s_resolve_with(desk, text, other, false, NOW + IDLE, &caller),
                     ERROR_invalid_session);
    json_t *made = desk_do(desk, OP_management_token_create, "ada@example.org", "");
    snprintf(management, sizeof management, "%s", desk_text(made, "token"));
    json_decref(made);
    assert_int_equal(s_resolve(desk, management, NOW, &caller), ERROR_none);
    assert_int_equal(s_resolve_with(desk, management, right, true, NOW, &caller),
                     ERROR_invalid_session);
}

static void they_go_with_their_user(void **state)
{
    desk_t *desk = *state;
    char text[2][TOKEN_LEN + 1], id[UUID_TEXT];
    caller_t caller;
    s_user(desk, "ada@example.org", "member");
    s_user(desk, "bob@example.org", "member");
    s_make(desk, "ada@example.org", "", text[0], id);
    s_make(desk, "bob@example.org", "", text[1], id);
    desk_done(desk, OP_user_delete, "ada@example.org", "");
    assert_int_equal(s_resolve(desk, text[0], NOW, &caller), ERROR_invalid_token);
    assert_int_equal(s_resolve(desk, text[1], NOW, &caller), ERROR_none);
}

static void a_user_has_ten_and_an_ended_one_makes_room(void **state)
{
    desk_t *desk = *state;
    mtoken_t token = {.name = slice("", 0), .last4 = slice("abcd", 4), .expires_ms = 5000};
    uuid_new(&token.user);
    view_t *view = view_begin(desk->yard->directory);
    for (unsigned i = 0; i < MTOKENS_MOST; i++) {
        uuid_new(&token.id);
        token.hash[0] = (uint8_t)i;
        assert_true(mtokens_add(view, &token, 1000));
    }
    uuid_new(&token.id);
    token.hash[0] = MTOKENS_MOST;
    assert_false(mtokens_add(view, &token, 4999));
    assert_true(mtokens_add(view, &token, 5000));
    mtokens_used(view, &token.id, 777);
    mtoken_t found;
    assert_true(mtokens_find(view, token.hash, &found));
    assert_int_equal(found.used_ms, 777);
    assert_true(slice_is(found.last4, "abcd"));
    assert_int_equal(view_commit(&view), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_token_resolves_to_its_user_as_it_is_now),
        DESK_TEST(what_is_no_token_is_refused_alike),
        DESK_TEST(a_token_ends),
        DESK_TEST(a_session_resolves_until_it_ends),
        DESK_TEST(a_cookie_changes_nothing_without_its_csrf_token),
        DESK_TEST(they_go_with_their_user),
        DESK_TEST(a_user_has_ten_and_an_ended_one_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
