#include "workers/store/keeper.h"
#include "workers/store/merge.h"

#include "common/base/utf8.h"
#include "common/life/grant.h"
#include "common/life/kinds.h"
#include "common/life/path.h"
#include "common/life/remove.h"
#include "common/log/log.h"
#include "common/store/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 16384 };

const keeper_kind_t keeper_kinds[KEEPER_KINDS] = {
#define WORKER(constant, name, port, handlers, what)                                               \
    [WORKER_KINDS - 1 - OWNER_##constant] = {#name, SET_shards_##name},
#include "common/kinds.def"
};

const keeper_kind_t *keeper_kind(const char *name)
{
    for (unsigned i = 0; i < KEEPER_KINDS; i++)
        if (strcmp(keeper_kinds[i].name, name) == 0)
            return &keeper_kinds[i];
    return NULL;
}

bool keeper_next(const keeper_t *self, keeper_journal_t *at)
{
    while (at->kind < KEEPER_KINDS &&
           at->shard >= conf_uint(self->conf, keeper_kinds[at->kind].shards)) {
        at->kind++;
        at->shard = 0;
    }
    if (at->kind == KEEPER_KINDS)
        return false;
    snprintf(at->name, sizeof at->name, "%s-%u", keeper_kinds[at->kind].name, at->shard++);
    return true;
}

bool keeper_key(const keeper_t *self, const char *kind, char path[KEEPER_PATH])
{
    struct stat is;
    if (!kinds_has_handlers(kind))
        return false;
    kinds_key(self->conf, kind, path, KEEPER_PATH);
    return stat(path, &is) == 0 && is.st_size > 0;
}

ssize_t keeper_read_key(const char *path, char key[KEEPER_KEY])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t len = fd < 0 ? -1 : read(fd, key, KEEPER_KEY);
    int why = len == KEEPER_KEY ? EFBIG : errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return len == KEEPER_KEY ? -1 : len;
}

bool keeper_is_store(const char *name)
{
    if (strcmp(name, "directory") == 0)
        return true;
    for (unsigned i = 0; i < KEEPER_KINDS; i++) {
        size_t len = strlen(keeper_kinds[i].name);
        if (strncmp(name, keeper_kinds[i].name, len) == 0 && name[len] == '-' && name[len + 1] &&
            name[len + 1 + strspn(name + len + 1, "0123456789")] == '\0')
            return true;
    }
    return false;
}

void keeper_make_plain(char *text, bool lines)
{
    for (unsigned char *at = (unsigned char *)text; *at;) {
        size_t len = utf8_length(slice((char *)at, strnlen((char *)at, 4)));
        bool control =
            (*at < ' ' && !(lines && *at == '\n')) || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0);
        if (len == 0 || control)
            memset(at, '?', len = len ? len : 1);
        at += len;
    }
}

void keeper_say(const keeper_t *self, const char *format, ...)
{
    char text[TEXT];
    va_list args;
    if (self->json)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    keeper_make_plain(text, true);
    puts(text);
    fflush(stdout);
}

int keeper_refuse(const keeper_t *self, const char *format, ...)
{
    char text[TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    keeper_make_plain(text, true);
    fprintf(stderr, "posternctl: %s\n", text);
    if (self->json) {
        json_t *error = json_pack("{s:s, s:s}", "code", "refused", "message", text);
        json_dumpf(error, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(error);
    }
    return KEEPER_REFUSED;
}

void keeper_answer(const keeper_t *self, const char *field, const char *text)
{
    char *whole = utf8_replaced(slice_of(text));
    json_object_set_new(self->reply, field, *text ? json_string(whole) : json_null());
    free(whole);
}

void keeper_path(char path[KEEPER_PATH], const char *directory, const char *name)
{
    snprintf(path, KEEPER_PATH, "%s/%s", directory, name);
}

bool keeper_exists(const char *directory, const char *name)
{
    char path[KEEPER_PATH];
    struct stat is;
    keeper_path(path, directory, name);
    return lstat(path, &is) == 0;
}

/* What root makes in the data directory must stay usable by the processes' user. */
static void s_give(const keeper_t *self, int fd)
{
    struct stat is, now;
    if (geteuid() == 0 && stat(self->data, &is) == 0 && fstat(fd, &now) == 0 &&
        now.st_uid != is.st_uid && fchown(fd, is.st_uid, is.st_gid) != 0)
        fprintf(stderr, "posternctl: cannot change the owner of a file: %s\n", strerror(errno));
}

int keeper_open_lock(const keeper_t *self, const char *path)
{
    char err[PATH_ERROR];
    struct stat is;
    int fd = path_open(path, O_RDONLY | O_CREAT, 0600, err, sizeof err);
    if (fd >= 0 && fstat(fd, &is) == 0 && is.st_uid == geteuid())
        s_give(self, fd);
    return fd;
}

int keeper_lock(const keeper_t *self, const char *path)
{
    char holder[16] = "";
    /* The descriptor stays open: it carries the lock. */
    int fd = keeper_open_lock(self, path);
    if (fd < 0)
        return keeper_refuse(self, "cannot lock %s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return KEEPER_DONE;
    ssize_t len = pread(fd, holder, sizeof holder - 1, 0);
    holder[len > 0 ? strcspn(holder, "\n") : 0] = '\0';
    close(fd);
    return keeper_refuse(self, "%s is held by a running process%s%s: stop it first", path,
                         *holder ? ", pid " : "", holder);
}

int keeper_lock_self(const keeper_t *self)
{
    char path[KEEPER_PATH];
    keeper_path(path, self->data, "store.lock");
    return keeper_lock(self, path);
}

int keeper_lock_kind(const keeper_t *self, const char *kind, unsigned least)
{
    int rc = keeper_lock_self(self);
    for (unsigned shard = 0; shard < MERGE_MOST && rc == KEEPER_DONE; shard++) {
        char name[32], path[KEEPER_PATH];
        snprintf(name, sizeof name, "%.16s-%u.lock", kind, shard);
        keeper_path(path, self->data, name);
        if (shard < least || keeper_exists(self->data, name))
            rc = keeper_lock(self, path);
    }
    return rc;
}

int keeper_lock_all(const keeper_t *self, const char *directory)
{
    int rc = KEEPER_DONE;
    struct dirent *entry;
    DIR *dir = opendir(directory);
    while (dir && rc == KEEPER_DONE && (entry = readdir(dir))) {
        char path[KEEPER_PATH];
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 5, ".lock") != 0 ||
            strcmp(entry->d_name, "store.lock") == 0)
            continue;
        keeper_path(path, directory, entry->d_name);
        rc = keeper_lock(self, path);
    }
    if (dir)
        closedir(dir);
    return rc;
}

static int s_put(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, text, len);
        if (done < 0)
            return -1;
        text += done;
        len -= (size_t)done;
    }
    return 0;
}

