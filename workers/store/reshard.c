/* Another count of shards for a kind, while its workers and the router are stopped. */
#include "common/wire/wire.h"
#include "workers/journal/tools.h"
#include "workers/store/conf_line.h"
#include "workers/store/merge.h"
#include "workers/store/owner.h"
#include "workers/store/switch.h"
#include "workers/store/verbs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const setting_t s_router[] = {SET_router_requests, SET_router_workers, SET_router_replies};

/* A router on this host with ipc endpoints shows by its locks; one elsewhere does not. */
static int s_lock_router(const keeper_t *self)
{
    int rc = KEEPER_DONE;
    for (unsigned i = 0; i < sizeof s_router / sizeof *s_router && rc == KEEPER_DONE; i++) {
        char path[KEEPER_PATH];
        const char *endpoint = conf_endpoint(self->conf, s_router[i], 0);
        if (!endpoint || strncmp(endpoint, "ipc://", 6) != 0)
            continue;
        snprintf(path, sizeof path, "%s.lock", endpoint + 6);
        if (access(path, F_OK) == 0)
            rc = keeper_lock(self, path);
    }
    return rc;
}

static int s_read_shards(void *arg, json_t *answer, char *err, size_t err_size)
{
    journal_facts_t facts;
    if (journal_facts(arg, &facts, err, err_size) != 0)
        return -1;
    json_object_set_new(answer, "shards", json_integer(facts.shards));
    return 0;
}

/* How many shards the journals that are there are made for; 0: there are none. */
static int s_count(const keeper_t *self, const char *kind, unsigned *shards)
{
    char name[32], path[KEEPER_PATH], err[1024];
    *shards = 0;
    snprintf(name, sizeof name, "%s-0", kind);
    if (keeper_bytes(self->data, name) == 0)
        return KEEPER_DONE;
    keeper_path(path, self->data, name);
    owner_t owner = {.store = path, .lock = -1, .work = s_read_shards, .arg = path};
    json_t *answer = owner_run(&owner, err, sizeof err);
    if (!answer)
        return keeper_refuse(self, "%s", err);
    json_int_t found = json_integer_value(json_object_get(answer, "shards"));
    json_decref(answer);
    if (found <= 0 || found > MERGE_MOST)
        return keeper_refuse(self, "%s says that it is one of %lld shards", path, (long long)found);
    *shards = (unsigned)found;
    return KEEPER_DONE;
}

static int s_check(const keeper_t *self, const char *kind, unsigned shards)
{
    uint64_t needs = KEEPER_RESERVE;
    for (unsigned shard = 0; shard < shards; shard++) {
        char name[32];
        snprintf(name, sizeof name, "%s-%u", kind, shard);
        uint64_t bytes = keeper_bytes(self->data, name);
        if (bytes == 0)
            return keeper_refuse(self,
                                 "%s/%s is not there: a reshard needs all %u journals of the kind "
                                 "on this host",
                                 self->data, name, shards);
        needs += bytes + bytes / 4;
    }
    if (keeper_free(self->data) >= needs)
        return KEEPER_DONE;
    return keeper_refuse(self, "%s has room for %llu MiB, and the new journals take %llu MiB",
                         self->data, (unsigned long long)keeper_free(self->data) >> 20,
                         (unsigned long long)needs >> 20);
}

/* Whatever journals of the kind lie there go aside. */
static void s_clear(const keeper_t *self, const char *kind, json_t *plan)
{
    for (unsigned shard = 0; shard < MERGE_MOST; shard++) {
        char name[32];
        snprintf(name, sizeof name, "%s-%u", kind, shard);
        switch_aside(self, plan, name);
    }
}

static unsigned long long s_number(const json_t *census, const char *key)
{
    return (unsigned long long)json_integer_value(json_object_get(census, key));
}

static void s_report(const keeper_t *self, const char *kind, unsigned old, unsigned count,
                     const json_t *census, const char *kept)
{
    json_t *reply = json_pack("{s:s, s:i, s:i}", "kind", kind, "from", (int)old, "to", (int)count);
    json_object_update(reply, (json_t *)census);
    json_object_set_new(self->reply, "reshard", reply);
    keeper_answer(self, "kept", kept);
    keeper_say(self,
               "%s: %u journals made from %u: %llu messages of %llu targets, %llu idempotency keys "
               "and\n%llu ids, compared with the old ones.",
               kind, count, old, s_number(census, "messages"), s_number(census, "targets"),
               s_number(census, "keys"), s_number(census, "ids"));
    keeper_say(self,
               "The old journals lie in %s. Start Postern, look, and then: rm -r '%s'\n"
               "Other hosts with this configuration need the same shards.%s.",
               kept, kept, kind);
}

