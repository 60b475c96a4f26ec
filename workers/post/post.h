/* Prepares the jobs of requests that store: a message that is posted, or an incoming webhook that
 * is kept as it came. Both functions fill the job's journal entry or refuse the job.
 *
 * Threading: an object belongs to one thread at a time. */
#ifndef POSTERN_WORKERS_POST_POST_H
#define POSTERN_WORKERS_POST_POST_H

#include "common/wire/formats.h"
#include "workers/format/formats.h"
#include "workers/message/json_out.h"
#include "workers/message/message.h"
#include "workers/post/drain.h"
#include "workers/post/source_book.h"

/* How a stored message is answered: kept in the journal with its id and key. */
typedef enum {
    ANSWER_EMPTY = 0,    /* 204 */
    ANSWER_ID = 1,       /* 200 {"message_id": "…"} */
    ANSWER_OBJECT = 2,   /* 200 {} */
    ANSWER_LATE = 3,     /* 200 and what the handler answered, or {} (worker_engine_t.answer) */
    ANSWER_TEXT = 4,     /* 200 and what the format of the event says (formatted.h) */
    ANSWER_FAILED = 128, /* a bit: the format failed */
} answer_t;

/* The memory of both functions, reused from one job to the next. Zero-initialise, then
 * post_open. */
typedef struct {
    message_t *message;
    message_verdict_t verdict;
    json_out_t form;
    formats_t *formats;
    renderer_t *renderer;
    source_book_t *book;                        /* what came of each source */
    bool unknown_said;                          /* that a source names a format that there is not */
    char formats_version[WIRE_FORMATS_VERSION]; /* of the installation's (kept_formats.h) */
    const char *formats_file;                   /* NULL: they are not kept */
} post_t;

void post_open(post_t *self);
void post_close(post_t *self);

/* A message object, as JSON whatever its content type, or as a form. */
void post_message(post_t *self, job_t *job);

/* A message object with the time and the sender's name that the query gives. */
void post_import(post_t *self, job_t *job);

/* A message object whose fields are the parameters of the query. */
void post_query(post_t *self, job_t *job);

/* An incoming webhook: any method, any body. */
void post_event(post_t *self, job_t *job);

/* Answers what came of the target's sources. */
void post_sources(post_t *self, job_t *job);

/* Answers how many messages and deliveries the target has had, by the hour. */
void post_counts(post_t *self, job_t *job);

#endif
