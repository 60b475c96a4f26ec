/* Passwords, logins and second factors, as management carries them out. */
#include "tests/unit/people.h"

#include "authd/directory/audit.h"
#include "common/base/clock.h"
#include "common/monitor/monitor.h"
#include "tests/unit/code.h"

#include <poll.h>
#include <time.h>

/* --- passwords --- */

static void ones_own_password_needs_the_old_one(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT];
    people_user(self, ANN, "member", GOOD);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    assert_int_equal(
        people_code(self, &ann, OP_user_password, ANN, "{\"password\":\"" BETTER "\"}"),
        ERROR_invalid_param);
    assert_string_equal(self->message, "old_password: is missing.");
    assert_int_equal(people_code(self, &ann, OP_user_password, ANN,
                                 "{\"password\":\"" BETTER "\",\"old_password\":\"wrong\"}"),
                     ERROR_invalid_login);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
    assert_int_equal(people_code(self, &ann, OP_user_password, ANN,
                                 "{\"password\":\"" BETTER "\",\"old_password\":\"" GOOD "\"}"),
                     ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_invalid_login);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, BETTER, NULL), ERROR_none);
}

static void a_password_has_to_be_strong(void **state)
{
    desk_t *self = *state;
    people_user(self, ANN, "member", NULL);
    static const char *const bad[] = {"{\"password\":\"short\"}",
                                      "{\"password\":\"password12345\"}",
                                      "{\"password\":\"ann.example.org\"}", "{}"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(desk_code(self, OP_user_password, ANN, bad[i]), ERROR_invalid_param);
    desk_done(self, OP_service_create, "", "{\"account\":\"robot\"}");
    assert_int_equal(desk_code(self, OP_user_password, "robot", "{\"password\":\"" GOOD "\"}"),
                     ERROR_invalid_param);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_invalid_login);
}

static void a_new_password_ends_every_session(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_session(self, ANN, GOOD, session);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_none);
    json_t *set = desk_do(self, OP_user_password, ANN, "{\"password\":\"" BETTER "\"}");
    assert_int_equal(json_integer_value(json_object_get(set, "sessions_ended")), 1);
    assert_int_equal(people_with_session(self, OP_session_show, session), ERROR_invalid_session);
    json_decref(set);
}

/* --- logins --- */

static void strangers_and_wrong_passwords_get_the_same_answer(void **state)
{
    desk_t *self = *state;
    char wrong[MANAGE_MESSAGE];
    people_user(self, ANN, "member", GOOD);
    people_user(self, BOB, "member", NULL);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, "wrong", NULL), ERROR_invalid_login);
    memcpy(wrong, self->message, sizeof wrong);
    static const char *const others[] = {"nobody@example.org", BOB, "no address"};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(people_login(self, "192.0.2.1", others[i], GOOD, NULL),
                         ERROR_invalid_login);
        assert_string_equal(self->message, wrong);
    }
    desk_done(self, OP_user_delete, ANN, "");
    assert_int_equal(people_login(self, "192.0.2.2", ANN, GOOD, NULL), ERROR_invalid_login);
    assert_string_equal(self->message, wrong);
}

/* Of all threads, whatever else the machine does. */
static int64_t s_cpu_us(void)
{
    struct timespec is;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &is);
    return is.tv_sec * 1000000 + is.tv_nsec / 1000;
}

/* The hash of a password that nobody has takes the same work: argon2id ran for both. */
static void a_stranger_costs_a_hash_like_a_user(void **state)
{
    desk_t *self = *state;
    int64_t took[2];
    people_user(self, ANN, "member", GOOD);
    for (unsigned stranger = 0; stranger < 2; stranger++) {
        int64_t hashes = metric_get(METRIC_hash_seconds);
        took[stranger] = INT64_MAX;
        for (unsigned i = 0; i < 3; i++) {
            char from[16];
            snprintf(from, sizeof from, "192.0.2.%u", 10 * stranger + i);
            int64_t began = s_cpu_us();
            people_login(self, from, stranger ? "nobody@example.org" : ANN, "wrong", NULL);
            int64_t needed = s_cpu_us() - began;
            took[stranger] = needed < took[stranger] ? needed : took[stranger];
        }
        assert_int_equal(metric_get(METRIC_hash_seconds) - hashes, 3);
    }
    /* The least of three each; a look-up alone would be a hundred times quicker. */
    assert_true(took[0] < 3 * took[1] && took[1] < 3 * took[0]);
}

