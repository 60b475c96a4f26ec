/* Reads every row of the stores of this host and says what is damaged. Each in a process of its
 * own: a damaged page may end it. */
#include "common/store/store_copy.h"
#include "workers/journal_reshard.h"
#include "workers/store/verbs.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHECK_S = 3600 }; /* a damaged tree may have a ring in it */

typedef struct {
    char err[PLACE_PATH + 1024];
} finding_t;

/* Beside its worker the write-ahead file is never at rest. */
static int s_survey(const place_t *self, const char *path, finding_t *finding)
{
    char lock_path[PLACE_PATH + 8];
    snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    int lock = place_try_lock(self, lock_path);
    if (lock < 0)
        return 0;
    int rc = journal_survey(path, finding->err, sizeof finding->err);
    close(lock);
    return rc;
}

static int s_read(const place_t *self, const char *path, bool journal, finding_t *finding)
{
    store_sum_t sum;
    journal_census_t census = {0};
    if (!journal)
        return store_sum(path, &sum, finding->err, sizeof finding->err);
    int rc = s_survey(self, path, finding);
    return rc ? rc : journal_census(path, &census, finding->err, sizeof finding->err);
}

/* 0 when it is whole; else what is wrong in finding->err. */
static int s_check(const place_t *self, const char *path, bool journal, finding_t *finding)
{
    int ends[2], status = 0;
    fflush(NULL);
    if (pipe(ends) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHECK_S);
        int rc = s_read(self, path, journal, finding);
        size_t len = rc ? strlen(finding->err) : 0;
        _exit(write(ends[1], finding->err, len) == (ssize_t)len && rc == 0 ? 0 : 1);
    }
    close(ends[1]);
    ssize_t len = pid < 0 ? -1 : read(ends[0], finding->err, sizeof finding->err - 1);
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    if (len > 0)
        finding->err[len] = '\0';
    else
        snprintf(finding->err, sizeof finding->err,
                 "%s: a damaged page of data.mdb has ended its reading (wait status %d)", path,
                 status);
    return status;
}

static void s_one(const place_t *self, const char *name, json_t *stores, unsigned *damaged)
{
    char path[PLACE_PATH];
    finding_t finding = {""};
    if (place_bytes(self->data, name) == 0)
        return;
    place_path(path, self->data, name);
    bool good = s_check(self, path, strcmp(name, "directory") != 0, &finding) == 0;
    *damaged += !good;
    json_array_append_new(stores, json_pack("{s:s, s:b, s:s*}", "name", name, "whole", good,
                                            "message", good ? NULL : finding.err));
    place_say(self, "%-14s %s", name, good ? "is whole" : finding.err);
}

int check_run(const place_t *self)
{
    unsigned damaged = 0;
    json_t *stores = json_array();
    s_one(self, "directory", stores, &damaged);
    for (unsigned i = 0; i < PLACE_KINDS; i++)
        for (unsigned shard = 0; shard < conf_uint(self->conf, place_kinds[i].shards); shard++) {
            char name[32];
            snprintf(name, sizeof name, "%s-%u", place_kinds[i].name, shard);
            s_one(self, name, stores, &damaged);
        }
    json_object_set_new(self->reply, "stores", stores);
    return damaged ? place_refuse(self,
                                  "%u stores are damaged: look at the disk, and restore a "
                                  "backup",
                                  damaged)
                   : PLACE_DONE;
}
