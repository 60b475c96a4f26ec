/* Copies of a directory: what is changed in one is done again in the other. */
#include "authd/directory/audit.h"
#include "authd/directory/copy.h"
#include "authd/directory/elsewhere.h"
#include "authd/directory/extensions.h"
#include "authd/directory/sessions.h"
#include "authd/directory/token_targets.h"
#include "tests/unit/yard.h"

enum { CHANGES = 400, PEOPLE = 12 };

/* Two directories, and what the first one's changes give to the second. */
typedef struct {
    yard_t *yard, *other;
    copy_mark_t mark, before;      /* of the last change, and of the one that it followed */
    view_outcome_t begins, shares; /* what is answered */
    unsigned shared, dropped;
    bool tells; /* the second directory */
} pair_t;

static view_outcome_t s_begin(void *arg, copy_mark_t *mark)
{
    pair_t *self = arg;
    self->before = self->mark;
    *mark = (copy_mark_t){.number = self->mark.number + 1};
    uuid_new(&mark->change);
    self->mark = self->begins == VIEW_DONE ? *mark : self->before;
    return self->begins;
}

static view_outcome_t s_share(void *arg, slice_t redo)
{
    pair_t *self = arg;
    self->shared++;
    if (self->shares != VIEW_DONE) {
        self->mark = self->before;
        return self->shares;
    }
    if (self->tells)
        assert_int_equal(copy_apply(self->other->directory, &self->before, &self->mark, redo), 0);
    return VIEW_DONE;
}

static void s_drop(void *arg)
{
    pair_t *self = arg;
    self->dropped++;
}

static void s_fill(yard_t *to, yard_t *from, const copy_mark_t *mark)
{
    copy_place_t place = {0};
    redo_row_t row;
    view_t *view = view_new(from->directory);
    view_renew(view);
    view_t *fill = copy_begin_fill(to->directory, mark);
    while (copy_next(view, &place, &row))
        assert_true(copy_add(fill, &row));
    assert_int_equal(view_commit(&fill), 0);
    view_destroy(&view);
}

static sharing_t s_sharing;

/* With the other's master key, as each copy has it. */
static yard_t *s_beside(const yard_t *one)
{
    yard_t *self = calloc(1, sizeof *self);
    assert(self);
    scratch_make(self->path);
    snprintf(self->store, sizeof self->store, "%s/directory", self->path);
    snprintf(self->key, sizeof self->key, "%s", one->key);
    assert_true(yard_open(self));
    return self;
}

static int s_setup(void **state)
{
    pair_t *self = calloc(1, sizeof *self);
    void *one;
    assert(self && yard_setup(&one) == 0);
    *self = (pair_t){.yard = one, .other = s_beside(one), .mark = {.number = 1}, .tells = true};
    uuid_new(&self->mark.change);
    s_fill(self->other, self->yard, &self->mark);
    s_sharing = (sharing_t){s_begin, s_share, s_drop, self};
    directory_share(self->yard->directory, &s_sharing);
    *state = self;
    return 0;
}

static int s_teardown(void **state)
{
    pair_t *self = *state;
    void *one = self->yard, *other = self->other;
    yard_teardown(&one);
    yard_teardown(&other);
    free(self);
    return 0;
}

/* The rows that are copied are the same; the indexes are among them. */
static void s_same(const yard_t *a, const yard_t *b)
{
    copy_place_t at = {0}, there = {0};
    redo_row_t row, other;
    view_t *one = view_new(a->directory), *two = view_new(b->directory);
    view_renew(one);
    view_renew(two);
    unsigned rows = 0;
    for (bool more = true; more; rows++) {
        more = copy_next(one, &at, &row);
        assert_int_equal(copy_next(two, &there, &other), more);
        if (more && (!slice_eq(row.table, other.table) || !slice_eq(row.key, other.key) ||
                     !slice_eq(row.value, other.value)))
            fail_msg("row %u of %.*s is another", rows, SLICE_ARG(row.table));
    }
    assert_false(view_take_damage(one));
    assert_false(view_take_damage(two));
    view_destroy(&one);
    view_destroy(&two);
}

static uuid_t7 s_any(view_t *view, unsigned nth)
{
    uuid_t7 id = {{0}};
    user_t user;
    bool more = users_next(view, NULL, &user);
    for (; more && nth > 0; nth--, more = users_next(view, &id, &user))
        id = user.id;
    return id;
}

