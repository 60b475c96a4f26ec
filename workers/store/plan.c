#include "workers/store/plan.h"

#include "common/life/path.h"
#include "workers/store/merge.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *s_text(const json_t *plan, const char *key)
{
    const char *text = json_string_value(json_object_get(plan, key));
    return text ? text : "";
}

/* As switch_plan makes it. */
static bool s_is_aside(const char *name)
{
    size_t len = sizeof SWITCH_ASIDE - 1;
    return strncmp(name, SWITCH_ASIDE, len) == 0 && name[len] &&
           name[len + strspn(name + len, "0123456789TZ-")] == '\0';
}

/* Whether TEXT is DIRECTORY/NAME. */
static bool s_is_in(const char *text, const char *directory, const char *name)
{
    size_t len = strlen(directory);
    return strncmp(text, directory, len) == 0 && text[len] == '/' &&
           strcmp(text + len + 1, name) == 0;
}

static bool s_is_move(const json_t *move, const char *aside)
{
    const char *from = json_string_value(json_array_get(move, 0));
    const char *to = json_string_value(json_array_get(move, 1));
    if (!from || !to)
        return false;
    return keeper_is_store(from) ? s_is_in(to, aside, from)
                                 : keeper_is_store(to) && s_is_in(from, SWITCH_NEW, to);
}

static bool s_are_counts(const json_t *counts, json_int_t least)
{
    const char *kind;
    json_t *count;
    json_object_foreach ((json_t *)counts, kind, count) {
        json_int_t shards = json_integer_value(count);
        if (!keeper_kind(kind) || shards < least || shards > MERGE_MOST)
            return false;
    }
    return json_is_object(counts);
}

static bool s_is_ours(const json_t *plan)
{
    size_t i;
    json_t *move;
    const char *aside = s_text(plan, "aside");
    if (!*s_text(plan, "title") || !s_is_aside(aside) ||
        !json_is_array(json_object_get(plan, "moves")))
        return false;
    json_array_foreach (json_object_get(plan, "moves"), i, move)
        if (!s_is_move(move, aside))
            return false;
    return s_are_counts(json_object_get(plan, "shards"), 0) &&
           s_are_counts(json_object_get(plan, "conf"), 1);
}

static json_t *s_load(FILE *from, const char *path, char *err, size_t err_size)
{
    json_error_t error;
    json_t *plan = json_loadf(from, JSON_REJECT_DUPLICATES, &error);
    if (plan && s_is_ours(plan))
        return plan;
    snprintf(err, err_size,
             "%s is no plan of posternctl's: %s. Look at it, and remove it. What it may have begun "
             "lies in " SWITCH_NEW " and " SWITCH_ASIDE "… beside it",
             path, plan ? "it names what a restore or a reshard does not touch" : error.text);
    json_decref(plan);
    return NULL;
}

json_t *plan_read(const char *path, char *err, size_t err_size)
{
    struct stat is;
    int fd = path_open(path, O_RDONLY, 0, err, err_size);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &is) == 0 && is.st_uid != geteuid()) {
        snprintf(err, err_size,
                 "%s belongs to user %u, who could have it say anything: give the command that was "
                 "interrupted as that user, or look at the file and remove it",
                 path, (unsigned)is.st_uid);
        close(fd);
        return NULL;
    }
    FILE *from = fdopen(fd, "r");
    json_t *plan = from ? s_load(from, path, err, err_size) : NULL;
    if (from)
        fclose(from);
    else
        close(fd);
    return plan;
}