/* Ten failures as fast as may be, the last of them now: a minute's wait, however slow we are. */
static void s_exhaust(desk_t *self, const char *account, const char *network)
{
    int64_t now_ms = clock_ms() - (1 + 2 + 4 + 8 + 16 + 32) * 1000;
    for (unsigned failures = 0; failures < 10;) {
        uint64_t wait =
            throttle_charge(self->accounts->throttle, slice_of(account), network, false, now_ms);
        now_ms += (int64_t)wait;
        failures += wait == 0;
    }
}

static void guessing_is_slowed_down_and_others_are_not(void **state)
{
    desk_t *self = *state;
    manage_answer_t answer;
    people_user(self, ANN, "owner", GOOD);
    people_user(self, BOB, "member", GOOD);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
    s_exhaust(self, ANN, "198.51.100.1");
    actor_t anyone = manage_anyone("198.51.100.1");
    slice_t body = slice_of("{\"email\":\"ANN@example.org\",\"password\":\"" GOOD "\"}");
    manage_run_as(self->manage, &anyone, OP_login, slice_of(""), body, &answer);
    assert_int_equal(answer.code, ERROR_rate_limited);
    assert_in_range(answer.retry_after_s, 2, 900);
    manage_clear(&answer);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.77", ANN, GOOD, NULL), ERROR_none);
    assert_int_equal(people_login(self, "198.51.100.1", BOB, GOOD, NULL), ERROR_none);
}

/* Many places guess at once: an owner gets in from where it was before. */
static void a_crowd_does_not_lock_an_owner_out(void **state)
{
    desk_t *self = *state;
    char from[32];
    unsigned refused = 0;
    people_user(self, ANN, "owner", GOOD);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(from, sizeof from, "198.51.100.%u", i);
        refused += people_login(self, from, ANN, "wrong", NULL) == ERROR_rate_limited;
    }
    assert_in_range(refused, 1, 20);
    assert_int_equal(people_login(self, "203.0.113.9", ANN, GOOD, NULL), ERROR_rate_limited);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
}

static void guessing_the_old_password_in_a_session_is_slowed_down_too(void **state)
{
    desk_t *self = *state;
    char id[UUID_TEXT];
    error_code_t code = ERROR_none;
    people_user(self, ANN, "member", GOOD);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    static const char wrong[] = "{\"password\":\"" BETTER "\",\"old_password\":\"wrong\"}";
    code = people_code(self, &ann, OP_user_password, ANN, wrong);
    assert_int_equal(code, ERROR_invalid_login);
    s_exhaust(self, ANN, "192.0.2.1");
    code = people_code(self, &ann, OP_user_password, ANN, wrong);
    assert_int_equal(code, ERROR_rate_limited);
    assert_int_equal(
        people_code(self, &ann, OP_user_totp_begin, ANN, "{\"password\":\"" GOOD "\"}"),
        ERROR_rate_limited);
}

/* --- second factors --- */

/* Enrols ANN; the secret into SECRET, the code that confirmed it into CODE, the answer with the
 * recovery codes is the caller's. */
static json_t *s_enrol(desk_t *self, char secret[64], char code[CODE_TEXT])
{
    char body[64];
    json_t *begun = desk_do(self, OP_user_totp_begin, ANN, "");
    snprintf(secret, 64, "%s", desk_text(begun, "secret"));
    assert_non_null(strstr(desk_text(begun, "url"), "otpauth://totp/Postern%3Aann%40example.org?"));
    json_decref(begun);
    code_of(secret, -1, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    return desk_do(self, OP_user_totp_confirm, ANN, body);
}

static void a_login_takes_a_code_once(void **state)
{
    desk_t *self = *state;
    char secret[64], code[CODE_TEXT], used[CODE_TEXT];
    people_user(self, ANN, "member", GOOD);
    json_decref(s_enrol(self, secret, used));
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_code_required);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, "wrong", NULL), ERROR_invalid_login);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, used), ERROR_invalid_login);
    code_of(secret, 0, code);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, "wrong", code), ERROR_invalid_login);
    assert_int_equal(people_login(self, "192.0.2.2", ANN, GOOD, code), ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.2", ANN, GOOD, code), ERROR_invalid_login);
}

