#include "tests/unit/yard.h"

#include "authd/directory/table.h"
#include "authd/directory/token_targets.h"

#include <sodium.h>

#include <pthread.h>
#include <stdatomic.h>

static void a_token_is_found_by_its_hash_and_id(void **state)
{
    yard_t *yard = *state;
    token_t token, same;
    uint8_t hash[TOKEN_HASH];
    uuid_t7 user = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_token(yard, &user, "one");
    token_hash("one", strlen("one"), hash);
    YARD_CHANGE(yard, view);
    assert_true(tokens_get(view, hash, &token));
    assert_true(uuid_eq(&token.id, &id) && uuid_eq(&token.user, &user));
    assert_true(slice_is(token.last4, "last"));
    assert_int_equal(token.rate, TOKEN_DEFAULT);
    assert_true(tokens_find(view, &id, &same));
    assert_memory_equal(same.hash, hash, TOKEN_HASH);
    token_hash("two", strlen("two"), hash);
    assert_false(tokens_get(view, hash, &token));
    view_abort(&view);
}

static void the_sixth_is_refused_until_one_is_deleted(void **state)
{
    yard_t *yard = *state;
    char text[] = "token-0";
    uuid_t7 user = yard_user(yard, "ann@example.org"), first = {{0}};
    token_t sixth = {0};
    for (unsigned i = 0; i < TOKENS_ACTIVE; i++, text[6]++) {
        uuid_t7 id = yard_token(yard, &user, text);
        if (i == 0)
            first = id;
    }
    assert_int_equal(yard_token_as(yard, &user, text, &sixth), TOKENS_LIMIT);
    assert_int_equal(yard_token_as(yard, &user, "token-1", &sixth), TOKENS_TAKEN);
    YARD_CHANGE(yard, view);
    assert_int_equal(tokens_active(view, &user, 1), TOKENS_ACTIVE);
    assert_true(tokens_delete(view, &first));
    assert_false(tokens_delete(view, &first));
    YARD_DONE(view);
    assert_int_equal(yard_token_as(yard, &user, text, &sixth), TOKENS_ADDED);
}

typedef struct {
    yard_t *yard;
    uuid_t7 user;
    unsigned number;
    atomic_uint *added;
    const uuid_t7 *replaces; /* NULL: a token more */
} racer_t;

static void *s_race(void *arg)
{
    racer_t *self = arg;
    token_t old, token = {.user = self->user};
    uuid_new(&token.id);
    token_hash((const char *)&self->number, sizeof self->number, token.hash);
    view_t *view = view_begin(self->yard->directory);
    bool added;
    if (self->replaces) {
        assert_true(tokens_find(view, self->replaces, &old));
        added = tokens_replace(view, &old, &token, TOKENS_ACTIVE, 1000, 1) == TOKENS_ADDED;
    } else {
        added = tokens_add(view, &token, TOKENS_ACTIVE, 1) == TOKENS_ADDED;
    }
    if (!added)
        view_abort(&view);
    else if (view_commit(&view) == 0)
        atomic_fetch_add(self->added, 1);
    return NULL;
}

