/* Who may do what, as the table says it and as management obeys it: every operation, every role,
 * every relation. Prints the table. */
#include "tests/unit/desk.h"

#include "authd/directory/audit.h"
#include "authd/directory/sessions.h"
#include "authd/manage/rights.h"
#include "tests/unit/code.h"

static const char *const s_relations[RELATIONS] = {"own", "among", "service", "lower", "other"};

static void an_owner_may_everything_and_nobody_more_than_a_higher_role(void **state)
{
    (void)state;
    for (size_t i = 0; i < op_table_len; i++) {
        unsigned op = op_table[i].number;
        for (unsigned relation = 0; relation < RELATIONS; relation++) {
            bool member = rights_allow(op, USER_MEMBER, relation);
            bool admin = rights_allow(op, USER_ADMIN, relation);
            assert_true(rights_allow(op, USER_OWNER, relation));
            assert_true(admin || !member || relation == RELATION_AMONG);
        }
        assert_false(rights_allow(op, USER_MEMBER, RELATION_OTHER));
        assert_false(rights_allow(op, USER_MEMBER, RELATION_SERVICE));
    }
    assert_true(rights_grant(USER_ADMIN, USER_ADMIN));
    assert_false(rights_grant(USER_ADMIN, USER_OWNER));
}

/* --- the walk --- */

/* What is asked by whom about whose, with names of its own. */
typedef struct {
    desk_t *desk;
    unsigned number; /* of the step: part of every name */
    actor_t actor;
    char actor_email[64], actor_id[UUID_TEXT];
    char user[64]; /* whose the object is: email or account */
} step_t;

static void s_user(step_t *self, const char *prefix, const char *role, char *email)
{
    char body[160];
    snprintf(email, 64, "%s%u@example.org", prefix, self->number);
    snprintf(body, sizeof body, "{\"email\":\"%s\",\"role\":\"%s\"}", email, role);
    desk_done(self->desk, OP_user_create, "", body);
}

static void s_people(step_t *self, user_role_t role, relation_t relation)
{
    char body[160];
    s_user(self, "actor", user_role_names[role], self->actor_email);
    json_t *shown = desk_do(self->desk, OP_user_show, self->actor_email, "");
    snprintf(self->actor_id, sizeof self->actor_id, "%s", desk_text(shown, "id"));
    json_decref(shown);
    self->actor = (actor_t){.role = role, .who = self->actor_id, .from = "192.0.2.1"};
    assert_int_equal(uuid_parse(self->actor_id, UUID_TEXT - 1, &self->actor.user), 0);
    if (relation == RELATION_OWN) {
        snprintf(self->user, sizeof self->user, "%s", self->actor_email);
    } else if (relation == RELATION_SERVICE) {
        snprintf(self->user, sizeof self->user, "robot%u", self->number);
        snprintf(body, sizeof body, "{\"account\":\"%s\"}", self->user);
        desk_done(self->desk, OP_service_create, "", body);
    } else {
        user_role_t lower = role == USER_MEMBER ? USER_MEMBER : role - 1;
        s_user(self, "user", user_role_names[relation == RELATION_LOWER ? lower : role],
               self->user);
    }
}

static void s_session(const step_t *self, char target[64])
{
    user_t user;
    session_t session = {.created_ms = 1, .used_ms = 1, .ends_ms = 2, .from = slice_of("local")};
    YARD_CHANGE(self->desk->yard, view);
    assert_true(users_find(view, slice_of(self->user), &user));
    session.user = user.id;
    uuid_new(&session.id);
    sessions_add(view, &session);
    YARD_DONE(view);
    uuid_text(&session.id, target);
}

/* A source of a channel of the user's; where one is to be made, the channel alone, and no TARGET.
 */
static void s_source(step_t *self, unsigned op, char target[64])
{
    char body[256];
    snprintf(body, sizeof body, "{\"name\":\"object%u\",\"owner\":\"%s\"}", self->number,
             self->user);
    desk_done(self->desk, OP_channel_create, "", body);
    if (op == OP_source_create)
        return;
    snprintf(body, sizeof body, "{\"kind\":\"channel\",\"to\":\"object%u\",\"scheme\":\"github\"}",
             self->number);
    json_t *made = desk_do(self->desk, OP_source_create, "", body);
    snprintf(target, 64, "%s", desk_text(made, "id"));
    json_decref(made);
}

