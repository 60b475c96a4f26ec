/* Backup of a running or a stopped installation.
 *
 * Each copy is the state after one commit; between the copies time passes. The order makes sure
 * that what one copy speaks of is in a later one. Extensions and bots come first: what their
 * handlers cause is posted to channels, so a delivery that the copy knows as done is in the copy of
 * the channel. The directory comes last: whoever is named in a journal was in the directory before,
 * and a token that was deleted meanwhile is deleted in the copy. What is newer in a later copy than
 * the earlier ones know does no harm: a channel without messages, a token without use. */
#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/store/known.h"
#include "common/store/store.h"
#include "workers/journal/tools.h"
#include "workers/store/manifest.h"
#include "workers/store/owner.h"
#include "workers/store/verbs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*each_fn)(const keeper_t *self, const char *to, const char *name, json_t *manifest);

/* Calls EACH for the stores in the order in which they are copied; shards that are not on this host
 * are listed in the manifest. */
static int s_each(const keeper_t *self, const char *to, json_t *manifest, each_fn each)
{
    int rc = KEEPER_DONE;
    for (keeper_journal_t at = {0}; rc == KEEPER_DONE && keeper_next(self, &at);)
        rc = each(self, to, at.name, manifest);
    return rc ? rc : each(self, to, "directory", manifest);
}

/* Another user's directory would hand it every message. */
static bool s_is_ours(const char *path)
{
    struct stat is;
    return lstat(path, &is) == 0 && S_ISDIR(is.st_mode) && is.st_uid == geteuid();
}

static bool s_is_empty(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    bool empty = dir != NULL;
    while (dir && empty && (entry = readdir(dir)))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    if (dir)
        closedir(dir);
    return empty;
}

static int s_make(const keeper_t *self, const char *to, char parent[KEEPER_PATH])
{
    snprintf(parent, KEEPER_PATH, "%s/..", to);
    if (mkdir(to, 0700) == 0)
        return store_sync_directory(parent) == 0
                   ? KEEPER_DONE
                   : keeper_refuse(self, "%s: %s", parent, strerror(errno));
    if (errno != EEXIST)
        return keeper_refuse(self, "cannot make %s: %s", to, strerror(errno));
    if (!s_is_ours(to))
        return keeper_refuse(self,
                             "%s is there and not a directory of yours: a backup goes into a new "
                             "directory",
                             to);
    if (!s_is_empty(to))
        return keeper_refuse(self, "%s is there and not empty: a backup goes into a new directory",
                             to);
    return chmod(to, 0700) == 0 ? KEEPER_DONE : keeper_refuse(self, "%s: %s", to, strerror(errno));
}

/* Adds up what the stores take; the sum travels in the manifest until it is checked. */
static int s_measure(const keeper_t *self, const char *to, const char *name, json_t *manifest)
{
    uint64_t bytes = keeper_bytes(self->data, name);
    json_t *sum = json_object_get(manifest, "needs");
    (void)to;
    json_integer_set(sum, json_integer_value(sum) + (json_int_t)bytes);
    return KEEPER_DONE;
}

static int s_check_room(const keeper_t *self, const char *to, json_t *manifest)
{
    json_object_set_new(manifest, "needs", json_integer(0));
    s_each(self, to, manifest, s_measure);
    uint64_t needs = (uint64_t)json_integer_value(json_object_get(manifest, "needs"));
    json_object_del(manifest, "needs");
    uint64_t room = keeper_free(to);
    if (room >= needs + KEEPER_RESERVE)
        return KEEPER_DONE;
    return keeper_refuse(self, "%s has room for %llu MiB, and the stores take %llu MiB: free some",
                         to, (unsigned long long)room >> 20,
                         (unsigned long long)(needs + KEEPER_RESERVE) >> 20);
}

/* What is copied by a child that is the store's owner. */
typedef struct {
    const char *from, *name;
    int lock; /* of a journal; -1: of none */
} copying_t;

static bool s_is_journal(const char *name)
{
    return strcmp(name, "directory") != 0;
}