/* In the directory of the new ones. */
static int s_work(void *arg, json_t *answer, char *err, size_t err_size)
{
    census_t census;
    if (merge_run(arg, &census, err, err_size) != 0)
        return -1;
    json_object_set_new(answer, "messages", json_integer((json_int_t)census.counts[EXPORT_RECORD]));
    json_object_set_new(answer, "targets", json_integer((json_int_t)census.counts[EXPORT_TARGET]));
    json_object_set_new(answer, "keys", json_integer((json_int_t)census.counts[EXPORT_KEY]));
    json_object_set_new(answer, "ids", json_integer((json_int_t)census.ids));
    return 0;
}

static int s_make(const keeper_t *self, const char *kind, unsigned old, unsigned count,
                  json_t *plan, json_t **census)
{
    char first[KEEPER_PATH + 40], staging[KEEPER_PATH], err[1024];
    int rc = s_check(self, kind, old);
    if (rc == KEEPER_DONE)
        rc = switch_begin(self, staging);
    if (rc != KEEPER_DONE)
        return rc;
    merge_t options = {.kind = kind,
                       .from = self->data,
                       .to = ".",
                       .old_shards = old,
                       .new_shards = count,
                       .place = wire_shard};
    snprintf(first, sizeof first, "%s/%s-0", self->data, kind);
    owner_t owner = {
        .store = first, .within = staging, .lock = -1, .work = s_work, .arg = &options};
    *census = owner_run(&owner, err, sizeof err);
    if (!*census) {
        keeper_remove(staging);
        return keeper_refuse(self, "%s; nothing was changed", err);
    }
    s_clear(self, kind, plan);
    for (unsigned shard = 0; shard < count; shard++) {
        char name[32];
        snprintf(name, sizeof name, "%s-%u", kind, shard);
        switch_in(plan, name);
    }
    return KEEPER_DONE;
}

static int s_reshard(const keeper_t *self, const char *kind, unsigned old, unsigned count,
                     const char *title)
{
    char kept[KEEPER_PATH] = "";
    json_t *plan = switch_plan(title), *census = NULL;
    switch_shards(plan, kind, count, true);
    int rc = s_make(self, kind, old, count, plan, &census);
    if (rc == KEEPER_DONE)
        rc = switch_run(self, &plan, kept);
    if (rc == KEEPER_DONE)
        s_report(self, kind, old, count, census, kept);
    json_decref(census);
    json_decref(plan);
    return rc;
}

int reshard_run(const keeper_t *self, const char *kind, unsigned count)
{
    char title[64];
    unsigned old;
    bool finished;
    if (!keeper_kind(kind)) {
        op_owner_list("", " or ", title, sizeof title);
        return keeper_refuse(self, "there is no kind '%s': %s", kind, title);
    }
    if (conf_is_shared(self->conf, kind))
        return keeper_refuse(self,
                             "the journals of %s are in PostgreSQL, whose count is fixed: "
                             "posternctl migrate %s lmdb comes first",
                             kind, kind);
    snprintf(title, sizeof title, "reshard of %s to %u", kind, count);
    unsigned here = (unsigned)conf_uint(self->conf, keeper_kind(kind)->shards);
    int rc = keeper_lock_kind(self, kind, here > count ? here : count);
    if (rc == KEEPER_DONE)
        rc = s_lock_router(self);
    if (rc == KEEPER_DONE)
        rc = switch_recover(self, title, &finished);
    if (rc != KEEPER_DONE || finished)
        return rc;
    rc = s_count(self, kind, &old);
    if (rc != KEEPER_DONE)
        return rc;
    if (old != 0 && old != count)
        return s_reshard(self, kind, old, count, title);
    if (old == count)
        keeper_say(self, "The journals of %s are made for %u shards already.", kind, count);
    else
        keeper_say(self, "There are no journals of %s yet: only the count changes.", kind);
    if (conf_uint(self->conf, keeper_kind(kind)->shards) != count)
        conf_line_set(self, kind, count);
    return KEEPER_DONE;
}
