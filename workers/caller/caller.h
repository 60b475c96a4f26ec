/* Calls of handlers: POST or PUT by HTTP/1.1 with libcurl's multi interface, on one thread of its
 * own.
 *
 * The owner hands over calls in batches and takes them back when they have finished; nothing here
 * retries, orders or counts. A call connects only to addresses that the guard allows (egress.h),
 * which is asked in each connect; a call follows no redirect (3xx is an answer), uses no proxy,
 * .netrc or cookie, and verifies TLS against the system's authorities and those of one more file.
 * Names are looked up a few at a time, each owner's within a share (lookups.h): a call whose
 * name is being looked up waits for that within its time, one whose look-up has no place comes back
 * as it was. Connections are kept for further calls to the same scheme, name and port, at most 10
 * minutes each; a kept connection goes to the address that the guard was asked about when it was
 * made. A call whose answer has a longer head or body than is kept counts as answered, and its
 * connection is closed. A call that a kept connection loses before any byte of the answer is sent
 * again by libcurl, within its time: a handler may see one call twice.
 *
 * Threading: one thread owns the caller and makes all calls below. Its own thread touches a call
 * between caller_start and caller_finished only. */
#ifndef POSTERN_WORKERS_CALLER_CALLER_H
#define POSTERN_WORKERS_CALLER_CALLER_H

#include "common/base/egress.h"
#include "common/base/slice.h"
#include "common/base/uuid.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

enum {
    CALL_TIMEOUT_MS = 15000,
    CALL_ANSWER_MAX = 65536,     /* bytes that are kept of an answer's body; as many of its head */
    CALL_CONTENT_TYPE_MAX = 127, /* bytes that are kept of it */
    CALL_HEAD_MAX = 2048,        /* of the answer's header lines, whole lines alone */
    CALLER_CALLS = 1024,         /* under way at once, by default */
};

typedef enum {
    CALL_ANSWERED,          /* status says how */
    CALL_URL,               /* http_url_parse refuses the URL */
    CALL_RESOLVE,           /* the name has no address, or no server tells */
    CALL_FORBIDDEN_ADDRESS, /* every address of the name is refused by the guard */
    CALL_CONNECT,           /* none of them takes a connection */
    CALL_TLS,               /* handshake or certificate */
    CALL_TIMEOUT,           /* no whole answer within timeout_ms */
    CALL_CLOSED,    /* the connection ended before a whole answer; the call may have been seen */
    CALL_TOO_LARGE, /* CALL_ANSWER_MAX bytes of heads came, and no status in them but 1xx */
    CALL_PROTOCOL,  /* what came is not HTTP/1 */
    CALL_STARVED,   /* this process had no descriptor for it: nothing was sent */
    CALL_NO_PLACE,  /* the look-up of its name must wait: nothing was sent */
    CALL_OUTCOMES,
} call_outcome_t;

/* "answered", "url", "resolve", "forbidden_address" …: for metrics and the delivery log. */
const char *call_outcome_name(call_outcome_t outcome);

struct curl_slist;

/* A call, made by call_new. A call owns what its pointers point to, but owner, which is the owner's
 * and never touched. */
typedef struct call {
    void *owner;
    char *url;
    struct curl_slist *headers; /* by call_header */
    char *body;
    size_t body_len;
    const char *method;  /* a constant text: "POST" unless set */
    uint32_t timeout_ms; /* for all of it, from its start; not 0 */
    uuid_t7 owner_id;    /* whose share of the look-ups its name's is of */

    /* Out, when it has finished. */
    call_outcome_t outcome;
    int status;            /* of the last head that came, 0 when none did; with some errors too */
    int64_t retry_after_s; /* as schedule_retry_after_s, -1: the answer has none */
    int64_t duration_us;   /* from its start to its end, without the time it waited to start */
    char *answer;          /* body, NUL-terminated; NULL: none; with some errors the first of it */
    size_t answer_len;     /* 0 to CALL_ANSWER_MAX */
    char *head; /* the answer's header lines, "name: value" each and NUL behind it; NULL: none */
    size_t head_len;
    bool head_cut;                                /* there were more */
    char content_type[CALL_CONTENT_TYPE_MAX + 1]; /* "" when there is none */
    char address[ADDRESS_TEXT]; /* what was connected, or refused by the guard; "" for neither */
    char reason[128]; /* why it was not answered, in words; "" when it was. No secret, no URL */

    /* The caller's. */
    uint64_t lookup;         /* of its name, which it has joined */
    int64_t parked_ms;       /* since when it waits for that; 0: it does not */
    STAILQ_ENTRY(call) link; /* of the list it stands in */
} call_t;

/* A call to URL with that body, both copied: POST, timeout_ms is CALL_TIMEOUT_MS, no header. */
call_t *call_new(const char *url, slice_t body);

/* Adds a header line. Asserts that the name is a token and the value holds no control character
 * (CR and LF among them): who takes text from others checks it before. */
void call_header(call_t *self, const char *name, slice_t value);

/* The header lines that call_header has added, "name: value" each, in that order. */
typedef void (*call_line_fn)(void *arg, slice_t line);
void call_each_header(const call_t *self, call_line_fn each, void *arg);

void call_destroy(call_t **self_p);

typedef struct {
    const egress_t *egress;        /* the guard; must outlive the caller */
    const char *extra_authorities; /* PEM file beside the system's authorities; NULL or "": none */
    unsigned calls;                /* most under way at once; connections: twice as many */
} caller_options_t;

typedef struct caller caller_t;

/* Starts the thread. NULL with the reason in err: the file of authorities cannot be read. */
caller_t *caller_new(const caller_options_t *options, char *err, size_t err_size);

/* Aborts what is under way and destroys every call that was not taken back; their owners stay as
 * they are. Does not wait for a name server. */
void caller_destroy(caller_t **self_p);

/* Readable while there are finished calls: poll it, never read it. */
int caller_fd(const caller_t *self);

/* Takes the call and nulls the pointer. The call starts when fewer than options.calls are under
 * way, until then it waits its turn, in order; whoever hands calls over bounds how many wait.
 * Several calls of caller_start in a row cost one wakeup. */
void caller_start(caller_t *self, call_t **call_p);

/* What the look-up for a call to URL would have to wait for, a constant text; NULL: nothing, or it
 * is not known. OWNER: as the call's owner_id. */
const char *caller_waits_for(caller_t *self, const uuid_t7 *owner, const char *url);

/* The next call that has finished, the owner's again; NULL: none has. */
call_t *caller_finished(caller_t *self);

#endif
