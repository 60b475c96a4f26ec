/* How much of the directory a request reads: counted, because a time says nothing. */
#include "tests/unit/people.h"

#include "common/base/clock.h"
#include "common/store/store.h"

#define NOBODY "nobody@example.org"

static unsigned s_reads;

int __real_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value);
int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value);
int __real_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op);
int __wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op);

int __wrap_mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *value)
{
    s_reads++;
    return __real_mdb_get(txn, dbi, key, value);
}

int __wrap_mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *value, MDB_cursor_op op)
{
    s_reads++;
    return __real_mdb_cursor_get(cursor, key, value, op);
}

/* What it reads to refuse the request with CODE. */
static unsigned s_effort(desk_t *self, const actor_t *actor, unsigned op, const char *target,
                         const char *body, error_code_t code)
{
    s_reads = 0;
    assert_int_equal(people_code(self, actor, op, target, body), code);
    return s_reads;
}

/* LEN channels of OWNER, with PERSON among their people. */
static void s_channels(desk_t *self, const char *prefix, unsigned len, const uuid_t7 *owner,
                       const uuid_t7 *person)
{
    char name[32];
    place_t place = {.owner = *owner, .created_ms = 1};
    YARD_CHANGE(self->yard, view);
    for (unsigned i = 0; i < len; i++) {
        snprintf(name, sizeof name, "%s%u", prefix, i);
        place.name = slice_of(name);
        uuid_new(&place.id);
        assert_int_equal(places_add(view, PLACE_CHANNEL, &place), 0);
        place_add(view, PLACE_CHANNEL, &place.id, owner, 1);
        if (person)
            place_add(view, PLACE_CHANNEL, &place.id, person, 1);
    }
    YARD_DONE(view);
}

typedef struct {
    unsigned op;
    const char *target, *before, *after; /* of the body, around a name */
    error_code_t code;
} ask_t;

static unsigned s_ask(desk_t *self, const actor_t *ann, const ask_t *ask, const char *whom)
{
    char body[256], target[64];
    snprintf(body, sizeof body, "%s%s%s", ask->before, ask->after[0] ? whom : "", ask->after);
    snprintf(target, sizeof target, "%s", ask->target ? ask->target : whom);
    return s_effort(self, ann, ask->op, target, body, ask->code);
}

/* A member is told nothing of a stranger, and by the work neither; nor does that grow with what
 * others have. */
static void a_stranger_costs_what_nobody_does(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], bob_id[UUID_TEXT], create[128];
    people_user(self, ANN, "member", NULL);
    people_user(self, BOB, "member", NULL);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    actor_t bob = people_actor(self, BOB, USER_MEMBER, bob_id);
    s_channels(self, "anns", 9, &ann.user, NULL);
    snprintf(create, sizeof create, "{\"name\":\"new\",\"owner\":\"%s\",\"members\":[\"", id);
    const ask_t asks[] = {
        {OP_channel_create, "", create, "\"]}", ERROR_unknown_user},
        {OP_channel_member_add, "anns1", "{\"user\":\"", "\"}", ERROR_unknown_user},
        {OP_channel_member_remove, "anns1", "{\"user\":\"", "\"}", ERROR_unknown_user},
        {OP_channel_edit, "anns1", "{\"owner\":\"", "\"}", ERROR_unknown_user},
        {OP_channel_create, "", "{\"name\":\"new\",\"owner\":\"", "\"}", ERROR_not_allowed},
        {OP_user_show, NULL, "{}", "", ERROR_not_allowed},
        {OP_token_list, NULL, "{}", "", ERROR_not_allowed},
    };
    enum { ASKS = sizeof asks / sizeof *asks };
    unsigned reads[ASKS];
    for (unsigned i = 0; i < ASKS; i++) {
        reads[i] = s_ask(self, &ann, &asks[i], BOB);
        assert_in_range(reads[i], 1, 100);
        assert_int_equal(s_ask(self, &ann, &asks[i], NOBODY), reads[i]);
    }
    s_channels(self, "bobs", 500, &bob.user, NULL);
    for (unsigned i = 0; i < ASKS; i++) {
        assert_int_equal(s_ask(self, &ann, &asks[i], BOB), reads[i]);
        assert_int_equal(s_ask(self, &ann, &asks[i], NOBODY), reads[i]);
    }
}

/* The addresses of so many, as an array's inside; the caller's. */
static char *s_names(unsigned len)
{
    char *names = malloc(len * 32), *at = names;
    for (unsigned i = 0; i < len; i++)
        at += sprintf(at, "%s\"a%u@example.org\"", i ? "," : "", i);
    return names;
}

