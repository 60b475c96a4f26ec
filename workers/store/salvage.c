/* What an operator decides about a write-ahead file that is damaged: to go on with what of it can
 * be read. The file is kept beside it as it was. */
#include "common/base/clock.h"
#include "common/base/utf8.h"
#include "common/life/path.h"
#include "common/store/store.h"
#include "workers/journal/tools.h"
#include "workers/store/owner.h"
#include "workers/store/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The journal NAME of this host, whose worker is stopped. */
static int s_lock(const keeper_t *self, const char *name)
{
    char path[KEEPER_PATH];
    if (!keeper_is_store(name) || strcmp(name, "directory") == 0 ||
        keeper_bytes(self->data, name) == 0)
        return keeper_refuse(self,
                             "%s has no journal '%s': it is named as its directory, channel-0",
                             self->data, name);
    int rc = keeper_lock_self(self);
    snprintf(path, sizeof path, "%s/%s.lock", self->data, name);
    return rc ? rc : keeper_lock(self, path);
}

typedef struct {
    const char *path; /* of the journal */
    char kept[KEEPER_PATH];
} salvage_t;

/* *there: whether there was a file to keep. */
static int s_keep(const salvage_t *self, bool *there, char *err, size_t err_size)
{
    char file[KEEPER_PATH + 8], why[PATH_ERROR];
    snprintf(file, sizeof file, "%s/wal", self->path);
    int from = path_open(file, O_RDONLY, 0, why, sizeof why);
    *there = from >= 0 || errno != ENOENT;
    if (!*there)
        return 0;
    int to =
        from < 0 ? -1 : path_open(self->kept, O_WRONLY | O_CREAT | O_EXCL, 0600, why, sizeof why);
    int rc = to < 0 ? -1 : 0;
    if (rc == 0 && (keeper_copy(from, to) != 0 || store_sync_directory(self->path) != 0)) {
        snprintf(why, sizeof why, "%s: %s", self->kept, strerror(errno));
        rc = -1;
    }
    if (rc != 0)
        snprintf(err, err_size, "cannot keep %s as %s: %s; nothing was changed", file, self->kept,
                 why);
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return rc;
}

/* The answer is empty when nothing is damaged. */
static int s_work(void *arg, json_t *answer, char *err, size_t err_size)
{
    const salvage_t *self = arg;
    journal_facts_t facts;
    bool there;
    uint64_t count = 0;
    if (journal_facts(self->path, &facts, err, err_size) != 0)
        return -1; /* it is not the write-ahead file that is at fault */
    if (journal_survey(self->path, -1, err, err_size) == 0)
        return 0;
    char *damage = utf8_replaced(slice_of(err));
    json_object_set_new(answer, "damage", json_string(damage));
    free(damage);
    if (s_keep(self, &there, err, err_size) != 0 ||
        journal_salvage(self->path, &count, err, err_size) != 0)
        return -1;
    json_object_set_new(answer, "messages", json_integer((json_int_t)count));
    json_object_set_new(answer, "kept", json_boolean(there));
    return 0;
}

static void s_report(const keeper_t *self, const char *name, json_int_t count, const char *kept)
{
    json_object_set_new(self->reply, "salvaged", json_string(name));
    json_object_set_new(self->reply, "messages", json_integer(count));
    keeper_answer(self, "kept", kept);
    keeper_say(self,
               "%s: %lld messages taken over. What was damaged is gone, though its senders were "
               "answered;\nmessages behind it have other numbers than their answers said.",
               name, (long long)count);
    if (*kept)
        keeper_say(self, "The damaged file is kept as %s.", kept);
}

int salvage_run(const keeper_t *self, const char *name)
{
    char path[KEEPER_PATH], time[32], err[KEEPER_PATH + 1024];
    int rc = s_lock(self, name);
    if (rc != KEEPER_DONE)
        return rc;
    keeper_path(path, self->data, name);
    keeper_time(clock_wall_ms(), true, time);
    salvage_t salvage = {.path = path};
    snprintf(salvage.kept, sizeof salvage.kept, "%.1000s/wal.damaged-%s", path, time);
    owner_t owner = {.store = path, .lock = -1, .work = s_work, .arg = &salvage};
    json_t *answer = owner_run(&owner, err, sizeof err);
    if (!answer)
        return keeper_refuse(self, "%s", err);
    const char *damage = json_string_value(json_object_get(answer, "damage"));
    if (damage) {
        keeper_say(self, "%s", damage);
        s_report(self, name, json_integer_value(json_object_get(answer, "messages")),
                 json_is_true(json_object_get(answer, "kept")) ? salvage.kept : "");
    } else
        keeper_say(self, "%s: its write-ahead file is not damaged: nothing was changed.", name);
    json_decref(answer);
    return KEEPER_DONE;
}
