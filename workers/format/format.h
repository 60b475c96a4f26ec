/* A format: how what a sender posts becomes a message (docs/FORMATS.md has the language).
 *
 * A format is total: whatever the event, rendering ends within ROOM_STEPS steps, and gives a
 * message, a summary, or nothing where the format says so.
 *
 * Threading: a format is read-only once it is parsed, any thread; a renderer belongs to one thread
 * at a time. Running out of memory aborts. */
#ifndef POSTERN_WORKERS_FORMAT_FORMAT_H
#define POSTERN_WORKERS_FORMAT_FORMAT_H

#include "common/source/selection.h"

#include <stdint.h>

enum {
    FORMAT_BYTES = 64 << 10, /* longest format */
    FORMAT_NAME = 33,        /* [a-z0-9_-], 1 to 32 */
    FORMAT_REASON = 512,
    FORMAT_BY_HEADER = 400, /* how sure a header makes of a sender */
    FORMAT_EVENT = 128,     /* longest name of an event, and id of a delivery: the rest is cut */
    FORMAT_BRANCH = 256,    /* the same of a branch */
};

/* What is wrong with a format. */
typedef struct {
    unsigned line; /* from 1; 0: unknown */
    char reason[FORMAT_REASON];
} format_fault_t;

typedef struct format format_t;

/* Parses a format.json; TEXT is copied. NULL, and FAULT says what is wrong: "rules[3].message.text:
 * no filter …". */
format_t *format_parse(slice_t text, format_fault_t *fault);
void format_destroy(format_t **self_p);

const char *format_sender(const format_t *self); /* its name */
const char *format_title(const format_t *self);
/* The text of the body of a success, or NULL: as the endpoint answers else. */
const char *format_answer(const format_t *self);

/* An event as it came. The slices are borrowed. */
typedef struct {
    slice_t headers, params; /* wire pairs; names of headers in lower case */
    slice_t body;
} event_t;

typedef enum {
    FORMAT_MESSAGE,
    FORMAT_SUMMARY,  /* no rule is for this event: a message of one line */
    FORMAT_FAILED,   /* the format's fault: a message of one line with the reason */
    FORMAT_DROPPED,  /* the format wants no message of it */
    FORMAT_FILTERED, /* it is not wanted (renderer_want) */
    FORMAT_NO_JSON,  /* the body is neither JSON nor a form */
} format_outcome_t;
const char *format_outcome_name(format_outcome_t outcome);

typedef struct {
    format_outcome_t outcome;
    slice_t message; /* JSON: a valid message object, but for DROPPED, FILTERED and NO_JSON */
    slice_t event, id, branch; /* may be empty; without control characters */
    int rule;                  /* its place in rules, from 0; -1: none */
    unsigned steps;
    char reason[FORMAT_REASON]; /* of FAILED and NO_JSON */
} format_result_t;

/* The memory of renderings, reused from one event to the next. */
typedef struct renderer renderer_t;
renderer_t *renderer_new(void);
void renderer_destroy(renderer_t **self_p);

/* Begins with an event, whose slices have to stay until the next: reads the body, which is JSON, a
 * form (its field payload as JSON, else an object of its fields), or text, {"text": "…"}. */
void renderer_begin(renderer_t *self, const event_t *event);

/* Which events are wanted; all is borrowed. */
typedef struct {
    const selection_t *selections; /* each of them has to take the event */
    unsigned selections_count;
    bool drops_unknown; /* and the format has to know it */
} format_wanted_t;

/* From here to the next event, what WANTED does not take is FORMAT_FILTERED. */
void renderer_want(renderer_t *self, const format_wanted_t *wanted);

/* Whether it takes an event. */
bool format_wanted_takes(const format_wanted_t *wanted, slice_t event, slice_t branch);

/* Whether the format is for the event, by its headers, its agent or its body's shape, and how sure
 * that is: 0 for no, else the more the surer. */
unsigned format_detects(renderer_t *renderer, const format_t *format);

/* How sure that is at most, of any event: at least FORMAT_BY_HEADER when it looks for a header. */
unsigned format_detects_most(const format_t *format);

/* Renders the event. The result's slices are valid until the renderer's next call. */
void format_render(renderer_t *renderer, const format_t *format, format_result_t *result);

#endif
