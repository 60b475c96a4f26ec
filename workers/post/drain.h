/* A drain: the batches that arrived while the writer was busy, as jobs. A drain keeps the decoded
 * messages, so that the jobs' slices stay valid until the commit, and is reused. Two drains take
 * turns: one is filled while the other one is committed.
 *
 * Threading: one thread at a time; the writer sees only the journal entries. */
#ifndef POSTERN_WORKERS_POST_DRAIN_H
#define POSTERN_WORKERS_POST_DRAIN_H

#include "common/base/errors.h"
#include "common/link/link.h"
#include "workers/journal/journal.h"

enum { DRAIN_BATCHES = 64 }; /* more than the credit of all routers together */

typedef enum {
    JOB_STORE,    /* goes through the journal, also when it is refused */
    JOB_READ,     /* its reading is asked, when what came before it is stored */
    JOB_REFUSED,  /* answered with error, without the journal */
    JOB_TOLD,     /* a handler record or a retention that is kept: answered 200 */
    JOB_ANSWERED, /* answered 200, with reason as JSON where there is one, without the journal */
    JOB_DROPPED,  /* no answer: the job's time was up, or its sender is to ask again */
} job_kind_t;

struct answering;
struct formatted;
struct reading;

/* One request. */
typedef struct job {
    job_kind_t kind;
    const wire_request_t *request;
    zmq_msg_t *body;       /* the drain's, of length 0 without one; may be replaced */
    int64_t deadline_ms;   /* clock_ms () */
    journal_entry_t entry; /* JOB_STORE */
    error_code_t error;    /* why the job is refused, 0: it is not refused */
    char *reason;          /* text for the sender, or NULL for the table's; owned. JOB_ANSWERED:
                              JSON, or NULL */
    char *field; /* of a refusal: the path of the field that it is about, or NULL; owned */
    struct formatted *formatted; /* what a format made, or NULL; owned (formatted.h) */
    struct reading *reading;     /* JOB_READ (reading.h), until it is asked; owned */
    struct replay *replay;       /* of a job of the worker's own: what it is for (replay.h) */
} job_t;

/* Where a run of jobs came from. */
typedef struct {
    link_t *link;
    peer_t *peer;
    link_batch_t batch;
    size_t first, count; /* jobs */
} drain_batch_t;

typedef struct drain drain_t;

drain_t *drain_new(void);
void drain_destroy(drain_t **self_p);

/* Takes the message's content over (what is left in MESSAGE is empty) and adds a job for each
 * request. Needs !drain_is_full. Returns the first of the new jobs, valid until the next call. */
job_t *drain_add(drain_t *self, link_t *link, peer_t *peer, wire_message_t *message,
                 int64_t now_ms);
/* Adds a JOB_STORE of the worker's own, which answers no request and belongs to no batch: the
 * caller fills its entry. Valid until the next of these two calls. */
job_t *drain_add_own(drain_t *self);
/* Whether it holds DRAIN_BATCHES batches. */
bool drain_is_full(const drain_t *self);
size_t drain_batches(const drain_t *self);
/* It has neither batches nor jobs. */
bool drain_is_empty(const drain_t *self);

/* Drops the jobs whose time is up, sets the records' time, where they have none, and returns the
 * COUNT entries for the journal: the drain's, valid until drain_reset. WALL_MS: ms since 1970. */
journal_entry_t **drain_close(drain_t *self, int64_t now_ms, int64_t wall_ms, size_t *count);

const drain_batch_t *drain_batch(const drain_t *self, size_t i);
job_t *drain_job(drain_t *self, size_t i);
size_t drain_jobs(const drain_t *self);

/* Empties it, for the next turn; frees what the jobs own. */
void drain_reset(drain_t *self);

/* The body's bytes. */
slice_t job_body(const job_t *self);
/* Refuses the job; reason is copied, NULL for the table's text. A JOB_STORE stays a JOB_STORE: the
 * journal looks into seen before anything is refused. */
void job_refuse(job_t *self, error_code_t error, const char *reason);
/* The same, of a field; its path is copied, and empty where there is none. */
void job_refuse_field(job_t *self, error_code_t error, slice_t path, const char *reason);
/* invalid_param: the text is NAME and WHAT, as "must be a number from 1 to 100.". */
void job_refuse_param(job_t *self, const char *name, const char *what);
/* The value of a parameter of the query that the operation reads; false when the parameter is
 * missing. A parameter with two different values refuses the job, and counts as missing. */
bool job_param(job_t *self, const char *name, slice_t *value);
/* Refuses the job that has a parameter with another name than these COUNT, which the sender is
 * told; returns whether it has not. */
bool job_knows(job_t *self, const char *const names[], size_t count);

#endif
