/* What a worker knows of handlers: the newest counts, it outlives the process, and no secret signs
 * past its end. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/wire/handler.h"
#include "scratch.h"
#include "workers/delivery/handlers.h"
#include "workers/journal/lmdb/writing.h"
#include "workers/journal/outbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HOUR = 3600000 };

typedef struct {
    char path[SCRATCH], journal_path[SCRATCH + 32], key[SCRATCH + 32], former[SCRATCH + 32];
    char err[512];
    journal_t *journal;
    handlers_t *handlers;
    int64_t now_ms;
} case_t;

static void s_open(case_t *self)
{
    journal_options_t options = {.path = self->journal_path,
                                 .kind = "bot",
                                 .shards = 1,
                                 .room_bytes = 64 << 20,
                                 .keys = 1000,
                                 .retention_ms = 24ull * HOUR,
                                 .delivery_retention_ms = 24ull * HOUR};
    self->journal = journal_open(&options, self->now_ms, self->err, sizeof self->err);
    if (!self->journal)
        fail_msg("%s", self->err);
    self->handlers = handlers_new(self->journal, self->key, self->former, self->now_ms, self->err,
                                  sizeof self->err);
}

static void s_close(case_t *self)
{
    handlers_destroy(&self->handlers);
    journal_close(&self->journal);
}

static int s_setup(void **state)
{
    case_t *self = calloc(1, sizeof *self);
    scratch_make(self->path);
    snprintf(self->journal_path, sizeof self->journal_path, "%s/bot-0", self->path);
    snprintf(self->key, sizeof self->key, "%s/bot.key", self->path);
    snprintf(self->former, sizeof self->former, "%s/bot-0.key", self->path);
    self->now_ms = 1000000;
    s_open(self);
    *state = self;
    return self->handlers ? 0 : -1;
}

static int s_teardown(void **state)
{
    case_t *self = *state;
    s_close(self);
    scratch_remove(self->path);
    free(self);
    return 0;
}

static void s_commit(case_t *self)
{
    journal_tend(self->journal, self->now_ms);
    self->now_ms += JOURNAL_CHECKPOINT_MS;
    journal_tend(self->journal, self->now_ms);
}

static uuid_t7 s_target(unsigned number)
{
    uuid_t7 id = {{0}};
    memcpy(id.bytes + 8, &number, sizeof number);
    return id;
}

static wire_handler_t s_handler(uint64_t version, const char *url)
{
    return (wire_handler_t){.version = version,
                            .url = slice_of(url),
                            .name = slice_of("buildbot"),
                            .concurrency = 8,
                            .bound_s = 3600,
                            .key = slice("", 0)};
}

static int s_learn(case_t *self, unsigned number, const wire_handler_t *handler)
{
    pack_t record = {0};
    uuid_t7 target = s_target(number);
    wire_handler_encode(&record, handler);
    int rc = handlers_learn(self->handlers, &target, slice(record.data, record.len), self->now_ms);
    pack_wipe(&record);
    return rc;
}

static const delivery_handler_t *s_get(case_t *self, unsigned number)
{
    uuid_t7 target = s_target(number);
    return handlers_get(self->handlers, &target);
}

static void the_newest_counts(void **state)
{
    case_t *self = *state;
    wire_handler_t first = s_handler(5, "https://a.example/"), later = s_handler(6, "");
    assert_null(s_get(self, 1));
    first.ordered = true;
    assert_int_equal(s_learn(self, 1, &first), 0);
    const delivery_handler_t *known = s_get(self, 1);
    assert_string_equal(known->url, "https://a.example/");
    assert_true(slice_is(known->name, "buildbot"));
    assert_true(known->ordered && known->concurrency == 8);
    assert_int_equal(known->bound_ms, HOUR);
    first.url = slice_of("https://b.example/");
    assert_int_equal(s_learn(self, 1, &first), 0);
    assert_string_equal(s_get(self, 1)->url, "https://a.example/");
    assert_int_equal(s_learn(self, 1, &later), 0);
    assert_string_equal(s_get(self, 1)->url, "");
    first.version = 4;
    assert_int_equal(s_learn(self, 1, &first), 0);
    assert_int_equal(s_get(self, 1)->version, 6);
}

/* An authd of before it could be told has told the same version without it. */
static void the_same_version_tells_that_the_target_is_archived(void **state)
{
    case_t *self = *state;
    wire_handler_t handler = s_handler(5, "https://a.example/");
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_false(s_get(self, 1)->archived);
    handler.archived = true;
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_true(s_get(self, 1)->archived);
    handler.archived = false;
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_true(s_get(self, 1)->archived);
    s_commit(self);
    s_close(self);
    s_open(self);
    assert_true(s_get(self, 1)->archived);
    handler.version = 6;
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_false(s_get(self, 1)->archived);
}

