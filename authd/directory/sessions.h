/* Sessions: who is logged in. A user has at most SESSIONS_MOST sessions; a further one takes the
 * place of the session that was used longest ago. Whether a session has ended is told by its times
 * and the settings (session_is_live); its row stays until authd sweeps (accounts.h).
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_SESSIONS_H
#define POSTERN_SESSIONS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"

enum { SESSIONS_MOST = 20, SESSION_HASH = 32, SESSION_FROM_MOST = 64 };

typedef struct {
    uuid_t7 id, user;
    uint8_t hash[SESSION_HASH];
    uint64_t created_ms, used_ms;
    uint64_t ends_ms; /* whatever it is used for */
    slice_t from;     /* where the login came from */
} session_t;

/* False, and an empty session, when there is none. */
bool sessions_get(view_t *view, const uuid_t7 *id, session_t *session);
/* The user's next past AFTER (NULL: the first). */
bool sessions_next(view_t *view, const uuid_t7 *user, const uuid_t7 *after, session_t *session);
/* The next of all past AFTER (NULL: the first). */
bool sessions_after(view_t *view, const uuid_t7 *after, session_t *session);
/* Whether the session has neither ended nor been unused for IDLE_MS. NOW_MS: wall clock. */
bool session_is_live(const session_t *session, uint64_t idle_ms, uint64_t now_ms);

/* Adds SESSION, which must hold no slice of the view's. */
void sessions_add(view_t *view, const session_t *session);
/* The session was used now; false when there is none. */
bool sessions_use(view_t *view, const uuid_t7 *id, uint64_t now_ms);
/* Deletes one; false when there is none. */
bool sessions_delete(view_t *view, const uuid_t7 *id);
/* Deletes all of a user's; how many there were. */
unsigned sessions_delete_all(view_t *view, const uuid_t7 *user);

#endif
