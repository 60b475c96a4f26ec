#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/accounts/hasher.h"
#include "common/monitor/monitor.h"

#include <poll.h>
#include <stdio.h>

static const password_cost_t s_cost = {.memory_kib = 19456, .passes = 2};
static const char s_good[] = "correct horse battery";

static hash_job_t *s_job(const char *account, const char *network)
{
    return hash_job_new(slice_of(account), network);
}

static hash_job_t *s_wait(hasher_t *hasher, void *expected)
{
    void *owner = NULL;
    struct pollfd at = {.fd = hasher_fd(hasher), .events = POLLIN};
    assert_int_equal(poll(&at, 1, 20000), 1);
    hash_job_t *job = hasher_take(hasher, &owner);
    assert_non_null(job);
    assert_ptr_equal(owner, expected);
    return job;
}

static hash_job_t *s_make(hasher_t *hasher, const char *password, const char *email)
{
    password_words_t words;
    hash_job_t *job = s_job("", "");
    password_words(&words, slice_of(email), slice_of("Ada Lovelace"));
    hash_job_make(job, slice_of(password), &words);
    assert_int_equal(hasher_submit(hasher, &job, hasher), HASHER_TAKEN);
    assert_null(job);
    return s_wait(hasher, hasher);
}

static hash_job_t *s_check(hasher_t *hasher, const char *given, const char *stored)
{
    hash_job_t *job = s_job("", "");
    hash_job_check(job, slice_of(given), slice_of(stored));
    assert_int_equal(hasher_submit(hasher, &job, NULL), HASHER_TAKEN);
    return s_wait(hasher, NULL);
}

static void a_hash_matches_its_password_only(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH];
    hasher_t *hasher = hasher_new(&s_cost);
    hash_job_t *job = s_make(hasher, s_good, "ada@example.org");
    assert_true(hash_job_matched(job) && !hash_job_weak(job));
    snprintf(hash, sizeof hash, "%s", hash_job_made(job));
    assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
    hash_job_destroy(&job);
    static const struct {
        const char *given;
        bool matches;
    } tries[] = {{"correct horse battery", true}, {"correct horse batterz", false}, {"", false}};
    for (unsigned i = 0; i < 3; i++) {
        job = s_check(hasher, tries[i].given, hash);
        assert_int_equal(hash_job_matched(job), tries[i].matches);
        assert_string_equal(hash_job_made(job), "");
        assert_string_equal(hash_job_stored(job), hash);
        hash_job_destroy(&job);
        job = s_check(hasher, tries[i].given, "");
        assert_false(hash_job_matched(job));
        hash_job_destroy(&job);
    }
    hasher_destroy(&hasher);
}

static void a_weak_password_is_told_and_not_hashed(void **state)
{
    (void)state;
    static const char *const weak[] = {"password12",      "qwertyuiop",       "1234567890",
                                       "postern2024",     "lovelace.ada",     "ada@example.org",
                                       "aaaaaaaaaaaaaaa", "analytica.example"};
    hasher_t *hasher = hasher_new(&s_cost);
    for (unsigned i = 0; i < sizeof weak / sizeof *weak; i++) {
        hash_job_t *job = s_make(hasher, weak[i], "ada@analytica.example.org");
        if (!hash_job_weak(job))
            fail_msg("%s passes for strong", weak[i]);
        assert_string_equal(hash_job_made(job), "");
        hash_job_destroy(&job);
    }
    hasher_destroy(&hasher);
}

/* A new cost in the settings comes into effect as people log in. */
static void a_hash_of_another_cost_is_made_anew(void **state)
{
    (void)state;
    const password_cost_t before = {.memory_kib = 20480, .passes = 2};
    char hash[PASSWORD_HASH];
    assert_int_equal(password_hash(&before, s_good, hash), 0);
    hasher_t *hasher = hasher_new(&s_cost);
    hash_job_t *job = s_check(hasher, s_good, hash);
    assert_true(hash_job_matched(job));
    assert_true(password_matches(hash_job_made(job), s_good));
    assert_false(password_is_dated(hash_job_made(job), &s_cost));
    hash_job_destroy(&job);
    job = s_check(hasher, "something else", hash);
    assert_false(hash_job_matched(job));
    assert_string_equal(hash_job_made(job), "");
    hash_job_destroy(&job);
    hasher_destroy(&hasher);
}

