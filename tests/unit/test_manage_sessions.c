/* Sessions and invitations, as management carries them out. */
#include "tests/unit/code.h"
#include "tests/unit/people.h"

#include "authd/directory/invitations.h"
#include "authd/directory/sessions.h"
#include "common/base/clock.h"

/* --- sessions --- */

static void a_session_is_shown_listed_and_ended(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT], other[TICKET_TEXT], id[UUID_TEXT], bobs[UUID_TEXT];
    error_code_t code;
    people_user(self, ANN, "member", GOOD);
    people_user(self, BOB, "member", GOOD);
    people_session(self, ANN, GOOD, session);
    people_session(self, ANN, GOOD, other);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id),
            bob = people_actor(self, BOB, USER_MEMBER, bobs);
    json_t *list = people_as(self, &ann, OP_session_list, ANN, "", &code);
    json_t *rows = json_object_get(list, "sessions");
    assert_int_equal(json_array_size(rows), 2);
    const char *first = desk_text(json_array_get(rows, 0), "id");
    assert_string_equal(desk_text(json_array_get(rows, 0), "from"), "192.0.2.1");
    assert_int_equal(people_code(self, &bob, OP_session_list, ANN, ""), ERROR_not_allowed);
    assert_int_equal(people_code(self, &bob, OP_session_revoke, first, ""), ERROR_not_allowed);
    assert_int_equal(people_code(self, &ann, OP_session_revoke, first, ""), ERROR_none);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_invalid_session);
    assert_int_equal(people_with_session(self, OP_session_show, other), ERROR_none);
    assert_int_equal(people_with_session(self, OP_logout, other), ERROR_none);
    assert_int_equal(people_with_session(self, OP_session_show, other), ERROR_invalid_session);
    assert_int_equal(people_with_session(self, OP_logout, other), ERROR_invalid_session);
    json_decref(list);
}

struct answered {
    manage_answer_t *answer;
    bool done;
};

static void s_on_login(void *arg, manage_answer_t *answer)
{
    struct answered *self = arg;
    *self->answer = *answer;
    *answer = (manage_answer_t){0};
    self->done = true;
}

static manage_answer_t s_login(desk_t *self, const char *body, bool cookies)
{
    manage_answer_t answer;
    manage_request_t request = {
        .actor = &manage_control, .op = OP_login, .body = slice_of(body), .cookies = cookies};
    struct answered answered = {.answer = &answer};
    if (!manage_start(self->manage, &request, &answer, s_on_login, &answered))
        while (!answered.done)
            manage_turn(self->manage);
    return answer;
}

static void a_login_gives_a_cookie_in_place_of_the_text(void **state)
{
    desk_t *self = *state;
    char body[200], csrf[TICKET_CSRF], text[TICKET_TEXT];
    people_user(self, ANN, "member", GOOD);
    snprintf(body, sizeof body,
             "{\"email\":\"" ANN "\",\"password\":\"" GOOD "\",\"cookie\":true}");
    manage_answer_t answer = s_login(self, body, true);
    assert_int_equal(answer.code, ERROR_none);
    assert_non_null(answer.cookie);
    assert_int_equal(answer.cookie->seconds, 86400);
    json_t *shown = json_loadb(answer.body, answer.body_len, 0, NULL);
    ticket_csrf(&answer.cookie->ticket, csrf);
    assert_string_equal(desk_text(shown, "csrf"), csrf);
    assert_null(json_object_get(shown, "session"));
    json_decref(shown);
    ticket_text(&answer.cookie->ticket, TICKET_SESSION, text);
    assert_null(strstr(answer.body, text));
    assert_int_equal(people_with_session(self, OP_session_show, text), ERROR_none);
    manage_clear(&answer);
    assert_null(answer.cookie);
    answer = s_login(self, body, false);
    assert_int_equal(answer.code, ERROR_invalid_param);
    assert_non_null(strstr(answer.message, "cookie"));
    manage_clear(&answer);
}

