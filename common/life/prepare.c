#include "common/life/prepare.h"

#include "common/life/clusters.h"
#include "common/life/grant.h"
#include "common/life/hop.h"
#include "common/life/kinds.h"
#include "common/life/path.h"
#include "common/log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    PLACE = PATH_MAX + 64,
    SHARED = 0755,
    HOP = 02711,
    HOP_OF_ROOT = 0700,
    LOCK_MS = 10000,
    LOOK_MS = 10
};

typedef struct {
    const conf_t *conf;
    const char *section;
    unsigned index;
    grant_t grant; /* to the process's user */
    char *err;
    size_t err_size;
} prepare_t;

static int s_fail(const prepare_t *self, const char *path, const char *what)
{
    snprintf(self->err, self->err_size, "%s: %s", path, what);
    return -1;
}

/* A directory in which only root makes names. */
static int s_shared(const prepare_t *self, const char *path)
{
    grant_t root = {.mode = SHARED, .former = self->grant.former};
    int fd = path_make(path, self->err, self->err_size);
    if (fd < 0)
        return -1;
    close(fd);
    return grant_directory(path, &root, self->err, self->err_size);
}

/* As without users of their own: what cannot be noted is not missed. */
static bool s_known(const prepare_t *self)
{
    if (s_shared(self, conf_text(self->conf, SET_data_known)) == 0)
        return true;
    log_warn("store.unknown", "err=%s", LOG_Q(self->err));
    return false;
}

static int s_connecting(const prepare_t *self, const hop_t *hop, gid_t *group)
{
    kinds_user_t user = {0};
    int rc = 0;
    if (kinds_is_worker(hop->connects) || strcmp(hop->connects, "worker") == 0)
        rc = kinds_workers(self->conf, &user.group);
    else if (*hop->connects)
        rc = kinds_user(self->conf, hop->connects, &user);
    *group = user.group;
    return rc ? s_fail(self, hop->connects, "there is no such user or group") : 0;
}

/* A socket of a process that was started before its directory was made: a live one, which the
 * kernel knows by its inode. Nobody but root can exchange the names here. */
