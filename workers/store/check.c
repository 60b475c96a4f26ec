/* Reads every row of the stores of this host and says what is damaged. Each in a process of its
 * own: a damaged page may end it. */
#include "workers/journal/census.h"
#include "workers/journal/tools.h"
#include "workers/store/owner.h"
#include "workers/store/verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    const char *path;
    int lock; /* of a journal; -1: of none */
} reading_t;

static int s_read_directory(void *arg, json_t *answer, char *err, size_t err_size)
{
    const reading_t *self = arg;
    store_sum_t sum;
    (void)answer;
    return store_sum(self->path, &sum, err, err_size);
}

static int s_read_journal(void *arg, json_t *answer, char *err, size_t err_size)
{
    const reading_t *self = arg;
    census_t census = {0};
    (void)answer;
    int rc = self->lock >= 0 ? journal_survey(self->path, self->lock, err, err_size) : 0;
    return rc ? rc : census_take(&census, self->path, err, err_size);
}

/* 0 when it is whole; else what is wrong in err. */
static int s_check(const keeper_t *self, const char *path, bool journal, char *err, size_t err_size)
{
    char lock[KEEPER_PATH + 8];
    snprintf(lock, sizeof lock, "%s.lock", path);
    reading_t reading = {path, journal ? keeper_open_lock(self, lock) : -1};
    owner_t owner = {.store = path,
                     .lock = reading.lock,
                     .work = journal ? s_read_journal : s_read_directory,
                     .arg = &reading};
    json_t *answer = owner_run(&owner, err, err_size);
    int rc = answer ? 0 : -1;
    json_decref(answer);
    if (reading.lock >= 0)
        close(reading.lock);
    return rc;
}

static void s_one(const keeper_t *self, const char *name, json_t *stores, unsigned *damaged)
{
    char path[KEEPER_PATH], err[KEEPER_PATH + 1024] = "";
    if (keeper_bytes(self->data, name) == 0)
        return;
    keeper_path(path, self->data, name);
    bool good = s_check(self, path, strcmp(name, "directory") != 0, err, sizeof err) == 0;
    *damaged += !good;
    json_array_append_new(stores, json_pack("{s:s, s:b, s:s*}", "name", name, "whole", good,
                                            "message", good ? NULL : err));
    keeper_say(self, "%-14s %s", name, good ? "is whole" : err);
}

int check_run(const keeper_t *self)
{
    unsigned damaged = 0;
    json_t *stores = json_array();
    s_one(self, "directory", stores, &damaged);
    for (keeper_journal_t at = {0}; keeper_next(self, &at);)
        s_one(self, at.name, stores, &damaged);
    json_object_set_new(self->reply, "stores", stores);
    return damaged ? keeper_refuse(self,
                                   "%u stores are damaged: look at the disk, and restore a "
                                   "backup",
                                   damaged)
                   : KEEPER_DONE;
}
