/* What operations on accounts need beside the directory: the hasher, the throttle of logins, the
 * limit of tries, and the settings of sessions. Threading: the thread of manage.h. */
#ifndef POSTERN_AUTHD_ACCOUNTS_ACCOUNTS_H
#define POSTERN_AUTHD_ACCOUNTS_ACCOUNTS_H

#include "authd/accounts/hasher.h"
#include "authd/accounts/throttle.h"
#include "authd/accounts/ticket.h"
#include "authd/directory/directory.h"
#include "authd/directory/users.h"
#include "common/base/limiter.h"

/* Of what takes the thread's time (format_try), a user: at once, and then a second. */
enum { ACCOUNTS_TRIES = 20, ACCOUNTS_TRIES_S = 2 };

typedef struct accounts {
    hasher_t *hasher;
    throttle_t *throttle;
    limiter_t *tries; /* by the user */
    uint64_t idle_ms, session_ms;
    uuid_t7 swept; /* the session at which the last sweep ended; nil: the last of all */
    char url[256]; /* of the admin listener, without a slash at its end */
} accounts_t;

typedef struct {
    password_cost_t cost;
    uint64_t idle_s, session_s; /* a session's end */
    const char *url;            /* how browsers reach the admin listener */
} accounts_options_t;

accounts_t *accounts_new(const accounts_options_t *options);
void accounts_destroy(accounts_t **self_p);

/* The user of a session, for a request that comes with a session. */
typedef struct {
    ticket_t ticket; /* for ticket_is_csrf; wipe it */
    uuid_t7 user;
    user_role_t role;
    uint64_t used_ms; /* when the session was used last, as it is written */
    char who[UUID_TEXT];
} accounts_who_t;

/* The user whose live session SESSION (its text) is, in a reading view: 0, or -1. IDLE_MS: as the
 * settings have it. Then call accounts_used, without a view. */
int accounts_find(uint64_t idle_ms, view_t *view, slice_t session, uint64_t now_ms,
                  accounts_who_t *who);
/* Keeps the session from ending idle: writes when USED_MS, of accounts_find, is a while ago, in a
 * transaction of its own. */
void accounts_used(const accounts_t *self, directory_t *directory, const uuid_t7 *session,
                   uint64_t used_ms, uint64_t now_ms);

/* Whether a use is a while after USED_MS, when the last one was written. */
bool accounts_use_is_due(const accounts_t *self, uint64_t used_ms, uint64_t now_ms);

/* Each half minute: removes sessions and invitations that have ended. A call looks at a limited
 * number of sessions, and the next call goes on behind them. */
void accounts_sweep(accounts_t *self, directory_t *directory, uint64_t now_ms);

#endif
