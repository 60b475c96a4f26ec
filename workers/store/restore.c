/* Restore of a backup into an installation whose processes are stopped. The copies are made and
 * compared beside the data first; only then the switch begins. */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/life/kinds.h"
#include "common/life/path.h"
#include "common/store/store.h"
#include "workers/journal/tools.h"
#include "workers/store/manifest.h"
#include "workers/store/owner.h"
#include "workers/store/switch.h"
#include "workers/store/verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int s_make_data(const keeper_t *self)
{
    const char *user = conf_text(self->conf, SET_process_user);
    if (mkdir(self->data, 0700) != 0)
        return errno == EEXIST
                   ? KEEPER_DONE
                   : keeper_refuse(self, "cannot make %s: %s", self->data, strerror(errno));
    struct passwd *to = *user && geteuid() == 0 ? getpwnam(user) : NULL;
    char err[PATH_ERROR];
    if (to && path_give(self->data, to->pw_uid, to->pw_gid, err, sizeof err) != 0)
        return keeper_refuse(self, "cannot give it to %s: %s", user, err);
    return KEEPER_DONE;
}

/* Nobody runs, and nobody can start: authd and the workers need these locks. */
static int s_lock(const keeper_t *self)
{
    char name[40], path[KEEPER_PATH];
    int rc = keeper_lock_self(self);
    if (rc == KEEPER_DONE)
        rc = keeper_lock_all(self, self->data);
    if (rc == KEEPER_DONE)
        rc = keeper_lock_all(self, conf_text(self->conf, SET_data_sockets));
    if (rc == KEEPER_DONE && !keeper_exists(self->data, "directory.lock")) {
        keeper_path(path, self->data, "directory.lock");
        rc = keeper_lock(self, path);
    }
    for (keeper_journal_t at = {0}; rc == KEEPER_DONE && keeper_next(self, &at);) {
        snprintf(name, sizeof name, "%s.lock", at.name);
        keeper_path(path, self->data, name);
        rc = keeper_exists(self->data, name) ? KEEPER_DONE : keeper_lock(self, path);
    }
    return rc;
}

/* The names must be ours: they become paths. */
static int s_check_manifest(const keeper_t *self, const char *from, const json_t *manifest)
{
    size_t i;
    json_t *entry;
    uint64_t needs = KEEPER_RESERVE;
    const json_t *shards = json_object_get(manifest, "shards");
    for (unsigned k = 0; k < KEEPER_KINDS; k++) {
        json_int_t count = json_integer_value(json_object_get(shards, keeper_kinds[k].name));
        if (count != (json_int_t)conf_uint(self->conf, keeper_kinds[k].shards))
            return keeper_refuse(self,
                                 "%s is of an installation with %lld %s shards, and shards.%s is "
                                 "%llu here: set it to %lld first",
                                 from, (long long)count, keeper_kinds[k].name, keeper_kinds[k].name,
                                 (unsigned long long)conf_uint(self->conf, keeper_kinds[k].shards),
                                 (long long)count);
    }
    json_array_foreach (json_object_get(manifest, "stores"), i, entry) {
        if (!keeper_is_store(manifest_text(entry, "name")))
            return keeper_refuse(self, "%s/" MANIFEST_FILE " names a store that there is none of",
                                 from);
        needs += (uint64_t)json_integer_value(json_object_get(entry, "file_bytes"));
    }
    if (i == 0)
        return keeper_refuse(self, "%s/" MANIFEST_FILE " lists no stores", from);
    if (keeper_free(self->data) < needs)
        return keeper_refuse(self, "%s has room for %llu MiB, and the backup takes %llu MiB",
                             self->data, (unsigned long long)keeper_free(self->data) >> 20,
                             (unsigned long long)needs >> 20);
    return KEEPER_DONE;
}

static int s_copy_store(const char *from, const char *to, const char *name)
{
    char source[KEEPER_PATH], target[KEEPER_PATH], file[KEEPER_PATH + 16];
    keeper_path(source, from, name);
    keeper_path(target, to, name);
    snprintf(file, sizeof file, "%s/data.mdb", source);
    int in = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (in < 0)
        return -1;
    int rc = mkdir(target, 0700);
    snprintf(file, sizeof file, "%s/data.mdb", target);
    int out = rc == 0 ? open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    rc = out < 0 ? -1 : keeper_copy(in, out);
    int why = errno;
    close(in);
    if (out >= 0)
        close(out);
    errno = why;
    return rc ? rc : store_sync_directory(target);
}

