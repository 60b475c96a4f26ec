#include "common/link/keys.h"

#include "common/base/ops.h"

#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALL_WORKERS = ((1u << WORKER_KINDS) - 1) << 8, PATH_LEN = 4352 };

static unsigned s_kind_bit(unsigned kind)
{
    return 1u << (8 + kind);
}

static unsigned s_role(const char *word, size_t len)
{
    static const struct {
        const char *word;
        unsigned bits;
    } roles[] = {
        {"gateway", 1u << ROLE_GATEWAY},
        {"authd", 1u << ROLE_AUTHD},
        {"router", 1u << ROLE_ROUTER},
        {"worker", ALL_WORKERS},
    };
    op_owner_t kind;
    if (op_owner_of(word, len, &kind))
        return s_kind_bit(kind);
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strlen(roles[i].word) == len && memcmp(roles[i].word, word, len) == 0)
            return roles[i].bits;
    return 0;
}

unsigned key_roles(const char *words)
{
    unsigned bits = 0;
    while (*(words += strspn(words, " ,"))) {
        size_t len = strcspn(words, " ,");
        unsigned role = s_role(words, len);
        if (!role)
            return 0;
        bits |= role;
        words += len;
    }
    return bits;
}

unsigned key_roles_of(const wire_hello_t *hello)
{
    if (hello->role == ROLE_WORKER)
        return hello->kind < WORKER_KINDS ? s_kind_bit(hello->kind) : 0;
    return 1u << hello->role;
}

unsigned key_roles_for(unsigned peer_roles)
{
    unsigned worker = 1u << ROLE_WORKER;
    return peer_roles & worker ? (peer_roles & ~worker) | ALL_WORKERS : peer_roles;
}

bool key_name_is_good(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len < KEY_NAME && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == len;
}

static int s_fail(char *err, size_t err_size, const char *path, const char *reason)
{
    snprintf(err, err_size, "%s: %s", path, reason);
    return -1;
}

/* Made before czmq writes into it, so that the secret is never in a file that others can read. */
static int s_reserve(const char *path, mode_t mode, char *err, size_t err_size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return s_fail(err, err_size, path,
                      errno == EEXIST ? "is there already; choose another name" : strerror(errno));
    close(fd);
    return 0;
}

/* The length of "gateway-0" in "gateway-0b.1"; 0 when there is no number. */
static size_t s_process_len(slice_t name)
{
    size_t i = 0;
    while (i < name.len && (name.data[i] < '0' || name.data[i] > '9'))
        i++;
    if (i == name.len)
        return 0;
    while (i < name.len && name.data[i] >= '0' && name.data[i] <= '9')
        i++;
    return i;
}

bool key_names_match(slice_t a, slice_t b)
{
    size_t len = s_process_len(a);
    return len > 0 && len == s_process_len(b) && memcmp(a.data, b.data, len) == 0;
}

int key_make(const char *directory, const char *name, const char *roles, char *err, size_t err_size)
{
    char public_path[PATH_LEN], secret_path[PATH_LEN];
    snprintf(public_path, sizeof public_path, "%s/%s.pub", directory, name);
    snprintf(secret_path, sizeof secret_path, "%s/%s.secret", directory, name);
    if (s_reserve(secret_path, 0600, err, err_size) != 0)
        return -1;
    if (s_reserve(public_path, 0644, err, err_size) != 0) {
        unlink(secret_path);
        return -1;
    }
    zcert_t *cert = zcert_new();
    if (!cert)
        abort();
    zcert_set_meta(cert, "name", "%s", name);
    zcert_set_meta(cert, "roles", "%s", roles);
    int rc = zcert_save_secret(cert, secret_path);
    if (rc == 0)
        rc = zcert_save_public(cert, public_path);
    zcert_destroy(&cert);
    if (rc == 0)
        return 0;
    unlink(secret_path);
    unlink(public_path);
    return s_fail(err, err_size, directory, "cannot write the certificates");
}

/* What a certificate says; the reason when it is none. */
static const char *s_note(zcert_t *cert, key_file_t *key)
{
    static const uint8_t none[32];
    const char *name = zcert_meta(cert, "name"), *roles = zcert_meta(cert, "roles");
    *key = (key_file_t){.secret = memcmp(zcert_secret_key(cert), none, sizeof none) != 0};
    if (memcmp(zcert_public_key(cert), none, sizeof none) == 0)
        return "holds no public key";
    if (!name || !key_name_is_good(name))
        return "has no name of [a-z0-9.-] in its metadata; make it with posternctl keys new";
    if (!roles || strlen(roles) >= KEY_ROLES || key_roles(roles) == 0)
        return "has no roles in its metadata that are known; make it with posternctl keys new";
    snprintf(key->name, sizeof key->name, "%s", name);
    snprintf(key->roles, sizeof key->roles, "%s", roles);
    snprintf(key->text, sizeof key->text, "%s", zcert_public_txt(cert));
    return NULL;
}

int key_read(const char *path, key_file_t *key, char *err, size_t err_size)
{
    if (access(path, R_OK) != 0)
        return s_fail(err, err_size, path, strerror(errno));
    zcert_t *cert = zcert_load(path);
    if (!cert)
        return s_fail(err, err_size, path, "not a certificate of posternctl keys");
    const char *reason = s_note(cert, key);
    zcert_destroy(&cert);
    return reason ? s_fail(err, err_size, path, reason) : 0;
}

static int s_is_public(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && strcmp(dot, ".pub") == 0;
}

int key_each(const char *directory, void (*found)(void *arg, const char *path), void *arg)
{
    struct dirent **files;
    int len = scandir(directory, &files, s_is_public, alphasort);
    if (len < 0)
        return -1;
    for (int i = 0; i < len; i++) {
        char path[PATH_LEN];
        if (i < KEY_FILES &&
            snprintf(path, sizeof path, "%s/%s", directory, files[i]->d_name) < (int)sizeof path)
            found(arg, path);
        free(files[i]);
    }
    free(files);
    return 0;
}