static void a_session_beside_the_body_is_its_argument(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT];
    manage_answer_t answer;
    people_user(self, ANN, "member", GOOD);
    people_session(self, ANN, GOOD, session);
    manage_request_t request = {
        .actor = &manage_control, .op = OP_session_show, .session = slice_of(session)};
    assert_true(manage_start(self->manage, &request, &answer, NULL, NULL));
    assert_int_equal(answer.code, ERROR_none);
    manage_clear(&answer);
    request.body = slice_of("{\"session\":\"other\"}");
    assert_true(manage_start(self->manage, &request, &answer, NULL, NULL));
    assert_int_equal(answer.code, ERROR_invalid_param);
    assert_null(strstr(answer.message, session));
    manage_clear(&answer);
    request = (manage_request_t){
        .actor = &manage_control, .op = OP_user_list, .session = slice_of(session)};
    assert_true(manage_start(self->manage, &request, &answer, NULL, NULL));
    assert_int_equal(answer.code, ERROR_invalid_param);
    manage_clear(&answer);
}

/* Sets the times of all of ANN's sessions, so many seconds ago. */
static void s_age(desk_t *self, uint64_t used_s, uint64_t ends_in_s)
{
    user_t user;
    session_t session;
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    YARD_CHANGE(self->yard, view);
    assert_true(users_find(view, slice_of(ANN), &user));
    assert_true(sessions_next(view, &user.id, NULL, &session));
    char from[] = "192.0.2.1";
    session_t aged = session;
    aged.from = slice_of(from);
    aged.used_ms = now_ms - used_s * 1000;
    aged.ends_ms = now_ms + ends_in_s * 1000;
    assert_true(sessions_delete(view, &aged.id));
    sessions_add(view, &aged);
    YARD_DONE(view);
}

static unsigned s_count(desk_t *self)
{
    unsigned all = 0;
    session_t session;
    view_t *view = view_new(self->yard->directory);
    view_renew(view);
    for (bool more = sessions_after(view, NULL, &session); more;
         more = sessions_after(view, &session.id, &session))
        all++;
    view_destroy(&view);
    return all;
}

static void a_session_ends_idle_and_at_last(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_session(self, ANN, GOOD, session);
    s_age(self, 3590, 60);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_none);
    s_age(self, 3601, 60);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_invalid_session);
    s_age(self, 10, 0);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_invalid_session);
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    accounts_sweep(self->accounts, self->yard->directory, now_ms - 60000);
    assert_int_equal(s_count(self), 1);
    accounts_sweep(self->accounts, self->yard->directory, now_ms);
    assert_int_equal(s_count(self), 0);
}

static void use_keeps_a_session_alive(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT];
    accounts_who_t who;
    uint64_t now_ms = (uint64_t)clock_wall_ms();
    people_user(self, ANN, "admin", GOOD);
    people_session(self, ANN, GOOD, session);
    s_age(self, 3000, 86400);
    view_t *view = view_new(self->yard->directory);
    view_renew(view);
    assert_int_equal(accounts_find(self->accounts->idle_ms, view, slice_of(session), now_ms, &who),
                     0);
    assert_int_equal(who.role, USER_ADMIN);
    view_release(view);
    accounts_used(self->accounts, self->yard->directory, &who.ticket.id, who.used_ms, now_ms);
    view_renew(view);
    assert_int_equal(
        accounts_find(self->accounts->idle_ms, view, slice_of(session), now_ms + 3599000, &who), 0);
    session[40] = session[40] == 'A' ? 'B' : 'A';
    assert_int_equal(accounts_find(self->accounts->idle_ms, view, slice_of(session), now_ms, &who),
                     -1);
    view_destroy(&view);
}

static void a_users_sessions_are_bounded_and_go_with_it(void **state)
{
    desk_t *self = *state;
    char first[TICKET_TEXT], session[TICKET_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_session(self, ANN, GOOD, first);
    s_age(self, 5, 3600); /* the one that was used longest ago */
    for (unsigned i = 0; i < SESSIONS_MOST; i++)
        people_session(self, ANN, GOOD, session);
    assert_int_equal(s_count(self), SESSIONS_MOST);
    assert_int_equal(people_with_session(self, OP_session_show, first), ERROR_invalid_session);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_none);
    desk_done(self, OP_user_delete, ANN, "");
    assert_int_equal(s_count(self), 0);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_invalid_session);
}

