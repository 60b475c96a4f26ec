/* One management operation under way: what its function (task_fn) works on, and how the function
 * tells its result. Private to authd/manage. A handler returns ERROR_none with task->result
 * set, or an error that task_fail made; the arguments have passed the check against the operation's
 * row. */
#ifndef POSTERN_AUTHD_MANAGE_TASK_H
#define POSTERN_AUTHD_MANAGE_TASK_H

#include "authd/accounts/accounts.h"
#include "authd/directory/users.h"
#include "authd/manage/manage.h"
#include "common/base/ops.h"
#include "common/base/reasons.h"

#include <jansson.h>

/* Most targets whose workers one operation has to tell: a channel and its outlets. */
enum { TASK_HANDLED = 9 };

typedef struct {
    view_t *view;
    unsigned op;          /* of ops.def */
    unsigned of;          /* which of the nouns that a function serves: of its table, in manage.c */
    bool knows;           /* known.h has looked at the names */
    slice_t target;       /* of the path; empty when it has none */
    json_t *args;         /* the body's object */
    uint64_t rate, burst; /* the settings' */
    const manage_limits_t *limits;
    const char *public_url;
    uint64_t now_ms; /* wall clock */
    const actor_t *actor;
    bool cookies;            /* the answer can set a cookie */
    manage_cookie_t *cookie; /* a session that began; the task's */
    const uuid_t7 *only;     /* a list shows what belongs to this user; NULL: all */
    json_t *result;
    json_t *before;                /* of an edit: the object as it was; the task's */
    uuid_t7 handled[TASK_HANDLED]; /* targets whose handler or retention was changed */
    unsigned handled_len;
    char who[UUID_TEXT];               /* the same, where it is not the actor; empty: the actor */
    accounts_t *accounts;              /* NULL: no operation on accounts can be done */
    hash_job_t *job;                   /* what the hasher is to do, or has done; NULL: nothing */
    char network[THROTTLE_NETWORK];    /* of an attempt that was charged; empty: none was */
    char account[USER_EMAIL_MOST + 1]; /* whose password the attempt was on: as it was named */
    uint64_t wait_ms;                  /* of a refusal: until when, from now */
    char object[MANAGE_MESSAGE];       /* of the audit's row */
    char *message;                     /* MANAGE_MESSAGE bytes */
    json_t *details;                   /* of an error, for programs; NULL: none */
    bool gone;                         /* of an error: task_gone */
} task_t;

typedef error_code_t task_fn(task_t *task);

typedef enum {
    FIELD_TEXT,  /* min to max: bytes; no control characters */
    FIELD_LINES, /* the same, but it may have several lines, and tabs */
    FIELD_UINT,
    FIELD_BOOL,
    FIELD_LIST,   /* of texts, min to max: how many */
    FIELD_PLACE,  /* a cursor, of at most max bytes, or the number from min on that it was before */
    FIELD_OBJECT, /* or null; who takes it looks at what is in it */
} field_type_t;

typedef struct {
    const char *name; /* NULL ends a list */
    field_type_t type;
    bool required;
    uint64_t min, max;
} field_t;

enum {
    TASK_FIELDS = 16,
    TASK_PEOPLE = 1000,
    TASK_REFERENCE = 128,
};

typedef struct {
    unsigned op;
    task_fn *run;
    field_t fields[TASK_FIELDS];
} task_row_t;

/* The operations of a noun; a row of op 0 ends each. */
extern const task_row_t manage_users[], manage_services[], manage_tokens[], manage_check[],
    manage_channels[], manage_bots[], manage_extensions[], manage_bot_handlers[],
    manage_extension_handlers[], manage_audit[], manage_passwords[], manage_invitations[],
    manage_sessions[], manage_totp[], manage_mtokens[], manage_sources[], manage_formats[],
    manage_format_try[], manage_me[], manage_people[], manage_token_lists[], manage_about[],
    manage_outlets[], manage_health[];