static const char s_ntfy[] = "{\"kind\":\"ntfy\",\"to\":\"x\"}";

/* An outlet of a channel of the user's. */
static json_t *s_outlet(step_t *self)
{
    char body[256], channel[64];
    snprintf(channel, sizeof channel, "object%u", self->number);
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"owner\":\"%s\"}", channel, self->user);
    desk_done(self->desk, OP_channel_create, "", body);
    return desk_do(self->desk, OP_outlet_create, channel, s_ntfy);
}

/* The object's name or id, into TARGET. */
static void s_object(step_t *self, unsigned op, relation_t relation, char *target)
{
    object_t object = rights_object(op);
    char body[256];
    json_t *made = NULL;
    static const unsigned create[] = {[OBJECT_CHANNEL] = OP_channel_create,
                                      [OBJECT_BOT] = OP_bot_create,
                                      [OBJECT_EXTENSION] = OP_extension_create};
    target[0] = '\0';
    if (object == OBJECT_USER) {
        snprintf(target, 64, "%s", self->user);
    } else if (object == OBJECT_TOKEN) {
        made = desk_do(self->desk, OP_token_create, self->user, "");
        snprintf(target, 64, "%s", desk_text(made, "id"));
    } else if (object == OBJECT_SESSION) {
        s_session(self, target);
    } else if (object == OBJECT_MANAGEMENT) {
        made = desk_do(self->desk, OP_management_token_create, self->user, "");
        snprintf(target, 64, "%s", desk_text(made, "id"));
    } else if (object == OBJECT_SOURCE) {
        s_source(self, op, target);
    } else if (object == OBJECT_OUTLET) {
        made = s_outlet(self);
        snprintf(target, 64, "%s", desk_text(made, "id"));
    } else if (object >= OBJECT_CHANNEL) {
        const char *people = object == OBJECT_CHANNEL ? "members" : "subscribers";
        bool among = relation == RELATION_AMONG;
        snprintf(target, 64, "object%u", self->number);
        snprintf(body, sizeof body, "{\"name\":\"%s\",\"owner\":\"%s\"%s%s%s%s%s}", target,
                 self->user, among ? ",\"" : "", among ? people : "", among ? "\":[\"" : "",
                 among ? self->actor_email : "", among ? "\"]" : "");
        made = desk_do(self->desk, create[object], "", body);
    }
    json_decref(made);
}

/* A body with which the operation does its work. */
static void s_format(unsigned n, char body[256])
{
    snprintf(
        body, 256,
        "{\"format\":\"{\\\"sender\\\": \\\"walk%u\\\", \\\"rules\\\": [{\\\"drop\\\": true}]}\"}",
        n);
}