/* One thing of many, on whatever there is. */
static void s_change(yard_t *yard, unsigned n)
{
    char text[64];
    uuid_t7 id, token;
    snprintf(text, sizeof text, "name%u", n);
    YARD_CHANGE(yard, view);
    uuid_t7 user = s_any(view, (unsigned)rand() % PEOPLE + 1);
    token_t found = {0};
    bool has = tokens_next(view, &user, NULL, &found);
    token = found.id;
    place_t place = {.name = slice_of(text), .owner = user, .created_ms = n};
    uuid_new(&place.id);
    token_t added = {.user = user,
                     .display = slice_of("x"),
                     .last4 = slice_of("abcd"),
                     .name = slice_of(text),
                     .terms = slice("", 0)};
    switch (rand() % 7) {
    case 0:
        places_add(view, rand() % 2 ? PLACE_CHANNEL : PLACE_BOT, &place);
        break;
    case 1:
        if (places_add(view, PLACE_CHANNEL, &place) == 0 && n % 2)
            places_archive(view, PLACE_CHANNEL, &place.id, n, slice_of("moved"));
        break;
    case 2:
    case 3:
        uuid_new(&added.id);
        memcpy(added.hash, &n, sizeof n);
        memcpy(added.hash + sizeof n, added.id.bytes, UUID_BYTES);
        tokens_add(view, &added, 5, n);
        break;
    case 4:
        if (has)
            tokens_delete(view, &token);
        break;
    case 5:
        tokens_rename(view, &user, slice_of(text));
        break;
    default:
        if (has)
            tokens_used(view, &token,
                        &(token_use_t){.last_ms = n,
                                       .count = 1,
                                       .kind = slice_of("channel"),
                                       .target = slice_of(text)});
        id = user;
        if (n % 5 == 0)
            users_deactivate(view, &id, n);
    }
    audit_add(view, &(audit_t){.time_ms = n,
                               .who = slice_of("x"),
                               .from = slice_of("local"),
                               .op = slice_of("op"),
                               .object = slice_of(text),
                               .changes = slice_of("{}")});
    YARD_DONE(view);
}

static void what_is_changed_is_done_again(void **state)
{
    pair_t *pair = *state;
    char email[64];
    srand(20261129);
    for (unsigned i = 0; i < PEOPLE; i++) {
        snprintf(email, sizeof email, "p%u@example.org", i);
        yard_user(pair->yard, email);
    }
    for (unsigned n = 1; n <= CHANGES; n++)
        s_change(pair->yard, n);
    s_same(pair->yard, pair->other);
    assert_int_equal(pair->shared, CHANGES + PEOPLE);
    assert_int_equal(pair->dropped, pair->shared);
    directory_close(&pair->other->directory); /* which checks the digests at its opening */
    assert_true(yard_open(pair->other));
    s_same(pair->yard, pair->other);
}

static void a_copy_takes_only_what_follows(void **state)
{
    pair_t *pair = *state;
    yard_user(pair->yard, "ann@example.org");
    copy_mark_t next = {.number = pair->mark.number + 1};
    uuid_new(&next.change);
    assert_int_equal(copy_apply(pair->other->directory, &pair->before, &next, slice("", 0)),
                     VIEW_STALE);
    copy_mark_t lost = pair->mark; /* the same number, of a change that was lost */
    uuid_new(&lost.change);
    assert_int_equal(copy_apply(pair->other->directory, &lost, &next, slice("", 0)), VIEW_STALE);
    assert_int_equal(copy_apply(pair->other->directory, &pair->mark, &next, slice_of("\xa1x")),
                     VIEW_DAMAGED);
    redo_t *redo = redo_new();
    redo_note(redo, &(redo_row_t){.table = slice_of("of_a_newer_release"),
                                  .key = slice_of("k"),
                                  .value = slice_of("v")});
    assert_int_equal(copy_apply(pair->other->directory, &pair->mark, &next, redo_bytes(redo)),
                     VIEW_DAMAGED);
    redo_destroy(&redo);
    s_same(pair->yard, pair->other);
}

static void what_cannot_be_shared_is_not_done(void **state)
{
    pair_t *pair = *state;
    user_t user = {.name = slice_of("x"), .email = slice_of("ann@example.org")}, found;
    uuid_new(&user.id);
    pair->shares = VIEW_AWAY;
    YARD_CHANGE(pair->yard, view);
    assert_int_equal(users_add(view, &user), 0);
    assert_int_equal(view_commit(&view), VIEW_AWAY);
    pair->begins = VIEW_AWAY;
    YARD_CHANGE(pair->yard, none);
    assert_true(view_is_away(none));
    assert_false(users_find(none, user.email, &found));
    assert_int_equal(view_commit(&none), VIEW_AWAY);
    assert_int_equal(pair->dropped, 1);
    pair->begins = pair->shares = VIEW_DONE;
    yard_user(pair->yard, "ann@example.org");
    s_same(pair->yard, pair->other);
}

