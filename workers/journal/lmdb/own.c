#include "workers/journal/lmdb/own.h"

#include "common/life/life.h"
#include "common/store/known.h"

#include <stdio.h>
#include <string.h>

static void s_name(const journal_options_t *options, char name[OWN_NAME])
{
    snprintf(name, OWN_NAME, "%.16s-%u", options->kind, options->shard);
}

/* A reshard leaves a note of the count that the journals are made for: with another one an empty
 * journal would be made in the place of one that there is none of any more. 0: a migration has
 * taken them to PostgreSQL. */
static int s_check_count(const journal_options_t *options, char *err, size_t err_size)
{
    char path[OWN_PATH + 32];
    unsigned shards;
    snprintf(path, sizeof path, "%s/%s.shards", options->place, options->kind);
    FILE *note = fopen(path, "r");
    if (!note)
        return 0;
    bool read = fscanf(note, "%u", &shards) == 1;
    fclose(note);
    if (read && shards == options->shards)
        return 0;
    if (read && shards == 0)
        snprintf(err, err_size,
                 "%s: the journals are in PostgreSQL: set %s.engine = postgres, or posternctl "
                 "migrate %s lmdb",
                 path, strcmp(options->kind, "channel") == 0 ? "worker" : "delivery",
                 options->kind);
    else
        snprintf(err, err_size,
                 "%s: the journals are made for the count in that file, and this is one of %u: set "
                 "shards.%s to it, or use posternctl reshard",
                 path, options->shards, options->kind);
    return -1;
}

int own_take(const journal_options_t *options, char path[OWN_PATH], char *err, size_t err_size)
{
    char name[OWN_NAME], lock[OWN_PATH + 8];
    s_name(options, name);
    if (snprintf(path, OWN_PATH, "%s/%s", options->place, name) >= OWN_PATH) {
        snprintf(err, err_size, "%s: is too long", options->place);
        return -1;
    }
    snprintf(lock, sizeof lock, "%s.lock", path);
    life_lock(lock, true);
    int rc = s_check_count(options, err, err_size);
    return rc ? rc : known_check(options->known, name, path, err, err_size);
}

int own_note(const journal_options_t *options, const char *path, const uuid_t7 *uuid, char *err,
             size_t err_size)
{
    char name[OWN_NAME];
    s_name(options, name);
    return known_note(options->known, name, path, uuid, err, err_size);
}