static void s_body(const step_t *self, unsigned op, char body[256])
{
    unsigned n = self->number;
    snprintf(body, 256, "%s", op == OP_outlet_create ? s_ntfy : "");
    switch (op) {
    case OP_user_create:
        snprintf(body, 256, "{\"email\":\"new%u@example.org\"}", n);
        break;
    case OP_user_edit:
        snprintf(body, 256, "{\"name\":\"New Name\"}");
        break;
    case OP_service_create:
        snprintf(body, 256, "{\"account\":\"new%u\"}", n);
        break;
    case OP_token_import:
        snprintf(body, 256, "{\"tokens\":[\"imported-token-that-is-long-enough-%u\"]}", n);
        break;
    case OP_bot_handler_set:
        snprintf(body, 256, "{\"url\":\"http://h.example/\"}");
        break;
    case OP_extension_handler_set:
        snprintf(body, 256, "{\"url\":\"http://h.example/\",\"environment\":\"sandbox\"}");
        break;
    case OP_extension_handler_show:
    case OP_extension_handler_clear:
    case OP_extension_handler_rotate:
    case OP_extension_rotate:
        snprintf(body, 256, "{\"environment\":\"sandbox\"}");
        break;
    case OP_source_create:
        snprintf(body, 256, "{\"kind\":\"channel\",\"to\":\"object%u\"}", n);
        break;
    case OP_format_create:
    case OP_format_edit:
        s_format(n, body);
        break;
    case OP_format_try:
        snprintf(body, 256, "{\"name\":\"generic\",\"body\":\"{}\"}");
        break;
    case OP_user_password:
        snprintf(body, 256, "{\"password\":\"seven blue herons dancing\"}");
        break;
    case OP_user_invite:
        snprintf(body, 256, "{\"email\":\"guest%u@example.org\"}", n);
        break;
    case OP_token_check:
        snprintf(body, 256, "{\"hashes\":[\"%064u\"]}", n);
        break;
    case OP_channel_create:
    case OP_bot_create:
    case OP_extension_create:
        snprintf(body, 256, "{\"name\":\"new%u\",\"owner\":\"%s\"}", n, self->user);
        break;
    case OP_channel_member_add:
    case OP_channel_member_remove:
    case OP_bot_subscriber_add:
    case OP_bot_subscriber_remove:
        snprintf(body, 256, "{\"user\":\"%s\"}", self->user);
        break;
    }
}

static uint64_t s_audited(desk_t *self)
{
    view_t *view = view_new(self->yard->directory);
    view_renew(view);
    uint64_t number = audit_last(view);
    view_destroy(&view);
    return number;
}

/* Without an object there is one case; an owner may anything, so its two ends show all. */
static bool s_relates(object_t object, user_role_t role, relation_t relation)
{
    if (object == OBJECT_NOTHING)
        return relation == RELATION_OTHER;
    if (relation == RELATION_AMONG)
        return object == OBJECT_CHANNEL || object == OBJECT_BOT;
    if (role == USER_OWNER)
        return relation == RELATION_OWN || relation == RELATION_OTHER;
    return relation != RELATION_LOWER || role != USER_MEMBER;
}

/* What its handler is shown, cleared or rotated by needs one. */
static void s_give_handler(desk_t *desk, unsigned op, const char *target)
{
    if (op >= OP_bot_handler_show && op <= OP_bot_handler_rotate)
        desk_done(desk, OP_bot_handler_set, target, "{\"url\":\"http://h.example/\"}");
    if (op >= OP_extension_handler_show && op <= OP_extension_handler_rotate)
        desk_done(desk, OP_extension_handler_set, target,
                  "{\"url\":\"http://h.example/\",\"environment\":\"sandbox\"}");
}

/* What the operation needs to be there, made over the control socket. */
static void s_give_account(desk_t *desk, unsigned op, char *target, char body[256])
{
    json_t *made = NULL;
    char code[CODE_TEXT];
    if (op == OP_invitation_revoke) {
        made = desk_do(desk, OP_user_invite, "", "{\"email\":\"revoked@example.org\"}");
        snprintf(target, 64, "%s", desk_text(made, "id"));
    } else if (op == OP_user_totp_confirm &&
               !(made = desk_call(desk, OP_user_totp_begin, target, "", &(error_code_t){0}))) {
        snprintf(body, 256, "{\"code\":\"000000\"}"); /* a service account has none */
    } else if (op == OP_user_totp_confirm) {
        code_of(desk_text(made, "secret"), 0, code);
        snprintf(body, 256, "{\"code\":\"%s\"}", code);
    } else if (op == OP_user_totp_codes &&
               (made = desk_call(desk, OP_user_totp_begin, target, "", &(error_code_t){0}))) {
        code_of(desk_text(made, "secret"), -1, code);
        snprintf(body, 256, "{\"code\":\"%s\"}", code);
        desk_done(desk, OP_user_totp_confirm, target, body);
        code_of(desk_text(made, "secret"), 0, code);
        snprintf(body, 256, "{\"code\":\"%s\"}", code);
    }
    json_decref(made);
}

