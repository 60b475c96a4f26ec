#include "common/link/uid.h"

#include "common/life/hop.h"
#include "common/life/kinds.h"
#include "common/link/curve.h"
#include "common/link/keys.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static const char s_prefix[] = "uid:";
enum { PREFIX = sizeof s_prefix - 1, CONTROLS = 1u << ROLE_CONTROL };

static struct {
    pthread_mutex_t lock;
    bool there[KINDS];
    uid_t user[KINDS];
} s_users = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool uid_applies(const link_options_t *options)
{
    char address[HOP_PATH];
    return options->bind && options->conf && hop_address(options->endpoint, address);
}

static void s_note(const conf_t *conf)
{
    pthread_mutex_lock(&s_users.lock);
    for (unsigned i = 0; i < KINDS; i++) {
        kinds_user_t user;
        s_users.there[i] = kinds_user(conf, kinds_all[i], &user) == 0;
        s_users.user[i] = s_users.there[i] ? user.user : 0;
    }
    pthread_mutex_unlock(&s_users.lock);
}

int uid_apply(void *socket, const link_options_t *options, char *err, size_t err_size)
{
    char domain[64];
    s_note(options->conf);
    zap_start();
    snprintf(domain, sizeof domain, ZAP_DOMAIN_PREFIX "%u", key_roles_for(options->peer_roles));
    if (zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) == 0)
        return 0;
    snprintf(err, err_size, "cannot ask who connects: %s", zmq_strerror(errno));
    return -1;
}

void uid_proof(const char *address, char text[32])
{
    const char *at = address + strlen(address);
    *text = '\0';
    for (unsigned colons = 0; colons < 3; colons += *at == ':')
        if (at-- == address)
            return;
    size_t len = strspn(at + 1, "0123456789");
    if (len > 0 && len <= 10 && at[1 + len] == ':')
        snprintf(text, 32, "%s%.*s", s_prefix, (int)len, at + 1);
}

bool uid_is_proof(const char *text)
{
    return strncmp(text, s_prefix, PREFIX) == 0 &&
           text[PREFIX + strspn(text + PREFIX, "0123456789")] == '\0';
}

static uid_t s_user(const char *proof)
{
    return (uid_t)strtoul(proof + PREFIX, NULL, 10);
}

/* posternctl is root's, or started as authd's user. */
static unsigned s_roles(const char *kind)
{
    return key_roles(kind) | (strcmp(kind, "authd") == 0 ? CONTROLS : 0);
}

unsigned uid_roles(const char *proof)
{
    uid_t user = s_user(proof);
    unsigned roles = 0;
    pthread_mutex_lock(&s_users.lock);
    for (unsigned i = 0; i < KINDS; i++)
        if (user == 0 || (s_users.there[i] && s_users.user[i] == user))
            roles |= s_roles(kinds_all[i]);
    pthread_mutex_unlock(&s_users.lock);
    return roles;
}

static bool s_is_of(slice_t name, const char *kind)
{
    size_t len = strlen(kind);
    return name.len > len && memcmp(name.data, kind, len) == 0 && name.data[len] == '-';
}

bool uid_name(const char *proof, slice_t name)
{
    uid_t user = s_user(proof);
    bool allowed = true;
    pthread_mutex_lock(&s_users.lock);
    for (unsigned i = 0; i < KINDS; i++)
        if (s_is_of(name, kinds_all[i]))
            allowed = user == 0 || (s_users.there[i] && s_users.user[i] == user);
    pthread_mutex_unlock(&s_users.lock);
    return allowed;
}