static void each_recovery_code_is_good_once(void **state)
{
    desk_t *self = *state;
    char secret[64], used[CODE_TEXT];
    error_code_t code;
    people_user(self, ANN, "member", GOOD);
    json_t *enrolled = s_enrol(self, secret, used), *codes = json_object_get(enrolled, "codes");
    assert_int_equal(json_array_size(codes), 10);
    const char *third = json_string_value(json_array_get(codes, 2));
    const char *last = json_string_value(json_array_get(codes, 9));
    json_t *made = people_login_with(self, "192.0.2.1", ANN, GOOD, third, &code);
    assert_int_equal(json_integer_value(json_object_get(made, "codes_left")), 9);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, third), ERROR_invalid_login);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, last), ERROR_none);
    json_t *shown = desk_do(self, OP_user_totp_show, ANN, "");
    assert_int_equal(json_integer_value(json_object_get(shown, "codes_left")), 8);
    json_decref(enrolled);
    json_decref(made);
    json_decref(shown);
}

static void a_second_factor_is_confirmed_before_it_counts(void **state)
{
    desk_t *self = *state;
    people_user(self, ANN, "member", GOOD);
    assert_int_equal(desk_code(self, OP_user_totp_confirm, ANN, "{\"code\":\"123456\"}"),
                     ERROR_conflict);
    desk_done(self, OP_user_totp_begin, ANN, "");
    assert_int_equal(desk_code(self, OP_user_totp_confirm, ANN, "{\"code\":\"12345\"}"),
                     ERROR_invalid_param);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
}

