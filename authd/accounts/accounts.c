#include "authd/accounts/accounts.h"

#include "authd/directory/invitations.h"
#include "authd/directory/sessions.h"
#include "common/log/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_MOST = 200, SWEEP_LOOK = 5000, USED_MOST_MS = 60000, USED_PART = 20 };

accounts_t *accounts_new(const accounts_options_t *options)
{
    accounts_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    *self = (accounts_t){.hasher = hasher_new(&options->cost),
                         .throttle = throttle_new(),
                         .tries = limiter_new(),
                         .idle_ms = options->idle_s * 1000,
                         .session_ms = options->session_s * 1000};
    size_t len = strlen(options->url);
    while (len > 0 && options->url[len - 1] == '/')
        len--;
    snprintf(self->url, sizeof self->url, "%.*s", (int)len, options->url);
    return self;
}

void accounts_destroy(accounts_t **self_p)
{
    accounts_t *self = *self_p;
    if (!self)
        return;
    hasher_destroy(&self->hasher);
    throttle_destroy(&self->throttle);
    limiter_destroy(&self->tries);
    free(self);
    *self_p = NULL;
}

int accounts_find(uint64_t idle_ms, view_t *view, slice_t text, uint64_t now_ms,
                  accounts_who_t *who)
{
    session_t session;
    user_t user;
    if (ticket_parse(text, TICKET_SESSION, &who->ticket) != 0)
        return -1;
    if (!sessions_get(view, &who->ticket.id, &session) || !ticket_is(&who->ticket, session.hash) ||
        !session_is_live(&session, idle_ms, now_ms) || !users_get(view, &session.user, &user) ||
        user.deleted_ms) {
        ticket_wipe(&who->ticket);
        return -1;
    }
    who->user = user.id;
    who->role = user.role;
    who->used_ms = session.used_ms;
    uuid_text(&user.id, who->who);
    return 0;
}

bool accounts_use_is_due(const accounts_t *self, uint64_t used_ms, uint64_t now_ms)
{
    uint64_t step = self->idle_ms / USED_PART;
    return now_ms >= used_ms + (step < USED_MOST_MS ? step : USED_MOST_MS);
}

void accounts_used(const accounts_t *self, directory_t *directory, const uuid_t7 *id,
                   uint64_t used_ms, uint64_t now_ms)
{
    if (!accounts_use_is_due(self, used_ms, now_ms))
        return;
    view_t *view = view_begin(directory);
    sessions_use(view, id, now_ms);
    view_outcome_t outcome = view_commit(&view);
    if (outcome != VIEW_DONE)
        log_warn("session.use", "err=%s", LOG_Q(view_outcome_text(outcome)));
}

/* The ids of sessions that have ended, among the next. */
static unsigned s_ended_sessions(accounts_t *self, view_t *view, uint64_t now_ms,
                                 uuid_t7 ids[SWEEP_MOST])
{
    unsigned len = 0, looked = 0;
    session_t session;
    bool more = sessions_after(view, uuid_is_nil(&self->swept) ? NULL : &self->swept, &session);
    for (; more && len < SWEEP_MOST && looked < SWEEP_LOOK; looked++) {
        if (!session_is_live(&session, self->idle_ms, now_ms))
            ids[len++] = session.id;
        self->swept = session.id;
        more = sessions_after(view, &self->swept, &session);
    }
    if (!more)
        self->swept = (uuid_t7){{0}};
    return len;
}

static unsigned s_ended_invitations(view_t *view, uint64_t now_ms, uuid_t7 ids[SWEEP_MOST])
{
    unsigned len = 0;
    invitation_t invitation;
    for (bool more = invitations_next(view, NULL, &invitation); more && len < SWEEP_MOST;
         more = invitations_next(view, &invitation.id, &invitation))
        if (now_ms >= invitation.ends_ms)
            ids[len++] = invitation.id;
    return len;
}

void accounts_sweep(accounts_t *self, directory_t *directory, uint64_t now_ms)
{
    uuid_t7 sessions[SWEEP_MOST], invitations[SWEEP_MOST];
    view_t *view = view_new(directory);
    view_tolerate(view, true); /* damaged rows keep no others from being removed */
    view_renew(view);
    unsigned sessions_len = s_ended_sessions(self, view, now_ms, sessions);
    unsigned invitations_len = s_ended_invitations(view, now_ms, invitations);
    view_destroy(&view);
    if (sessions_len + invitations_len == 0)
        return;
    view = view_begin(directory);
    view_tolerate(view, true);
    for (unsigned i = 0; i < sessions_len; i++)
        sessions_delete(view, &sessions[i]);
    for (unsigned i = 0; i < invitations_len; i++)
        invitations_delete(view, &invitations[i]);
    view_outcome_t outcome = view_commit(&view);
    if (outcome != VIEW_DONE)
        log_warn("accounts.sweep", "err=%s", LOG_Q(view_outcome_text(outcome)));
}
