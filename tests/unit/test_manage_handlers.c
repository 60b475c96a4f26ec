/* Handlers of bots and of extensions' apps: set, shown, cleared, their secrets rotated. */
#include "tests/unit/desk.h"

#include "authd/directory/audit.h"
#include "authd/directory/handlers.h"
#include "common/base/clock.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

enum { DAY_S = 86400 };

#define URL "https://h.example/hook"

static void s_bot(desk_t *self)
{
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_bot_create, "", "{\"name\":\"buildbot\",\"owner\":\"" ANN "\"}");
}

static json_t *s_set(desk_t *self)
{
    return desk_do(self, OP_bot_handler_set, "buildbot", "{\"url\":\"" URL "\"}");
}

static json_int_t s_number(const json_t *reply, const char *name)
{
    const json_t *value = json_object_get(reply, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static size_t s_secrets(const json_t *reply)
{
    return json_array_size(json_object_get(reply, "secrets"));
}

/* What a worker would be told WALL_MS from now on; its bytes go into RECORD. */
static wire_handler_t s_told(desk_t *self, const json_t *shown, uint64_t wall_ms, pack_t *record)
{
    uuid_t7 target;
    handler_t handler;
    wire_handler_t told;
    const char *id = desk_text(shown, "target");
    assert_int_equal(uuid_parse(id, strlen(id), &target), 0);
    YARD_CHANGE(self->yard, view);
    assert_true(handlers_get(view, &target, &handler));
    pack_reset(record);
    handler_record(view, &handler, wall_ms, record);
    view_abort(&view);
    assert_int_equal(wire_handler_decode(&told, slice(record->data, record->len)), 0);
    return told;
}

static void a_secret_shows_once_and_settings_stay(void **state)
{
    desk_t *self = *state;
    pack_t record = {0};
    s_bot(self);
    assert_int_equal(desk_code(self, OP_bot_handler_show, "buildbot", ""), ERROR_not_found);
    json_t *set = s_set(self);
    assert_int_equal(strncmp(desk_text(set, "secret"), "whsec_", 6), 0);
    assert_int_equal(s_number(set, "concurrency"), HANDLER_CONCURRENCY);
    assert_int_equal(s_number(set, "bound_s"), HANDLER_BOUND_S);
    assert_int_equal(s_number(set, "wait_s"), 0);
    json_t *shown = desk_do(self, OP_bot_handler_show, "buildbot", "");
    assert_null(json_object_get(shown, "secret"));
    assert_string_equal(desk_text(shown, "url"), URL);
    assert_int_equal(s_secrets(shown), 1);
    json_t *changed =
        desk_do(self, OP_bot_handler_set, "buildbot",
                "{\"url\":\"" URL "2\",\"ordered\":true,\"bound_s\":60,\"wait_s\":8}");
    assert_null(json_object_get(changed, "secret"));
    assert_true(s_number(changed, "version") > s_number(set, "version"));
    json_t *kept =
        desk_do(self, OP_bot_handler_set, "buildbot", "{\"url\":\"" URL "3\",\"concurrency\":256}");
    assert_true(json_is_true(json_object_get(kept, "ordered")));
    assert_int_equal(s_number(kept, "bound_s"), 60);
    assert_int_equal(s_number(kept, "wait_s"), 8);
    wire_handler_t told = s_told(self, kept, (uint64_t)clock_wall_ms(), &record);
    assert_true(slice_is(told.url, URL "3") && slice_is(told.name, "buildbot") && told.ordered);
    assert_int_equal(told.secrets, 1);
    assert_true(slice_is(told.secret[0].text, desk_text(set, "secret")));
    pack_wipe(&record);
    json_decref(set);
    json_decref(shown);
    json_decref(changed);
    json_decref(kept);
}

static void a_cleared_one_is_told_and_set_anew(void **state)
{
    desk_t *self = *state;
    pack_t record = {0};
    s_bot(self);
    json_t *set = s_set(self), *gone = desk_do(self, OP_bot_handler_clear, "buildbot", "");
    assert_int_equal(desk_code(self, OP_bot_handler_clear, "buildbot", ""), ERROR_not_found);
    assert_int_equal(desk_code(self, OP_bot_handler_rotate, "buildbot", ""), ERROR_not_found);
    wire_handler_t told = s_told(self, gone, (uint64_t)clock_wall_ms(), &record);
    assert_true(told.url.len == 0 && told.secrets == 0 && told.key.len == 0);
    assert_true(told.version > (uint64_t)s_number(set, "version"));
    json_t *again = s_set(self);
    assert_string_not_equal(desk_text(again, "secret"), desk_text(set, "secret"));
    assert_true(s_number(again, "version") > s_number(gone, "version"));
    pack_wipe(&record);
    json_decref(set);
    json_decref(gone);
    json_decref(again);
}

static void what_can_never_be_called_is_refused(void **state)
{
    desk_t *self = *state;
    static const char *const urls[] = {"ftp://h.example/", "https://a@h.example/", "h.example",
                                       "http://0177.1/",   "https://h.example/#x", "http://127.1/"};
    char body[128];
    s_bot(self);
    for (unsigned i = 0; i < sizeof urls / sizeof *urls; i++) {
        snprintf(body, sizeof body, "{\"url\":\"%s\"}", urls[i]);
        assert_int_equal(desk_code(self, OP_bot_handler_set, "buildbot", body),
                         ERROR_invalid_param);
        assert_int_equal(strncmp(self->message, "url: ", 5), 0);
    }
    static const char *const more[] = {
        "\"concurrency\":0", "\"concurrency\":257",    "\"bound_s\":432001", "\"wait_s\":9",
        "\"ordered\":1",     "\"rsa_key\":\"no key\"", "\"secret\":\"x\""};
    for (unsigned i = 0; i < sizeof more / sizeof *more; i++) {
        snprintf(body, sizeof body, "{\"url\":\"" URL "\",%s}", more[i]);
        assert_int_equal(desk_code(self, OP_bot_handler_set, "buildbot", body),
                         ERROR_invalid_param);
    }
    assert_int_equal(desk_code(self, OP_bot_handler_set, "nobot", "{\"url\":\"" URL "\"}"),
                     ERROR_unknown_bot);
    assert_int_equal(desk_code(self, OP_bot_handler_show, "buildbot", ""), ERROR_not_found);
    desk_done(self, OP_bot_delete, "buildbot", "");
    assert_int_equal(desk_code(self, OP_bot_handler_set, "buildbot", "{\"url\":\"" URL "\"}"),
                     ERROR_archived);
}

static char *s_pem(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    BIO *out = BIO_new(BIO_s_mem());
    char *text;
    assert_true(key && out && PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL));
    long len = BIO_get_mem_data(out, &text);
    char *copy = strndup(text, (size_t)len);
    BIO_free(out);
    EVP_PKEY_free(key);
    return copy;
}

static void an_rsa_key_is_checked_kept_and_never_shown(void **state)
{
    desk_t *self = *state;
    pack_t record = {0};
    char *good = s_pem(2048), *small = s_pem(1024);
    s_bot(self);
    json_t *body = json_pack("{s:s, s:s}", "url", URL, "rsa_key", small);
    char *text = json_dumps(body, 0);
    assert_int_equal(desk_code(self, OP_bot_handler_set, "buildbot", text), ERROR_invalid_param);
    free(text);
    json_object_set_new(body, "rsa_key", json_string(good));
    text = json_dumps(body, 0);
    json_t *set = desk_do(self, OP_bot_handler_set, "buildbot", text);
    assert_true(json_is_true(json_object_get(set, "rsa_key")));
    wire_handler_t told = s_told(self, set, (uint64_t)clock_wall_ms(), &record);
    assert_true(slice_is(told.key, good));
    json_t *rows = desk_do(self, OP_audit_list, "", "");
    char *audit = json_dumps(rows, 0);
    assert_non_null(strstr(audit, "bot_handler_set"));
    assert_null(strstr(audit, "BEGIN"));
    assert_null(strstr(audit, "whsec_"));
    json_t *without =
        desk_do(self, OP_bot_handler_set, "buildbot", "{\"url\":\"" URL "\",\"rsa_key\":\"\"}");
    assert_true(json_is_false(json_object_get(without, "rsa_key")));
    json_decref(body);
    json_decref(set);
    json_decref(rows);
    json_decref(without);
    free(text);
    free(audit);
    free(good);
    free(small);
    pack_wipe(&record);
}

static void each_environment_has_a_handler_of_its_own(void **state)
{
    desk_t *self = *state;
    static const char which[] = "{\"environment\":\"marketplace\"}";
    s_bot(self);
    desk_done(self, OP_extension_create, "", "{\"name\":\"shop\",\"owner\":\"" ANN "\"}");
    assert_int_equal(desk_code(self, OP_extension_handler_set, "shop", "{\"url\":\"" URL "\"}"),
                     ERROR_invalid_param);
    json_t *sandbox = desk_do(self, OP_extension_handler_set, "shop",
                              "{\"url\":\"" URL "\",\"environment\":\"sandbox\"}");
    assert_int_equal(desk_code(self, OP_extension_handler_show, "shop", which), ERROR_not_found);
    json_t *market = desk_do(self, OP_extension_handler_set, "shop",
                             "{\"url\":\"" URL "/m\",\"environment\":\"marketplace\"}");
    assert_string_not_equal(desk_text(sandbox, "target"), desk_text(market, "target"));
    assert_string_not_equal(desk_text(sandbox, "secret"), desk_text(market, "secret"));
    desk_done(self, OP_extension_handler_clear, "shop", which);
    json_t *shown =
        desk_do(self, OP_extension_handler_show, "shop", "{\"environment\":\"sandbox\"}");
    assert_string_equal(desk_text(shown, "url"), URL);
    json_decref(sandbox);
    json_decref(market);
    json_decref(shown);
}

static uuid_t7 s_changed[8];
static unsigned s_changes;

static void s_on_change(void *arg, const uuid_t7 *target)
{
    (void)arg;
    assert_true(s_changes < 8);
    s_changed[s_changes++] = *target;
}

static void each_change_is_told_of_and_a_new_name_is_one(void **state)
{
    desk_t *self = *state;
    pack_t record = {0};
    s_bot(self);
    manage_watch(self->manage, s_on_change, NULL);
    s_changes = 0;
    desk_done(self, OP_bot_edit, "buildbot", "{\"name\":\"builder\"}");
    assert_int_equal(s_changes, 0);
    desk_done(self, OP_bot_edit, "builder", "{\"name\":\"buildbot\"}");
    json_t *set = s_set(self);
    assert_int_equal(s_changes, 1);
    assert_int_equal(desk_code(self, OP_bot_handler_set, "buildbot", "{\"url\":\"x\"}"),
                     ERROR_invalid_param);
    desk_done(self, OP_bot_handler_show, "buildbot", "");
    assert_int_equal(s_changes, 1);
    desk_done(self, OP_bot_edit, "buildbot", "{\"name\":\"builds\"}");
    assert_int_equal(s_changes, 2);
    assert_true(uuid_eq(&s_changed[0], &s_changed[1]));
    wire_handler_t told = s_told(self, set, (uint64_t)clock_wall_ms(), &record);
    assert_true(slice_is(told.name, "builds"));
    assert_true(told.version > (uint64_t)s_number(set, "version"));
    desk_done(self, OP_bot_handler_rotate, "builds", "");
    desk_done(self, OP_bot_handler_clear, "builds", "");
    assert_int_equal(s_changes, 4);
    pack_wipe(&record);
    json_decref(set);
}

/* A worker shares its calls out by it. */
static void the_owner_is_told_and_so_is_a_new_one(void **state)
{
    static const unsigned ops[][4] = {
        {OP_bot_create, OP_bot_handler_set, OP_bot_edit, OP_bot_handler_show},
        {OP_extension_create, OP_extension_handler_set, OP_extension_edit,
         OP_extension_handler_show},
    };
    static const char which[] = "{\"environment\":\"marketplace\"}";
    desk_t *self = *state;
    pack_t record = {0};
    char id[UUID_TEXT];
    desk_done(self, OP_user_create, "", desk_ann);
    desk_done(self, OP_user_create, "", "{\"email\":\"bob@example.org\"}");
    for (unsigned i = 0; i < 2; i++) {
        const char *url =
            i ? "{\"url\":\"" URL "\",\"environment\":\"marketplace\"}" : "{\"url\":\"" URL "\"}";
        json_t *made = desk_do(self, ops[i][0], "", "{\"name\":\"one\",\"owner\":\"" ANN "\"}");
        json_t *set = desk_do(self, ops[i][1], "one", url);
        wire_handler_t told = s_told(self, set, (uint64_t)clock_wall_ms(), &record);
        uuid_text(&told.owner, id);
        assert_string_equal(id, desk_text(made, "owner"));
        json_t *edited = desk_do(self, ops[i][2], "one", "{\"owner\":\"bob@example.org\"}");
        json_t *shown = desk_do(self, ops[i][3], "one", i ? which : "");
        assert_true(s_number(shown, "version") > s_number(set, "version"));
        told = s_told(self, shown, (uint64_t)clock_wall_ms(), &record);
        uuid_text(&told.owner, id);
        assert_string_equal(id, desk_text(edited, "owner"));
        json_decref(made);
        json_decref(set);
        json_decref(edited);
        json_decref(shown);
    }
    pack_wipe(&record);
}

static void ten_secrets_are_the_most(void **state)
{
    desk_t *self = *state;
    s_bot(self);
    json_decref(s_set(self));
    for (unsigned i = 1; i < HANDLER_SECRETS; i++)
        desk_done(self, OP_bot_handler_rotate, "buildbot", "");
    assert_int_equal(desk_code(self, OP_bot_handler_rotate, "buildbot", ""), ERROR_conflict);
    assert_int_equal(desk_code(self, OP_bot_handler_rotate, "buildbot", "{\"overlap\":604801}"),
                     ERROR_invalid_param);
    json_t *now = desk_do(self, OP_bot_handler_rotate, "buildbot", "{\"overlap\":0}");
    assert_int_equal(s_secrets(now), 1);
    json_decref(now);
}

/* Random rotations, seconds in and milliseconds out: a secret that was replaced signs to the end of
 * its overlap, or of a later one that is shorter, and not a millisecond longer; the newest has no
 * end. */
static void rotations_give_each_secret_its_window(void **state)
{
    desk_t *self = *state;
    pack_t record = {0};
    uint64_t now_ms;
    srand(20261124);
    s_bot(self);
    for (unsigned round = 0; round < 30; round++) {
        char texts[HANDLER_SECRETS][128], body[64];
        uint64_t from[HANDLER_SECRETS], to[HANDLER_SECRETS]; /* when it ends, between these */
        unsigned made = 1;
        json_t *last = s_set(self);
        snprintf(texts[0], sizeof texts[0], "%s", desk_text(last, "secret"));
        for (; made < 2 + (unsigned)rand() % (HANDLER_SECRETS - 1); made++) {
            uint64_t overlap_s = 1 + (uint64_t)rand() % (7 * DAY_S);
            snprintf(body, sizeof body, "{\"overlap\":%u}", (unsigned)overlap_s);
            uint64_t before = (uint64_t)clock_wall_ms();
            json_decref(last);
            last = desk_do(self, OP_bot_handler_rotate, "buildbot", body);
            uint64_t after = (uint64_t)clock_wall_ms();
            snprintf(texts[made], sizeof texts[made], "%s", desk_text(last, "secret"));
            for (unsigned i = 0; i < made; i++) {
                bool first = i == made - 1;
                if (first || from[i] > before + overlap_s * 1000)
                    from[i] = before + overlap_s * 1000;
                if (first || to[i] > after + overlap_s * 1000)
                    to[i] = after + overlap_s * 1000;
            }
        }
        for (unsigned probe = 0; probe < 30; probe++) {
            now_ms = (uint64_t)clock_wall_ms() + (uint64_t)rand() % (8ull * DAY_S * 1000);
            wire_handler_t told = s_told(self, last, now_ms, &record);
            assert_true(told.secrets >= 1);
            assert_true(slice_is(told.secret[0].text, texts[made - 1]));
            assert_int_equal(told.secret[0].left_ms, 0);
            unsigned at = 1;
            for (unsigned i = made - 1; i-- > 0;) {
                bool there = at < told.secrets && slice_is(told.secret[at].text, texts[i]);
                if (now_ms < from[i])
                    assert_true(there);
                if (now_ms >= to[i])
                    assert_false(there);
                if (!there)
                    continue;
                assert_true(now_ms + told.secret[at].left_ms >= from[i]);
                assert_true(now_ms + told.secret[at].left_ms <= to[i]);
                at++;
            }
            assert_int_equal(at, told.secrets);
        }
        json_decref(last);
        desk_done(self, OP_bot_handler_clear, "buildbot", "");
    }
    pack_wipe(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DESK_TEST(a_secret_shows_once_and_settings_stay),
        DESK_TEST(a_cleared_one_is_told_and_set_anew),
        DESK_TEST(what_can_never_be_called_is_refused),
        DESK_TEST(an_rsa_key_is_checked_kept_and_never_shown),
        DESK_TEST(each_environment_has_a_handler_of_its_own),
        DESK_TEST(each_change_is_told_of_and_a_new_name_is_one),
        DESK_TEST(the_owner_is_told_and_so_is_a_new_one),
        DESK_TEST(ten_secrets_are_the_most),
        DESK_TEST(rotations_give_each_secret_its_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