/* In the directory of the copy. A backup has no write-ahead file: all is in the tables. */
static int s_open_copy(void *arg, json_t *answer, char *err, size_t err_size)
{
    const json_t *entry = arg;
    (void)answer;
    int rc = manifest_check(entry, ".", err, err_size);
    if (rc == 0 && strcmp(manifest_text(entry, "name"), "directory") != 0) {
        rc = journal_detach(".", manifest_schema(entry), err, err_size);
        unlink("lock.mdb");
    }
    return rc;
}

/* Compares the copy with its entry, as the user who is going to have it. */
static int s_check_copy(const keeper_t *self, const char *to, json_t *entry, char *err,
                        size_t err_size)
{
    char path[KEEPER_PATH];
    const char *name = manifest_text(entry, "name");
    keeper_path(path, to, name);
    if (manifest_check_file(entry, path, err, err_size) != 0)
        return -1;
    if (keeper_give(self, path, name) != 0) {
        snprintf(err, err_size, "cannot give %s to its user: %s", path, strerror(errno));
        return -1;
    }
    owner_t owner = {.store = path, .within = path, .lock = -1, .work = s_open_copy, .arg = entry};
    json_t *answer = owner_run(&owner, err, err_size);
    int rc = answer ? 0 : -1;
    json_decref(answer);
    return rc;
}

/* Copies all and compares each copy with the manifest, adding it to the plan. */
static int s_copy(const keeper_t *self, const char *from, const char *to, const json_t *manifest,
                  json_t *plan)
{
    char err[KEEPER_PATH + 1024];
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(manifest, "stores"), i, entry) {
        const char *name = manifest_text(entry, "name");
        if (s_copy_store(from, to, name) != 0)
            return keeper_refuse(self, "cannot copy %s/%s: %s; nothing was changed", from, name,
                                 strerror(errno));
        if (s_check_copy(self, to, entry, err, sizeof err) != 0)
            return keeper_refuse(self, "%s; nothing was changed", err);
        switch_in(plan, name);
        keeper_say(self, "%-14s as of %s, %lld %s", name, manifest_text(entry, "time"),
                   (long long)manifest_rows(entry),
                   strcmp(name, "directory") == 0 ? "tokens" : "messages");
    }
    return KEEPER_DONE;
}

/* What lies in the data directory goes aside, or stands in the way. */
static int s_clear(const keeper_t *self, json_t *plan)
{
    struct dirent *entry;
    int rc = KEEPER_DONE;
    DIR *dir = opendir(self->data);
    while (dir && rc == KEEPER_DONE && (entry = readdir(dir))) {
        if (!keeper_is_store(entry->d_name))
            continue;
        if (self->replace)
            switch_aside(self, plan, entry->d_name);
        else
            rc = keeper_refuse(self,
                               "%s holds %s already: --replace moves what is there aside, and "
                               "deletes nothing",
                               self->data, entry->d_name);
    }
    if (dir)
        closedir(dir);
    return rc;
}

/* A key of the backup at PATH, to be STORE's. */
typedef struct {
    const char *path, *to, *store;
    bool needed; /* else another one stays: what it cannot read authd tells again */
} backed_key_t;

/* Puts it where there is none; another one is not overwritten. */
static int s_restore_key(const keeper_t *self, const backed_key_t *key)
{
    char theirs[KEEPER_KEY], ours[KEEPER_KEY];
    int rc = KEEPER_DONE;
    ssize_t len = keeper_read_key(key->path, theirs), have = keeper_read_key(key->to, ours);
    if (len <= 0)
        rc = keeper_refuse(self, "%s cannot be read", key->path);
    else if (have == 0 || (have < 0 && errno == ENOENT)) {
        if (keeper_write(key->to, theirs, (size_t)len) != 0 ||
            keeper_give(self, key->to, key->store) != 0)
            rc = keeper_refuse(self, "cannot write %s: %s", key->to, strerror(errno));
    } else if (key->needed && !secret_eq(ours, have > 0 ? (size_t)have : 0, theirs, (size_t)len))
        rc = keeper_refuse(self, "%s is not the master key of the backup: move it away first",
                           key->to);
    secret_wipe(theirs, sizeof theirs);
    secret_wipe(ours, sizeof ours);
    return rc;
}