/* Likewise. */
static void the_same_version_tells_whose_the_target_is(void **state)
{
    case_t *self = *state;
    wire_handler_t handler = s_handler(5, "https://a.example/");
    uuid_t7 itself = s_target(1), ada = s_target(77), bob = s_target(78);
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_true(uuid_eq(&s_get(self, 1)->owner, &itself));
    handler.owner = ada;
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_true(uuid_eq(&s_get(self, 1)->owner, &ada));
    handler.owner = bob;
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_true(uuid_eq(&s_get(self, 1)->owner, &ada));
    handler.version = 6;
    assert_int_equal(s_learn(self, 1, &handler), 0);
    s_commit(self);
    s_close(self);
    s_open(self);
    assert_true(uuid_eq(&s_get(self, 1)->owner, &bob));
}

static void what_does_not_decode_changes_nothing(void **state)
{
    case_t *self = *state;
    uuid_t7 target = s_target(1);
    wire_handler_t handler = s_handler(5, "https://a.example/");
    assert_int_equal(s_learn(self, 1, &handler), 0);
    handler.version = 6;
    handler.key = slice_of("-----BEGIN no key");
    assert_int_equal(s_learn(self, 1, &handler), -1);
    handler.key = slice("", 0);
    handler.secrets = 1;
    handler.secret[0].text = slice_of("whsec_short");
    assert_int_equal(s_learn(self, 1, &handler), -1);
    assert_int_equal(handlers_learn(self->handlers, &target, slice_of("x"), self->now_ms), -1);
    assert_int_equal(s_get(self, 1)->version, 5);
}

static void it_outlives_the_process_and_is_kept_once_committed(void **state)
{
    case_t *self = *state;
    whsec_t secret, signs[HANDLER_SECRETS];
    char text[WHSEC_TEXT];
    whsec_make(&secret);
    whsec_text(&secret, text);
    uuid_t7 target = s_target(7);
    for (unsigned i = 0; i < 200; i++) {
        wire_handler_t handler = s_handler(i + 1, "https://a.example/");
        handler.secrets = 1;
        handler.secret[0].text = slice_of(text);
        assert_int_equal(s_learn(self, i, &handler), 0);
    }
    assert_false(handlers_kept(self->handlers, &target));
    s_commit(self);
    assert_true(handlers_kept(self->handlers, &target));
    s_close(self);
    s_open(self);
    assert_non_null(self->handlers);
    assert_true(handlers_kept(self->handlers, &target));
    for (unsigned i = 0; i < 200; i++) {
        uuid_t7 each = s_target(i);
        assert_int_equal(handlers_get(self->handlers, &each)->version, i + 1);
    }
    assert_int_equal(handlers_secrets(self->handlers, &target, self->now_ms, signs), 1);
    assert_int_equal(signs[0].len, secret.len);
    assert_memory_equal(signs[0].bytes, secret.bytes, secret.len);
}

/* The files of the journal hold neither the text of the secret nor its bytes. */
static void no_secret_lies_in_the_journal(void **state)
{
    case_t *self = *state;
    whsec_t secret;
    char text[WHSEC_TEXT], command[2 * SCRATCH + 256], hex[2 * WHSEC_MAX + 1];
    struct stat is;
    whsec_make(&secret);
    whsec_text(&secret, text);
    for (size_t i = 0; i < secret.len; i++)
        snprintf(hex + 2 * i, 3, "%02x", secret.bytes[i]);
    wire_handler_t handler = s_handler(1, "https://a.example/canary");
    handler.secrets = 1;
    handler.secret[0].text = slice_of(text);
    assert_int_equal(s_learn(self, 1, &handler), 0);
    s_commit(self);
    s_close(self);
    snprintf(command, sizeof command, "grep -rqF -e '%s' -e 'a.example/canary' '%s'", text,
             self->path);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command,
             "cat '%s'/bot-0/* | od -An -v -tx1 | tr -d ' \\n' | grep -q %s", self->path, hex);
    assert_int_not_equal(system(command), 0);
    assert_int_equal(stat(self->key, &is), 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    s_open(self);
    assert_string_equal(s_get(self, 1)->url, "https://a.example/canary");
}

static void another_key_leaves_the_row_out_and_a_bad_one_is_refused(void **state)
{
    case_t *self = *state;
    wire_handler_t handler = s_handler(1, "https://a.example/");
    assert_int_equal(s_learn(self, 1, &handler), 0);
    s_commit(self);
    s_close(self);
    assert_int_equal(unlink(self->key), 0);
    s_open(self);
    assert_non_null(self->handlers);
    assert_null(s_get(self, 1));
    assert_int_equal(s_learn(self, 1, &handler), 0);
    assert_non_null(s_get(self, 1));
    s_close(self);
    assert_int_equal(chmod(self->key, 0644), 0);
    s_open(self);
    assert_null(self->handlers);
    assert_non_null(strstr(self->err, "chmod 600"));
    journal_close(&self->journal);
    assert_int_equal(chmod(self->key, 0600), 0);
    assert_int_equal(truncate(self->key, 10), 0);
    s_open(self);
    assert_null(self->handlers);
    assert_non_null(strstr(self->err, "64 hex digits"));
}

