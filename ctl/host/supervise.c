#include "ctl/host/supervise.h"

#include "common/base/clock.h"
#include "common/log/log.h"
#include "ctl/host/supervise_self.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static void s_mask(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

supervise_t *supervise_new(unsigned drain_ms, const supervise_calls_t *calls)
{
    supervise_t *self = calloc(1, sizeof *self);
    sigset_t set;
    assert(self);
    self->calls = *calls;
    self->drain_ms = drain_ms;
    self->listener = -1;
    self->self = getpid();
    s_mask(&set);
    signal(SIGPIPE, SIG_IGN); /* whoever waits for our output may go before us */
    sigprocmask(SIG_BLOCK, &set, NULL);
    self->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (self->signals < 0)
        log_fatal(EXIT_FAULT, "supervise.signals", "err=%s", LOG_Q(strerror(errno)));
    return self;
}

void supervise_destroy(supervise_t **self_p)
{
    supervise_t *self = *self_p;
    if (!self)
        return;
    for (unsigned i = 0; i < self->len; i++) {
        for (char **arg = self->children[i].argv; *arg; arg++)
            free(*arg);
        free(self->children[i].argv);
        probe_destroy(&self->children[i].probe);
    }
    free(self->children);
    if (self->listener >= 0)
        close(self->listener);
    close(self->signals);
    free(self);
    *self_p = NULL;
}

void supervise_add(supervise_t *self, const char *name, unsigned stage, bool passed,
                   const char *monitor, const char *const *argv)
{
    size_t n = 0;
    while (argv[n])
        n++;
    self->children = realloc(self->children, (self->len + 1) * sizeof *self->children);
    assert(self->children);
    child_t *child = &self->children[self->len++];
    *child = (child_t){.stage = stage,
                       .passed = passed,
                       .ready_fd = -1,
                       .delay_ms = SUPERVISE_DELAY_MS,
                       .probe = probe_new(monitor)};
    snprintf(child->name, sizeof child->name, "%s", name);
    child->argv = calloc(n + 1, sizeof *child->argv);
    assert(child->argv);
    for (size_t i = 0; i < n; i++) {
        child->argv[i] = strdup(argv[i]);
        assert(child->argv[i]);
    }
}

void supervise_pass(supervise_t *self, int fd)
{
    self->listener = fd;
}

pid_t supervise_pid(const supervise_t *self, unsigned i)
{
    assert(i < self->len);
    return self->children[i].pid;
}

static void s_signal_stage(const supervise_t *self, int signal)
{
    for (unsigned i = 0; i < self->len; i++) {
        const child_t *child = &self->children[i];
        if (child->stage != self->stage)
            continue;
        if (child->pid)
            kill(child->pid, signal);
        if (child->old)
            kill(child->old, signal);
    }
}

static void s_ask_stage(supervise_t *self, unsigned stage)
{
    self->stage = stage;
    self->kill_at = clock_ms() + self->drain_ms + SUPERVISE_GRACE_MS;
    s_signal_stage(self, self->hurry ? SIGINT : SIGTERM);
}

static void s_stop(supervise_t *self, int status, const char *why)
{
    if (self->stopping)
        return;
    log_info("supervise.stop", "reason=%s", LOG_Q(why));
    self->stopping = true;
    self->status = status;
    if (self->task)
        kill(self->task, SIGTERM);
    roll_cancel(self);
    /* The children have theirs. The last one to close it serves what waits. */
    if (self->listener >= 0)
        close(self->listener);
    self->listener = -1;
    s_ask_stage(self, 0);
}

/* The last of a stage gone: the next is asked; one that does not go in time is killed. True at the
 * end. */
static bool s_stopped(supervise_t *self)
{
    bool here = false, any = self->task != 0;
    for (unsigned i = 0; i < self->len; i++) {
        bool runs = self->children[i].pid || self->children[i].old;
        any |= runs;
        here |= runs && self->children[i].stage == self->stage;
    }
    if (!any)
        return true;
    if (!here && self->stage == 0) {
        s_ask_stage(self, 1);
    } else if (clock_ms() >= self->kill_at) {
        log_warn("supervise.kill", "stage=%u reason=\"did not end in time\"", self->stage);
        s_signal_stage(self, SIGKILL);
        if (self->task)
            kill(self->task, SIGKILL);
        self->status = self->status ? self->status : EXIT_FAULT;
        self->kill_at = clock_ms() + SUPERVISE_GRACE_MS;
    }
    return false;
}