static void removing_it_takes_the_password_or_an_owner(void **state)
{
    desk_t *self = *state;
    char secret[64], code[CODE_TEXT], anns[UUID_TEXT], bobs[UUID_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_user(self, BOB, "admin", GOOD);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, anns),
            bob = people_actor(self, BOB, USER_ADMIN, bobs);
    json_decref(s_enrol(self, secret, code));
    assert_int_equal(people_code(self, &bob, OP_user_totp_remove, ANN, ""), ERROR_not_allowed);
    assert_int_equal(people_code(self, &ann, OP_user_totp_remove, ANN, ""), ERROR_invalid_param);
    assert_int_equal(people_code(self, &ann, OP_user_totp_remove, ANN, "{\"password\":\"wrong\"}"),
                     ERROR_invalid_login);
    assert_int_equal(
        people_code(self, &ann, OP_user_totp_begin, ANN, "{\"password\":\"" GOOD "\"}"),
        ERROR_conflict);
    assert_int_equal(
        people_code(self, &ann, OP_user_totp_remove, ANN, "{\"password\":\"" GOOD "\"}"),
        ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.1", ANN, GOOD, NULL), ERROR_none);
    json_decref(s_enrol(self, secret, code));
    desk_done(self, OP_user_edit, BOB, "{\"role\":\"owner\"}");
    bob.role = USER_OWNER;
    assert_int_equal(people_code(self, &bob, OP_user_totp_remove, ANN, ""), ERROR_none);
}

static void new_recovery_codes_take_the_place_of_the_former(void **state)
{
    desk_t *self = *state;
    char secret[64], code[CODE_TEXT], body[128], id[UUID_TEXT];
    error_code_t error;
    people_user(self, ANN, "member", GOOD);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    json_t *enrolled = s_enrol(self, secret, code);
    const char *former = json_string_value(json_array_get(json_object_get(enrolled, "codes"), 0));
    snprintf(body, sizeof body, "{\"password\":\"" GOOD "\",\"code\":\"%s\"}", former);
    assert_int_equal(people_code(self, &ann, OP_user_totp_codes, ANN, body),
                     ERROR_invalid_login); /* a recovery code is no sign of the authenticator */
    code_of(secret, 0, code);
    snprintf(body, sizeof body, "{\"password\":\"" GOOD "\",\"code\":\"%s\"}", code);
    json_t *made = people_as(self, &ann, OP_user_totp_codes, ANN, body, &error);
    assert_int_equal(error, ERROR_none);
    assert_int_equal(people_code(self, &ann, OP_user_totp_codes, ANN, body),
                     ERROR_invalid_login); /* no code is good twice, and not for a login either */
    assert_int_equal(people_login(self, "192.0.2.2", ANN, GOOD, code), ERROR_invalid_login);
    json_t *codes = json_object_get(made, "codes");
    const char *fresh = json_string_value(json_array_get(codes, 0));
    assert_int_equal(json_array_size(codes), 10);
    assert_int_equal(people_login(self, "192.0.2.2", ANN, GOOD, former), ERROR_invalid_login);
    assert_int_equal(people_login(self, "192.0.2.2", ANN, GOOD, fresh), ERROR_none);
    assert_int_equal(people_login(self, "192.0.2.3", ANN, GOOD, fresh), ERROR_invalid_login);
    json_t *shown = desk_do(self, OP_user_totp_show, ANN, "");
    assert_int_equal(json_integer_value(json_object_get(shown, "codes_left")), 9);
    json_decref(enrolled);
    json_decref(made);
    json_decref(shown);
}

static void new_recovery_codes_take_the_password_and_a_code_or_an_owner(void **state)
{
    desk_t *self = *state;
    char secret[64], code[CODE_TEXT], body[128], anns[UUID_TEXT], bobs[UUID_TEXT];
    people_user(self, ANN, "member", GOOD);
    people_user(self, BOB, "admin", GOOD);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, anns),
            bob = people_actor(self, BOB, USER_ADMIN, bobs);
    assert_int_equal(desk_code(self, OP_user_totp_codes, ANN, ""), ERROR_conflict);
    json_decref(s_enrol(self, secret, code));
    code_of(secret, 0, code);
    snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
    assert_int_equal(people_code(self, &ann, OP_user_totp_codes, ANN, body), ERROR_invalid_param);
    assert_int_equal(
        people_code(self, &ann, OP_user_totp_codes, ANN, "{\"password\":\"" GOOD "\"}"),
        ERROR_invalid_param);
    snprintf(body, sizeof body, "{\"password\":\"wrong\",\"code\":\"%s\"}", code);
    assert_int_equal(people_code(self, &ann, OP_user_totp_codes, ANN, body), ERROR_invalid_login);
    assert_int_equal(people_code(self, &bob, OP_user_totp_codes, ANN, ""), ERROR_not_allowed);
    desk_done(self, OP_user_edit, BOB, "{\"role\":\"owner\"}");
    bob.role = USER_OWNER;
    assert_int_equal(people_code(self, &bob, OP_user_totp_codes, ANN, ""), ERROR_none);
    desk_done(self, OP_user_totp_codes, ANN, "");
}

/* --- what the directory and the audit hold --- */

static void no_secret_is_in_the_audit_or_the_directory(void **state)
{
    desk_t *self = *state;
    char secret[64], used[CODE_TEXT], session[TICKET_TEXT], id[UUID_TEXT], path[SCRATCH + 64];
    error_code_t code;
    people_user(self, ANN, "member", GOOD);
    people_session(self, ANN, GOOD, session);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    json_t *enrolled = s_enrol(self, secret, used);
    json_t *invited = people_invite(self, &manage_control, BOB, NULL, &code);
    people_accept(self, invited, BETTER);
    people_code(self, &ann, OP_user_totp_remove, ANN, "{\"password\":\"" GOOD "\"}");
    json_t *list = desk_do(self, OP_audit_list, "", "");
    char *text = json_dumps(list, 0);
    const char *secrets[] = {
        GOOD,
        BETTER,
        session,
        session + 26,
        secret,
        desk_text(invited, "invitation"),
        json_string_value(json_array_get(json_object_get(enrolled, "codes"), 0))};
    snprintf(path, sizeof path, "%s/data.mdb", self->yard->store);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    fseek(in, 0, SEEK_END);
    size_t len = (size_t)ftell(in);
    char *data = malloc(len);
    rewind(in);
    assert_int_equal(fread(data, 1, len, in), len);
    fclose(in);
    assert_non_null(memmem(data, len, "$argon2id$", 10));
    for (unsigned i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        assert_null(strstr(text, secrets[i]));
        assert_null(memmem(data, len, secrets[i], strlen(secrets[i])));
    }
    assert_non_null(strstr(text, "invitation_accept"));
    free(data);
    free(text);
    json_decref(list);
    json_decref(invited);
    json_decref(enrolled);
}

