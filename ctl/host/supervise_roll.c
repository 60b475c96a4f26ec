#include "common/base/clock.h"
#include "common/log/log.h"
#include "ctl/host/supervise_self.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

/* How long a process may take to get ready. */
enum { READY_MS = 60000 };

int supervise_roll(supervise_t *self, const bool *wanted)
{
    if (self->rolling || self->stopping || !self->announced)
        return -1;
    for (unsigned i = 0; i < self->len; i++)
        self->children[i].due = wanted[i];
    self->rolling = true;
    self->turn = NULL;
    return 0;
}

bool roll_asked(const supervise_t *self, pid_t pid)
{
    return self->rolling && self->asked == pid;
}

static void s_ask(supervise_t *self, pid_t pid, roll_step_t step)
{
    self->step = step;
    self->asked = pid;
    self->patience = clock_ms() + self->drain_ms + SUPERVISE_GRACE_MS;
    /* A successor leaves time; where there is none, each moment counts. */
    kill(pid, step == ROLL_LEAVE ? SIGTERM : SIGINT);
}

static void s_expect(supervise_t *self, roll_step_t step)
{
    self->step = step;
    self->patience = clock_ms() + READY_MS;
}

static void s_begin(supervise_t *self, child_t *child)
{
    child->due = false;
    self->turn = child;
    self->began_ms = clock_ms();
    log_info("child.restart", "name=%s pid=%d successor=%d", child->name, (int)child->pid,
             child->passed);
    if (!child->ready) { /* it is new, or waits for its next attempt: that is now */
        child->start_at = 0;
        child->delay_ms = SUPERVISE_DELAY_MS;
        child->refusals = 0;
        child->given_up = false;
        s_expect(self, ROLL_BACK);
    } else if (!child->passed) {
        s_ask(self, child->pid, ROLL_END);
    } else {
        child->old = child->pid;
        child->pid = 0;
        child_forget(child);
        s_expect(self, ROLL_SUCCEED);
        child_start(self, child);
    }
}

static void s_finish(supervise_t *self, const char *error)
{
    self->rolling = false;
    self->turn = NULL;
    self->step = ROLL_NONE;
    self->asked = 0;
    for (unsigned i = 0; i < self->len; i++)
        self->children[i].due = false;
    self->calls.rolled(self->calls.arg, NULL, 0, 0, error);
}

void roll_cancel(supervise_t *self)
{
    if (self->rolling)
        s_finish(self, "posternctl up ends");
}

static void s_fail(supervise_t *self, const char *error)
{
    child_t *child = self->turn;
    log_error("child.restart", "name=%s err=%s", child->name, LOG_Q(error));
    self->calls.rolled(self->calls.arg, child->name, child->pid, clock_ms() - self->began_ms,
                       error);
    s_finish(self, error);
}

static void s_done(supervise_t *self)
{
    child_t *child = self->turn;
    self->calls.rolled(self->calls.arg, child->name, child->pid, clock_ms() - self->began_ms, NULL);
    self->turn = NULL;
    self->step = ROLL_NONE;
    self->asked = 0;
}

/* The successor is there, or died: then the old one, if it lives, stays. */
static void s_succeed(supervise_t *self, child_t *child)
{
    if (child->ready && child->old) {
        s_ask(self, child->old, ROLL_LEAVE);
    } else if (!child->old) {
        s_expect(self, ROLL_BACK);
    } else if (!child->pid) {
        child->pid = child->old;
        child->old = 0;
        child->ready = true;
        child->delay_ms = SUPERVISE_DELAY_MS;
        s_fail(self,
               "the successor ended before it was ready, see the log; the old process serves on");
    } else if (clock_ms() >= self->patience) {
        kill(child->pid, SIGKILL);
        s_expect(self, ROLL_SUCCEED);
    }
}

static void s_kill(supervise_t *self, pid_t pid)
{
    log_warn("supervise.kill", "name=%s pid=%d reason=\"did not end in time\"", self->turn->name,
             (int)pid);
    self->patience = clock_ms() + SUPERVISE_GRACE_MS;
    kill(pid, SIGKILL);
}

static void s_step(supervise_t *self, child_t *child)
{
    bool late = clock_ms() >= self->patience;
    switch (self->step) {
    case ROLL_SUCCEED:
        s_succeed(self, child);
        break;
    case ROLL_LEAVE:
        if (!child->old && child->ready)
            s_done(self);
        else if (child->old && late)
            s_kill(self, child->old);
        break;
    case ROLL_END:
        if (child->pid != self->asked)
            s_expect(self, ROLL_BACK);
        else if (late)
            s_kill(self, child->pid);
        break;
    case ROLL_BACK:
        if (child->pid && child->ready)
            s_done(self);
        else if (child->given_up)
            s_fail(self, "it refuses its configuration, see the log");
        else if (late)
            s_fail(self, "it does not become ready, see the log; it is still being started");
        break;
    case ROLL_NONE:
        break;
    }
}

void roll_turn(supervise_t *self)
{
    if (self->rolling && self->turn)
        s_step(self, self->turn);
    for (unsigned i = 0; self->rolling && !self->turn && i < self->len; i++)
        if (self->children[i].due)
            s_begin(self, &self->children[i]);
    if (self->rolling && !self->turn)
        s_finish(self, NULL);
}
