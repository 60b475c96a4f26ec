#include "workers/post/kept_formats.h"

#include "common/log/log.h"
#include "common/monitor/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MOST = 2 << 20, HEAD = WIRE_FORMATS_VERSION - 1 };

/* One that cannot be read, by a format of a newer version, is the only one that is left out. */
static void s_use(post_t *self, slice_t pairs, const char *version)
{
    char fault[FORMATS_FAULT];
    size_t left_out = formats_keep(self->formats, pairs, fault);
    memcpy(self->formats_version, version, strlen(version) + 1);
    log_info("formats.told", "version=%s formats=%zu", version, formats_count(self->formats));
    if (left_out > 0)
        log_warn("formats.unread", "left_out=%zu err=%s", left_out, LOG_Q(fault));
}

void kept_formats_load(post_t *self, const char *directory)
{
    char fault[FORMATS_FAULT];
    if (!*directory)
        return;
    bool loaded = formats_load(self->formats, directory, fault) == 0;
    monitor_check("formats", loaded ? CHECK_OK : CHECK_DEGRADED, loaded ? "" : fault);
    if (loaded)
        log_info("formats.loaded", "directory=%s formats=%zu", LOG_Q(directory),
                 formats_count(self->formats));
    else
        log_warn("formats.unread", "err=%s", LOG_Q(fault));
}

/* The whole file; the caller frees. NULL: there is none, or it cannot be read. */
static char *s_read_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat what;
    char *bytes = NULL;
    if (fd >= 0 && fstat(fd, &what) == 0 && S_ISREG(what.st_mode) && what.st_size <= FILE_MOST) {
        *len = (size_t)what.st_size;
        bytes = malloc(*len + 1);
        if (!bytes)
            abort();
        if (read(fd, bytes, *len) != (ssize_t)*len) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (fd >= 0)
        close(fd);
    return bytes;
}

void kept_formats_open(post_t *self, const char *path)
{
    char version[WIRE_FORMATS_VERSION];
    size_t len = 0;
    char *bytes = s_read_file(path, &len);
    self->formats_file = path;
    memcpy(self->formats_version, "0", 2);
    if (bytes && len > HEAD) {
        slice_t pairs = slice(bytes + HEAD, len - HEAD);
        wire_formats_version(pairs, version);
        if (memcmp(version, bytes, HEAD) == 0)
            s_use(self, pairs, version);
    }
    free(bytes);
}

static bool s_write(const char *path, const char *version, slice_t pairs)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    bool good = fd >= 0 && write(fd, version, HEAD) == HEAD &&
                write(fd, pairs.data, pairs.len) == (ssize_t)pairs.len && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* In one step, so that who starts finds the one or the other. */
static void s_keep(const post_t *self, slice_t pairs)
{
    char next[PATH_MAX];
    if (!self->formats_file)
        return;
    snprintf(next, sizeof next, "%s.next", self->formats_file);
    bool good = pairs.len == 0 ? unlink(self->formats_file) == 0 || errno == ENOENT
                               : s_write(next, self->formats_version, pairs) &&
                                     rename(next, self->formats_file) == 0;
    if (!good)
        log_warn("formats.unkept", "file=%s err=%s", LOG_Q(self->formats_file),
                 LOG_Q(strerror(errno)));
}

static void s_take(post_t *self, job_t *job, slice_t named)
{
    char version[WIRE_FORMATS_VERSION];
    slice_t pairs = job_body(job);
    wire_formats_version(pairs, version);
    if (!slice_is(named, version)) {
        job_refuse(job, pairs.len ? ERROR_invalid_request : ERROR_conflict, NULL);
        return;
    }
    s_use(self, pairs, version);
    s_keep(self, pairs);
    job->kind = JOB_ANSWERED;
}

void post_formats(post_t *self, job_t *job)
{
    slice_t named;
    if (!job_param(job, "version", &named))
        job_refuse(job, ERROR_invalid_param, "version is missing.");
    else if (slice_is(named, self->formats_version))
        job->kind = JOB_ANSWERED;
    else
        s_take(self, job, named);
}