/* One that the version before has made, for this shard alone. */
static void the_former_key_becomes_that_of_the_workers(void **state)
{
    case_t *self = *state;
    wire_handler_t handler = s_handler(1, "https://a.example/");
    assert_int_equal(s_learn(self, 1, &handler), 0);
    s_commit(self);
    s_close(self);
    assert_int_equal(rename(self->key, self->former), 0);
    s_open(self);
    assert_non_null(s_get(self, 1));
    assert_int_equal(access(self->former, F_OK), 0);
    s_close(self);
    s_open(self);
    assert_non_null(s_get(self, 1));
    assert_int_not_equal(access(self->former, F_OK), 0);
}

/* Another shard's has become it: what the former one has encrypted is encrypted anew. */
static void beside_another_key_the_former_one_is_needed_once(void **state)
{
    case_t *self = *state;
    char another[SCRATCH + 32];
    wire_handler_t handler = s_handler(1, "https://a.example/");
    snprintf(another, sizeof another, "%s/another", self->path);
    s_close(self);
    assert_int_equal(rename(self->key, another), 0);
    s_open(self);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(s_learn(self, i, &handler), 0);
    s_commit(self);
    s_close(self);
    assert_int_equal(rename(self->key, self->former), 0);
    assert_int_equal(rename(another, self->key), 0);
    s_open(self);
    assert_non_null(s_get(self, 49));
    assert_int_equal(access(self->former, F_OK), 0);
    s_commit(self);
    s_close(self);
    s_open(self);
    assert_int_not_equal(access(self->former, F_OK), 0);
    for (unsigned i = 0; i < 50; i++)
        assert_non_null(s_get(self, i));
}

/* What it had encrypted authd tells again. */
static void a_former_key_that_is_none_stops_nothing(void **state)
{
    case_t *self = *state;
    s_close(self);
    FILE *file = fopen(self->former, "w");
    fputs("none", file);
    fclose(file);
    s_open(self);
    assert_non_null(self->handlers);
    assert_int_equal(access(self->former, F_OK), 0);
}

/* Durations are milliseconds everywhere: a secret signs while its time is not up, and not a
 * millisecond longer, whatever else signs. */
static void a_secret_signs_exactly_within_its_window(void **state)
{
    case_t *self = *state;
    srand(20261124);
    for (unsigned round = 1; round <= 300; round++) {
        char text[HANDLER_SECRETS][WHSEC_TEXT];
        whsec_t secret[HANDLER_SECRETS], signs[HANDLER_SECRETS];
        wire_handler_t handler = s_handler(round, "https://a.example/");
        uuid_t7 target = s_target(1);
        handler.secrets = 1 + (unsigned)rand() % HANDLER_SECRETS;
        for (unsigned i = 0; i < handler.secrets; i++) {
            whsec_make(&secret[i]);
            whsec_text(&secret[i], text[i]);
            handler.secret[i].text = slice_of(text[i]);
            handler.secret[i].left_ms = i == 0 ? 0 : 1 + (uint64_t)rand() % (7ull * 24 * HOUR);
        }
        assert_int_equal(s_learn(self, 1, &handler), 0);
        for (unsigned probe = 0; probe < 20; probe++) {
            const unsigned of = (unsigned)rand() % handler.secrets;
            int64_t after = (int64_t)handler.secret[of].left_ms + rand() % 3 - 1;
            if (after < 0)
                after = 0;
            size_t count = handlers_secrets(self->handlers, &target, self->now_ms + after, signs);
            size_t expected = 0;
            for (unsigned i = 0; i < handler.secrets; i++) {
                uint64_t left = handler.secret[i].left_ms;
                if (left != 0 && (uint64_t)after >= left)
                    continue;
                assert_true(expected < count);
                assert_memory_equal(signs[expected].bytes, secret[i].bytes, secret[i].len);
                expected++;
            }
            assert_int_equal(count, expected);
            assert_true(count >= 1);
        }
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_newest_counts),
        CASE(the_same_version_tells_that_the_target_is_archived),
        CASE(the_same_version_tells_whose_the_target_is),
        CASE(what_does_not_decode_changes_nothing),
        CASE(it_outlives_the_process_and_is_kept_once_committed),
        CASE(no_secret_lies_in_the_journal),
        CASE(another_key_leaves_the_row_out_and_a_bad_one_is_refused),
        CASE(the_former_key_becomes_that_of_the_workers),
        CASE(beside_another_key_the_former_one_is_needed_once),
        CASE(a_former_key_that_is_none_stops_nothing),
        CASE(a_secret_signs_exactly_within_its_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
