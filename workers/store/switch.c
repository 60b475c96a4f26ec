#include "workers/store/switch.h"

#include "common/base/clock.h"
#include "common/store/known.h"
#include "common/store/store.h"
#include "workers/store/conf_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

json_t *switch_plan(const char *title)
{
    char time[32], aside[64];
    keeper_time(clock_wall_ms(), true, time);
    snprintf(aside, sizeof aside, SWITCH_ASIDE "%s-%d", time, (int)getpid());
    return json_pack("{s:s, s:s, s:[], s:{}, s:{}}", "title", title, "aside", aside, "moves",
                     "shards", "conf");
}

static void s_add(json_t *plan, const char *from, const char *to)
{
    json_array_append_new(json_object_get(plan, "moves"), json_pack("[s, s]", from, to));
}

void switch_aside(const keeper_t *self, json_t *plan, const char *name)
{
    char to[KEEPER_PATH];
    if (!keeper_exists(self->data, name))
        return;
    keeper_path(to, json_string_value(json_object_get(plan, "aside")), name);
    s_add(plan, name, to);
}

void switch_in(json_t *plan, const char *name)
{
    char from[KEEPER_PATH];
    keeper_path(from, SWITCH_NEW, name);
    s_add(plan, from, name);
}

void switch_shards(json_t *plan, const char *kind, unsigned shards, bool conf)
{
    json_object_set_new(json_object_get(plan, "shards"), kind, json_integer(shards));
    if (conf)
        json_object_set_new(json_object_get(plan, "conf"), kind, json_integer(shards));
}

/* A step that was done before is seen by its end: the order makes that end unmistakable, because
 * what is in the way goes aside, under a name of its own, before anything comes in. */
static int s_move(const keeper_t *self, const char *from, const char *to)
{
    char source[KEEPER_PATH], target[KEEPER_PATH];
    keeper_path(source, self->data, from);
    keeper_path(target, self->data, to);
    if (keeper_exists(self->data, to))
        return 0;
    return rename(source, target);
}

static int s_mark(const keeper_t *self, const char *kind, json_int_t shards)
{
    char name[32], path[KEEPER_PATH], text[32];
    snprintf(name, sizeof name, "%s.shards", kind);
    keeper_path(path, self->data, name);
    int len = snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT "\n", shards);
    int rc = keeper_write(path, text, (size_t)len);
    return rc ? rc : keeper_own(self, path);
}

static int s_sync_all(const keeper_t *self, const char *aside)
{
    char path[KEEPER_PATH];
    keeper_path(path, self->data, SWITCH_NEW);
    int rc = store_sync_directory(path);
    keeper_path(path, self->data, aside);
    if (rc == 0 && keeper_exists(self->data, aside))
        rc = store_sync_directory(path);
    return rc ? rc : store_sync_directory(self->data);
}

/* Other stores are the right ones from here on. */
static int s_forget(const keeper_t *self, const json_t *plan)
{
    const char *known = conf_text(self->conf, SET_data_known);
    size_t i;
    json_t *move;
    int rc = 0;
    json_array_foreach (json_object_get(plan, "moves"), i, move) {
        const char *from = json_string_value(json_array_get(move, 0));
        const char *name = strrchr(from, '/');
        if (rc == 0 && known_forget(known, name ? name + 1 : from) < 0)
            rc = -1;
    }
    return rc;
}

static int s_carry_out(const keeper_t *self, json_t *plan)
{
    char path[KEEPER_PATH];
    const char *aside = json_string_value(json_object_get(plan, "aside")), *kind;
    size_t i;
    json_t *move, *shards;
    int rc = 0;
    keeper_path(path, self->data, aside);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -1;
    if (keeper_own(self, path) != 0 || s_forget(self, plan) != 0)
        return -1;
    json_array_foreach (json_object_get(plan, "moves"), i, move)
        if (rc == 0)
            rc = s_move(self, json_string_value(json_array_get(move, 0)),
                        json_string_value(json_array_get(move, 1)));
    json_object_foreach (json_object_get(plan, "shards"), kind, shards)
        if (rc == 0)
            rc = s_mark(self, kind, json_integer_value(shards));
    if (rc == 0)
        rc = s_sync_all(self, aside);
    json_object_foreach (json_object_get(plan, "conf"), kind, shards)
        if (rc == 0)
            conf_line_set(self, kind, (unsigned)json_integer_value(shards));
    if (rc != 0)
        return rc;
    rmdir(path); /* when nothing went aside */
    keeper_path(path, self->data, STORE_SWITCH);
    rc = unlink(path);
    if (rc == 0)
        rc = store_sync_directory(self->data);
    keeper_path(path, self->data, SWITCH_NEW);
    keeper_remove(path);
    return rc;
}

int switch_run(const keeper_t *self, json_t **plan_p, char kept[KEEPER_PATH])
{
    char path[KEEPER_PATH];
    json_t *plan = *plan_p;
    char *text = json_dumps(plan, JSON_INDENT(1));
    const char *aside = json_string_value(json_object_get(plan, "aside"));
    if (!text)
        abort();
    keeper_path(path, self->data, SWITCH_NEW);
    int rc = keeper_own_top(self, path); /* what is in it has the owners that it is to have */
    if (rc == 0)
        rc = store_sync_directory(path);
    keeper_path(path, self->data, STORE_SWITCH);
    if (rc == 0)
        rc = keeper_write(path, text, strlen(text));
    free(text);
    if (rc != 0)
        rc = keeper_refuse(self, "cannot write %s: %s; nothing was changed", path, strerror(errno));
    else if (s_carry_out(self, plan) != 0)
        rc = keeper_refuse(self,
                           "the switch to the new stores has stopped half-way: %s. Nothing starts "
                           "until it is done: put that right and give the same command again",
                           strerror(errno));
    keeper_path(kept, self->data, aside);
    if (!keeper_exists(self->data, aside))
        kept[0] = '\0';
    json_decref(plan);
    *plan_p = NULL;
    return rc;
}

int switch_recover(const keeper_t *self, const char *title, bool *finished)
{
    char path[KEEPER_PATH], err[KEEPER_PATH + 1024];
    *finished = false;
    keeper_path(path, self->data, STORE_SWITCH);
    if (access(path, F_OK) != 0) {
        keeper_path(path, self->data, SWITCH_NEW);
        if (access(path, F_OK) == 0)
            keeper_say(self, "Removing what an interrupted run has left in %s.", path);
        keeper_remove(path);
        return KEEPER_DONE;
    }
    json_t *plan = plan_read(path, err, sizeof err);
    if (!plan)
        return keeper_refuse(self, "%s", err);
    char done[KEEPER_PATH];
    snprintf(done, sizeof done, "%s", json_string_value(json_object_get(plan, "title")));
    int rc = s_carry_out(self, plan);
    json_decref(plan);
    if (rc != 0)
        return keeper_refuse(self, "cannot finish the interrupted %s: %s", done, strerror(errno));
    keeper_say(self, "Finished the interrupted %s.", done);
    json_object_set_new(self->reply, "finished", json_string(done));
    *finished = true;
    if (strcmp(done, title) != 0)
        return keeper_refuse(self, "an interrupted %s is finished now; give your command again",
                             done);
    return KEEPER_DONE;
}

int switch_begin(const keeper_t *self, char path[KEEPER_PATH])
{
    keeper_path(path, self->data, SWITCH_NEW);
    if (mkdir(path, 0700) != 0)
        return keeper_refuse(self, "cannot make %s: %s", path, strerror(errno));
    return KEEPER_DONE;
}
