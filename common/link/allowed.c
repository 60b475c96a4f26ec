#include "common/base/clock.h"
#include "common/link/keys.h"
#include "common/log/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char text[KEY_TEXT], name[KEY_NAME];
    unsigned roles;
} allowed_key_t;

static struct {
    pthread_mutex_t lock;
    char directory[4200];
    allowed_key_t *keys;
    size_t len;
    int64_t read_ms;
    char complaint[256]; /* said already */
} s_list = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void s_complain(const char *reason)
{
    if (strcmp(s_list.complaint, reason) == 0)
        return;
    snprintf(s_list.complaint, sizeof s_list.complaint, "%s", reason);
    log_warn("link.allowed", "err=%s", LOG_Q(reason));
}

/* A file that is no certificate allows nobody; the others still count. */
static void s_add(void *arg, const char *path)
{
    char err[sizeof s_list.complaint];
    key_file_t key;
    (void)arg;
    if (key_read(path, &key, err, sizeof err) != 0) {
        s_complain(err);
        return;
    }
    allowed_key_t *to = &s_list.keys[s_list.len++];
    memcpy(to->text, key.text, sizeof to->text);
    memcpy(to->name, key.name, sizeof to->name);
    to->roles = key_roles(key.roles);
}

/* The old list goes first: one that cannot be read allows nobody. */
static int s_read(void)
{
    s_list.read_ms = clock_ms();
    s_list.len = 0;
    return key_each(s_list.directory, s_add, NULL);
}

int allowed_open(const char *directory, char *err, size_t err_size)
{
    pthread_mutex_lock(&s_list.lock);
    if (!s_list.keys)
        s_list.keys = calloc(KEY_FILES, sizeof *s_list.keys);
    if (!s_list.keys)
        abort();
    snprintf(s_list.directory, sizeof s_list.directory, "%s", directory);
    int rc = s_read();
    if (rc != 0)
        snprintf(err, err_size,
                 "curve.allowed: %s: %s; posternctl keys allow FILE makes it, with the public "
                 "certificates that may connect",
                 directory, strerror(errno));
    pthread_mutex_unlock(&s_list.lock);
    return rc;
}

/* The lock is held. */
static void s_refresh(void)
{
    if (clock_ms() - s_list.read_ms < ALLOWED_STALE_MS || s_read() == 0)
        return;
    char reason[sizeof s_list.complaint];
    snprintf(reason, sizeof reason, "cannot read the allow list: %s", strerror(errno));
    s_complain(reason);
}

unsigned allowed_roles(const char *text)
{
    unsigned roles = 0;
    pthread_mutex_lock(&s_list.lock);
    s_refresh();
    for (size_t i = 0; i < s_list.len; i++)
        if (strcmp(s_list.keys[i].text, text) == 0)
            roles |= s_list.keys[i].roles;
    pthread_mutex_unlock(&s_list.lock);
    return roles;
}

bool allowed_name(const char *text, slice_t name)
{
    bool kept = false, ours = false;
    pthread_mutex_lock(&s_list.lock);
    s_refresh();
    for (size_t i = 0; i < s_list.len && !ours; i++)
        if (key_names_match(slice_of(s_list.keys[i].name), name)) {
            kept = true;
            ours = strcmp(s_list.keys[i].text, text) == 0;
        }
    pthread_mutex_unlock(&s_list.lock);
    return ours || !kept;
}