static int s_move_socket(const prepare_t *self, const char *name, gid_t group)
{
    const char *sockets = conf_text(self->conf, SET_data_sockets);
    char to[HOP_PATH];
    struct stat is, there;
    snprintf(to, sizeof to, "%s.d/s", name);
    int dir = open(sockets, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = dir < 0 ? -1 : fstatat(dir, name, &is, AT_SYMLINK_NOFOLLOW);
    bool old = rc == 0 && S_ISSOCK(is.st_mode) && is.st_nlink == 1 &&
               (is.st_uid == 0 || is.st_uid == self->grant.former) &&
               fstatat(dir, to, &there, AT_SYMLINK_NOFOLLOW) != 0;
    rc = 0;
    if (old)
        rc = fchownat(dir, name, is.st_uid, group, AT_SYMLINK_NOFOLLOW);
    if (old && rc == 0)
        rc = fchmodat(dir, name, 0660, 0);
    if (old && rc == 0)
        rc = renameat(dir, name, dir, to);
    if (old && rc == 0)
        rc = symlinkat(to, dir, name);
    int error = errno;
    if (dir >= 0)
        close(dir);
    return rc ? s_fail(self, sockets, strerror(error)) : 0;
}

static int s_hop(const prepare_t *self, const hop_t *hop)
{
    char path[HOP_PATH];
    kinds_user_t binder;
    gid_t group;
    const char *endpoint = conf_endpoint(self->conf, hop->endpoint, 0);
    const char *name = hop_name(self->conf, endpoint);
    if (!name)
        return 0;
    if (strlen(endpoint + 6) + strlen(".d/s") >= sizeof((struct sockaddr_un *)0)->sun_path)
        return s_fail(self, endpoint,
                      "too long for a socket in a directory of its own: set "
                      "data.sockets to a shorter directory");
    if (kinds_user(self->conf, hop->binder, &binder) != 0)
        return s_fail(self, hop->binder, "there is no such user");
    if (s_connecting(self, hop, &group) != 0)
        return -1;
    hop_directory(endpoint + 6, path);
    grant_t to = {binder.user, group, *hop->connects ? HOP : HOP_OF_ROOT, self->grant.former, true};
    if (grant_directory(path, &to, self->err, self->err_size) != 0)
        return -1;
    return s_move_socket(self, name, group);
}

/* Makes an empty file, or gives what is there. */
static int s_file(const prepare_t *self, const char *path)
{
    return grant_file(path, &self->grant, self->err, self->err_size);
}

static int s_beside(const prepare_t *self, setting_t directory, const char *store,
                    const char *suffix)
{
    char path[PLACE];
    snprintf(path, sizeof path, "%s/%s%s", conf_text(self->conf, directory), store, suffix);
    return s_file(self, path);
}

static int s_store(const prepare_t *self, const char *store, bool known)
{
    char path[PLACE];
    snprintf(path, sizeof path, "%s/%s", conf_text(self->conf, SET_data_directory), store);
    int rc = grant_tree(path, &self->grant, self->err, self->err_size);
    if (rc == 0)
        rc = s_beside(self, SET_data_directory, store, ".lock");
    if (rc == 0 && known)
        rc = s_beside(self, SET_data_known, store, "");
    return rc;
}

static int s_found(const prepare_t *self, const char *name, const char *suffix)
{
    char path[PLACE];
    snprintf(path, sizeof path, "%s/%s%s", conf_text(self->conf, SET_data_directory), name, suffix);
    return grant_found(path, &self->grant, self->err, self->err_size);
}

static int s_authd(const prepare_t *self, bool known)
{
    char connection[PLACE];
    bool copies = strcmp(conf_text(self->conf, SET_directory_engine), "postgres") == 0;
    if (self->index > 0 && !copies) /* reads what the first one has */
        return 0;
    int rc = s_store(self, "directory", known);
    if (rc == 0)
        rc = s_file(self, conf_text(self->conf, SET_authd_master_key));
    kinds_directory(self->conf, false, connection, sizeof connection);
    if (rc == 0 && copies && strcmp(connection, conf_text(self->conf, SET_postgres_connection)))
        rc = s_file(self, connection);
    return rc ? rc : s_found(self, "first-owner", "");
}

static int s_shard(const prepare_t *self, unsigned shard, bool known)
{
    char store[64], key[PLACE];
    snprintf(store, sizeof store, "%s-%u", self->section, shard);
    int rc = s_store(self, store, known);
    if (rc == 0 && kinds_has_handlers(self->section)) {
        kinds_key(self->conf, self->section, key, sizeof key);
        rc = s_file(self, key);
        rc = rc ? rc : s_found(self, store, ".key"); /* of a version before */
    }
    return rc;
}

static int s_clusters(const prepare_t *self)
{
    static clusters_t clusters;
    int rc = clusters_read(self->conf, self->section, &clusters, self->err, self->err_size);
    for (unsigned i = 0; i < clusters.len && rc == 0; i++)
        rc = s_file(self, clusters.list[i].path);
    return rc;
}

static int s_worker(const prepare_t *self, bool known)
{
    unsigned shards = (unsigned)conf_uint(self->conf, conf_setting("shards", self->section));
    bool any = self->index >= CONF_ANY;
    int rc = any ? 0 : s_shard(self, self->index, known);
    for (unsigned i = 0; any && i < shards && rc == 0; i++)
        rc = s_shard(self, i, known);
    bool connects = conf_is_shared(self->conf, self->section);
    if (rc == 0 && connects)
        rc = s_clusters(self);
    if (rc == 0 && connects)
        rc = s_beside(self, SET_data_directory, self->section, ".host");
    return rc ? rc : s_found(self, self->section, ".shards");
}

/* Two: of a gateway and of its successor. */
static int s_gateway(const prepare_t *self)
{
    char name[64];
    snprintf(name, sizeof name, "gateway-%u", self->index);
    int rc = s_beside(self, SET_data_sockets, name, ".lock");
    return rc ? rc : s_beside(self, SET_data_sockets, name, "b.lock");
}

static int s_socket_locks(const prepare_t *self)
{
    int rc = 0;
    for (unsigned i = 0; i < HOPS && rc == 0; i++) {
        const char *name =
            hop_name(self->conf, conf_endpoint(self->conf, hop_table[i].endpoint, 0));
        if (name && strcmp(hop_table[i].binder, self->section) == 0)
            rc = s_beside(self, SET_data_sockets, name, ".lock");
    }
    return rc;
}

static int s_own(const prepare_t *self, bool known)
{
    int rc = s_socket_locks(self);
    if (rc == 0 && strcmp(self->section, "gateway") == 0)
        rc = s_gateway(self);
    if (rc == 0 && strcmp(self->section, "authd") == 0)
        rc = s_authd(self, known);
    if (rc == 0 && kinds_is_worker(self->section))
        rc = s_worker(self, known);
    return rc;
}

/* One at a time. A former user may have kept the file open, and locked: then not for ever. */
static int s_lock(const prepare_t *self)
{
    char path[PLACE];
    grant_t root = {.former = self->grant.former};
    snprintf(path, sizeof path, "%s/prepare.lock", conf_text(self->conf, SET_data_sockets));
    if (grant_file(path, &root, self->err, self->err_size) != 0)
        return -1;
    int fd = path_open(path, O_RDWR, 0, self->err, self->err_size);
    bool locked = false;
    for (unsigned i = 0; fd >= 0 && !locked && i < LOCK_MS / LOOK_MS; i++) {
        locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
        if (!locked)
            nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
    }
    return fd;
}

static int s_user(prepare_t *self)
{
    kinds_user_t user = {0};
    char name[64];
    snprintf(name, sizeof name, "%s.user", self->section ? self->section : "");
    if (self->section && kinds_user(self->conf, self->section, &user) != 0)
        return s_fail(self, name, "there is no such user: make it, or set process.user");
    self->grant.user = user.user;
    self->grant.group = user.group;
    return 0;
}

static int s_prepare(prepare_t *self)
{
    int rc = s_user(self);
    if (rc == 0)
        rc = s_shared(self, conf_text(self->conf, SET_data_directory));
    if (rc == 0)
        rc = s_shared(self, conf_text(self->conf, SET_data_sockets));
    int lock = rc == 0 ? s_lock(self) : -1;
    if (lock < 0)
        return -1;
    for (unsigned i = 0; i < HOPS && rc == 0; i++)
        rc = s_hop(self, &hop_table[i]);
    bool known = rc == 0 && s_known(self);
    if (rc == 0 && self->section)
        rc = s_own(self, known);
    close(lock);
    return rc;
}

int prepare_shared(const conf_t *conf, uid_t former, char *err, size_t err_size)
{
    prepare_t self = {.conf = conf, .grant = {.former = former}, .err = err, .err_size = err_size};
    return s_prepare(&self);
}

int prepare_process(const conf_t *conf, const char *section, unsigned index, uid_t former,
                    char *err, size_t err_size)
{
    prepare_t self = {.conf = conf,
                      .section = section,
                      .index = index,
                      .grant = {.former = former},
                      .err = err,
                      .err_size = err_size};
    return s_prepare(&self);
}
