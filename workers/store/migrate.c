/* The journals of a kind from this host's files into PostgreSQL, or back, while its workers are
 * stopped. Where they are is said twice: by the database (carry.h) and by KIND.shards here, 0 of
 * journals that PostgreSQL has, so that a worker of the other engine does not start. */
#include "workers/store/migrate.h"
#include "common/life/paired.h"
#include "common/life/path.h"
#include "workers/journal/carry.h"
#include "workers/store/merge.h"
#include "workers/store/switch.h"
#include "workers/store/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { DAY_MS = 86400000 };

typedef struct {
    const keeper_t *keeper;
    const char *kind;
    char title[64];
    unsigned shards;
    carry_t *carry;
    int fd;
    carry_state_t state;
    bool away;      /* PostgreSQL has them, as KIND.shards says */
    unsigned lying; /* journals in the data directory */
    unsigned long long messages, keys, deliveries;
    unsigned there; /* journals that a run before this one has carried over */
    uint64_t epochs[MERGE_MOST];
} run_t;

static int s_refuse(const run_t *self, const char *err)
{
    return keeper_refuse(self->keeper, "%s", err);
}

static void s_name(const run_t *self, unsigned shard, char name[32])
{
    snprintf(name, 32, "%.16s-%u", self->kind, shard);
}

static void s_look_here(run_t *self)
{
    char name[40], path[KEEPER_PATH];
    unsigned count = 1;
    snprintf(name, sizeof name, "%.16s.shards", self->kind);
    keeper_path(path, self->keeper->data, name);
    FILE *note = fopen(path, "r");
    self->away = note && fscanf(note, "%u", &count) == 1 && count == 0;
    if (note)
        fclose(note);
    self->lying = 0;
    for (unsigned i = 0; i < MERGE_MOST; i++) {
        s_name(self, i, name);
        self->lying += keeper_bytes(self->keeper->data, name) > 0;
    }
}

/* What lies here is to be of the installation that the database is of. */
static int s_check_paired(const run_t *self)
{
    uuid_t7 here;
    char err[PATH_ERROR], is[UUID_TEXT], wanted[UUID_TEXT];
    const char *data = self->keeper->data;
    int there = paired_read(data, &here, err, sizeof err);
    if (there < 0)
        return s_refuse(self, err);
    if (there == 0)
        return keeper_refuse(self->keeper,
                             "nothing in %s says that the database of postgres.connection is this "
                             "installation's: posternctl db init, with this configuration, notes "
                             "it there. Where it is another's, name your own. Nothing was changed",
                             data);
    if (uuid_eq(&here, &self->state.installation))
        return KEEPER_DONE;
    uuid_text(&here, is);
    uuid_text(&self->state.installation, wanted);
    return keeper_refuse(self->keeper,
                         "the journals of another installation: %s is that of %s, as its file "
                         "%s says, and the database of postgres.connection is that of %s. Name the "
                         "database, or the data.directory, that belongs to the other. Nothing was "
                         "changed",
                         data, is, PAIRED_FILE, wanted);
}

static int s_look_there(run_t *self)
{
    char err[1024];
    carry_send(self->carry, CARRY_LOOK, slice("", 0));
    if (carry_expect(self->carry, CARRY_LOOK, &self->state, sizeof self->state, err, sizeof err) !=
        0)
        return s_refuse(self, err);
    if (self->state.place == CARRY_NONE)
        return keeper_refuse(self->keeper,
                             "the database has no journals of %s: posternctl db init makes them",
                             self->kind);
    if (s_check_paired(self) != KEEPER_DONE)
        return KEEPER_REFUSED;
    if (self->state.shards == self->shards)
        return KEEPER_DONE;
    return keeper_refuse(self->keeper,
                         "the database is made for %u journals of %s, and shards.%s is %u: both "
                         "sides have the same count. posternctl reshard changes that of lmdb's",
                         self->state.shards, self->kind, self->kind, self->shards);
}