static void twenty_at_once_leave_five(void **state)
{
    enum { RACERS = 20 };
    yard_t *yard = *state;
    pthread_t threads[RACERS];
    racer_t racers[RACERS];
    atomic_uint added = 0;
    uuid_t7 user = yard_user(yard, "ann@example.org");
    for (unsigned i = 0; i < RACERS; i++) {
        racers[i] = (racer_t){yard, user, i, &added, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, s_race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(added, TOKENS_ACTIVE);
    YARD_CHANGE(yard, view);
    assert_int_equal(tokens_active(view, &user, 1), TOKENS_ACTIVE);
    view_abort(&view);
}

/* Each replacement takes the place of its own token, whoever else wants it. */
static void replacing_and_making_at_once_leave_five(void **state)
{
    enum { RACERS = 24 };
    yard_t *yard = *state;
    char text[] = "token-0";
    pthread_t threads[RACERS];
    racer_t racers[RACERS];
    uuid_t7 ids[TOKENS_ACTIVE];
    atomic_uint added = 0, replaced = 0;
    uuid_t7 user = yard_user(yard, "ann@example.org");
    for (unsigned i = 0; i < TOKENS_ACTIVE - 1; i++, text[6]++)
        ids[i] = yard_token(yard, &user, text);
    for (unsigned i = 0; i < RACERS; i++) {
        bool replace = i % 6 == 0;
        racers[i] =
            (racer_t){yard, user, i, replace ? &replaced : &added, replace ? &ids[i / 6] : NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, s_race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(replaced, TOKENS_ACTIVE - 1);
    assert_int_equal(added, 1);
    YARD_CHANGE(yard, view);
    assert_int_equal(tokens_active(view, &user, 2), TOKENS_ACTIVE);
    view_abort(&view);
}

/* What a token should be, kept beside the directory. */
typedef struct {
    uuid_t7 id;
    uint64_t ends_ms; /* 0: never */
    bool replaced, gone;
} fate_t;

typedef struct {
    yard_t *yard;
    uuid_t7 user;
    uint64_t now_ms;
    fate_t fates[4000];
    unsigned len;
} walk_t;

static bool s_ended(const fate_t *fate, uint64_t now_ms)
{
    return fate->ends_ms && now_ms >= fate->ends_ms;
}

static unsigned s_expected(const walk_t *self)
{
    unsigned active = 0;
    for (unsigned i = 0; i < self->len; i++)
        active += !self->fates[i].gone && !self->fates[i].replaced &&
                  !s_ended(&self->fates[i], self->now_ms);
    return active;
}

/* Seconds, hours or days. */
static uint64_t s_span(void)
{
    static const uint64_t units[] = {1000, 3600 * 1000, 86400 * 1000};
    return (uint64_t)(rand() % 8) * units[rand() % 3];
}

static void s_add_or_replace(walk_t *self, fate_t *old)
{
    fate_t *fate = &self->fates[self->len];
    uint64_t life_ms = rand() % 20 ? s_span() + 1 : 0, ends_ms = self->now_ms + s_span();
    token_t found, token = {.user = self->user,
                            .created_ms = self->now_ms,
                            .expires_ms = life_ms ? self->now_ms + life_ms : 0};
    *fate = (fate_t){.ends_ms = token.expires_ms};
    uuid_new(&token.id);
    fate->id = token.id;
    token_hash((const char *)&self->len, sizeof self->len, token.hash);
    unsigned active = s_expected(self);
    if (old && !s_ended(old, self->now_ms))
        active--;
    YARD_CHANGE(self->yard, view);
    tokens_add_t added;
    if (old) {
        assert_true(tokens_find(view, &old->id, &found));
        added = tokens_replace(view, &found, &token, TOKENS_ACTIVE, ends_ms, self->now_ms);
    } else {
        added = tokens_add(view, &token, TOKENS_ACTIVE, self->now_ms);
    }
    assert_int_equal(added, active < TOKENS_ACTIVE ? TOKENS_ADDED : TOKENS_LIMIT);
    if (added != TOKENS_ADDED) {
        view_abort(&view);
        return;
    }
    YARD_DONE(view);
    self->len++;
    if (old) {
        old->replaced = true;
        if (old->ends_ms == 0 || old->ends_ms > ends_ms)
            old->ends_ms = ends_ms;
    }
}

/* The record of each token says what it should; one may be missing only when it ended long ago. */
static void s_compare(walk_t *self)
{
    token_t token;
    YARD_CHANGE(self->yard, view);
    for (unsigned i = 0; i < self->len; i++) {
        fate_t *fate = &self->fates[i];
        if (fate->gone)
            continue;
        if (!tokens_find(view, &fate->id, &token)) {
            assert_true(s_ended(fate, self->now_ms));
            fate->gone = true;
            continue;
        }
        assert_int_equal(token_has_ended(&token, self->now_ms), s_ended(fate, self->now_ms));
        assert_int_equal(token_is_active(&token, self->now_ms),
                         !fate->replaced && !s_ended(fate, self->now_ms));
    }
    assert_int_equal(tokens_active(view, &self->user, self->now_ms), s_expected(self));
    view_abort(&view);
}

/* A random walk over making and replacing, while the clock runs and jumps, back too. */
static void overlaps_end_on_time_whatever_the_clock_does(void **state)
{
    walk_t *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->yard = *state;
    self->user = yard_user(self->yard, "ann@example.org");
    self->now_ms = UINT64_C(1764000000000);
    srand(11);
    for (unsigned step = 0; step < 500; step++) {
        unsigned at =
            self->len - (self->len ? 1 + (unsigned)rand() % (self->len < 8 ? self->len : 8) : 0);
        fate_t *old = self->len && rand() % 2 ? &self->fates[at] : NULL;
        s_add_or_replace(self, old && !old->gone && !old->replaced ? old : NULL);
        self->now_ms += s_span() / 4;
        if (step % 40 == 39)
            self->now_ms -= s_span();
        s_compare(self);
    }
    assert_true(self->len > 80);
    free(self);
}

static void what_has_ended_is_kept_for_a_while_and_in_number(void **state)
{
    yard_t *yard = *state;
    char text[16];
    token_t token = {.expires_ms = 10};
    uuid_t7 user = yard_user(yard, "ann@example.org"), first = {{0}};
    for (unsigned i = 0; i < (TOKENS_ACTIVE + TOKENS_KEPT) + 3; i++) {
        token = (token_t){.expires_ms = 100 + i, .created_ms = 1000 + i};
        snprintf(text, sizeof text, "token-%u", i);
        assert_int_equal(yard_token_as(yard, &user, text, &token), TOKENS_ADDED);
        first = i == 0 ? token.id : first;
    }
    YARD_CHANGE(yard, view);
    assert_false(tokens_find(view, &first, &token));
    unsigned count = 0;
    for (bool more = tokens_next(view, &user, NULL, &token); more; count++)
        more = tokens_next(view, &user, &token.id, &token);
    assert_int_equal(count, (TOKENS_ACTIVE + TOKENS_KEPT));
    view_abort(&view);
    token = (token_t){.created_ms = TOKEN_KEPT_MS + 1000};
    assert_int_equal(yard_token_as(yard, &user, "late", &token), TOKENS_ADDED);
    YARD_CHANGE(yard, again);
    assert_true(tokens_next(again, &user, NULL, &token));
    assert_true(slice_is(token.last4, "last") && token.expires_ms == 0);
    view_abort(&again);
}

static void a_users_tokens_die_with_it(void **state)
{
    yard_t *yard = *state;
    uint8_t hash[TOKEN_HASH];
    token_t token;
    uuid_t7 ann = yard_user(yard, "ann@example.org"), bob = yard_user(yard, "bob@example.org");
    yard_token(yard, &ann, "one");
    yard_token(yard, &ann, "two");
    yard_token(yard, &bob, "three");
    YARD_CHANGE(yard, view);
    users_deactivate(view, &ann, 5);
    assert_int_equal(tokens_active(view, &ann, 1), 0);
    assert_int_equal(tokens_active(view, &bob, 1), 1);
    token_hash("two", strlen("two"), hash);
    assert_false(tokens_get(view, hash, &token));
    YARD_DONE(view);
}

/* As the version before wrote it: without kind and hours, under the hash of the name alone. */
static void s_put_older_target(view_t *view, const uuid_t7 *token, const char *target)
{
    uuid_t7 key;
    uint8_t pair[TABLE_PAIR];
    crypto_generichash(key.bytes, UUID_BYTES, (const uint8_t *)target, strlen(target), NULL, 0);
    pack_t *record = table_record(view, 4);
    pack_pair_uint(record, "last", 50);
    pack_pair_uint(record, "count", 9);
    pack_pair_str(record, "address", slice_of("10.0.0.9"));
    pack_pair_str(record, "target", slice_of(target));
    table_put_record(view, TABLE_token_targets, table_pair(pair, token, &key), record);
}

static void targets_of_a_version_before_stay(void **state)
{
    yard_t *yard = *state;
    token_target_t all[TOKEN_TARGETS];
    static const uint64_t hour_ms = 3600 * 1000;
    uint64_t counts[3] = {0}, calls[3] = {0};
    static const char *const kinds[] = {"", "channel", "bot"};
    uuid_t7 user = yard_user(yard, "ann@example.org"), id = yard_token(yard, &user, "one");
    YARD_CHANGE(yard, view);
    s_put_older_target(view, &id, "general");
    for (unsigned i = 1; i < 3; i++)
        for (unsigned use = 0; use < 2; use++)
            assert_true(tokens_used(view, &id,
                                    &(token_use_t){.last_ms = (100 + use) * hour_ms,
                                                   .count = i,
                                                   .address = slice_of("10.0.0.1"),
                                                   .kind = slice_of(kinds[i]),
                                                   .target = slice_of("general")}));
    unsigned len = token_targets_all(view, &id, all);
    for (const token_target_t *each = all; each < all + len; each++)
        for (unsigned i = 0; i < 3; i++)
            if (slice_is(each->kind, kinds[i])) {
                counts[i] = each->count;
                calls[i] = calls_of_24_hours(&each->calls, 124 * hour_ms);
            }
    assert_int_equal(counts[0], 9);
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[2], 4);
    assert_int_equal(calls[0], 0);
    assert_int_equal(calls[1], 1); /* the first was more than 24 hours ago */
    assert_int_equal(calls[2], 2);
    assert_true(token_targets_has(view, &id, slice_of("general")));
    token_targets_delete(view, &id);
    assert_int_equal(token_targets_all(view, &id, all), 0);
    YARD_DONE(view);
}

static void usage_adds_up_and_ignores_the_deleted(void **state)
{
    yard_t *yard = *state;
    token_use_t use = {
        .last_ms = 100, .count = 3, .address = slice_of("10.0.0.1"), .target = slice_of("general")};
    uuid_t7 user = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_token(yard, &user, "one");
    YARD_CHANGE(yard, view);
    assert_true(tokens_used(view, &id, &use));
    use = (token_use_t){
        .last_ms = 200, .count = 4, .address = slice_of("10.0.0.2"), .target = slice_of("builds")};
    assert_true(tokens_used(view, &id, &use));
    assert_true(tokens_use(view, &id, &use));
    assert_int_equal(use.count, 7);
    assert_int_equal(use.last_ms, 200);
    assert_true(slice_is(use.address, "10.0.0.2"));
    assert_true(slice_is(use.target, "builds"));
    /* The row is the index by id, and still is. */
    assert_true(tokens_delete(view, &id));
    assert_false(tokens_used(view, &id, &(token_use_t){.last_ms = 1}));
    assert_false(tokens_use(view, &id, &use));
    YARD_DONE(view);
}

static void a_record_is_changed(void **state)
{
    yard_t *yard = *state;
    token_t token;
    uuid_t7 user = yard_user(yard, "ann@example.org");
    uuid_t7 id = yard_token(yard, &user, "one");
    YARD_CHANGE(yard, view);
    assert_true(tokens_find(view, &id, &token));
    token.rate = 0;
    token.burst = 9;
    tokens_edit(view, &token);
    assert_true(tokens_find(view, &id, &token));
    assert_int_equal(token.rate, 0);
    assert_int_equal(token.burst, 9);
    assert_true(slice_is(token.last4, "last"));
    YARD_DONE(view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, yard_setup, yard_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_token_is_found_by_its_hash_and_id),
        TEST(the_sixth_is_refused_until_one_is_deleted),
        TEST(twenty_at_once_leave_five),
        TEST(replacing_and_making_at_once_leave_five),
        TEST(overlaps_end_on_time_whatever_the_clock_does),
        TEST(what_has_ended_is_kept_for_a_while_and_in_number),
        TEST(a_users_tokens_die_with_it),
        TEST(usage_adds_up_and_ignores_the_deleted),
        TEST(targets_of_a_version_before_stay),
        TEST(a_record_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
