#include "authd/accounts/signed_in.h"

#include "authd/accounts/accounts.h"
#include "authd/directory/mtokens.h"
#include "authd/directory/sessions.h"
#include "common/wire/wire.h"

/* Fills what is the kind's own of *who, and the id of its user. */
typedef error_code_t find_fn(uint64_t idle_ms, view_t *view, const credential_t *credential,
                             uint64_t now_ms, signed_in_t *who, uuid_t7 *user);

static error_code_t s_of_management(const mtoken_t *token, uint64_t now_ms, signed_in_t *who,
                                    uuid_t7 *user)
{
    *user = token->user;
    who->token = token->id;
    who->used_ms = token->used_ms;
    return mtoken_has_ended(token, now_ms) ? ERROR_token_expired : ERROR_none;
}

static error_code_t s_management(uint64_t idle_ms, view_t *view, const credential_t *credential,
                                 uint64_t now_ms, signed_in_t *who, uuid_t7 *user)
{
    slice_t text = credential->text;
    (void)idle_ms;
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
    return s_of_management(&token, now_ms, who, user);
}

/* What came without a cookie no other page could have sent. */
error_code_t signed_in_check_csrf(const credential_t *credential, const ticket_t *ticket)
{
    slice_t mark = slice_of(WIRE_CSRF), appkey = credential->appkey;
    if (appkey.len == 0 || credential->reads)
        return ERROR_none;
    bool right = appkey.len > mark.len && memcmp(appkey.data, mark.data, mark.len) == 0 &&
                 ticket_is_csrf(ticket, slice(appkey.data + mark.len, appkey.len - mark.len));
    return right ? ERROR_none : ERROR_csrf_refused;
}

static error_code_t s_session(uint64_t idle_ms, view_t *view, const credential_t *credential,
                              uint64_t now_ms, signed_in_t *who, uuid_t7 *user)
{
    accounts_who_t found;
    if (accounts_find(idle_ms, view, credential->text, now_ms, &found) != 0)
        return ERROR_invalid_session;
    error_code_t code = signed_in_check_csrf(credential, &found.ticket);
    *user = found.user;
    who->by_cookie = credential->appkey.len > 0;
    who->session = found.ticket.id;
    who->used_ms = found.used_ms;
    ticket_wipe(&found.ticket);
    return code;
}

static const struct {
    const char *prefix;
    find_fn *find;
} s_kinds[] = {{"psm_", s_management}, {TICKET_SESSION, s_session}};

static find_fn *s_kind(slice_t text)
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof *s_kinds; i++) {
        slice_t prefix = slice_of(s_kinds[i].prefix);
        if (text.len > prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0)
            return s_kinds[i].find;
    }
    return NULL;
}

static error_code_t s_with_user(view_t *view, const uuid_t7 *user, error_code_t code,
                                signed_in_t *who)
{
    if (code == ERROR_invalid_token || code == ERROR_invalid_session)
        return code;
    if (users_get(view, user, &who->user) && !who->user.deleted_ms)
        return code;
    return uuid_is_nil(&who->session) ? ERROR_invalid_token : ERROR_invalid_session;
}

error_code_t signed_in_find(uint64_t idle_ms, view_t *view, const credential_t *credential,
                            uint64_t now_ms, signed_in_t *who)
{
    uuid_t7 user;
    find_fn *find = s_kind(credential->text);
    *who = (signed_in_t){.used_ms = 0};
    if (!find)
        return credential->appkey.len ? ERROR_invalid_session : ERROR_invalid_token;
    error_code_t code = find(idle_ms, view, credential, now_ms, who, &user);
    return s_with_user(view, &user, code, who);
}

error_code_t signed_in_again(uint64_t idle_ms, view_t *view, const uuid_t7 *id, uint64_t now_ms,
                             signed_in_t *who)
{
    uuid_t7 user;
    mtoken_t token;
    session_t session;
    *who = (signed_in_t){.used_ms = 0};
    if (mtokens_get(view, id, &token))
        return s_with_user(view, &token.user, s_of_management(&token, now_ms, who, &user), who);
    if (!sessions_get(view, id, &session) || !session_is_live(&session, idle_ms, now_ms))
        return ERROR_invalid_session;
    who->session = session.id;
    who->used_ms = session.used_ms;
    return s_with_user(view, &session.user, ERROR_none, who);
}