static void s_give_format(const step_t *self, unsigned op, char target[64])
{
    char body[256];
    if (op != OP_format_show && op != OP_format_edit && op != OP_format_delete)
        return;
    s_body(self, OP_format_create, body);
    desk_done(self->desk, OP_format_create, "", body);
    snprintf(target, 64, "walk%u", self->number);
}

/* Carries the operation out for real; whether it was done. */
static bool s_try(desk_t *desk, const op_t *op, user_role_t role, relation_t relation)
{
    static unsigned number;
    char target[64], body[256];
    static step_t seen[USER_ROLES][RELATIONS];
    step_t step = seen[role][relation];
    manage_answer_t answer;
    step.number = ++number;
    step.desk = desk;
    /* People are worn out by operations on users and their tokens only. */
    object_t object = rights_object(op->number);
    bool wears = object == OBJECT_USER || object == OBJECT_TOKEN || object == OBJECT_MANAGEMENT;
    if (step.actor.who == NULL || wears)
        s_people(&step, role, relation);
    else
        step.actor.who = step.actor_id;
    if (!wears)
        seen[role][relation] = step;
    s_object(&step, op->number, relation, target);
    s_give_handler(desk, op->number, target);
    s_body(&step, op->number, body);
    s_give_account(desk, op->number, target, body);
    s_give_format(&step, op->number, target);
    uint64_t before = s_audited(desk);
    manage_run_as(desk->manage, &step.actor, op->number, slice_of(target), slice_of(body), &answer);
    error_code_t code = answer.code;
    if (code != ERROR_none && code != ERROR_not_allowed)
        fail_msg("%s on %s: %d %s", op->name, target, code, answer.message);
    bool reads =
        op->methods == OP_GET || op->number == OP_token_check || op->number == OP_format_try;
    assert_int_equal(s_audited(desk) - before, code == ERROR_none && !reads);
    manage_clear(&answer);
    return code == ERROR_none;
}

/* A list without an object shows a member what is its own: that is allowed to all. */
static bool s_expected(const op_t *op, user_role_t role, relation_t relation)
{
    if (rights_object(op->number) == OBJECT_NOTHING)
        return rights_level(op->number, role) != MAY_NO;
    return rights_allow(op->number, role, relation);
}

static void the_walk(void **state)
{
    desk_t *desk = *state;
    printf("%-24s", "operation");
    for (unsigned role = 0; role < USER_ROLES; role++)
        printf("%-32s", user_role_names[role]);
    printf("\n");
    for (size_t i = 0; i < op_table_len; i++) {
        const op_t *op = &op_table[i];
        if (op->credentials != CRED_ADMIN)
            continue;
        printf("%-24s", op->name);
        for (unsigned role = 0; role < USER_ROLES; role++) {
            char line[64] = "";
            for (unsigned relation = 0; relation < RELATIONS; relation++) {
                if (!s_relates(rights_object(op->number), role, relation))
                    continue;
                bool done = s_try(desk, op, role, relation);
                if (done != s_expected(op, role, relation))
                    fail_msg("%s by %s on %s: %s", op->name, user_role_names[role],
                             s_relations[relation], done ? "done" : "refused");
                if (done && rights_object(op->number) != OBJECT_NOTHING)
                    strcat(strcat(line, line[0] ? " " : ""), s_relations[relation]);
                else if (done)
                    snprintf(line, sizeof line, "%s",
                             rights_level(op->number, role) == MAY_ANY ? "any" : "own");
            }
            printf("%-32s", line[0] ? line : "-");
        }
        printf("\n");
    }
}

/* --- what the walk does not show --- */

static error_code_t s_as(desk_t *self, const actor_t *actor, unsigned op, const char *target,
                         const char *body, char text[4096])
{
    manage_answer_t answer;
    manage_run_as(self->manage, actor, op, slice_of(target), slice_of(body), &answer);
    error_code_t code = answer.code;
    snprintf(text, 4096, "%s", answer.body ? answer.body : answer.message);
    manage_clear(&answer);
    return code;
}

