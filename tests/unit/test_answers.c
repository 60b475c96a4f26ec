/* Answers that are kept for a request that comes again. */
#include "authd/manage/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static uuid_t7 s_keep(answers_t *answers, size_t len, int64_t end_ms)
{
    manage_answer_t answer = {.body = malloc(len), .body_len = len};
    uuid_t7 id;
    assert_non_null(answer.body);
    memset(answer.body, 'a', len);
    uuid_new(&id);
    const manage_answer_t *kept = answers_keep(answers, &id, &answer, end_ms);
    assert_int_equal(kept->body_len, len);
    assert_null(answer.body);
    return id;
}

static void an_answer_is_found_until_it_is_too_old(void **state)
{
    (void)state;
    answers_t *answers = answers_new();
    uuid_t7 first = s_keep(answers, 100, 1000), second = s_keep(answers, 200, 2000), other;
    answers_tick(answers, 999);
    uuid_new(&other);
    assert_int_equal(answers_find(answers, &first)->body_len, 100);
    assert_int_equal(answers_find(answers, &second)->body_len, 200);
    assert_null(answers_find(answers, &other));
    answers_tick(answers, 1000);
    assert_null(answers_find(answers, &first));
    assert_non_null(answers_find(answers, &second));
    answers_destroy(&answers);
    assert_null(answers);
}

static void a_cookie_is_kept_with_its_answer(void **state)
{
    (void)state;
    answers_t *answers = answers_new();
    manage_answer_t answer = {.cookie = malloc(sizeof *answer.cookie), .cookie_ends = true};
    assert_non_null(answer.cookie);
    ticket_make(&answer.cookie->ticket);
    ticket_t ticket = answer.cookie->ticket;
    uuid_t7 id;
    uuid_new(&id);
    answers_keep(answers, &id, &answer, 0);
    assert_null(answer.cookie);
    const manage_answer_t *kept = answers_find(answers, &id);
    assert_memory_equal(&kept->cookie->ticket, &ticket, sizeof ticket);
    assert_true(kept->cookie_ends);
    answers_destroy(&answers); /* a leak is found by the sanitizer */
}

static void one_that_ends_sooner_is_gone_before_earlier_ones(void **state)
{
    (void)state;
    answers_t *answers = answers_new();
    uuid_t7 lasting = s_keep(answers, ANSWERS_BYTES / 2, 9000);
    uuid_t7 brief = s_keep(answers, ANSWERS_BYTES / 2, 1000);
    answers_tick(answers, 1000);
    assert_null(answers_find(answers, &brief));
    assert_non_null(answers_find(answers, &lasting));
    uuid_t7 next = s_keep(answers, ANSWERS_BYTES / 2, 3000); /* the room is there again */
    assert_non_null(answers_find(answers, &lasting));
    answers_tick(answers, 3000);
    assert_null(answers_find(answers, &next));
    answers_tick(answers, 9000);
    assert_null(answers_find(answers, &lasting));
    answers_destroy(&answers);
}

static void the_oldest_make_room(void **state)
{
    (void)state;
    answers_t *answers = answers_new();
    uuid_t7 first = s_keep(answers, 1, 0), second = s_keep(answers, 1, 0);
    for (unsigned i = 2; i < ANSWERS_MOST; i++)
        s_keep(answers, 1, 0);
    assert_non_null(answers_find(answers, &first));
    s_keep(answers, 1, 0);
    assert_null(answers_find(answers, &first));
    assert_non_null(answers_find(answers, &second));
    uuid_t7 large = s_keep(answers, ANSWERS_BYTES - 100, 0), last = s_keep(answers, 200, 0);
    assert_null(answers_find(answers, &large));
    assert_non_null(answers_find(answers, &last));
    answers_destroy(&answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_found_until_it_is_too_old),
        cmocka_unit_test(a_cookie_is_kept_with_its_answer),
        cmocka_unit_test(one_that_ends_sooner_is_gone_before_earlier_ones),
        cmocka_unit_test(the_oldest_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