/* What an operation has beside its run. prepare: before it, in a reading view, after the rights
 * were looked at; it may refuse, or make task->job: run then comes after the hasher, in a view of
 * its own, and must look again at what prepare saw. ended: at the end, whatever came of it, without
 * a view. */
typedef struct {
    unsigned op;
    task_fn *prepare;
    void (*ended)(task_t *task, error_code_t code);
} task_stage_t;

/* A row of op 0 ends each. */
extern const task_stage_t stages_passwords[], stages_invitations[], stages_sessions[],
    stages_totp[], stages_known[];

/* NULL for an operation that is none of these. */
const task_row_t *task_row(unsigned op);

/* Reads what REQUEST gives into task->args, and checks it against ROW. */
error_code_t task_read(task_t *task, const manage_request_t *request, const op_t *op,
                       const task_row_t *row);

#define TASK_Q                                                                                     \
    {                                                                                              \
        "q", FIELD_TEXT, false, 1, TASK_REFERENCE                                                  \
    }

/* Sets the message; NULL: the table's own. Returns CODE. */
error_code_t task_fail(task_t *task, error_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same; and says that the target, or who was to be taken from it, is not there any more. */
error_code_t task_gone(task_t *task, error_code_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of an argument: the text begins with its name, which is in the details. */
error_code_t task_field(task_t *task, error_code_t code, const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same of one of a list. */
error_code_t task_item(task_t *task, error_code_t code, const char *field, size_t i,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The argument FIELD is needed. */
error_code_t task_missing(task_t *task, const char *field);
/* There are LIMIT already, which is the most: the details have it. */
error_code_t task_full(task_t *task, error_code_t code, unsigned limit, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Adds to the details of an error: VALUE, which is the task's from here. */
void task_detail(task_t *task, const char *name, json_t *value);
/* Adds the reason. Returns CODE. */
error_code_t task_because(task_t *task, error_code_t code, reason_t reason);
/* What the audit says was changed; NAME may be empty. */
void task_object(task_t *task, const uuid_t7 *id, slice_t name);

/* A bot or an extension was edited, and TURNED: archived, taken back or given to another owner.
 * Where that or a new name matters to a handler of it, its worker is told. */
void task_tell_handler(task_t *task, const uuid_t7 *target, slice_t name, slice_t access,
                       bool turned);

/* The same of a channel and its outlets. */
void task_tell_outlets(task_t *task, const uuid_t7 *channel);

/* Arguments: empty, the fallback or NULL when it is not given. */
slice_t task_text(const task_t *task, const char *name);
uint64_t task_uint(const task_t *task, const char *name, uint64_t fallback);
bool task_bool(const task_t *task, const char *name, bool fallback);
json_t *task_list(const task_t *task, const char *name);
/* An active user by id or email address. WHAT names the argument in the error. */
error_code_t task_user(task_t *task, slice_t id_or_email, const char *what, user_t *user);

/* Whether TEXT can be an email address. */
bool task_is_email(slice_t text);

/* An endpoint's URL on TARGET with "?zapikey=TOKEN", and before that an appkey where KEY is given.
 */
json_t *task_json_url(const task_t *task, unsigned op, const char *target, const char *key);
/* Values; a time of 0 is null. */
json_t *task_json_text(slice_t text);
json_t *task_json_id(const uuid_t7 *id);
json_t *task_json_time(uint64_t wall_ms);
json_t *task_json_name(const task_t *task, const uuid_t7 *user); /* null: there is none */
/* An endpoint's URL without a credential. */
json_t *task_json_endpoint(const task_t *task, unsigned op, const char *target);
json_t *task_json_user(const user_t *user); /* as docs/API.md has it */

/* Whether the argument "q", where it is given, stands in TEXT, whatever the case of its letters of
 * ASCII. */
bool task_q(const task_t *task, slice_t text);
/* A person as lists of people have it. */
json_t *task_json_person(const user_t *user);

#endif
