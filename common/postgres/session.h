/* A connection to PostgreSQL, and what becomes of what is sent over it: each exchange is a pipeline
 * of statements that the server carries out as one transaction, and has a deadline of its own,
 * because a server that was stopped answers TCP and nothing else.
 *
 * The outcome of a transaction is known only when its last answer has come, and no warning with it:
 * a commit that stopped waiting for its copy says so by a warning. All else than a clear refusal of
 * the server is SESSION_UNKNOWN: the transaction may or may not be there, and the session is
 * closed.
 *
 * Secrets: the connection string may have a password; nothing here writes it anywhere.
 *
 * Threading: one thread at a time. */
#ifndef POSTERN_POSTGRES_SESSION_H
#define POSTERN_POSTGRES_SESSION_H

#include "common/postgres/statement.h"

#include <libpq-fe.h>

typedef enum {
    SESSION_OK,
    SESSION_SEEN,    /* a unique key is there already: nothing was done */
    SESSION_FENCED,  /* a division by zero, which a statement makes of what must not be */
    SESSION_FULL,    /* no room on the server's disk, or no memory: nothing was done */
    SESSION_AGAIN,   /* a conflict, or a lock: nothing was done; the same may go well again */
    SESSION_GONE,    /* a table is not there: nothing was done */
    SESSION_REFUSED, /* of no use to try again: nothing was done; TEXT says why */
    SESSION_AWAY,    /* there is no connection, or not to a server that writes: nothing was done */
    SESSION_UNKNOWN, /* it may have been done; there is no connection any more */
} session_outcome_t;

enum {
    SESSION_TEXT = 512,
    SESSION_NAME = 64,         /* PostgreSQL cuts longer ones */
    SESSION_STATEMENTS = 16,   /* most of an exchange */
    SESSION_DEADLINE_MS = 5000 /* of an exchange, and of making a connection */
};

typedef struct {
    PGconn *conn;            /* NULL: there is none */
    const char *name;        /* as which the server lists it; NULL: postern */
    bool warned;             /* since the last exchange began */
    unsigned failed;         /* which statement of an exchange did, where one did */
    bool is_number;          /* SEEN: the key is a record's number, not its id or key */
    char text[SESSION_TEXT]; /* what went wrong last, for an operator */
    char (*prepared)[STATEMENT_NAME];
    size_t prepared_len;
} session_t;

/* What the sessions of a lease's HOLDER for WHAT are listed as. */
void session_name(char name[SESSION_NAME], const char *what, const char *holder);

/* Connects by CONNECTION, a connection string or URI of libpq, to a server that writes, with what
 * Postern needs of a session. OK, AWAY, or REFUSED where trying again is of no use. */
session_outcome_t session_open(session_t *self, const char *connection);
/* Whether a server that CONNECTION names answers at all: one that refuses, or does not write, does.
 * False after two seconds a host. */
bool session_is_answered(const char *connection);
void session_close(session_t *self);
bool session_is_open(const session_t *self);

/* Sends COUNT statements as one transaction and waits for all answers. OK: each has its result,
 * which is the caller's (statement_end). Else none has one. */
session_outcome_t session_exchange(session_t *self, statement_t *statements, size_t count,
                                   int deadline_ms);

#endif
