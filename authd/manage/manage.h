/* Management: the operations of ops.def with CRED_ADMIN and CRED_OPEN, which come over the control
 * socket (control.h) and from the gateways' admin listeners (admin.h). JSON in, JSON out, each
 * change in a transaction of its own with its row of the audit. docs/API.md has the shapes.
 *
 * Threading: one thread, which is the directory's only writer. */
#ifndef POSTERN_AUTHD_MANAGE_MANAGE_H
#define POSTERN_AUTHD_MANAGE_MANAGE_H

#include "authd/accounts/ticket.h"
#include "authd/directory/directory.h"
#include "authd/directory/users.h"
#include "authd/manage/etag.h"
#include "common/base/egress.h"
#include "common/base/errors.h"
#include "common/base/ops.h"
#include "common/base/uuid.h"
#include "common/wire/wire.h"

#include <jansson.h>
#include <stdint.h>

typedef struct manage manage_t;
typedef struct accounts accounts_t;

/* The settings' limits. */
typedef struct {
    uint64_t rate, burst;    /* of tokens that have none of their own, as token_list shows them */
    uint64_t member_objects; /* channels, bots and extensions that a member owns; 0: no limit */
    bool people;             /* a member finds everybody, not only whom it shares a place with */
    unsigned service_tokens; /* active tokens of a service account, 1 to TOKENS_SERVICE_MOST */
    uint64_t retention_days, retention_bytes; /* that workers keep at most; 0: it is not known, or
                                                 not limited */
    const egress_t *egress; /* where deliveries may go; borrowed, NULL: it is not known */
} manage_limits_t;

/* public_url: the base of the endpoint URLs, borrowed. */
manage_t *manage_new(directory_t *directory, const manage_limits_t *limits, const char *public_url);
void manage_destroy(manage_t **self_p);
/* CHANGED is called with each target whose handler or retention was changed, after the commit. */
void manage_watch(manage_t *self, void (*changed)(void *arg, const uuid_t7 *target), void *arg);

/* What a change waits for before it is answered, where other hosts have copies of the directory. */
typedef struct {
    uint64_t (*changed)(const void *arg);           /* the number of the last change */
    bool (*have)(const void *arg, uint64_t number); /* whether all have it */
    int fd;                                         /* readable when that may be so; silenced
                                                       by manage_turn; -1: none */
    const void *arg;
} manage_copies_t;
/* Copied. */
void manage_share(manage_t *self, const manage_copies_t *copies);

/* Needed before any operation on accounts; borrowed until manage_destroy. */
void manage_accounts(manage_t *self, accounts_t *accounts);

enum { MANAGE_MESSAGE = 512, MANAGE_BODY = 1 << 20 };

/* A session that began, for a browser's cookie. */
typedef struct {
    ticket_t ticket;
    uint64_t seconds; /* how long it is good at most */
} manage_cookie_t;

typedef struct {
    error_code_t code;            /* ERROR_none: done */
    char message[MANAGE_MESSAGE]; /* of an error: what was wrong; never a secret */
    uint64_t retry_after_s;       /* 0: the error's own */
    char *body;                   /* JSON, when done; may hold a new token: see manage_clear. Of an
                                     error with details: its text and they, else NULL */
    size_t body_len, details_len;
    char etag[ETAG_TEXT];    /* of the object that the body is, or of what was read; "": none */
    bool whole;              /* etag changes with any byte of the body: an object's does not with
                                its use */
    bool list;               /* a page of a list, which holds no secret */
    manage_cookie_t *cookie; /* in place of the session's text in the body; NULL: none. It goes
                                with the body: see manage_clear */
    bool cookie_ends;        /* a cookie's session has ended: the caller clears the cookie */
    bool gone; /* of an error: the target, or the person to be removed from it, is not there */
} manage_answer_t;

/* Who asks, and from where: for the rights and for the audit. */
typedef struct {
    user_role_t role;
    uuid_t7 user;     /* nil: whoever opened the control socket */
    uuid_t7 session;  /* that it asks with; nil: none */
    const char *who;  /* "control", or the user's id */
    const char *from; /* an address, or "local" */
} actor_t;

/* Whoever opened the control socket: an owner. */
extern const actor_t manage_control;
/* Somebody at FROM of whom nothing is known, for operations with CRED_OPEN: the caller of this
 * function refuses that actor any other operation. */
actor_t manage_anyone(const char *from);

/* An operation that is to be carried out, and for whom; borrowed for the call. */
typedef struct {
    const actor_t *actor;
    unsigned op;
    slice_t target, body; /* a JSON object; empty: {} */
    slice_t if_match;     /* the If-Match header, in place of the argument if_match; empty: none */
    slice_t session;      /* likewise */
    bool cookies;         /* the answer can set a cookie */
    const uuid_t7 *id;    /* of the request, for the audit; NULL: none */
    const uuid_t7 *key;   /* of its Idempotency-Key, likewise (keyed.h); NULL, or nil: none */
    uint64_t seen; /* the audit's last row that was looked at for both: a change of theirs behind it
                      is refused, where other hosts make changes, too */
} manage_request_t;

/* Carries REQUEST out, if common/ops.def allows it to the actor. True: ANSWER is the
 * answer. False: a password is to be hashed, or other copies are waited for; DONE is called with
 * the answer by a later manage_turn, or by manage_destroy. */
typedef void manage_done_fn(void *arg, manage_answer_t *answer);
bool manage_start(manage_t *self, const manage_request_t *request, manage_answer_t *answer,
                  manage_done_fn *done, void *arg);
/* Readable when manage_turn has something to do: the first without accounts, the second without
 * copies, is -1. */
int manage_fd(const manage_t *self);
int manage_copies_fd(const manage_t *self);
void manage_turn(manage_t *self);

/* manage_start that waits for the hash, for callers that have nothing else to do. */
void manage_run_as(manage_t *self, const actor_t *actor, unsigned op, slice_t target, slice_t body,
                   manage_answer_t *answer);
void manage_run(manage_t *self, unsigned op, slice_t target, slice_t body, manage_answer_t *answer);
/* Whether an operation changes nothing. */
bool manage_only_reads(const op_t *op);
/* Whether the request of this id has made a change, within the last rows of the audit. *unknown:
 * they are damaged. */
bool manage_has_done(manage_t *self, const uuid_t7 *id, bool *unknown);
/* Gives ANSWER, an error with its message, DETAILS, which are borrowed: an object of JSON. */
void manage_add_details(manage_answer_t *answer, const json_t *details);
/* Says ANSWER in REPLY, but for what is a header of HTTP alone (cookie, etag); returns its body,
 * which lies in ANSWER: JSON, or the text of an error. */
slice_t manage_reply(const manage_answer_t *answer, wire_reply_t *reply);
/* Wipes and frees the body and the cookie. DONE's answer is cleared by manage. */
void manage_clear(manage_answer_t *answer);

#endif
