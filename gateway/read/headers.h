/* Which request headers travel to the handlers (common/headers.def), and which are credentials.
 * Threading: read-only tables, any thread. */
#ifndef POSTERN_GATEWAY_READ_HEADERS_H
#define POSTERN_GATEWAY_READ_HEADERS_H

#include "common/base/slice.h"

/* Without the white space around it (RFC 9110 §5.6.3). */
static inline slice_t header_trim(slice_t text)
{
    return slice_trim(text, OWS);
}

/* Takes the next word off a list with commas (RFC 9110 §5.6.1), which is not empty; the word may
 * be. */
static inline slice_t header_next_word(slice_t *list)
{
    const char *comma = (const char *)memchr(list->data, ',', list->len);
    size_t len = comma ? (size_t)(comma - list->data) : list->len, past = len + (comma != NULL);
    slice_t word = header_trim(slice(list->data, len));
    *list = slice(list->data + past, list->len - past);
    return word;
}

/* Whether a header of this lower-case name is part of an event. */
bool header_travels(slice_t name);

/* Whether NAME is in the value of a Connection header, so that the header NAME is of this
 * connection only (RFC 9110 §7.6.1). In a list that is longer than a request can have headers only
 * the first names count. */
bool header_is_listed(slice_t connection, slice_t name);

/* Whether a header of this name goes along with a message (which no handler gets): those that say
 * how the body is to be read, and the Idempotency-Key. */
bool header_travels_with_message(slice_t name);

/* The same of an admin request, whose headers authd reads. */
bool header_travels_to_authd(slice_t name);

/* Whether only senders of events have a header of this name (senders.def). */
bool header_names_sender(slice_t name);

/* The credential of an Authorization value: what follows "Bearer" or "Zoho-oauthtoken" (either
 * case). False for any other scheme. */
bool header_bearer(slice_t value, slice_t *token);
/* The same behind "Basic". */
bool header_basic(slice_t value, slice_t *base64);

/* 1 to 255 printable ASCII characters. */
bool header_is_key(slice_t value);

#endif
