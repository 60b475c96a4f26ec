#include "authd/copies/postgres/shared.h"

#include "common/base/clock.h"
#include "common/base/wake.h"
#include "common/life/kinds.h"
#include "common/life/life.h"
#include "common/log/log.h"
#include "common/monitor/monitor.h"
#include "common/postgres/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAGIC = 0x434f5049, PAUSE_MS = 200, SAY_MS = 5000 };

const char *copies_engine(void)
{
    return "postgres";
}

bool copies_wait(void)
{
    return true;
}

copy_mark_t copies_mark(const copies_t *self)
{
    copy_mark_t mark;
    view_t *view = view_new(self->directory);
    view_renew(view);
    if (!copy_read_mark(view, &mark))
        mark = (copy_mark_t){0};
    view_destroy(&view);
    return mark;
}

static bool s_may_try_again(session_outcome_t went)
{
    return went == SESSION_AWAY || went == SESSION_AGAIN || went == SESSION_UNKNOWN;
}

/* A server that is not there is waited for, as a lock is. */
static int s_begin(copies_t *self, char *err, size_t err_size)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    int64_t said_ms = -SAY_MS;
    monitor_check("copies", CHECK_FAILED, "this host has not joined yet");
    for (;;) {
        monitor_tick();
        session_outcome_t went = begin_as_copy(self);
        if (went == SESSION_OK && !session_is_open(&self->following))
            went = session_open(&self->following, self->connection);
        if (went == SESSION_OK)
            went = follow_join(self);
        if (went == SESSION_OK)
            return 0;
        monitor_check("copies", CHECK_FAILED, self->following.text);
        if (!s_may_try_again(went) || life_stopping()) {
            bool denied = strstr(self->following.text, "permission denied") != NULL;
            snprintf(err, err_size, "PostgreSQL: %s%s", self->following.text,
                     denied ? ": the directory has a role of its own, whose connection string the "
                              "file of directory.connection has (docs/CLUSTER.md)"
                            : "");
            return -1;
        }
        if (clock_ms() - said_ms >= SAY_MS) {
            said_ms = clock_ms();
            log_warn("directory.waits", "err=%s", LOG_Q(self->following.text));
        }
        nanosleep(&pause, NULL);
    }
}

static void s_free(copies_t **self_p)
{
    copies_t *self = *self_p;
    session_close(&self->changing);
    session_close(&self->following);
    connection_forget(&self->connection);
    turning_destroy(&self->turning);
    uses_destroy(&self->uses);
    close(self->fd);
    free(self);
    *self_p = NULL;
}

static copies_t *s_new(const conf_start_t *start, directory_t *directory, char *connection)
{
    copies_t *self = calloc(1, sizeof *self);
    if (!self)
        abort();
    self->magic = MAGIC;
    self->directory = directory;
    self->connection = connection;
    self->host = directory_id(directory);
    self->lease_ms = (int64_t)conf_uint(start->conf, SET_directory_lease_s) * 1000;
    self->changing.name = "postern directory";
    self->following.name = "postern directory follower";
    gethostname(self->name, sizeof self->name - 1);
    self->turning = turning_new();
    self->uses = uses_new();
    self->fd = wake_new();
    assert(self->fd >= 0);
    return self;
}

int copies_open(copies_t **self_p, const conf_start_t *start, directory_t *directory, char *err,
                size_t err_size)
{
    char path[4096 + 16];
    kinds_directory(start->conf, false, path, sizeof path);
    char *connection = connection_read(path, err, err_size);
    if (!connection)
        return -1;
    copies_t *self = s_new(start, directory, connection);
    if (s_begin(self, err, err_size) != 0) {
        s_free(&self);
        return -1;
    }
    change_begin(self);
    int rc = turning_start(self->turning, TURN_MS, follow_turn, self);
    if (rc != 0)
        log_fatal(EXIT_FAULT, "directory.follow", "errno=%d", rc);
    *self_p = self;
    return 0;
}

void copies_close(copies_t **self_p)
{
    copies_t *self = *self_p;
    if (!self)
        return;
    assert(self->magic == MAGIC);
    turning_stop(self->turning);
    follow_leave(self);
    directory_share(self->directory, NULL);
    s_free(self_p);
}

bool copies_may_judge(const copies_t *self)
{
    return clock_boot_ms() < atomic_load(&self->lease_end_ms);
}

uint64_t copies_changed(const copies_t *self)
{
    return atomic_load(&self->changed);
}

int64_t copies_waits_ms(const copies_t *self, int64_t now_ms)
{
    int64_t since_ms = self ? atomic_load(&self->asked_ms) : 0;
    return since_ms && now_ms > since_ms ? now_ms - since_ms : 0;
}

bool copies_have(const copies_t *self, uint64_t number)
{
    return atomic_load(&self->settled) >= number;
}

bool copies_leads(const copies_t *self)
{
    return atomic_load(&self->leads);
}

int copies_fd(const copies_t *self)
{
    return self->fd;
}
