/* Passwords: how strong one is (libzxcvbn), its hash and the check against one (argon2id, as
 * libsodium writes it: with its salt and its cost). Each call takes from tens of milliseconds to
 * seconds: authd makes them on the thread of the hasher alone.
 *
 * Threading: any thread. */
#ifndef POSTERN_AUTHD_ACCOUNTS_PASSWORD_H
#define POSTERN_AUTHD_ACCOUNTS_PASSWORD_H

#include "common/base/slice.h"

#include <stdint.h>

enum {
    PASSWORD_LEAST = 10, /* bytes */
    PASSWORD_MOST = 256,
    PASSWORD_HASH = 128, /* a hash's text with its NUL: crypto_pwhash_argon2id_STRBYTES */
    PASSWORD_WORDS = 8,
    PASSWORD_WORD = 64,
};

/* What a hash costs: memory in KiB, and passes over it. */
typedef struct {
    uint64_t memory_kib, passes;
} password_cost_t;

/* Words of which a password must not be made, in lower case: the product's name, the email address,
 * its parts and those of the name. */
typedef struct {
    char word[PASSWORD_WORDS][PASSWORD_WORD];
    unsigned len;
} password_words_t;
void password_words(password_words_t *words, slice_t email, slice_t name);

/* Whether it takes less than 10^8 guesses (zxcvbn's score below 3), WORDS known to who guesses. */
bool password_is_weak(const char *password, const password_words_t *words);

/* 0, or -1 when there is not enough memory. */
int password_hash(const password_cost_t *cost, const char *password, char hash[PASSWORD_HASH]);
bool password_matches(const char *hash, const char *password);
/* Whether HASH was made at another cost. */
bool password_is_dated(const char *hash, const password_cost_t *cost);

#endif