/* In the directory of the copy. The answer is its entry in the manifest. */
static int s_copy_rows(void *arg, json_t *answer, char *err, size_t err_size)
{
    const copying_t *self = arg;
    store_sum_t sum;
    int rc = s_is_journal(self->name)
                 ? journal_copy(self->from, self->lock, ".", &sum, err, err_size)
                 : store_copy(self->from, ".", &sum, err, err_size);
    return rc ? rc : manifest_describe(answer, ".", self->name, &sum, err, err_size);
}

/* The copy is ours when it is whole, and gone else. NULL with the reason in err. */
static json_t *s_copy_store(const keeper_t *self, const char *copy, const char *name, char *err,
                            size_t err_size)
{
    char from[KEEPER_PATH], lock[KEEPER_PATH + 8];
    keeper_path(from, self->data, name);
    snprintf(lock, sizeof lock, "%s.lock", from);
    if (mkdir(copy, 0700) != 0) {
        snprintf(err, err_size, "cannot make %s: %s", copy, strerror(errno));
        return NULL;
    }
    copying_t copying = {from, name, s_is_journal(name) ? keeper_open_lock(self, lock) : -1};
    owner_t owner = {
        .store = from, .within = copy, .lock = copying.lock, .work = s_copy_rows, .arg = &copying};
    json_t *entry = owner_run(&owner, err, err_size);
    if (copying.lock >= 0)
        close(copying.lock);
    if (entry && keeper_take(copy) != 0) {
        snprintf(err, err_size, "cannot take %s over: %s", copy, strerror(errno));
        json_decref(entry);
        entry = NULL;
    }
    return entry;
}

/* A store that cannot be copied keeps no other from it. A disk that is not mounted would make a
 * backup without its stores: that is such a fault. */
static int s_fail(const keeper_t *self, const char *copy, const char *name, const char *why,
                  json_t *manifest)
{
    keeper_remove(copy);
    manifest_add_failed(manifest, name, why);
    keeper_say(self, "%-14s NOT COPIED: %s", name, why);
    return KEEPER_DONE;
}

static int s_miss(const keeper_t *self, const char *name, json_t *manifest)
{
    json_t *missing = json_object_get(manifest, "missing");
    if (!missing)
        json_object_set_new(manifest, "missing", missing = json_array());
    json_array_append_new(missing, json_string(name));
    keeper_say(self, "%-14s is not on this host", name);
    return KEEPER_DONE;
}

static int s_copy(const keeper_t *self, const char *to, const char *name, json_t *manifest)
{
    char from[KEEPER_PATH], copy[KEEPER_PATH], err[2 * KEEPER_PATH], time[32];
    const char *known = conf_text(self->conf, SET_data_known);
    keeper_path(from, self->data, name);
    keeper_path(copy, to, name);
    if (known_check(known, name, from, err, sizeof err) != 0)
        return s_fail(self, copy, name, err, manifest);
    if (keeper_bytes(self->data, name) == 0)
        return s_miss(self, name, manifest);
    int64_t wall_ms = clock_wall_ms();
    json_t *entry = s_copy_store(self, copy, name, err, sizeof err);
    if (!entry)
        return s_fail(self, copy, name, err, manifest);
    if (manifest_add(manifest, to, name, wall_ms, entry, err, sizeof err) != 0)
        return keeper_refuse(self, "%s; %s is no backup: delete it", err, to);
    keeper_time(wall_ms, false, time);
    keeper_say(self, "%-14s as of %s, %lld %s, copied and compared", name, time,
               (long long)manifest_rows(entry), s_is_journal(name) ? "messages" : "tokens");
    return KEEPER_DONE;
}

static int s_copy_key(const keeper_t *self, const char *what, const char *from, const char *path)
{
    char key[KEEPER_KEY];
    ssize_t len = keeper_read_key(from, key);
    if (len <= 0)
        return keeper_refuse(self, "cannot copy the %s %s: %s", what, from,
                             len < 0 ? strerror(errno) : "it is none");
    int rc = keeper_write(path, key, (size_t)len);
    secret_wipe(key, sizeof key);
    return rc ? keeper_refuse(self, "cannot write %s: %s", path, strerror(errno)) : KEEPER_DONE;
}