/* A login is written down as its user's, from where it came. */
static void a_login_is_audited_as_its_users(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT], id[UUID_TEXT];
    people_user(self, ANN, "member", GOOD);
    actor_t ann = people_actor(self, ANN, USER_MEMBER, id);
    (void)ann;
    people_session(self, ANN, GOOD, session);
    json_t *list = desk_do(self, OP_audit_list, "", "{\"last\":1}");
    json_t *row = json_array_get(json_object_get(list, "rows"), 0);
    assert_string_equal(desk_text(row, "op"), "login");
    assert_string_equal(desk_text(row, "who"), id);
    assert_string_equal(desk_text(row, "from"), "192.0.2.1");
    json_decref(list);
}

/* --- a full directory --- */

/* The desk's directory again, with a small map. */
static void s_shrink(desk_t *self, uint64_t map_bytes)
{
    yard_t *yard = self->yard;
    directory_options_t options = {
        .path = yard->store, .key_path = yard->key, .map_bytes = map_bytes};
    manage_destroy(&self->manage);
    directory_close(&yard->directory);
    yard->directory = directory_open(&options, yard->err, sizeof yard->err);
    assert_non_null(yard->directory);
    self->manage = manage_new(yard->directory, &desk_limits, "https://h.example");
    manage_accounts(self->manage, self->accounts);
}

/* A commit's copies of pages must fit into what the directory keeps back: 5 % of a small map. */
enum { FILL = 10 };

static void s_fill(desk_t *self)
{
    unsigned number = 0;
    directory_t *directory = self->yard->directory;
    /* What can be used again is counted once a second, or when it is inspected. */
    for (; directory_has_room(directory); directory_inspect(directory)) {
        YARD_CHANGE(self->yard, view);
        for (unsigned i = 0; i < FILL; i++) {
            char email[32];
            snprintf(email, sizeof email, "u%u@example.org", number++);
            user_t user = {.name = slice_of("Some One"), .email = slice_of(email)};
            uuid_new(&user.id);
            assert_int_equal(users_add(view, &user), 0);
        }
        YARD_DONE(view);
    }
}

/* Who is to make room can log in for it. */
static void one_logs_in_and_out_when_there_is_no_room(void **state)
{
    desk_t *self = *state;
    char session[TICKET_TEXT];
    s_shrink(self, 2 << 20);
    people_user(self, ANN, "owner", GOOD);
    s_fill(self);
    assert_int_equal(desk_code(self, OP_user_create, "", "{\"email\":\"late@example.org\"}"),
                     ERROR_storage_full);
    assert_int_equal(desk_code(self, OP_user_password, ANN, "{\"password\":\"" BETTER "\"}"),
                     ERROR_storage_full);
    people_session(self, ANN, GOOD, session);
    desk_done(self, OP_user_delete, "u1@example.org", "");
    assert_int_equal(people_with_session(self, OP_logout, session), ERROR_none);
}

/* --- the loop does not wait --- */

typedef struct {
    unsigned done;
    error_code_t code;
} seen_t;

static void s_on_done(void *arg, manage_answer_t *answer)
{
    seen_t *seen = arg;
    seen->done++;
    seen->code = answer->code;
}

