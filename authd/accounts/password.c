#include "authd/accounts/password.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <sodium.h>
#include <string.h>
#include <zxcvbn.h>

static_assert((int)PASSWORD_HASH == (int)crypto_pwhash_argon2id_STRBYTES, "a hash's text");

enum { WORD_LEAST = 3, GUESSES_LOG10 = 8 /* of score 3 */ };

/* The part of TEXT in lower case; short ones are no words. */
static void s_add(password_words_t *words, const char *text, size_t len)
{
    if (len < WORD_LEAST || words->len == PASSWORD_WORDS)
        return;
    char *word = words->word[words->len++];
    if (len > PASSWORD_WORD - 1)
        len = PASSWORD_WORD - 1;
    for (size_t i = 0; i < len; i++)
        word[i] = (char)tolower((unsigned char)text[i]);
    word[len] = '\0';
}

static void s_add_parts(password_words_t *words, slice_t text, const char *between)
{
    for (size_t at = 0; at < text.len;) {
        size_t len = 0;
        while (at + len < text.len && !strchr(between, text.data[at + len]))
            len++;
        s_add(words, text.data + at, len);
        at += len + 1;
    }
}

void password_words(password_words_t *words, slice_t email, slice_t name)
{
    words->len = 0;
    s_add(words, "postern", 7);
    s_add(words, email.data, email.len);
    s_add_parts(words, email, "@.");
    s_add_parts(words, name, " ");
}

bool password_is_weak(const char *password, const password_words_t *words)
{
    const char *list[PASSWORD_WORDS + 1];
    unsigned len = 0;
    for (; len < words->len; len++)
        list[len] = words->word[len];
    list[len] = NULL;
    double bits = ZxcvbnMatch(password, list, NULL);
    return bits * log10(2) < GUESSES_LOG10;
}

int password_hash(const password_cost_t *cost, const char *password, char hash[PASSWORD_HASH])
{
    return crypto_pwhash_argon2id_str(hash, password, strlen(password), cost->passes,
                                      (size_t)cost->memory_kib << 10);
}

bool password_matches(const char *hash, const char *password)
{
    return crypto_pwhash_argon2id_str_verify(hash, password, strlen(password)) == 0;
}

bool password_is_dated(const char *hash, const password_cost_t *cost)
{
    return crypto_pwhash_argon2id_str_needs_rehash(hash, cost->passes,
                                                   (size_t)cost->memory_kib << 10) != 0;
}