int keeper_copy(int from, int to)
{
    char data[1 << 16];
    ssize_t len;
    while ((len = read(from, data, sizeof data)) > 0)
        if (s_put(to, data, (size_t)len) != 0)
            return -1;
    return len < 0 ? -1 : fsync(to);
}

int keeper_write(const char *path, const char *text, size_t len)
{
    char next[KEEPER_PATH + 8];
    struct stat is;
    bool present = lstat(path, &is) == 0 && S_ISREG(is.st_mode);
    snprintf(next, sizeof next, "%s.next", path);
    unlink(next);
    int fd = open(next, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    int rc = present ? fchmod(fd, is.st_mode & 0777) : 0;
    if (rc == 0 && present && geteuid() == 0)
        rc = fchown(fd, is.st_uid, is.st_gid);
    if (rc == 0)
        rc = s_put(fd, text, len) != 0 ? -1 : fsync(fd);
    close(fd);
    if (rc == 0)
        rc = rename(next, path);
    if (rc != 0) {
        int why = errno;
        unlink(next);
        errno = why;
        return -1;
    }
    return store_sync_name(path);
}

void keeper_remove(const char *path)
{
    char err[PATH_ERROR];
    const char *name;
    int parent = path_parent(path, &name, err, sizeof err);
    if (parent < 0)
        return;
    remove_name(parent, name);
    close(parent);
}

/* Others may exchange names in a tree while root is here: what has them is looked at when it is
 * held. */
static int s_give_tree(const char *path, uid_t user, gid_t group)
{
    char err[PATH_ERROR];
    const char *name;
    grant_t to = {.user = user, .group = group, .former = GRANT_ANYBODY};
    int parent = path_parent(path, &name, err, sizeof err);
    if (parent < 0)
        return -1;
    int rc = grant_below(parent, name, &to), why = errno;
    close(parent);
    errno = why;
    return rc;
}

int keeper_own(const keeper_t *self, const char *path)
{
    struct stat owner;
    int rc = stat(self->data, &owner);
    return rc ? rc : s_give_tree(path, owner.st_uid, owner.st_gid);
}

int keeper_take(const char *path)
{
    return s_give_tree(path, geteuid(), getegid());
}

int keeper_give(const keeper_t *self, const char *path, const char *store)
{
    char kind[32];
    kinds_user_t to;
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(store, "-"), store);
    if (!kinds_apart(self->conf))
        return keeper_own(self, path);
    if (kinds_user(self->conf, strcmp(kind, "directory") == 0 ? "authd" : kind, &to) == 0)
        return s_give_tree(path, to.user, to.group);
    errno = ESRCH;
    return -1;
}

int keeper_own_top(const keeper_t *self, const char *path)
{
    char err[PATH_ERROR];
    struct stat owner;
    int fd = path_directory(path, err, sizeof err);
    int rc = fd < 0 ? -1 : stat(self->data, &owner);
    if (rc == 0 && geteuid() == 0)
        rc = fchownat(fd, "", owner.st_uid, owner.st_gid, AT_EMPTY_PATH);
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return rc;
}

uint64_t keeper_free(const char *directory)
{
    struct statvfs is;
    return statvfs(directory, &is) == 0 ? (uint64_t)is.f_bavail * is.f_frsize : 0;
}

uint64_t keeper_bytes(const char *directory, const char *name)
{
    char path[KEEPER_PATH], file[KEEPER_PATH + 16];
    struct stat is;
    keeper_path(path, directory, name);
    snprintf(file, sizeof file, "%s/data.mdb", path);
    return stat(file, &is) == 0 ? (uint64_t)is.st_blocks * 512 : 0;
}

void keeper_time(int64_t wall_ms, bool compact, char text[32])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(text, 32, compact ? "%Y%m%dT%H%M%SZ" : "%Y-%m-%dT%H:%M:%SZ", &parts);
}
