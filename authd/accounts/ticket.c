#include "authd/accounts/ticket.h"

#include "common/base/secret.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { PREFIX = 4, RAW = UUID_BYTES + TICKET_SECRET, BASE64 = TICKET_TEXT - 1 - PREFIX };

void ticket_make(ticket_t *self)
{
    uuid_new(&self->id);
    randombytes_buf(self->secret, sizeof self->secret);
}

void ticket_wipe(ticket_t *self)
{
    secret_wipe(self, sizeof *self);
}

void ticket_text(const ticket_t *self, const char *prefix, char text[TICKET_TEXT])
{
    uint8_t raw[RAW];
    assert(strlen(prefix) == PREFIX);
    memcpy(raw, self->id.bytes, UUID_BYTES);
    memcpy(raw + UUID_BYTES, self->secret, TICKET_SECRET);
    memcpy(text, prefix, PREFIX);
    sodium_bin2base64(text + PREFIX, BASE64 + 1, raw, sizeof raw,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    secret_wipe(raw, sizeof raw);
}

void ticket_words(const ticket_t *self, uint64_t words[TICKET_WORDS])
{
    static_assert(TICKET_WORDS * 8 == RAW, "all of it");
    for (unsigned i = 0; i < RAW; i++)
        words[i / 8] =
            words[i / 8] << 8 | (i < UUID_BYTES ? self->id.bytes[i] : self->secret[i - UUID_BYTES]);
}

int ticket_parse(slice_t text, const char *prefix, ticket_t *self)
{
    uint8_t raw[RAW];
    size_t len = 0;
    if (text.len != TICKET_TEXT - 1 || memcmp(text.data, prefix, PREFIX) != 0 ||
        sodium_base642bin(raw, sizeof raw, text.data + PREFIX, BASE64, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        len != sizeof raw)
        return -1;
    memcpy(self->id.bytes, raw, UUID_BYTES);
    memcpy(self->secret, raw + UUID_BYTES, TICKET_SECRET);
    secret_wipe(raw, sizeof raw);
    return 0;
}

void ticket_hash(const ticket_t *self, uint8_t hash[TICKET_HASH])
{
    crypto_generichash(hash, TICKET_HASH, self->secret, TICKET_SECRET, NULL, 0);
}

bool ticket_is(const ticket_t *self, const uint8_t *hash)
{
    uint8_t own[TICKET_HASH];
    ticket_hash(self, own);
    return secret_eq(own, TICKET_HASH, hash, TICKET_HASH);
}

void ticket_csrf(const ticket_t *self, char token[TICKET_CSRF])
{
    static const uint8_t purpose[] = "postern csrf";
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    static_assert(TICKET_SECRET == crypto_auth_hmacsha256_KEYBYTES, "the secret is the key");
    crypto_auth_hmacsha256(mac, purpose, sizeof purpose - 1, self->secret);
    sodium_bin2base64(token, TICKET_CSRF, mac, sizeof mac,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool ticket_is_csrf(const ticket_t *self, slice_t token)
{
    char own[TICKET_CSRF];
    ticket_csrf(self, own);
    bool same = secret_eq(own, sizeof own - 1, token.data, token.len);
    secret_wipe(own, sizeof own);
    return same;
}
