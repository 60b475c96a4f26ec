/* The credential of an admin request, resolved to who asks. Each kind has a row of its own in
 * credential.c, told apart by a prefix: management tokens ("psm_") and sessions ("pss_"). A webhook
 * token is none.
 *
 * A session that a browser's cookie brought opens a change only with its CSRF token beside it.
 *
 * Looked up by its hash, so in time that tells nothing of what is stored. A credential that is
 * missing, malformed, unknown or of a user who is gone gets the same answer; the role is the one
 * that the user has now.
 *
 * Threading: one thread, which is the directory's only writer. */
#ifndef POSTERN_AUTHD_MANAGE_CREDENTIAL_H
#define POSTERN_AUTHD_MANAGE_CREDENTIAL_H

#include "authd/accounts/accounts.h"
#include "authd/directory/directory.h"
#include "authd/manage/manage.h"
#include "common/base/errors.h"

enum { CREDENTIAL_FROM = 64 /* longest address that is kept, with its NUL */ };

/* What a request has; borrowed. */
typedef struct {
    slice_t text, from; /* the credential, and the address that it came from */
    slice_t appkey;     /* of the entry: begins with WIRE_CSRF when a cookie brought TEXT */
    bool reads;         /* the operation changes nothing */
} credential_t;

/* Who asks. actor points into it: it is not to be copied. */
typedef struct {
    actor_t actor;
    uuid_t7 token;    /* of a management token; else nil */
    uuid_t7 session;  /* of a session, for accounts_used; else nil */
    bool by_cookie;   /* a cookie brought it */
    uint64_t used_ms; /* when it was used last, as it is written */
    char who[UUID_TEXT], from[CREDENTIAL_FROM];
} caller_t;

/* Resolves it in a live VIEW; NOW_MS: wall clock. ERROR_none with *caller, or invalid_token,
 * token_expired, invalid_session (of a cookie, whatever is wrong with it) or csrf_refused, then
 * with the actor of *caller, too. The text is not wiped. */
error_code_t credential_resolve(const accounts_t *accounts, view_t *view,
                                const credential_t *credential, uint64_t now_ms, caller_t *caller);
/* Fills CALLER for an operation that everybody may ask for: with nobody. */
void credential_of_anyone(slice_t from, caller_t *caller);
/* Fills CALLER for an operation about the session itself, which then looks whether there is such a
 * session: with nobody, and with the session. ERROR_none, invalid_session or csrf_refused. */
error_code_t credential_of_session(const credential_t *credential, caller_t *caller);

#endif
