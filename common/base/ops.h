/* The operations of common/ops.def as constants and a lookup.
 *
 * Threading: read-only tables, any thread. */
#ifndef POSTERN_OPS_H
#define POSTERN_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OP_GET = 1, OP_HEAD = 2, OP_POST = 4, OP_PUT = 8, OP_DELETE = 16 };

typedef enum {
    CRED_TOKEN,
    CRED_APPKEY,
    CRED_SIGNATURE, /* that of the source whose address it is (common/source): the worker sees */
    CRED_ADMIN,     /* this one and those that follow are never on the public listener */
    CRED_INTERNAL,
    CRED_OPEN,
    CRED_PERSON /* a session or a management token, for what CRED_TOKEN opens to a webhook token */
} op_credentials_t;

/* The workers of common/kinds.def, whose order is part of the wire protocol, and authd. */
typedef enum {
#define WORKER(constant, name, port, handlers, what) OWNER_##constant,
#include "common/kinds.def"
    OWNER_AUTHD,
    WORKER_KINDS = OWNER_AUTHD
} op_owner_t;

/* What an operation does. An Idempotency-Key counts with DOES_POST, DOES_CALL and DOES_FORMAT. */
typedef enum {
    DOES_POST, /* a message, which is stored */
    DOES_CALL, /* an event: a request of any form, which is stored and goes to the target's handler
                  with its headers */
    DOES_FORMAT, /* an event that becomes a message, which is stored */
    DOES_READ,   /* reads what was stored */
    DOES_CHANGE, /* changes or deletes a message that was stored */
    DOES_LOOK,   /* likewise, also of a target that is archived */
    DOES_REPEAT, /* has something done again that was stored */
    DOES_ASK,    /* about the credential itself */
    DOES_TELL,   /* a worker is told of a target's handler or retention, or of formats */
    DOES_STREAM, /* opens a stream of what is stored; authd answers with a grant */
    DOES_GATHER, /* looks at what several targets have; authd answers with grants */
    DOES_FEED,   /* a gateway reads for its streams, or gathers */
    DOES_MANAGE
} op_deed_t;

typedef enum {
    OP_NONE = 0,
#define OP(number, name, methods, path, credentials, owner, deed) OP_##name = number,
#include "common/ops.def"
} op_number_t;

typedef struct {
    op_number_t number;
    const char *name;
    unsigned methods;
    const char *path;
    op_credentials_t credentials;
    op_owner_t owner;
    op_deed_t deed;
} op_t;

/* All rows in the table's order. */
extern const op_t op_table[];
extern const size_t op_table_len;

/* Row of a number, NULL for an unknown one. */
const op_t *op_find(unsigned number);

/* The methods by which an operation is asked for: those of its row, and HEAD where GET is one of
 * them (RFC 9110 §9.3.2). */
static inline unsigned op_takes(const op_t *op)
{
    return op->methods & OP_GET ? op->methods | OP_HEAD : op->methods;
}

/* Whether an operation changes nothing, so that it does not matter whether it was carried out. */
static inline bool op_reads(const op_t *op)
{
    return (op->methods & ~(OP_GET | OP_HEAD)) == 0;
}

/* Whether an operation is one of management: of the admin listener and the control socket. */
static inline bool op_manages(const op_t *op)
{
    return op->credentials == CRED_ADMIN || op->credentials == CRED_OPEN;
}

/* Whether an operation is one of the admin listener, with those of management. */
static inline bool op_is_admin(const op_t *op)
{
    return op_manages(op) || op->credentials == CRED_PERSON;
}

/* Whether an operation is about the session that the request comes with, in its body or as its
 * credential. */
static inline bool op_is_of_session(const op_t *op)
{
    return op->number == OP_logout || op->number == OP_session_show || op->number == OP_session_now;
}

/* Whether a gateway asks by it for what it gathers. */
static inline bool op_gathers(unsigned number)
{
    return number == OP_bot_gather || number == OP_extension_gather;
}

/* Whether an operation takes an event. */
static inline bool op_is_event(const op_t *op)
{
    return op->deed == DOES_CALL || op->deed == DOES_FORMAT;
}

/* Whether it is an event that came without a token, so that its source's signature alone lets it
 * in. */
static inline bool op_is_signed(unsigned number)
{
    return number == OP_channel_signed || number == OP_bot_signed || number == OP_extension_signed;
}

/* The first operation of OWNER that does DEED; NULL when it has none. */
const op_t *op_of(op_owner_t owner, op_deed_t deed);

/* Position of a row in op_table, for arrays of counters. */
size_t op_index(const op_t *op);

/* "channel", "bot" … or "authd". */
const char *op_owner_name(op_owner_t owner);

/* The worker of a name; false when there is none. */
bool op_owner_of(const char *name, size_t len, op_owner_t *owner);

/* Whether a worker delivers events to handlers. */
bool op_owner_delivers(op_owner_t owner);

/* The workers' names, each with BEHIND, in words: "channel, bot" + LAST + "extension". */
void op_owner_list(const char *behind, const char *last, char *text, size_t size);

/* "GET" … for one bit; NULL for anything else. */
const char *op_method_name(unsigned method);

/* The bit of a method's name (any length, case-sensitive: RFC 9110 §9.1); 0 when unknown. */
unsigned op_method_of(const char *name, size_t len);

#endif