/* --- invitations --- */

static void an_invitation_makes_a_user_once(void **state)
{
    desk_t *self = *state;
    error_code_t code;
    json_t *made = people_invite(self, &manage_control, BOB, "admin", &code);
    assert_int_equal(code, ERROR_none);
    assert_non_null(strstr(desk_text(made, "link"), "https://admin.example/#invitation=psi_"));
    assert_int_equal(desk_code(self, OP_user_show, BOB, ""), ERROR_unknown_user);
    assert_int_equal(people_accept(self, made, "bob.example"), ERROR_invalid_param);
    assert_int_equal(people_accept(self, made, GOOD), ERROR_none);
    json_t *bob = desk_do(self, OP_user_show, BOB, "");
    assert_string_equal(desk_text(bob, "role"), "admin");
    assert_string_equal(desk_text(bob, "name"), "bob");
    assert_int_equal(people_login(self, "192.0.2.1", BOB, GOOD, NULL), ERROR_none);
    assert_int_equal(people_accept(self, made, BETTER), ERROR_not_found);
    json_decref(made);
    json_decref(bob);
}

static void an_invitation_gives_a_user_a_new_password(void **state)
{
    desk_t *self = *state;
    error_code_t code;
    char session[TICKET_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_session(self, ANN, GOOD, session);
    json_t *made = people_invite(self, &manage_control, ANN, NULL, &code);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_none);
    assert_int_equal(people_accept(self, made, BETTER), ERROR_none);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_invalid_session);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, BETTER, NULL), ERROR_none);
    json_decref(made);
}

/* A link to a higher account would be a way up. */
static void an_admin_invites_nobody_above_itself(void **state)
{
    desk_t *self = *state;
    error_code_t code;
    char id[UUID_TEXT];
    people_user(self, ANN, "owner", GOOD);
    people_user(self, BOB, "admin", GOOD);
    people_user(self, "eve@example.org", "admin", GOOD);
    actor_t bob = people_actor(self, BOB, USER_ADMIN, id);
    static const struct {
        const char *email, *role;
        error_code_t code;
    } cases[] = {
        {ANN, NULL, ERROR_not_allowed},           {"eve@example.org", NULL, ERROR_not_allowed},
        {BOB, NULL, ERROR_not_allowed},           {"new@example.org", "owner", ERROR_not_allowed},
        {"new@example.org", "admin", ERROR_none},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_decref(people_invite(self, &bob, cases[i].email, cases[i].role, &code));
        assert_int_equal(code, cases[i].code);
    }
}

