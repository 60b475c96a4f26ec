/* How a user proves who it is: the hash of its password, its second factor, and where it has logged
 * in from. A user that has any of these has one row. The second factor's secret is kept encrypted
 * under the master key; of recovery codes only hashes are kept.
 *
 * Threading, errors and life of slices: see directory.h. */
#ifndef POSTERN_LOGINS_H
#define POSTERN_LOGINS_H

#include "authd/directory/directory.h"
#include "common/base/uuid.h"
#include "common/store/sealing_key.h"

enum {
    LOGIN_SECRET = 20, /* of the second factor */
    LOGIN_SEALED = LOGIN_SECRET + SEALING_OVERHEAD,
    LOGIN_CODE = 32, /* the hash of a recovery code */
    LOGIN_CODES = 10,
    LOGIN_NETWORKS = 8, /* from which it logged in last */
    LOGIN_NETWORKS_TEXT = LOGIN_NETWORKS * 64,
};

typedef struct {
    uuid_t7 user;
    slice_t password; /* argon2id's text; empty: none */
    uint64_t password_ms;
    slice_t totp; /* sealed; empty: no second factor */
    uint64_t totp_ms;
    uint64_t totp_step; /* of the last code that was used */
    slice_t pending;    /* sealed: a second factor not yet confirmed */
    uint64_t pending_ms;
    slice_t codes;    /* hashes of the recovery codes that are left, one after another */
    uint64_t last_ms; /* of the last login; 0: never, or before it was kept */
    slice_t networks; /* of the last logins, the newest first, separated by blanks */
} login_t;

/* False, and an empty login of this user, when there is none. */
bool logins_get(view_t *view, const uuid_t7 *user, login_t *login);
/* Writes LOGIN, whose slices may be the view's. */
void logins_put(view_t *view, const login_t *login);
void logins_delete(view_t *view, const uuid_t7 *user);

/* Encrypts a second factor's secret, and decrypts it: 0, or -1 when this master key did not. */
void login_seal(view_t *view, const uint8_t secret[LOGIN_SECRET], uint8_t sealed[LOGIN_SEALED]);
int login_open(view_t *view, slice_t sealed, uint8_t secret[LOGIN_SECRET]);

/* Whether the user has logged in from NETWORK; and the value of networks after a login from
 * NETWORK, in TEXT. */
bool login_knows(const login_t *login, const char *network);
slice_t login_learn(const login_t *login, const char *network, char text[LOGIN_NETWORKS_TEXT]);

#endif
