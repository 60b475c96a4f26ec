#include "authd/manage/credential.h"

#include <stdio.h>

void credential_of_anyone(slice_t from, caller_t *caller)
{
    *caller = (caller_t){.token = {{0}}};
    snprintf(caller->from, sizeof caller->from, "%.*s", SLICE_ARG(from));
    caller->actor = manage_anyone(caller->from);
}

error_code_t credential_of_session(const credential_t *credential, caller_t *caller)
{
    ticket_t ticket;
    credential_of_anyone(credential->from, caller);
    if (ticket_parse(credential->text, TICKET_SESSION, &ticket) != 0)
        return ERROR_invalid_session;
    error_code_t code = signed_in_check_csrf(credential, &ticket);
    caller->by_cookie = credential->appkey.len > 0;
    caller->session = ticket.id;
    ticket_wipe(&ticket);
    return code;
}

error_code_t credential_resolve(uint64_t idle_ms, view_t *view, const credential_t *credential,
                                uint64_t now_ms, caller_t *caller)
{
    signed_in_t who;
    error_code_t code = signed_in_find(idle_ms, view, credential, now_ms, &who);
    *caller = (caller_t){.token = who.token,
                         .session = who.session,
                         .by_cookie = who.by_cookie,
                         .used_ms = who.used_ms};
    if (code == ERROR_invalid_token || code == ERROR_invalid_session)
        return code;
    uuid_text(&who.user.id, caller->who);
    snprintf(caller->from, sizeof caller->from, "%.*s", SLICE_ARG(credential->from));
    caller->actor = (actor_t){.role = who.user.role,
                              .user = who.user.id,
                              .session = caller->session,
                              .who = caller->who,
                              .from = caller->from};
    return code;
}