/* A thousand names of one who is in many places are refused before they cost more than so much. */
static void many_names_cost_so_much_and_no_more(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], bob_id[UUID_TEXT], *body;
    people_user(self, ANN, "member", NULL);
    people_user(self, BOB, "member", NULL);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    actor_t bob = people_actor(self, BOB, USER_MEMBER, bob_id);
    s_channels(self, "shared", 200, &bob.user, &ann.user);
    const uuid_t7 last = yard_place(self->yard, PLACE_CHANNEL, "last", &ann.user);
    YARD_CHANGE(self->yard, view);
    user_t user = {.name = slice_of("Some One"), .created_ms = 1};
    for (unsigned i = 0; i < 1000; i++) {
        char email[32];
        snprintf(email, sizeof email, "a%u@example.org", i);
        user.email = slice_of(email);
        uuid_new(&user.id);
        assert_int_equal(users_add(view, &user), 0);
        place_add(view, PLACE_CHANNEL, &last, &user.id, 1);
    }
    YARD_DONE(view);
    for (unsigned some = 0; some < 2; some++) {
        char *names = s_names(some ? 100 : 1000);
        assert_true(
            asprintf(&body, "{\"name\":\"new\",\"owner\":\"%s\",\"members\":[%s]}", id, names) > 0);
        unsigned reads = s_effort(self, &ann, OP_channel_create, "", body,
                                  some ? ERROR_none : ERROR_invalid_param);
        assert_in_range(reads, 1, 250000); /* a look-up is four reads */
        if (!some)
            assert_non_null(strstr(self->message, "too many names at once"));
        free(names);
        free(body);
    }
}

/* LEN tokens that never end, but for the last, EACH of a user. */
static void s_tokens(desk_t *self, unsigned len, uint64_t ends_ms)
{
    enum { EACH = 50 };
    uuid_t7 user = {{0}};
    for (unsigned i = 0; i < len; i += EACH) {
        char email[32];
        snprintf(email, sizeof email, "u%u@example.org", i);
        user = yard_user(self->yard, email);
        YARD_CHANGE(self->yard, view);
        for (unsigned k = i; k < len && k < i + EACH; k++) {
            token_t token = {.user = user,
                             .last4 = slice_of("last"),
                             .display = slice_of("Some One"),
                             .name = slice_of(""),
                             .terms = slice_of(""),
                             .expires_ms = k + 1 == len ? ends_ms : 0};
            uuid_new(&token.id);
            memcpy(token.hash, token.id.bytes, UUID_BYTES);
            assert_int_equal(tokens_add(view, &token, EACH, 1), TOKENS_ADDED);
        }
        YARD_DONE(view);
    }
}

/* No page of a list reads more than so much, whatever is passed over; nothing is left out. */
static void a_page_reads_so_much_and_no_more(void **state)
{
    enum { ALL = 6100, MOST = 15000 };
    desk_t *self = *state;
    char body[128] = "{\"ends_within\":86400}";
    unsigned pages = 0, found = 0;
    s_tokens(self, ALL, (uint64_t)clock_wall_ms() + 3600000);
    for (bool more = true; more; pages++) {
        s_reads = 0;
        json_t *page = desk_do(self, OP_token_list_all, "", body);
        assert_in_range(s_reads, 1, MOST);
        found += (unsigned)json_array_size(json_object_get(page, "tokens"));
        const char *next = json_string_value(json_object_get(page, "next"));
        more = next != NULL;
        if (more)
            snprintf(body, sizeof body, "{\"ends_within\":86400,\"after\":\"%s\"}", next);
        json_decref(page);
    }
    assert_int_equal(found, 1);
    assert_int_equal(pages, 4);
}

/* What a member sees does not cost what there is. */
static void a_members_lists_cost_what_it_sees(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT], bob_id[UUID_TEXT];
    people_user(self, ANN, "member", NULL);
    people_user(self, BOB, "member", NULL);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    actor_t bob = people_actor(self, BOB, USER_MEMBER, bob_id);
    s_channels(self, "bobs", 500, &bob.user, NULL);
    s_channels(self, "both", 2, &bob.user, &ann.user);
    s_channels(self, "anns", 1, &ann.user, NULL);
    static const struct {
        unsigned op, seen;
        const char *key;
    } lists[] = {{OP_channel_list, 3, "channels"},
                 {OP_bot_list, 0, "bots"},
                 {OP_extension_list, 0, "extensions"},
                 {OP_user_list, 1, "users"}};
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        error_code_t code;
        s_reads = 0;
        json_t *page = people_as(self, &ann, lists[i].op, "", "", &code);
        assert_int_equal(json_array_size(json_object_get(page, lists[i].key)), lists[i].seen);
        assert_true(json_is_null(json_object_get(page, "next")));
        assert_in_range(s_reads, 1, 40);
        json_decref(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_stranger_costs_what_nobody_does),
        DESK_TEST(many_names_cost_so_much_and_no_more),
        DESK_TEST(a_page_reads_so_much_and_no_more),
        DESK_TEST(a_members_lists_cost_what_it_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
