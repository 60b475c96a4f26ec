/* What members learn of others, and how much they make. */
#include "tests/unit/people.h"

#define CYD "cyd@example.org"
#define NOBODY "nobody@example.org"

static const struct {
    unsigned create, edit, show, add, remove;
    const char *people;
} s_kinds[] = {
    {OP_channel_create, OP_channel_edit, OP_channel_show, OP_channel_member_add,
     OP_channel_member_remove, "members"},
    {OP_bot_create, OP_bot_edit, OP_bot_show, OP_bot_subscriber_add, OP_bot_subscriber_remove,
     "subscribers"},
};

/* What ANN, a member, is answered when its argument BEFORE names WHOM, in SAID. */
static error_code_t s_say(desk_t *self, const actor_t *ann, unsigned op, const char *before,
                          const char *whom, char said[MANAGE_MESSAGE])
{
    char body[256];
    const char *close = strchr(before, '[') ? "\"]}" : "\"}";
    snprintf(body, sizeof body, "%s\"%s%s", before, whom, close);
    error_code_t code = people_code(
        self, ann, op, op == OP_channel_create || op == OP_bot_create ? "" : "mine", body);
    memcpy(said, self->message, MANAGE_MESSAGE);
    return code;
}

static void a_stranger_is_answered_like_nobody(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], bob_id[UUID_TEXT], there[MANAGE_MESSAGE], not_there[MANAGE_MESSAGE];
    people_user(self, ANN, "member", NULL);
    people_user(self, BOB, "member", NULL);
    desk_done(self, OP_service_create, "", "{\"account\":\"robot\"}");
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    people_actor(self, BOB, USER_MEMBER, bob_id);
    for (unsigned k = 0; k < 2; k++) {
        char create[128], mine[64];
        snprintf(mine, sizeof mine, "{\"name\":\"mine\",\"owner\":\"%s\"}", id);
        snprintf(create, sizeof create, "{\"name\":\"x\",\"owner\":\"%s\",\"%s\":[", id,
                 s_kinds[k].people);
        assert_int_equal(people_code(self, &ann, s_kinds[k].create, "", mine), ERROR_none);
        const struct {
            unsigned op;
            const char *before;
        } asks[] = {{s_kinds[k].create, create},
                    {s_kinds[k].add, "{\"user\":"},
                    {s_kinds[k].remove, "{\"user\":"},
                    {s_kinds[k].edit, "{\"owner\":"}};
        for (unsigned i = 0; i < 4; i++) {
            static const char *const known[] = {BOB, "robot"};
            assert_int_equal(s_say(self, &ann, asks[i].op, asks[i].before, NOBODY, not_there),
                             ERROR_unknown_user);
            for (unsigned n = 0; n < 2; n++) {
                assert_int_equal(s_say(self, &ann, asks[i].op, asks[i].before, known[n], there),
                                 ERROR_unknown_user);
                assert_string_equal(there, not_there);
            }
        }
        /* Who was told the id can be named by it. */
        assert_int_equal(s_say(self, &ann, s_kinds[k].add, "{\"user\":", bob_id, there),
                         ERROR_none);
        assert_int_equal(s_say(self, &ann, s_kinds[k].remove, "{\"user\":", BOB, there),
                         ERROR_none);
    }
}

static void who_shares_a_place_is_no_stranger(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], said[MANAGE_MESSAGE];
    people_user(self, ANN, "member", NULL);
    people_user(self, BOB, "admin", NULL);
    people_user(self, CYD, "member", NULL);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    char mine[64];
    snprintf(mine, sizeof mine, "{\"name\":\"mine\",\"owner\":\"%s\"}", id);
    assert_int_equal(people_code(self, &ann, OP_channel_create, "", mine), ERROR_none);
    desk_done(self, OP_bot_create, "",
              "{\"name\":\"shared\",\"owner\":\"" BOB "\",\"subscribers\":[\"" ANN "\"]}");
    assert_int_equal(s_say(self, &ann, OP_channel_member_add, "{\"user\":", BOB, said), ERROR_none);
    assert_int_equal(s_say(self, &ann, OP_channel_member_add, "{\"user\":", CYD, said),
                     ERROR_unknown_user);
    /* An admin knows everybody. */
    actor_t bob = people_actor(self, BOB, USER_ADMIN, id);
    assert_int_equal(
        people_code(self, &bob, OP_channel_member_add, "mine", "{\"user\":\"" CYD "\"}"),
        ERROR_none);
    assert_int_equal(
        people_code(self, &bob, OP_channel_member_add, "mine", "{\"user\":\"" NOBODY "\"}"),
        ERROR_unknown_user);
    assert_int_equal(s_say(self, &ann, OP_channel_edit, "{\"owner\":", CYD, said), ERROR_none);
}

static void a_member_owns_so_many_and_no_more(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], bob_id[UUID_TEXT], body[128];
    people_user(self, ANN, "member", NULL);
    people_user(self, BOB, "member", NULL);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    actor_t bob = people_actor(self, BOB, USER_MEMBER, bob_id);
    const unsigned creates[] = {OP_channel_create, OP_bot_create, OP_extension_create};
    for (unsigned i = 0; i < DESK_OBJECTS; i++) {
        snprintf(body, sizeof body, "{\"name\":\"n%u\",\"owner\":\"" ANN "\"}", i);
        assert_int_equal(people_code(self, &ann, creates[i % 3], "", body), ERROR_none);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(
            people_code(self, &ann, creates[i], "", "{\"name\":\"more\",\"owner\":\"" ANN "\"}"),
            ERROR_quota_reached);
    /* What is archived keeps its name, and its place. */
    assert_int_equal(people_code(self, &ann, OP_channel_delete, "n0", ""), ERROR_none);
    assert_int_equal(
        people_code(self, &ann, creates[0], "", "{\"name\":\"more\",\"owner\":\"" ANN "\"}"),
        ERROR_quota_reached);
    /* Another member cannot give one more; an admin, and the control socket, can. */
    snprintf(body, sizeof body, "{\"owner\":\"%s\"}", id);
    assert_int_equal(
        people_code(self, &bob, OP_bot_create, "", "{\"name\":\"bobs\",\"owner\":\"" BOB "\"}"),
        ERROR_none);
    assert_int_equal(people_code(self, &bob, OP_extension_create, "",
                                 "{\"name\":\"bobs\",\"owner\":\"" BOB "\"}"),
                     ERROR_none);
    assert_int_equal(people_code(self, &bob, OP_bot_edit, "bobs", body), ERROR_quota_reached);
    assert_int_equal(people_code(self, &bob, OP_extension_edit, "bobs", body), ERROR_quota_reached);
    desk_done(self, OP_bot_edit, "bobs", body);
    desk_done(self, OP_channel_create, "", "{\"name\":\"more\",\"owner\":\"" ANN "\"}");
    /* What one owns is edited as before. */
    assert_int_equal(people_code(self, &ann, OP_bot_edit, "bobs", "{\"owner\":\"" ANN "\"}"),
                     ERROR_none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_stranger_is_answered_like_nobody),
        DESK_TEST(who_shares_a_place_is_no_stranger),
        DESK_TEST(a_member_owns_so_many_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
