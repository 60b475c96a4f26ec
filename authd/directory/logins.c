#include "authd/directory/logins.h"

#include "authd/directory/fields.h"
#include "authd/directory/table.h"
#include "common/log/log.h"

#include <string.h>

enum { NETWORK_MOST = LOGIN_NETWORKS_TEXT / LOGIN_NETWORKS - 1 };

bool logins_get(view_t *view, const uuid_t7 *user, login_t *login)
{
    slice_t bytes;
    *login = (login_t){.user = *user};
    if (!table_get(view, TABLE_logins, table_key(user), &bytes))
        return false;
    fields_t fields = fields_begin(bytes);
    login->password = fields_bytes(&fields, "password");
    login->password_ms = fields_uint(&fields, "set", 0);
    login->totp = fields_bytes(&fields, "totp");
    login->totp_ms = fields_uint(&fields, "totp_since", 0);
    login->totp_step = fields_uint(&fields, "totp_step", 0);
    login->pending = fields_bytes(&fields, "pending");
    login->pending_ms = fields_uint(&fields, "pending_since", 0);
    login->codes = fields_bytes(&fields, "codes");
    login->networks = fields_bytes(&fields, "networks");
    login->last_ms = fields_uint(&fields, "last", 0);
    return true;
}

void logins_put(view_t *view, const login_t *login)
{
    pack_t *record = table_record(view, 10);
    pack_pair_str(record, "password", login->password);
    pack_pair_uint(record, "set", login->password_ms);
    pack_pair_bin(record, "totp", login->totp.data, login->totp.len);
    pack_pair_uint(record, "totp_since", login->totp_ms);
    pack_pair_uint(record, "totp_step", login->totp_step);
    pack_pair_bin(record, "pending", login->pending.data, login->pending.len);
    pack_pair_uint(record, "pending_since", login->pending_ms);
    pack_pair_bin(record, "codes", login->codes.data, login->codes.len);
    pack_pair_str(record, "networks", login->networks);
    pack_pair_uint(record, "last", login->last_ms);
    table_put_record(view, TABLE_logins, table_key(&login->user), record);
}

void logins_delete(view_t *view, const uuid_t7 *user)
{
    table_delete(view, TABLE_logins, table_key(user));
}

void login_seal(view_t *view, const uint8_t secret[LOGIN_SECRET], uint8_t sealed[LOGIN_SEALED])
{
    sealing_key_seal(table_master_key(view), slice(secret, LOGIN_SECRET), sealed);
}

int login_open(view_t *view, slice_t sealed, uint8_t secret[LOGIN_SECRET])
{
    if (sealed.len == LOGIN_SEALED &&
        sealing_key_open(table_master_key(view), sealed, (char *)secret) == 0)
        return 0;
    log_error("directory.login", "err=%s", LOG_Q("not encrypted under this master key"));
    return -1;
}

/* The next of the networks from *at on; empty at the end. */
static slice_t s_next(slice_t networks, size_t *at)
{
    size_t start = *at;
    while (*at < networks.len && networks.data[*at] != ' ')
        ++*at;
    slice_t one = slice(networks.data + start, *at - start);
    if (*at < networks.len)
        ++*at;
    return one;
}

bool login_knows(const login_t *login, const char *network)
{
    for (size_t at = 0; at < login->networks.len;)
        if (slice_is(s_next(login->networks, &at), network))
            return true;
    return false;
}

slice_t login_learn(const login_t *login, const char *network, char text[LOGIN_NETWORKS_TEXT])
{
    size_t len = strnlen(network, NETWORK_MOST);
    unsigned count = 1;
    memcpy(text, network, len);
    for (size_t at = 0; at < login->networks.len && count < LOGIN_NETWORKS;) {
        slice_t one = s_next(login->networks, &at);
        if (one.len == 0 || one.len > NETWORK_MOST || slice_is(one, network))
            continue;
        text[len++] = ' ';
        memcpy(text + len, one.data, one.len);
        len += one.len;
        count++;
    }
    return slice(text, len);
}