static int s_restore_keys(const keeper_t *self, const char *from, const json_t *manifest)
{
    char path[KEEPER_PATH], to[KEEPER_PATH];
    if (!json_is_true(json_object_get(manifest, "master_key")))
        return KEEPER_DONE;
    keeper_path(path, from, MANIFEST_KEY);
    backed_key_t key = {path, conf_text(self->conf, SET_authd_master_key), "directory", true};
    int rc = s_restore_key(self, &key);
    for (unsigned i = 0; i < KEEPER_KINDS && rc == KEEPER_DONE; i++) {
        const char *kind = keeper_kinds[i].name;
        manifest_key(path, from, kind);
        if (!kinds_has_handlers(kind) || access(path, F_OK) != 0)
            continue;
        kinds_key(self->conf, kind, to, sizeof to);
        rc = s_restore_key(self, &(backed_key_t){path, to, kind, false});
    }
    return rc;
}

/* A partial backup: what it has not is said, and what was there lies aside. */
static void s_report_failed(const keeper_t *self, const json_t *manifest)
{
    size_t i;
    json_t *entry;
    const json_t *failed = manifest_failed(manifest);
    if (!failed)
        return;
    json_object_set(self->reply, "failed", (json_t *)failed);
    json_array_foreach (failed, i, entry)
        keeper_say(
            self,
            "%s is NOT in this backup, it could not be copied then (%s): the next start makes "
            "an empty one.",
            manifest_text(entry, "name"), manifest_text(entry, "message"));
}

static void s_report(const keeper_t *self, const char *from, const json_t *manifest,
                     const char *kept)
{
    const char *key = conf_text(self->conf, SET_authd_master_key);
    keeper_answer(self, "restored", from);
    keeper_answer(self, "kept", kept);
    json_object_set(self->reply, "stores", json_object_get(manifest, "stores"));
    keeper_say(
        self,
        "Restored %s. Each store is as of its time above: messages accepted after it are "
        "gone, and so\nis what the directory learned after it: new users, tokens and places, "
        "and deletions. DELETE AGAIN\nwhat tokens were revoked since. Requests that are "
        "repeated now are stored again when they were\nfirst stored after that time: their "
        "ids and idempotency keys are gone, too.",
        from);
    s_report_failed(self, manifest);
    if (access(key, F_OK) != 0)
        keeper_say(self, "The master key %s is missing: put it back before you start authd.", key);
    if (*kept)
        keeper_say(self, "What was there lies in %s. To delete it: rm -r '%s'", kept, kept);
}

static int s_restore(const keeper_t *self, const char *from, const json_t *manifest)
{
    char title[KEEPER_PATH], staging[KEEPER_PATH], kept[KEEPER_PATH] = "";
    bool finished;
    snprintf(title, sizeof title, "restore of %s", from);
    int rc = switch_recover(self, title, &finished);
    if (rc != KEEPER_DONE || finished)
        return rc;
    json_t *plan = switch_plan(title);
    rc = s_check_manifest(self, from, manifest);
    if (rc == KEEPER_DONE)
        rc = s_clear(self, plan);
    if (rc == KEEPER_DONE)
        rc = switch_begin(self, staging);
    if (rc == KEEPER_DONE) {
        rc = s_copy(self, from, staging, manifest, plan);
        if (rc == KEEPER_DONE)
            rc = s_restore_keys(self, from, manifest);
        if (rc != KEEPER_DONE)
            keeper_remove(staging);
    }
    for (unsigned i = 0; i < KEEPER_KINDS; i++)
        switch_shards(plan, keeper_kinds[i].name,
                      (unsigned)conf_uint(self->conf, keeper_kinds[i].shards), false);
    if (rc == KEEPER_DONE)
        rc = switch_run(self, &plan, kept);
    if (rc == KEEPER_DONE)
        s_report(self, from, manifest, kept);
    json_decref(plan);
    return rc;
}

int restore_run(const keeper_t *self, const char *from)
{
    char err[1024];
    json_t *manifest = manifest_read(from, err, sizeof err);
    if (!manifest)
        return keeper_refuse(self, "%s", err);
    int rc = s_make_data(self);
    if (rc == KEEPER_DONE)
        rc = s_lock(self);
    if (rc == KEEPER_DONE)
        rc = s_restore(self, from, manifest);
    json_decref(manifest);
    return rc;
}