static void an_invitation_ends_when_what_it_was_made_for_does(void **state)
{
    desk_t *self = *state;
    error_code_t code;
    char id[UUID_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_user(self, BOB, "admin", GOOD);
    actor_t bob = people_actor(self, BOB, USER_ADMIN, id);
    json_t *revoked = people_invite(self, &bob, "one@example.org", NULL, &code);
    desk_done(self, OP_invitation_revoke, desk_text(revoked, "id"), "");
    assert_int_equal(people_accept(self, revoked, GOOD), ERROR_not_found);
    json_t *taken = people_invite(self, &bob, "two@example.org", NULL, &code);
    people_user(self, "two@example.org", "owner", NULL);
    assert_int_equal(people_accept(self, taken, GOOD), ERROR_not_found);
    json_t *promoted = people_invite(self, &bob, ANN, NULL, &code);
    desk_done(self, OP_user_edit, ANN, "{\"role\":\"owner\"}");
    assert_int_equal(people_accept(self, promoted, BETTER), ERROR_not_found);
    json_t *orphan = people_invite(self, &bob, "three@example.org", "admin", &code);
    desk_done(self, OP_user_edit, BOB, "{\"role\":\"member\"}");
    assert_int_equal(people_accept(self, orphan, GOOD), ERROR_not_found);
    json_t *list = desk_do(self, OP_invitation_list, "", "");
    char *text = json_dumps(list, 0);
    assert_int_equal(json_array_size(json_object_get(list, "invitations")), 3);
    assert_null(strstr(text, "psi_"));
    accounts_sweep(self->accounts, self->yard->directory,
                   (uint64_t)clock_wall_ms() + UINT64_C(8) * 86400 * 1000);
    json_decref(list);
    list = desk_do(self, OP_invitation_list, "", "");
    assert_int_equal(json_array_size(json_object_get(list, "invitations")), 0);
    free(text);
    json_decref(list);
    json_decref(revoked);
    json_decref(taken);
    json_decref(promoted);
    json_decref(orphan);
}

/* --- links that sign in --- */

/* As a browser does. */
static manage_answer_t s_open(desk_t *self, const char *from, const char *body)
{
    manage_answer_t answer;
    actor_t anyone = manage_anyone(from);
    manage_request_t request = {
        .actor = &anyone, .op = OP_invitation_accept, .body = slice_of(body), .cookies = true};
    assert_true(manage_start(self->manage, &request, &answer, NULL, NULL));
    return answer;
}

static error_code_t s_open_link(desk_t *self, const char *from, const char *text)
{
    char body[200];
    snprintf(body, sizeof body, "{\"invitation\":\"%s\",\"cookie\":true}", text);
    manage_answer_t answer = s_open(self, from, body);
    error_code_t code = answer.code;
    assert_int_equal(answer.cookie != NULL, code == ERROR_none);
    manage_clear(&answer);
    return code;
}

static json_t *s_link(desk_t *self, const char *email)
{
    char body[200];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"sign_in\":true}", email);
    return desk_do(self, OP_user_invite, "", body);
}

static void a_link_signs_in_once_past_password_and_code(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT], code[CODE_TEXT], body[64];
    people_user(self, ANN, "owner", GOOD);
    people_session(self, ANN, GOOD, session);
    json_t *begun = desk_do(self, OP_user_totp_begin, ANN, "");
    code_of(desk_text(begun, "secret"), 0, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    desk_done(self, OP_user_totp_confirm, ANN, body);
    json_t *link = s_link(self, ANN);
    assert_non_null(strstr(desk_text(link, "link"), "https://admin.example/#sign-in=psi_"));
    const char *text = desk_text(link, "invitation");
    assert_int_equal(s_open_link(self, "192.0.2.1", text), ERROR_none);
    assert_int_equal(s_open_link(self, "192.0.2.1", text), ERROR_not_found);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_code_required);
    json_decref(begun);
    json_decref(link);
}

static void only_the_control_socket_makes_a_link_that_signs_in(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT];
    people_user(self, ANN, "owner", GOOD);
    actor_t ann = people_actor(self, ANN, USER_OWNER, id);
    const char *own = "{\"email\":\"" ANN "\",\"sign_in\":true}";
    assert_int_equal(people_code(self, &ann, OP_user_invite, "", own), ERROR_not_allowed);
    assert_int_equal(
        desk_code(self, OP_user_invite, "", "{\"email\":\"nobody@example.org\",\"sign_in\":true}"),
        ERROR_unknown_user);
    assert_int_equal(desk_code(self, OP_user_invite, "",
                               "{\"email\":\"" ANN "\",\"sign_in\":true,\"expires_in\":3601}"),
                     ERROR_invalid_param);
}

