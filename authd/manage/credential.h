/* The credential of an admin request (authd/accounts/signed_in.h), resolved to who asks. The role
 * is the one that the user has now.
 *
 * Threading: that of the view. */
#ifndef POSTERN_AUTHD_MANAGE_CREDENTIAL_H
#define POSTERN_AUTHD_MANAGE_CREDENTIAL_H

#include "authd/accounts/accounts.h"
#include "authd/accounts/signed_in.h"
#include "authd/directory/directory.h"
#include "authd/manage/manage.h"
#include "common/base/errors.h"

enum { CREDENTIAL_FROM = 64 /* longest address that is kept, with its NUL */ };

/* Who asks. actor points into it: it is not to be copied. */
typedef struct {
    actor_t actor;
    uuid_t7 token;    /* of a management token; else nil */
    uuid_t7 session;  /* of a session, for accounts_used; else nil */
    bool by_cookie;   /* a cookie brought it */
    uint64_t used_ms; /* when it was used last, as it is written */
    char who[UUID_TEXT], from[CREDENTIAL_FROM];
} caller_t;

/* signed_in_find, with the actor of *caller in token_expired and csrf_refused, too. */
error_code_t credential_resolve(uint64_t idle_ms, view_t *view, const credential_t *credential,
                                uint64_t now_ms, caller_t *caller);
/* Fills CALLER for an operation that everybody may ask for: with nobody. */
void credential_of_anyone(slice_t from, caller_t *caller);
/* Fills CALLER for an operation about the session itself, which then looks whether there is such a
 * session: with nobody, and with the session. ERROR_none, invalid_session or csrf_refused. */
error_code_t credential_of_session(const credential_t *credential, caller_t *caller);

#endif