static void s_log_death(const supervise_t *self, const child_t *child, int status, bool was_ready)
{
    char how[64];
    if (WIFSIGNALED(status))
        snprintf(how, sizeof how, "signal=SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(how, sizeof how, "status=%d", WEXITSTATUS(status));
    if (self->stopping || roll_asked(self, child->pid))
        log_info("child.ended", "name=%s pid=%d %s", child->name, (int)child->pid, how);
    else
        log_warn("child.died", "name=%s pid=%d %s ready=%s", child->name, (int)child->pid, how,
                 was_ready ? "yes" : "no");
}

static void s_died(supervise_t *self, child_t *child, int status)
{
    /* The byte and the death may come together. */
    if (child->ready_fd >= 0)
        child_read_ready(child);
    if (child->ready_fd >= 0)
        close(child->ready_fd);
    child->ready_fd = -1;
    bool was_ready = child->ready;
    s_log_death(self, child, status, was_ready);
    child->pid = 0;
    child->ready = false;
    child_forget(child);
    if (self->stopping)
        return;
    if (was_ready) {
        child_start(self, child);
        return;
    }
    child_postpone(child);
    bool refused = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG;
    child->refusals = refused ? child->refusals + 1 : 0;
    /* Once is forgiven: what a killed predecessor held may be free a moment later. */
    if (child->refusals >= 2 && !self->announced)
        s_stop(self, EXIT_CONFIG, "a process refuses its configuration, see above");
    else if (child->refusals >= SUPERVISE_REFUSALS)
        child_give_up(child);
}

/* The predecessor of a child, or one whose successor did not get ready. */
static void s_old_died(child_t *child, int status)
{
    log_info("child.ended", "name=%s pid=%d status=%d signal=%d", child->name, (int)child->old,
             WIFEXITED(status) ? WEXITSTATUS(status) : 0,
             WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    child->old = 0;
}

static void s_reap_task(supervise_t *self, int status)
{
    self->task = 0;
    if (self->calls.task(self->calls.arg, status) != 0)
        s_stop(self, EXIT_FAULT, "a task failed");
}

static void s_reap(supervise_t *self)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
        bool ended = WIFEXITED(status) || WIFSIGNALED(status);
        if (pid == self->task && ended)
            s_reap_task(self, status);
        for (unsigned i = 0; i < self->len; i++) {
            child_t *child = &self->children[i];
            if (child->pid != pid && child->old != pid)
                continue;
            if (!ended)
                child_log_stop(child, pid, status);
            else if (child->pid == pid)
                s_died(self, child, status);
            else
                s_old_died(child, status);
        }
    }
}

static void s_read_signals(supervise_t *self)
{
    struct signalfd_siginfo info;
    while (read(self->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        if (self->stopping)
            self->kill_at = 0; /* asked again: the user is in a hurry */
        self->hurry = info.ssi_signo == SIGINT;
        s_stop(self, 0, "signal");
    }
    s_reap(self);
}

static void s_start_due(supervise_t *self)
{
    for (unsigned i = 0; i < self->len; i++) {
        child_t *child = &self->children[i];
        if (!child->pid && !child->given_up && !self->stopping && clock_ms() >= child->start_at)
            child_start(self, child);
    }
}

static void s_announce(supervise_t *self)
{
    if (self->announced || self->stopping)
        return;
    for (unsigned i = 0; i < self->len; i++)
        if (!self->children[i].ready_once)
            return;
    self->announced = true;
    self->task = self->calls.ready(self->calls.arg);
}

/* How long to wait for something to happen. */
static int s_timeout(const supervise_t *self)
{
    int64_t until = clock_ms() + 60000; /* children that were given up have no time of their own */
    if (self->stopping && self->kill_at < until)
        until = self->kill_at;
    for (unsigned i = 0; i < self->len && !self->stopping; i++)
        if (!self->children[i].pid && !self->children[i].given_up &&
            self->children[i].start_at < until)
            until = self->children[i].start_at;
    if (self->rolling && self->patience < until)
        until = self->patience;
    for (unsigned i = 0; i < self->len && !self->stopping; i++)
        if (child_watch_due(&self->children[i]) < until)
            until = child_watch_due(&self->children[i]);
    int64_t left = until - clock_ms();
    return left < 0 ? 0 : (int)left;
}

/* Of each child its pipe until it is ready, then its monitor. An fd of -1 is passed over. */
static void s_poll(const supervise_t *self, struct pollfd *polls)
{
    polls[0] = (struct pollfd){.fd = self->signals, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = self->calls.fd, .events = POLLIN};
    for (unsigned i = 0; i < self->len; i++) {
        const child_t *child = &self->children[i];
        polls[2 + i] = (struct pollfd){.fd = child->ready_fd, .events = POLLIN};
        if (child->ready && !self->stopping)
            polls[2 + i] = probe_poll(child->probe);
    }
}

static void s_turn(supervise_t *self, struct pollfd *polls)
{
    s_poll(self, polls);
    if (poll(polls, 2 + self->len, s_timeout(self)) < 0)
        return;
    for (unsigned i = 0; i < self->len; i++) {
        child_t *child = &self->children[i];
        if (child->ready_fd >= 0 && polls[2 + i].revents)
            child_read_ready(child);
        if (!self->stopping)
            child_watch(child);
    }
    if (polls[0].revents)
        s_read_signals(self);
    if (polls[1].revents && !self->stopping)
        self->calls.readable(self->calls.arg);
    roll_turn(self);
    s_start_due(self);
    s_announce(self);
}

int supervise_run(supervise_t *self)
{
    struct pollfd *polls = calloc(self->len + 2, sizeof *polls);
    assert(polls);
    s_start_due(self);
    while (!self->stopping || !s_stopped(self))
        s_turn(self, polls);
    free(polls);
    return self->status;
}
