/* Users with passwords at a desk, and how they act: for the tests of accounts. */
#ifndef POSTERN_TEST_PEOPLE_H
#define POSTERN_TEST_PEOPLE_H

#include "tests/unit/desk.h"

#include "authd/accounts/accounts.h"

#define BOB "bob@example.org"
#define GOOD "seven blue herons dancing"
#define BETTER "nine copper kettles whistle"

static inline json_t *people_as(desk_t *self, const actor_t *actor, unsigned op, const char *target,
                                const char *body, error_code_t *code)
{
    manage_answer_t answer;
    manage_run_as(self->manage, actor, op, slice_of(target), slice_of(body), &answer);
    *code = answer.code;
    memcpy(self->message, answer.message, sizeof answer.message);
    json_t *reply = answer.body ? json_loadb(answer.body, answer.body_len, 0, NULL) : NULL;
    manage_clear(&answer);
    return reply;
}

static inline error_code_t people_code(desk_t *self, const actor_t *actor, unsigned op,
                                       const char *target, const char *body)
{
    error_code_t code;
    json_decref(people_as(self, actor, op, target, body, &code));
    return code;
}

/* Without a password where it is NULL. */
static inline void people_user(desk_t *self, const char *email, const char *role,
                               const char *password)
{
    char body[256];
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"role\":\"%s\"}", email, role);
    desk_done(self, OP_user_create, "", body);
    if (!password)
        return;
    snprintf(body, sizeof body, "{\"password\":\"%s\"}", password);
    desk_done(self, OP_user_password, email, body);
}

/* EMAIL's user, as the admin listener would have it act; ID backs it. */
static inline actor_t people_actor(desk_t *self, const char *email, user_role_t role,
                                   char id[UUID_TEXT])
{
    actor_t actor = {.role = role, .who = id, .from = "192.0.2.1"};
    json_t *shown = desk_do(self, OP_user_show, email, "");
    snprintf(id, UUID_TEXT, "%s", desk_text(shown, "id"));
    assert_int_equal(uuid_parse(id, UUID_TEXT - 1, &actor.user), 0);
    json_decref(shown);
    return actor;
}

static inline json_t *people_login_with(desk_t *self, const char *from, const char *email,
                                        const char *password, const char *totp, error_code_t *code)
{
    char body[512];
    actor_t anyone = manage_anyone(from);
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"password\":\"%s\"%s%s%s}", email, password,
             totp ? ",\"code\":\"" : "", totp ? totp : "", totp ? "\"" : "");
    return people_as(self, &anyone, OP_login, "", body, code);
}

static inline error_code_t people_login(desk_t *self, const char *from, const char *email,
                                        const char *password, const char *totp)
{
    error_code_t code;
    json_decref(people_login_with(self, from, email, password, totp, &code));
    return code;
}

/* The session's text. */
static inline void people_session(desk_t *self, const char *email, const char *password,
                                  char text[TICKET_TEXT])
{
    error_code_t code;
    json_t *made = people_login_with(self, "192.0.2.1", email, password, NULL, &code);
    assert_int_equal(code, ERROR_none);
    snprintf(text, TICKET_TEXT, "%s", desk_text(made, "session"));
    json_decref(made);
}

static inline error_code_t people_with_session(desk_t *self, unsigned op, const char *session)
{
    char body[160];
    actor_t anyone = manage_anyone("192.0.2.1");
    snprintf(body, sizeof body, "{\"session\":\"%s\"}", session);
    return people_code(self, &anyone, op, "", body);
}

static inline json_t *people_invite(desk_t *self, const actor_t *actor, const char *email,
                                    const char *role, error_code_t *code)
{
    char body[256];
    snprintf(body, sizeof body, "{\"email\":\"%s\"%s%s%s}", email, role ? ",\"role\":\"" : "",
             role ? role : "", role ? "\"" : "");
    return people_as(self, actor, OP_user_invite, "", body, code);
}

static inline error_code_t people_accept(desk_t *self, const json_t *invitation,
                                         const char *password)
{
    char body[512];
    actor_t anyone = manage_anyone("192.0.2.1");
    snprintf(body, sizeof body, "{\"invitation\":\"%s\",\"password\":\"%s\"}",
             desk_text(invitation, "invitation"), password);
    return people_code(self, &anyone, OP_invitation_accept, "", body);
}

#endif