/* The master key, and the workers' where there are such on this host. */
static int s_copy_keys(const keeper_t *self, const char *to)
{
    char path[KEEPER_PATH], key[KEEPER_PATH];
    keeper_path(path, to, MANIFEST_KEY);
    int rc = s_copy_key(self, "master key", conf_text(self->conf, SET_authd_master_key), path);
    for (unsigned i = 0; i < KEEPER_KINDS; i++)
        if (rc == KEEPER_DONE && keeper_key(self, keeper_kinds[i].name, key)) {
            manifest_key(path, to, keeper_kinds[i].name);
            rc = s_copy_key(self, "workers' key", key, path);
        }
    return rc;
}

static int s_write_manifest(const keeper_t *self, const char *to, json_t *manifest)
{
    char path[KEEPER_PATH], time[32];
    keeper_time(clock_wall_ms(), false, time);
    json_object_set_new(manifest, "ended", json_string(time));
    char *text = json_dumps(manifest, JSON_INDENT(1));
    keeper_path(path, to, MANIFEST_FILE);
    if (!text)
        abort();
    int rc = keeper_write(path, text, strlen(text));
    free(text);
    return rc ? keeper_refuse(self, "cannot write %s: %s", path, strerror(errno)) : KEEPER_DONE;
}

static void s_report(const keeper_t *self, const char *to)
{
    const char *key = conf_text(self->conf, SET_authd_master_key);
    keeper_answer(self, "backup", to);
    json_object_set_new(self->reply, "master_key", json_boolean(self->with_key));
    keeper_say(self, "Backup complete: %s", to);
    if (self->with_key)
        keeper_say(
            self, "It holds the MASTER KEY and the workers' keys: whoever has this backup can read "
                  "the appkeys and handlers' secrets. Keep it as you keep the keys.");
    else
        keeper_say(
            self,
            "The master key is NOT in it. Without %s the appkeys are lost and authd does not "
            "start: keep a copy of it elsewhere.",
            key);
}

/* Says what is not in it; KEEPER_REFUSED when there is such. */
static int s_report_failed(const keeper_t *self, const char *to, const json_t *manifest)
{
    char text[1536] = "";
    size_t i, len = 0;
    const json_t *failed = manifest_failed(manifest);
    json_t *entry;
    json_array_foreach (failed, i, entry)
        if (len < sizeof text)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s: %s", i ? "; " : "",
                                    manifest_text(entry, "name"), manifest_text(entry, "message"));
    if (json_array_size(json_object_get(manifest, "stores")) > 0)
        return failed ? keeper_refuse(self,
                                      "the backup %s is PARTIAL, it has all stores but these: %s",
                                      to, text)
                      : KEEPER_DONE;
    if (failed)
        return keeper_refuse(self, "nothing could be copied, and %s is no backup: delete it. %s",
                             to, text);
    return keeper_refuse(self, "%s holds no stores: there is nothing to back up", self->data);
}

static int s_back_up(const keeper_t *self, const char *to, json_t *manifest)
{
    int rc = s_check_room(self, to, manifest);
    if (rc == KEEPER_DONE)
        rc = s_each(self, to, manifest, s_copy);
    bool empty = json_array_size(json_object_get(manifest, "stores")) == 0;
    if (rc == KEEPER_DONE && self->with_key && !empty)
        rc = s_copy_keys(self, to);
    if (rc == KEEPER_DONE && !empty)
        rc = s_write_manifest(self, to, manifest);
    if (rc == KEEPER_DONE)
        rc = s_report_failed(self, to, manifest);
    if (rc == KEEPER_DONE)
        s_report(self, to);
    return rc;
}

int backup_run(const keeper_t *self, const char *to)
{
    char parent[KEEPER_PATH];
    int rc = keeper_lock_self(self);
    if (rc == KEEPER_DONE && keeper_exists(self->data, STORE_SWITCH))
        rc = keeper_refuse(self,
                           "a restore or a reshard of %s was interrupted: give that command "
                           "again first",
                           self->data);
    if (rc == KEEPER_DONE)
        rc = s_make(self, to, parent);
    if (rc != KEEPER_DONE)
        return rc;
    json_t *manifest = manifest_new(self);
    rc = s_back_up(self, to, manifest);
    json_decref(manifest);
    return rc;
}