/* Each host counts for itself. */
static void use_is_not_shared(void **state)
{
    pair_t *pair = *state;
    token_use_t use;
    token_target_t on[TOKEN_TARGETS];
    uuid_t7 user = yard_user(pair->yard, "ann@example.org"),
            id = yard_token(pair->yard, &user, "one");
    unsigned before = pair->shared;
    for (unsigned i = 1; i <= 2; i++) {
        view_t *view = view_begin_own(i == 1 ? pair->yard->directory : pair->other->directory);
        assert_true(tokens_used(
            view, &id,
            &(token_use_t){
                .last_ms = i, .count = i, .kind = slice_of("channel"), .target = slice_of("c")}));
        assert_int_equal(view_commit(&view), 0);
    }
    assert_int_equal(pair->shared, before);
    YARD_CHANGE(pair->yard, edit);
    tokens_rename(edit, &user, slice_of("Ann"));
    YARD_DONE(edit);
    s_same(pair->yard, pair->other);
    view_t *there = view_new(pair->other->directory);
    view_renew(there);
    assert_true(tokens_use(there, &id, &use));
    assert_int_equal(use.count, 2);
    YARD_CHANGE(pair->yard, end);
    assert_true(tokens_delete(end, &id));
    YARD_DONE(end);
    view_renew(there);
    assert_false(tokens_use(there, &id, &use));
    assert_int_equal(token_targets_all(there, &id, on), 0);
    view_destroy(&there);
}

/* Gives the second directory what the first one counts of a token. */
static void s_tell(pair_t *pair, const uuid_t7 *token)
{
    uuid_t7 origin = {{7}};
    counted_t of = {.token = *token}, last = of;
    slice_t record;
    unsigned told = 0;
    view_t *from = view_new(pair->yard->directory);
    view_renew(from);
    view_t *to = view_begin_own(pair->other->directory);
    last.token.bytes[UUID_BYTES - 1]--; /* before it */
    while (elsewhere_next_own(from, &last, &of)) {
        assert_true(elsewhere_own(from, &of, &record));
        elsewhere_put(to, &origin, &of, record);
        last = of;
        told++;
    }
    elsewhere_put_number(to, &origin, told);
    assert_int_equal(view_commit(&to), 0);
    view_destroy(&from);
}

static void s_use(yard_t *yard, const uuid_t7 *token, uint64_t ms, const char *target)
{
    view_t *view = view_begin_own(yard->directory);
    assert_true(tokens_used(view, token,
                            &(token_use_t){.last_ms = ms,
                                           .count = 1,
                                           .address = slice_of(target),
                                           .kind = slice_of("channel"),
                                           .target = slice_of(target)}));
    assert_int_equal(view_commit(&view), 0);
}

static void what_is_counted_elsewhere_is_added(void **state)
{
    pair_t *pair = *state;
    enum { HOUR = 3600 * 1000 };
    token_use_t use;
    token_target_t on[TOKEN_TARGETS];
    uuid_t7 user = yard_user(pair->yard, "ann@example.org"), origin = {{7}};
    uuid_t7 id = yard_token(pair->yard, &user, "one");
    s_use(pair->yard, &id, 100 * HOUR, "both");
    s_use(pair->yard, &id, 102 * HOUR, "there");
    s_use(pair->other, &id, 101 * HOUR, "both");
    for (unsigned again = 0; again < 2; again++) { /* the same in the place of the same */
        s_tell(pair, &id);
        view_t *view = view_new(pair->other->directory);
        view_renew(view);
        assert_true(tokens_use(view, &id, &use));
        assert_int_equal(use.count, 3);
        assert_int_equal(use.last_ms, 102 * HOUR);
        assert_true(slice_is(use.target, "there"));
        assert_int_equal(calls_of_24_hours(&use.calls, 124 * HOUR), 2);
        assert_int_equal(token_targets_all(view, &id, on), 2);
        for (unsigned i = 0; i < 2; i++) {
            bool both = slice_is(on[i].target, "both");
            assert_int_equal(on[i].count, both ? 2 : 1);
            assert_int_equal(on[i].last_ms, both ? 101 * HOUR : 102 * HOUR);
        }
        assert_true(token_targets_has(view, &id, slice_of("there")));
        assert_int_equal(elsewhere_number(view, &origin), 3);
        view_destroy(&view);
    }
    YARD_CHANGE(pair->yard, end);
    assert_true(tokens_delete(end, &id));
    YARD_DONE(end);
    s_tell(pair, &id); /* of a token that is gone */
    view_t *view = view_new(pair->other->directory);
    view_renew(view);
    elsewhere_place_t place = {0};
    slice_t record;
    assert_false(elsewhere_next(view, &id, &place, &user, &record));
    view_destroy(&view);
}

static void a_filled_copy_goes_on(void **state)
{
    pair_t *pair = *state;
    copy_mark_t mark;
    pair->tells = false;
    yard_user(pair->yard, "ann@example.org");
    s_fill(pair->other, pair->yard, &pair->mark);
    pair->tells = true;
    yard_user(pair->yard, "bob@example.org");
    s_same(pair->yard, pair->other);
    view_t *view = view_new(pair->other->directory);
    view_renew(view);
    assert_true(copy_read_mark(view, &mark) && copy_mark_eq(&mark, &pair->mark));
    assert_false(copy_is_fresh(view));
    view_destroy(&view);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, s_setup, s_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_changed_is_done_again),      TEST(a_copy_takes_only_what_follows),
        TEST(what_cannot_be_shared_is_not_done),  TEST(use_is_not_shared),
        TEST(what_is_counted_elsewhere_is_added), TEST(a_filled_copy_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
