/* Tickets: the credentials of sessions and invitations. A ticket is an id, which names it in lists,
 * and 256 random bits, which nobody but its holder has: the directory keeps their hash. Its text is
 * a prefix and 64 characters of base64url, so that it fits a cookie, a link and a shell's word.
 *
 * Threading: any thread. */
#ifndef POSTERN_AUTHD_ACCOUNTS_TICKET_H
#define POSTERN_AUTHD_ACCOUNTS_TICKET_H

#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stdbool.h>

enum {
    TICKET_SECRET = 32,
    TICKET_HASH = 32,
    TICKET_TEXT = 4 + 64 + 1,
    TICKET_CSRF = 43 + 1,
    TICKET_WORDS = 6
};

#define TICKET_SESSION "pss_"
#define TICKET_INVITATION "psi_"

typedef struct {
    uuid_t7 id;
    uint8_t secret[TICKET_SECRET];
} ticket_t;

void ticket_make(ticket_t *self);
void ticket_wipe(ticket_t *self);
void ticket_text(const ticket_t *self, const char *prefix, char text[TICKET_TEXT]);
/* Id and secret as numbers, each of eight bytes, the first the highest. */
void ticket_words(const ticket_t *self, uint64_t words[TICKET_WORDS]);
/* 0, or -1 when TEXT is no ticket of this prefix. */
int ticket_parse(slice_t text, const char *prefix, ticket_t *self);

/* BLAKE2b-256 of the secret, which the directory keeps. */
void ticket_hash(const ticket_t *self, uint8_t hash[TICKET_HASH]);
/* Whether HASH (TICKET_HASH bytes) is this ticket's; takes the same time for each that is not. */
bool ticket_is(const ticket_t *self, const uint8_t *hash);

/* The token that a page of a session's sends with every change: an HMAC under the session's secret,
 * so that the token is kept nowhere, and tells nothing of the session. */
void ticket_csrf(const ticket_t *self, char token[TICKET_CSRF]);
bool ticket_is_csrf(const ticket_t *self, slice_t token);

#endif
