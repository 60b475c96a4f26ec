/* Private to the supervisor's files: supervise.c (the loop, deaths, the end), supervise_child.c
 * (how a child is started), supervise_roll.c (restarts, one child after another), supervise_watch.c
 * (whether a child that is ready still answers). Threading: as supervise.h. */
#ifndef POSTERN_CTL_HOST_SUPERVISE_SELF_H
#define POSTERN_CTL_HOST_SUPERVISE_SELF_H

#include "ctl/host/probe.h"
#include "ctl/host/supervise.h"

typedef struct {
    char name[32];
    char **argv;
    unsigned stage;
    bool passed;       /* gets the listening socket; may run twice while one succeeds the other */
    bool due;          /* waits for its turn to be restarted */
    pid_t pid;         /* 0: it does not run */
    pid_t old;         /* the predecessor, while it ends; 0: none */
    int ready_fd;      /* read end of its pipe, -1: closed */
    bool ready;        /* this process */
    bool ready_once;   /* this or an earlier one */
    unsigned delay_ms; /* the next wait of one that dies too early */
    int64_t start_at;  /* when it is to be started, while it does not run */
    unsigned refusals; /* ends with EXIT_CONFIG before it was ready, in a row */
    bool given_up;     /* refused too often: it is started by a restart that is asked for */
    probe_t *probe;    /* of its monitor */
    probe_state_t health;
    int64_t unwell_ms; /* since when it is not well */
} child_t;

/* How far the restart of a child is. */
typedef enum {
    ROLL_NONE,
    ROLL_SUCCEED, /* the successor starts while the old one serves */
    ROLL_LEAVE,   /* the successor is ready, the old one was asked to go */
    ROLL_END,     /* asked to go, to be started after that */
    ROLL_BACK,    /* was started anew */
} roll_step_t;

struct supervise {
    supervise_calls_t calls;
    unsigned drain_ms;
    int listener; /* passed to children, -1: none */
    int signals;
    pid_t self, task;
    child_t *children;
    unsigned len;
    bool rolling;  /* some children are being restarted, one after another */
    child_t *turn; /* the child whose turn it is; NULL between two */
    roll_step_t step;
    pid_t asked;      /* the process that was asked to go */
    int64_t began_ms; /* of this child's restart */
    int64_t patience; /* when this step has lasted too long */
    bool announced;   /* all were ready, calls.ready was called */
    bool stopping;
    bool hurry;      /* by SIGINT */
    unsigned stage;  /* while stopping: the stage that was asked to go */
    int64_t kill_at; /* while stopping: when that stage is killed */
    int status;      /* what supervise_run returns */
};

/* Starts a process for CHILD; when that fails, later (child_postpone). */
void child_start(supervise_t *self, child_t *child);
/* Sets the time of the next attempt, twice as far away each time. */
void child_postpone(child_t *child);
/* Gives a child up: it is started only by supervise_roll. */
void child_give_up(child_t *child);
/* A child says that it can serve, or has closed its pipe (then its death is about to be told). */
void child_read_ready(child_t *child);

/* Looks whether a child's monitor answers, and logs when that has changed. */
void child_watch(child_t *child);
/* Another process, or none, is the child now: forgets the answers of its monitor. */
void child_forget(child_t *child);
/* When child_watch is to be called at the latest. */
int64_t child_watch_due(const child_t *child);
/* Logs that PID, of a child, was stopped by a signal or goes on. */
void child_log_stop(const child_t *child, pid_t pid, int status);

/* Takes the restarts a step further; after deaths and readiness were read. */
void roll_turn(supervise_t *self);
/* The end of everything: restarts nobody else. */
void roll_cancel(supervise_t *self);
/* Whether PID was asked to go in order to be restarted. */
bool roll_asked(const supervise_t *self, pid_t pid);

#endif
