/* posternctl export …: a target's messages as JSON lines, the oldest first. */
#include "ctl/command.h"
#include "ctl/json_read.h"
#include "ctl/send/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXPORT_PAGE = 1000 };

typedef struct {
    ctl_t *ctl;
    call_t *call;
    FILE *file;
    const char *path; /* NULL: stdout */
    json_t *narrow;
    uint64_t from, count;
} export_t;

static int s_failed(const export_t *self, const char *what)
{
    ctl_error(self->ctl, "failed", "cannot %s %s: %s", what, self->path ? self->path : "stdout",
              strerror(errno));
    return CTL_REFUSED;
}

/* Behind the last whole line, the message of which SEQUENCE becomes. False: that is none. */
static bool s_find_end(export_t *self, off_t *end, uint64_t *sequence)
{
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    for (ssize_t len; good && (len = getline(&line, &room, self->file)) > 0;) {
        if (line[len - 1] != '\n') /* was cut off */
            break;
        json_t *row = json_read(line, (size_t)len);
        json_t *number = json_object_get(row, "sequence");
        good = json_is_integer(number) && json_integer_value(number) > 0;
        *sequence = (uint64_t)json_integer_value(number);
        *end += len;
        json_decref(row);
    }
    free(line);
    return good;
}

/* Goes on behind what the file has. An exit status. */
static int s_resume(export_t *self)
{
    uint64_t sequence = 0;
    off_t end = 0;
    if (!s_find_end(self, &end, &sequence)) {
        ctl_error(self->ctl, "failed", "%s is no export: its line at byte %lld has no message",
                  self->path, (long long)end);
        return CTL_REFUSED;
    }
    if (ferror(self->file))
        return s_failed(self, "read");
    if (ftruncate(fileno(self->file), end) != 0 || fseeko(self->file, end, SEEK_SET) != 0)
        return s_failed(self, "write");
    if (sequence >= self->from)
        self->from = sequence + 1;
    return CTL_OK;
}

static int s_open(export_t *self)
{
    self->path = ctl_option(self->ctl, "--to");
    self->file = stdout;
    if (!self->path)
        return CTL_OK;
    self->file = fopen(self->path, "a+");
    if (!self->file)
        return s_failed(self, "open");
    rewind(self->file);
    return s_resume(self);
}

static void s_write(export_t *self, const json_t *row)
{
    char *line = json_dumps(row, JSON_COMPACT);
    if (!line)
        abort();
    fputs(line, self->file);
    fputc('\n', self->file);
    free(line);
    self->from = (uint64_t)json_integer_value(json_object_get(row, "sequence")) + 1;
    self->count++;
}

/* One page; *more says whether another one waits. An exit status. */
static int s_page(export_t *self, bool *more)
{
    json_t *params = json_pack("{s:i}", "limit", EXPORT_PAGE), *row;
    size_t i;
    json_object_update(params, self->narrow);
    if (self->from)
        json_object_set_new(params, "from", json_integer((json_int_t)self->from));
    json_t *page = call_read(self->call, "GET", params);
    if (!page)
        return CTL_REFUSED;
    json_array_foreach (json_object_get(page, "messages"), i, row)
        s_write(self, row);
    *more = json_is_integer(json_object_get(page, "next"));
    json_decref(page);
    return fflush(self->file) == 0 ? CTL_OK : s_failed(self, "write");
}

static int s_pages(export_t *self)
{
    bool more = true;
    int status = CTL_OK;
    while (status == CTL_OK && more)
        status = s_page(self, &more);
    if (status == CTL_OK && self->path && fsync(fileno(self->file)) != 0)
        status = s_failed(self, "write");
    if (self->path)
        fprintf(stderr, "%llu messages were written to %s%s\n", (unsigned long long)self->count,
                self->path, status == CTL_OK ? "" : "; the same command goes on from there");
    return status;
}

int export_run(ctl_t *ctl)
{
    export_t self = {.ctl = ctl, .narrow = json_object()};
    self.from = ctl_number(ctl, "--from", 0, 0, INT64_MAX);
    call_time(ctl, "--since", "since", self.narrow);
    call_time(ctl, "--until", "until", self.narrow);
    if (ctl_option(ctl, "--narrowed"))
        json_object_set_new(self.narrow, "narrowed", json_string("all"));
    int status = s_open(&self);
    self.call = status == CTL_OK ? call_new(ctl) : NULL;
    if (self.call) {
        call_follow(self.call);
        status = s_pages(&self);
    } else {
        status = CTL_REFUSED;
    }
    call_destroy(&self.call);
    json_decref(self.narrow);
    if (self.path && self.file && fclose(self.file) != 0 && status == CTL_OK)
        status = s_failed(&self, "write");
    return status;
}
