/* Who is signed in: the credential of the admin listener, resolved to its user. There are two
 * kinds, told apart by a prefix: management tokens ("psm_") and sessions ("pss_"). A webhook token
 * is none.
 *
 * A session that a browser's cookie brought opens a change only with its CSRF token beside it.
 *
 * Looked up by its hash, so in time that tells nothing of what is stored. A credential that is
 * missing, malformed, unknown or of a user who is gone gets the same answer.
 *
 * Threading: that of the view. */
#ifndef POSTERN_AUTHD_ACCOUNTS_SIGNED_IN_H
#define POSTERN_AUTHD_ACCOUNTS_SIGNED_IN_H

#include "authd/accounts/ticket.h"
#include "authd/directory/directory.h"
#include "authd/directory/users.h"
#include "common/base/errors.h"

/* What a request has; borrowed. */
typedef struct {
    slice_t text, from; /* the credential, and the address that it came from */
    slice_t appkey;     /* of the entry: begins with WIRE_CSRF when a cookie brought TEXT */
    bool reads;         /* the operation changes nothing */
} credential_t;

/* Its slices are the view's. */
typedef struct {
    user_t user;
    uuid_t7 token;    /* of a management token; else nil */
    uuid_t7 session;  /* of a session; else nil */
    bool by_cookie;   /* a cookie brought it */
    uint64_t used_ms; /* when it was used last, as it is written */
} signed_in_t;

/* Resolves it in a live VIEW; IDLE_MS: authd.session_idle_s; NOW_MS: wall clock. ERROR_none,
 * invalid_token, token_expired, invalid_session (of a cookie, whatever is wrong with it) or
 * csrf_refused; with all but invalid_… the user is there. The text is not wiped. */
error_code_t signed_in_find(uint64_t idle_ms, view_t *view, const credential_t *credential,
                            uint64_t now_ms, signed_in_t *who);
/* The same once more, by the id of the token or of the session: ERROR_none, invalid_token,
 * token_expired or invalid_session. */
error_code_t signed_in_again(uint64_t idle_ms, view_t *view, const uuid_t7 *id, uint64_t now_ms,
                             signed_in_t *who);

/* ERROR_none, or csrf_refused: a cookie brought TICKET for a change without its CSRF token. */
error_code_t signed_in_check_csrf(const credential_t *credential, const ticket_t *ticket);

#endif