static void lists_show_a_member_its_own(void **state)
{
    desk_t *self = *state;
    char text[4096];
    step_t step = {.desk = self, .number = 0};
    s_people(&step, USER_MEMBER, RELATION_OTHER);
    char body[256];
    const char *const rows[][2] = {{"mine", step.actor_email}, {"theirs", step.user}};
    for (unsigned i = 0; i < 2; i++) {
        snprintf(body, sizeof body, "{\"name\":\"%s\",\"owner\":\"%s\"}", rows[i][0], rows[i][1]);
        desk_done(self, OP_channel_create, "", body);
        desk_done(self, OP_bot_create, "", body);
        desk_done(self, OP_extension_create, "", body);
        snprintf(body, sizeof body, "{\"kind\":\"extension\",\"to\":\"%s\"}", rows[i][0]);
        desk_done(self, OP_source_create, "", body);
    }
    snprintf(body, sizeof body, "{\"name\":\"shared\",\"owner\":\"%s\",\"members\":[\"%s\"]}",
             step.user, step.actor_email);
    desk_done(self, OP_channel_create, "", body);
    const unsigned lists[] = {OP_channel_list, OP_bot_list, OP_extension_list, OP_source_list};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(s_as(self, &step.actor, lists[i], "", "", text), ERROR_none);
        assert_non_null(strstr(text, "\"mine\""));
        assert_null(strstr(text, "theirs"));
        assert_int_equal(strstr(text, "shared") != NULL, i == 0);
    }
    assert_int_equal(s_as(self, &step.actor, OP_user_list, "", "", text), ERROR_none);
    assert_non_null(strstr(text, step.actor_email));
    assert_null(strstr(text, step.user));
}

static void a_refusal_does_not_tell_what_is_there(void **state)
{
    desk_t *self = *state;
    char there[4096], nowhere[4096], target[64];
    step_t step = {.desk = self, .number = 0};
    s_people(&step, USER_MEMBER, RELATION_OTHER);
    s_object(&step, OP_channel_show, RELATION_OTHER, target);
    assert_int_equal(s_as(self, &step.actor, OP_channel_show, target, "", there),
                     ERROR_not_allowed);
    assert_int_equal(s_as(self, &step.actor, OP_channel_show, "no_such", "", nowhere),
                     ERROR_not_allowed);
    assert_string_equal(there, nowhere);
}

static void nobody_gives_itself_more(void **state)
{
    desk_t *self = *state;
    char text[4096], target[64];
    step_t member = {.desk = self, .number = 0}, admin = {.desk = self, .number = 1};
    s_people(&member, USER_MEMBER, RELATION_OWN);
    s_people(&admin, USER_ADMIN, RELATION_OWN);
    assert_int_equal(
        s_as(self, &member.actor, OP_user_edit, member.actor_email, "{\"role\":\"admin\"}", text),
        ERROR_not_allowed);
    assert_int_equal(
        s_as(self, &admin.actor, OP_user_edit, admin.actor_email, "{\"role\":\"owner\"}", text),
        ERROR_not_allowed);
    assert_int_equal(s_as(self, &admin.actor, OP_user_create, "",
                          "{\"email\":\"x@example.org\",\"role\":\"owner\"}", text),
                     ERROR_not_allowed);
    assert_int_equal(s_as(self, &admin.actor, OP_user_create, "",
                          "{\"email\":\"x@example.org\",\"role\":\"admin\"}", text),
                     ERROR_none);
    s_object(&member, OP_token_edit, RELATION_OWN, target);
    const unsigned ops[] = {OP_token_edit, OP_token_replace, OP_token_limit};
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(s_as(self, &member.actor, ops[i], target, "{\"rate\":0}", text),
                         ERROR_not_allowed);
    assert_int_equal(
        s_as(self, &member.actor, OP_token_create, member.actor_email, "{\"burst\":1000}", text),
        ERROR_not_allowed);
    assert_int_equal(s_as(self, &admin.actor, OP_token_limit, target, "{\"rate\":5}", text),
                     ERROR_none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_may_everything_and_nobody_more_than_a_higher_role),
        DESK_TEST(the_walk),
        DESK_TEST(lists_show_a_member_its_own),
        DESK_TEST(a_refusal_does_not_tell_what_is_there),
        DESK_TEST(nobody_gives_itself_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