static int s_set(run_t *self, carry_place_t place)
{
    char bytes[sizeof place + sizeof self->epochs], err[1024];
    size_t len = sizeof place;
    memcpy(bytes, &place, len);
    if (place == CARRY_MOVED) {
        memcpy(bytes + len, self->epochs, self->shards * sizeof *self->epochs);
        len += self->shards * sizeof *self->epochs;
    }
    carry_send(self->carry, CARRY_SET, slice(bytes, len));
    if (carry_expect(self->carry, CARRY_DONE, NULL, 0, err, sizeof err) != 0)
        return s_refuse(self, err);
    self->state.place = place;
    return KEEPER_DONE;
}

static migrate_t s_options(const run_t *self, unsigned shard, const char *path)
{
    uint64_t days = conf_uint(self->keeper->conf, SET_delivery_retention_days);
    return (migrate_t){.fd = self->fd,
                       .kind = self->kind,
                       .shard = shard,
                       .shards = self->shards,
                       .delivery_ms = days * DAY_MS,
                       .path = path};
}

static int s_carry_one(run_t *self, unsigned shard, const owner_t *how)
{
    char err[1024];
    json_t *answer = owner_run(how, err, sizeof err);
    if (!answer)
        return keeper_refuse(self->keeper, "%s. Nothing is lost: give the command again", err);
    self->messages += (unsigned long long)json_integer_value(json_object_get(answer, "messages"));
    self->keys += (unsigned long long)json_integer_value(json_object_get(answer, "keys"));
    self->deliveries +=
        (unsigned long long)json_integer_value(json_object_get(answer, "deliveries"));
    self->epochs[shard] = (uint64_t)json_integer_value(json_object_get(answer, "epoch"));
    self->there += json_is_true(json_object_get(answer, "there"));
    json_decref(answer);
    return KEEPER_DONE;
}

static void s_report(const run_t *self, const char *engine, const char *kept)
{
    const keeper_t *keeper = self->keeper;
    const char *section = setting_table[conf_engine_setting(self->kind)].section;
    json_object_set_new(keeper->reply, "migrate",
                        json_pack("{s:s, s:s, s:I, s:I, s:I, s:i}", "kind", self->kind, "to",
                                  engine, "messages", (json_int_t)self->messages, "keys",
                                  (json_int_t)self->keys, "deliveries",
                                  (json_int_t)self->deliveries, "there", (int)self->there));
    keeper_answer(keeper, "kept", kept);
    keeper_say(keeper,
               "%s: %u journals are with %s: %llu messages, %llu idempotency keys and %llu "
               "deliveries, compared; %u journals were there already.",
               self->kind, self->shards, engine, self->messages, self->keys, self->deliveries,
               self->there);
    if (*kept)
        keeper_say(keeper, "What lay here lies in %s: rm -r '%s' when all is well.", kept, kept);
    keeper_say(keeper, "Set %s.engine = %s and start the workers of %s.", section, engine,
               self->kind);
}

static void s_name_staging(const run_t *self, char name[40])
{
    snprintf(name, 40, "migrate-%.16s", self->kind);
}

/* Whether the database gave its journals to the files of another host: a run from here that was
 * killed has left its staging. */
static bool s_went_elsewhere(const run_t *self)
{
    char name[40];
    s_name_staging(self, name);
    return self->state.place == CARRY_MOVED && !keeper_exists(self->keeper->data, name);
}

static int s_refuse_elsewhere(const run_t *self)
{
    char name[40];
    s_name_staging(self, name);
    return keeper_refuse(self->keeper,
                         "the journals of %s went from this database to lmdb, and not into %s: "
                         "give the command where they are. Where they are lost, and what the "
                         "database had when they went is to be taken: mkdir %s/%s, and again",
                         self->kind, self->keeper->data, self->keeper->data, name);
}

/* --- To PostgreSQL */

static int s_check_all_here(const run_t *self)
{
    for (unsigned i = 0; i < MERGE_MOST; i++) {
        char name[32];
        s_name(self, i, name);
        bool lies = keeper_bytes(self->keeper->data, name) > 0;
        if (i < self->shards && !lies)
            return keeper_refuse(self->keeper,
                                 "%s/%s is not there: all %u journals of the kind have to be on "
                                 "this host",
                                 self->keeper->data, name, self->shards);
        if (i >= self->shards && lies)
            return keeper_refuse(self->keeper,
                                 "%s/%s is there, and shards.%s is %u: posternctl reshard %s %u "
                                 "first",
                                 self->keeper->data, name, self->kind, self->shards, self->kind,
                                 self->shards);
    }
    return KEEPER_DONE;
}