static void other_operations_go_on_while_a_password_is_hashed(void **state)
{
    desk_t *self = *state;
    seen_t seen = {0};
    manage_answer_t answer;
    unsigned waiting = 0, refused = 0;
    actor_t anyone;
    char from[32];
    people_user(self, ANN, "member", GOOD);
    for (unsigned i = 0; i < HASHER_JOBS + 5; i++) {
        snprintf(from, sizeof from, "10.0.%u.1", i);
        anyone = manage_anyone(from);
        char body[96];
        snprintf(body, sizeof body, "{\"email\":\"x%u@example.org\",\"password\":\"wrong\"}", i);
        manage_request_t request = {
            .actor = &anyone, .op = OP_login, .target = slice_of(""), .body = slice_of(body)};
        if (!manage_start(self->manage, &request, &answer, s_on_done, &seen)) {
            waiting++;
            continue;
        }
        assert_int_equal(answer.code, ERROR_overloaded);
        refused++;
    }
    assert_int_equal(waiting, HASHER_JOBS);
    assert_int_equal(refused, 5);
    int64_t began = clock_ms();
    desk_done(self, OP_user_show, ANN, "");
    assert_int_equal(seen.done, 0);
    assert_true(clock_ms() - began < 1000);
    while (seen.done < 3) {
        struct pollfd at = {.fd = manage_fd(self->manage), .events = POLLIN};
        assert_int_equal(poll(&at, 1, 20000), 1);
        manage_turn(self->manage);
    }
    assert_int_equal(seen.code, ERROR_invalid_login);
    /* What is left is answered when management ends. */
    manage_destroy(&self->manage);
    assert_int_equal(seen.done, waiting);
}

/* A flood of one account's right passwords, of its invitations' and of its own new ones. */
static void one_accounts_flood_leaves_room_for_others(void **state)
{
    desk_t *self = *state;
    seen_t seen = {0};
    manage_answer_t answer;
    char id[UUID_TEXT];
    unsigned taken = 0;
    people_user(self, ANN, "owner", GOOD);
    people_user(self, BOB, "member", GOOD);
    actor_t ann = people_actor(self, ANN, USER_OWNER, id), stranger = manage_anyone("192.0.2.1");
    for (unsigned i = 0; i < 2 * HASHER_JOBS; i++) {
        bool login = i % 2 == 0;
        manage_request_t request = {.actor = login ? &stranger : &ann,
                                    .op = login ? OP_login : OP_user_password,
                                    .target = slice_of(login ? "" : ANN),
                                    .body = slice_of(login ? "{\"email\":\"" ANN
                                                             "\",\"password\":\"" GOOD "\"}"
                                                           : "{\"password\":\"" BETTER
                                                             "\",\"old_password\":\"" GOOD "\"}")};
        if (!manage_start(self->manage, &request, &answer, s_on_done, &seen)) {
            taken++;
            continue;
        }
        assert_int_equal(answer.code, ERROR_rate_limited);
    }
    assert_int_equal(taken, HASHER_SHARE);
    assert_string_equal(answer.message, "2 passwords of this account, or from this network, are "
                                        "being checked: try again in 1 s.");
    assert_int_equal(people_login(self, "192.0.2.7", BOB, GOOD, NULL), ERROR_none);
    /* what was refused is no failure that counts */
    assert_int_equal(people_login(self, "192.0.2.1", ANN, "wrong", NULL), ERROR_invalid_login);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(ones_own_password_needs_the_old_one),
        DESK_TEST(a_password_has_to_be_strong),
        DESK_TEST(a_new_password_ends_every_session),
        DESK_TEST(strangers_and_wrong_passwords_get_the_same_answer),
        DESK_TEST(a_stranger_costs_a_hash_like_a_user),
        DESK_TEST(guessing_is_slowed_down_and_others_are_not),
        DESK_TEST(a_crowd_does_not_lock_an_owner_out),
        DESK_TEST(guessing_the_old_password_in_a_session_is_slowed_down_too),
        DESK_TEST(a_login_takes_a_code_once),
        DESK_TEST(each_recovery_code_is_good_once),
        DESK_TEST(a_second_factor_is_confirmed_before_it_counts),
        DESK_TEST(removing_it_takes_the_password_or_an_owner),
        DESK_TEST(new_recovery_codes_take_the_place_of_the_former),
        DESK_TEST(new_recovery_codes_take_the_password_and_a_code_or_an_owner),
        DESK_TEST(no_secret_is_in_the_audit_or_the_directory),
        DESK_TEST(a_login_is_audited_as_its_users),
        DESK_TEST(one_logs_in_and_out_when_there_is_no_room),
        DESK_TEST(other_operations_go_on_while_a_password_is_hashed),
        DESK_TEST(one_accounts_flood_leaves_room_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
