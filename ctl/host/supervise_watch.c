#include "common/base/clock.h"
#include "common/log/log.h"
#include "ctl/host/supervise_self.h"

#include <string.h>
#include <sys/wait.h>

void child_watch(child_t *child)
{
    if (!child->ready)
        return;
    probe_state_t before = child->health, now = probe_turn(child->probe);
    if (now == before)
        return;
    child->health = now;
    if (before == PROBE_HANGS || before == PROBE_SILENT) {
        if (now == PROBE_WELL)
            log_info("child.answers", "name=%s pid=%d after_ms=%lld", child->name, (int)child->pid,
                     (long long)(clock_ms() - child->unwell_ms));
    } else {
        child->unwell_ms = clock_ms();
    }
    if (now == PROBE_HANGS)
        log_warn("child.hangs", "name=%s pid=%d reason=\"/healthz is red: its main loop stands\"",
                 child->name, (int)child->pid);
    else if (now == PROBE_SILENT)
        log_warn("child.silent", "name=%s pid=%d reason=\"its monitor has not answered for %d ms\"",
                 child->name, (int)child->pid, PROBE_SILENT_MS);
}

void child_forget(child_t *child)
{
    probe_reset(child->probe);
    child->health = PROBE_NEW;
}

int64_t child_watch_due(const child_t *child)
{
    return child->ready ? probe_due(child->probe) : INT64_MAX;
}

void child_log_stop(const child_t *child, pid_t pid, int status)
{
    if (WIFSTOPPED(status))
        log_warn("child.stopped", "name=%s pid=%d signal=SIG%s", child->name, (int)pid,
                 sigabbrev_np(WSTOPSIG(status)));
    else
        log_info("child.continued", "name=%s pid=%d", child->name, (int)pid);
}