static void a_link_that_signs_in_sets_no_password(void **state)
{
    desk_t *self = *state;
    char body[200];
    people_user(self, ANN, "member", GOOD);
    json_t *link = s_link(self, ANN);
    assert_int_equal(people_accept(self, link, BETTER), ERROR_invalid_param);
    snprintf(body, sizeof body, "{\"invitation\":\"%s\"}", desk_text(link, "invitation"));
    manage_answer_t answer = s_open(self, "192.0.2.1", body);
    assert_int_equal(answer.code, ERROR_invalid_param);
    assert_non_null(strstr(answer.message, "cookie"));
    manage_clear(&answer);
    assert_int_equal(s_open_link(self, "192.0.2.1", desk_text(link, "invitation")), ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
    json_decref(link);
}

/* The last character of the secret is another one, or all of it. */
static void a_forged_link_is_none_and_guesses_are_slowed_down(void **state)
{
    desk_t *self = *state;
    char forged[TICKET_TEXT];
    people_user(self, ANN, "owner", GOOD);
    json_t *link = s_link(self, ANN);
    snprintf(forged, sizeof forged, "%s", desk_text(link, "invitation"));
    forged[TICKET_TEXT - 3] = forged[TICKET_TEXT - 3] == 'A' ? 'B' : 'A';
    error_code_t code = ERROR_not_found;
    unsigned tries = 0;
    for (; code == ERROR_not_found && tries < 10; tries++)
        code = s_open_link(self, "198.51.100.7", forged);
    assert_int_equal(code, ERROR_rate_limited);
    assert_in_range(tries, 4, 5);
    code = ERROR_not_found;
    for (tries = 0; code == ERROR_not_found && tries < 50; tries++) {
        ticket_t ticket;
        ticket_make(&ticket);
        ticket_text(&ticket, TICKET_INVITATION, forged);
        code = s_open_link(self, "198.51.100.8", forged);
    }
    assert_int_equal(code, ERROR_rate_limited);
    assert_in_range(tries, 20, 22);
    assert_int_equal(s_open_link(self, "192.0.2.1", desk_text(link, "invitation")), ERROR_none);
    json_decref(link);
}

static void a_link_ends_with_its_time_and_with_its_user(void **state)
{
    desk_t *self = *state;
    uuid_t7 id;
    invitation_t invitation;
    people_user(self, ANN, "owner", GOOD);
    people_user(self, BOB, "member", GOOD);
    json_t *late = s_link(self, ANN), *gone = s_link(self, BOB);
    assert_int_equal(uuid_parse(desk_text(late, "id"), UUID_TEXT - 1, &id), 0);
    YARD_CHANGE(self->yard, view);
    assert_true(invitations_get(view, &id, &invitation));
    assert_in_range(invitation.ends_ms - invitation.created_ms, 900000, 900000);
    char email[] = ANN;
    invitation.email = slice_of(email);
    invitation.name = slice("", 0);
    invitation.ends_ms = (uint64_t)clock_wall_ms() - 1;
    invitations_add(view, &invitation);
    YARD_DONE(view);
    desk_done(self, OP_user_delete, BOB, "{\"confirm\":true}");
    assert_int_equal(s_open_link(self, "192.0.2.1", desk_text(late, "invitation")),
                     ERROR_not_found);
    assert_int_equal(s_open_link(self, "192.0.2.1", desk_text(gone, "invitation")),
                     ERROR_not_found);
    json_decref(late);
    json_decref(gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_session_is_shown_listed_and_ended),
        DESK_TEST(a_login_gives_a_cookie_in_place_of_the_text),
        DESK_TEST(a_session_beside_the_body_is_its_argument),
        DESK_TEST(a_session_ends_idle_and_at_last),
        DESK_TEST(use_keeps_a_session_alive),
        DESK_TEST(a_users_sessions_are_bounded_and_go_with_it),
        DESK_TEST(an_invitation_makes_a_user_once),
        DESK_TEST(an_invitation_gives_a_user_a_new_password),
        DESK_TEST(an_admin_invites_nobody_above_itself),
        DESK_TEST(an_invitation_ends_when_what_it_was_made_for_does),
        DESK_TEST(a_link_signs_in_once_past_password_and_code),
        DESK_TEST(only_the_control_socket_makes_a_link_that_signs_in),
        DESK_TEST(a_link_that_signs_in_sets_no_password),
        DESK_TEST(a_forged_link_is_none_and_guesses_are_slowed_down),
        DESK_TEST(a_link_ends_with_its_time_and_with_its_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
