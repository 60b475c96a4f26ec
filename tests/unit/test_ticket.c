#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "authd/accounts/ticket.h"

#include <stdio.h>
#include <string.h>

static void a_ticket_is_read_back(void **state)
{
    (void)state;
    ticket_t made, read;
    char text[TICKET_TEXT];
    uint8_t hash[TICKET_HASH];
    ticket_make(&made);
    ticket_text(&made, TICKET_SESSION, text);
    assert_int_equal(strlen(text), TICKET_TEXT - 1);
    assert_int_equal(
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
        TICKET_TEXT - 1);
    assert_int_equal(ticket_parse(slice_of(text), TICKET_SESSION, &read), 0);
    assert_true(uuid_eq(&made.id, &read.id));
    ticket_hash(&made, hash);
    assert_true(ticket_is(&read, hash));
    read.secret[31] ^= 1;
    assert_false(ticket_is(&read, hash));
}

static void what_is_no_ticket_is_refused(void **state)
{
    (void)state;
    ticket_t made, read;
    char text[TICKET_TEXT], longer[TICKET_TEXT + 1];
    ticket_make(&made);
    ticket_text(&made, TICKET_SESSION, text);
    assert_int_equal(ticket_parse(slice_of(text), TICKET_INVITATION, &read), -1);
    for (unsigned len = 0; len < TICKET_TEXT - 1; len++)
        assert_int_equal(ticket_parse(slice(text, len), TICKET_SESSION, &read), -1);
    snprintf(longer, sizeof longer, "%sA", text);
    assert_int_equal(ticket_parse(slice_of(longer), TICKET_SESSION, &read), -1);
    for (unsigned at = 4; at < TICKET_TEXT - 1; at += 7) {
        char wrong[TICKET_TEXT];
        memcpy(wrong, text, sizeof wrong);
        wrong[at] = '=';
        assert_int_equal(ticket_parse(slice_of(wrong), TICKET_SESSION, &read), -1);
    }
}

/* Their text is what the gateway makes of them: see test_cookie.c. */
static void a_ticket_goes_as_numbers(void **state)
{
    (void)state;
    ticket_t ticket;
    char text[TICKET_TEXT];
    uint64_t words[TICKET_WORDS];
    for (unsigned i = 0; i < UUID_BYTES + TICKET_SECRET; i++)
        *(i < UUID_BYTES ? &ticket.id.bytes[i] : &ticket.secret[i - UUID_BYTES]) = (uint8_t)i;
    ticket_words(&ticket, words);
    assert_true(words[0] == UINT64_C(0x0001020304050607));
    assert_true(words[5] == UINT64_C(0x28292a2b2c2d2e2f));
    ticket_text(&ticket, TICKET_SESSION, text);
    assert_string_equal(text,
                        "pss_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v");
}

static void a_csrf_token_is_its_sessions_alone(void **state)
{
    (void)state;
    ticket_t one, two;
    char token[TICKET_CSRF], text[TICKET_TEXT];
    ticket_make(&one);
    ticket_make(&two);
    ticket_csrf(&one, token);
    assert_true(ticket_is_csrf(&one, slice_of(token)));
    assert_false(ticket_is_csrf(&two, slice_of(token)));
    assert_false(ticket_is_csrf(&one, slice_of("")));
    assert_false(ticket_is_csrf(&one, slice(token, TICKET_CSRF - 2)));
    ticket_text(&one, TICKET_SESSION, text);
    assert_null(strstr(text, token));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_read_back),
        cmocka_unit_test(what_is_no_ticket_is_refused),
        cmocka_unit_test(a_ticket_goes_as_numbers),
        cmocka_unit_test(a_csrf_token_is_its_sessions_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
