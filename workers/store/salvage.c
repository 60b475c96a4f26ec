/* What an operator decides about a write-ahead file that is damaged: to go on with what of it can
 * be read. The file is kept beside it as it was. */
#include "common/base/clock.h"
#include "common/life/path.h"
#include "common/store/store.h"
#include "workers/journal_reshard.h"
#include "workers/store/verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The journal NAME of this host, whose worker is stopped. */
static int s_lock(const place_t *self, const char *name)
{
    char path[PLACE_PATH];
    const char *dash = strrchr(name, '-');
    char kind[32] = "";
    if (dash && (size_t)(dash - name) < sizeof kind)
        memcpy(kind, name, (size_t)(dash - name));
    if (!place_kind(kind) || dash[1 + strspn(dash + 1, "0123456789")] ||
        place_bytes(self->data, name) == 0)
        return place_refuse(self, "%s has no journal '%s': it is named as its directory, channel-0",
                            self->data, name);
    int rc = place_lock_self(self);
    snprintf(path, sizeof path, "%s/%s.lock", self->data, name);
    return rc ? rc : place_lock(self, path);
}

static int s_copy(int from, int to)
{
    char data[1 << 16];
    ssize_t len;
    while ((len = read(from, data, sizeof data)) > 0)
        if (write(to, data, (size_t)len) != len)
            return -1;
    return len < 0 ? -1 : fsync(to);
}

/* KEPT: where the file is kept; "" when there is none. */
static int s_keep(const place_t *self, const char *path, char kept[PLACE_PATH])
{
    char file[PLACE_PATH + 8], time[32], err[PATH_ERROR];
    snprintf(file, sizeof file, "%s/wal", path);
    place_time(clock_wall_ms(), true, time);
    snprintf(kept, PLACE_PATH, "%.1000s/wal.damaged-%s", path, time);
    int from = path_open(file, O_RDONLY, 0, err, sizeof err);
    if (from < 0 && errno == ENOENT) {
        kept[0] = '\0';
        return PLACE_DONE;
    }
    int to = from < 0 ? -1 : path_open(kept, O_WRONLY | O_CREAT | O_EXCL, 0600, err, sizeof err);
    int rc = to < 0 || s_copy(from, to) != 0 || store_sync_directory(path) != 0 ? -1 : 0;
    int why = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return rc ? place_refuse(self, "cannot keep %s as %s: %s; nothing was changed", file, kept,
                             strerror(why))
              : PLACE_DONE;
}

static void s_report(const place_t *self, const char *name, uint64_t count, const char *kept)
{
    json_object_set_new(self->reply, "salvaged", json_string(name));
    json_object_set_new(self->reply, "messages", json_integer((json_int_t)count));
    json_object_set_new(self->reply, "kept", *kept ? json_string(kept) : json_null());
    place_say(self,
              "%s: %llu messages taken over. What was damaged is gone, though its senders were "
              "answered;\nmessages behind it have other numbers than their answers said.",
              name, (unsigned long long)count);
    if (*kept)
        place_say(self, "The damaged file is kept as %s.", kept);
}

int salvage_run(const place_t *self, const char *name)
{
    char path[PLACE_PATH], kept[PLACE_PATH], err[PLACE_PATH + 1024];
    uint64_t count = 0;
    int rc = s_lock(self, name);
    if (rc != PLACE_DONE)
        return rc;
    place_path(path, self->data, name);
    if (journal_survey(path, err, sizeof err) == 0) {
        place_say(self, "%s: its write-ahead file is not damaged: nothing was changed.", name);
        return PLACE_DONE;
    }
    place_say(self, "%s", err);
    rc = s_keep(self, path, kept);
    if (rc == PLACE_DONE && journal_recover(path, true, &count, err, sizeof err) != 0)
        rc = place_refuse(self, "%s", err);
    if (place_own(self, path) != 0 && rc == PLACE_DONE)
        rc = place_refuse(self, "%s: %s", path, strerror(errno));
    if (rc == PLACE_DONE)
        s_report(self, name, count, kept);
    return rc;
}
