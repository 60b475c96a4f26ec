#include "authd/manage/credential.h"

#include "authd/directory/mtokens.h"
#include "authd/directory/users.h"
#include "common/wire/wire.h"

#include <stdio.h>

/* Fills *user and what is the kind's own of *caller. */
typedef error_code_t resolve_fn(const accounts_t *accounts, view_t *view,
                                const credential_t *credential, uint64_t now_ms, caller_t *caller,
                                uuid_t7 *user);

static error_code_t s_management(const accounts_t *accounts, view_t *view,
                                 const credential_t *credential, uint64_t now_ms, caller_t *caller,
                                 uuid_t7 *user)
{
    slice_t text = credential->text;
    (void)accounts;
    uint8_t hash[TOKEN_HASH];
    mtoken_t token;
    /* In a cookie it would be sent by every page, and has no CSRF token. */
    if (credential->appkey.len)
        return ERROR_invalid_session;
    if (!token_is_management(text.data, text.len))
        return ERROR_invalid_token;
    token_hash(text.data, text.len, hash);
    if (!mtokens_find(view, hash, &token))
        return ERROR_invalid_token;
    *user = token.user;
    caller->token = token.id;
    caller->used_ms = token.used_ms;
    return mtoken_has_ended(&token, now_ms) ? ERROR_token_expired : ERROR_none;
}

/* What came without a cookie no other page could have sent. */
static error_code_t s_check_csrf(const credential_t *credential, const ticket_t *ticket,
                                 caller_t *caller)
{
    slice_t mark = slice_of(WIRE_CSRF), appkey = credential->appkey;
    caller->by_cookie = appkey.len > 0;
    if (!caller->by_cookie || credential->reads)
        return ERROR_none;
    bool right = appkey.len > mark.len && memcmp(appkey.data, mark.data, mark.len) == 0 &&
                 ticket_is_csrf(ticket, slice(appkey.data + mark.len, appkey.len - mark.len));
    return right ? ERROR_none : ERROR_csrf_refused;
}

static error_code_t s_session(const accounts_t *accounts, view_t *view,
                              const credential_t *credential, uint64_t now_ms, caller_t *caller,
                              uuid_t7 *user)
{
    accounts_who_t who;
    if (accounts_find(accounts, view, credential->text, now_ms, &who) != 0)
        return ERROR_invalid_session;
    error_code_t code = s_check_csrf(credential, &who.ticket, caller);
    *user = who.user;
    caller->session = who.ticket.id;
    caller->used_ms = who.used_ms;
    ticket_wipe(&who.ticket);
    return code;
}

static const struct {
    const char *prefix;
    resolve_fn *resolve;
} s_kinds[] = {{"psm_", s_management}, {TICKET_SESSION, s_session}};

static resolve_fn *s_kind(slice_t text)
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++) {
        slice_t prefix = slice_of(s_kinds[i].prefix);
        if (text.len > prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0)
            return s_kinds[i].resolve;
    }
    return NULL;
}

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
    error_code_t code = s_check_csrf(credential, &ticket, caller);
    caller->session = ticket.id;
    ticket_wipe(&ticket);
    return code;
}

error_code_t credential_resolve(const accounts_t *accounts, view_t *view,
                                const credential_t *credential, uint64_t now_ms, caller_t *caller)
{
    uuid_t7 id;
    user_t user;
    resolve_fn *resolve = s_kind(credential->text);
    *caller = (caller_t){.token = {{0}}};
    if (!resolve)
        return credential->appkey.len ? ERROR_invalid_session : ERROR_invalid_token;
    error_code_t code = resolve(accounts, view, credential, now_ms, caller, &id);
    if (code != ERROR_none && code != ERROR_token_expired && code != ERROR_csrf_refused)
        return code;
    if (!users_get(view, &id, &user) || user.deleted_ms)
        return resolve == s_session ? ERROR_invalid_session : ERROR_invalid_token;
    uuid_text(&id, caller->who);
    snprintf(caller->from, sizeof caller->from, "%.*s", SLICE_ARG(credential->from));
    caller->actor = (actor_t){.role = user.role,
                              .user = id,
                              .session = caller->session,
                              .who = caller->who,
                              .from = caller->from};
    return code;
}
