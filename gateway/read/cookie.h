/* The protection of a session in a browser, as far as HTTP headers have it: the cookie, and the
 * check of a request's Origin. Pure functions, for the admin listener. (The third part, the CSRF
 * token, is ticket_csrf of authd/accounts/ticket.h: it needs the session's secret.)
 *
 * The cookie is HttpOnly, SameSite=Strict and without Domain. Under TLS it is Secure and called
 * "__Host-postern", a name that a browser takes only with Secure, Path=/ and no Domain, so that no
 * other host of the domain can set it. Threading: any thread. */
#ifndef POSTERN_GATEWAY_READ_COOKIE_H
#define POSTERN_GATEWAY_READ_COOKIE_H

#include "common/base/slice.h"
#include "common/wire/wire.h"

#include <stdbool.h>
#include <stdint.h>

enum { COOKIE_LINE = 256, COOKIE_VALUE = 128, COOKIE_SESSION = 4 + 64 + 1 };

/* Which cookie a listener has, by the URL at which browsers reach it. */
typedef enum {
    COOKIE_NONE,   /* none: the public listener, or a URL that is none */
    COOKIE_PLAIN,  /* http */
    COOKIE_SECURE, /* https */
} cookie_use_t;
cookie_use_t cookie_use(const char *url);

/* The text of a session whose id and secret these are (FACT_SESSION). Wipe it. */
void cookie_session(const uint64_t words[WIRE_SESSION], char text[COOKIE_SESSION]);
/* Whether a cookie or a CSRF token of ours can be this: 1 to COOKIE_VALUE of A-Z a-z 0-9 - _. */
bool cookie_is_plain(slice_t value);

/* The value of Set-Cookie for SESSION (a ticket's text: its characters need no escape), good for so
 * many seconds. False when it is not cookie_is_plain. */
bool cookie_set(slice_t session, bool tls, uint64_t seconds, char line[COOKIE_LINE]);
/* The value of Set-Cookie that makes the browser forget the session. */
void cookie_clear(bool tls, char line[COOKIE_LINE]);

/* The session in a Cookie header's value; empty when the header holds no session, or more than one:
 * then another host has set a cookie of the same name. */
slice_t cookie_find(slice_t header, bool tls);

/* Whether a request with the header Origin (empty: the request has none) may come with a session. A
 * request that changes nothing (GET and HEAD) needs no Origin, any other does. An Origin that is
 * there must be that of one of URLS (our own listeners' URLs as settings give them; NULL ends the
 * list): scheme, host and port alike. "null" counts as foreign. */
bool cookie_origin_is_ours(slice_t origin, unsigned method, const char *const *urls);

#endif