/* Workers may have used what PostgreSQL has: then it is not for us to remove. */
static int s_check_empty(run_t *self)
{
    char err[1024];
    for (unsigned i = 0; i < self->shards; i++) {
        const carry_shard_t shard = {.shard = i, .fresh = true};
        carry_facts_t facts;
        carry_send(self->carry, CARRY_HOLD, slice(&shard, sizeof shard));
        if (carry_expect(self->carry, CARRY_FACTS, &facts, sizeof facts, err, sizeof err) != 0)
            return s_refuse(self, err);
    }
    return KEEPER_DONE;
}

static int s_carry_out(run_t *self)
{
    int rc = KEEPER_DONE;
    for (unsigned i = 0; i < self->shards && rc == KEEPER_DONE; i++) {
        char name[32], path[KEEPER_PATH];
        s_name(self, i, name);
        keeper_path(path, self->keeper->data, name);
        migrate_t options = s_options(self, i, path);
        owner_t how = {.store = path, .lock = self->fd, .work = migrate_out, .arg = &options};
        rc = s_carry_one(self, i, &how);
    }
    return rc;
}

/* The journals here go aside, and KIND.shards says so. */
static int s_put_aside(run_t *self, char kept[KEEPER_PATH])
{
    char path[KEEPER_PATH];
    json_t *plan = switch_plan(self->title);
    int rc = switch_begin(self->keeper, path);
    switch_shards(plan, self->kind, 0, false);
    for (unsigned i = 0; i < self->shards; i++) {
        char name[32];
        s_name(self, i, name);
        switch_aside(self->keeper, plan, name);
    }
    if (rc == KEEPER_DONE)
        rc = switch_run(self->keeper, &plan, kept);
    json_decref(plan);
    return rc;
}

static int s_to_postgres(run_t *self)
{
    char kept[KEEPER_PATH] = "";
    int rc = KEEPER_DONE;
    if (self->away && self->state.place == CARRY_READY) {
        keeper_say(self->keeper, "The journals of %s are with postgres already.", self->kind);
        return KEEPER_DONE;
    }
    if (self->away && s_went_elsewhere(self))
        return s_refuse_elsewhere(self);
    if (!self->away) {
        rc = s_check_all_here(self);
        if (rc == KEEPER_DONE && self->state.place == CARRY_READY)
            rc = s_check_empty(self);
        if (rc == KEEPER_DONE)
            rc = s_set(self, CARRY_INCOMING);
        if (rc == KEEPER_DONE)
            rc = s_carry_out(self);
        if (rc == KEEPER_DONE)
            rc = s_put_aside(self, kept);
    }
    if (rc == KEEPER_DONE)
        rc = s_set(self, CARRY_READY);
    if (rc == KEEPER_DONE)
        s_report(self, "postgres", kept);
    return rc;
}

/* --- From PostgreSQL */

static int s_staging(const run_t *self, char path[KEEPER_PATH])
{
    char name[40];
    s_name_staging(self, name);
    keeper_path(path, self->keeper->data, name);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return keeper_refuse(self->keeper, "cannot make %s: %s", path, strerror(errno));
    return KEEPER_DONE;
}

static int s_carry_in(run_t *self, const char *staging)
{
    int rc = KEEPER_DONE;
    for (unsigned i = 0; i < self->shards && rc == KEEPER_DONE; i++) {
        char name[32];
        s_name(self, i, name);
        migrate_t options = s_options(self, i, name);
        owner_t how = {.store = self->keeper->data,
                       .within = staging,
                       .lock = self->fd,
                       .work = migrate_in,
                       .arg = &options};
        rc = s_carry_one(self, i, &how);
    }
    return rc;
}

