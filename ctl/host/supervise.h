/* Starts processes and watches them: a child that had become ready and dies is started again at
 * once, a child that dies before it was ready is started again after 0.25 s at first, twice as long
 * each time, 10 s at most.
 *
 * A child is ready when it writes a byte to the descriptor that POSTERN_READY_FD names in its
 * environment. It is killed when the supervisor dies, and leads a process group of its own, so that
 * a terminal's Ctrl-C reaches the supervisor only. The supervisor ends its children in order: with
 * SIGINT when it got SIGINT itself, else with SIGTERM.
 *
 * Threading: the process must have one thread, and no ZeroMQ context, because it forks. */
#ifndef POSTERN_CTL_HOST_SUPERVISE_H
#define POSTERN_CTL_HOST_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct supervise supervise_t;

/* SUPERVISE_REFUSALS: after so many ends with status 78 in a row, none of them ready, a child is
 * left alone until supervise_roll starts it. */
enum {
    SUPERVISE_REFUSALS = 5,
    SUPERVISE_DELAY_MS = 250,
    SUPERVISE_DELAY_MAX_MS = 10000,
    SUPERVISE_GRACE_MS = 2000
};

typedef struct {
    /* Every child has been ready once: called once. Returns a task (a process that the callee has
     * forked, to be reaped and ended with the others) or 0. */
    pid_t (*ready)(void *arg);
    /* The task has ended, with a wait status. Non-zero ends everything, with status 1. */
    int (*task)(void *arg, int status);
    /* Called when FD (-1: none), a descriptor of the callee, is readable. */
    int fd;
    void (*readable)(void *arg);
    /* News of supervise_roll: a child was restarted and is ready as PID, or ERROR says why not,
     * after which no other is restarted. NAME is NULL at the end, good or bad. */
    void (*rolled)(void *arg, const char *name, pid_t pid, int64_t ms, const char *error);
    void *arg;
} supervise_calls_t;

/* drain_ms: how long a child may take to end; SUPERVISE_GRACE_MS later it is killed. Blocks
 * SIGCHLD, SIGTERM, SIGINT and SIGHUP, which it reads from a descriptor. */
supervise_t *supervise_new(unsigned drain_ms, const supervise_calls_t *calls);
void supervise_destroy(supervise_t **self_p);

/* Adds a child. At the end, children of stage 0 are asked to go first, and those of stage 1 when
 * all of these are gone. passed: the child gets the socket of supervise_pass. MONITOR: host:port
 * whose /healthz is asked once a second while the child is ready; the log says when it does not
 * answer, is red, and is well again. All is copied. */
void supervise_add(supervise_t *self, const char *name, unsigned stage, bool passed,
                   const char *monitor, const char *const *argv);

/* A listening socket (taken) that children get as sd_listen_fds(3) describes. */
void supervise_pass(supervise_t *self, int fd);

/* Restarts the children I with WANTED[I], one after another: each is ready before the next one's
 * turn. A child that was passed the socket is succeeded: the new process is ready before the old
 * one gets SIGTERM. Any other child gets SIGINT and is started when it has ended. 0; -1 when a
 * restart is under way, not all have become ready yet, or the end has begun. */
int supervise_roll(supervise_t *self, const bool *wanted);

/* The I-th child's process now, 0 when it has none. */
pid_t supervise_pid(const supervise_t *self, unsigned i);

/* Starts all and watches them until SIGTERM, SIGINT or SIGHUP. 0 after an orderly end; 1 when a
 * child had to be killed or the task failed; 78 when a child twice refused its configuration before
 * all had become ready. */
int supervise_run(supervise_t *self);

/* To be called first in a forked child: default signals, none blocked, killed with its parent. */
void supervise_child(pid_t parent);

#endif