static void a_new_password_is_hashed_when_the_old_one_matched(void **state)
{
    (void)state;
    char hash[PASSWORD_HASH];
    password_words_t words = {.len = 0};
    hasher_t *hasher = hasher_new(&s_cost);
    assert_int_equal(password_hash(&s_cost, s_good, hash), 0);
    for (unsigned right = 0; right < 2; right++) {
        hash_job_t *job = s_job("", "");
        hash_job_check(job, slice_of(right ? s_good : "wrong"), slice_of(hash));
        hash_job_make(job, slice_of("staple of another kind"), &words);
        assert_int_equal(hasher_submit(hasher, &job, NULL), HASHER_TAKEN);
        job = s_wait(hasher, NULL);
        assert_int_equal(hash_job_matched(job), right);
        assert_int_equal(hash_job_made(job)[0] != '\0', right);
        hash_job_destroy(&job);
    }
    hasher_destroy(&hasher);
}

static void the_queue_is_bounded_and_left_behind_without_a_trace(void **state)
{
    (void)state;
    hasher_t *hasher = hasher_new(&s_cost);
    unsigned taken = 0;
    for (;;) {
        hash_job_t *job = s_job("", "");
        hash_job_check(job, slice_of("x"), slice_of(""));
        if (hasher_submit(hasher, &job, NULL) != HASHER_TAKEN) {
            assert_non_null(job);
            hash_job_destroy(&job);
            break;
        }
        taken++;
    }
    assert_int_equal(taken, HASHER_JOBS);
    assert_int_equal(metric_get(METRIC_hash_jobs), HASHER_JOBS);
    hash_job_t *done = s_wait(hasher, NULL), *more = s_job("", "");
    hash_job_destroy(&done);
    assert_int_equal(hasher_submit(hasher, &more, NULL), HASHER_TAKEN);
    hasher_destroy(&hasher);
}

static hasher_submit_t s_submit(hasher_t *hasher, const char *account, const char *network)
{
    hash_job_t *job = s_job(account, network);
    hash_job_check(job, slice_of("x"), slice_of(""));
    hasher_submit_t taken = hasher_submit(hasher, &job, NULL);
    assert_true((taken == HASHER_TAKEN) == (job == NULL));
    hash_job_destroy(&job);
    return taken;
}

static void an_account_and_a_network_have_two_jobs_at_most(void **state)
{
    (void)state;
    hasher_t *hasher = hasher_new(&s_cost);
    assert_int_equal(s_submit(hasher, "ada@example.org", "192.0.2.1"), HASHER_TAKEN);
    assert_int_equal(s_submit(hasher, "ADA@example.org", "192.0.2.2"), HASHER_TAKEN);
    assert_int_equal(s_submit(hasher, "ada@example.org", "192.0.2.3"), HASHER_SHARE_FULL);
    assert_int_equal(s_submit(hasher, "bob@example.org", "192.0.2.1"), HASHER_TAKEN);
    assert_int_equal(s_submit(hasher, "cyd@example.org", "192.0.2.1"), HASHER_SHARE_FULL);
    assert_int_equal(s_submit(hasher, "cyd@example.org", "192.0.2.3"), HASHER_TAKEN);
    for (unsigned i = 0; i < HASHER_SHARE + 1; i++)
        assert_int_equal(s_submit(hasher, "", ""), HASHER_TAKEN);
    hash_job_t *done = s_wait(hasher, NULL);
    hash_job_destroy(&done);
    assert_int_equal(s_submit(hasher, "ada@example.org", "192.0.2.3"), HASHER_TAKEN);
    hasher_destroy(&hasher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_matches_its_password_only),
        cmocka_unit_test(a_weak_password_is_told_and_not_hashed),
        cmocka_unit_test(a_hash_of_another_cost_is_made_anew),
        cmocka_unit_test(a_new_password_is_hashed_when_the_old_one_matched),
        cmocka_unit_test(the_queue_is_bounded_and_left_behind_without_a_trace),
        cmocka_unit_test(an_account_and_a_network_have_two_jobs_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