static int s_move_in(const run_t *self, const char *staging, json_t *plan)
{
    char to[KEEPER_PATH];
    int rc = switch_begin(self->keeper, to);
    for (unsigned i = 0; i < self->shards && rc == KEEPER_DONE; i++) {
        char name[32], from[KEEPER_PATH + 40], new[KEEPER_PATH + 40];
        s_name(self, i, name);
        snprintf(from, sizeof from, "%s/%s", staging, name);
        snprintf(new, sizeof new, "%s/%s", to, name);
        if (keeper_give(self->keeper, from, name) != 0 || rename(from, new) != 0)
            rc = keeper_refuse(self->keeper, "cannot move %s: %s. Give the command again", from,
                               strerror(errno));
        switch_aside(self->keeper, plan, name);
        switch_in(plan, name);
    }
    return rc;
}

static int s_put_in_place(run_t *self, const char *staging, char kept[KEEPER_PATH])
{
    json_t *plan = switch_plan(self->title);
    switch_shards(plan, self->kind, self->shards, false);
    int rc = s_move_in(self, staging, plan);
    if (rc == KEEPER_DONE)
        rc = switch_run(self->keeper, &plan, kept);
    if (rc == KEEPER_DONE)
        keeper_remove(staging);
    json_decref(plan);
    return rc;
}

static int s_to_lmdb(run_t *self)
{
    char kept[KEEPER_PATH] = "", staging[KEEPER_PATH];
    if (self->lying == 0 && s_went_elsewhere(self))
        return s_refuse_elsewhere(self);
    if (self->lying > 0 && !self->away && self->state.place == CARRY_MOVED) {
        keeper_say(self->keeper, "The journals of %s are with lmdb already.", self->kind);
        return KEEPER_DONE;
    }
    if (self->state.place == CARRY_INCOMING)
        return keeper_refuse(self->keeper,
                             "not all is in the database yet: posternctl migrate %s postgres goes "
                             "on with that",
                             self->kind);
    if (self->lying > 0)
        return keeper_refuse(self->keeper,
                             "there are journals of %s in %s, which did not go to this database: "
                             "move them away, or use posternctl migrate %s postgres",
                             self->kind, self->keeper->data, self->kind);
    int rc = s_staging(self, staging);
    if (rc == KEEPER_DONE)
        rc = s_carry_in(self, staging);
    if (rc == KEEPER_DONE)
        rc = s_set(self, CARRY_MOVED);
    if (rc == KEEPER_DONE)
        rc = s_put_in_place(self, staging, kept);
    if (rc == KEEPER_DONE)
        s_report(self, "lmdb", kept);
    return rc;
}

static int s_run(run_t *self, bool to_postgres)
{
    bool finished;
    int rc = keeper_lock_kind(self->keeper, self->kind, self->shards);
    if (rc == KEEPER_DONE)
        rc = switch_recover(self->keeper, self->title, &finished);
    if (rc == KEEPER_DONE)
        rc = s_look_there(self);
    s_look_here(self);
    if (rc != KEEPER_DONE)
        return rc;
    return to_postgres ? s_to_postgres(self) : s_to_lmdb(self);
}

int migrate_run(const keeper_t *keeper, int fd, const char *kind, const char *engine)
{
    char kinds[64];
    bool to_postgres = strcmp(engine, "postgres") == 0;
    if (!keeper_kind(kind)) {
        op_owner_list("", " or ", kinds, sizeof kinds);
        return keeper_refuse(keeper, "there is no kind '%s': %s", kind, kinds);
    }
    if (!to_postgres && strcmp(engine, "lmdb") != 0)
        return keeper_refuse(keeper, "there is no engine '%s': lmdb or postgres", engine);
    run_t self = {.keeper = keeper,
                  .kind = kind,
                  .shards = (unsigned)conf_uint(keeper->conf, keeper_kind(kind)->shards),
                  .carry = carry_new(fd),
                  .fd = fd};
    snprintf(self.title, sizeof self.title, "migration of %s to %s", kind, engine);
    int rc = s_run(&self, to_postgres);
    carry_destroy(&self.carry);
    return rc;
}
